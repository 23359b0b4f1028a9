"""Losses in training and evaluation: reductions, labels to ignore, weights of classes, losses of whole batches, several quantiles."""

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import layers, losses, optimizers

N, BATCH, OUTPUTS = 23, 7, 4
WEIGHTS = np.random.default_rng(3).uniform(0, 2, N)


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def linear(loss, units=OUTPUTS, activation=None):
    return model_of(lambda: layers.Dense(units, activation=activation), optimizer=optimizers.SGD(0.1), loss=loss)


def labels(ignored=None):
    drawn = np.random.default_rng(4).integers(0, OUTPUTS, N)
    return drawn if ignored is None else np.where(np.arange(N) % 3 == 0, ignored, drawn)


def batches():
    return [slice(start, min(start + BATCH, N)) for start in range(0, N, BATCH)]


def cases():
    """Loss, targets, and the last layer's activation."""
    sparse, reductions = losses.SparseCategoricalCrossentropy, ("sum_over_batch_size", "mean_with_sample_weight", "sum")
    for reduction in reductions:
        yield sparse(reduction=reduction), labels(), "softmax"
        yield sparse(from_logits=True, ignore_class=-1, reduction=reduction), labels(-1), None
        yield sparse(ignore_class=1, reduction=reduction, class_weight=[1, 2, 0.5, 3]), labels(), "softmax"
        yield losses.GaussianNLL(reduction=reduction), samples(N, OUTPUTS // 2), None
        yield losses.Quantile([0.1, 0.5, 0.7, 0.9], reduction=reduction), samples(N, 1)[:, 0], None
    for made in (losses.Dice, losses.Tversky):
        for options in ({}, {"axis": -1}, {"reduction": "mean_with_sample_weight"}):
            yield made(**options), np.eye(OUTPUTS)[labels()], "sigmoid"
    yield losses.CategoricalCrossentropy(class_weight=[1, 2, 0.5, 3]), np.eye(OUTPUTS)[labels()], "softmax"
    yield losses.BinaryCrossentropy(pos_weight=[1, 2, 0.5, 3]), np.eye(OUTPUTS)[labels()], "sigmoid"
    yield losses.CategoricalFocalCrossentropy(alpha=[1, 2, 0.5, 3]), np.eye(OUTPUTS)[labels()], "softmax"


CASES = list(cases())
each_case = pytest.mark.parametrize(("loss", "y", "activation"), CASES, ids=[f"{i}-{c[0].name}" for i, c in enumerate(CASES)])
weighted = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])


@each_case
@weighted
def test_evaluation_is_the_mean_of_the_batches(loss, y, activation, weights):
    """Each batch's loss as the object computes it on arrays, weighted by its number of samples."""
    model, x = linear(loss, activation=activation), samples(N)
    outputs = model.predict(x)
    expected = sum(len(x[rows]) * float(loss(y[rows], outputs[rows], None if weights is None else weights[rows])) for rows in batches()) / N
    assert model.evaluate(x, y, batch_size=BATCH, sample_weight=weights, verbose=0) == pytest.approx(expected, rel=1e-6)


@each_case
@weighted
def test_a_step_follows_the_gradient_of_the_batch_loss(loss, y, activation, weights):
    model, x = linear(loss, activation=activation), samples(N)[:BATCH]
    y, weights = y[:BATCH], None if weights is None else weights[:BATCH]
    before = model.get_weights()
    numeric = np.zeros_like(before[1])
    for i in range(len(numeric)):
        for sign in (1, -1):
            moved = before[1].copy()
            moved[i] += sign * 1e-6
            model.set_weights([before[0], moved])
            numeric[i] += sign * float(loss(y, model.predict(x), weights)) / 2e-6
    model.set_weights(before)
    expected = float(loss(y, model.predict(x), weights))
    assert model.train_on_batch(x, y, sample_weight=weights) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose((before[1] - model.get_weights()[1]) / 0.1, numeric, rtol=1e-4, atol=1e-6)


def test_a_batch_without_samples_that_count_has_no_loss():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=9)
    model, y = linear(loss), np.full(N, 9)
    before = model.get_weights()
    assert model.train_on_batch(samples(N), y) == 0
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    silent = linear(losses.MeanSquaredError(reduction="mean_with_sample_weight"), 1)
    assert silent.train_on_batch(samples(N), np.ones(N), sample_weight=np.zeros(N)) == 0


def test_quantiles_and_variances_are_learned():
    """Of data without inputs that matter: the quantiles, mean and variance of a sample."""
    rng = np.random.default_rng(0)
    x, y = np.zeros((4000, 1)), rng.normal(2.0, 0.5, 4000)
    model = model_of(lambda: layers.Dense(3), features=1, optimizer=optimizers.Adam(0.05), loss=losses.Quantile([0.1, 0.5, 0.9]))
    model.fit(x, y, batch_size=200, epochs=20, verbose=0)
    np.testing.assert_allclose(model.predict(x[:1])[0], np.quantile(y, [0.1, 0.5, 0.9]), atol=0.05)
    model = model_of(lambda: layers.Dense(2), features=1, optimizer=optimizers.Adam(0.05), loss="gaussian_nll")
    model.fit(x, y, batch_size=200, epochs=20, verbose=0)
    mean, log_variance = model.predict(x[:1])[0]
    assert mean == pytest.approx(y.mean(), abs=0.05)
    assert np.exp(log_variance) == pytest.approx(y.var(), rel=0.15)


@each_case
def test_a_saved_model_keeps_its_loss(loss, y, activation, tmp_path):
    model = linear(loss, activation=activation)
    model.train_on_batch(samples(N), y)
    model.save(tmp_path / "model.npz")
    again = fastnn.load_model(tmp_path / "model.npz")
    assert again.loss.get_config() == loss.get_config()
    assert again.evaluate(samples(N), y, verbose=0) == model.evaluate(samples(N), y, verbose=0)


def test_a_loss_that_does_not_suit_the_outputs_is_refused_before_anything_changes():
    model = linear(losses.Quantile([0.1, 0.9]), 3)
    before = model.get_weights()
    with pytest.raises(ValueError, match="quantiles must be a number, or one for each of the 3 columns"):
        model.fit(samples(N), np.ones(N), verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
