"""Each layer on its own: shapes, configuration, training and inference, any number of axes."""

import json

import numpy as np
import pytest
from helpers import BACKENDS, EVERY_LAYER, any_layer, compiled_only, samples, samples_for
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import activations, initializers, layers
from fastnn.backend import Argument, registry
from fastnn.layers.layer import layers as catalogue
from fastnn.program import Program, Tensor
from fastnn.samples import arguments as sample_arguments


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


@EVERY_LAYER
def test_config_round_trip(name):
    layer = any_layer(name)
    data = json.loads(json.dumps(layer.serialized()))
    again = layers.get(data)
    assert type(again) is type(layer) and again.serialized() == layer.serialized()
    assert again.name == layer.name


@EVERY_LAYER
@pytest.mark.parametrize("training", [False, True])
def test_output_has_the_shape_that_was_announced(name, training):
    layer = any_layer(name)
    x = samples_for(layer, 6)
    assert layer(x, training=training).shape == (6, *layer.compute_output_shape((None, 4))[1:])
    assert layer.built and layer(x).dtype == fastnn.config.floatx()


@EVERY_LAYER
def test_an_input_of_three_axes_is_rows_of_its_last(name):
    if name == "PReLU":  # its slopes are those of a sample's entries: tests/test_activation_layers.py
        return
    layer = layers.InputLayer((3, 4)) if name == "InputLayer" else any_layer(name)
    x = samples_for(layer, 5, 3, 4)
    if name == "Flatten":
        np.testing.assert_array_equal(layer(x), x.reshape(5, 12).astype(np.float32))
        return
    try:
        whole = layer(x)
    except ValueError as refusal:
        assert "add Flatten()" in str(refusal)
        return
    rows = catalogue.members[name].from_config({**layer.get_config(), **({"shape": (4,)} if name == "InputLayer" else {})})
    rows.build((None, 4))
    rows.set_weights(layer.get_weights())
    np.testing.assert_allclose(whole, rows(x.reshape(15, 4)).reshape(whole.shape), rtol=1e-6)


@EVERY_LAYER
def test_once_built_only_its_shape_fits(name):
    layer = any_layer(name)
    layer.build((None, 4))
    weights = layer.weights
    layer.build((None, 4))
    assert all(a is b for a, b in zip(layer.weights, weights, strict=True))
    with pytest.raises(ValueError, match=layer.name):
        layer.build((None, 5))


@EVERY_LAYER
def test_weights_round_trip_and_count(name):
    layer = any_layer(name)
    layer.build((None, 4), "float64")
    changed = [w + 1 for w in layer.get_weights()]
    layer.set_weights(changed)
    for a, b in zip(layer.get_weights(), changed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert layer.count_params() == sum(w.size for w in changed)
    with pytest.raises(ValueError, match="weight arrays"):
        layer.set_weights([*changed, 0])


def test_dense_is_a_matrix_product():
    layer, x = layers.Dense(3, activation="tanh"), samples()
    layer.build((None, 4), "float64")
    layer.bias.assign([1.0, 2.0, 3.0])
    np.testing.assert_allclose(layer(x), np.tanh(x @ layer.kernel.value + [1, 2, 3]), rtol=1e-13)


def test_dense_without_bias():
    layer = layers.Dense(3, use_bias=False)
    layer.build((None, 4), "float64")
    assert layer.bias is None and [p.name for p in layer.weights] == ["kernel"]
    np.testing.assert_allclose(layer(samples()), samples() @ layer.kernel.value, rtol=1e-13)


def test_dense_uses_its_initializers():
    layer = layers.Dense(3, kernel_initializer=initializers.Constant(2.0), bias_initializer="ones")
    np.testing.assert_array_equal(layer(np.ones((1, 4))), np.full((1, 3), 9))


@pytest.mark.parametrize("name", sorted(activations.activations.members))
def test_activation_layer_is_the_function(name):
    x = samples()
    expected = activations.get(name)(x.astype(np.float32))
    np.testing.assert_array_equal(layers.Activation(name)(x), expected)


def normalization(**options):
    layer = layers.BatchNormalization(**options)
    layer.build((None, 4), "float64")
    return layer


def test_batch_normalization_in_training():
    layer, x = normalization(), samples() * 3 + 5
    y = layer(x, training=True)
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.value, 0.01 * x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.value, 0.99 + 0.01 * x.var(0), rtol=1e-12)


