"""Files that earlier versions wrote, tests/files/: they load for ever, predict what they did, and train on as they would have."""

from pathlib import Path

import numpy as np
import pytest
from helpers import BACKENDS

import fastnn

FILES = Path(__file__).parent / "files"
MODELS = sorted(path.name for path in FILES.glob("*.fnn"))
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
"""Relative to the largest output: machines round differently, and trainings multiply that."""

with np.load(FILES / "expected.npz") as file:
    EXPECTED = dict(file)


def assert_close(got, expected, dtype):
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[dtype] * max(1, np.abs(expected).max()))


def test_every_version_is_there():
    versions = {int(name.split(".v")[1].removesuffix(".fnn")) for name in MODELS}
    assert versions == set(range(1, fastnn.models.saving.FORMAT_VERSION + 1))
    assert {name.partition("/")[0] for name in EXPECTED} == {name.removesuffix(".fnn") for name in MODELS}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_models_predict_and_go_on_training(name, backend):
    stem = name.removesuffix(".fnn")
    with fastnn.backend.use(backend):
        model = fastnn.load_model(FILES / name)
        assert_close(model.predict(EXPECTED[f"{stem}/x"]), EXPECTED[f"{stem}/outputs"], model.dtype)
        if f"{stem}/y" in EXPECTED:
            model.fit(EXPECTED[f"{stem}/x"], EXPECTED[f"{stem}/y"], batch_size=5, epochs=2, verbose=0)
            assert_close(model.predict(EXPECTED[f"{stem}/x"]), EXPECTED[f"{stem}/outputs after two more epochs"], model.dtype)


def test_names_and_metadata_beyond_ascii():
    model = fastnn.load_model(FILES / "names.v1.fnn")
    assert [layer.name for layer in model.layers] == ["größe \\ x.npy", "重み"] and model.name == "ünï 🦊"
    assert model.metadata["classes"] == ["ä", "🦊"] and model.metadata["large"] == 2**60 and model.metadata["infinite"] == np.inf
    assert model.metadata["nested"] == {"none": None, "true": True, "list": [1, 2.5, "x"]}


def test_what_a_model_was_compiled_with():
    model = fastnn.load_model(FILES / "composites.v1.fnn")
    optimizer = model.optimizer
    assert isinstance(optimizer, fastnn.optimizers.AdamW) and optimizer.use_ema and optimizer.global_clipnorm == 1.0
    assert optimizer.groups == {"bias": {"weight_decay": 0.0}, "out": {"learning_rate": 0.5}} and optimizer.iterations == 9
    assert isinstance(model.loss, fastnn.losses.Huber) and model.metrics_names == ["loss", "mae"]


@pytest.mark.parametrize("name", ["dense.v1.npz", "dense.v1.safetensors", "dense.v1.fnn"])
def test_weights(name):
    model = fastnn.load_model(FILES / "dense.v1.fnn")
    weights = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in weights])
    model.load_weights(FILES / name)
    for got, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(got, expected)
