"""Models from and to Keras: equal outputs, equal training, how they were compiled, and refusals by name."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import SCHEDULES, any_layer, samples_for  # noqa: E402
from hypothesis import HealthCheck, assume, given, settings  # noqa: E402
from keras import layers as theirs  # noqa: E402
from metric_cases import CASES as METRICS  # noqa: E402
from random_models import inputs, models  # noqa: E402

import fastnn  # noqa: E402
from fastnn import activations, initializers, layers, losses, optimizers  # noqa: E402
from fastnn.activations import activations as activation_catalogue  # noqa: E402
from fastnn.configurable import Catalogue  # noqa: E402
from fastnn.layers.layer import layers as layer_catalogue  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy, for what Keras does with torch

X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32) * 2
NO_ACTIVATION = {"step", "softmin", "reglu", "geglu", "swiglu"}
"""The activations that Keras lacks."""
WRONG_THERE = {"sparsemax"}
"""The rows of Keras 3.15's don't sum to 1."""
NO_LAYER = {"ActivationMix", "Columns", "Lambda", "Parallel", "RBF", "RReLU", "Residual"}
"""The layers that Keras lacks."""
CATALOGUES = {catalogue.kind.split()[-1]: catalogue for catalogue in Catalogue.all}


def outputs(model, x):
    return model.predict(x, verbose=0)


def assert_equal(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype
    tolerance = 2e-6 if a.dtype == np.float32 else 1e-10
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(np.abs(b).max(initial=0), 1))


def assert_carried(model, x):
    """There and back, each with the outputs of the model."""
    there = model.to_keras()
    assert_equal(outputs(there, x), model.predict(x))
    back = fastnn.from_keras(there)
    assert back.name == model.name
    assert_equal(back.predict(x), model.predict(x))
    return there, back


def model_of(*stack, features=4, **options):
    return fastnn.Sequential([fastnn.Input(features), *stack], **options)


def rounded(config):
    """Without names, which Keras numbers, and with numbers as it keeps them."""
    if isinstance(config, dict):
        return {key: rounded(value) for key, value in config.items() if key != "name"}
    return float(np.float32(config)) if isinstance(config, float) else config


VALUES = {
    "relu": [{"negative_slope": 0.3, "max_value": 2.0, "threshold": 0.7}],
    "leaky_relu": [{"negative_slope": 0.4}],
    "elu": [{"alpha": 0.4}],
}
NO_VALUES = {
    "threshold": {},
    "hard_tanh": {"max_value": 2.0},
    "hard_shrink": {"threshold": 0.3},
    "soft_shrink": {"threshold": 0.3},
    "celu": {"alpha": 0.5},
    "gelu": {"approximate": True},
    "squareplus": {"b": 0.5},
}
"""Parameters that no layer of Keras takes."""


@pytest.mark.parametrize("name", sorted(activation_catalogue.members.keys() - NO_ACTIVATION - WRONG_THERE - {"threshold"}))
def test_activations(name):
    for values in [{}, *VALUES.get(name, [])]:
        activation = activations.get(name).bind(**values)
        for layer in layers.Activation(activation), layers.Dense(6, activation=activation):
            _, back = assert_carried(model_of(layer), X)
            assert back.layers[-1].activation == activation
    assert set().union(*VALUES.get(name, [{}]), NO_VALUES.get(name, {})) <= set(activations.get(name).parameters)


@pytest.mark.parametrize("name", sorted(NO_ACTIVATION | NO_VALUES.keys()))
def test_activations_that_keras_lacks(name):
    activation = activations.get(name).bind(**NO_VALUES.get(name, {}))
    with pytest.raises(ValueError, match=rf"to_keras: layer 'mine' \(Dense\): Keras has no activation {name}\("):
        model_of(layers.Dense(4, activation=activation, name="mine")).to_keras()


def test_an_activation_that_keras_means_otherwise():
    rows = np.asarray(keras.ops.convert_to_numpy(keras.activations.sparsemax(X))).sum(axis=1)
    assert not np.allclose(rows, 1), "it is mended: carry it"
    with pytest.raises(ValueError, match="Keras' activation sparsemax is another one"):
        model_of(layers.Dense(3, activation="sparsemax")).to_keras()
    with pytest.raises(ValueError, match="Keras' activation sparsemax is another one"):
        fastnn.from_keras(keras.Sequential([keras.Input((4,)), theirs.Dense(3, "sparsemax")]))


def test_every_parameter_of_an_activation_is_carried_or_refused():
    parameters = {name: set(member.parameters) for name, member in activation_catalogue.members.items() if member.parameters}
    assert parameters.keys() == VALUES.keys() | NO_VALUES.keys()


@pytest.mark.filterwarnings("ignore:.*was passed to the Keras")
@pytest.mark.parametrize("name", sorted(layer_catalogue.members.keys() - NO_LAYER - {"InputLayer"}))
def test_layers(name):
    layer = any_layer(name)
    model = model_of(layer)
    model.set_weights([np.random.default_rng(1).uniform(0.3, 1.5, w.shape) for w in model.get_weights()])
    there, back = assert_carried(model, samples_for(layer, 7, 4).astype(np.float32))
    scaling = name in ("MinMaxScaling", "Normalization", "PCAWhitening", "RobustScaling")
    assert there.layers[-1].name == back.layers[-1].name == layer.name
    if not scaling:
        assert rounded(back.layers[0].get_config()) == rounded(layer.get_config())
        for a, b in zip(back.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(NO_LAYER - {"Lambda"}))
def test_layers_that_keras_lacks(name):
    layer = any_layer(name)
    with pytest.raises(ValueError, match=rf"to_keras: layer '{layer.name}' \({name}\): Keras has no such layer"):
        model_of(layer).to_keras()


class Own(layers.Dense):
    pass


@pytest.mark.parametrize("layer", [layers.Lambda(lambda x: x, name="own"), Own(4, name="own")])
def test_python_code_is_refused(layer):
    with pytest.raises(ValueError, match="to_keras: layer 'own'"):
        model_of(layer).to_keras()


def test_codes_that_keras_puts_together_elsewhere():
    with pytest.raises(ValueError, match=r"\(CategoryEncoding\): of batches of shape \(None, 2, 3\) Keras puts"):
        model_of(layers.CategoryEncoding(5), features=(2, 3)).to_keras()


def test_scales_that_keras_would_enlarge_are_refused():
    with pytest.raises(ValueError, match="divides by 1e-7 at least, this layer by 1e-08"):
        model = model_of(layers.RobustScaling())
        model.set_weights([np.zeros(4), np.full(4, 1e-8)])
        model.to_keras()


# ------------------------------------------------------------------------------------------- from Keras' side

CASES = {
    "identity": [theirs.Identity()],
    "rescaling": [theirs.Rescaling(1 / 255), theirs.Rescaling([0.5, 1.0, 2.0, 4.0], offset=[0.0, 1.0, 2.0, 3.0])],
    "normalization of numbers": [
        theirs.Normalization(axis=None, mean=2.0, variance=9.0),
        theirs.Normalization(mean=[1.0] * 4, variance=[0.0] * 4),
    ],
    "axes counted from the front": [theirs.LayerNormalization(axis=1), theirs.BatchNormalization(axis=1), theirs.Softmax(axis=1)],
    "nested": [
        keras.Sequential([theirs.Dense(3, "relu"), keras.Sequential([theirs.Dense(2, name="same")], name="b")], name="a"),
        theirs.Dense(3, name="same"),
    ],
    "a layer as activation": [theirs.Dense(3, activation=theirs.LeakyReLU(0.1)), theirs.Dense(3, activation=theirs.ReLU(1.0))],
    "reshaping": [theirs.Reshape((2, 2)), theirs.Dense(3), theirs.UnitNormalization(), theirs.Flatten()],
    "noise": [theirs.GaussianNoise(0.2), theirs.Dropout(0.5, seed=3), theirs.AlphaDropout(0.1), theirs.ActivityRegularization(0.1)],
    "frozen": [theirs.Dense(3, trainable=False), theirs.BatchNormalization(trainable=False)],
}


@pytest.mark.parametrize("case", CASES)
def test_models_of_keras(case):
    model = keras.Sequential([keras.Input((4,)), *CASES[case]], name="whole")
    model.set_weights([np.random.default_rng(1).uniform(0.3, 1.5, w.shape) for w in model.get_weights()])
    made = fastnn.from_keras(model)
    assert_equal(made.predict(X), outputs(model, X))
    assert made.name == "whole" and not made.compiled
    assert len(made.trainable_weights) == len(model.trainable_weights)
    if case == "nested":
        assert [layer.name for layer in made.layers][1:] == ["a_b_same", "same"]


def test_adapted_normalization():
    layer = theirs.Normalization()
    layer.adapt(X)
    model = keras.Sequential([keras.Input((4,)), layer])
    assert_equal(fastnn.from_keras(model).predict(X), outputs(model, X))


def test_a_functional_chain():
    given = keras.Input((4,))
    inner = keras.Model(given, theirs.Dense(3, name="inner")(given), name="part")
    model = keras.Model(given, theirs.Dense(2)(inner(theirs.Dropout(0.2)(given))))
    made = fastnn.from_keras(model)
    assert_equal(made.predict(X), outputs(model, X))
    assert made.layers[1].name == "part_inner"


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files(tmp_path, suffix):
    if suffix == ".h5":
        pytest.importorskip("h5py")
    model = keras.Sequential([keras.Input((4,)), theirs.Dense(3, "relu"), theirs.BatchNormalization()])
    model.save(tmp_path / f"m{suffix}")
    assert_equal(fastnn.from_keras(tmp_path / f"m{suffix}").predict(X), outputs(model, X))
    assert_equal(fastnn.from_keras(str(tmp_path / f"m{suffix}")).predict(X), outputs(model, X))


@keras.saving.register_keras_serializable()
class Written(theirs.Layer):
    def call(self, x):
        return x


def functional(end):
    given = keras.Input((4,), name="given")
    return keras.Model(given, end(given))


def python_code(x):
    return x


def branched(given):
    hidden = theirs.Dense(4, name="one")(given)
    return theirs.Add(name="both")([hidden, given])


def twice(given):
    layer = theirs.Dense(4, name="one")
    return layer(layer(given))


REFUSED = {
    "layer 'x' (Conv1D): fastnn has no such layer": lambda: [theirs.Reshape((4, 1)), theirs.Conv1D(2, 2, name="x")],
    "layer 'inner/x' (LSTM): fastnn has no such layer": lambda: [
        theirs.Reshape((4, 1)),
        keras.Sequential([theirs.LSTM(2, name="x")], name="inner"),
    ],
    "layer 'x' (Lambda): Python code": lambda: [theirs.Lambda(lambda x: x, name="x")],
    "layer 'x' (Written): its Python code": lambda: [Written(name="x")],
    "layer 'x' (Dense): activation python_code is Python code": lambda: [theirs.Dense(2, activation=python_code, name="x")],
    "layer 'x' (Dense): activation 'PReLU' has parameters": lambda: [theirs.Dense(2, activation=theirs.PReLU(), name="x")],
    "layer 'x' (BatchNormalization): fastnn has no renorm=True": lambda: [theirs.BatchNormalization(renorm=True, name="x")],
    "layer 'x' (Softmax): it works along axis 1": lambda: [theirs.Reshape((2, 2)), theirs.Softmax(axis=1, name="x")],
    "layer 'x' (LayerNormalization): it works along axis [1, 2]": lambda: [
        theirs.Reshape((2, 2)),
        theirs.LayerNormalization(axis=[1, 2], name="x"),
    ],
    "layer 'x' (Dropout): layer 'x': noise_shape must be None": lambda: [theirs.Dropout(0.1, noise_shape=(1, 4), name="x")],
    "layer 'x' (CategoryEncoding): of batches": lambda: [theirs.Reshape((2, 2)), theirs.CategoryEncoding(5, name="x")],
    "layer 'x' (Dense) bfloat16": lambda: [theirs.Dense(2, dtype="mixed_bfloat16", name="x")],
    "layer 'both' (Add): it doesn't follow 'one' alone": lambda: functional(branched),
    "layer 'one' (Dense): it doesn't follow": lambda: functional(twice),
    "(Relu) is a function of keras.ops": lambda: functional(keras.ops.relu),
    "(Softmax) is a function of keras.ops": lambda: functional(keras.ops.softmax),
    "has 2 outputs": lambda: functional(lambda x: [x_ := theirs.Dense(4)(x), theirs.Dense(2)(x_)]),
    "must have one input of known sizes": lambda: keras.Sequential([keras.Input((None, 4)), theirs.Dense(2)]),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_refused(said):
    made = REFUSED[said]()
    model = keras.Sequential([keras.Input((4,)), *made]) if isinstance(made, list) else made
    with pytest.raises(ValueError) as error:
        fastnn.from_keras(model)
    assert str(error.value).startswith("from_keras: ") and said in str(error.value)


def test_shared_layers_are_refused():
    shared = theirs.Dense(4, name="one")
    model = keras.Sequential([keras.Input((4,)), shared, keras.Sequential([shared], name="inner")])
    with pytest.raises(ValueError, match=r"layer 'inner/one' \(Dense\) shares parameters with layer 'one' \(Dense\)"):
        fastnn.from_keras(model)


class Subclass(keras.Model):
    def call(self, x):
        return x


def test_what_is_no_model_that_can_be_read():
    with pytest.raises(ValueError, match=r"\(Subclass\): its Python code can't be read"):
        fastnn.from_keras(Subclass())
    with pytest.raises(TypeError, match=r"expects a model of Keras 3 or a file of one, got builtins\.int"):
        fastnn.from_keras(3)
    with pytest.raises(ValueError, match="isn't built: call its build"):
        fastnn.from_keras(keras.Sequential([theirs.Dense(2)]))
    with pytest.raises(ValueError, match="isn't built"):
        fastnn.Sequential([layers.Dense(2)]).to_keras()


def test_parameters_are_copied():
    model = keras.Sequential([keras.Input((4,)), theirs.Dense(3), theirs.BatchNormalization()])
    made = fastnn.from_keras(model)
    before = made.get_weights()
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    there = made.to_keras()
    there.set_weights([np.zeros_like(w) for w in there.get_weights()])
    assert all((a == b).all() for a, b in zip(made.get_weights(), before, strict=True))


# --------------------------------------------------------------------------------- options, and how it is compiled

HALVES = "HalfBinomialLoss", "HalfMultinomialLoss", "HalfPoissonLoss", "HalfSquaredError"
LACKING = {
    "initializer": {"TorchLinear", "Sparse"},
    "regularizer": {"BatchL2"},
    "constraint": set(),
    "schedule": {"CosLog4", "Constant", "Cyclic", "MultiStepDecay", "NaturalExponentialDecay", "OneCycle", "StepDecay", "Warmup"},
    "optimizer": {"ASGD", "AdaBelief", "ConjugateGradient", "LARS", "LBFGS", "NAdamW", "RAdam", "Rprop", "ScheduleFreeSGD"},
    "loss": {"GaussianNLL", "MultiMargin", "Quantile", "SmoothL1", *HALVES},
    "metric": {
        *("BalancedAccuracy", "BinaryFocalCrossentropy", "CategoricalFocalCrossentropy", "CohenKappa", "ConfusionMatrix", "Dice"),
        *("GaussianNLL", "Huber", "MatthewsCorrelation", "MeanLoss", "MultiMargin", "Quantile", "SmoothL1", "Tversky", *HALVES),
    },
}
"""By kind, the members that Keras lacks."""
ARGUMENTS = {"Constant": {"value": 0.3}, "Sparse": {"sparsity": 0.5}}


def one(kind, name):
    if kind == "schedule":
        return SCHEDULES[name]()
    arguments = METRICS[name].arguments if kind == "metric" and name in METRICS else ARGUMENTS.get(name, {})
    return CATALOGUES[kind].members[name](**arguments)


def compiled(kind, thing):
    """A model that uses the thing."""
    options = {f"kernel_{kind}": thing} if kind in ("initializer", "regularizer", "constraint") else {}
    model = model_of(layers.Dense(3, **options))
    optimizer = {"optimizer": thing, "schedule": optimizers.SGD(thing) if kind == "schedule" else None}.get(kind, "sgd")
    model.compile(optimizer, thing if kind == "loss" else "mse", metrics=[thing] if kind == "metric" else None)
    return model


def configuration(kind, model):
    found = {"optimizer": model.optimizer, "loss": model.loss, "metric": model.metrics[0] if model.metrics else None}
    if kind == "schedule":
        return model.optimizer.get_config()["learning_rate"]
    thing = found[kind] if kind in found else getattr(model.layers[0], f"kernel_{kind}")
    return thing.serialized()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in LACKING for name in CATALOGUES[kind].members])
def test_everything_that_has_a_name_is_carried_or_refused(kind, name):
    model = compiled(kind, one(kind, name))
    if name in LACKING[kind]:
        if kind == "initializer":  # it has done its work
            assert isinstance(fastnn.from_keras(model.to_keras()).layers[0].kernel_initializer, initializers.GlorotUniform)
        elif kind in ("regularizer", "constraint"):
            with pytest.raises(ValueError, match=rf"\(Dense\): Keras has no {kind} {name}"):
                model.to_keras()
        else:
            with pytest.warns(
                UserWarning, match=rf"to_keras: how the model is compiled isn't carried: Keras has no {kind} {name}; call compile"
            ):
                assert not model.to_keras().compiled
        return
    back = fastnn.from_keras(model.to_keras())
    assert rounded(configuration(kind, back)) == rounded(configuration(kind, model))


SCORES = ["accuracy", "mae", fastnn.metrics.AUC(num_thresholds=50), fastnn.metrics.TopKCategoricalAccuracy(2, name="top")]


def test_losses_and_metrics_and_what_the_optimizer_was_told():
    model = model_of(layers.Dense(3, activation="softmax"))
    optimizer = optimizers.Adam(0.5, clipnorm=2.0, use_ema=True, weight_decay=0.25)
    model.compile(optimizer, losses.CategoricalCrossentropy(label_smoothing=0.25), metrics=SCORES, weighted_metrics=["mse"])
    there = model.to_keras()
    back = fastnn.from_keras(there)
    assert back.metrics_names == model.metrics_names
    assert back.metrics[2].get_config() == SCORES[2].get_config()
    assert rounded(back.optimizer.get_config()) == rounded(optimizer.get_config())
    y = np.eye(3, dtype=np.float32)[np.arange(9) % 3]
    expected, got = (m.evaluate(X, y, return_dict=True, verbose=0) for m in (there, back))
    assert {name: expected[name] for name in ("loss", "accuracy", "mae", "auc", "top")} == pytest.approx(
        {name: got[name] for name in ("loss", "accuracy", "mae", "auc", "top")}, rel=1e-5
    )


def test_a_loss_of_keras_as_a_function():
    model = keras.Sequential([keras.Input((4,)), theirs.Dense(3)])
    model.compile("adam", keras.losses.mean_absolute_error)
    assert isinstance(fastnn.from_keras(model).loss, losses.MeanAbsoluteError)


def own_loss(y, t):
    return y - t


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_of_a_model_with_a_loss_of_ones_own(tmp_path, suffix):
    model = keras.Sequential([keras.Input((4,)), theirs.Dense(3)])
    model.compile("sgd", own_loss)
    model.save(tmp_path / f"m{suffix}")
    with pytest.warns(UserWarning, match="how the model is compiled isn't carried: .*; call compile"):
        made = fastnn.from_keras(tmp_path / f"m{suffix}")
    assert not made.compiled
    assert_equal(made.predict(X), outputs(model, X))
    with pytest.raises(ValueError, match="not found"):
        fastnn.from_keras(tmp_path / "none.keras")


NOT_CARRIED = {
    "loss own_loss is Python code": {"loss": own_loss},
    "metric own_loss is Python code": {"loss": "mse", "metrics": [own_loss]},
    "metrics must be a list": {"loss": "mse", "metrics": {"dense": "mae"}},
    "it weighs losses": {"loss": ["mse"], "loss_weights": [0.5]},
    "fastnn has no loss_scale_factor=2.0 of optimizer SGD": {"optimizer": keras.optimizers.SGD(loss_scale_factor=2.0), "loss": "mse"},
}


@pytest.mark.parametrize("why", NOT_CARRIED)
def test_what_the_model_is_compiled_with_that_is_not_carried(why):
    model = keras.Sequential([keras.Input((4,)), theirs.Dense(3, name="dense")])
    model.compile(**NOT_CARRIED[why])
    with pytest.warns(UserWarning, match=f"how the model is compiled isn't carried: {why}.*; call compile"):
        assert not fastnn.from_keras(model).compiled


def test_what_our_model_is_compiled_with_that_is_not_carried():
    for options, why in (({"metrics": [own_loss]}, "Python functions"), ({"optimizer": optimizers.SGD(0.1, dampening=0.5)}, "dampening")):
        model = model_of(layers.Dense(3))
        model.compile(**{"loss": "mse", **options})
        with pytest.warns(UserWarning, match=f"how the model is compiled isn't carried: .*{why}"):
            assert not model.to_keras().compiled


def losses_of(model, y):
    return model.fit(X.astype(np.float64), y, epochs=5, batch_size=3, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_training_goes_on_equally(double, optimizer):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            theirs.Dense(6, "tanh", kernel_regularizer="l2", kernel_constraint="max_norm"),
            theirs.BatchNormalization(momentum=0.8),
            theirs.PReLU(),
            theirs.LayerNormalization(),
            theirs.Dense(1, activity_regularizer=keras.regularizers.L1(0.01)),
        ]
    )
    y = np.random.default_rng(7).normal(size=(9, 1))
    model.compile(getattr(keras.optimizers, optimizer)(0.0625, clipnorm=1.0), "mse")
    made = fastnn.from_keras(model)
    expected = losses_of(model, y)
    np.testing.assert_allclose(losses_of(made, y), expected, rtol=1e-9)
    assert expected[-1] < expected[0]
    assert_equal(made.predict(X), outputs(model, X.astype(np.float64)))
    there = made.to_keras()
    made.compile(made.optimizer.from_config(made.optimizer.get_config()), "mse")
    np.testing.assert_allclose(losses_of(there, y), losses_of(made, y), rtol=1e-9)


KEPT = sorted(layer_catalogue.members.keys() - NO_LAYER - {"InputLayer"})
PLAIN = sorted(activation_catalogue.members.keys() - NO_ACTIVATION - WRONG_THERE - {"threshold"})


@pytest.mark.filterwarnings("ignore:.*isn't carried")
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(model=models(KEPT, PLAIN, dtypes=["float64"], max_layers=4))
def test_round_trips_of_random_models(double, model):
    try:
        model.to_keras()
    except ValueError as error:
        assert "1e-7 at least" in str(error) or "the codes along axis 1" in str(error)
        assume(False)
    assert_carried(model, inputs(model))
