"""Within scikit-learn: pipelines, searches, ensembles, inspection, copies, processes and threads; each with all estimators."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris, make_friedman1
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastnn
from fastnn import Sequential, layers
from fastnn.sklearn import FastNNClassifier, FastNNRegressor, FastNNTransformer, MLPClassifier, MLPRegressor
from fastnn.sklearn.calibration import temperature

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def model_fn(n_outputs, units=16):
    return Sequential([layers.Dense(units, "tanh"), layers.Dense(n_outputs)])


CLASSIFIERS = {
    "MLPClassifier": MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", learning_rate_init=0.02, max_iter=40, random_state=0),
    "FastNNClassifier": FastNNClassifier(model_fn, optimizer__learning_rate=0.02, epochs=40, random_state=0),
}
REGRESSORS = {
    "MLPRegressor": MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", learning_rate_init=0.02, max_iter=40, random_state=0),
    "FastNNRegressor": FastNNRegressor(model_fn, optimizer__learning_rate=0.02, epochs=40, random_state=0),
}
RATE = {
    "MLPClassifier": "learning_rate_init",
    "FastNNClassifier": "optimizer__learning_rate",
    "MLPRegressor": "learning_rate_init",
    "FastNNRegressor": "optimizer__learning_rate",
}
UNITS = {
    "MLPClassifier": ("hidden_layer_sizes", [(1,), (12,)]),
    "FastNNClassifier": ("model__units", [1, 12]),
    "MLPRegressor": ("hidden_layer_sizes", [(1,), (12,)]),
    "FastNNRegressor": ("model__units", [1, 12]),
}

TEMPERATURE = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)
"""Whether scikit-learn calibrates by temperature, too."""

X_IRIS, _IRIS = load_iris(return_X_y=True)
X_IRIS = StandardScaler().fit_transform(X_IRIS)
Y_IRIS = load_iris().target_names[_IRIS]
X_CURVE, Y_CURVE = make_friedman1(200, 5, random_state=0)
X_CURVE, Y_CURVE = StandardScaler().fit_transform(X_CURVE), (Y_CURVE - Y_CURVE.mean()) / Y_CURVE.std()


def data_for(estimator):
    return (X_IRIS, Y_IRIS) if is_classifier(estimator) else (X_CURVE, Y_CURVE)


@pytest.fixture(params=CLASSIFIERS)
def classifier(request):
    return clone(CLASSIFIERS[request.param])


@pytest.fixture(params=REGRESSORS)
def regressor(request):
    return clone(REGRESSORS[request.param])


@pytest.fixture(params=[*CLASSIFIERS, *REGRESSORS])
def estimator(request):
    return clone({**CLASSIFIERS, **REGRESSORS}[request.param])


def good(fitted, x=None, y=None):
    """Whether it has learned: a constant would have 1/3 of the irises right, and an R^2 of 0."""
    x, y = data_for(fitted) if x is None else (x, y)
    return fitted.score(x, y) > (0.85 if is_classifier(fitted) else 0.6)


# ---------------------------------------------------------------------------------------------------- pipelines


def test_pipeline(estimator):
    x, y = data_for(estimator)
    pipe = make_pipeline(StandardScaler(), estimator).fit(1000 * x, y)
    assert good(pipe, 1000 * x, y)
    np.testing.assert_array_equal(pipe[-1].predict(pipe[0].transform(1000 * x)), pipe.predict(1000 * x))


def test_columns_of_several_kinds(classifier):
    """One-hot columns come sparse."""
    words = np.where(X_IRIS[:, 2] > 0, "long", "short")
    table = np.column_stack([X_IRIS[:, 0].astype(object), words])
    prepare = ColumnTransformer([("number", StandardScaler(), [0]), ("word", OneHotEncoder(), [1])], sparse_threshold=1.0)
    pipe = make_pipeline(prepare, classifier).fit(table, Y_IRIS)
    assert pipe.score(table, Y_IRIS) > 0.6


def test_features_of_networks_side_by_side(estimator):
    x, y = data_for(estimator)
    narrow = UNITS[type(estimator).__name__]
    other = clone(estimator).set_params(**{narrow[0]: narrow[1][0]})
    union = FeatureUnion([("wide", FastNNTransformer(estimator)), ("narrow", FastNNTransformer(other))])
    last = LogisticRegression() if is_classifier(estimator) else Ridge()
    pipe = make_pipeline(union, last).fit(x, y)
    assert pipe[0].transform(x).shape == (len(x), 17)
    assert pipe.score(x, y) > 0.4


def test_the_target_transformed(regressor):
    y = 100 + 20 * Y_CURVE
    fitted = TransformedTargetRegressor(regressor, transformer=StandardScaler()).fit(X_CURVE, y)
    assert fitted.score(X_CURVE, y) > 0.6


# ---------------------------------------------------------------------------------------------------- selection


def test_cross_validation(estimator):
    x, y = data_for(estimator)
    scores = cross_val_score(estimator, x, y, cv=3)
    assert scores.shape == (3,) and scores.mean() > (0.9 if is_classifier(estimator) else 0.6)
    assert not hasattr(estimator, "model_")
    found = cross_validate(estimator, x, y, cv=3, return_estimator=True, return_train_score=True)
    assert all(good(each) for each in found["estimator"])
    np.testing.assert_array_equal(found["test_score"], scores)


def test_scores_of_probabilities(classifier):
    for scoring in "neg_log_loss", "roc_auc_ovr", "balanced_accuracy", "f1_macro":
        assert np.isfinite(cross_val_score(classifier, X_IRIS, Y_IRIS, cv=2, scoring=scoring)).all()
    p = cross_val_predict(classifier, X_IRIS, Y_IRIS, cv=3, method="predict_proba")
    assert log_loss(Y_IRIS, p) < 0.4


def test_grid_search(estimator):
    x, y = data_for(estimator)
    name = type(estimator).__name__
    grid = {UNITS[name][0]: UNITS[name][1], RATE[name]: [1e-6, 0.02]}
    search = GridSearchCV(estimator, grid, cv=3).fit(x, y)
    assert search.best_params_[RATE[name]] == 0.02
    assert search.best_estimator_.get_params()[RATE[name]] == 0.02
    assert good(search, x, y)
    pipe = Pipeline([("scale", StandardScaler()), ("network", estimator)])
    assert GridSearchCV(pipe, {f"network__{RATE[name]}": [1e-6, 0.02]}, cv=2).fit(x, y).best_params_ == {f"network__{RATE[name]}": 0.02}


def test_random_and_halving_search(estimator):
    x, y = data_for(estimator)
    rate = RATE[type(estimator).__name__]
    search = RandomizedSearchCV(estimator, {rate: loguniform(1e-3, 1e-1)}, n_iter=3, cv=2, random_state=0).fit(x, y)
    assert 1e-3 <= search.best_params_[rate] <= 1e-1
    halving = HalvingGridSearchCV(estimator, {rate: [1e-6, 0.02]}, cv=2, random_state=0, min_resources=60).fit(x, y)
    assert halving.best_params_[rate] == 0.02


def test_learning_and_validation_curves(estimator):
    x, y = data_for(estimator)
    _, trained, tested = learning_curve(estimator, x, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0)
    assert trained.shape == tested.shape == (2, 2)
    trained, _ = validation_curve(estimator, x, y, param_name=RATE[type(estimator).__name__], param_range=[1e-6, 0.02], cv=2)
    assert (trained[1] > trained[0]).all()


# ---------------------------------------------------------------------------------------------------- ensembles


def test_calibration(classifier):
    for method in ("sigmoid", "isotonic", *["temperature"] * TEMPERATURE):
        fitted = CalibratedClassifierCV(classifier, method=method, cv=2).fit(X_IRIS, Y_IRIS)
        assert accuracy_score(Y_IRIS, fitted.predict(X_IRIS)) > 0.85
        np.testing.assert_allclose(fitted.predict_proba(X_IRIS).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.skipif(not TEMPERATURE, reason="new in scikit-learn 1.8")
def test_our_temperature_is_scikit_learns():
    """The one that its calibrator finds on the same samples."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(200, 3))
    y = (logits / 3 + rng.gumbel(size=(200, 3))).argmax(axis=1)

    class Known(LogisticRegression):
        def decision_function(self, X):
            return np.asarray(X)

    known = Known().fit(logits, y)
    with sklearn.config_context(enable_metadata_routing=False):
        fitted = CalibratedClassifierCV(sklearn.frozen.FrozenEstimator(known), method="temperature").fit(logits, y)
    beta = fitted.calibrated_classifiers_[0].calibrators[0].beta_
    assert temperature(logits, y) == pytest.approx(1 / float(beta), rel=1e-5)


