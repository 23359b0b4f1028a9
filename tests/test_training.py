"""compile, fit, evaluate, predict and their one-batch forms, held to what Keras 3 does and to closed forms."""

import gc
import weakref

import numpy as np
import pytest
from helpers import BACKENDS, CLASSES, SAMPLES, bits, classifier, labels, model_of, one_hot, regressor, run_python, samples
from metric_cases import OF_BATCHES, taking
from metric_cases import make as make_metric

import fastnn
from fastnn import callbacks, layers, losses, metrics

X, LABELS, ONE_HOT = samples(), labels(), one_hot()
Y = (X @ [1.0, -2.0, 0.5, 3.0] + 1)[:, None]


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def fit(model, x=X, y=Y, **options):
    """Train from a seed, which the order of samples is drawn from; the history."""
    fastnn.utils.set_random_seed(9)
    return model.fit(x, y, **{"verbose": 0, **options}).history


def linear_step(x, y, kernel, bias, rate, weights=1.0, l2=0.0):
    """One step of gradient descent on the mean of the weighted squared errors, by hand."""
    error = weights * 2 * (x @ kernel + bias - y) / len(x)
    return kernel - rate * (x.T @ error + 2 * l2 * kernel), bias - rate * error.sum(axis=0)


def mse(y, prediction):
    return float(np.mean((y - prediction) ** 2))


# ------------------------------------------------------------------------------------------------ the step


def test_a_step_is_gradient_descent():
    model = regressor(fastnn.optimizers.SGD(0.1))
    kernel, bias = model.get_weights()
    before = mse(Y, model.predict(X))
    assert model.train_on_batch(X, Y) == pytest.approx(before)
    for got, expected in zip(model.get_weights(), linear_step(X, Y, kernel, bias, 0.1), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_batches_without_shuffling_and_a_smaller_last_one():
    model = regressor(fastnn.optimizers.SGD(0.1))
    weights = model.get_weights()
    total = 0.0
    for start in range(0, SAMPLES, 8):
        x, y = X[start : start + 8], Y[start : start + 8]
        total += mse(y, x @ weights[0] + weights[1]) * len(x)
        weights = linear_step(x, y, *weights, 0.1)
    history = fit(model, batch_size=8, shuffle=False)
    assert history["loss"] == [pytest.approx(total / SAMPLES)]
    for got, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_training_finds_the_least_squares_solution():
    model = regressor(fastnn.optimizers.SGD(0.1))
    fit(model, epochs=400, batch_size=SAMPLES)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [1, -2, 0.5, 3], rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], 1, rtol=1e-6)


def test_ridge_regression_has_its_closed_form():
    l2 = 0.3
    penalised = {"use_bias": False, "kernel_regularizer": fastnn.regularizers.L2(l2)}
    model = model_of(lambda: layers.Dense(1, **penalised), optimizer=fastnn.optimizers.SGD(0.1), loss="mse")
    history = fit(model, epochs=300, batch_size=SAMPLES)
    kernel = np.linalg.solve(X.T @ X / SAMPLES + l2 * np.eye(4), X.T @ Y / SAMPLES)
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-9)
    assert history["loss"][-1] == pytest.approx(mse(Y, X @ kernel) + l2 * float(np.sum(kernel**2)))
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(history["loss"][-1])


def test_reduction_sum_adds_up_the_batch():
    model = regressor(loss=losses.MeanSquaredError(reduction="sum"))
    expected = float(np.sum((Y - model.predict(X)) ** 2))
    assert model.test_on_batch(X, Y) == pytest.approx(expected)


# ------------------------------------------------------------------------------------------------ weights


