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
    (29, 9, 9),  # as few columns as rows of a tile: on aarch64 the two ways of turning once called each other forever
    (37, 1200, 10),  # half-width tiles; the kernel's gradient is computed turned round
    (1100, 3, 257),
    (100, 10, 1),  # one column
    (21, 70, 1),
    (9, 1, 5),
]


def operands(n, k, m, dtype):
    rng = np.random.default_rng(0)
    x, w, dz = (rng.normal(size=size).astype(dtype) for size in ((n, k), (k, m), (n, m)))
    return x, w, rng.normal(size=m).astype(dtype), dz


def arguments(name, x, w, b, dz):
    """An op's inputs, its output to fill, and the same computed by NumPy in float64."""
    x8, w8, b8, dz8 = (a.astype(np.float64) for a in (x, w, b, dz))
    inputs, exact = {
        "dense": ((x, w, b), lambda: x8 @ w8 + b8),
        "dense_backward_input": ((dz, w), lambda: dz8 @ w8.T),
        "dense_backward_kernel": ((x, dz), lambda: x8.T @ dz8),
        "dense_backward_bias": ((dz,), lambda: dz8.sum(axis=0)),
    }[name]
    exact = exact()
    return inputs, np.full(exact.shape, np.nan, x.dtype), exact


def product(name, *given):
    """The output of one op, and the same computed by NumPy in float64."""
    inputs, out, exact = arguments(name, *given)
    registry[name].compiled(*inputs, out)
    return out, exact


def parts(op, inputs, cut):
    """The inputs of an op, cut in two along the axis by which it is split."""
    for piece in (slice(cut), slice(cut, None)):
        yield [
            array[tuple(piece if axis == op.split else slice(None) for axis in argument.shape)]
            for argument, array in zip(op.arrays, inputs, strict=False)
        ]


NAMES = [op.name for op in registry.values() if op.family == "dense"]


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_numpy_in_double_precision(name, shape, dtype):
    got, exact = product(name, *operands(*shape, dtype))
    terms = max(shape)
    np.testing.assert_allclose(got, exact, rtol=0, atol=2 * np.finfo(dtype).eps * terms**0.5 * np.abs(exact).max(initial=0))


@compiled_only
@pytest.mark.parametrize("shape", [(530, 800, 520), (37, 45, 10), (40, 53, 1)], ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("name", NAMES)
def test_strides_change_no_bit(name, shape):
    x, w, b, dz = operands(*shape, "float32")
    plain, _ = product(name, x, w, b, dz)
    strided, _ = product(name, *map(np.asfortranarray, (x, w)), b, np.asfortranarray(dz))
    np.testing.assert_array_equal(plain, strided)


@compiled_only
@pytest.mark.parametrize("cut", [1, 2, 5, 36, 100, 512])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(530, 800, 520), (101, 777, 10), (101, 102, 1), (530, 801, 1)], ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("name", NAMES)
def test_parts_computed_apart_have_the_same_bits(name, shape, dtype, cut):
    op = registry[name]
    inputs, whole, _ = arguments(name, *operands(*shape, dtype))
    op.compiled(*inputs, whole)
    apart = np.full_like(whole, np.nan)
    for given, out in zip(parts(op, inputs, cut), (apart[:cut], apart[cut:]), strict=True):
        op.compiled(*given, out)
    np.testing.assert_array_equal(apart, whole)


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [*SHAPES, (4, 3, 2), (13, 17, 19), (50, 100, 3)], ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("name", NAMES)
def test_nothing_beside_the_operands_matters_or_changes(name, shape, dtype):
    """Tiles read and write whole vectors: all operands stand among NaNs, which must neither come in nor be written over."""
    inputs, out, _ = arguments(name, *operands(*shape, dtype))
    registry[name].compiled(*inputs, out)

    def surrounded(array):
        # A vector's neighbours in memory, and with them those of a matrix without gaps between its rows.
        around = np.full(array.size + 128, np.nan, dtype)
        inner = around[64 : 64 + array.size].reshape(array.shape)
        inner[...] = array
        return around, inner

    around, inner = surrounded(np.full_like(out, np.nan))
    registry[name].compiled(*(surrounded(a)[1] for a in inputs), inner)
    np.testing.assert_array_equal(inner, out)
    assert np.isnan(around[:64]).all()
    assert np.isnan(around[64 + out.size :]).all()
