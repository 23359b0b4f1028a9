"""What is particular to activations: their formulas, saturation, calls on any array, and how they are found and saved."""

import copy
import functools
import math
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import activations
from fastnn.activation import activations as catalogue
from fastnn.backend import registry

FAMILY = [op for op in registry.values() if op.family == "activations"]
FORWARD = [op for op in FAMILY if op.differentiable]
BACKWARD = [op for op in FAMILY if not op.differentiable]
MEMBERS = list(catalogue.members.values())
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
}
"""Keras 3's formulas with its defaults, one number at a time."""

compiled_only = pytest.mark.skipif(not fastnn.backend._twins, reason="the compiled kernels are not built")


@pytest.fixture
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


on_both_backends = pytest.mark.parametrize("backend", [pytest.param("compiled", marks=compiled_only), "numpy"], indirect=True)


def scalars(op, value=1.3):
    return [value for a in op.arguments if isinstance(a, str)]


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
    assert_close(run_backward(op, op.compiled, z, da), run_backward(op, op.reference, z, da), dtype)


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


def test_every_activation_has_a_formula_here():
    assert {*TRUTH, "softmax", "log_softmax"} == set(catalogue.members)


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
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
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
@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_saturates_without_warning(activation, dtype, backend):
    x = np.full((3, 20), -1e4, dtype)
    x[:, 1::2] = 1e4
    a = activation(x)
    if activation.name in SATURATED:
        np.testing.assert_allclose(a[:, :2], np.broadcast_to(SATURATED[activation.name], (3, 2)))
    assert not np.isnan(a).any()
    if activation.gradient is None:  # the identity
        return
    dz = np.empty_like(x)
    activation.gradient(x, a, np.ones_like(x), dz, *activation.arguments)
    assert not np.isnan(dz).any()


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
    assert expected.dtype == np.float64 and expected.shape == x.shape
    x.flags.writeable = False
    np.testing.assert_array_equal(activation(x), expected)
    np.testing.assert_array_equal(activation(x.tolist()), expected.astype(np.float64))
    np.testing.assert_array_equal(activation(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(activation(x[::-1])[::-1], expected)
    np.testing.assert_array_equal(activation(x.astype(">f8")), expected)
    np.testing.assert_array_equal(activation(x[0, 0]), expected[0, 0])
    assert activation(x.astype(np.float32)).dtype == np.float32
    assert activation(np.float64(0.5)).shape == ()
    assert activation(np.ones((0, 3))).shape == (0, 3)
    assert activation(np.ones((2, 0, 3))).shape == (2, 0, 3)


@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_integers_become_floatx(activation):
    for x in ([1, 2, -3], np.array([True, False]), np.float16([1, 2])):
        assert activation(x).dtype == np.float32
    assert activation([1, 2]).shape == (2,)


@pytest.mark.parametrize("activation", MEMBERS, ids=lambda a: a.name)
def test_never_changes_its_input(activation):
    x = np.random.default_rng(0).normal(size=(4, 5))
    before = x.copy()
    assert not np.shares_memory(activation(x), x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("x", [np.array([1j]), np.array(["a"]), np.array([None])], ids=["complex", "text", "object"])
def test_refuses_what_is_not_real(x):
    with pytest.raises(TypeError, match=r"relu.*real numbers"):
        activations.relu(x)


def changed(activation):
    """The activation with every parameter moved from its default."""
    return activation.bind(**{k: not v if isinstance(v, bool) else v + 0.5 for k, v in activation.parameters.items()})


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


def test_none_is_linear_and_swish_is_silu():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu is activations.swish


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        ("rellu", ValueError, "did you mean 'relu'"),
        ({"class_name": "gelou"}, ValueError, "did you mean 'gelu'"),
        (lambda x: x, TypeError, "Python function can't be an activation yet.*use a name"),
        (functools.partial(max, 0), TypeError, "Python function can't be an activation yet"),
        (3, TypeError, "expected activation as a name"),
        ({"class_name": "elu", "config": {"beta": 1}}, TypeError, "'elu' has no parameter beta; its parameters are alpha"),
        (functools.partial(activations.relu, alpha=1.0), TypeError, "'relu' has no parameter alpha; it has none"),
    ],
    ids=["name", "config", "function", "partial", "number", "parameter", "no parameters"],
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