def test_sample_weights_scale_each_samples_loss():
    weights = np.linspace(0, 2, SAMPLES)
    model = regressor(fastnn.optimizers.SGD(0.1))
    kernel, bias = model.get_weights()
    expected = float(np.mean(weights * ((Y - model.predict(X)) ** 2)[:, 0]))
    assert model.evaluate(X, Y, sample_weight=weights, verbose=0) == pytest.approx(expected)
    assert model.train_on_batch(X, Y, sample_weight=weights) == pytest.approx(expected)
    for got, wanted in zip(model.get_weights(), linear_step(X, Y, kernel, bias, 0.1, weights[:, None]), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("targets", ["sparse", "one-hot"])
def test_class_weights_are_sample_weights_by_class(targets):
    y, loss = (LABELS, "sparse_categorical_crossentropy") if targets == "sparse" else (ONE_HOT, "categorical_crossentropy")
    by_class, by_sample = classifier(loss=loss), classifier(loss=loss)
    a = fit(by_class, y=y, class_weight={0: 1, 1: 2.5, 2: 0})
    b = fit(by_sample, y=y, sample_weight=np.array([1, 2.5, 0])[LABELS])
    assert a == b and bits(by_class) == bits(by_sample)


def test_class_and_sample_weights_multiply():
    weights = np.linspace(0, 1, SAMPLES)
    both, product = classifier(), classifier()
    fit(both, y=LABELS, class_weight={0: 1, 1: 2, 2: 3}, sample_weight=weights)
    fit(product, y=LABELS, sample_weight=weights * (LABELS + 1))
    assert bits(both) == bits(product)


def test_class_weights_leave_validation_alone():
    plain, weighted = (classifier(optimizer=fastnn.optimizers.SGD(0.0)) for _ in range(2))
    options = {"y": LABELS, "validation_split": 0.5, "shuffle": False}
    a, b = fit(plain, **options), fit(weighted, class_weight={0: 5, 1: 5, 2: 5}, **options)
    assert a["val_loss"] == b["val_loss"] and a["loss"] != b["loss"]


def test_unit_weights_change_no_bit():
    plain, weighted = classifier(), classifier()
    assert fit(plain, y=LABELS) == fit(weighted, y=LABELS, sample_weight=np.ones((SAMPLES, 1)))
    assert bits(plain) == bits(weighted)


def test_metrics_ignore_weights_and_weighted_metrics_use_them():
    weights = np.arange(SAMPLES) % 2
    model = regressor(metrics=["mae"], weighted_metrics=[metrics.MeanAbsoluteError(name="weighted")])
    scores = model.evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)
    error = np.abs(Y - model.predict(X))[:, 0]
    assert scores["mae"] == pytest.approx(error.mean())
    assert scores["weighted"] == pytest.approx(np.average(error, weights=weights))


# ------------------------------------------------------------------------------------- history, validation


def test_history_has_a_value_an_epoch_under_each_name():
    model = classifier(metrics=["accuracy"])
    history = model.fit(X, LABELS, epochs=3, validation_data=(X, LABELS), verbose=0)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert {len(v) for v in history.history.values()} == {3} and history.epoch == [0, 1, 2]
    assert model.history is history and model.metrics_names == ["loss", "accuracy"]
    assert all(isinstance(v, float) for values in history.history.values() for v in values)


def test_validation_split_takes_the_last_samples():
    split, given = classifier(), classifier()
    at = int(SAMPLES * 0.7)
    a = fit(split, y=LABELS, validation_split=0.3, epochs=2)
    b = fit(given, X[:at], LABELS[:at], validation_data=(X[at:], LABELS[at:]), epochs=2)
    assert a == b and bits(split) == bits(given)


def test_validation_is_evaluation():
    model, weights = classifier(metrics=["accuracy"]), np.linspace(0, 1, SAMPLES)
    history = fit(model, y=LABELS, validation_data=(X, LABELS, weights))
    scores = model.evaluate(X, LABELS, sample_weight=weights, verbose=0, return_dict=True)
    assert scores == {"loss": history["val_loss"][0], "accuracy": history["val_accuracy"][0]}


def test_validation_data_takes_the_place_of_the_split():
    model = classifier()
    steps = []
    count = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    fit(model, y=LABELS, validation_split=0.5, validation_data=(X, LABELS), batch_size=1, callbacks=[count])
    assert len(steps) == SAMPLES


@pytest.mark.parametrize(
    ("freq", "validated"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3]), (np.int64(6), []), ([1, 4], [0, 3]), ({5, 50}, [4]), ([], [])]
)
def test_validation_freq(freq, validated):
    """As in Keras: every so many epochs, or after these, counted from 1."""
    model, epochs = classifier(), []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch) if "val_loss" in logs else None)
    history = fit(model, y=LABELS, validation_split=0.3, epochs=5, validation_freq=freq, callbacks=[look])
    assert epochs == validated and len(history.get("val_loss", [])) == len(validated)
    always = fit(classifier(), y=LABELS, validation_split=0.3, epochs=5)
    assert history["loss"] == always["loss"] and history.get("val_loss", []) == [always["val_loss"][epoch] for epoch in validated]


@pytest.mark.parametrize("freq", [2, [2, 4]])
def test_callbacks_wait_for_validations(tmp_path, freq):
    """No warning that the value isn't there, and no file of what nobody compared."""
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}.fnn", save_best_only=True)
    stop = callbacks.EarlyStopping(patience=1, min_delta=9)
    history = fit(classifier(), y=LABELS, validation_split=0.3, epochs=5, validation_freq=freq, callbacks=[save, stop])
    assert len(history["loss"]) == 4  # stopped by the second validation
    assert {"2.fnn"} <= {path.name for path in tmp_path.iterdir()} <= {"2.fnn", "4.fnn"}