def test_batch_normalization_in_inference():
    layer, x = normalization(), samples()
    layer.set_weights([[2.0] * 4, [1.0] * 4, [0.5] * 4, [4.0] * 4])
    before = layer.get_weights()
    np.testing.assert_allclose(layer(x), 2 * (x - 0.5) / np.sqrt(4 + 1e-3) + 1, rtol=1e-12)
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("center", "scale", "names"), [(True, False, ["beta"]), (False, True, ["gamma"]), (False, False, [])])
def test_batch_normalization_without_offset_or_factor(center, scale, names):
    layer, x = normalization(center=center, scale=scale), samples()
    assert [p.name for p in layer.trainable_weights] == names
    np.testing.assert_allclose(layer(x, training=True), normalization()(x, training=True))


def test_batch_normalization_of_one_sample():
    layer = normalization()
    np.testing.assert_array_equal(layer(samples(1), training=True), np.zeros((1, 4)))


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(0, 0.95), seed=st.integers(0, 2**40))
def test_dropout_drops_the_share_and_keeps_the_mean(rate, seed):
    x = np.ones((100, 50))
    y = layers.Dropout(rate, seed=seed)(x, training=True)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    assert abs(kept.mean() - (1 - rate)) < 6 * np.sqrt(rate * (1 - rate) / x.size) + 1e-12


def test_dropout_is_nothing_in_inference():
    x = samples().astype(np.float32)
    np.testing.assert_array_equal(layers.Dropout(0.9)(x), x)


def test_dropout_draws_anew_at_each_step_of_a_model():
    model = fastnn.Sequential([fastnn.Input((50,)), layers.Dropout(0.5, seed=1)])
    first, second = (model(np.ones((4, 50)), training=True) for _ in range(2))
    assert not np.array_equal(first, second)


def test_dropout_seeds_itself_from_the_process_wide_generator():
    fastnn.utils.set_random_seed(5)
    first = layers.Dropout(0.5).seed, layers.Dropout(0.5).seed
    fastnn.utils.set_random_seed(5)
    assert first == (layers.Dropout(0.5).seed, layers.Dropout(0.5).seed) and first[0] != first[1]


@pytest.mark.parametrize("shape", [(1, 1), (7, 10), (33, 65), (100, 3)], ids=str)
@pytest.mark.parametrize("name", ["dropout", "dropout_backward"])
def test_any_rows_of_a_batch_get_their_part_of_its_mask(name, shape):
    x, rows = samples(*shape), np.arange(shape[0], dtype=np.int64)
    whole, step, seed = np.empty(shape), np.array([2**63 + 5], np.uint64), np.array([2**64 - 1], np.uint64)
    registry[name](x, rows, step, seed, whole, 0.4)
    for row in (rows[:1], rows[3:], rows[5:20], rows[:0], rows[::2].copy(), np.random.default_rng(0).permutation(rows)):
        y = np.empty((len(row), shape[1]))
        registry[name](x[row], row, step, seed, y, 0.4)
        np.testing.assert_array_equal(y, whole[row])


def test_dropout_masks_stay_what_they_were():
    """Models were trained with them: unit i is dropped where a hash of (seed, step, i) falls below the rate."""
    x, y = np.ones((2, 16)), np.empty((2, 16))
    registry["dropout"](x, np.arange(2, dtype=np.int64), np.array([3], np.uint64), np.array([12345], np.uint64), y, 0.5)
    assert "".join("01"[int(v > 0)] for v in y.flat) == "00110000011100011101000110100001"


