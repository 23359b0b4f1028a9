"""The chain of layers that a graph turns out to be, while its nodes are read one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn import activations
from fastnn import layers as kinds
from fastnn.exchange.onnx.parsing import Node
from fastnn.layers.layer import Layer

__all__ = ["Chain"]

LARGEST_SAMPLE = 2**24
"""Numbers that a sample may consist of: a file can say so of arrays that it doesn't hold."""


@dataclass
class Step:
    """A layer to be: its class, its arguments, and its parameters' numbers by name."""

    kind: type
    options: dict[str, Any]
    weights: dict[str, np.ndarray]

    @property
    def does_nothing(self) -> bool:
        """Whether it is factors and offsets that came to nothing: the 2 and 0.5 of a gelu."""
        return self.kind is kinds.Normalization and not self.weights["center"].any() and bool((self.weights["scale"] == 1).all())

    def made(self) -> Layer:
        """The layer, not built yet."""
        if self.kind is Centring:
            raise ValueError("from_onnx: a mean is taken off, and no layer normalization follows")
        layer = self.kind(**self.options)
        layer.loaded = {name: np.array(array) for name, array in self.weights.items()}  # another node may use the same
        return layer


class Centring:
    """A mean that was taken off, which with a root mean square after it is a layer normalization."""


AFFINE = {
    kinds.Dense: ("kernel", "bias"),
    kinds.BatchNormalization: ("gamma", "beta"),
    kinds.LayerNormalization: ("gamma", "beta"),
    kinds.RMSNormalization: ("scale", ""),
}
"""The layers that a factor and an offset after them become part of, and what they are there."""
FLAGS = {"gamma": "scale", "beta": "center", "bias": "use_bias"}
"""The arguments that say whether a layer has such."""


class Chain:
    """Layers, and what is known of the value that the last of them puts out.

    Attributes
    ----------
    steps : list of Step
    features : tuple of int
        Its shape without the batch axis.
    batch : int
        The number of samples, where the graph is fixed to one; or -1.
    flipped : bool
        Whether it is transposed, its last axis that of the samples.
    codes : str
        ``"given"`` where it is integers from the outset, ``"cast"`` where floating numbers became integers; "" else.
    opset : int
    """

    def __init__(self, features: tuple[int, ...], batch: int, codes: str, opset: int):
        self.steps: list[Step] = []
        self.features, self.batch, self.codes, self.opset = features, batch, codes, opset
        self.flipped = False

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.features) + 1

    # ------------------------------------------------------------------------------------------------ what it checks

    def check_upright(self, node: Node) -> None:
        """Refuse a node that computes along an axis, where the value is transposed."""
        if self.flipped:
            raise node.refused("what comes to it is transposed; only products, offsets and functions of each number are read there")

    def check_last(self, node: Node, axis: int) -> None:
        """Refuse another axis than that of the features."""
        if axis % self.rank != (0 if self.flipped else self.rank - 1):
            raise node.refused(f"it works along axis {axis}, fastnn along the last one")

    def vector(self, node: Node, array: np.ndarray) -> np.ndarray:
        """A number, or one for each feature, that a constant broadcasts to."""
        width = self.features[-1]
        fits = array.shape == (width, 1) if self.flipped else array.size == width and array.shape[-1:] == (width,)
        if array.ndim > self.rank or not (fits or array.size == 1):
            raise node.refused(f"its constant of shape {array.shape} is neither one number nor one for each of {width} features")
        return array.reshape(-1 if array.size > 1 else ()).astype(np.float64)

    # ---------------------------------------------------------------------------------------------------- what it adds

    def add(self, node: Node, kind: type, weights: dict[str, np.ndarray] | None = None, **options: Any) -> None:
        """Append a layer."""
        if self.codes and kind not in (kinds.Embedding, kinds.Columns):
            raise node.refused("it computes with integers; fastnn takes them for codes of an embedding alone")
        if self.steps and self.steps[-1].kind is Centring:
            if kind is not kinds.RMSNormalization:
                raise node.refused("the mean was taken off before it; that is read as a part of a layer normalization alone")
            kind, options = kinds.LayerNormalization, {**options, "center": False, "scale": False}
            self.steps.pop()
        self.steps.append(Step(kind, options, weights or {}))

    def product(self, node: Node, kernel: np.ndarray) -> None:
        """Append a product with a matrix (inputs, outputs)."""
        if kernel.ndim != 2 or kernel.shape[0] != self.features[-1] or not kernel.size:
            raise node.refused(f"its matrix of shape {kernel.shape} (inputs, outputs) doesn't suit {self.features[-1]} features")
        self.add(node, kinds.Dense, {"kernel": kernel}, units=kernel.shape[1], use_bias=False)
        self.features = (*self.features[:-1], kernel.shape[1])

    def activate(self, node: Node, name: Any, **parameters: Any) -> None:
        """Append an activation: to the dense layer before it where that has none."""
        try:
            activation = activations.get(name).bind(**parameters)
            after = activation.compute_output_shape(self.features)
        except (TypeError, ValueError) as error:
            raise node.refused(str(error)) from error
        last = self.steps[-1] if self.steps else None
        if last and last.kind is kinds.Dense and "activation" not in last.options:
            last.options["activation"] = activation
        else:
            self.add(node, kinds.Activation, activation=activation)
        self.features = after

    def affine(self, node: Node, factor: Any = None, offset: Any = None) -> None:
        """Append a factor and then an offset, numbers or vectors: to the layer before it where they can be part of that."""
        last = self.steps[-1] if self.steps else None
        scale, shift = AFFINE.get(last.kind, ("", "")) if last and "activation" not in last.options else ("", "")
        if last and scale and (shift or offset is None):
            self._join(last, scale, shift, factor, offset)
            return
        if not last or last.kind is not kinds.Normalization:
            width = self.features[-1]
            self.add(node, kinds.Normalization, {"center": np.zeros(width), "scale": np.ones(width)})
        self._rescale(node, self.steps[-1].weights, 1.0 if factor is None else factor, 0.0 if offset is None else offset)

    def _rescale(self, node: Node, weights: dict[str, np.ndarray], factor: Any, offset: Any) -> None:
        """Let ``(x - center) / scale`` be multiplied, and then moved."""
        with np.errstate(all="ignore"):
            scale = weights["scale"] / factor
        if not np.isfinite(scale).all() or not scale.all():
            raise node.refused("it multiplies by 0, or by what isn't finite")
        weights |= {"scale": scale, "center": weights["center"] - scale * offset}

    def _join(self, last: Step, scale: str, shift: str, factor: Any, offset: Any) -> None:
        plain, weights = np.zeros(self.features[-1]), last.weights
        if factor is not None:
            weights[scale] = weights.get(scale, plain + 1) * factor
            weights |= {shift: weights[shift] * factor} if shift in weights else {}
        if offset is not None:
            weights[shift] = weights.get(shift, plain) + offset
        last.options |= {FLAGS[name]: name in weights for name in (scale, shift) if name in FLAGS}

    def reshape(self, node: Node, features: tuple[int, ...]) -> None:
        """Append a change of shape."""
        self.check_upright(node)
        if not features or math.prod(features) != math.prod(self.features):
            raise node.refused(f"samples of shape {self.features} can't become {features}")
        if features != self.features:
            flat = len(features) == 1
            self.steps.append(Step(kinds.Flatten, {}, {}) if flat else Step(kinds.Reshape, {"target_shape": features}, {}))
        self.features = features
