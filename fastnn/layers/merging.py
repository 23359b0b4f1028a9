"""How the outputs of several branches become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn.backend import Op, op
from fastnn.configurable import Catalogue, Configurable
from fastnn.memory import aligned_zeros
from fastnn.program import Program, Tensor

__all__ = ["Merge", "add_gradients", "merges"]

Features = tuple[int, ...]


@op("a (n, m), b (n, m) -> y (n, m)", split="n", draw={"alpha": 0.7, "beta": -1.3})
def combine(a, b, y, alpha, beta):
    """``y = alpha a + beta b``; `y` may be either."""
    y[...] = y.dtype.type(alpha) * a + y.dtype.type(beta) * b


@op("dy (n, m) -> da (n, m), db (n, m)", differentiable=False, split="n", draw={"alpha": 0.7, "beta": -1.3})
def combine_backward(dy, da, db, alpha, beta):
    """``da = alpha dy``, ``db = beta dy``."""
    da[...] = da.dtype.type(alpha) * dy
    db[...] = db.dtype.type(beta) * dy


@op("a (n, m), b (n, m) -> y (n, m)", split="n")
def multiply(a, b, y):
    """``y = a b``."""
    np.multiply(a, b, out=y)


@op("a (n, m), b (n, m), dy (n, m) -> da (n, m), db (n, m)", differentiable=False, split="n")
def multiply_backward(a, b, dy, da, db):
    """``da = b dy``, ``db = a dy``."""
    np.multiply(b, dy, out=da)
    np.multiply(a, dy, out=db)


@op("a (n, m), b (n, m) -> y (n, m)", split="n")
def maximum(a, b, y):
    """The larger of the two; NaN where either is."""
    np.maximum(a, b, out=y)


@op("a (n, m), b (n, m), dy (n, m) -> da (n, m), db (n, m)", differentiable=False, split="n")
def maximum_backward(a, b, dy, da, db):
    """All of the gradient to the larger, half to each where they are equal, as in torch."""
    share = (a > b) + 0.5 * (a == b)
    np.multiply(dy, np.where(np.isnan(a) | np.isnan(b), np.nan, share), out=da, casting="same_kind")
    np.multiply(dy, np.where(np.isnan(a) | np.isnan(b), np.nan, 1 - share), out=db, casting="same_kind")


@op("a (n, m), b (n, m) -> y (n, m)", split="n")
def minimum(a, b, y):
    """The smaller of the two; NaN where either is."""
    np.minimum(a, b, out=y)


@op("a (n, m), b (n, m), dy (n, m) -> da (n, m), db (n, m)", differentiable=False, split="n")
def minimum_backward(a, b, dy, da, db):
    """All of the gradient to the smaller, half to each where they are equal."""
    maximum_backward.reference(b, a, dy, da, db)


@op("x (n, m) -> y (n, m)", split="n")
def copy(x, y):
    """``y = x``, into columns of a wider array for instance."""
    y[...] = x


@op("dy (n, m) -> dx (n, m)", differentiable=False, split="n")
def copy_backward(dy, dx):
    """``dx = dy``."""
    dx[...] = dy


def gradient_of(x: Tensor, program: Program) -> np.ndarray | None:
    """Where a backward op writes the gradient of one of its inputs, needed or not; None in inference."""
    return aligned_zeros(x.value.shape, program.dtype) if x.grad is None and program.training else x.grad


def add_gradients(program: Program, x: Tensor, takers: Sequence[Tensor]) -> None:
    """Append the backward calls that sum the gradients of all who take `x`; append them before theirs, as they run after them."""
    if x.grad is None:
        return
    total = x.rows.grad
    parts = [taker.rows.grad for taker in takers]
    for part in reversed(parts[2:]):
        program.backward(combine, total, part, total, 1.0, 1.0)
    program.backward(combine, parts[0], parts[1], total, 1.0, 1.0)


class Merge(Configurable):
    """How the outputs of branches become one.

    To write one, define `features`, the shape of the result, and `lower`, which appends the calls.
    """

    way_out = "use merge='concat'"
    """What to do with branches that don't go together."""

    def features(self, shapes: Sequence[Features]) -> Features:
        """The shape of one merged sample, for those of the branches.

        Raises
        ------
        ValueError
            When they don't go together.
        """
        if len(set(shapes)) != 1:
            raise ValueError(f"merge={self.name!r} needs branches of one shape, got {', '.join(map(str, shapes))}")
        return shapes[0]

    def lower(self, program: Program, parts: Sequence[Tensor]) -> Tensor:
        """Append the calls that merge `parts` to `program` and return the result."""
        raise NotImplementedError(f"{type(self).__name__} must define lower(program, parts)")

    @property
    def name(self) -> str:
        """What the catalogue calls it."""
        return type(self).__name__.lower()

    def serialized(self) -> str:
        """The name."""
        return self.name


