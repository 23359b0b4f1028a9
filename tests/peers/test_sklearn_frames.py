"""The estimators on data frames of pandas and polars, and on Dask's workers."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
joblib = pytest.importorskip("joblib")

from fastnn import Sequential, layers  # noqa: E402
from fastnn.sklearn import (  # noqa: E402
    FastNNClassifier,
    FastNNEstimator,
    FastNNRegressor,
    FastNNTransformer,
    MLPClassifier,
    MLPRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def model_fn(n_outputs, dtype="float32"):
    return Sequential([layers.Dense(16, "tanh"), layers.Dense(n_outputs)], dtype=dtype)


ESTIMATORS = {
    "MLPClassifier": MLPClassifier(hidden_layer_sizes=(16,), learning_rate_init=0.02, max_iter=30, random_state=0),
    "MLPRegressor": MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.02, max_iter=30, random_state=0),
    "FastNNClassifier": FastNNClassifier(model_fn, optimizer__learning_rate=0.02, epochs=30, random_state=0),
    "FastNNRegressor": FastNNRegressor(model_fn, optimizer__learning_rate=0.02, epochs=30, random_state=0),
}
X, INDEX = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
Y = load_iris().target_names[INDEX].astype(object)

FRAMES = {
    "pandas": (pandas.DataFrame, pandas.Series),
    "polars": (lambda x, columns: polars.DataFrame(x, schema=columns), polars.Series),
}


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return clone(ESTIMATORS[request.param])


@pytest.fixture(params=FRAMES)
def frame(request):
    make, series = FRAMES[request.param]
    return lambda x=X, columns=NAMES: make(x, columns=columns), series


def target(estimator):
    return Y.astype(str) if is_classifier(estimator) else INDEX - 1.0


def test_a_frame_gives_what_its_numbers_give(estimator, frame):
    make, series = frame
    y = target(estimator)
    fitted = estimator.fit(make(), series(y))
    expected = clone(estimator).fit(X, y).predict(X)
    np.testing.assert_array_equal(fitted.predict(make()), expected)
    assert fitted.feature_names_in_.tolist() == NAMES
    assert fitted.n_features_in_ == 4
    assert fitted.score(make(), series(y)) > 0.8


def test_weights_and_a_column_of_targets(frame):
    make, series = frame
    w = np.linspace(0, 1, len(X))
    regressor = clone(ESTIMATORS["FastNNRegressor"])
    y = make((INDEX - 1.0)[:, None], ["species"])
    expected = clone(regressor).fit(X, (INDEX - 1.0)[:, None], sample_weight=w).predict(X)
    np.testing.assert_array_equal(regressor.fit(make(), y, sample_weight=series(w)).predict(make()), expected)


def test_other_names_and_another_order_are_refused(estimator, frame):
    make, _ = frame
    fitted = estimator.fit(make(), target(estimator))
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(make(X[:, ::-1], NAMES[::-1]))
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- width"):
        fitted.predict(make(X, ["width", *NAMES[1:]]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.predict(X)
    plain = clone(estimator).fit(X, target(estimator))
    assert not hasattr(plain, "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        plain.predict(make())


@pytest.mark.parametrize("library", FRAMES)
def test_set_output(library):
    make, _ = FRAMES[library]
    transformer = FastNNTransformer(clone(ESTIMATORS["MLPClassifier"])).set_output(transform=library)
    table = transformer.fit_transform(make(X, columns=NAMES), Y.astype(str))
    assert type(table).__module__.startswith(library)
    assert list(table.columns) == transformer.get_feature_names_out().tolist() == [f"fastnntransformer{i}" for i in range(16)]
    np.testing.assert_array_equal(table.to_numpy(), clone(transformer).set_output(transform="default").fit(X, Y.astype(str)).transform(X))
    pipe = make_pipeline(StandardScaler(), clone(ESTIMATORS["FastNNClassifier"])).set_output(transform=library)
    assert pipe.fit(make(X, columns=NAMES), Y.astype(str))[-1].feature_names_in_.tolist() == NAMES


def test_a_table_of_numbers_and_words():
    table = pandas.DataFrame(X, columns=NAMES).assign(colour=np.where(X[:, 0] > 0, "red", "blue"), kind=pandas.Categorical(Y))
    numbers = make_column_selector(dtype_include="number")
    words = make_column_selector(dtype_exclude="number")
    prepare = ColumnTransformer([("numbers", StandardScaler(), numbers), ("words", OneHotEncoder(), words)])
    pipe = make_pipeline(prepare, clone(ESTIMATORS["MLPClassifier"])).fit(table, table["kind"])
    assert pipe.score(table, table["kind"]) > 0.95


@pytest.mark.parametrize("dtype", ["float32", "Float64", "Int64", "boolean"])
def test_pandas_dtypes(estimator, dtype):
    numbers = (X > 0) if dtype == "boolean" else np.round(X) if dtype == "Int64" else X
    table = pandas.DataFrame(numbers, columns=NAMES).astype(dtype)
    y = target(estimator)
    expected = clone(estimator).fit(table.to_numpy("float32" if dtype == "float32" else "float64"), y).predict(table.to_numpy("float64"))
    fitted = estimator.fit(table, y)
    if dtype != "float32":
        np.testing.assert_array_equal(fitted.predict(table), expected)
    assert fitted.score(table, y) > 0.5


def test_labels_of_pandas():
    table = pandas.DataFrame(X, columns=NAMES)
    for labels in pandas.Categorical(Y), pandas.Series(Y, dtype="string"), pandas.Series(INDEX, dtype="Int64"), pandas.Series(INDEX > 0):
        for name in "MLPClassifier", "FastNNClassifier":
            assert clone(ESTIMATORS[name]).fit(table, labels).score(table, labels) > 0.8


def test_missing_values_are_refused_kindly(estimator):
    table = pandas.DataFrame(X, columns=NAMES)
    table.iloc[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.fit(table, target(estimator))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "checked",
    [
        FastNNClassifier(model_fn, optimizer__learning_rate=0.02, epochs=200),
        FastNNRegressor(model_fn, optimizer__learning_rate=0.05, batch_size=200, epochs=200),
        FastNNEstimator(model_fn, loss="mse"),
        FastNNTransformer(FastNNClassifier(model_fn, epochs=10, random_state=0)),
    ],
    ids=lambda e: type(e).__name__,
)
def test_scikit_learns_checks_with_pandas_there(checked, monkeypatch):
    """Those that tests/test_sklearn_wrapper.py skips where it isn't installed."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    skipped = [r["check_name"] for r in check_estimator(checked, on_skip=None) if r["status"] != "passed"]
    assert set(skipped) <= {"check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"}


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
            yield client


@pytest.mark.filterwarnings(
    "ignore:::distributed", "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_daskes_workers_give_what_one_gives(estimator, client):
    y = target(estimator)
    expected = cross_val_score(estimator, X, y, cv=3)
    with joblib.parallel_config("dask"):
        np.testing.assert_array_equal(cross_val_score(estimator, X, y, cv=3, n_jobs=-1), expected)
        search = GridSearchCV(estimator, {"random_state": [0, 1]}, cv=2, n_jobs=-1).fit(X, y)
    assert search.best_estimator_.score(X, y) > 0.8


def test_dask_frames_are_computed_first(estimator):
    dask = pytest.importorskip("dask.array")
    x = dask.from_array(X, chunks=50)
    np.testing.assert_array_equal(clone(estimator).fit(x, target(estimator)).predict(x), estimator.fit(X, target(estimator)).predict(X))
