"""Penalties on parameters and on what layers put out, added to the loss; Keras' formulas and names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastnn.absent import missing
from fastnn.backend import Op, op
from fastnn.configurable import Catalogue, Configurable, deserializer, serialize
from fastnn.custom_objects import custom_function, registered_name
from fastnn.memory import aligned_zeros

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "BatchL2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1_l2",
    "regularizers",
    "serialize",
]

Bound = tuple[Op, tuple[Any, ...]]
"""An op and its arguments."""

EPSILON = 1e-7
"""The least norm that a row is divided by, as in Keras."""


class Regularizer(Configurable):
    """A penalty on an array of parameters.

    To write one, define `__call__`, the penalty in NumPy, and `gradient`, unless it is to be found by differentiation. A regularizer
    with an op of its own defines `calls` instead of `gradient`, and `activity` if it can also penalise what layers put out.
    """

    def __call__(self, x: Any) -> float:
        """The penalty of array `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x), the penalty of an array")

    @property
    def name(self) -> str:
        """What errors call it."""
        return type(self).__name__

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The derivative of the penalty by each entry of `x`; by default found by :func:`fastnn.autodiff.vjp` of `__call__`."""
        from fastnn.autodiff import vjp
        from fastnn.autodiff.naming import within

        with within(f"regularizer {self.name!r}"), np.errstate(all="ignore"):
            penalty, pullback = vjp(self, x)
            return pullback(np.ones_like(penalty))[0]

    def calls(self, p: np.ndarray, g: np.ndarray, value: np.ndarray) -> Iterator[Bound]:
        """The op calls that add the penalty of `p` to `value`, of shape (1,), and its gradient to `g`."""
        axes = ", ".join("kmh"[: p.ndim])

        def penalty(p: np.ndarray, g: np.ndarray, value: np.ndarray) -> None:
            found = self(p)
            if np.size(found) != 1:
                raise ValueError(f"regularizer {self.name!r} must give one number, got shape {np.shape(found)}; take np.sum of it")
            value += found
            g += self.gradient(p)

        yield Op(penalty, f"p ({axes}), g ({axes}), value (1) -> g, value", differentiable=False), (p, g, value)

    def batch_calls(self, p: np.ndarray, g: np.ndarray, value: np.ndarray, total: np.ndarray) -> Iterator[Bound]:
        """The same for a batch whose loss is divided by `total`, of shape (1,), float64: `calls`, unless the penalty depends on it."""
        return self.calls(p, g, value)

    def activity(self, y: np.ndarray, w: np.ndarray, dy: np.ndarray, value: np.ndarray) -> Bound:
        """The op call that adds the penalty of each row of `y`, times its share `w`, to `value`, and its gradient to `dy`.

        Raises
        ------
        ValueError
            When the penalty isn't a sum over samples.
        """
        raise ValueError(f"{self!r} penalises arrays of parameters; use L1, L2 or L1L2 on what a layer puts out")


@op("p (s), g (s), value (1) -> g, value", differentiable=False)
def l1_l2_penalty(p: np.ndarray, g: np.ndarray, value: np.ndarray, l1: float, l2: float) -> None:
    """Add ``l1*sum(|p|) + l2*sum(p**2)`` to `value` and its gradient ``l1*sign(p) + 2*l2*p`` to `g`."""
    g += l1 * np.sign(p) + (2.0 * l2) * p
    value += _penalty(p, l1, l2)


@op("y (n, m), w (n), dy (n, m), value (n) -> dy, value", differentiable=False, split="n", draw={"y": "real"})
def l1_l2_activity(y: np.ndarray, w: np.ndarray, dy: np.ndarray, value: np.ndarray, l1: float, l2: float) -> None:
    """Add ``w*(l1*sum(|y|) + l2*sum(y**2))`` of each row to `value` and its gradient to `dy`."""
    dy += w[:, None] * (l1 * np.sign(y) + (2.0 * l2) * y)
    wide = y.astype(np.float64)
    value += w * (l1 * np.abs(wide).sum(axis=1) + l2 * np.square(wide).sum(axis=1))


def _penalty(p: np.ndarray, l1: float, l2: float) -> float:
    p = p.reshape(-1).astype(np.float64)
    return float(l1 * np.abs(p).sum() + l2 * np.dot(p, p))


def _factor(value: float, name: str) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


regularizers: Catalogue[Regularizer] = Catalogue("regularizer", Regularizer)
"""Every regularizer class by its names."""


@regularizers.register()
class L1L2(Regularizer):
    """The penalty ``l1*sum(|x|) + l2*sum(x**2)``.

    Parameters
    ----------
    l1, l2 : float
        The two factors, not negative; 0 by default.

    Raises
    ------
    ValueError
        When a factor isn't a finite number >= 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1, self.l2 = _factor(l1, "l1"), _factor(l2, "l2")

    def __call__(self, x: Any) -> float:
        """The penalty of array `x`, of any shape."""
        return _penalty(np.asarray(x), self.l1, self.l2)

    def calls(self, p: np.ndarray, g: np.ndarray, value: np.ndarray) -> Iterator[Bound]:
        yield l1_l2_penalty, (p.reshape(-1), g.reshape(-1), value, self.l1, self.l2)

    def activity(self, y: np.ndarray, w: np.ndarray, dy: np.ndarray, value: np.ndarray) -> Bound:
        return l1_l2_activity, (y, w, dy, value, self.l1, self.l2)


@regularizers.register()
class L1(L1L2):
    """The penalty ``l1*sum(|x|)``, which makes weights exactly zero.

    Parameters
    ----------
    l1 : float
        Not negative; 0.01 by default.
    """

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)


@regularizers.register()
class L2(L1L2):
    """The penalty ``l2*sum(x**2)``, which keeps weights small.

    Parameters
    ----------
    l2 : float
        Not negative; 0.01 by default.
    """

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)


@op("p (s), g (s), total (1) float64, value (1) -> g, value", differentiable=False, draw={"total": "positive"})
def batch_l2_penalty(p: np.ndarray, g: np.ndarray, total: np.ndarray, value: np.ndarray, alpha: float = 0.3, weight: float = 1.0) -> None:
    """Add ``alpha/2*sum(p**2) / total``, times `weight`, to `value`, and its gradient ``alpha*p / total`` without that factor to `g`."""
    g += p.dtype.type(alpha / total[0]) * p
    value += _penalty(p, 0.0, 0.5 * alpha * weight / total[0])


@regularizers.register()
class BatchL2(Regularizer):
    """The penalty ``alpha/2*sum(x**2)``, divided by the number of samples in the batch, or by the sum of their weights.

    By what the loss of the batch is divided, that is. So the penalty is one of all data, and counts less the more there are: the `alpha` of
    scikit-learn's ``MLPClassifier`` and ``MLPRegressor``, whose formula this is.

    Parameters
    ----------
    alpha : float
        Not negative; 1e-4 by default.
    weight : float
        Factor on the penalty in the reported loss alone. scikit-learn reports the squared error's mean over the outputs, where it minimises
        their sum: with the number of outputs here, a reported loss divided by it is scikit-learn's.

    Raises
    ------
    ValueError
        When a number isn't finite or below 0.
    """

    def __init__(self, alpha: float = 0.0001, weight: float = 1.0):
        self.alpha, self.weight = _factor(alpha, "alpha"), _factor(weight, "weight")

    def __call__(self, x: Any) -> float:
        """The penalty of array `x` for a batch of one sample."""
        return _penalty(np.asarray(x), 0.0, 0.5 * self.alpha)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.alpha * x

    def calls(self, p: np.ndarray, g: np.ndarray, value: np.ndarray) -> Iterator[Bound]:
        return self.batch_calls(p, g, value, np.ones(1))

    def batch_calls(self, p: np.ndarray, g: np.ndarray, value: np.ndarray, total: np.ndarray) -> Iterator[Bound]:
        yield batch_l2_penalty, (p.reshape(-1), g.reshape(-1), total, value, self.alpha, self.weight)


@op(
    "p (k, m), g (k, m), value (1) -> g, value, unit (k, m), slope (k, m), product (k, k)",
    differentiable=False,
    draw={"factor": 0.3},
)
def orthogonal_rows_penalty(p, g, value, unit, slope, product, factor):
    """Add `factor` times the mean of ``|u_i . u_j|`` over all pairs of rows to `value`, its gradient to `g`.

    ``u_i = p_i / max(|p_i|, 1e-7)``. `unit` becomes the u, `product` the signs of their products, 0 on the diagonal, and `slope` the
    sum of the rows that each row is to turn away from, with these signs.
    """
    share = factor / max(len(p) * (len(p) - 1) / 2, 1)
    norm = np.sqrt(np.square(p).sum(axis=1, keepdims=True, dtype=np.float64)).astype(p.dtype)
    held = np.maximum(norm, p.dtype.type(EPSILON))
    unit[...] = p / held
    np.matmul(unit, unit.T, out=product)
    np.fill_diagonal(product, 0)
    value += share * 0.5 * np.abs(product).sum(dtype=np.float64)
    np.sign(product, out=product)
    np.matmul(product, unit, out=slope)
    turned = slope - unit * (slope * unit).sum(axis=1, keepdims=True) * (norm >= EPSILON)
    g += share * turned / held


@op(
    "p (k, m), g (k, m), value (1) -> g, value, unit (m, k), slope (m, k), product (m, m)",
    differentiable=False,
    draw={"factor": 0.3},
)
def orthogonal_columns_penalty(p, g, value, unit, slope, product, factor):
    """The same for columns, which become the rows of `unit`."""
    orthogonal_rows_penalty.reference(p.T, g.T, value, unit, slope, product, factor)


@regularizers.register("orthogonal")
class OrthogonalRegularizer(Regularizer):
    """Penalises rows, or columns, that aren't orthogonal: `factor` times the mean of ``|cos|`` of the angles between all pairs.

    Parameters
    ----------
    factor : float
        Not negative.
    mode : {"rows", "columns"}

    Raises
    ------
    ValueError
        When the factor isn't a finite number >= 0, for another mode, and for an array that is no matrix.

    Notes
    -----
    As in Keras; of a single row, where Keras divides by no pairs, the penalty is 0.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f"mode must be 'rows' or 'columns', got {mode!r}")
        self.factor, self.mode = _factor(factor, "factor"), mode

    def __call__(self, x: Any) -> float:
        """The penalty of matrix `x`."""
        p, value = np.asarray(x, np.float64), np.zeros(1)
        for penalty, arguments in self.calls(p, np.zeros_like(p), value):
            penalty.reference(*arguments)
        return float(value[0])

    def calls(self, p: np.ndarray, g: np.ndarray, value: np.ndarray) -> Iterator[Bound]:
        if p.ndim != 2:
            raise ValueError(f"{self!r} needs a matrix such as a kernel, got an array of shape {p.shape}")
        penalty = orthogonal_rows_penalty if self.mode == "rows" else orthogonal_columns_penalty
        rows, length = p.shape if self.mode == "rows" else p.shape[::-1]
        scratch = [aligned_zeros(shape, p.dtype) for shape in ((rows, length), (rows, length), (rows, rows))]
        yield penalty, (p, g, value, *scratch, self.factor)


class FunctionRegularizer(Regularizer):
    """A regularizer that someone wrote as a function.

    Parameters
    ----------
    fn : callable
        Gives the penalty of an array, in NumPy; it is differentiated.
    """

    def __init__(self, fn: Callable[[Any], Any]):
        self.fn = fn

    def __call__(self, x: Any) -> Any:
        return self.fn(x)

    @property
    def name(self) -> str:
        return getattr(self.fn, "__name__", type(self.fn).__name__)

    def serialized(self) -> str:
        """The name it was registered by."""
        if (name := registered_name(self.fn)) is None:
            raise TypeError(
                f"regularizer {self.name!r} is a Python function, which can't be saved: decorate it with "
                "@fastnn.saving.register_keras_serializable(), here and wherever the model is loaded"
            )
        return name

    def __repr__(self) -> str:
        return f"FunctionRegularizer({self.name})"


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """An `L1L2` whose factors are 0.01 by default; this is what the name ``"l1_l2"`` stands for."""
    return L1L2(l1, l2)


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from its name, class, configuration, a function of an array, or itself; None stays None.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if identifier is None:
        return None
    own = custom_function(identifier) or identifier
    if callable(own) and not isinstance(own, (Regularizer, type)):
        return FunctionRegularizer(own)
    return l1_l2() if isinstance(identifier, str) and identifier == "l1_l2" else regularizers.get(identifier)


deserialize = deserializer(get)

__getattr__ = missing(__name__, regularizers.known)
