"""Initializers against Keras' and torch's: the fixed ones entry by entry, the random ones by what describes their distribution."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")

from fastnn import initializers as init  # noqa: E402
from fastnn import layers, random  # noqa: E402

SHAPE = 300, 500


@pytest.fixture(autouse=True)
def seeds():
    random.set_random_seed(5)
    torch.manual_seed(3)


NO_PEER: dict[str, str] = {}

FIXED = {
    "Zeros": [{}],
    "Ones": [{}],
    "Constant": [{"value": 2.5}],
    "Identity": [{}, {"gain": -0.5}],
}
RANDOM = {
    "RandomNormal": [{}, {"mean": 1.0, "stddev": 0.2}],
    "RandomUniform": [{}, {"minval": 1.0, "maxval": 3.0}],
    "TruncatedNormal": [{}, {"mean": -1.0, "stddev": 0.2}],
    "VarianceScaling": [
        {"scale": 3.0, "mode": mode, "distribution": distribution}
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("uniform", "truncated_normal", "untruncated_normal")
    ],
    **{f"{name}{kind}": [{}] for name in ("Glorot", "He", "Lecun") for kind in ("Uniform", "Normal")},
    "Orthogonal": [{}, {"gain": 2.0}],
}
TORCH = {
    "Zeros": (init.Zeros(), torch.nn.init.zeros_),
    "Ones": (init.Ones(), torch.nn.init.ones_),
    "Identity": (init.Identity(), torch.nn.init.eye_),
    "RandomNormal": (init.RandomNormal(0.5, 0.1), lambda w: torch.nn.init.normal_(w, 0.5, 0.1)),
    "RandomUniform": (init.RandomUniform(-1, 2), lambda w: torch.nn.init.uniform_(w, -1, 2)),
    "TruncatedNormal": (init.TruncatedNormal(1.0, 0.5), lambda w: torch.nn.init.trunc_normal_(w, 1.0, 0.5, 0.0, 2.0)),
    "GlorotUniform": (init.GlorotUniform(), torch.nn.init.xavier_uniform_),
    "HeUniform": (init.HeUniform(), lambda w: torch.nn.init.kaiming_uniform_(w, mode="fan_out")),  # (out, in) there
    "VarianceScaling": (
        init.VarianceScaling(2.0, "fan_in", "untruncated_normal"),
        lambda w: torch.nn.init.kaiming_normal_(w, mode="fan_out"),
    ),
    "Orthogonal": (init.Orthogonal(1.5), lambda w: torch.nn.init.orthogonal_(w, 1.5)),
    "Sparse": (init.Sparse(0.25, 0.02), lambda w: torch.nn.init.sparse_(w, 0.25, 0.02)),
}


def test_every_initializer_has_a_peer():
    assert set(init.initializers.members) == {*FIXED, *RANDOM, *TORCH, "TorchLinear", *NO_PEER}


def described(values):
    """Numbers of order one that tell distributions apart: mean, spread, quantiles, extremes, singular values, and how many are zero."""
    values = np.asarray(values, np.float64)
    mean, spread = values.mean(), max(values.std(), 1e-12)
    z = (values - mean) / spread
    singular = np.linalg.svd(values, compute_uv=False) / spread / sum(np.sqrt(values.shape))
    rest = singular[1:] if singular[1:].size else singular  # the first one is that of the mean where there is one
    zeros = (values == 0).mean()
    return [np.tanh(mean / spread), np.log(spread) / 10, *np.quantile(z, [0.05, 0.25, 0.75, 0.95]), rest[0], np.median(rest), zeros]


@pytest.mark.parametrize("name", FIXED)
def test_fixed(name, agree):
    for options in FIXED[name]:
        theirs = getattr(keras.initializers, name)(**options)((4, 3), "float64").cpu().numpy()
        agree("initializer", name, peer="keras", got=getattr(init, name)(**options)((4, 3), "float64"), expected=theirs)


@pytest.mark.parametrize("name", RANDOM)
def test_random(name, agree):
    for options in RANDOM[name]:
        theirs = getattr(keras.initializers, name)(**options, seed=3)(SHAPE, "float64").cpu().numpy()
        ours = getattr(init, name)(**options, seed=5)(SHAPE, "float64")
        agree("initializer", name, peer="keras", got=described(ours), expected=described(theirs), tolerance=0.02)


@pytest.mark.parametrize("name", TORCH)
def test_torch(name, agree):
    ours, fill = TORCH[name]
    theirs = fill(torch.empty(SHAPE, dtype=torch.float64)).numpy()
    agree("initializer", name, peer="torch", got=described(ours(SHAPE, "float64")), expected=described(theirs), tolerance=0.02)


def test_torchs_linear(agree):
    linear = torch.nn.Linear(30, 20000, dtype=torch.float64)
    ours = layers.Dense(20000, kernel_initializer="torch", bias_initializer="torch")
    ours.build((None, 30), "float64")
    for got, expected in ((ours.kernel, linear.weight.T), (ours.bias, linear.bias)):
        pair = [np.atleast_2d(w) for w in (got.numpy(), expected.detach().numpy())]
        agree("initializer", "TorchLinear", peer="torch", got=described(pair[0]), expected=described(pair[1]), tolerance=0.02)
