"""Well-known Keras scripts: each runs with fastnn in place of keras, and where Keras is installed comes to the same numbers."""

import importlib
import inspect
import math
import os

import numpy as np
import pytest

import fastnn
from keras_habits import extending, feeding, first_models, reusing, steering

PATTERNS = {
    name: function
    for module in (first_models, steering, feeding, reusing, extending)
    for name, function in vars(module).items()
    if inspect.isfunction(function) and list(inspect.signature(function).parameters) == ["keras"] and name != "classifier"
}

pytestmark = pytest.mark.filterwarnings("ignore:a .* file that fastnn writes:UserWarning")


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras", reason="the other library isn't installed")
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")  # both compute in float64, so that losses differ by what is computed alone
    keras.config.set_dtype_policy("float64")
    fastnn.config.set_floatx("float64")
    yield keras
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)
    fastnn.config.set_floatx("float32")


def numbers(values):
    """What is to be compared as numbers, in lists."""
    return [float(v) for v in np.ravel(values)]


def test_there_are_enough():
    assert len(PATTERNS) >= 12


@pytest.mark.parametrize("name", PATTERNS)
def test_runs(name):
    found = PATTERNS[name](fastnn)
    for key, values in found.get("history", {}).items():
        assert all(math.isfinite(v) for v in numbers(values)), key
    losses = found.get("history", {}).get("loss", [])
    assert not losses or losses[-1] < losses[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PATTERNS)
def test_comes_to_the_same(name, keras):
    ours, theirs = PATTERNS[name](fastnn), PATTERNS[name](keras)
    assert list(ours) == list(theirs)
    assert set(ours.get("history", ())) == set(theirs.get("history", ()))  # Keras has them in alphabetical order
    for key, values in ours.pop("history", {}).items():
        np.testing.assert_allclose(numbers(values), numbers(theirs["history"][key]), rtol=1e-5, atol=1e-7, err_msg=key)
    for key, value in ours.items():
        if isinstance(value, (float, np.floating)) or (isinstance(value, list) and value and isinstance(value[0], (float, np.floating))):
            np.testing.assert_allclose(numbers(value), numbers(theirs[key]), rtol=1e-5, err_msg=key)
        else:
            assert value == theirs[key], key


def test_the_import_that_people_write():
    """``import fastnn as keras``, and the from-imports of tutorials."""
    for line in (
        "from fastnn.models import Sequential, load_model, model_from_json, clone_model",
        "from fastnn.layers import Input, InputLayer, Dense, Dropout, Flatten, Activation, BatchNormalization, LeakyReLU, PReLU",
        "from fastnn.optimizers import SGD, RMSprop, Adam, AdamW, Adagrad, Nadam",
        "from fastnn.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, CSVLogger, LearningRateScheduler, Callback",
        "from fastnn.utils import to_categorical, np_utils, Sequence, PyDataset, set_random_seed",
        "from fastnn.utils.np_utils import to_categorical",
        "from fastnn.regularizers import l1, l2, l1_l2",
        "from fastnn.constraints import maxnorm, max_norm, MaxNorm",
        "from fastnn.initializers import he_normal, glorot_uniform, RandomNormal",
        "from fastnn.losses import BinaryCrossentropy, binary_crossentropy, mse",
        "from fastnn.metrics import AUC, categorical_accuracy, mean_squared_error",
        "from fastnn.saving import register_keras_serializable, load_model",
        "from fastnn import backend as K, layers, ops, Sequential, Input",
    ):
        exec(line, {})
    assert importlib.import_module("fastnn.utils.np_utils").to_categorical is fastnn.utils.to_categorical
