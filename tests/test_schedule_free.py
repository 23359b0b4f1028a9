"""Schedule-Free optimizers in a training: where parameters stand, and when."""

import numpy as np
import pytest
from helpers import BACKENDS, bits, classifier, labels, regressor, samples

import fastnn
from fastnn import callbacks
from fastnn.optimizers import ScheduleFreeAdamW, ScheduleFreeSGD
from fastnn.optimizers.schedules import CosineDecay

BOTH = [lambda **o: ScheduleFreeSGD(0.1, **o), lambda **o: ScheduleFreeAdamW(0.01, **o)]
both = pytest.mark.parametrize("make", BOTH, ids=["sgd", "adamw"])


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def fitted(model, epochs=1, start=0, **options):
    model.fit(samples(), labels(), batch_size=5, epochs=start + epochs, initial_epoch=start, verbose=0, **options)
    return model


def points(model):
    """The training point y, the iterate z, and the parameters."""
    return model.optimizer.slots["y"], model.optimizer.slots["z"], model._arena.values.data


@both
def test_after_a_fit_parameters_are_the_mean_of_the_iterates(make, each_backend):
    """Recorded step by step at a constant rate, all weights are alike."""
    model = regressor(make(weight_decay=0.01))
    model.optimizer.build(model._ensure_arena())
    model._stepped = model.trainable_weights
    iterates = []
    for _ in range(6):
        model.train_on_batch(samples(), samples(23, 1))
        iterates.append(model.optimizer.slots["z"].copy())
        y, z, x = points(model)
        np.testing.assert_allclose(x, np.mean(iterates, axis=0), rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(y, (1 - model.optimizer.inertia) * z + model.optimizer.inertia * x, rtol=1e-10, atol=1e-13)


def test_rates_weigh_by_their_squares(each_backend):
    o = ScheduleFreeSGD(CosineDecay(0.5, 6), momentum=0.5)
    p, z, weights, iterates = np.ones(3), np.ones(3), [], []
    for step in range(5):
        g = np.random.default_rng(step).normal(size=3)
        z = z - o.learning_rate * g
        weights.append(o.learning_rate**2)
        iterates.append(z)
        o.apply([g], [p])
    o.finalize_variable_values()
    np.testing.assert_allclose(p, np.average(iterates, axis=0, weights=weights), rtol=1e-12)


@both
def test_what_is_seen_between_steps_is_the_mean(make, each_backend):
    seen = []

    class Look(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights())

        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights())

    watched = fitted(classifier(make()), 2, callbacks=[Look()])
    for a, b in zip(seen[-1], watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert bits(watched) == bits(fitted(classifier(make()), 2))  # and looking changes nothing


@both
def test_validation_changes_nothing(make, each_backend):
    checked = fitted(classifier(make()), 3, validation_data=(samples(), labels()))
    assert bits(checked) == bits(fitted(classifier(make()), 3))
    history = checked.history.history["val_loss"]
    assert history[-1] == pytest.approx(checked.evaluate(samples(), labels(), verbose=0), rel=1e-12)


@both
def test_saved_and_resumed(make, tmp_path, each_backend):
    kept, saved = (fitted(classifier(make(gradient_accumulation_steps=3, warmup_steps=4))) for _ in range(2))
    saved.save(tmp_path / "m.npz")
    loaded = fastnn.load_model(tmp_path / "m.npz")
    assert {k: v.tobytes() for k, v in loaded.optimizer.numbers.items()} == {k: v.tobytes() for k, v in kept.optimizer.numbers.items()}
    assert bits(fitted(loaded, 2, 1)) == bits(fitted(kept, 2, 1))


@both
def test_assigned_parameters_are_where_the_training_goes_on(make, each_backend):
    model = fitted(classifier(make()))
    y, z, x = (v.copy() for v in points(model))
    weights = [w + 3.0 for w in model.get_weights()]
    model.set_weights(weights)
    with model.optimizer.training_point():
        for now, before in zip(points(model), (y, z, y), strict=True):
            if now is not model.optimizer.slots["y"]:
                for a, b in zip(model._arena.values.split(now), model._arena.values.split(before), strict=True):
                    np.testing.assert_allclose(a, b + 3, rtol=1e-12)
    for parameter, before in zip(model.trainable_weights, model._arena.values.split(x), strict=True):
        np.testing.assert_allclose(parameter.value, before + 3, rtol=1e-12)


@both
def test_it_learns(make, each_backend):
    x = samples(200, 3)
    y = x @ np.array([[1.0], [-2.0], [0.5]])
    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(1)], dtype="float64")
    model.compile(make() if make is BOTH[0] else ScheduleFreeAdamW(0.1), "mse")
    model.fit(x, y, epochs=30, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.01 * np.mean(y**2)


@both
def test_own_arrays_stay_where_gradients_are_taken(make, each_backend):
    """Until `finalize_variable_values`; going on after it is as if it hadn't been."""
    given = [np.random.default_rng(i).normal(size=3) for i in range(8)]
    whole, parts, p, q = make(), make(), np.ones(3), np.ones(3)
    for g in given:
        whole.apply([g], [p])
    for g in given[:4]:
        parts.apply([g], [q])
    parts.finalize_variable_values()
    parts.finalize_variable_values()
    for g in given[4:]:
        parts.apply([g], [q])
    np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize(
    ("member", "name", "bad"),
    [
        (ScheduleFreeSGD, "momentum", 0.0),
        (ScheduleFreeSGD, "momentum", 1.0),
        (ScheduleFreeAdamW, "beta_1", 0.0),
        (ScheduleFreeAdamW, "warmup_steps", -1),
    ],
)
def test_bad_arguments(member, name, bad):
    with pytest.raises(ValueError, match=name):
        member(**{name: bad})
