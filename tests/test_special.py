"""The elementary functions under the activations and losses: each within its units in the last place of the true value."""

import functools
import importlib
import math
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import special
from fastnn.backend import registry

mpmath = pytest.importorskip("mpmath")
mpmath.mp.prec = 130
ROOT = Path(__file__).parents[1]

LIMITS = {
    "exponential": (2, 4),
    "expm1": (2, 4),
    "tanh": (2, 4),
    "log": (2, 4),
    "log1p": (2, 4),
    "erf": (2, 4),
    "erfc": (4, 4),
    "sigmoid": (3, 4),
    "softplus": (3, 4),
}
"""Largest error in ulp, float32 and float64."""
REFERENCE_LIMITS = {"erfc": (4, 6)}
"""Where the reference is allowed more than the kernel: erfc's two polynomials, summed in double, are 5.9 ulp off at worst."""
TRUTH = {
    "exponential": mpmath.exp,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    **{name: getattr(mpmath, name) for name in ("expm1", "tanh", "log", "log1p", "erf", "erfc")},
}
RANGES = {
    "float32": {"exponential": (-104, 88.8), "expm1": (-20, 88.8), "tanh": (-10, 10), "erf": (-4.2, 4.2), "erfc": (-4, 10.2)},
    "float64": {"exponential": (-746, 710), "expm1": (-40, 710), "tanh": (-20, 20), "erf": (-6, 6), "erfc": (-6, 27.3)},
}
"""Where the function neither overflows nor is constant; the sigmoid and softplus take the exponential's."""
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e4, -1e4, 0.25, -0.5, 5e-324, -5e-324, 1e-310, -1e-310, 1e-45, 2e-39, -2e-39]
DTYPES = ["float32", "float64"]
BACKENDS = [
    pytest.param(
        name, marks=pytest.mark.skipif(name == "compiled" and not fastnn.backend._twins, reason="the compiled kernels are not built")
    )
    for name in ("compiled", "numpy")
]


def compute(name, x, backend="compiled"):
    """The op called `name`, vector or matrix, on a vector."""
    op = registry[name]
    shape = x.shape if op.arrays[0].shape == ("s",) else (1, x.size)
    y = np.empty(shape, x.dtype)
    (op.compiled if backend == "compiled" else op.reference)(x.reshape(shape), y)
    return y.reshape(x.shape)


