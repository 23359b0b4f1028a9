"""What is particular to activations: their formulas, saturation, calls on any array, and how they are found and saved."""

import copy
import functools
import math
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import activations
from fastnn.activations import activations as catalogue
from fastnn.activations.rowwise import RowActivation
from fastnn.backend import registry

mpmath = pytest.importorskip("mpmath")

MEMBERS = list(catalogue.members.values())
SAME_SHAPE = [a for a in MEMBERS if a.compute_output_shape((2,)) == (2,)]
GATED = [a for a in MEMBERS if a not in SAME_SHAPE]
ROWWISE = [a for a in SAME_SHAPE if isinstance(a, RowActivation)]
ELEMENTWISE = [a for a in SAME_SHAPE if a not in ROWWISE and a.forward]
FORMS = [*ELEMENTWISE, activations.relu.bind(negative_slope=0.1, max_value=2, threshold=0.5), activations.gelu.bind(approximate=True)]
"""Every elementwise pair of ops."""
FAMILY = [op for a in (*FORMS, *ROWWISE) for op in (a.forward, a.gradient)]
FORWARD = [op for op in FAMILY if op.differentiable]
BACKWARD = [op for op in FAMILY if not op.differentiable]
SHAPES = [(32, 10), (1, 1), (5, 1), (1, 7), (3, 33), (0, 4), (4, 0), (2, 1500), (300, 3)]
DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
SELU = (1.0507009873554805, 1.6732632423543772)
TRUTH = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: SELU[0] * (x if x > 0 else SELU[1] * math.expm1(x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "softsign": lambda x: x / (1 + abs(x)),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2)),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "exponential": math.exp,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "threshold": lambda x: x if x > 0 else 0.0,
    "step": lambda x: 1.0 if x >= 0 else 0.0,
    "hard_sigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
    "hard_tanh": lambda x: min(max(x, -1.0), 1.0),
    "hard_silu": lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0),
    "hard_shrink": lambda x: x if abs(x) > 0.5 else 0.0,
    "soft_shrink": lambda x: math.copysign(max(abs(x) - 0.5, 0.0), x),
    "sparse_plus": lambda x: 0.0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: min(max((x + 1) / 2, 0.0), 1.0),
    "celu": lambda x: max(x, 0.0) + min(0.0, math.expm1(min(x, 0.0))),
    "log_sigmoid": lambda x: -math.log1p(math.exp(-x)),
    "squareplus": lambda x: (x + math.sqrt(x * x + 4)) / 2 if x > 0 else 2 / (math.sqrt(x * x + 4) - x),
    "tanh_shrink": lambda x: x - math.tanh(x) if abs(x) > 0.1 else x**3 / 3 - 2 * x**5 / 15 + 17 * x**7 / 315,
}
"""Keras 3's formulas with its defaults, one number at a time."""

compiled_only = pytest.mark.skipif(not fastnn.backend._twins, reason="the compiled kernels are not built")


@pytest.fixture
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


on_both_backends = pytest.mark.parametrize("backend", [pytest.param("compiled", marks=compiled_only), "numpy"], indirect=True)


def scalars(op, value=1.3):
    return [value + 0.6 * i for i in range(len(op.scalars))]


def forward_of(op):
    return registry[op.name.removesuffix("_backward")]


def draw(shape, dtype):
    """Ordinary, large and special values."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=shape) * rng.choice([1, 20], size=shape)
    edge = [0.0, -0.0, 1e-40, -1e-40, 80.0, -80.0]
    z.flat[:: max(3, z.size // 40)] = rng.choice(edge, z.flat[:: max(3, z.size // 40)].shape)
    return z.astype(dtype)


def run_backward(op, function, z, da, dz=None):
    """`function` (the op's reference or twin) on what the forward reference makes of z."""
    a = np.empty_like(z)
    forward_of(op).reference(z, a, *scalars(op))
    dz = np.empty_like(z) if dz is None else dz
    function(z, a, da, dz, *scalars(op))
    return dz


def assert_close(got, expected, dtype):
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * min(scale, 1))


@compiled_only
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", FORWARD, ids=lambda op: op.name)
def test_twin_agrees_with_reference(op, shape, dtype):
    z = draw(shape, dtype)
    expected, got = np.empty_like(z), np.empty_like(z)
    op.reference(z, expected, *scalars(op))
    op.compiled(z, got, *scalars(op))
    assert_close(got, expected, dtype)


