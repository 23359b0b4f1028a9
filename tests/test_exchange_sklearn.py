"""Models from and to scikit-learn: equal predictions, labels, pipelines, and refusals by name."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from helpers import any_layer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler

import fastnn
from fastnn import activations, layers
from fastnn.activations import activations as activation_catalogue
from fastnn.exchange.sklearn import _ACTIVATIONS, _HIDDEN
from fastnn.layers.layer import layers as layer_catalogue

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, -3]
LABELS = {
    "words": np.array(["c", "a", "b"])[np.arange(60) % 3],
    "two words": np.array(["v", "u"])[np.arange(60) % 2],
    "two numbers": np.arange(60) % 2,
    "several at once": RNG.integers(0, 2, (60, 3)),
}
SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler((-1, 3)),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, with_scaling=False),
    "passthrough",
]

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def fitted(estimator, y, *scalers, dtype=np.float64):
    estimator = make_pipeline(*scalers, estimator) if scalers else estimator
    return estimator.fit(X.astype(dtype), y)


def probabilities(model, x):
    """As ``predict_proba`` gives them."""
    y = model.predict(x)
    return np.hstack([1 - y, y]) if y.shape[1] == 1 else y


def assert_equal(a, b):
    tolerance = 1e-6 if np.asarray(a).dtype == np.float32 else 1e-12
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(np.abs(b).max(), 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", _HIDDEN)
@pytest.mark.parametrize("which", LABELS)
def test_classifiers(which, activation, dtype):
    y = LABELS[which]
    estimator = fitted(MLPClassifier((5, 4), activation, max_iter=3, random_state=0), y, dtype=dtype)
    x = X.astype(dtype)
    model = fastnn.from_sklearn(estimator)
    assert model.dtype == np.dtype(dtype).name and not model.compiled
    assert_equal(probabilities(model, x), estimator.predict_proba(x))
    assert model.metadata["classes"] == estimator.classes_.tolist()
    back = model.to_sklearn()
    assert is_classifier(back) and back.coefs_[0].dtype == dtype
    assert back.get_params()["hidden_layer_sizes"] == (5, 4) and back.activation == activation
    assert back.out_activation_ == estimator.out_activation_
    np.testing.assert_array_equal(back.predict(x), estimator.predict(x))
    assert_equal(back.predict_proba(x), estimator.predict_proba(x))
    assert back.score(x, y) == estimator.score(x, y)
    before = back.coefs_[0].copy()
    assert back.partial_fit(x, y).coefs_[0].shape == before.shape and not np.array_equal(back.coefs_[0], before)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("options", [{}, {"loss": "poisson"}, {"hidden_layer_sizes": ()}])
def test_regressors(options, outputs):
    y = np.abs(RNG.normal(size=(60, outputs))[:, 0 if outputs == 1 else slice(None)])
    estimator = fitted(MLPRegressor(max_iter=3, random_state=0, **options), y)
    model = fastnn.from_sklearn(estimator)
    assert_equal(np.squeeze(model.predict(X)), estimator.predict(X))
    back = model.to_sklearn()
    assert is_regressor(back) and back.loss == estimator.loss
    assert_equal(back.predict(X), estimator.predict(X))
    back.set_params(warm_start=True).fit(X, y)
    assert back.n_iter_ > 0


def test_training_goes_on_equally():
    """scikit-learn's loss is half the squared error, so its rate is twice ours."""
    options = {"solver": "sgd", "momentum": 0, "alpha": 0, "shuffle": False, "batch_size": 60, "learning_rate_init": 0.02}
    y, options = RNG.normal(size=60), {"hidden_layer_sizes": (6,), "activation": "tanh", **options}
    estimator = fitted(MLPRegressor(max_iter=1, random_state=0, **options), y)
    model = fastnn.from_sklearn(estimator)
    model.compile(fastnn.SGD(0.01), "mse")
    for _ in range(5):
        loss = model.train_on_batch(X, y)
        np.testing.assert_allclose(estimator.partial_fit(X, y).loss_, loss / 2, rtol=1e-10)
    np.testing.assert_allclose(model.predict(X)[:, 0], estimator.predict(X), rtol=1e-8)


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_pipelines(scaler):
    estimator = fitted(
        MLPClassifier((5,), max_iter=2, random_state=0), LABELS["words"], scaler if scaler == "passthrough" else clone(scaler)
    )
    model = fastnn.from_sklearn(estimator)
    assert_equal(model.predict(X), estimator.predict_proba(X))
    back = model.to_sklearn()
    assert hasattr(back, "steps") == (scaler != "passthrough")
    assert_equal(back.predict_proba(X), estimator.predict_proba(X))
    np.testing.assert_array_equal(back.classes_, estimator.classes_)


