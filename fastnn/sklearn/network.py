"""The network of an estimator: a Sequential made from its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from fastnn.layers import Dense, Input
from fastnn.models import Sequential
from fastnn.parameters import Parameter
from fastnn.regularizers import BatchL2

__all__ = ["Design", "draw", "parameters"]

NAMES = {"identity": "linear", "logistic": "sigmoid", "exp": "exponential"}
"""scikit-learn's names of activations, where fastnn has others."""


@dataclass
class Design:
    """What a network is made of.

    Attributes
    ----------
    units : list of int
        Of the input, the hidden layers, the output.
    activation, out_activation : str
        As scikit-learn names them.
    alpha, weight : float
        Of the penalty on the kernels, :class:`~fastnn.regularizers.BatchL2`.
    dtype : str
    """

    units: list[int]
    activation: str
    out_activation: str
    alpha: float
    weight: float
    dtype: str

    def build(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> Sequential:
        """The network, with these kernels and biases."""
        made = []
        for number, (kernel, bias) in enumerate(zip(coefs, intercepts, strict=True), 1):
            last = number == len(coefs)
            activation = self.out_activation if last else self.activation
            regularizer = BatchL2(self.alpha, self.weight) if self.alpha else None
            name = "output" if last else f"hidden_{number}"
            made.append(Dense(bias.shape[0], NAMES.get(activation, activation), kernel_regularizer=regularizer, name=name))
            made[-1].load({f"{name}/kernel": kernel, f"{name}/bias": bias})
        return Sequential([Input((self.units[0],)), *made], name="mlp", dtype=self.dtype)


def draw(units: Sequence[int], activation: str, random: np.random.RandomState, dtype: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Initial kernels and biases, drawn as scikit-learn draws them: uniformly within ``sqrt(6 / (fan_in + fan_out))``, 2 for logistic.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
    """
    for fan_in, fan_out in pairwise(units):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
        kernel = random.uniform(-bound, bound, (fan_in, fan_out))
        yield kernel.astype(dtype), random.uniform(-bound, bound, fan_out).astype(dtype)


def parameters(model: Sequential) -> tuple[list[Parameter], list[Parameter]]:
    """The kernels and the biases of a network's dense layers."""
    layers = [layer for layer in model.layers if isinstance(layer, Dense)]
    return [layer.kernel for layer in layers], [layer.bias for layer in layers]
