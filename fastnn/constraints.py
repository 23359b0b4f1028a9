"""What parameters are held to after each update; Keras' formulas and names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.absent import missing
from fastnn.backend import Op, op
from fastnn.configurable import Catalogue, Configurable, deserializer, serialize

if TYPE_CHECKING:
    from fastnn.parameters import Parameter

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "constraints", "deserialize", "get", "serialize"]

Bound = tuple[Op, tuple[Any, ...]]
"""An op and its arguments."""

EPSILON = 1e-7
"""Added to norms before they divide, as in Keras."""


class Constraint(Configurable):
    """What an array of parameters is brought to after each update.

    To write one, define `__call__`, which returns the new array; or `on`, if it has ops of its own.
    """

    def __call__(self, w: Any) -> np.ndarray:
        """`w` as the constraint wants it, a new array."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(w), which returns the constrained array")

    def calls(self, parameter: Parameter) -> Iterator[Bound]:
        """The op calls that bring a parameter, where it is now, to what it must be."""
        return self.on(parameter.value)

    def on(self, w: np.ndarray) -> Iterator[Bound]:
        """The op calls that do it to `w`."""

        def constrain(w: np.ndarray) -> None:
            w[...] = self(w)

        yield Op(constrain, f"w ({', '.join('kmh'[: w.ndim])}) -> w", differentiable=False), (w,)


class OpConstraint(Constraint):
    """A constraint by an op: calling it applies the op to a copy."""

    def __call__(self, w: Any) -> np.ndarray:
        given = np.asarray(w)
        made = np.array(given, given.dtype if given.dtype.kind == "f" else np.float64, order="C")
        for constrain, arguments in self.on(made):
            constrain(*arguments)
        return made


constraints: Catalogue[Constraint] = Catalogue("constraint", Constraint)
"""Every constraint class by its names."""


@op("w (s) -> w", differentiable=False, split="s")
def hold_non_negative(w: np.ndarray) -> None:
    """Set negative entries to 0; NaN stays."""
    w[w < 0] = 0


@constraints.register("nonneg", "non_neg")
class NonNeg(OpConstraint):
    """No entry below 0."""

    def on(self, w: np.ndarray) -> Iterator[Bound]:
        yield hold_non_negative, (w.reshape(-1),)


@op("w (k, m) -> w", differentiable=False, split="m", draw={"low": 0.5, "high": 1.5, "rate": 0.7})
def hold_column_norms(w: np.ndarray, low: float, high: float, rate: float) -> None:
    """Bring the norms of columns by a share `rate` of the way into [low, high].

    ``w * (rate*clip(norm, low, high) + (1 - rate)*norm) / (norm + 1e-7)``.
    """
    norm = np.sqrt(np.square(w, dtype=np.float64).sum(axis=0))
    w *= ((rate * np.clip(norm, low, high) + (1 - rate) * norm) / (norm + EPSILON)).astype(w.dtype)


@op("w (k, m) -> w", differentiable=False, split="k", draw={"low": 0.5, "high": 1.5, "rate": 0.7})
def hold_row_norms(w: np.ndarray, low: float, high: float, rate: float) -> None:
    """The same for rows."""
    hold_column_norms.reference(w.T, low, high, rate)


def _number(value: Any, name: str, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not 0 <= value <= high:
        raise ValueError(f"{name} must be a number >= 0" + (f" and <= {high:g}" if high < math.inf else "") + f", got {value!r}")
    return float(value)


def _checked_axis(axis: Any) -> Any:
    """`axis` as Keras takes it: the axis or axes that a norm sums over."""
    given = axis if isinstance(axis, Sequence) else [axis]
    if not given or not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) and -2 <= a <= 1 for a in given):
        raise ValueError(f"axis must be 0, 1, or both as a list, got {axis!r}")
    return [int(a) for a in given] if isinstance(axis, Sequence) else int(axis)


class NormConstraint(OpConstraint):
    """A bound on norms: a subclass has the attribute `axis`, and the property `bounds` (low, high, rate)."""

    axis: int | list[int]
    bounds: tuple[float, float, float]

    def on(self, w: np.ndarray) -> Iterator[Bound]:
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        if any(not -w.ndim <= axis < w.ndim for axis in given):
            raise ValueError(f"{self!r}: a parameter of shape {w.shape} has no axis {given}; use axis=0")
        summed = {axis % w.ndim for axis in given}
        if len(summed) == w.ndim:
            yield hold_column_norms, (w.reshape(-1, 1), *self.bounds)
        else:
            yield hold_column_norms if summed == {0} else hold_row_norms, (w, *self.bounds)


@constraints.register("maxnorm", "max_norm")
class MaxNorm(NormConstraint):
    """Norms of at most `max_value`: each vector of weights that is longer is shortened to it.

    Parameters
    ----------
    max_value : float
    axis : int or list of int
        What a norm sums over: 0, the inputs of each unit of a dense kernel, by default.

    Raises
    ------
    ValueError
        For a negative bound or another axis.

    References
    ----------
    Srivastava et al. 2014, "Dropout", JMLR 15, section 5.1.
    """

    def __init__(self, max_value: float = 2, axis: int | list[int] = 0):
        self.max_value, self.axis = _number(max_value, "max_value"), _checked_axis(axis)

    bounds = property(lambda self: (0.0, self.max_value, 1.0))  # type: ignore[assignment]


@constraints.register("minmaxnorm", "min_max_norm")
class MinMaxNorm(NormConstraint):
    """Norms between two bounds, or brought closer to them by a share of the way.

    Parameters
    ----------
    min_value, max_value : float
    rate : float
        Share of the way into the bounds made at each update, in [0, 1].
    axis : int or list of int
        What a norm sums over, see :class:`MaxNorm`.

    Raises
    ------
    ValueError
        For numbers outside their range, or another axis.
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | list[int] = 0):
        self.min_value, self.max_value, self.rate = (
            _number(min_value, "min_value"),
            _number(max_value, "max_value"),
            _number(rate, "rate", 1),
        )
        if self.min_value > self.max_value:
            raise ValueError(f"min_value must not exceed max_value, got {min_value!r} and {max_value!r}")
        self.axis = _checked_axis(axis)

    bounds = property(lambda self: (self.min_value, self.max_value, self.rate))  # type: ignore[assignment]


@constraints.register("unitnorm", "unit_norm")
class UnitNorm(NormConstraint):
    """Norms of 1.

    Parameters
    ----------
    axis : int or list of int
        What a norm sums over, see :class:`MaxNorm`.
    """

    def __init__(self, axis: int | list[int] = 0):
        self.axis = _checked_axis(axis)

    bounds = (1.0, 1.0, 1.0)


def get(identifier: Any) -> Constraint | None:
    """A constraint from its name, class, configuration, or itself; None stays None.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    return None if identifier is None else constraints.get(identifier)


deserialize = deserializer(get)

__getattr__ = missing(__name__, constraints.known)