@pytest.mark.parametrize("given", [{"validation_split": 0.5}, {"validation_data": (X, LABELS)}])
def test_validation_batch_size_cuts_the_validation_alone(given):
    batches = {"train": 0, "test": 0}

    def count(mode):
        batches[mode] += 1

    look = callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: count("train"), on_test_batch_end=lambda b, logs: count("test"))
    history = fit(classifier(), y=LABELS, validation_batch_size=2, callbacks=[look], **given)
    samples = SAMPLES if "validation_data" in given else SAMPLES - SAMPLES // 2
    assert batches == {"train": 1, "test": -(-samples // 2)}
    assert history["val_loss"] == pytest.approx(fit(classifier(), y=LABELS, **given)["val_loss"])


def test_initial_epoch_counts_on():
    model = regressor()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4] and len(history.history["loss"]) == 2
    assert model.fit(X, Y, epochs=2, initial_epoch=2, verbose=0).history == {}


def test_arrays_at_odd_addresses_are_as_good_as_others():
    raw = np.zeros(X.astype("float32").nbytes + Y.astype("float32").nbytes + 2, np.uint8)
    x = raw[1 : 1 + X.size * 4].view("float32").reshape(X.shape)
    y = raw[1 + X.size * 4 : 1 + (X.size + Y.size) * 4].view("float32").reshape(Y.shape)
    x[...], y[...] = X, Y
    assert not x.flags.aligned and not y.flags.aligned
    assert fit(regressor(), x, y) is not None
    assert regressor().evaluate(x, y, verbose=0) > 0


def test_shuffling_visits_every_sample_in_a_new_order_each_epoch():
    seen = []
    model = regressor(fastnn.optimizers.SGD(0.0))
    x = np.repeat(np.arange(SAMPLES)[:, None], 4, axis=1)
    spy = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.extend(lowered.x[0, 0] for _, lowered in model._programs.values())
    )
    fit(model, x, Y, epochs=3, batch_size=1, callbacks=[spy])
    orders = np.reshape(seen, (3, SAMPLES))
    assert all(sorted(order) == list(range(SAMPLES)) for order in orders)
    assert len({tuple(order) for order in [*orders, np.arange(SAMPLES)]}) == 4


# ----------------------------------------------------------------------- evaluate, predict, one-batch forms


def test_an_order_can_be_given():
    asked, orders = [], iter([np.arange(len(X))[::-1], np.array([3, 3, 0, 7, 5])])
    model, again = regressor("sgd"), regressor("sgd")
    again.set_weights(model.get_weights())
    fit(model, epochs=2, batch_size=2, shuffle=lambda n: asked.append(n) or next(orders))
    for rows in np.arange(len(X))[::-1], np.array([3, 3, 0, 7, 5]):
        fit(again, X[rows], Y[rows], batch_size=2, shuffle=False)
    assert asked == [len(X)] * 2
    assert bits(model) == bits(again)


@pytest.mark.parametrize("order", [[0, len(X)], [-1], [0.0, 1.0], [], [[0, 1]], None])
def test_an_order_of_what_is_not_there_is_refused(order):
    model = regressor("sgd")
    before = model.get_weights()
    with pytest.raises(ValueError, match="shuffle must return indices"):
        model.fit(X, Y, shuffle=lambda n: order, verbose=0)
    np.testing.assert_equal(model.get_weights(), before)


def test_evaluate_does_not_depend_on_the_batch_size():
    model = classifier(metrics=["accuracy"])
    whole, parts = model.evaluate(X, LABELS, verbose=0), model.evaluate(X, LABELS, batch_size=5, verbose=0)
    penalty = losses.SparseCategoricalCrossentropy()(LABELS, model.predict(X)) + fastnn.regularizers.get("l2")(model.get_weights()[0])
    np.testing.assert_allclose(whole, parts, rtol=1e-12)
    assert whole[0] == pytest.approx(float(penalty))


def test_evaluating_and_predicting_change_nothing():
    model = classifier(metrics=["accuracy"])
    fit(model, y=LABELS)
    before = bits(model)
    model.evaluate(X, LABELS, verbose=0)
    model.test_on_batch(X, LABELS)
    model.predict(X)
    model.predict_on_batch(X)
    assert bits(model) == before


def test_results_have_the_form_that_was_asked_for():
    model = classifier(metrics=["accuracy"])
    assert isinstance(regressor().evaluate(X, Y, verbose=0), float)
    as_list, as_dict = model.test_on_batch(X, LABELS), model.test_on_batch(X, LABELS, return_dict=True)
    assert as_list == list(as_dict.values()) and list(as_dict) == ["loss", "accuracy"]
    assert list(model.train_on_batch(X, LABELS, return_dict=True)) == ["loss", "accuracy"]
    assert model.evaluate(X, LABELS, verbose=0) == model.test_on_batch(X, LABELS)


def test_train_on_batch_is_fit_with_one_batch():
    a, b = classifier(), classifier()
    fit(a, y=LABELS, shuffle=False, batch_size=SAMPLES)
    b.train_on_batch(X, LABELS)
    assert [w.tobytes() for w in a.get_weights()] == [w.tobytes() for w in b.get_weights()]


def test_predict_does_not_depend_on_the_batch_size():
    model = classifier()
    whole = model.predict(X)
    for size in (1, 2, 7, SAMPLES, 100):
        np.testing.assert_allclose(model.predict(X, batch_size=size), whole, rtol=1e-12)
    np.testing.assert_allclose(model(X), whole, rtol=1e-12)
    assert model.predict(X[:0]).shape == (0, CLASSES)


@pytest.mark.parametrize("convert", [np.asfortranarray, np.ndarray.tolist, lambda x: x[::-1][::-1], lambda x: x.astype(np.float64)])
def test_predict_takes_any_layout(convert):
    model = classifier()
    np.testing.assert_array_equal(model.predict(convert(X)), model.predict(X))


def test_read_only_data_is_enough():
    x, y = X.copy(), LABELS.copy()
    x.flags.writeable = y.flags.writeable = False
    fit(classifier(metrics=["accuracy"]), x, y, validation_split=0.2)


def test_fitting_changes_no_argument():
    x, y, weights = X.copy(), LABELS.copy(), np.ones(SAMPLES)
    fit(classifier(), x, y, sample_weight=weights)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, LABELS)
    np.testing.assert_array_equal(weights, 1)


def test_vectors_and_columns_are_the_same_targets():
    assert fit(regressor(), y=Y) == fit(regressor(), y=Y[:, 0]) == fit(regressor(), y=Y[:, 0].tolist())
    assert fit(classifier(), y=LABELS) == fit(classifier(), y=LABELS[:, None]) == fit(classifier(), y=LABELS.astype(np.float32))


def test_a_model_without_parameters_can_be_fitted():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Activation("tanh")])
    model.compile("adam", "mse")
    assert fit(model, y=np.tanh(X))["loss"][0] == pytest.approx(0, abs=1e-12)


def test_compiling_again_starts_the_optimizer_anew():
    model = regressor("adam")
    fit(model)
    model.compile("adam", "mae", metrics=["mse"])
    assert model.optimizer.iterations == 0 and model.metrics_names == ["loss", "mse"]
    assert model.evaluate(X, Y, verbose=0) == [pytest.approx(np.abs(Y - model.predict(X)).mean()), pytest.approx(mse(Y, model.predict(X)))]


def test_an_optimizer_belongs_to_one_model():
    """It would carry the momentum of one training into the next."""
    first, second = regressor("adam"), regressor()
    fit(first)
    with pytest.raises(ValueError, match="make a new one"):
        second.compile(first.optimizer, "mse")
    steps = first.optimizer.iterations
    first.compile(first.optimizer, "mae")
    assert first.optimizer.iterations == steps


def test_learning_rate_can_be_read_and_set():
    model = regressor(fastnn.optimizers.SGD(0.5))
    assert model.optimizer.learning_rate == 0.5
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    fit(model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    "name", ["accuracy", *(n for n in taking(np.array([[0.0], [1.0]]), np.array([[0.2], [0.7]])) if n not in OF_BATCHES)]
)
def test_every_metric(name):
    """What `fit` reports is what the metric says of the model's predictions."""
    metric = name if name == "accuracy" else make_metric(name)
    model = model_of(lambda: layers.Dense(1, activation="sigmoid"), optimizer="sgd", loss="mse", metrics=[metric])
    y = (Y > 0).astype(float)
    reported = model.evaluate(X, y, batch_size=6, verbose=0)[1]
    alone = metrics.resolve(name, y.shape, (SAMPLES, 1)) if name == "accuracy" else make_metric(name)
    assert np.mean(reported) == pytest.approx(float(np.mean(alone(y, model.predict(X)))))


def test_functions_are_metrics():
    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max()

    model = regressor(metrics=[largest_error])
    assert model.evaluate(X, Y, verbose=0)[1] == pytest.approx(np.abs(Y - model.predict(X)).max())


# ----------------------------------------------------------------------------------------------- callbacks


class Recorder(callbacks.Callback):
    """Which hooks were called; raises or stops at one of them."""

    def __init__(self, at="", error=None):
        self.calls, self.at, self.error = [], at, error

    def _seen(self, hook):
        self.calls.append(hook)
        if hook == self.at and self.error:
            raise self.error
        if hook == self.at:
            self.model.stop_training = True

    def on_train_begin(self, logs=None):
        self._seen("train_begin")

    def on_train_end(self, logs=None):
        self._seen("train_end")

    def on_epoch_end(self, epoch, logs=None):
        self._seen(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self._seen(f"batch {batch}")

    def on_test_end(self, logs=None):
        self._seen("test_end")


def test_hooks_come_in_keras_order():
    recorder = Recorder()
    fit(classifier(), y=LABELS, epochs=2, batch_size=12, validation_data=(X, LABELS), callbacks=[recorder])
    epoch = ["batch 0", "batch 1", "test_end"]
    assert recorder.calls == ["train_begin", *epoch, "epoch 0", *epoch, "epoch 1", "train_end"]


def test_stop_training_ends_the_fit_and_not_the_next():
    model = classifier()
    history = fit(model, y=LABELS, epochs=9, callbacks=[Recorder("epoch 2")])
    assert len(history["loss"]) == 3 and model.stop_training
    assert len(fit(model, y=LABELS, epochs=2)["loss"]) == 2


def test_stop_training_within_an_epoch():
    recorder = Recorder("batch 1")
    fit(classifier(), y=LABELS, epochs=9, batch_size=5, callbacks=[recorder])
    assert recorder.calls == ["train_begin", "batch 0", "batch 1", "epoch 0", "train_end"]


@pytest.mark.parametrize("at", ["batch 1", "epoch 0", "test_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("from a callback")])
def test_an_interrupted_model_stays_usable(at, error):
    model, recorder = classifier(metrics=["accuracy"]), Recorder(at, error)
    with pytest.raises(type(error)):
        fit(model, y=LABELS, epochs=3, batch_size=5, validation_split=0.2, callbacks=[recorder])
    assert recorder.calls[-1] == "train_end"
    assert np.isfinite(model.evaluate(X, LABELS, verbose=0)).all()
    assert len(fit(model, y=LABELS, epochs=2)["loss"]) == 2


INTERRUPTED = """
import signal, threading, time
import numpy as np, fastnn
from fastnn import layers

fastnn.backend.use({backend!r})
sizes, rows, batch = {net}
model = fastnn.Sequential([fastnn.Input(sizes[:1]), *(layers.Dense(n, activation="relu") for n in sizes[1:])], dtype="float32")
model.compile("adam", "mse")
x = np.random.default_rng(0).normal(size=(rows, sizes[0])).astype("float32")
y = np.zeros((rows, sizes[-1]), "float32")
model.train_on_batch(x[:batch], y[:batch])
sent = []

def interrupt():
    sent.append(time.perf_counter())
    signal.raise_signal(signal.SIGINT)

threading.Timer(0.5, interrupt).start()
try:
    while True:
        {call}
except KeyboardInterrupt:
    print("seconds", time.perf_counter() - sent[0])
done, begun = model.optimizer.iterations, int(model._step[0])
assert begun - done in (0, 1), (begun, done)
assert all(np.isfinite(w).all() for w in model.get_weights())
assert np.isfinite(model.evaluate(x[:batch], y[:batch], verbose=0))
assert np.isfinite(model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0).history["loss"]).all()
assert model.optimizer.iterations == done + 1
"""

INTERRUPTED_CALLS = {
    "fit": "model.fit(x, y, batch_size=batch, epochs=10**9, verbose=0)",
    "evaluate": "model.evaluate(x, y, batch_size=batch, verbose=0)",
    "predict": "model.predict(x, batch_size=batch)",
}


@pytest.mark.parametrize("net", [((2, 10, 1), 200_000, 4), ((8, 2048, 2048, 8), 500_000, 1024)], ids=["many steps", "long steps"])
@pytest.mark.parametrize("call", INTERRUPTED_CALLS.values(), ids=INTERRUPTED_CALLS.keys())
def test_ctrl_c_ends_a_loop(call, net, backend):
    """Within 0.2 s on a quiet machine; the bound is one that a loop deaf to signals would miss: one call takes longer."""
    status, printed = run_python(INTERRUPTED.format(backend=backend, net=net, call=call), FASTNN_NUM_THREADS="1")
    assert status == 0, printed
    assert float(printed.split()[-1]) < 10


def test_early_stopping_restores_the_best_weights():
    model = regressor(fastnn.optimizers.SGD(0.05))
    kept = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append((logs["val_loss"], model.get_weights())))
    rise = callbacks.LearningRateScheduler(lambda epoch: 0.05 if epoch < 3 else 2.0)
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    with np.errstate(all="ignore"):
        history = fit(model, epochs=50, validation_split=0.3, callbacks=[rise, keep, stop])
    best = int(np.argmin(history["val_loss"]))
    assert len(history["val_loss"]) == best + 3 < 50
    for a, b in zip(model.get_weights(), kept[best][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_callbacks_know_which_way_a_metric_is_better():
    model = regressor(metrics=[metrics.RootMeanSquaredError(name="mine")])
    stop = callbacks.EarlyStopping(monitor="val_mine")
    fit(model, validation_split=0.3, callbacks=[stop])
    assert stop.direction == "min" and [m.name for m in model.metrics] == ["mine"]


def test_callbacks_of_evaluation_and_prediction():
    calls = []
    watch = callbacks.LambdaCallback(
        on_test_begin=lambda logs: calls.append("test"),
        on_test_batch_end=lambda batch, logs: calls.append(batch),
        on_predict_batch_end=lambda batch, logs: calls.append(logs["outputs"].shape),
        on_predict_end=lambda logs: calls.append("done"),
    )
    model = regressor()
    model.evaluate(X, Y, batch_size=20, verbose=0, callbacks=[watch])
    model.predict(X, batch_size=20, callbacks=[watch])
    assert calls == ["test", 0, 1, (20, 1), (3, 1), "done"]


def test_a_diverging_model_is_stopped(capsys):
    model = regressor(fastnn.optimizers.SGD(1e200))
    history = fit(model, epochs=9, batch_size=5, callbacks=[callbacks.TerminateOnNaN()])
    assert len(history["loss"]) == 1 and not np.isfinite(history["loss"][0])
    assert "Invalid loss" in capsys.readouterr().out


def test_learning_rate_callbacks_reach_the_history():
    history = fit(regressor(), epochs=3, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])
    assert history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (2, 2), (1, 2), ("auto", 2), (False, 0), (True, 2)])
def test_verbose(verbose, lines, capsys):
    fit(regressor(metrics=["mae"]), epochs=2, verbose=verbose)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == lines
    assert all("loss" in line and "mae" in line for line in out.splitlines())


# ----------------------------------------------------------------------------------------------- bad input


def with_bad(x, value):
    x = np.array(x, dtype=float)
    x.flat[9] = value
    return x


BAD_FITS = {
    "features": ({"x": X[:, :3]}, ValueError, r"\(n, 4\)"),
    "a vector": ({"x": X[:, 0]}, ValueError, "reshape"),
    "one sample without its axis": ({"x": X[0], "y": LABELS[:1]}, ValueError, r"x\[None\]"),
    "a number": ({"x": 3.0}, TypeError, "array"),
    "a numpy number": ({"x": np.float64(3)}, ValueError, "batch axis"),
    "nan in x": ({"x": with_bad(X, np.nan)}, ValueError, "row 2"),
    "inf in x": ({"x": with_bad(X, np.inf)}, ValueError, "row 2"),
    "nan in y": ({"y": with_bad(LABELS, np.nan)}, ValueError, "nan"),
    "inf in y": ({"y": with_bad(LABELS, -np.inf)}, ValueError, "inf"),
    "text in x": ({"x": X.astype(str)}, TypeError, "text"),
    "text in y": ({"y": LABELS.astype(str)}, ValueError, "numbers"),
    "objects in x": ({"x": np.where(X > 1, X.astype(object), None)}, TypeError, "object None at row"),
    "complex x": ({"x": X * 1j}, TypeError, "real"),
    "dates": ({"x": np.zeros((SAMPLES, 4), "M8[s]")}, TypeError, "dates"),
    "a dictionary": ({"x": {"a": X}}, TypeError, "real numbers"),
    "a string": ({"x": "samples"}, TypeError, "real numbers"),
    "no x": ({"x": None}, TypeError, "NoneType"),
    "no y": ({"y": None}, ValueError, "y is missing"),
    "no samples": ({"x": X[:0], "y": LABELS[:0]}, ValueError, "no samples"),
    "empty lists": ({"x": [], "y": []}, ValueError, "expects"),
    "ragged x": ({"x": [[1.0, 2, 3, 4], [1.0]], "y": [0, 1]}, ValueError, "x must be an array"),
    "ragged y": ({"x": X[:2], "y": [[1, 2], [1]]}, ValueError, "y must be an array"),
    "a generator and y": ({"x": (row for row in X)}, ValueError, "y must not be passed"),
    "a generator of y": ({"y": (row for row in LABELS)}, TypeError, "y must be"),
    "more x than y": ({"y": LABELS[:-1]}, ValueError, "23 samples, y 22"),
    "more y than x": ({"x": X[:-1]}, ValueError, "22 samples, y 23"),
    "label too large": ({"y": LABELS + 1}, ValueError, r"\[0, 2\]"),
    "negative label": ({"y": LABELS - 1}, ValueError, r"\[0, 2\]"),
    "fractional label": ({"y": LABELS + 0.5}, ValueError, "whole"),
    "one-hot with the sparse loss": ({"y": ONE_HOT}, ValueError, "categorical_crossentropy"),
    "epochs 0": ({"epochs": 0}, ValueError, "epochs"),
    "negative epochs": ({"epochs": -1}, ValueError, "epochs"),
    "epochs 1.5": ({"epochs": 1.5}, ValueError, "epochs"),
    "epochs True": ({"epochs": True}, ValueError, "epochs"),
    "negative initial_epoch": ({"initial_epoch": -1}, ValueError, "initial_epoch"),
    "batch_size 0": ({"batch_size": 0}, ValueError, "batch_size"),
    "batch_size text": ({"batch_size": "all"}, ValueError, "batch_size"),
    "validation_split 1": ({"validation_split": 1}, ValueError, "validation_split"),
    "validation_split nan": ({"validation_split": np.nan}, ValueError, "validation_split"),
    "validation_split text": ({"validation_split": "half"}, ValueError, "validation_split"),
    "a split that leaves nothing": ({"x": X[:1], "y": LABELS[:1], "validation_split": 0.5}, ValueError, "leaves no sample"),
    "validation_freq 0": ({"validation_freq": 0}, ValueError, "validation_freq"),
    "validation_freq text": ({"validation_freq": "2"}, ValueError, "validation_freq"),
    "validation_freq of epoch 0": ({"validation_freq": [0, 2]}, ValueError, "validation_freq"),
    "validation_batch_size 0": ({"validation_batch_size": 0}, ValueError, "validation_batch_size"),
    "validation_data x alone": ({"validation_data": X}, ValueError, "validation_data"),
    "validation_data of another shape": ({"validation_data": (X[:, :2], LABELS)}, ValueError, "validation x"),
    "nan in validation_data": ({"validation_data": (with_bad(X, np.nan), LABELS)}, ValueError, "validation x"),
    "negative weights": ({"sample_weight": -np.ones(SAMPLES)}, ValueError, "negative"),
    "nan weights": ({"sample_weight": np.full(SAMPLES, np.nan)}, ValueError, "finite"),
    "text weights": ({"sample_weight": ["heavy"] * SAMPLES}, TypeError, "sample_weight"),
    "complex weights": ({"sample_weight": np.ones(SAMPLES) * 1j}, TypeError, "sample_weight"),
    "too few weights": ({"sample_weight": np.ones(5)}, ValueError, "sample_weight"),
    "a matrix of weights": ({"sample_weight": np.ones((1, SAMPLES))}, ValueError, "sample_weight"),
    "class_weight of other classes": ({"class_weight": {"0": 1}}, ValueError, r"\[0, 1, 2\]"),
    "shuffle by name": ({"shuffle": "batch"}, ValueError, "shuffle"),
    "negative class weight": ({"class_weight": {0: 1, 1: -1, 2: 1}}, ValueError, "negative"),
    "text class weight": ({"class_weight": {0: "a", 1: 1, 2: 1}}, TypeError, "class_weight"),
    "class_weight by name": ({"class_weight": "balanced"}, TypeError, "dictionary"),
    "class_weight as a list": ({"class_weight": [1, 2, 3]}, TypeError, "dictionary"),
    "text as a callback": ({"callbacks": ["stop"]}, TypeError, "Callback"),
    "a class as a callback": ({"callbacks": callbacks.EarlyStopping}, TypeError, r"EarlyStopping\(\)"),
    "verbose 3": ({"verbose": 3}, ValueError, "verbose"),
    "verbose text": ({"verbose": "loud"}, ValueError, "verbose"),
}


@pytest.mark.parametrize(("options", "error", "word"), BAD_FITS.values(), ids=BAD_FITS.keys())
def test_fit_refuses_and_leaves_the_model_as_it_was(options, error, word):
    model = classifier(metrics=["accuracy"])
    fit(model, y=LABELS)
    before = bits(model)
    with pytest.raises(error, match=word):
        model.fit(**{"x": X, "y": LABELS, "verbose": 0, **options})
    assert bits(model) == before
    fit(model, y=LABELS)


DATA_ERRORS = [n for n, (options, *_) in BAD_FITS.items() if options.keys() <= {"x", "y", "sample_weight"} and n != "a generator and y"]


@pytest.mark.parametrize("name", DATA_ERRORS)
@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch", "evaluate"])
def test_the_other_methods_refuse_the_same_data(method, name):
    options, error, word = BAD_FITS[name]
    model = classifier(metrics=["accuracy"])
    before = bits(model)
    with pytest.raises(error, match=word):
        getattr(model, method)(**{"x": X, "y": LABELS, **options})
    assert bits(model) == before


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_numbers_too_large_for_the_models_dtype(value):
    model = classifier(dtype="float32")
    before = bits(model)
    with pytest.raises(ValueError, match="row 2"):
        fit(model, with_bad(X, value), LABELS)
    with pytest.raises(ValueError, match="sample_weight"):
        fit(model, y=LABELS, sample_weight=np.full(SAMPLES, abs(value)))
    assert bits(model) == before


@pytest.mark.parametrize(
    ("loss", "y", "word"),
    [
        ("categorical_crossentropy", LABELS, "sparse_categorical_crossentropy"),
        ("categorical_crossentropy", ONE_HOT[:, :2], "3 outputs"),
        ("binary_crossentropy", ONE_HOT * 2, r"\[0, 1\]"),
        ("mse", np.where(ONE_HOT, np.nan, 0), "finite"),
        ("mse", LABELS, "3 outputs"),
        (losses.SparseCategoricalCrossentropy(reduction="none"), LABELS, "reduction"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_targets_that_do_not_suit_the_loss(loss, y, word, method):
    model = classifier(loss=loss)
    before = [w.tobytes() for w in model.get_weights()]
    with pytest.raises(ValueError, match=word):
        getattr(model, method)(X, y)
    assert [w.tobytes() for w in model.get_weights()] == before


@pytest.mark.parametrize("metric", ["categorical_accuracy", "mse", "auc", lambda t, y: np.zeros(99), lambda t, y: 1 / 0])
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_a_metric_that_does_not_suit_is_found_before_the_first_step(metric, method):
    """Batch normalization would have moved its averages by then."""
    model = classifier(metrics=[metric])
    before = [w.tobytes() for w in model.get_weights()]
    with pytest.raises((ValueError, ZeroDivisionError)):
        getattr(model, method)(X, LABELS)
    assert [w.tobytes() for w in model.get_weights()] == before


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"loss": "msse"}, ValueError, "mse"),
        ({"loss": 3}, TypeError, "loss"),
        ({"loss": 3}, TypeError, "loss"),
        ({"optimizer": "adm"}, ValueError, "adam"),
        ({"optimizer": 0.1}, TypeError, "optimizer"),
        ({"optimizer": None}, TypeError, "optimizer"),
        ({"metrics": ["acuracy"]}, ValueError, "accuracy"),
        ({"metrics": [3]}, TypeError, "metric"),
        ({"metrics": ["mse", "mse"]}, ValueError, "different names"),
        ({"metrics": ["loss"]}, ValueError, "loss"),
    ],
)
def test_compile_refuses_and_keeps_what_it_had(options, error, word):
    model = regressor(metrics=["mae"])
    fit(model)
    optimizer, before = model.optimizer, bits(model)
    with pytest.raises(error, match=word):
        model.compile(**{"optimizer": "adam", "loss": "mse", **options})
    assert model.optimizer is optimizer and model.metrics_names == ["loss", "mae"]
    assert bits(model) == before
    fit(model)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("compiled", [{}, {"optimizer": "adam"}], ids=["not at all", "without a loss"])
