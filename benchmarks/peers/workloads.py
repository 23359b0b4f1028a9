"""What is measured: the networks, their data, and what fastnn is to reach."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-4, 0.9, 0.999, 1e-8
"""Adam's, in every library. PyTorch adds epsilon to the corrected root, the others to the uncorrected one, and scikit-learn clips
probabilities at 1e-7: at this learning rate, epochs' losses agree to 1e-5 all the same; at 1e-3 those of wide differ by 4e-4."""


@dataclass(frozen=True)
class Target:
    """`entrant` is to take at most `limit` times as long as `rival`, or at most `limit` microseconds where there is no rival."""

    entrant: str
    limit: float
    rival: str | None = None


@dataclass(frozen=True)
class Network:
    """Dense layers with one activation between them; softmax at the end of those with several outputs."""

    units: tuple[int, ...]
    activation: str = "relu"

    @property
    def name(self) -> str:
        return "-".join(map(str, self.units))

    @property
    def classifies(self) -> bool:
        return self.units[-1] > 1

    @cached_property
    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Kernel (k, m) and bias (m) of each layer: Glorot's uniform kernels, small biases."""
        rng = np.random.default_rng(0)
        return [
            (_uniform(rng, (k, m), (6 / (k + m)) ** 0.5), _uniform(rng, m, 0.1)) for k, m in zip(self.units, self.units[1:], strict=False)
        ]

    def inputs(self, n: int) -> np.ndarray:
        return np.random.default_rng(1).normal(size=(n, self.units[0])).astype("float32")


def _uniform(rng: np.random.Generator, size: int | tuple[int, ...], limit: float) -> np.ndarray:
    return rng.uniform(-limit, limit, size).astype("float32")


@dataclass(frozen=True)
class Training:
    """An epoch: `steps` batches in a new random order, softmax crossentropy of labels or mean squared error, Adam.

    What an epoch costs besides its steps (the order, the call) is part of every library's time. Three hundred steps are where JAX's loop is
    fastest on the small networks: with fewer its call weighs more, with more the data leave the second-level cache.
    """

    name: str
    network: Network
    batch: int
    steps: int
    targets: tuple[Target, ...] = ()

    @property
    def samples(self) -> int:
        return self.batch * self.steps

    @cached_property
    def x(self) -> np.ndarray:
        return self.network.inputs(self.samples)

    @cached_property
    def y(self) -> np.ndarray:
        """Labels (n) int64, or values (n, m) float32."""
        rng, outputs = np.random.default_rng(2), self.network.units[-1]
        if self.network.classifies:
            return rng.integers(0, outputs, self.samples)
        return rng.normal(size=(self.samples, outputs)).astype("float32")

    def order(self, shuffle: bool) -> np.ndarray:
        """The samples in the order of an epoch, (steps, batch). Drawing it is part of every library's time, as it is of `fit`."""
        chosen = np.random.default_rng().permutation(self.samples) if shuffle else np.arange(self.samples)
        return chosen.reshape(self.steps, self.batch)


@dataclass(frozen=True)
class Prediction:
    """Outputs for a batch, called from Python with a NumPy array and answered with one."""

    network: Network
    batch: int
    targets: tuple[Target, ...] = ()

    @property
    def name(self) -> str:
        return self.network.name

    @cached_property
    def x(self) -> np.ndarray:
        return self.network.inputs(self.batch)


def _training(name: str, units: tuple[int, ...], activation: str, batch: int, steps: int, limit: float) -> Training:
    return Training(name, Network(units, activation), batch, steps, (Target("fastnn", limit, "JAX loop"),))


TRAININGS = [
    _training("tiny", (2, 10, 1), "sigmoid", 100, 300, 1 / 3),
    _training("tab", (10, 64, 64, 1), "relu", 32, 300, 1 / 2),
    _training("mnist", (784, 256, 128, 10), "relu", 128, 40, 0.9),
    _training("wide", (1024, 2048, 2048, 10), "relu", 512, 4, 0.95),
]

_SMALL, _TAB, _MNIST = Network((4, 16, 1)), Network((10, 64, 64, 1)), Network((784, 256, 128, 10))
_PLAIN = (Target("fastnn predict", 5.0), Target("fastnn call", 3.0))
_LEVEL = (Target("fastnn frozen", 1.0, "ONNX Runtime"),)

PREDICTIONS = [
    Prediction(_SMALL, 1, _PLAIN),
    Prediction(_TAB, 1, (Target("fastnn frozen", 0.8), Target("fastnn frozen, out", 0.8), *_PLAIN)),
    Prediction(_MNIST, 1, (Target("fastnn frozen", 0.7, "ONNX Runtime"),)),
    *(Prediction(network, batch, _LEVEL) for batch in (32, 1024) for network in (_SMALL, _TAB, _MNIST)),
]
PREDICTIONS.sort(key=lambda p: ([_SMALL, _TAB, _MNIST].index(p.network), p.batch))
