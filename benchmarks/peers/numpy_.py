"""NumPy by hand, as one would write it who knows it: flat parameters, buffers reused by Adam."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.peers.rivals import predicts, trains
from benchmarks.peers.workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Prediction, Training


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


_ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0.0), "sigmoid": _sigmoid}
_SLOPES = {"relu": lambda a: a > 0.0, "sigmoid": lambda a: a * (1.0 - a)}


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    return e


def _views(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    sizes = np.cumsum([np.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, sizes[:-1]), shapes, strict=True)]


@trains("NumPy")
class Trainer:
    def __init__(self, workload: Training):
        self.workload = workload
        arrays = [array for layer in workload.network.weights for array in layer]
        self.p = np.concatenate([array.ravel() for array in arrays])
        self.g, self.m, self.v, self.root = (np.zeros_like(self.p) for _ in range(4))
        shapes = [array.shape for array in arrays]
        parameters, gradients = _views(self.p, shapes), _views(self.g, shapes)
        self.layers = list(zip(parameters[::2], parameters[1::2], gradients[::2], gradients[1::2], strict=True))
        self.activation = _ACTIVATIONS[workload.network.activation]
        self.slope = _SLOPES[workload.network.activation]
        self.loss = _crossentropy if workload.network.classifies else _squared_error
        self.t = 0

    def epoch(self, shuffle: bool) -> float:
        x, y = self.workload.x, self.workload.y
        return sum(self.step(x[rows], y[rows]) for rows in self.workload.order(shuffle)) / self.workload.steps

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        activations = self._forward(x)
        loss, delta = self.loss(activations.pop(), y)
        self._backward(activations, delta)
        self._adam()
        return loss

    def _forward(self, x: np.ndarray) -> list[np.ndarray]:
        activations = [x]
        for w, b, *_ in self.layers:
            z = activations[-1] @ w
            z += b
            activations.append(self.activation(z) if w is not self.layers[-1][0] else z)
        return activations

    def _backward(self, activations: list[np.ndarray], delta: np.ndarray) -> None:
        for (w, _, dw, db), a in zip(reversed(self.layers), reversed(activations), strict=True):
            np.matmul(a.T, delta, out=dw)
            np.sum(delta, axis=0, out=db)
            if a is not activations[0]:
                delta = delta @ w.T
                delta *= self.slope(a)

    def _adam(self) -> None:
        self.t += 1
        self.m *= BETA_1
        np.multiply(self.g, 1.0 - BETA_1, out=self.root)
        self.m += self.root
        self.v *= BETA_2
        np.square(self.g, out=self.g)
        self.g *= 1.0 - BETA_2
        self.v += self.g
        np.sqrt(self.v, out=self.root)
        self.root += EPSILON
        np.divide(self.m, self.root, out=self.root)
        self.root *= LEARNING_RATE * (1.0 - BETA_2**self.t) ** 0.5 / (1.0 - BETA_1**self.t)
        self.p -= self.root


def _crossentropy(z: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean loss, and its gradient with respect to the logits."""
    rows = np.arange(len(z))
    p = _softmax(z)
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1.0
    p /= np.float32(len(z))
    return float(loss), p


def _squared_error(y: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    error = y - t
    loss = float(np.vdot(error, error)) / error.size
    error *= 2.0 / error.size
    return loss, error


@predicts("NumPy")
def predictor(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    network = workload.network
    *hidden, (w_last, b_last) = network.weights
    activation = _ACTIVATIONS[network.activation]

    def predict(x: np.ndarray) -> np.ndarray:
        for w, b in hidden:
            x = activation(x @ w + b)
        z = x @ w_last + b_last
        return _softmax(z) if network.classifies else z

    return predict
