"""Layers that draw random numbers: distributions, determinism, gradients, and nothing in inference."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from helpers import BACKENDS, compiled_only, model_of, samples

import fastnn
from fastnn import layers
from fastnn.backend import registry
from fastnn.layers.dropout import SATURATION
from fastnn.layers.noise import Noise, standard_normal

LAYERS = {
    "Dropout": lambda: layers.Dropout(0.3, seed=5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.3, seed=5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.3, seed=5),
    "GaussianNoise": lambda: layers.GaussianNoise(0.3, seed=5),
}
each = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def test_all_are_here():
    assert {name for name, member in layers.layers.members.items() if issubclass(member, Noise)} >= set(LAYERS)


def drawn(n=400, m=500, mean=0.0):
    """Numbers of the standard normal distribution as the kernels make them."""
    y, rows = np.empty((n, m)), np.arange(n, dtype=np.int64)
    registry["gaussian_noise"](np.full((n, m), mean), rows, np.array([7], np.uint64), np.array([11], np.uint64), y, 1.0)
    return y.reshape(-1)


def test_normal_numbers_are_distributed_normally():
    """Kolmogorov and Smirnov's distance, at a level of 1e-4; moments within five standard errors."""
    z = np.sort(drawn())
    cdf = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z[::20]])
    place = (np.arange(len(z))[::20] + 0.5) / len(z)
    assert np.abs(cdf - place).max() < 2.23 / math.sqrt(len(z))
    for power, moment, variance in (1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96):
        assert abs((z**power).mean() - moment) < 5 * math.sqrt(variance / len(z))


def test_the_inverse_of_the_normal_distribution():
    bits = np.array([0, 1, 2, 3, 12345, 2**20, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], np.uint32)
    exact = [NormalDist().inv_cdf(((int(b) >> 1) + 0.5) * 2.0**-32) * (1 if b & 1 else -1) for b in bits]
    np.testing.assert_allclose(standard_normal(bits), exact, rtol=3e-7, atol=1e-15)


def test_neighbours_and_steps_are_uncorrelated():
    z = drawn(400, 500).reshape(400, 500)
    other = np.empty((400, 500))
    registry["gaussian_noise"](
        np.zeros((400, 500)), np.arange(400, dtype=np.int64), np.array([8], np.uint64), np.array([11], np.uint64), other, 1.0
    )
    for a, b in (z[:, 1:], z[:, :-1]), (z[1:], z[:-1]), (z, other):
        assert abs(np.mean(a * b)) < 5 / math.sqrt(a.size)


@each
def test_mean_and_variance_are_what_the_layer_says(make):
    """Of inputs with mean 1 (for dropout) or of standard normal ones (for alpha dropout)."""
    layer = make()
    x = drawn(300, 300).reshape(300, 300) if isinstance(layer, layers.AlphaDropout) else np.ones((300, 300))
    y = layer(x, training=True)
    mean, variance = (0, 1) if isinstance(layer, layers.AlphaDropout) else (1, 0.09 if "Noise" in type(layer).__name__ else 0.3 / 0.7)
    assert abs(y.mean() - mean) < 0.01 and abs(y.var() - variance) < 0.015


def test_alpha_dropout_by_its_definition():
    x = samples(50, 40)
    y = layers.AlphaDropout(0.25, seed=1)(x, training=True).astype(np.float64)
    a = (0.75 * (1 + 0.25 * SATURATION**2)) ** -0.5
    low = a * SATURATION - a * SATURATION * 0.25
    dropped = np.abs(y - low) < 1e-6
    assert abs(dropped.mean() - 0.25) < 0.04
    np.testing.assert_allclose(y[~dropped], (a * x - a * SATURATION * 0.25)[~dropped], rtol=1e-5, atol=1e-6)


@each
def test_nothing_in_inference(make):
    x = samples().astype(np.float32)
    np.testing.assert_array_equal(make()(x), x)


@each
def test_each_step_draws_anew_and_each_seed_its_own(make):
    layer, again = make(), make()
    first, second = (layer(samples(), training=True) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(again(samples(), training=True), first)
    other = type(layer).from_config({**layer.get_config(), "seed": 6})
    assert not np.array_equal(other(samples(), training=True), first)


@each
def test_gradients_match_differences(make):
    """At step 1 all draws are fixed, so that the loss is a function of the weights."""
    model = model_of(lambda: layers.Dense(6), make, lambda: layers.Dense(1), optimizer="sgd", loss="mse")
    x, y, start = samples(), samples(23, 1), model.get_weights()

    def loss(step, direction):
        model.set_weights([w + step * d for w, d in zip(start, direction, strict=True)])
        model._step[0] = 0
        return float(np.mean((model(x, training=True) - y) ** 2))

    directions = [[np.random.default_rng(k).normal(size=w.shape) for w in start] for k in range(3)]
    numeric = [(loss(1e-6, d) - loss(-1e-6, d)) / 2e-6 for d in directions]
    model.set_weights(start)
    model._step[0] = 0
    model.train_on_batch(x, y)
    step = [(a - b) / 0.01 for a, b in zip(start, model.get_weights(), strict=True)]
    got = [sum(float(np.sum(g * d)) for g, d in zip(step, direction, strict=True)) for direction in directions]
    np.testing.assert_allclose(got, numeric, rtol=1e-6, atol=1e-9)


@compiled_only
@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_backends_draw_the_same(make, dtype):
    layer = make()
    layer.build((None, 4), dtype)
    made = []
    for backend in BACKENDS:
        with fastnn.backend.use(backend):
            layer._calls = 0
            made.append(layer(samples(), training=True))
    np.testing.assert_allclose(*made, rtol=0, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(3, None), slice(None, None, 2)], ids=str)
@pytest.mark.parametrize("name", ["alpha_dropout", "alpha_dropout_backward", "gaussian_dropout", "gaussian_noise"])
def test_any_rows_of_a_batch_get_their_part_of_the_draw(name, rows):
    x, row = samples(9, 300), np.arange(9, dtype=np.int64)
    key, whole = (np.array([3], np.uint64), np.array([5], np.uint64)), np.empty((9, 300))
    registry[name](x, row, *key, whole, 0.4)
    part = np.empty_like(x[rows])
    registry[name](x[rows].copy(), row[rows].copy(), *key, part, 0.4)
    np.testing.assert_array_equal(part, whole[rows])


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: layers.AlphaDropout(1.0), "rate"),
        (lambda: layers.AlphaDropout(0.5, noise_shape=(2,)), "noise_shape"),
        (lambda: layers.GaussianDropout(-0.1), "rate"),
        *((lambda bad=bad: layers.GaussianNoise(bad), "stddev") for bad in (-1, math.nan, math.inf, "1", True)),
        (lambda: layers.GaussianNoise(1, seed=-1), "seed"),
    ],
)
def test_refuses(make, word):
    with pytest.raises(ValueError, match=word):
        make()
