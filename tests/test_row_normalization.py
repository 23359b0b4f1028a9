"""Normalizations of samples: definitions, extremes, and that one sample knows nothing of another."""

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import layers
from fastnn.backend import registry
from fastnn.layers.row_normalization import RowNormalization

LAYERS = {
    "layer": lambda **o: layers.LayerNormalization(epsilon=1e-2, **o),
    "group": lambda **o: layers.GroupNormalization(groups=2, epsilon=1e-2, **o),
    "instance": lambda **o: layers.GroupNormalization(groups=-1, epsilon=1e-2, **o),
    "rms": lambda **o: layers.RMSNormalization(epsilon=1e-2, **o),
    "unit": lambda **o: layers.UnitNormalization(**o),
}
each = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def built(layer, features=6):
    layer.build((None, features), "float64")
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    return layer


def standardized(x, epsilon):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


def test_layer_normalization_by_its_definition():
    layer, x = built(layers.LayerNormalization(epsilon=1e-2)), 3 * samples(7, 6) + 5
    np.testing.assert_allclose(layer(x), layer.gamma.value * standardized(x, 1e-2) + layer.beta.value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("groups", [1, 2, 3, 6, -1])
def test_group_normalization_by_its_definition(groups):
    layer, x = built(layers.GroupNormalization(groups, epsilon=1e-2)), 3 * samples(7, 6) + 5
    grouped = standardized(x.reshape(7, groups if groups > 0 else 6, -1), 1e-2).reshape(7, 6)
    np.testing.assert_allclose(layer(x), layer.gamma.value * grouped + layer.beta.value, rtol=1e-12, atol=1e-13)


def test_rms_normalization_by_its_definition():
    layer, x = built(layers.RMSNormalization(epsilon=1e-2)), samples(7, 6)
    np.testing.assert_allclose(layer(x), layer.scale.value * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-2), rtol=1e-12)


def test_unit_normalization_by_its_definition():
    x = samples(7, 6)
    x[3] = 0
    y = built(layers.UnitNormalization())(x)
    np.testing.assert_allclose(np.sqrt((y**2).sum(-1)), [1, 1, 1, 0, 1, 1, 1], rtol=1e-13)
    np.testing.assert_allclose(np.cross(y[0, :3], x[0, :3]), 0, atol=1e-14)


@pytest.mark.parametrize("options", [{"center": False}, {"scale": False}, {"center": False, "scale": False}], ids=str)
def test_without_offset_or_factor(options):
    layer = built(layers.LayerNormalization(epsilon=1e-2, **options))
    assert [p.name for p in layer.weights] == [name for name, on in (("gamma", "scale"), ("beta", "center")) if options.get(on, True)]
    expected = standardized(samples(7, 6), 1e-2) * (layer.gamma.value if layer.gamma else 1) + (layer.beta.value if layer.beta else 0)
    np.testing.assert_allclose(layer(samples(7, 6)), expected, rtol=1e-12, atol=1e-13)


@each
def test_a_sample_knows_nothing_of_the_others(make):
    layer, x = built(make()), samples(7, 6)
    np.testing.assert_array_equal(layer(x)[2:3], layer(x[2:3]))
    np.testing.assert_array_equal(layer(x), layer(x, training=True))


@each
def test_gradients_match_differences(make):
    model = model_of(lambda: layers.Dense(6), make, lambda: layers.Dense(1), optimizer="sgd", loss="mse")
    x, y, start = samples(), samples(23, 1), model.get_weights()
    directions = [[np.random.default_rng(k).normal(size=w.shape) for w in start] for k in range(4)]

    def loss(step, direction):
        model.set_weights([w + step * d for w, d in zip(start, direction, strict=True)])
        return model.evaluate(x, y, verbose=0)

    numeric = [(loss(1e-6, d) - loss(-1e-6, d)) / 2e-6 for d in directions]
    model.set_weights(start)
    model.train_on_batch(x, y)
    step = [(a - b) / 0.01 for a, b in zip(start, model.get_weights(), strict=True)]
    got = [sum(float(np.sum(g * d)) for g, d in zip(step, direction, strict=True)) for direction in directions]
    np.testing.assert_allclose(got, numeric, rtol=1e-5, atol=1e-8)


@each
@pytest.mark.parametrize("x", [0.0, 1e-300, 1e30, -1e30], ids=str)
def test_constant_and_extreme_rows_stay_finite(make, x):
    assert np.isfinite(built(make())(np.full((2, 6), x))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_mean_costs_no_digits(dtype):
    x = (1e4 + samples(64, 33)).astype(dtype)
    h, rstd = np.empty_like(x), np.empty(64, dtype)
    registry["standardize"](x, h, rstd, 1e-3)
    np.testing.assert_allclose(h, standardized(x.astype(np.longdouble), 1e-3).astype(np.float64), atol=20 * np.finfo(dtype).eps)


def test_a_row_shorter_than_epsilon_is_scaled_by_a_constant():
    h, factor = np.empty((2, 3)), np.empty(2)
    x, dh, dx = np.array([[3e-13, 0, 0], [3.0, 0, 0]]), np.ones((2, 3)), np.empty((2, 3))
    registry["scale_to_unit"](x, h, factor, 1e-12)
    registry["scale_to_unit_backward"](h, factor, dh, dx, 1e-12)
    np.testing.assert_allclose(dx, [[1e12, 1e12, 1e12], [0, 1 / 3, 1 / 3]], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        *((lambda kind=kind: kind(axis=1), "axis must be -1") for kind in RowNormalization.__subclasses__()),
        (lambda: layers.LayerNormalization(epsilon=0), "epsilon"),
        (lambda: layers.GroupNormalization(groups=0), "groups"),
        (lambda: layers.GroupNormalization(groups=4).build((None, 6)), "4 groups don't divide 6 features"),
        (lambda: layers.GroupNormalization(groups=2).build((None, 3, 6)), "add Flatten"),
    ],
)
def test_refuses(make, word):
    with pytest.raises(ValueError, match=word):
        make()
