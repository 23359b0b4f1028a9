"""The network of an estimator: a Sequential made from its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn import activations
from fastnn.layers import Activation, BatchNormalization, Dense, Dropout, Input, Layer, LayerNormalization
from fastnn.layers.layer import load_each
from fastnn.models import Sequential
from fastnn.parameters import Parameter
from fastnn.regularizers import BatchL2
from fastnn.sklearn.tasks import FASTNN, Task

__all__ = ["Design", "for_each", "numbers", "parameters", "resolved"]

NORMS = {"batch_norm": BatchNormalization, "layer_norm": LayerNormalization}


def resolved(activation: Any) -> activations.Activation:
    """The activation that a name, scikit-learn's or fastnn's, or an object means."""
    return activations.get(FASTNN.get(activation, activation) if isinstance(activation, str) else activation)


def for_each(name: str, given: Any, layers: int) -> list[Any]:
    """A parameter's value for each hidden layer: one for all, or a list.

    Raises
    ------
    ValueError
        For a list of another length.
    """
    if not isinstance(given, (list, tuple, np.ndarray)):
        return [given] * layers
    if len(given) != layers:
        raise ValueError(f"{name} must be one for all hidden layers, or a list of {layers}, got {given!r}")
    return list(given)


@dataclass
class Design:
    """What a network is made of.

    Attributes
    ----------
    inputs : int
    units : list of int
        Of the hidden layers and the output.
    activation : list of Activation
        Of the hidden layers.
    out_activation : str
    alpha, weight : float
        Of the penalty on the kernels, :class:`~fastnn.regularizers.BatchL2`.
    dropout : list of float
    norm : type or None
        The layer between a hidden layer's sums and its activation.
    factor : list of float
        Of each dense layer: its initial numbers lie within ``sqrt(factor / (fan_in + fan_out))``.
    dtype : str
    """

    inputs: int
    units: list[int]
    activation: list[activations.Activation]
    out_activation: str
    alpha: float
    weight: float
    dropout: list[float]
    norm: type[Layer] | None
    factor: list[float]
    dtype: str

    @classmethod
    def of(cls, estimator: Any, task: Task, inputs: int, hidden: list[int], alpha: float, dtype: str) -> Design:
        """What an estimator's parameters say.

        Raises
        ------
        ValueError, TypeError
            For an unknown activation, lists of another length than there are hidden layers, and two kinds of normalization.
        """
        chosen = [kind for name, kind in NORMS.items() if getattr(estimator, name)]
        if len(chosen) > 1:
            raise ValueError("batch_norm and layer_norm both normalise what activations get: choose one")
        dropout = [float(rate or 0) for rate in for_each("dropout", estimator.dropout, len(hidden))]
        chain = [resolved(each) for each in for_each("activation", estimator.activation, len(hidden))]
        units = [_sums_for(size, activation) for size, activation in zip(hidden, chain, strict=True)]
        norm = chosen[0] if chosen else None
        last = chain or for_each(
            "activation", estimator.activation, 1
        )  # scikit-learn's rule goes by the activation without hidden layers too
        factor = [2.0 if resolved(each).name == "sigmoid" else 6.0 for each in [*chain, last[-1]]]
        return cls(inputs, [*units, task.outputs], chain, task.out_activation, alpha, task.share, dropout, norm, factor, dtype)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """How many numbers enter each dense layer, and how many sums it makes; a gated activation makes half as many of these."""
        widths = [f.compute_output_shape((size,))[0] for f, size in zip(self.activation, self.units, strict=False)]
        return list(zip([self.inputs, *widths], self.units, strict=True))

    def build(self, weights: Mapping[str, np.ndarray], seeds: np.random.RandomState | None) -> Sequential:
        """The network, with these numbers by their paths, ``"hidden_1/kernel"``; those missing are begun anew."""
        made = [layer for number in range(len(self.activation)) for layer in self._hidden(number, seeds)]
        made.append(self._dense("output", self.units[-1]))
        if self.out_activation != "identity":
            made.append(Activation(resolved(self.out_activation), name="probabilities"))
        load_each(made, weights)
        return Sequential([Input((self.inputs,)), *made], name="mlp", dtype=self.dtype)

    def _dense(self, name: str, units: int, activation: Any = None) -> Dense:
        return Dense(units, activation, kernel_regularizer=BatchL2(self.alpha, self.weight) if self.alpha else None, name=name)

    def _hidden(self, number: int, seeds: np.random.RandomState | None) -> Iterator[Layer]:
        name, activation, rate = f"hidden_{number + 1}", self.activation[number], self.dropout[number]
        yield self._dense(name, self.units[number], None if self.norm else activation)
        if self.norm:
            yield self.norm(name=f"{name}_norm")
            yield Activation(activation, name=f"{name}_activation")
        if rate:
            yield Dropout(rate, seed=None if seeds is None else int(seeds.randint(2**31 - 1)), name=f"{name}_dropout")

    def draw(self, random: np.random.RandomState, dtype: Any) -> dict[str, np.ndarray]:
        """Initial kernels and biases, drawn as scikit-learn draws them: uniformly within ``sqrt(6 / (fan_in + fan_out))``, 2 for logistic.

        References
        ----------
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
        """
        weights = {}
        for number, (fan_in, fan_out) in enumerate(self.sizes):
            name = f"hidden_{number + 1}" if number < len(self.activation) else "output"
            bound = np.sqrt(self.factor[number] / (fan_in + fan_out))
            weights[f"{name}/kernel"] = random.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype)
            weights[f"{name}/bias"] = random.uniform(-bound, bound, fan_out).astype(dtype)
        return weights


def _sums_for(size: int, activation: activations.Activation) -> int:
    """How many sums an activation makes so many outputs of: twice as many, where it is gated."""
    return size if activation.compute_output_shape((2 * size,)) == (2 * size,) else 2 * size


def numbers(model: Sequential) -> dict[str, np.ndarray]:
    """A network's numbers by their paths."""
    return {path: parameter.value for layer in model.layers for path, parameter in layer.named_weights()}


def parameters(model: Sequential) -> tuple[list[Parameter], list[Parameter]]:
    """The kernels and the biases of a network's dense layers."""
    layers = [layer for layer in model.layers if isinstance(layer, Dense)]
    return [layer.kernel for layer in layers], [layer.bias for layer in layers if layer.bias is not None]
