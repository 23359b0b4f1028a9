"""The dense products at sizes that are cut into blocks, copied, and shared: larger than what all ops are tested with."""

import numpy as np
import pytest
from helpers import compiled_only

from fastnn.backend import registry

SHAPES = [  # n, k, m
    (0, 5, 3),
    (4, 0, 3),
    (4, 5, 0),
    (1, 900, 700),  # one row: wide strips, several parts of k
    (1, 5, 129),
    (40, 600, 300),  # blocks of A are copied
    (530, 800, 520),  # several blocks of rows, several parts, groups of panels
    (600, 40, 700),  # groups of panels, no copy of A
    (37, 1200, 10),  # half-width tiles
    (1100, 3, 257),
]


def operands(n, k, m, dtype):
    rng = np.random.default_rng(0)
    x, w, dz = (rng.normal(size=size).astype(dtype) for size in ((n, k), (k, m), (n, m)))
    return x, w, rng.normal(size=m).astype(dtype), dz


def product(name, x, w, b, dz):
    """The outputs of one op, and the same computed by NumPy in float64."""
    exact = [a.astype(np.float64) for a in (x, w, b, dz)]
    if name == "dense":
        registry[name].compiled(x, w, b, z := np.empty((len(x), w.shape[1]), x.dtype))
        return [z], [exact[0] @ exact[1] + exact[2]]
    if name == "dense_backward_input":
        registry[name].compiled(dz, w, dx := np.empty(x.shape, x.dtype))
        return [dx], [exact[3] @ exact[1].T]
    registry[name].compiled(x, dz, dw := np.empty(w.shape, x.dtype), db := np.empty(b.shape, x.dtype))
    return [dw, db], [exact[0].T @ exact[3], exact[3].sum(axis=0)]


NAMES = [op.name for op in registry.values() if op.family == "dense"]


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_numpy_in_double_precision(name, shape, dtype):
    got, exact = product(name, *operands(*shape, dtype))
    for g, e in zip(got, exact, strict=True):
        terms = max(shape)
        np.testing.assert_allclose(g, e, rtol=0, atol=2 * np.finfo(dtype).eps * terms**0.5 * np.abs(e).max(initial=0))


@compiled_only
@pytest.mark.parametrize("name", NAMES)
def test_strides_change_no_bit(name):
    x, w, b, dz = operands(530, 800, 520, "float32")
    plain, _ = product(name, x, w, b, dz)
    strided, _ = product(name, *map(np.asfortranarray, (x, w)), b, np.asfortranarray(dz))
    for p, s in zip(plain, strided, strict=True):
        np.testing.assert_array_equal(p, s)


@compiled_only
@pytest.mark.parametrize("cut", [1, 2, 100, 512, 529])
def test_rows_computed_apart_have_the_same_bits(cut):
    x, w, b, dz = operands(530, 800, 520, "float32")
    whole, _ = product("dense", x, w, b, dz)
    parts = [product("dense", x[rows], w, b, dz)[0][0] for rows in (slice(cut), slice(cut, None))]
    np.testing.assert_array_equal(np.concatenate(parts), whole[0])