def test_ensembles_of_classifiers(classifier):
    others = [("network", classifier), ("line", LogisticRegression())]
    made = [
        StackingClassifier(others, cv=2),
        StackingClassifier([("network", classifier)], final_estimator=clone(classifier), cv=2),
        VotingClassifier(others, voting="hard"),
        VotingClassifier(others, voting="soft"),
        BaggingClassifier(classifier, 3, max_samples=0.7, random_state=0),
        AdaBoostClassifier(classifier, n_estimators=2, random_state=0),
        OneVsRestClassifier(classifier),
        OneVsOneClassifier(classifier),
    ]
    for ensemble in made:
        assert good(ensemble.fit(X_IRIS, Y_IRIS), X_IRIS, Y_IRIS), ensemble


def test_ensembles_of_regressors(regressor):
    others = [("network", regressor), ("line", Ridge())]
    made = [
        StackingRegressor(others, cv=2),
        VotingRegressor(others),
        BaggingRegressor(regressor, 3, max_samples=0.7, max_features=0.8, random_state=0),
        AdaBoostRegressor(regressor, n_estimators=2, random_state=0),
    ]
    for ensemble in made:
        assert good(ensemble.fit(X_CURVE, Y_CURVE), X_CURVE, Y_CURVE), ensemble


def test_several_targets(classifier, regressor):
    both = np.stack([Y_IRIS, np.where(X_IRIS[:, 0] > 0, "long", "short")], 1)
    fitted = MultiOutputClassifier(classifier).fit(X_IRIS, both)
    assert (fitted.predict(X_IRIS) == both).mean() > 0.85
    assert [p.shape for p in fitted.predict_proba(X_IRIS)] == [(150, 3), (150, 2)]
    ones = np.stack([X_IRIS[:, 0] > 0, X_IRIS[:, 1] > 0], 1).astype(int)
    assert (ClassifierChain(classifier).fit(X_IRIS, ones).predict(X_IRIS) == ones).mean() > 0.9
    values = np.stack([Y_CURVE, -Y_CURVE], 1)
    own, each = (e.fit(X_CURVE, values) for e in (clone(regressor), MultiOutputRegressor(regressor)))
    assert own.predict(X_CURVE).shape == each.predict(X_CURVE).shape == (200, 2)
    assert r2_score(values, each.predict(X_CURVE)) > 0.6


