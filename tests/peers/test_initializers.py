"""Initializers against Keras' and torch's, entry by entry: both are given the same standard draws.

tests/test_initializers.py holds ours to their distributions; here are scales, bounds, fans and what is made of a matrix of draws.
"""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")

from fastnn import initializers as init  # noqa: E402
from fastnn import layers  # noqa: E402
from fastnn.initializers.distributions import standard_truncated_normal  # noqa: E402

SHAPES = (7, 4), (4, 7), (5, 5)
SEED = 3
KIND = "initializer"
NO_PEER: dict[str, str] = {}

KERAS = {
    "Zeros": [{}],
    "Ones": [{}],
    "Constant": [{"value": 2.5}],
    "Identity": [{}, {"gain": -0.5}],
    "RandomNormal": [{}, {"mean": 1.0, "stddev": 0.2}],
    "RandomUniform": [{}, {"minval": 1.0, "maxval": 3.0}],
    "TruncatedNormal": [{}, {"mean": -1.0, "stddev": 0.2}],
    "VarianceScaling": [
        {"scale": 3.0, "mode": mode, "distribution": distribution}
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("uniform", "normal", "truncated_normal", "untruncated_normal")
    ],
    **{f"{name}{kind}": [{}] for name in ("Glorot", "He", "Lecun") for kind in ("Uniform", "Normal")},
    "Orthogonal": [{}, {"gain": 2.0}],
}
fill = torch.nn.init
TORCH = {  # torch keeps weights as (out, in): its fan_in is ours
    "Zeros": (init.Zeros(), fill.zeros_),
    "Ones": (init.Ones(), fill.ones_),
    "Constant": (init.Constant(0.3), lambda w: fill.constant_(w, 0.3)),
    "Identity": (init.Identity(), fill.eye_),
    "RandomNormal": (init.RandomNormal(0.5, 0.1, SEED), lambda w: fill.normal_(w, 0.5, 0.1)),
    "RandomUniform": (init.RandomUniform(-1, 2, SEED), lambda w: fill.uniform_(w, -1, 2)),
    "GlorotUniform": (init.GlorotUniform(SEED), fill.xavier_uniform_),
    "HeUniform": (init.HeUniform(SEED), fill.kaiming_uniform_),
    "VarianceScaling": (init.VarianceScaling(2.0, "fan_in", "untruncated_normal", SEED), fill.kaiming_normal_),
    "Orthogonal": (init.Orthogonal(1.5, SEED), lambda w: fill.orthogonal_(w, 1.5)),
}


def test_every_initializer_has_a_peer():
    assert set(init.initializers.members) == {*KERAS, *TORCH, "TorchLinear", "Sparse", *NO_PEER}


def standard(shape, kind):
    """What our initializers draw for this seed, before it is scaled."""
    rng = np.random.default_rng(SEED)
    return {"uniform": rng.random, "normal": rng.standard_normal}[kind](shape)


@pytest.fixture
def keras_draws(monkeypatch):
    """Keras' random functions, fed with our draws."""

    def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return torch.tensor(mean + stddev * standard(shape, "normal"))

    def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return torch.tensor(mean + stddev * standard_truncated_normal(np.random.default_rng(SEED), shape))

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        return torch.tensor(minval + (maxval - minval) * standard(shape, "uniform"))

    draws = SimpleNamespace(normal=normal, truncated_normal=truncated_normal, uniform=uniform, make_default_seed=lambda: SEED)
    monkeypatch.setattr(keras.src.initializers.random_initializers, "random", draws)


@pytest.fixture
def torch_draws(monkeypatch):
    """torch's filling with random numbers, by ours; both lay matrices out the other way round."""

    def normal(tensor, mean=0.0, std=1.0, *, generator=None):
        return tensor.copy_(torch.tensor(mean + std * standard(tensor.shape[::-1], "normal").T))

    def uniform(tensor, a=0.0, b=1.0, *, generator=None):
        return tensor.copy_(torch.tensor(a + (b - a) * standard(tensor.shape[::-1], "uniform").T))

    monkeypatch.setattr(torch.Tensor, "normal_", normal)
    monkeypatch.setattr(torch.Tensor, "uniform_", uniform)


@pytest.mark.parametrize("name", KERAS)
@pytest.mark.usefixtures("keras_draws")
def test_keras(name, agree):
    for options, shape in itertools.product(KERAS[name], SHAPES):
        theirs = getattr(keras.initializers, name)(**options)(shape, "float64").cpu().numpy()
        seeded = {"seed": SEED} if issubclass(getattr(init, name), init.RandomInitializer) else {}
        agree("initializer", name, peer="keras", got=getattr(init, name)(**options, **seeded)(shape, "float64"), expected=theirs)


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.usefixtures("torch_draws")
def test_torch(name, agree):
    ours, make = TORCH[name]
    for shape in SHAPES[:1] if name == "Orthogonal" else SHAPES:  # others it factorises the other way round
        theirs = make(torch.empty(shape[::-1], dtype=torch.float64)).numpy().T
        agree("initializer", name, peer="torch", got=ours(shape, "float64"), expected=theirs)


@pytest.mark.usefixtures("torch_draws")
def test_torchs_linear(agree):
    linear = torch.nn.Linear(6, 9, dtype=torch.float64)
    default = init.TorchLinear(SEED)
    ours = layers.Dense(9, kernel_initializer=default, bias_initializer=default)
    ours.build((None, 6), "float64")
    for got, expected in ((ours.kernel, linear.weight.T), (ours.bias, linear.bias)):
        agree("initializer", "TorchLinear", peer="torch", got=got.numpy(), expected=expected.detach().numpy())


def test_torchs_sparse(agree, monkeypatch):
    """Which entries are cut is drawn in different ways; how many of each column, and what is left of the others, is the same."""
    monkeypatch.setattr(
        torch.Tensor, "normal_", lambda w, mean, std, generator=None: w.copy_(torch.tensor(std * standard(w.shape, "normal")))
    )
    for sparsity, shape in itertools.product((0.0, 0.25, 0.5, 0.9), SHAPES):
        ours = init.Sparse(sparsity, 0.02, SEED)(shape, "float64")
        theirs = fill.sparse_(torch.empty(shape, dtype=torch.float64), sparsity, 0.02).numpy()
        left = (ours != 0) & (theirs != 0)
        agree("initializer", "Sparse", peer="torch", got=(ours == 0).sum(axis=0), expected=(theirs == 0).sum(axis=0))
        agree("initializer", "Sparse", peer="torch", got=ours[left], expected=theirs[left])
