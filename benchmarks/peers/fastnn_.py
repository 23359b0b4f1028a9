"""fastnn on its compiled backend: `fit` for an epoch, and each way to predict."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import fastnn
from benchmarks.peers.rivals import predicts, trains
from benchmarks.peers.workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network, Prediction, Training

fastnn.backend.use("compiled")
fastnn.set_num_threads(1)


def model_of(network: Network) -> fastnn.Sequential:
    """The network as a model."""
    hidden = [fastnn.layers.Dense(units, network.activation) for units in network.units[1:-1]]
    last = fastnn.layers.Dense(network.units[-1], "softmax" if network.classifies else None)
    model = fastnn.Sequential([fastnn.Input(network.units[:1]), *hidden, last], dtype="float32")
    model.set_weights([array for layer in network.weights for array in layer])
    return model


@trains("fastnn")
class Trainer:
    def __init__(self, workload: Training):
        self.workload, self.model = workload, model_of(workload.network)
        loss = "sparse_categorical_crossentropy" if workload.network.classifies else "mse"
        self.model.compile(fastnn.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON), loss)

    def epoch(self, shuffle: bool) -> float:
        history = self.model.fit(self.workload.x, self.workload.y, self.workload.batch, shuffle=shuffle, verbose=0)
        return history.history["loss"][-1]


@predicts("fastnn predict")
def _predict(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    return model_of(workload.network).predict


@predicts("fastnn call")
def _call(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    return model_of(workload.network)


@predicts("fastnn frozen")
def _frozen(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    return model_of(workload.network).freeze()


@predicts("fastnn frozen, out")
def _into(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    return partial(_frozen(workload), out=np.empty((workload.batch, workload.network.units[-1]), "float32"))