def points(name, dtype):
    """Dense over the range, near 0, and over all magnitudes."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    if name.startswith("log"):
        magnitudes = np.exp(rng.uniform(math.log(info.smallest_subnormal), math.log(info.max), 700))
        x = [magnitudes, rng.uniform(0.3, 3, 700)]
        x += [-np.exp(rng.uniform(-60, 0, 500)), rng.uniform(-1, 1, 500)] if name == "log1p" else []
    else:
        low, high = RANGES[dtype].get(name, RANGES[dtype]["exponential"])
        x = [rng.uniform(low, high, 800), rng.uniform(-1.5, 1.5, 800), rng.normal(size=500) * np.exp(rng.uniform(-40, 0, 500))]
    x = np.concatenate(x).astype(dtype)
    return x[np.isfinite(x)]


@functools.cache
def truth(name, dtype):
    return [TRUTH[name](mpmath.mpf(v)) for v in points(name, dtype).tolist()]


def error_in_ulp(got, true, info):
    """|got - true| in units of the last place of `true`; a true value beyond the largest number is infinite."""
    if not math.isfinite(got):
        return 0.0 if math.copysign(float(info.max), got) == math.copysign(float(info.max), true) and abs(true) > info.max else math.inf
    last = max(mpmath.frexp(true)[1] - info.nmant - 1, info.minexp - info.nmant)
    return float(abs(mpmath.mpf(got) - true) / mpmath.ldexp(1, last))


def limit(name, dtype, backend):
    allowed = REFERENCE_LIMITS.get(name) if backend == "numpy" else None
    return (allowed or LIMITS[name])[DTYPES.index(dtype)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_error_in_units_of_the_last_place(name, dtype, backend):
    x = points(name, dtype)
    errors = [error_in_ulp(g, t, np.finfo(dtype)) for g, t in zip(compute(name, x, backend).tolist(), truth(name, dtype), strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= limit(name, dtype, backend), f"{name}({x[worst]!r}) is {errors[worst]:.2f} ulp off"


def exact(name, x):
    """The value that IEEE 754 gives a special argument, rounded to double."""
    if math.isnan(x) or (name.startswith("log") and x < (-1 if name == "log1p" else 0)):
        return math.nan
    limits = {"exponential": (0, math.inf), "expm1": (-1, math.inf), "tanh": (-1, 1), "erf": (-1, 1), "erfc": (2, 0), "sigmoid": (0, 1)}
    if math.isinf(x) or (name in limits and abs(x) > 1e4):
        return limits.get(name, (0, math.inf))[x > 0]
    if x == (-1 if name == "log1p" else 0) and name.startswith("log") and not (name == "log1p" and x == 0):
        return -math.inf
    if x == 0 and name in ("expm1", "tanh", "erf", "log1p"):
        return x
    true = TRUTH[name](mpmath.mpf(x))
    return math.inf if true > np.finfo(np.float64).max else float(true)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_special_values(name, dtype, backend):
    info = np.finfo(dtype)
    x = np.array([*SPECIAL, info.max, info.min, info.tiny, -info.tiny] * 3).astype(dtype)
    got = compute(name, x, backend)
    with np.errstate(over="ignore"):
        expected = np.array([exact(name, v) for v in x.tolist()]).astype(dtype)
    np.testing.assert_array_max_ulp(got[np.isfinite(expected)], expected[np.isfinite(expected)], limit(name, dtype, backend))
    np.testing.assert_array_equal(got[~np.isfinite(expected)], expected[~np.isfinite(expected)])
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_overflow_begins_where_the_largest_number_ends(dtype, backend):
    last = np.array(math.log(np.finfo(dtype).max)).astype(dtype)
    last = last if mpmath.exp(mpmath.mpf(float(last))) <= np.finfo(dtype).max else np.nextafter(last, dtype_of(0, dtype))
    x = np.array([last, np.nextafter(last, dtype_of(np.inf, dtype))])
    for name in ("exponential", "expm1"):
        np.testing.assert_array_equal(np.isinf(compute(name, x, backend)), [False, True])


def dtype_of(value, dtype):
    return np.dtype(dtype).type(value)


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_function_agrees_with_the_c_library(name):
    x = np.linspace(-7, 27, 5000)
    expected = [getattr(math, name)(v) for v in x]
    np.testing.assert_allclose(getattr(special, f"{name}_array")(x), expected, rtol=1e-14, atol=1e-320)


@pytest.mark.parametrize("size", [0, 1, 7, 16, 33, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [o.name for o in registry.values() if o.family == "special"])
def test_position_in_the_vector_does_not_matter(name, dtype, size, backend):
    """The remainder after the last whole vector register is computed by other code."""
    x = np.random.default_rng(1).uniform(0.01, 3, size).astype(dtype)
    one_by_one = [compute(name, x[i : i + 1].copy(), backend)[0] for i in range(size)]
    np.testing.assert_array_max_ulp(compute(name, x, backend), np.array(one_by_one, dtype), 2)


def test_the_page_on_accuracy_lists_every_function(monkeypatch):
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip(f"no {ROOT / 'benchmarks'}")
    monkeypatch.syspath_prepend(str(ROOT))
    accuracy = importlib.import_module("benchmarks.accuracy")
    page = accuracy.PAGE.read_text(encoding="utf-8")
    assert [op.name for op in accuracy.ops() if page.count(f"| `{op.name}` |") != len(accuracy.DTYPES)] == []


@pytest.mark.parametrize("z", [-35.0, -12.0, -0.7, -0.3, 0.0, 0.4, 3.0])
def test_normal_distribution_keeps_its_tail(z):
    with mpmath.workprec(200):
        true = float(mpmath.erfc(-mpmath.mpf(z) / mpmath.sqrt(2)))
    np.testing.assert_allclose(special.twice_normal_cdf(np.array([z])), [true], rtol=2e-15)
