"""Muon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.backend import Op
from fastnn.optimizers.adam import adam
from fastnn.optimizers.optimizer import ONE_TOO, Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.updates import Run, Value
from fastnn.parameters import Parameter

__all__ = ["Muon"]

_DRAWN = {"gradient_share": 1.0, "momentum_share": 0.95, "size_factor": 0.2, "size_power": 0.5}
_DRAWN |= {"muon_a": 3.4445, "muon_b": -4.775, "muon_c": 2.0315, "ns_steps": 5}


def _direction(g: np.ndarray, b: np.ndarray, x: np.ndarray, momentum: float, gradient_share: float, momentum_share: float) -> None:
    b *= momentum
    b += g
    x[...] = gradient_share * g + momentum_share * b
    x /= float(np.linalg.norm(x.astype(np.float64))) + 1e-7


def _move(p: np.ndarray, x: np.ndarray, learning_rate: float, weight_decay: float, size_factor: float, size_power: float) -> None:
    p *= 1.0 - learning_rate * weight_decay
    p -= learning_rate * size_factor * max(p.shape) ** size_power * x


@update(
    "p (k, m), g (k, m), b (k, m) -> p, b, x (k, m), y (k, m), gram (k, k), poly (k, k)",
    split=None,
    draw=_DRAWN,
)
def muon_wide(
    p: np.ndarray,
    g: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    gram: np.ndarray,
    poly: np.ndarray,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
    gradient_share: float,
    momentum_share: float,
    size_factor: float,
    size_power: float,
    muon_a: float,
    muon_b: float,
    muon_c: float,
    ns_steps: float,
) -> None:
    """P moves by ``-learning_rate * size_factor * max(k, m)**size_power * x``.

    ``b = momentum*b + g``, ``x = gradient_share*g + momentum_share*b`` by its norm, then `ns_steps` times
    ``x = muon_a*x + (muon_b*gram + muon_c*gram@gram) @ x`` with ``gram = x @ x.T``.
    """
    _direction(g, b, x, momentum, gradient_share, momentum_share)
    for _ in range(int(ns_steps)):
        np.matmul(x, x.T, out=gram)
        np.matmul(gram, gram, out=poly)
        poly *= muon_c
        poly += muon_b * gram
        np.matmul(poly, x, out=y)
        x *= muon_a
        x += y
    _move(p, x, learning_rate, weight_decay, size_factor, size_power)


@update(
    "p (k, m), g (k, m), b (k, m) -> p, b, x (k, m), y (k, m), gram (m, m), poly (m, m)",
    split=None,
    draw=_DRAWN,
)
def muon_tall(
    p: np.ndarray,
    g: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    gram: np.ndarray,
    poly: np.ndarray,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
    gradient_share: float,
    momentum_share: float,
    size_factor: float,
    size_power: float,
    muon_a: float,
    muon_b: float,
    muon_c: float,
    ns_steps: float,
) -> None:
    """`muon_wide` for matrices with more rows than columns: the same from the other side, with ``gram = x.T @ x``."""
    _direction(g, b, x, momentum, gradient_share, momentum_share)
    for _ in range(int(ns_steps)):
        np.matmul(x.T, x, out=gram)
        np.matmul(gram, gram, out=poly)
        poly *= muon_c
        poly += muon_b * gram
        np.matmul(x, poly, out=y)
        x *= muon_a
        x += y
    _move(p, x, learning_rate, weight_decay, size_factor, size_power)


@optimizers.register()
class Muon(Optimizer):
    """Momentum whose singular values are brought near 1, for the matrices of hidden layers; AdamW for all other parameters.

    A matrix' step goes along the nearest matrix with orthonormal rows or columns, nearly: five steps of a Newton-Schulz iteration. Input
    and output layers, embeddings and biases are better off with AdamW. Biases are no matrices, and embeddings are known by their names;
    name the first and the last layer in `exclude_layers`.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    adam_beta_1, adam_beta_2 : float
        Decays of AdamW's means, in [0, 1).
    adam_weight_decay : float
        That of AdamW's parameters; not negative.
    epsilon : float
        AdamW's; positive.
    weight_decay : float
        That of the matrices.
    exclude_layers : list of str, optional
        Regular expressions: matrices in whose path (``"dense/kernel"``) one is found are AdamW's.
    exclude_embeddings : bool
        Whether matrices with "embedding" in their path are, too.
    muon_a, muon_b, muon_c : float
        Of the iteration ``x = a*x + (b*g + c*g@g) @ x`` with ``g = x @ x.T``.
    adam_lr_ratio : float
        AdamW's learning rate is so many times that of the matrices; positive.
    momentum : float
        In [0, 1]: ``m = momentum*m + g``.
    ns_steps : int
        Steps of the iteration, at most 100: each multiplies matrices, and more bring nothing.
    nesterov : bool
        Whether the step goes along ``g + momentum*m`` instead of m.
    rms_rate : float or None
        Steps are multiplied by ``rms_rate * sqrt(max(k, m))``, which makes them as long as AdamW's; by nothing if None.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, https://kellerjordan.github.io/posts/muon.
    J. Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982: weight decay and `rms_rate`. Names and defaults are Keras'; torch
    iterates in bfloat16, which a processor gains nothing from.
    """

    op, slot_names = muon_wide, ("momentum",)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Any,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **options)
        self.adam_beta_1 = check_number("adam_beta_1", adam_beta_1, high=1.0)
        self.adam_beta_2 = check_number("adam_beta_2", adam_beta_2, high=1.0)
        self.adam_weight_decay = check_number("adam_weight_decay", adam_weight_decay)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)
        self.exclude_layers = [re.compile(each).pattern for each in exclude_layers or ()]
        self.exclude_embeddings = exclude_embeddings
        for name, value in (("muon_a", muon_a), ("muon_b", muon_b), ("muon_c", muon_c)):
            setattr(self, name, check_number(name, value, low=-np.inf))
        self.adam_lr_ratio = check_number("adam_lr_ratio", adam_lr_ratio, open_low=True)
        self.momentum = check_number("momentum", momentum, high=ONE_TOO)
        self.ns_steps = positive_integer("ns_steps", ns_steps, most=100)
        self.nesterov = nesterov
        self.rms_rate = None if rms_rate is None else check_number("rms_rate", rms_rate, open_low=True)

    def op_for(self, parameter: Parameter) -> Op:
        if len(parameter.shape) != 2 or self._excluded(parameter.path):
            return adam
        return muon_wide if parameter.shape[0] <= parameter.shape[1] else muon_tall

    def _excluded(self, path: str) -> bool:
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        return embedding or any(re.search(pattern, path) for pattern in self.exclude_layers)

    def slots_of(self, op: Op) -> tuple[str, ...]:
        return ("momentum", "velocity") if op is adam else self.slot_names

    @property
    def form(self) -> tuple[Any, ...]:
        return *super().form, *self.exclude_layers, self.exclude_embeddings

    def value(self, name: str, run: Run) -> Value:
        if run.op is adam and name == "learning_rate":
            return lambda steps: steps.learning_rate * self.adam_lr_ratio * run.group.learning_rate
        if run.op is adam and name == "weight_decay":  # which Keras multiplies by the matrices' rate
            return lambda steps: self.adam_weight_decay / self.adam_lr_ratio * run.group.weight_decay
        return super().value(f"adam_{name}" if name.startswith("beta") else name, run)

    @property
    def gradient_share(self) -> float:
        return float(self.nesterov)

    @property
    def momentum_share(self) -> float:
        return self.momentum if self.nesterov else 1.0

    @property
    def size_factor(self) -> float:
        return 1.0 if self.rms_rate is None else self.rms_rate

    @property
    def size_power(self) -> float:
        return 0.0 if self.rms_rate is None else 0.5
