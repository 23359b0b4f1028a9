"""fastnn on its compiled backend: `fit` for an epoch, and each way to predict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import fastnn
from benchmarks.peers.rivals import predicts, trains
from benchmarks.peers.workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network, Training

fastnn.backend.use("compiled")
fastnn.set_num_threads(1)


def _model(network: Network) -> fastnn.Sequential:
    hidden = [fastnn.layers.Dense(units, network.activation) for units in network.units[1:-1]]
    last = fastnn.layers.Dense(network.units[-1], "softmax" if network.classifies else None)
    model = fastnn.Sequential([fastnn.Input(network.units[:1]), *hidden, last], dtype="float32")
    model.set_weights([array for layer in network.weights for array in layer])
    return model


@trains("fastnn")
class Trainer:
    def __init__(self, workload: Training):
        self.workload, self.model = workload, _model(workload.network)
        loss = "sparse_categorical_crossentropy" if workload.network.classifies else "mse"
        self.model.compile(fastnn.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON), loss)

    def epoch(self, shuffle: bool) -> float:
        history = self.model.fit(self.workload.x, self.workload.y, self.workload.batch, shuffle=shuffle, verbose=0)
        return history.history["loss"][-1]


@predicts("fastnn predict")
def _predict(network: Network) -> Callable[[np.ndarray], np.ndarray]:
    return _model(network).predict


@predicts("fastnn call")
def _call(network: Network) -> Callable[[np.ndarray], np.ndarray]:
    return _model(network)


@predicts("fastnn frozen")
def _frozen(network: Network) -> Callable[[np.ndarray], np.ndarray] | None:
    freeze = getattr(_model(network), "freeze", None)
    return freeze and freeze()
