"""Layers for columns that hold category codes: integers from 0, as floating numbers of the model's dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.arrays import positive_integer
from fastnn.backend import op
from fastnn.layers.layer import Layer, Shape, layers
from fastnn.program import Program, Tensor

__all__ = ["CategoryEncoding", "Embedding"]


def _known(x: np.ndarray, m: int) -> np.ndarray:
    """Which of x are whole numbers in [0, m)."""
    return (x >= 0) & (x < m) & (np.floor(x) == x)


@op("x (n, k) -> y (n, m)", differentiable=False, split="n", draw={"x": "labels"})
def count_tokens(x, y):
    """How often each of the codes 0 ... m - 1 is in a row; a row with any other number becomes NaN."""
    known, y[...] = _known(x, y.shape[1]), 0
    rows = np.repeat(np.arange(len(x)), x.shape[1]).reshape(x.shape)
    np.add.at(y, (rows[known], x[known].astype(np.int64)), 1)
    y[~known.all(axis=1)] = np.nan


@op("x (n, k) -> y (n, m)", differentiable=False, split="n", draw={"x": "labels"})
def multi_hot(x, y):
    """1 for each of the codes 0 ... m - 1 that is in a row, else 0; a row with any other number becomes NaN."""
    count_tokens.reference(x, y)
    np.minimum(y, 1, out=y)


@op("x (n), w (m, k) -> y (n, k)", split="n", draw={"x": "labels"})
def embedding(x, w, y):
    """The rows of `w` that the codes in `x` name; NaN for any other number."""
    known = _known(x, len(w))
    y[known] = w[x[known].astype(np.int64)]
    y[~known] = np.nan


@op("x (n), dy (n, k) -> dw (m, k)", differentiable=False, split="k", draw={"x": "labels"})
def embedding_backward(x, dy, dw):
    """Each row of `dw` is the sum of the gradients of all places its row went to, in their order."""
    known, dw[...] = _known(x, len(dw)), 0
    np.add.at(dw, x[known].astype(np.int64), dy[known])


class CodeLayer(Layer):
    """A layer that takes category codes; `size` says how many there are, the attribute `size_name` what the layer calls that."""

    size_name: str
    size: int
    checks_values = True

    def check_samples(self, x: np.ndarray) -> None:
        known = _known(x, self.size)
        if not known.all():
            bad = np.argwhere(~known)[0]
            where = f"row {bad[0]}" + (f", position {tuple(int(i) for i in bad[1:])}" if x.ndim > 1 else "")
            raise ValueError(
                f"layer {self.name!r} takes whole numbers from 0 to {self.size - 1}, got {x[tuple(bad)]} at {where}; "
                f"encode categories from 0, and let {self.size_name} be their number"
            )

    def check_place(self, x: Tensor) -> None:
        """Refuse an input that something is to learn from: codes have no gradient."""
        if x.grad is not None:
            raise ValueError(f"layer {self.name!r} takes category codes, which only a model's input holds: put it first")

    def check_exact(self) -> None:
        """Refuse more codes than the dtype tells apart."""
        most = 2**24 if self.dtype == "float32" else 2**53
        if self.size > most:
            raise ValueError(
                f"layer {self.name!r}: {self.dtype} holds whole numbers up to {most}, {self.size_name} is {self.size}; use float64"
            )


@layers.register()
class CategoryEncoding(CodeLayer):
    """Turns category codes into vectors of zeros and ones, or of counts. It comes first in a model.

    Parameters
    ----------
    num_tokens : int
        Number of categories.
    output_mode : {"multi_hot", "one_hot", "count"}
        ``"multi_hot"`` and ``"count"`` make one vector of a sample's codes: which there are, and how many of each. ``"one_hot"`` makes
        one of each code: samples of shape (k,) become (k, num_tokens), those of one code (num_tokens,).
    sparse : bool
        Here for Keras' order of arguments; must be False.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For other arguments, and for samples with another number than a code. In a model that was frozen such a number becomes NaN.
    """

    size_name = "num_tokens"

    def __init__(self, num_tokens: int, output_mode: str = "multi_hot", sparse: bool = False, **options: Any):
        super().__init__(**options)
        self.num_tokens = self.size = positive_integer(f"layer {self.name!r}: num_tokens", num_tokens)
        if output_mode not in ("multi_hot", "one_hot", "count"):
            raise ValueError(f"layer {self.name!r}: output_mode must be 'multi_hot', 'one_hot' or 'count', got {output_mode!r}")
        if sparse:
            raise ValueError(f"layer {self.name!r}: sparse outputs aren't there; leave sparse at False")
        self.output_mode, self.sparse = output_mode, False

    def make_parameters(self, features: tuple[int, ...]) -> None:
        self.check_exact()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode == "one_hot" and input_shape[-1] != 1:
            return (*input_shape, self.num_tokens)
        return (*input_shape[:-1], self.num_tokens)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        self.check_place(x)
        y = program.tensor(*self.compute_output_shape(x.value.shape)[1:], needs_grad=False)  # type: ignore[arg-type]
        codes = x.value.reshape(-1, 1) if self.output_mode == "one_hot" else x.rows.value
        program.forward(count_tokens if self.output_mode == "count" else multi_hot, codes, y.rows.value)
        return y


@layers.register()
class Embedding(CodeLayer):
    """Turns each category code into a vector that is learned: samples of shape (k,) become (k, output_dim). It comes first in a model.

    Parameters
    ----------
    input_dim : int
        Number of categories.
    output_dim : int
        Length of the vectors.
    embeddings_initializer : str or Initializer
    embeddings_regularizer : str or Regularizer, optional
    embeddings_constraint : str or Constraint, optional
    mask_zero : bool
        Here for Keras' order of arguments; must be False.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Attributes
    ----------
    embeddings : Parameter of shape (input_dim, output_dim)

    Raises
    ------
    ValueError
        For other arguments, and for samples with another number than a code. In a model that was frozen such a number becomes NaN.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.layers import Dense, Embedding, Flatten
    >>> model = fastnn.Sequential([fastnn.Input((3,)), Embedding(10, 4), Flatten(), Dense(1)])
    >>> model.layers[1].compute_output_shape((None, 3, 4))
    (None, 12)
    """

    size_name = "input_dim"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        **options: Any,
    ):
        super().__init__(**options)
        self.input_dim = self.size = positive_integer(f"layer {self.name!r}: input_dim", input_dim)
        self.output_dim = positive_integer(f"layer {self.name!r}: output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        if mask_zero:
            raise ValueError(f"layer {self.name!r}: masks aren't there; leave mask_zero at False")
        self.mask_zero = False

    def make_parameters(self, features: tuple[int, ...]) -> None:
        self.check_exact()
        shape, penalty = (self.input_dim, self.output_dim), self.embeddings_regularizer
        self.embeddings = self.add_weight(shape, self.embeddings_initializer, "embeddings", penalty, True, self.embeddings_constraint)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        self.check_place(x)
        y, codes, w = program.tensor(*x.features, self.output_dim), x.value.reshape(-1), self.embeddings
        program.forward(embedding, codes, w.value, y.rows.value)
        program.backward(embedding_backward, codes, y.rows.grad, w.grad)
        return y
