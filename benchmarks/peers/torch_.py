"""PyTorch: eager with its default Adam, and with the fused one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from benchmarks.peers.rivals import predicts, trains
from benchmarks.peers.workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network, Prediction, Training

torch.set_num_threads(1)
torch.set_num_interop_threads(1)

_ACTIVATIONS = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}


def _model(network: Network) -> torch.nn.Sequential:
    """The network up to its logits."""
    layers: list[torch.nn.Module] = []
    for w, b in network.weights:
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, _ACTIVATIONS[network.activation]()]
    return torch.nn.Sequential(*layers[:-1])


@trains("torch eager")
class Eager:
    options: dict[str, bool] = {}  # noqa: RUF012

    def __init__(self, workload: Training):
        self.workload, self.model = workload, _model(workload.network)
        self.x, self.y = torch.from_numpy(workload.x), torch.from_numpy(workload.y)
        self.loss = functional.cross_entropy if workload.network.classifies else functional.mse_loss
        self.optimizer = torch.optim.Adam(self.model.parameters(), LEARNING_RATE, (BETA_1, BETA_2), EPSILON, **self.options)

    def epoch(self, shuffle: bool) -> float:
        total = torch.zeros(())
        for rows in torch.from_numpy(self.workload.order(shuffle)):
            loss = self.loss(self.model(self.x[rows]), self.y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        return total.item() / self.workload.steps


@trains("torch fused Adam")
class Fused(Eager):
    options = {"fused": True}  # noqa: RUF012


@predicts("torch")
def predictor(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    network = workload.network
    model = _model(network)
    if network.classifies:
        model.append(torch.nn.Softmax(dim=1))
    model.eval()

    @torch.inference_mode()
    def predict(x: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(x)).numpy()

    return predict