@pytest.mark.parametrize("features", [(2**16,), (2**8, 2**8)])
def test_dropout_refuses_more_units_than_its_masks_have(features):
    x = Tensor(np.broadcast_to(np.float32(1), (2**16, *features)))
    with pytest.raises(ValueError, match=r"'big': a mask has at most 2\*\*32 - 1 units, got 4294967296; use smaller batches"):
        layers.Dropout(0.5, name="big").lower(Program(2**16, "float32", True, np.zeros(1, np.uint64)), x)


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [1, 65, 96, 300, 777])
@pytest.mark.parametrize("op", [op for op in registry.values() if op.family == "batch_normalization"], ids=lambda op: op.name)
def test_batch_normalization_of_columns_cut_at_cache_lines_gives_the_same_bits(op, m, dtype):
    given = sample_arguments(op, {"n": 70, "m": m}, dtype, np.random.default_rng(m))
    for step in (64, 320):
        expected, cut = ([v.copy() if isinstance(v, np.ndarray) else v for v in given] for _ in range(2))
        op.compiled(*expected)
        for start in range(0, m, step):
            op.compiled(*(v[..., start : start + step] if isinstance(a, Argument) else v for a, v in zip(op.arguments, cut, strict=True)))
        for a, e, c in zip(op.arguments, expected, cut, strict=True):
            np.testing.assert_array_equal(c, e, err_msg=getattr(a, "name", a))


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        *((lambda units=units: layers.Dense(units), ValueError, "units") for units in (0, -1, 2.0, "3", None, True)),
        (lambda: layers.Dense(3, activation="rleu"), ValueError, "relu"),
        (lambda: layers.Dense(3, activation=3), TypeError, "expected activation"),
        (lambda: layers.Dense(3, kernel_initializer="glorot"), ValueError, "glorot_uniform"),
        (lambda: layers.Dense(3, kernel_regularizer="l3"), ValueError, "L2"),
        (lambda: layers.Dense(3, name="a/b"), ValueError, "a/b"),
        (lambda: layers.Dense(3, name=""), ValueError, "name"),
        (lambda: layers.Dense(3, name=3), ValueError, "name"),
        (lambda: layers.Dense(3, name="a\0b"), ValueError, "printable"),
        (lambda: layers.Dense(3, name="\ud800"), ValueError, "printable"),
        (lambda: layers.Dense(3, input_shape=(0,)), ValueError, "positive"),
        (lambda: layers.Dense(3, input_shape=(2.0,)), ValueError, "positive"),
        (lambda: layers.Dense(3).build((None,)), ValueError, "reshape"),
        (lambda: layers.Dense(3).build((None, None)), ValueError, "known"),
        *((lambda rate=rate: layers.Dropout(rate), ValueError, "rate") for rate in (1, -0.1, 1.5, np.nan, "half", None, True)),
        (lambda: layers.Dropout(0.5, noise_shape=(1, 2)), ValueError, "noise_shape"),
        (lambda: layers.BatchNormalization(axis=1), ValueError, "axis"),
        (lambda: layers.BatchNormalization(momentum=1.1), ValueError, "momentum"),
        (lambda: layers.BatchNormalization(epsilon=0), ValueError, "epsilon"),
        (lambda: layers.Activation("nothing"), ValueError, "nothing"),
        (lambda: fastnn.Input(), ValueError, "shape"),
        (lambda: fastnn.Input((None, 3)), ValueError, "positive"),
        (lambda: fastnn.Input((-3,)), ValueError, "positive"),
        (lambda: fastnn.Input((4,), sparse=True), ValueError, "sparse"),
        (lambda: layers.get("dens"), ValueError, "dense"),
        (lambda: layers.Layer()(samples()), NotImplementedError, "lower"),
    ],
)
def test_refuses(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_a_shape_may_be_an_integer():
    assert fastnn.Input(4).shape == layers.Dense(1, input_shape=4).input_shape == (4,)


def test_batch_normalization_of_one_sample_has_no_gradient():
    """Its output is beta whatever the input; rounding noise here would be blown up by Adam."""
    x = np.random.default_rng(0).normal(size=(1, 7))
    dx = np.full_like(x, np.nan)
    registry["batch_norm_backward"](x, np.ones(7), x[0].copy(), np.full(7, 31.6), x + 1, dx, np.empty(7), np.empty(7))
    np.testing.assert_array_equal(dx, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_normalization_keeps_its_digits_at_a_large_mean(dtype):
    """Mean 1e4, standard deviation 1: errors are a hundred roundings of numbers around 1, not of numbers around 1e4."""
    x = (1e4 + np.random.default_rng(0).normal(size=(4096, 7))).astype(dtype)
    y, vectors = np.empty_like(x), [np.ones(7, dtype) for _ in range(6)]
    registry["batch_norm"](x, vectors[0], 0 * vectors[1], vectors[2], vectors[3], y, vectors[4], vectors[5], 0.9, 1e-3)
    exact = x.astype(np.longdouble)
    exact = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + np.longdouble(1e-3))
    np.testing.assert_allclose(y, exact.astype(np.float64), rtol=0, atol=100 * np.finfo(dtype).eps)
