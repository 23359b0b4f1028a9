"""Products of vectors and matrices, and what linear algebra makes of matrices.

References
----------
M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.autodiff.declare import composed, elementwise, general, linear
from fastnn.autodiff.primitive import Rule
from fastnn.autodiff.traced import raw


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _as_matrices(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Vectors as a row on the left, as a column on the right; `g` accordingly."""
    if np.ndim(raw(b)) == 1:
        g, b = np.expand_dims(g, -1), np.expand_dims(b, -1)
    if np.ndim(raw(a)) == 1:
        g, a = np.expand_dims(g, -2), np.expand_dims(a, 0)
    return g, a, b


def _left(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, _, b = _as_matrices(g, a, b)
    return np.matmul(g, _t(b))


def _right(g: Any, y: Any, a: Any, b: Any) -> Any:
    vector = np.ndim(raw(b)) == 1
    g, a, _ = _as_matrices(g, a, b)
    found = np.matmul(_t(a), g)
    return found[..., 0] if vector else found


def _cost(y: Any, a: Any, b: Any) -> dict[str, int]:
    """A product of (n, k) and (k, m) takes n k m multiplications and n (k - 1) m additions."""
    n, k = np.size(raw(y)), np.shape(raw(a))[-1]
    return {"multiply": n * k, "add": n * (k - 1)}


linear(lambda a, b: np.matmul(a, b), _left, _right, cost=_cost, of=np.matmul)


@composed(np.dot)
def dot(a: Any, b: Any) -> Any:
    """NumPy's, up to matrices."""
    if np.ndim(raw(a)) > 2 or np.ndim(raw(b)) > 2:
        raise TypeError("autodiff: np.dot of arrays with more than two axes has no derivative here: use a @ b or np.einsum")
    return a * b if np.ndim(raw(a)) == 0 or np.ndim(raw(b)) == 0 else np.matmul(a, b)


@composed(np.inner)
def inner(a: Any, b: Any) -> Any:
    """NumPy's."""
    return np.dot(a, _t(b) if np.ndim(raw(b)) > 1 else b)


@composed(np.outer)
def outer(a: Any, b: Any) -> Any:
    """NumPy's."""
    return np.expand_dims(np.ravel(a), 1) * np.expand_dims(np.ravel(b), 0)


composed(np.vdot)(lambda a, b: np.sum(np.ravel(a) * np.ravel(b)))
composed(np.trace)(lambda a, offset=0: np.sum(np.diagonal(a, offset), axis=-1))


@composed(np.einsum)
def einsum(subscripts: str, *operands: Any) -> Any:
    """NumPy's, of a sum with an arrow, ``"ij,jk->ik"``: as broadcast products, summed."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    letters = sorted(set(inputs.replace(",", "")))
    if not arrow or "." in subscripts or any(len(set(term)) < len(term) for term in inputs.split(",")):
        raise TypeError(
            f"autodiff: np.einsum needs subscripts with an arrow, no dots and no letter twice in an operand, got {subscripts!r}"
        )
    order = [*output, *(letter for letter in letters if letter not in output)]
    y: Any = 1.0
    for term, operand in zip(inputs.split(","), operands, strict=True):
        axes = [term.index(letter) for letter in order if letter in term]
        sizes = [np.shape(raw(operand))[term.index(letter)] if letter in term else 1 for letter in order]
        y = y * np.reshape(np.transpose(operand, axes) if axes else operand, sizes)
    summed = tuple(range(len(output), len(order)))
    return np.sum(y, axis=summed) if summed else y


# ------------------------------------------------------------------------------------------------- linear algebra


def _inv(a: Any) -> Any:
    return np.linalg.inv(a)


def _det(a: Any) -> Any:
    return np.linalg.det(a)


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


def _solved_by_matrix(g: Any, y: Any, a: Any, b: Any) -> Any:
    found = np.linalg.solve(_t(a), g)
    return -np.outer(found, y) if np.ndim(raw(b)) == 1 else -found @ _t(y)


general(_inv, Rule(lambda g, y, a: -(_t(y) @ g @ _t(y)), lambda t, y, a: -(y @ t @ y)), of=np.linalg.inv)
general(
    _det,
    Rule(
        lambda g, y, a: np.reshape(g * y, (*y.shape, 1, 1)) * _t(np.linalg.inv(a)),
        lambda t, y, a: y * np.sum(_t(np.linalg.inv(a)) * t, axis=(-1, -2)),
    ),
    of=np.linalg.det,
)
general(
    _solve,
    Rule(_solved_by_matrix, lambda t, y, a, b: -np.linalg.solve(a, t @ y)),
    Rule(lambda g, y, a, b: np.linalg.solve(_t(a), g), lambda t, y, a, b: np.linalg.solve(a, t)),
    of=np.linalg.solve,
)


@composed(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's, of vectors (any `ord` from 1 to infinity) and Frobenius'."""
    pairs = (axis is None and np.ndim(raw(x)) > 1) or isinstance(axis, tuple)
    if ord in (None, 2 if not pairs else None, "fro"):
        return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))
    if pairs or ord < 1:
        raise TypeError(f"autodiff: np.linalg.norm of ord={ord!r} has no derivative here for axis={axis!r}")
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


elementwise(np.sinc, lambda g, y, x: g * np.where(raw(x) == 0, 0, (np.cos(np.pi * x) - y) / np.where(raw(x) == 0, 1, x)))
elementwise(np.nan_to_num, lambda g, y, x, *_: g * np.isfinite(raw(x)))
