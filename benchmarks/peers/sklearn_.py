"""scikit-learn's MLP: `partial_fit` over the whole data is one epoch."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.peers.rivals import trains
from benchmarks.peers.workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Training

_ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic"}


@trains("scikit-learn")
class Trainer:
    def __init__(self, workload: Training):
        self.workload, network = workload, workload.network
        # Its squared error is half the mean: with half the epsilon, Adam makes the same step.
        self.scale, kind = (1.0, MLPClassifier) if network.classifies else (2.0, MLPRegressor)
        self.model = kind(
            hidden_layer_sizes=network.units[1:-1],
            activation=_ACTIVATIONS[network.activation],
            alpha=0.0,
            batch_size=workload.batch,
            learning_rate_init=LEARNING_RATE,
            beta_1=BETA_1,
            beta_2=BETA_2,
            epsilon=EPSILON / self.scale,
        )
        self.y = workload.y if network.classifies else workload.y.ravel()
        self.classes = {"classes": np.arange(network.units[-1])} if network.classifies else {}
        self._set_weights()

    def _set_weights(self) -> None:
        """Give the model its weights: it makes its own in the first call, and an optimizer that has to start anew."""
        batch = slice(self.workload.batch)
        self.model.partial_fit(self.workload.x[batch], self.y[batch], **self.classes)
        for (w, b), kernel, bias in zip(self.workload.network.weights, self.model.coefs_, self.model.intercepts_, strict=True):
            kernel[...], bias[...] = w, b
        del self.model._optimizer

    def epoch(self, shuffle: bool) -> float:
        self.model.shuffle = shuffle
        self.model.partial_fit(self.workload.x, self.y)
        return float(self.model.loss_) * self.scale