def test_coefficients_are_copied():
    estimator = fitted(MLPRegressor(hidden_layer_sizes=(5,), max_iter=2), X[:, 0])
    model = fastnn.from_sklearn(estimator)
    before = model.get_weights()
    for array in [*estimator.coefs_, *estimator.intercepts_]:
        array[:] = 0
    back = model.to_sklearn()
    for array in [*back.coefs_, *back.intercepts_]:
        array[:] = 0
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


NOT_READ = {
    "MLPRegressor: it isn't fitted": lambda: MLPRegressor(),
    "StandardScaler: it isn't fitted": lambda: make_pipeline(StandardScaler(), MLPRegressor()),
    "LinearRegression: fastnn has no layer": lambda: LinearRegression().fit(X, X[:, 0]),
    "PolynomialFeatures: fastnn has no layer": lambda: fitted(MLPRegressor(max_iter=1), X[:, 0], PolynomialFeatures()),
    "MinMaxScaler: fastnn has no clip=True": lambda: fitted(MLPRegressor(max_iter=1), X[:, 0], MinMaxScaler(clip=True)),
    "Own: fastnn has no layer": lambda: fitted(Own(max_iter=1), X[:, 0]),
    "must have an MLPClassifier or MLPRegressor at its end": lambda: make_pipeline(StandardScaler()).fit(X),
    "int: fastnn has no layer": lambda: 3,
}


class Own(MLPRegressor):
    def predict(self, x):
        return -super().predict(x)


@pytest.mark.parametrize("said", NOT_READ)
def test_estimators_that_are_refused(said):
    with pytest.raises(ValueError) as error:
        fastnn.from_sklearn(NOT_READ[said]())
    assert str(error.value).startswith("from_sklearn: ") and said in str(error.value)


def model_of(*stack, features=4, **options):
    return fastnn.Sequential([fastnn.Input(features), *stack], dtype="float64", **options)


def test_activations_are_those_of_scikit_learn():
    assert set(_ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(activation_catalogue.members))
def test_every_activation_is_carried_or_refused(name):
    hidden = model_of(layers.Dense(6, activation=name, name="mine"), layers.Dense(1))
    last = model_of(layers.Dense(6, name="mine", activation=name))
    theirs = {ours: theirs for theirs, ours in _ACTIVATIONS.items()}.get(name)
    if theirs in _HIDDEN:
        assert_equal(hidden.to_sklearn().predict(X), hidden.predict(X)[:, 0])
    else:
        with pytest.raises(ValueError, match=rf"{name}"):
            hidden.to_sklearn()
    if theirs in ("identity", "exp"):
        assert_equal(last.to_sklearn().predict(X), last.predict(X))
    elif theirs in ("softmax", "logistic"):
        assert_equal(last.to_sklearn().predict_proba(X), last.predict(X))
    elif theirs is None:
        with pytest.raises(ValueError, match=rf"to_sklearn: layer 'mine' \(Dense\): scikit-learn has no activation <activation {name}\("):
            last.to_sklearn()
    else:
        with pytest.raises(ValueError, match=f"to_sklearn: the model ends in {name}; softmax and sigmoid make a classifier"):
            last.to_sklearn()


NOTHING = {"ActivityRegularization", "AlphaDropout", "Dropout", "Flatten", "GaussianDropout", "GaussianNoise"}
"""Layers that do nothing in inference to vectors."""
SCALING = {"MinMaxScaling", "Normalization", "RobustScaling"}


@pytest.mark.parametrize("name", sorted(layer_catalogue.members.keys() - NOTHING - SCALING - {"InputLayer", "Lambda"}))
def test_layers_that_scikit_learn_lacks(name):
    layer = any_layer(name)
    model = model_of(layer, layers.Flatten(), layers.Dense(1))
    if type(layer) is layers.Dense:
        assert_equal(model.to_sklearn().predict(X), model.predict(X)[:, 0])
    else:
        with pytest.raises(ValueError, match=rf"to_sklearn: layer '{layer.name}' \({name}\): scikit-learn's networks have dense layers"):
            model.to_sklearn()