@compiled_only
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", BACKWARD, ids=lambda op: op.name)
def test_backward_twin_agrees_with_reference(op, shape, dtype):
    z = np.minimum(draw(shape, dtype), 10)  # a gradient times exp(80) has no scale to compare on
    da = np.random.default_rng(1).normal(size=shape).astype(dtype)
    expected, got = run_backward(op, op.reference, z, da), run_backward(op, op.compiled, z, da)
    if op in [a.gradient for a in ROWWISE]:  # differences from a mean have no relative accuracy
        np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    else:
        assert_close(got, expected, dtype)


@on_both_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", FAMILY, ids=lambda op: op.name)
def test_in_place_gives_the_same(op, dtype, backend):
    z = draw((5, 37), dtype)
    if op in FORWARD:
        apart, inside = np.empty_like(z), z.copy()
        op(z, apart, *scalars(op))
        op(inside, inside, *scalars(op))
    else:
        da = np.random.default_rng(1).normal(size=z.shape).astype(dtype)
        apart, inside = run_backward(op, op, z, da.copy()), da.copy()
        run_backward(op, op, z, inside, inside)
    np.testing.assert_array_equal(inside, apart)


@compiled_only
@pytest.mark.parametrize("columns", [1, 3, 10, 33])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", FAMILY, ids=lambda op: op.name)
def test_rows_give_the_same_bits_wherever_a_batch_is_cut(op, dtype, columns):
    z = draw((41, columns), dtype)
    arrays = [z, np.empty_like(z)]
    if op in BACKWARD:
        forward_of(op).reference(*arrays, *scalars(op))
        arrays += [np.random.default_rng(1).normal(size=z.shape).astype(dtype), np.empty_like(z)]
    op.compiled(*arrays, *scalars(op))
    whole = arrays[-1].copy()
    for rows in (1, 3, 8):
        for start in range(0, len(z), rows):
            op.compiled(*[array[start : start + rows] for array in arrays], *scalars(op))
        np.testing.assert_array_equal(arrays[-1], whole)


@compiled_only
@pytest.mark.parametrize("op", FAMILY, ids=lambda op: op.name)
def test_wrong_shape_names_the_op_and_the_array(op):
    for wrong in range(1, len(op.arrays)):
        arrays = [np.ones((4, 3 + (i == wrong))) for i in range(len(op.arrays))]
        with pytest.raises(ValueError, match=rf"{op.name}: {op.arrays[wrong].name} has shape \(4, 4\), expected \(n=4, m=3\)"):
            op.compiled(*arrays, *scalars(op))


@on_both_backends
@pytest.mark.parametrize("name", TRUTH)
def test_formula(name, backend):
    x = np.concatenate([np.linspace(-30, 30, 301), [1e-8, -1e-8, 0.5, -0.75]])
    np.testing.assert_allclose(catalogue.find(name)(x), [TRUTH[name](v) for v in x], rtol=1e-12)


def test_every_elementwise_activation_has_a_formula_here():
    assert set(TRUTH) == {"linear", *(a.name for a in ELEMENTWISE)}


GATES = {"glu": TRUTH["sigmoid"], "reglu": TRUTH["relu"], "geglu": TRUTH["gelu"], "swiglu": TRUTH["silu"]}


@on_both_backends
@pytest.mark.parametrize("activation", GATED, ids=lambda a: a.name)
def test_gated_formula(activation, backend):
    x = np.random.default_rng(0).normal(size=(3, 5, 34)) * 3
    expected = x[..., :17] * np.vectorize(GATES[activation.name])(x[..., 17:])
    np.testing.assert_allclose(activation(x), expected, rtol=1e-12)
    np.testing.assert_allclose(activation(np.moveaxis(x, -1, 0), axis=0), np.moveaxis(expected, -1, 0), rtol=1e-12)
    with pytest.raises(ValueError, match=rf"{activation.name}.*even length, got shape \(3, 5, 33\)"):
        activation(x[..., :33])
    with pytest.raises(ValueError, match="even length"):
        activation(1.0)


