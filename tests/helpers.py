"""What several test files share: data, small models, and how to tell that a model is untouched."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastnn
from fastnn import initializers, layers, regularizers
from fastnn.backend import registry
from fastnn.layers.categories import CodeLayer
from fastnn.layers.layer import layers as layer_catalogue
from fastnn.optimizers import schedules

BACKENDS = ["numpy", *(["compiled"] if any(op.compiled for op in registry.values()) else [])]
compiled_only = pytest.mark.skipif("compiled" not in BACKENDS, reason="the compiled kernels are not built")

diverging = pytest.mark.filterwarnings("ignore:.*the loss isn't finite:RuntimeWarning")
"""For tests whose loss is meant to be NaN or infinite at the end: `fit` warns of it."""

SAMPLES, FEATURES, CLASSES = 23, 4, 3


SCHEDULES = {
    "Constant": lambda: schedules.Constant(0.1),
    "CosLog4": lambda: schedules.CosLog4(0.1, 1000),
    "CosineDecay": lambda: schedules.CosineDecay(0.1, 100, 0.1, "mine", 0.5, 10),
    "CosineDecayRestarts": lambda: schedules.CosineDecayRestarts(0.1, 10, 1.5, 0.9, 0.01),
    "Cyclic": lambda: schedules.Cyclic(0.1, 0.3, 7, 11, "exp_range", 0.99),
    "ExponentialDecay": lambda: schedules.ExponentialDecay(0.1, 100, 0.5, True),
    "InverseTimeDecay": lambda: schedules.InverseTimeDecay(0.1, 100, 0.5, True),
    "MultiStepDecay": lambda: schedules.MultiStepDecay(0.1, [10, 100], 0.3),
    "NaturalExponentialDecay": lambda: schedules.NaturalExponentialDecay(0.1, 100, 0.5, False, "mine"),
    "OneCycle": lambda: schedules.OneCycle(0.1, 1000, 0.25, "linear", 10.0, 100.0, True),
    "PiecewiseConstantDecay": lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2, 0.3]),
    "PolynomialDecay": lambda: schedules.PolynomialDecay(0.1, 100, 0.01, 2.0, True),
    "StepDecay": lambda: schedules.StepDecay(0.1, 30, 0.5),
    "Warmup": lambda: schedules.Warmup(schedules.CosineDecay(0.1, 50), 20, 0.01),
}
"""One of each schedule, no argument of which is its default."""


LAYER_OPTIONS = {
    "AlphaDropout": {"rate": 0.4, "seed": 3},
    "Activation": {"activation": "tanh"},
    "ActivationMix": {"activation": "tanh", "weight_initializer": initializers.Constant(0.7), "weight_regularizer": "l2"},
    "ActivityRegularization": {"l1": 0.1},
    "BatchNormalization": {"momentum": 0.8, "epsilon": 1e-2, "gamma_regularizer": "l1"},
    "CategoryEncoding": {"num_tokens": 5},
    "Columns": {"indices": [2, 0, 2]},
    "Dense": {
        "units": 5,
        "activation": "relu",
        "kernel_regularizer": regularizers.L1L2(0.1, 0.2),
        "kernel_initializer": initializers.HeNormal(seed=4),
        "kernel_constraint": "max_norm",
    },
    "Dropout": {"rate": 0.4, "seed": 3},
    "ELU": {"alpha": 0.7},
    "Embedding": {"input_dim": 5, "output_dim": 3},
    "GaussianDropout": {"rate": 0.4, "seed": 3},
    "GaussianNoise": {"stddev": 0.3, "seed": 3},
    "GroupNormalization": {"groups": 2, "epsilon": 1e-2},
    "InputLayer": {"shape": (4,)},
    "LeakyReLU": {"negative_slope": 0.1},
    "PReLU": {"alpha_initializer": initializers.Constant(0.25), "alpha_regularizer": "l1", "shared_axes": [1]},
    "Parallel": lambda: {"branches": [[], [layers.Dense(3, name="inner"), layers.BatchNormalization(name="norm")]]},
    "RReLU": {"lower_slope": 0.1, "upper_slope": 0.4, "seed": 4},
    "ReLU": {"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5},
    "RBF": {"units": 5},
    "Rescaling": {"scale": 0.25, "offset": -1.0},
    "Reshape": {"target_shape": (2, -1)},
    "Residual": lambda: {"layers": [layers.Dense(4, activation="tanh", name="inner")]},
}
"""What layers are made with in tests that go through all of them, where they need something."""


def any_layer(name):
    """A layer of the catalogue, for samples of 4 features."""
    options = LAYER_OPTIONS.get(name, {})
    return layer_catalogue.members[name](**(options() if callable(options) else options))


def samples_for(layer, n=SAMPLES, *features):
    """Samples that a layer can take first: category codes where it takes these."""
    x = samples(n, *features)
    return np.floor(5 * (x - x.min()) / (np.ptp(x) + 1)) if isinstance(layer, CodeLayer) else x


EVERY_LAYER = pytest.mark.parametrize("name", sorted(layer_catalogue.members.keys() - {"Lambda"}))
"""All but the one that can't be saved: tests/test_python_layers.py."""


def samples(n=SAMPLES, *features, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *(features or (FEATURES,))))


def labels(n=SAMPLES, classes=CLASSES):
    return np.random.default_rng(1).permutation(np.arange(n) % classes)


def one_hot(n=SAMPLES, classes=CLASSES):
    return np.eye(classes)[labels(n, classes)]


def model_of(*stack, features=FEATURES, seed=0, dtype="float64", name="model", **compiled):
    """A model of these layers, built from a seed; compiled when it is told how."""
    fastnn.utils.set_random_seed(seed)
    model = fastnn.Sequential([fastnn.Input(features, name="input"), *(make() for make in stack)], name=name, dtype=dtype)
    if compiled:
        model.compile(**compiled)
    return model


def classifier(optimizer="adam", loss="sparse_categorical_crossentropy", dtype="float64", seed=0, **options):
    """Every kind of layer that has state."""
    return model_of(
        lambda: layers.Dense(6, activation="tanh", kernel_regularizer="l2", name="hidden"),
        lambda: layers.BatchNormalization(name="norm"),
        lambda: layers.Dropout(0.2, seed=7, name="drop"),
        lambda: layers.Dense(CLASSES, activation="softmax", name="out"),
        seed=seed,
        dtype=dtype,
        optimizer=optimizer,
        loss=loss,
        **options,
    )


def regressor(optimizer="sgd", loss="mse", units=1, **options):
    """One linear layer: closed forms are at hand."""
    return model_of(lambda: layers.Dense(units, name="linear"), optimizer=optimizer, loss=loss, **options)


def bits(model):
    """All a training changes: parameters, the optimizer's memory and counters, to the last bit."""
    arrays = [*model.get_weights(), *(model.optimizer.slots.values() if model.optimizer else ())]
    return [a.tobytes() for a in arrays], model.optimizer and model.optimizer.iterations, model._counters()


def assert_same_weights(a, b):
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)


def assert_equal_models(a, b, x=None):
    """Of the same layers and bits, which predict the same of `x`: samples() by default."""
    assert a.get_config() == b.get_config() and bits(a) == bits(b)
    x = samples() if x is None else x
    np.testing.assert_array_equal(a.predict(x), b.predict(x))


def run_python(code, **environment):
    """Run `code` in a fresh interpreter; its exit status and what it printed."""
    paths = [os.path.dirname(os.path.dirname(fastnn.__file__)), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr
