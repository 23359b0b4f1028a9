"""SwapEMAWeights and StochasticWeightAveraging, held to averages taken by hand."""

import numpy as np
import pytest
from helpers import BACKENDS, CLASSES, bits, labels, model_of, regressor, samples

import fastnn
from fastnn import callbacks, layers, optimizers

X, LABELS = samples(), labels()
Y = (X @ [1.0, -2.0, 0.5, 3.0] + 1)[:, None]


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


class Recorder(callbacks.Callback):
    """The weights, and the loss on the training data, at moments of a training."""

    def __init__(self, *hooks):
        self.weights = {hook: [] for hook in hooks}
        for hook in hooks:
            setattr(self, hook, lambda *_, hook=hook: self.weights[hook].append(self.model.get_weights()))


def averaging(momentum=0.7, **options):
    return regressor(optimizers.SGD(0.05, use_ema=True, ema_momentum=momentum, **options))


def fit(model, members, **options):
    fastnn.utils.set_random_seed(9)
    return model.fit(X, Y, **{"batch_size": 6, "epochs": 3, "verbose": 0, "callbacks": members, **options})


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


# ------------------------------------------------------------------------------------------------ moving average


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_validation_sees_the_average_and_training_doesnt(swap_on_epoch):
    plain, swapped = averaging(), averaging()
    look = Recorder("on_train_batch_end", "on_test_batch_end", "on_epoch_end")
    expected = fit(plain, [Recorder("on_train_batch_end")], validation_data=(X, Y))
    history = fit(swapped, [callbacks.SwapEMAWeights(swap_on_epoch), look], validation_data=(X, Y))
    average, tested = None, []
    for step, weights in enumerate(look.weights["on_train_batch_end"]):
        average = weights if average is None else [0.7 * a + 0.3 * w for a, w in zip(average, weights, strict=True)]
        if step % 4 == 3:
            tested.append(average)
    for got, want in zip(look.weights["on_test_batch_end"], tested, strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert history.history["loss"] == expected.history["loss"] and history.history["val_loss"] != expected.history["val_loss"]
    assert same(swapped.get_weights(), plain.get_weights())  # both end with the average
    at_end = [same(a, b) for a, b in zip(look.weights["on_epoch_end"], look.weights["on_test_batch_end"], strict=True)]
    assert at_end == [swap_on_epoch] * 3


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_a_stopped_training_ends_with_the_average(swap_on_epoch):
    stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", epoch == 1))
    swapped, plain = averaging(), averaging()
    fit(swapped, [callbacks.SwapEMAWeights(swap_on_epoch), stop], epochs=9)
    fit(plain, [stop], epochs=9)
    assert bits(swapped) == bits(plain)


def test_an_interrupted_training_keeps_its_weights():
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    swapped, look = averaging(), Recorder("on_train_batch_end")
    members = [callbacks.SwapEMAWeights(True), look, callbacks.LambdaCallback(on_epoch_end=interrupt)]
    with pytest.raises(KeyboardInterrupt):
        fit(swapped, members)
    assert same(swapped.get_weights(), look.weights["on_train_batch_end"][-1])


def test_evaluate_and_predict_on_their_own():
    model = averaging()
    weights = Recorder("on_train_batch_end")
    fit(model, [weights], epochs=1)
    average = model.predict(X)
    model.set_weights(weights.weights["on_train_batch_end"][-1])
    raw, swap = model.predict(X), callbacks.SwapEMAWeights()
    assert model.evaluate(X, Y, verbose=0, callbacks=[swap]) == pytest.approx(np.mean((average - Y) ** 2))
    np.testing.assert_array_equal(model.predict(X, callbacks=[swap]), average)
    np.testing.assert_array_equal(model.predict(X), raw)


def test_before_the_first_update_there_is_no_average():
    model = averaging()
    before = model.get_weights()
    model.evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    assert same(model.get_weights(), before)


def test_an_optimizer_without_average_is_refused_before_the_training():
    model = regressor("adam")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"SwapEMAWeights: .*Adam\(..., use_ema=True\)"):
        fit(model, [callbacks.SwapEMAWeights()])
    assert same(model.get_weights(), before)


@pytest.mark.parametrize("freq", ["epoch", 3])
def test_swapped_weights_go_through_a_backup(tmp_path, freq):
    def train(*members):
        model = averaging()
        history = fit(model, [*members, callbacks.SwapEMAWeights(True)], validation_data=(X, Y))
        return history.history, bits(model)

    steps = []

    def break_off(batch, logs):
        steps.append(batch)
        if len(steps) == 7:
            raise KeyboardInterrupt

    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=freq)
    with pytest.raises(KeyboardInterrupt):
        train(backup, callbacks.LambdaCallback(on_train_batch_end=break_off))
    assert (tmp_path / "backup").exists()
    assert train(backup) == train()


# ---------------------------------------------------------------------------------------------------- plain mean


@pytest.mark.parametrize(("start", "freq", "chosen"), [(0, 1, [0, 1, 2, 3, 4]), (2, 1, [2, 3, 4]), (1, 2, [1, 3]), (4, 9, [4])])
def test_the_mean_of_the_epochs_weights(start, freq, chosen):
    model, look = regressor(optimizers.SGD(0.1)), Recorder("on_epoch_end")
    average = callbacks.StochasticWeightAveraging(start, freq)
    fit(model, [average, look], epochs=5)
    means = [np.mean(each, axis=0) for each in zip(*(look.weights["on_epoch_end"][epoch] for epoch in chosen), strict=True)]
    for got, expected in zip(model.get_weights(), means, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert average.averaged == len(chosen)


def test_too_short_a_training_keeps_its_weights():
    model, other = regressor(optimizers.SGD(0.1)), regressor(optimizers.SGD(0.1))
    with pytest.warns(UserWarning, match="ended before epoch 3"):
        fit(model, [callbacks.StochasticWeightAveraging(3)])
    fit(other, [])
    assert bits(model) == bits(other)


def normalized():
    return model_of(
        lambda: layers.Dense(5, activation="tanh", name="hidden"),
        lambda: layers.BatchNormalization(name="norm"),
        lambda: layers.Dense(CLASSES, activation="softmax"),
        optimizer=optimizers.SGD(0.3),
        loss="sparse_categorical_crossentropy",
    )


@pytest.mark.parametrize("batch_size", [1024, 23, 10])
def test_moments_are_those_of_the_mean_weights(batch_size):
    model = normalized()
    fastnn.utils.set_random_seed(9)
    average = callbacks.StochasticWeightAveraging(1, x=X, batch_size=batch_size)
    model.fit(X, LABELS, epochs=4, verbose=0, callbacks=[average])
    hidden = np.tanh(X @ model.layers[0].kernel.numpy() + model.layers[0].bias.numpy())
    parts = [hidden[i : i + batch_size] for i in range(0, len(X), batch_size)]
    norm = model.get_layer("norm")
    for got, of in ((norm.moving_mean, np.mean), (norm.moving_variance, np.var)):
        expected = sum(len(part) * of(part, axis=0) for part in parts) / len(X)
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-10)
    assert norm.momentum == 0.99
    before = norm.moving_mean.numpy()
    model.fit(X, LABELS, batch_size=23, verbose=0)
    assert np.abs(norm.moving_mean.numpy() - before).max() < 0.02  # programs go by the old momentum again


def test_batch_normalization_needs_samples():
    model = normalized()
    with pytest.raises(ValueError, match=r"StochasticWeightAveraging: the moments of norm .* pass samples as x"):
        model.fit(X, LABELS, verbose=0, callbacks=[callbacks.StochasticWeightAveraging(0)])
    with pytest.raises(ValueError, match="expects"):
        model.fit(X, LABELS, verbose=0, callbacks=[callbacks.StochasticWeightAveraging(0, x=X[:, :2])])


def test_the_moments_of_a_frozen_normalization_stay():
    model = normalized()
    norm = model.get_layer("norm")
    norm.trainable = False
    before = norm.get_weights()
    model.fit(X, LABELS, verbose=0, callbacks=[callbacks.StochasticWeightAveraging(0)])
    assert all(np.array_equal(a, b) for a, b in zip(before, norm.get_weights(), strict=True))


@pytest.mark.parametrize(
    "options", [{"start_from_epoch": -1}, {"start_from_epoch": 0, "freq": 0}, {"start_from_epoch": 0, "batch_size": 0}]
)
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=r"start_from_epoch|freq|batch_size"):
        callbacks.StochasticWeightAveraging(**options)