@compiled_only
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [1, 3, 8, 33])
@pytest.mark.parametrize("activation", GATED, ids=lambda a: a.name)
def test_gates_work_on_halves_of_a_buffer_and_on_parts_of_its_rows(activation, columns, dtype):
    """As a program runs them: strided views, cut along the samples."""
    rng = np.random.default_rng(0)
    z, da = rng.normal(size=(9, 2 * columns)).astype(dtype), rng.normal(size=(9, columns)).astype(dtype)
    expected, got = (np.empty_like(z) for _ in range(2))
    activation.gradient.reference(z[:, :columns], z[:, columns:], da, expected[:, :columns], expected[:, columns:])
    arrays = z[:, :columns], z[:, columns:], da, got[:, :columns], got[:, columns:]
    activation.gradient.compiled(*arrays)
    assert_close(got, expected, dtype)
    whole = got.copy()
    for rows in (1, 2, 5):
        for start in range(0, 9, rows):
            activation.gradient.compiled(*[array[start : start + rows] for array in arrays])
        np.testing.assert_array_equal(got, whole)


def simplex_by_bisection(x):
    """The nearest point of the simplex, from its definition: max(x - t, 0) with the t that makes the sum 1."""
    low, high = x.min() - 1, x.max()
    for _ in range(200):
        t = (low + high) / 2
        low, high = (t, high) if np.maximum(x - t, 0).sum() > 1 else (low, t)
    return np.maximum(x - t, 0)