# ---------------------------------------------------------------------------------------------------- inspection


def test_inspection(estimator):
    x, y = data_for(estimator)
    x = np.column_stack([x, np.random.default_rng(0).normal(size=len(x))])
    fitted = estimator.fit(x, y)
    importance = permutation_importance(fitted, x, y, n_repeats=3, random_state=0).importances_mean
    assert importance[:-1].max() > 3 * abs(importance[-1])
    assert np.isfinite(partial_dependence(fitted, x, [0], grid_resolution=5)["average"]).all()
    with pytest.raises(ValueError, match="importance"):
        SelectFromModel(clone(estimator)).fit(x, y).transform(x)


# ---------------------------------------------------------------------------------------------------- copies, processes, threads


def test_copies(estimator):
    x, y = data_for(estimator)
    fitted = estimator.fit(x, y)
    for copied in pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted):
        np.testing.assert_array_equal(copied.predict(x), fitted.predict(x))
    assert not hasattr(clone(fitted), "model_")
    np.testing.assert_array_equal(clone(fitted).fit(x, y).predict(x), fitted.predict(x))


def test_files(estimator, tmp_path):
    x, y = data_for(estimator)
    joblib.dump(estimator.fit(x, y), tmp_path / "estimator.joblib", compress=3)
    np.testing.assert_array_equal(joblib.load(tmp_path / "estimator.joblib").predict(x), estimator.predict(x))
    estimator.model_.save(tmp_path / "model.fnn")