merges: Catalogue[Merge] = Catalogue("merge", Merge)
"""Every way to merge branches, by name."""


class Pairwise(Merge):
    """A merge of two at a time, the result so far and the next branch's output, by an op and its backward."""

    forward: Op
    backward: Op

    def scalars(self, branches: int, number: int) -> tuple[float, ...]:
        """The op's scalars when branch `number` comes in."""
        return ()

    def reads(self, a: Tensor, b: Tensor) -> tuple[np.ndarray, ...]:
        """What the backward reads besides the gradient."""
        return a.value, b.value

    def lower(self, program: Program, parts: Sequence[Tensor]) -> Tensor:
        result = parts[0]
        for number, part in enumerate(parts[1:], start=1):
            a, b, y = result.rows, part.rows, program.tensor(*part.features)
            scalars = self.scalars(len(parts), number)
            program.forward(self.forward, a.value, b.value, y.rows.value, *scalars)
            gradients = gradient_of(a, program), gradient_of(b, program)
            program.backward(self.backward, *self.reads(a, b), y.rows.grad, *gradients, *scalars)
            result = y
        return result


class Linear(Pairwise):
    """A weighted sum."""

    forward, backward = combine, combine_backward

    def reads(self, a: Tensor, b: Tensor) -> tuple[np.ndarray, ...]:
        return ()


@merges.register("sum")
class Add(Linear):
    """The sum of what the branches put out."""

    def scalars(self, branches: int, number: int) -> tuple[float, ...]:
        return 1.0, 1.0


@merges.register()
class Subtract(Linear):
    """What the first branch puts out, less that of all others."""

    def scalars(self, branches: int, number: int) -> tuple[float, ...]:
        return 1.0, -1.0


@merges.register("mean")
class Average(Linear):
    """The mean of what the branches put out."""

    def scalars(self, branches: int, number: int) -> tuple[float, ...]:
        return 1.0 / branches if number == 1 else 1.0, 1.0 / branches


@merges.register()
class Multiply(Pairwise):
    """The product of what the branches put out, entry by entry."""

    forward, backward = multiply, multiply_backward


@merges.register("max")
class Maximum(Pairwise):
    """The largest of what the branches put out, entry by entry; of two equal ones each gets half the gradient."""

    forward, backward = maximum, maximum_backward


@merges.register("min")
class Minimum(Pairwise):
    """The smallest of what the branches put out, entry by entry; of two equal ones each gets half the gradient."""

    forward, backward = minimum, minimum_backward


@merges.register("concat")
class Concatenate(Merge):
    """What the branches put out, one beside the other along the last axis."""

    way_out = "flatten or reshape them first"

    def features(self, shapes: Sequence[Features]) -> Features:
        if len({shape[:-1] for shape in shapes}) != 1:
            raise ValueError(f"merge='concat' needs branches that differ in their last axis only, got {', '.join(map(str, shapes))}")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def lower(self, program: Program, parts: Sequence[Tensor]) -> Tensor:
        y = program.tensor(*self.features([part.features for part in parts]))
        start = 0
        for part in parts:
            columns = slice(start, start + part.features[-1])
            start = columns.stop
            program.forward(copy, part.rows.value, y.rows.value[:, columns])
            if part.grad is not None:
                program.backward(copy_backward, y.rows.grad[:, columns], part.rows.grad)  # type: ignore[index]
        return y

    @property
    def name(self) -> str:
        return "concat"