@on_both_backends
@pytest.mark.parametrize("scale", [0.01, 0.3, 1, 100])
@pytest.mark.parametrize("columns", [1, 2, 7, 16, 33, 1000])
def test_sparsemax_is_the_nearest_point_of_the_simplex(columns, scale, backend):
    x = np.random.default_rng(columns).normal(size=(5, columns)) * scale
    a = activations.sparsemax(x)
    np.testing.assert_allclose(a, [simplex_by_bisection(row) for row in x], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(activations.sparsemax(x.astype(np.float32)).sum(axis=1), 1, rtol=3e-7)


@on_both_backends
def test_sparsemax_of_ties_and_extremes(backend):
    a = activations.sparsemax([[2.0, 2.0, 2.0, -5.0], [0.0, 1.0, 0.0, 0.0], [1e300, -1e300, 0, 0], [-np.inf, 0.25, 0.25, -np.inf]])
    np.testing.assert_allclose(a, [[1 / 3, 1 / 3, 1 / 3, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0.5, 0.5, 0]], rtol=1e-15)
    assert np.isnan(activations.sparsemax([[1.0, np.nan, 2.0]])).all()


@on_both_backends
def test_softmin_prefers_the_smallest(backend):
    x = np.random.default_rng(0).normal(size=(4, 1500))
    np.testing.assert_array_equal(activations.softmin(x), activations.softmax(-x))


@on_both_backends
def test_relu_with_parameters_is_keras_formula(backend):
    x = np.array([-np.inf, -3, -1, 0.4, 0.5, 0.6, 1.9, 2, 7, np.inf])
    expected = [-np.inf, -0.35, -0.15, -0.01, 0, 0.6, 1.9, 2, 2, 2]
    np.testing.assert_allclose(activations.relu(x, negative_slope=0.1, max_value=2, threshold=0.5), expected)
    np.testing.assert_allclose(activations.relu(x, 0.1, 2, 0.5), expected)
    np.testing.assert_array_equal(activations.relu(x, max_value=2), np.clip(x, 0, 2))
    again = activations.relu.bind(threshold=1).bind(threshold=0)
    assert again == activations.relu and again.forward is activations.relu.forward and again.arguments == ()


KINKS = {
    "relu": {0: 0},
    "relu6": {0: 0, 6: 0},
    "leaky_relu": {0: 0.2},
    "threshold": {0: 0},
    "step": {0: 0},
    "hard_sigmoid": {-3: 0, 3: 0},
    "hard_tanh": {-1: 0, 1: 0},
    "hard_silu": {-3: 0, 3: 1},
    "hard_shrink": {-0.5: 0, 0.5: 0},
    "soft_shrink": {-0.5: 0, 0.5: 0},
    "sparse_plus": {-1: 0, 1: 1},
    "sparse_sigmoid": {-1: 0, 1: 0},
    "selu": {0: SELU[0] * SELU[1]},
}
"""Slopes where there are two, as torch has them."""


def slopes(activation, x):
    x = np.atleast_2d(x)
    a, dz = activation(x), np.empty_like(x)
    activation.gradient(x, a, np.ones_like(x), dz, *activation.arguments)
    return dz[0]


@on_both_backends
@pytest.mark.parametrize("name", KINKS)
def test_slopes_at_kinks(name, backend):
    at, expected = zip(*KINKS[name].items(), strict=True)
    np.testing.assert_allclose(slopes(catalogue.find(name), np.array(at, np.float64)), expected, rtol=1e-12)


@on_both_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", FORMS, ids=repr)
def test_infinity_has_the_limits_and_a_finite_slope(activation, dtype, backend):
    """Values grow to infinity or stop at what 1e30 gives; slopes are those far out."""
    far, end = np.array([[-1e30, 1e30]], dtype), np.array([[-np.inf, np.inf]], dtype)
    grows = np.abs(activation(far)) > 1e20
    np.testing.assert_allclose(activation(end), np.where(grows, np.copysign(np.inf, activation(far)), activation(far)), atol=1e-25)
    if activation.name != "exponential":
        np.testing.assert_allclose(slopes(activation, end), slopes(activation, far), atol=1e-25)
        assert np.isfinite(slopes(activation, end)).all()


TAILS = {
    "log_sigmoid": ([-50.0, -1.0, 1e-3, 1.0, 30.0, 80.0], lambda x: -mpmath.log1p(mpmath.exp(-x))),
    "squareplus": ([-1e8, -1e4, -30.0, -0.1, 0.3, 1e9], lambda x: (x + mpmath.sqrt(x * x + 4)) / 2),
    "celu": ([-30.0, -3.0, -1e-6], mpmath.expm1),
    "tanh_shrink": ([1e-10, 1e-4, -0.01, 0.3, 0.7, 1.2, 1.99, 2.01, -5.0], lambda x: x - mpmath.tanh(x)),
    "softsign": ([1e-20, -3.0, 1e9], lambda x: x / (1 + abs(x))),
    "silu": ([-80.0, -20.0, -1e-9, 3.0], lambda x: x / (1 + mpmath.exp(-x))),
    "gelu": ([-12.0, -5.0, -2.0, -1e-3, 1e-9, 3.0], lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2),
    "hard_sigmoid": ([-2.9999, -1.0, 2.5], lambda x: (x + 3) / 6),
}
"""Arguments where a plain formula would lose digits."""


@on_both_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TAILS)
def test_tails_keep_their_digits(name, dtype, backend):
    points, truth = TAILS[name]
    x = np.array(points, dtype)
    with mpmath.workprec(300):
        expected = np.array([float(truth(mpmath.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(catalogue.find(name)(x), expected, rtol=8 * np.finfo(dtype).eps)


SLOPE_TAILS = {
    "celu": ([-40.0, -3.0], mpmath.exp),
    "squareplus": ([-1e6, -30.0, 2.0], lambda x: (1 + x / mpmath.sqrt(x * x + 4)) / 2),
    "log_sigmoid": ([-60.0, 60.0], lambda x: 1 / (1 + mpmath.exp(x))),
    "tanh_shrink": ([1e-8, 0.5, 4.0], lambda x: mpmath.tanh(x) ** 2),
    "softplus": ([-60.0, 60.0], lambda x: 1 / (1 + mpmath.exp(-x))),
}


@on_both_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SLOPE_TAILS)
def test_slopes_keep_their_digits(name, dtype, backend):
    points, truth = SLOPE_TAILS[name]
    x = np.array(points, dtype)
    with mpmath.workprec(300):
        expected = np.array([float(truth(mpmath.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(slopes(catalogue.find(name), x), expected, rtol=8 * np.finfo(dtype).eps)


@on_both_backends
def test_squareplus_without_smoothness_is_relu(backend):
    np.testing.assert_array_equal(activations.squareplus([-2.0, 0.0, 3.0], b=0), [0, 0, 3])
    np.testing.assert_array_equal(slopes(activations.squareplus.bind(b=0), np.array([-2.0, 0.0, 3.0])), [0, 0.5, 1])


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("relu", {"threshold": -1}, "'relu': its parameters must not be negative, got negative_slope=0.0, max_value=None, threshold=-1.0"),
        ("relu", {"max_value": -0.5}, "must not be negative"),
        ("celu", {"alpha": 0}, "'celu': alpha must be above 0, got alpha=0.0"),
        ("hard_shrink", {"threshold": -1}, "threshold must not be negative"),
        ("squareplus", {"b": -1}, r"'squareplus': b must lie in \[0, 1e12\], got b=-1.0"),
        ("elu", {"alpha": np.nan}, "'elu': alpha must be a number, got nan"),
        ("hard_tanh", {"min_value": 2}, "'hard_tanh': min_value must not lie above max_value, got min_value=2.0, max_value=1.0"),
    ],
)
def test_parameters_out_of_range(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        catalogue.find(name).bind(**parameters)


def test_parameters_by_position():
    np.testing.assert_array_equal(activations.threshold([0.5, 2.0], 1.0, 7.0), [7, 2])
    with pytest.raises(TypeError, match="'elu' takes 1 parameters, got 2"):
        activations.elu([1.0], 1.0, 2.0)
    with pytest.raises(TypeError, match="'elu' got alpha twice"):
        activations.elu([1.0], 1.0, alpha=2.0)
    np.testing.assert_allclose(activations.softmax([[0.0, 1.0]], 0), [[1, 1]])


@on_both_backends
def test_gelu_approximation_is_the_tanh_form(backend):
    x = np.linspace(-4, 6, 101)
    expected = [0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    np.testing.assert_allclose(activations.gelu(x, approximate=True), expected, rtol=1e-11)
    assert np.abs(activations.gelu(x, approximate=True) - activations.gelu(x)).max() > 1e-4


@on_both_backends
def test_parameters_are_used(backend):
    x = np.array([-2.0, 3.0])
    np.testing.assert_allclose(activations.leaky_relu(x, negative_slope=0.5), [-1, 3])
    np.testing.assert_allclose(activations.elu(x, alpha=2.0), [2 * math.expm1(-2), 3])
    np.testing.assert_allclose(activations.leaky_relu(x), [-0.4, 3])


@on_both_backends
def test_softmax_of_known_odds(backend):
    x = np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]])
    np.testing.assert_allclose(activations.softmax(x), [[0.125, 0.25, 0.625], [0.375, 0.375, 0.25]], rtol=1e-15)
    np.testing.assert_allclose(activations.log_softmax(x), np.log([[0.125, 0.25, 0.625], [0.375, 0.375, 0.25]]), rtol=1e-14)


@on_both_backends
@pytest.mark.parametrize("name", [a.name for a in ROWWISE])
def test_softmax_along_another_axis(name, backend):
    x = np.random.default_rng(0).normal(size=(4, 5, 6))
    function = catalogue.find(name)
    by_hand = np.stack([[function(x[i, :, k]) for k in range(6)] for i in range(4)]).transpose(0, 2, 1)
    np.testing.assert_allclose(function(x, axis=1), by_hand, rtol=1e-14)
    np.testing.assert_allclose(function(x, axis=-1), function(x), rtol=0)
    assert function(x, axis=0).flags.writeable


@on_both_backends
@pytest.mark.parametrize("columns", [1, 3, 10, 1023, 1024, 1025, 2500])
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_rows_of_any_length_sum_to_one(columns, dtype, backend):
    x = np.random.default_rng(0).normal(size=(7, columns)).astype(dtype) * 5
    np.testing.assert_allclose(activations.softmax(x).sum(axis=1), 1, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(np.exp(activations.log_softmax(x)), activations.softmax(x), rtol=20 * TOLERANCE[dtype])


SATURATED = {
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "softplus": (0, 1e4),
    "silu": (0, 1e4),
    "gelu": (0, 1e4),
    "mish": (0, 1e4),
    "exponential": (0, np.inf),
    "elu": (-1, 1e4),
    "relu": (0, 1e4),
}


@on_both_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [*FORMS, *ROWWISE], ids=repr)
def test_saturates_without_warning(activation, dtype, backend):
    x = np.full((3, 20), -1e4, dtype)
    x[:, 1::2] = 1e4
    a = activation(x)
    if activation.name in SATURATED and activation == catalogue.find(activation.name):
        np.testing.assert_allclose(a[:, :2], np.broadcast_to(SATURATED[activation.name], (3, 2)))
    assert not np.isnan(a).any()
    assert not np.isnan(slopes(activation, x)).any()


@on_both_backends
def test_gelu_approximation_saturates_without_warning(backend):
    np.testing.assert_array_equal(activations.gelu(np.float32([-1e4, 1e4]), approximate=True), [0, 1e4])


@on_both_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_nan_stays_nan_and_stays_alone(activation, dtype, backend):
    x = np.ones((3, 20), dtype)
    x[1, 4] = np.nan
    a = activation(x)
    assert np.isnan(a[1, 4])
    assert not np.isnan(a[[0, 2]]).any()


@on_both_backends
@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_takes_any_array(activation, backend):
    x = np.random.default_rng(0).normal(size=(4, 5, 6))
    expected = activation(x)
    assert expected.dtype == np.float64 and expected.shape == activation.compute_output_shape(x.shape)
    x.flags.writeable = False
    np.testing.assert_array_equal(activation(x), expected)
    np.testing.assert_array_equal(activation(x.tolist()), expected.astype(np.float64))
    np.testing.assert_array_equal(activation(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(activation(x[::-1])[::-1], expected)
    np.testing.assert_array_equal(activation(x.astype(">f8")), expected)
    np.testing.assert_array_equal(activation(x[0, 0]), expected[0, 0])
    assert activation(x.astype(np.float32)).dtype == np.float32
    if activation not in GATED:
        assert activation(np.float64(0.5)).shape == ()
    for shape in ((0, 4), (2, 0, 4)):
        assert activation(np.ones(shape)).shape == activation.compute_output_shape(shape)


@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_integers_become_floatx(activation):
    for x in ([1, 2, -3, 4], np.array([True, False]), np.float16([1, 2])):
        assert activation(x).dtype == np.float32
    assert activation([1, 2]).shape == activation.compute_output_shape((2,))


@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_never_changes_its_input(activation):
    x = np.random.default_rng(0).normal(size=(4, 6))
    before = x.copy()
    assert not np.shares_memory(activation(x), x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("x", [np.array([1j]), np.array(["a"]), np.array([None])], ids=["complex", "text", "object"])
def test_refuses_what_is_not_real(x):
    with pytest.raises(TypeError, match=r"relu.*real numbers"):
        activations.relu(x)


def changed(activation):
    """The activation with every parameter moved from its default."""
    return activation.bind(**{k: not v if isinstance(v, bool) else (v or 0) + 0.5 for k, v in activation.parameters.items()})


@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_name_finds_it_and_serialize_gives_the_name(activation):
    assert activations.get(activation.name) is activation
    assert activations.get(activation) is activation
    assert activations.serialize(activation) == activation.name
    assert activations.serialize(activation.bind(**activation.parameters)) == activation.name
    assert activation.__doc__


@pytest.mark.parametrize("activation", [a for a in MEMBERS if a.parameters], ids=lambda a: a.name)
def test_parameters_survive_serialization(activation):
    other = changed(activation)
    config = activations.serialize(other)
    assert config == {"class_name": activation.name, "config": other.parameters}
    for again in (activations.get(config), pickle.loads(pickle.dumps(other)), copy.deepcopy(other)):
        assert again == other != activation
        assert hash(again) == hash(other)
        assert (again.forward, again.gradient, again.arguments) == (other.forward, other.gradient, other.arguments)
    assert activations.get(functools.partial(activation, **other.parameters)) == other
    x = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(other(x), activation(x, **other.parameters))
    assert activation == activations.get(activation.name), "binding must not change the original"


def test_gelu_chooses_its_ops_by_its_parameter():
    approximate = activations.gelu.bind(approximate=True)
    assert (approximate.forward.name, approximate.gradient.name) == ("gelu_tanh", "gelu_tanh_backward")
    assert (activations.gelu.forward.name, activations.gelu.gradient.name) == ("gelu", "gelu_backward")
    assert approximate.bind(approximate=False) == activations.gelu
    assert approximate.arguments == ()


KERAS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid log_softmax mish"
)
KERAS += " relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh"
KERAS += " tanh_shrink threshold"


@pytest.mark.parametrize("name", KERAS.split())
def test_every_activation_of_keras_is_there(name):
    assert activations.get(name) is getattr(activations, name)


def test_none_is_linear_and_swish_is_silu():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu is activations.swish


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        ("rellu", ValueError, "did you mean 'relu'"),
        ({"class_name": "gelou"}, ValueError, "did you mean 'gelu'"),
        (3, TypeError, "expected activation as a name"),
        ({"class_name": "elu", "config": {"beta": 1}}, TypeError, "'elu' has no parameter beta; its parameters are alpha"),
        (functools.partial(activations.selu, alpha=1.0), TypeError, "'selu' has no parameter alpha; it has none"),
    ],
    ids=["name", "config", "number", "parameter", "no parameters"],
)
def test_get_says_what_is_wrong(identifier, error, message):
    with pytest.raises(error, match=message):
        activations.get(identifier)


def test_parameters_must_be_numbers():
    with pytest.raises(TypeError, match="'elu': alpha must be a number, got 'big'"):
        activations.elu([1.0], alpha="big")
    with pytest.raises(TypeError, match="'gelu': approximate must be True or False, got 1"):
        activations.gelu([1.0], approximate=1)


def test_repr_shows_the_parameters():
    assert repr(activations.elu.bind(alpha=2)) == "<activation elu(alpha=2.0)>"
