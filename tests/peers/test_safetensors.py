"""Weights in the safetensors format, in torch's hands."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
library = pytest.importorskip("safetensors.torch")

import fastnn  # noqa: E402


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def model_of(dtype="float32"):
    return fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, "relu", name="a"), fastnn.layers.Dense(2, name="b")], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_computes_the_same_from_them(path, dtype):
    model = model_of(dtype)
    model.save_weights(path)
    found = library.load_file(path)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)
    hidden = torch.relu(torch.from_numpy(x) @ found["a/kernel"] + found["a/bias"])
    np.testing.assert_allclose(hidden @ found["b/kernel"] + found["b/bias"], model.predict(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_what_torch_writes_is_read(path, kind):
    model = model_of()
    torch.manual_seed(0)
    given = {name: torch.randn(p.shape).to(getattr(torch, kind)) for layer in model.layers for name, p in layer.named_weights()}
    library.save_file(given, path)
    model.load_weights(path)
    for layer in model.layers:
        for name, p in layer.named_weights():
            np.testing.assert_array_equal(p.value, given[name].float().numpy())