def _all_scores(backend):
    with joblib.parallel_config(backend, n_jobs=2):
        return [cross_val_score(e, *data_for(e), cv=3) for e in [*CLASSIFIERS.values(), *REGRESSORS.values()]]


def test_threads_and_processes_give_what_one_gives():
    alone = [cross_val_score(e, *data_for(e), cv=3) for e in [*CLASSIFIERS.values(), *REGRESSORS.values()]]
    for backend in "threading", "loky":
        np.testing.assert_array_equal(_all_scores(backend), alone)


def test_fits_in_threads_leave_the_number_of_threads_alone():
    before = fastnn.get_num_threads()
    made = [clone(CLASSIFIERS["MLPClassifier"]).set_params(max_iter=1 + i % 5, n_threads=1 + i % 3) for i in range(30)]
    joblib.Parallel(4, backend="threading")(joblib.delayed(each.fit)(X_IRIS, Y_IRIS) for each in made)
    assert fastnn.get_num_threads() == before


def test_one_fitted_estimator_predicts_in_many_threads(estimator):
    x, y = data_for(estimator)
    fitted = estimator.fit(x, y)
    expected = fitted.predict(x)
    found = joblib.Parallel(4, backend="threading")(joblib.delayed(fitted.predict)(x) for _ in range(40))
    for each in found:
        np.testing.assert_array_equal(each, expected)


# ---------------------------------------------------------------------------------------------------- weights


def test_sample_weights_are_routed(estimator):
    x, y = data_for(estimator)
    w = np.random.default_rng(0).uniform(size=len(x))
    expected = clone(estimator).fit(x, y, sample_weight=w).predict(x)
    np.testing.assert_array_equal(
        make_pipeline(estimator).fit(x, y, **{f"{type(estimator).__name__.lower()}__sample_weight": w}).predict(x), expected
    )
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(estimator, x, y, params={"sample_weight": w}, error_score="raise")
        asking = estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        np.testing.assert_array_equal(make_pipeline(asking).fit(x, y, sample_weight=w).predict(x), expected)
        routed = cross_validate(asking, x, y, params={"sample_weight": w}, cv=2)["test_score"]
        search = GridSearchCV(asking, {RATE[type(estimator).__name__]: [0.02]}, cv=2).fit(x, y, sample_weight=w)
        np.testing.assert_allclose(search.cv_results_["mean_test_score"][0], routed.mean())
        ignoring = asking.set_fit_request(sample_weight=False).set_score_request(sample_weight=False)
        plain = cross_validate(ignoring, x, y, cv=2)["test_score"]
    assert not np.array_equal(plain, routed)


def test_splits_are_stratified_for_classifiers_alone(classifier, regressor):
    assert isinstance(check_cv(2, Y_IRIS, classifier=is_classifier(classifier)), StratifiedKFold)
    assert isinstance(check_cv(2, Y_CURVE, classifier=is_classifier(regressor)), KFold)


def test_better_than_chance_on_unseen_samples(estimator):
    x, y = data_for(estimator)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    assert estimator.fit(x_train, y_train).score(x_test, y_test) > (0.85 if is_classifier(estimator) else 0.6)


def test_diagrams(estimator):
    x, y = data_for(estimator)
    assert type(estimator).__name__ in estimator._repr_html_()
    assert type(estimator).__name__ in estimator.fit(x, y)._repr_html_()
    assert type(estimator).__name__ in repr(make_pipeline(StandardScaler(), estimator))
