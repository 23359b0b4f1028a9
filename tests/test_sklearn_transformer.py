"""Hidden activations as features."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from fastnn import Sequential, layers
from fastnn.sklearn import FastNNClassifier, FastNNEstimator, FastNNRegressor, FastNNTransformer, MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = (X[:, 0] > 0).astype(int)


def plain(n_outputs, dtype="float32"):
    hidden = layers.Dense(8, "relu", name="wide"), layers.Dropout(0.2), layers.Dense(3, "tanh", name="narrow")
    return Sequential([*hidden, layers.Dense(n_outputs), layers.Activation("softmax")], dtype=dtype)


def transformer(estimator=None, **options):
    return FastNNTransformer(estimator or FastNNClassifier(plain, epochs=3, random_state=0), **options)


CHECKED = [
    FastNNTransformer(FastNNClassifier(plain, epochs=10, random_state=0)),
    FastNNTransformer(MLPRegressor(max_iter=20, random_state=0)),
]


def every_check():
    return [
        pytest.param(e, c, id=f"{type(e.estimator).__name__}-{i}")
        for e in CHECKED
        for i, (_, c) in enumerate(estimator_checks_generator(e))
    ]


@pytest.mark.parametrize(("estimator", "check"), every_check())
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, check):
    check(clone(estimator))


def test_it_gives_what_the_layer_puts_out():
    fitted = transformer().fit(X, Y)
    kernels = dict(zip([p.path for p in fitted.estimator_.model_.weights], fitted.estimator_.model_.get_weights(), strict=True))
    wide = np.maximum(X @ kernels["wide/kernel"] + kernels["wide/bias"], 0)
    narrow = np.tanh(wide @ kernels["narrow/kernel"] + kernels["narrow/bias"])
    np.testing.assert_allclose(fitted.transform(X), narrow, rtol=1e-4, atol=1e-6)
    for layer in "wide", 0, -3, 1:  # dropout changes nothing
        np.testing.assert_allclose(transformer(layer=layer).fit(X, Y).transform(X), wide, rtol=1e-4, atol=1e-6)
    for layer in "narrow", 2, np.int64(-1):
        np.testing.assert_allclose(transformer(layer=layer).fit(X, Y).transform(X), narrow, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(hidden_layer_sizes=(7, 4), max_iter=5, random_state=0),
        MLPRegressor(hidden_layer_sizes=(7, 4), max_iter=5, random_state=0, solver="lbfgs"),
        FastNNRegressor(plain, epochs=1),
        FastNNEstimator(plain, epochs=1, loss="mse"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_all_estimators(estimator):
    hidden = transformer(estimator).fit_transform(X, Y.astype(float) if isinstance(estimator, (MLPRegressor, FastNNRegressor)) else Y)
    assert hidden.shape[0] == 60 and hidden.shape[1] in (3, 4)
    assert np.ptp(hidden, axis=0).max() > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inner", ["float32", "float64"])
def test_the_dtype_is_kept(dtype, inner):
    fitted = transformer(FastNNClassifier(plain, epochs=1, model__dtype=inner)).fit(X, Y)
    assert fitted.transform(X.astype(dtype)).dtype == dtype
    assert fitted.transform(np.ones((2, 5), int)).dtype == "float64"


def test_names_and_output():
    fitted = transformer().fit(X, Y)
    assert fitted.get_feature_names_out().tolist() == ["fastnntransformer0", "fastnntransformer1", "fastnntransformer2"]
    assert fitted.n_features_in_ == 5


def test_sparse_samples():
    x = csr_array(np.where(np.abs(X) > 1, X, 0))
    np.testing.assert_array_equal(transformer().fit(x, Y).transform(x), transformer().fit(x.toarray(), Y).transform(x.toarray()))


def test_samples_with_several_axes_and_hidden_ones_too():
    def model_fn(n_outputs):
        return Sequential([layers.Dense(3, "tanh", name="deep"), layers.Flatten(), layers.Dense(n_outputs)])

    fitted = transformer(FastNNClassifier(model_fn, epochs=1), layer="deep").fit(X.reshape(60, 5, 1), Y)
    assert fitted.transform(X.reshape(60, 5, 1)).shape == (60, 15)
    assert len(fitted.get_feature_names_out()) == 15


def test_a_fitted_estimator_is_taken_as_it_is():
    done = FastNNClassifier(plain, epochs=3, random_state=0).fit(X, Y)
    fitted = transformer(FrozenEstimator(done), layer="wide").fit(X, Y)
    np.testing.assert_array_equal(fitted.transform(X), transformer(layer="wide").fit(X, Y).transform(X))
    assert fitted.estimator_.model_ is done.model_


def test_parameters_and_copies():
    fitted = transformer().set_params(estimator__model__dtype="float64", layer="wide").fit(X, Y)
    assert fitted.estimator_.model_.dtype == "float64" and fitted.estimator.model_params == {"dtype": "float64"}
    for copied in pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted):
        np.testing.assert_array_equal(copied.transform(X), fitted.transform(X))
    assert not hasattr(fitted.estimator, "model_")


def test_a_linear_model_on_them_solves_what_it_could_not():
    """Exclusive or."""
    y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    network = MLPClassifier(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
    pipe = make_pipeline(transformer(network), LogisticRegression()).fit(X[:, :2], y)
    assert pipe.score(X[:, :2], y) > 0.95
    assert LogisticRegression().fit(X[:, :2], y).score(X[:, :2], y) < 0.8


def test_weights_reach_the_estimator():
    w = np.arange(60.0)
    expected = transformer().fit(X, Y, sample_weight=w).transform(X)
    assert not np.allclose(expected, transformer().fit(X, Y).transform(X))
    with sklearn.config_context(enable_metadata_routing=True):
        asking = FastNNClassifier(plain, epochs=3, random_state=0).set_fit_request(sample_weight=True)
        np.testing.assert_array_equal(transformer(asking).fit(X, Y, sample_weight=w).transform(X), expected)
        pipe = make_pipeline(transformer(asking), LogisticRegression().set_fit_request(sample_weight=False)).fit(X, Y, sample_weight=w)
        np.testing.assert_array_equal(pipe[0].transform(X), expected)


def one_layer(n_outputs):
    return Sequential([layers.Dense(n_outputs)])


@pytest.mark.parametrize(
    ("made", "kind", "message"),
    [
        (lambda: transformer(Ridge()), TypeError, "fastnn.sklearn"),
        (lambda: transformer(layer=3), ValueError, "3 hidden layers.*got 3"),
        (lambda: transformer(layer=-4), ValueError, "got -4"),
        (lambda: transformer(layer="deep"), ValueError, "'wide'.*got 'deep'"),
        (lambda: transformer(layer=True), ValueError, "got True"),
        (lambda: transformer(FastNNClassifier(one_layer, epochs=1)), ValueError, "0 hidden layers"),
    ],
)
def test_errors(made, kind, message):
    estimator = made()
    with pytest.raises(kind, match=message):
        estimator.fit(X, Y)
    with pytest.raises(NotFittedError):
        estimator.transform(X)
