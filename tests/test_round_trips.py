"""Random models through every form they can be kept in: the same bits come back, and train on to the same bits."""

import json

import numpy as np
import pytest
from helpers import BACKENDS, assert_same_weights, bits
from hypothesis import given, settings
from random_models import inputs, models, targets

import fastnn

random_models = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("round_trips")


def outputs(model):
    with np.errstate(all="ignore"):
        return model.predict(inputs(model))


def train(model):
    if len(model.output_shape) == 2 and model.trainable_weights:
        model.fit(inputs(model, 16), targets(model, 16), batch_size=5, epochs=2, verbose=0)


def assert_same_bits(model, again):
    if model.optimizer.iterations:
        assert bits(again) == bits(model)
    else:  # the memory of an optimizer that hasn't stepped is made when it does
        assert_same_weights(model, again)
        assert again.optimizer.iterations == 0 and again._counters() == model._counters()


def assert_equal(model, again):
    assert again.get_config() == model.get_config()
    assert_same_bits(model, again)
    np.testing.assert_array_equal(outputs(again), outputs(model))


@random_models
@pytest.mark.filterwarnings("ignore")
@given(model=models())
def test_model_files(folder, model):
    """And training goes on as if nothing had happened."""
    path = folder / "model.fnn"
    model.save(path)
    again = fastnn.load_model(path)
    assert_equal(model, again)
    again.save(folder / "again.fnn")
    assert path.read_bytes() == (folder / "again.fnn").read_bytes()
    train(model)
    train(again)
    assert_equal(model, again)


@pytest.mark.skipif(len(BACKENDS) < 2, reason="the compiled kernels are not built")
@random_models
@given(model=models(dtypes=["float64"], steps=1))
def test_either_backend_reads_what_the_other_wrote(folder, model):
    path = folder / "model.fnn"
    with fastnn.backend.use("numpy"):
        model.save(path)
    with fastnn.backend.use("compiled"):
        again = fastnn.load_model(path)
        assert_same_bits(model, again)
        again.save(path)
    with fastnn.backend.use("numpy"):
        assert_equal(model, fastnn.load_model(path))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@random_models
@given(model=models(steps=2))
def test_files_of_weights(folder, suffix, model):
    path = folder / f"weights{suffix}"
    model.save_weights(path)
    again = fastnn.Sequential.from_config(model.get_config())
    again.load_weights(path)
    assert_same_weights(model, again)
    np.testing.assert_array_equal(outputs(again), outputs(model))


@random_models
@given(model=models(steps=2))
def test_json(model):
    text = model.to_json()
    again = fastnn.Sequential.from_config(json.loads(text)["config"])
    assert again.to_json() == text
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(outputs(again), outputs(model))