def test_compile_comes_first(method, compiled):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    if compiled:
        model.compile(**compiled)
    with pytest.raises(ValueError, match="call compile"):
        getattr(model, method)(X, Y)
    with pytest.raises(ValueError, match="call compile"):
        _ = model.metrics_names


@pytest.mark.parametrize(
    ("x", "error"),
    [(X[:, :3], ValueError), ("text", TypeError), (None, TypeError), ({"a": X}, TypeError), ([[1, 2], [3]], ValueError), (3, TypeError)],
)
def test_predict_refuses(x, error):
    with pytest.raises(error, match="x "):
        regressor().predict(x)
    with pytest.raises(error, match="x "):
        regressor()(x)


@pytest.mark.parametrize("size", [0, -1, 1.5, "2", True])
def test_batch_sizes_of_inference(size):
    with pytest.raises(ValueError, match="batch_size"):
        regressor().predict(X, batch_size=size)
    with pytest.raises(ValueError, match="batch_size"):
        regressor().evaluate(X, Y, batch_size=size)


def test_a_loss_needs_vectors():
    model = fastnn.Sequential([layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Flatten"):
        fit(model, samples(5, 3, 4), np.zeros((5, 3, 2)))
    assert not model.built


def test_an_optimizer_built_anew_uses_its_new_memory():
    model = classifier()
    model.fit(samples(), labels(), verbose=0)
    model.optimizer.build(model._arena)
    model.fit(samples(), labels(), verbose=0)
    assert np.any(model.optimizer.slots["momentum"])


def test_predicting_keeps_no_model_alive():
    model = classifier()
    model.predict(samples())
    gone = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_that_diverges_says_so_once(backend):
    with fastnn.backend.use(backend):
        model = regressor(fastnn.optimizers.SGD(1e6))
        with pytest.warns(RuntimeWarning, match="the loss isn't finite from epoch .* on; lower the learning rate") as told:
            history = model.fit(samples(), samples(23, 1), epochs=40, verbose=0).history
        assert len(told) == 1
        first = int(np.argmin(np.isfinite(history["loss"]))) + 1
        assert f"from epoch {first} on" in str(told[0].message)
        watched = regressor(fastnn.optimizers.SGD(1e6))
        watched.fit(samples(), samples(23, 1), epochs=40, verbose=0, callbacks=[fastnn.callbacks.TerminateOnNaN()])