@pytest.mark.parametrize("name", sorted(NOTHING))
def test_layers_that_do_nothing_in_inference_are_left_out(name):
    model = model_of(any_layer(name), layers.Dense(5), any_layer(name), layers.ReLU(), layers.Dense(3, use_bias=False))
    assert_equal(model.to_sklearn().predict(X), model.predict(X))


@pytest.mark.parametrize("name", sorted(SCALING))
def test_scaling_layers_become_a_scaler(name):
    layer = any_layer(name)
    layer.adapt(X)
    model = model_of(layer, layers.Dense(3), layers.Activation("softmax"))
    made = model.to_sklearn(["c", "a", "b"])
    assert_equal(made.predict_proba(X), model.predict(X)[:, [1, 2, 0]])
    np.testing.assert_array_equal(made.predict(X), np.array(["c", "a", "b"])[model.predict(X).argmax(axis=1)])
    with pytest.raises(ValueError, match="networks have dense layers"):
        model_of(layers.Dense(4), any_layer(name)).to_sklearn()
    with pytest.raises(ValueError, match="networks have dense layers"):
        model_of(type(layer)(invert=True), layers.Dense(4)).to_sklearn()


@pytest.mark.parametrize("last", [layers.Dense, lambda units: layers.Dense(units, activation="softmax")])
def test_two_classes_have_one_output(last):
    labels = ["no", "yes"]
    for classes in labels, labels[::-1]:
        model = model_of(layers.Dense(2, activation="softmax"))
        made = model.to_sklearn(classes)
        assert made.out_activation_ == "logistic" and made.n_outputs_ == 1
        expected = model.predict(X)[:, np.argsort(classes)]
        assert_equal(made.predict_proba(X), expected)
        sigmoid = model_of(layers.Dense(1, activation="sigmoid"))
        p = sigmoid.predict(X)
        assert_equal(sigmoid.to_sklearn(classes).predict_proba(X), np.hstack([1 - p, p])[:, np.argsort(classes)])
    assert made.partial_fit(X, np.array(labels)[np.arange(60) % 2]).n_outputs_ == 1


def dense(*activations_):
    return model_of(*(layers.Dense(3, activation) for activation in activations_))


NOT_WRITTEN = {
    "classes must be 3 different labels": (lambda: dense("softmax"), ["a", "b"]),
    "classes must be 2 different labels": (lambda: model_of(layers.Dense(1, activation="sigmoid")), ["a", "a"]),
    "classes must be 2 different labels, in": (lambda: model_of(layers.Dense(1, activation="softmax")), None),
    "labels that may be there at once": (lambda: dense("sigmoid"), ["a", "b", "c"]),
    "a regressor, which has no classes": (lambda: dense("linear"), [1, 2]),
    "hidden activations must be alike": (lambda: dense("relu", "tanh", "linear"), None),
    "and one of linear, sigmoid, tanh and relu; they are softmax": (lambda: dense("softmax", "linear"), None),
    "no activation <activation relu(": (lambda: dense(activations.relu.bind(max_value=1), "linear"), None),
    "takes samples that are vectors": (lambda: model_of(layers.Flatten(), layers.Dense(3), features=(2, 2)), None),
    "has no Dense layer": (lambda: model_of(layers.Flatten()), None),
    "isn't built": (lambda: fastnn.Sequential([layers.Dense(3)]), None),
}


@pytest.mark.parametrize("said", NOT_WRITTEN)
def test_models_that_are_refused(said):
    make, classes = NOT_WRITTEN[said]
    with pytest.raises(ValueError) as error:
        make().to_sklearn(classes)
    assert said in str(error.value)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.integers(1, 6), max_size=3),
    st.sampled_from(["linear", "sigmoid", "tanh", "relu"]),
    st.sampled_from(["linear", "exponential", "softmax", "sigmoid"]),
    st.integers(2, 4),
    st.booleans(),
)
def test_round_trips_of_random_models(sizes, hidden, last, outputs, scaled):
    stack = [layers.Dense(units, hidden, bias_initializer="normal") for units in sizes]
    model = model_of(*([layers.Normalization()] if scaled else []), *stack, layers.Dense(outputs, last, bias_initializer="normal"))
    if scaled:
        model.layers[0].adapt(X)
    made = model.to_sklearn()
    y = model.predict(X)
    assert_equal(made.predict_proba(X) if is_classifier(made) else made.predict(X), y)
    again = fastnn.from_sklearn(made)
    assert_equal(probabilities(again, X), y)
    assert again.layers[-1].activation.name == (last if outputs > 2 or last != "softmax" else "sigmoid")
