"""What users write in Python: each piece breaks out of the compiled loop for its op or step, and gives the numbers of the built-in one."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import BACKENDS, CLASSES, SAMPLES, bits, classifier, diverging, labels, model_of, one_hot, regressor, samples
from metric_cases import make as make_metric
from metric_cases import taking

import fastnn
from fastnn import backend as backends
from fastnn import callbacks, layers, losses, metrics, optimizers
from fastnn.losses import loss as loss_module
from fastnn.optimizers.optimizer import update
from fastnn.optimizers.schedules import LearningRateSchedule

X, LABELS, ONE_HOT = samples(), labels(), one_hot()
Y = (X @ [1.0, -2.0, 0.5, 3.0] + 1)[:, None]
BATCH = 5  # of 23 samples: the last one is smaller


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def private(declare, *arguments, **options):
    """Declare an op of this file alone: those that enumerate the registry mustn't find it."""

    def decorate(reference):
        declared = declare(*arguments, **options)(reference)
        del backends.registry[reference.__name__]
        return declared

    return decorate


def trained(model, x=X, y=Y, **options):
    """Histories of a training with a smaller last batch, shuffling and validation."""
    fastnn.utils.set_random_seed(9)
    options = {"verbose": 0, "batch_size": BATCH, "epochs": 3, "validation_split": 0.3, **options}
    return model.fit(x, y, **options).history


def assert_same_training(custom, builtin, y=Y, **options):
    """Both learn the same, and see the same on the way."""
    for p, q in zip(custom.weights, builtin.weights, strict=True):
        p.assign(q.numpy())
    got, expected = trained(custom, y=y, **options), trained(builtin, y=y, **options)
    assert len(got) == len(expected)
    for a, b in zip(got.values(), expected.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for a, b in zip(custom.get_weights(), builtin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(custom.predict(X), builtin.predict(X), rtol=1e-9)
    np.testing.assert_allclose(custom.freeze()(X), builtin.predict(X), rtol=1e-9)
    np.testing.assert_allclose(custom(X[:7]), builtin(X[:7]), rtol=1e-9)
    np.testing.assert_allclose(custom.evaluate(X, y, verbose=0), builtin.evaluate(X, y, verbose=0), rtol=1e-9)


# ------------------------------------------------------------------------------------------------- layers


@private(backends.op, "x (n, k), w (k, m), b (m) -> z (n, m)")
def python_dense(x, w, b, z):
    z[...] = x @ w + b


@private(backends.op, "x (n, k), dz (n, m) -> dw (k, m), db (m)")
def python_dense_backward(x, dz, dw, db):
    dw[...], db[...] = x.T @ dz, dz.sum(axis=0)


@private(backends.op, "dz (n, m), w (k, m) -> dx (n, k)")
def python_dense_backward_input(dz, w, dx):
    dx[...] = dz @ w.T


@private(backends.op, "x (n, k) -> y (n, k)")
def python_tanh(x, y):
    y[...] = np.tanh(x)


@private(backends.op, "y (n, k), dy (n, k) -> dx (n, k)")
def python_tanh_backward(y, dy, dx):
    dx[...] = dy * (1 - y * y)


class PythonDense(layers.Layer):
    def __init__(self, units, name=None):
        super().__init__(name)
        self.units = units

    def make_parameters(self, features):
        self.kernel = self.add_weight((features[-1], self.units), "glorot_uniform", "kernel")
        self.bias = self.add_weight((self.units,), "zeros", "bias")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def lower(self, program, x):
        z = program.tensor(*x.features[:-1], self.units)
        program.forward(python_dense, x.value, self.kernel.value, self.bias.value, z.value)
        program.backward(python_dense_backward, x.value, z.grad, self.kernel.grad, self.bias.grad)
        if x.grad is not None:
            program.backward(python_dense_backward_input, z.grad, self.kernel.value, x.grad)
        return z


class PythonTanh(layers.Layer):
    def lower(self, program, x):
        y = program.successor(x)
        program.forward(python_tanh, x.value, y.value)
        if x.grad is not None:
            program.backward(python_tanh_backward, y.value, y.grad, x.grad)
        return y


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_layer_with_ops_of_its_own(place):
    def stack(own):
        dense = [layers.Dense] * 3
        if own:
            dense[place] = PythonDense
        return [
            lambda: dense[0](6, name="a"),
            lambda: PythonTanh(name="t") if own else layers.Activation("tanh", name="t"),
            lambda: layers.BatchNormalization(name="norm"),
            lambda: dense[1](5, name="b"),
            lambda: layers.Activation("relu", name="r"),
            lambda: layers.Dropout(0.2, seed=7, name="drop"),
            lambda: dense[2](1, name="c"),
        ]

    custom, builtin = (model_of(*stack(own), optimizer="adam", loss="mse", metrics=["mae"]) for own in (True, False))
    assert_same_training(custom, builtin)


def test_a_model_of_nothing_but_python():
    custom = model_of(lambda: PythonTanh(name="t"), lambda: PythonDense(1, "d"), optimizer="sgd", loss="mse")
    builtin = model_of(lambda: layers.Activation("tanh", name="t"), lambda: layers.Dense(1, name="d"), optimizer="sgd", loss="mse")
    assert_same_training(custom, builtin)


def test_a_layer_of_built_in_ops_stays_in_the_loop():
    """`Layer.lower` may call any op: this one is Dense followed by its activation, written once more."""

    class Twice(layers.Layer):
        def lower(self, program, x):
            y = program.successor(x)
            op = fastnn.activations.get("tanh")
            program.forward(op.forward, x.value, y.value)
            if x.grad is not None:
                program.backward(op.gradient, x.value, y.value, y.grad, x.grad)
            return y

    def model(kind):
        return model_of(lambda: layers.Dense(4, name="a"), kind, lambda: layers.Dense(1, name="b"), optimizer="sgd", loss="mse")

    assert_same_training(model(lambda: Twice(name="t")), model(lambda: layers.Activation("tanh", name="t")))


class Failing(layers.Layer):
    """Raises at the training step it is told."""

    at = -1

    def lower(self, program, x):
        y, step = program.successor(x), program.step
        training = program.training

        @private(backends.op, "x (n, k) -> y (n, k)")
        def failing(x, y):
            y[...] = x
            if training and step[0] == self.at:
                raise RuntimeError("from an op")

        program.forward(failing, x.value, y.value)
        if x.grad is not None:
            program.backward(failing, y.grad, x.grad)
        return y


@pytest.mark.parametrize("at", [1, 3, 7])
def test_an_op_that_raises_leaves_the_steps_before_it(at):
    model = model_of(lambda: Failing(name="f"), lambda: layers.Dense(1), optimizer="adam", loss="mse")
    model.layers[0].at = at
    with pytest.raises(RuntimeError, match="from an op"):
        trained(model)
    assert model.optimizer.iterations == at - 1
    weights = model.get_weights()
    model.layers[0].at = -1
    other = model_of(lambda: Failing(name="f"), lambda: layers.Dense(1), optimizer="adam", loss="mse")
    stop = callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: stop_at(other, at - 1))
    with pytest.raises(StopIteration):
        trained(other, callbacks=[stop])
    for a, b in zip(weights, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(trained(model)["loss"]).all() and model.optimizer.iterations == at - 1 + 3 * 4


class Looking(layers.Layer):
    """Evaluates the model in the middle of each training step."""

    look = None

    def lower(self, program, x):
        y, training = program.successor(x), program.training

        @private(backends.op, "x (n, k) -> y (n, k)")
        def looking(x, y):
            y[...] = x
            if training and self.look:
                self.look()

        program.forward(looking, x.value, y.value)
        return y


def test_evaluating_within_a_step_changes_nothing():
    def model():
        return model_of(lambda: Looking(name="f"), lambda: layers.Dense(1), optimizer="adam", loss="mse", metrics=["mae"])

    looked, plain, seen = model(), model(), []
    looked.layers[0].look = lambda: seen.append((looked.evaluate(X, Y, batch_size=BATCH, verbose=0), len(looked.predict(X))))
    assert trained(looked) == trained(plain)
    assert bits(looked) == bits(plain) and len(seen) == 12 and np.isfinite([losses for losses, _ in seen]).all()


def test_training_within_a_step_is_refused():
    model = model_of(lambda: Looking(name="f"), lambda: layers.Dense(1), optimizer="adam", loss="mse")
    x, y = X[:10], Y[:10]

    def look():
        if model._step[0] == 2:
            model.fit(x, y, batch_size=BATCH, verbose=0)

    model.layers[0].look = look
    with pytest.raises(RuntimeError, match="in the middle of a step"):
        model.fit(x, y, batch_size=BATCH, verbose=0)
    assert model.optimizer.iterations == 1
    model.layers[0].look = None
    assert len(trained(model)["loss"]) == 3 and model.optimizer.iterations == 1 + 3 * 4


def stop_at(model, step):
    if model.optimizer.iterations == step:
        raise StopIteration


# ----------------------------------------------------------------------------------------- losses, metrics


@private(loss_module.loss_function, loss_module.DENSE)
def python_squares(y, t, w, value, dy, power=2.0):
    d = y - t
    value[:] = w * np.mean(np.abs(d) ** power, axis=1)
    dy[:] = (power / y.shape[1]) * w[:, None] * np.sign(d) * np.abs(d) ** (power - 1)


@private(loss_module.loss_function, loss_module.SPARSE)
def python_crossentropy(y, labels, w, value, dy):
    p = np.clip(y[np.arange(len(y)), labels], 1e-7, 1 - 1e-7)
    value[:] = -w * np.log(p)
    dy[...] = 0
    dy[np.arange(len(y)), labels] = -w / p


class PythonSquares(losses.Loss):
    function = python_squares

    def __init__(self, power=2.0, reduction="sum_over_batch_size", name="squares"):
        super().__init__(reduction, name)
        self.power = power


class PythonCrossentropy(losses.Loss):
    function = python_crossentropy


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
def test_a_loss(reduction, weighted):
    weights = {"sample_weight": np.linspace(0.1, 2, SAMPLES)} if weighted else {}
    custom = regressor(optimizers.SGD(0.01), PythonSquares(2.0, reduction))
    builtin = regressor(optimizers.SGD(0.01), losses.MeanSquaredError(reduction))
    assert_same_training(custom, builtin, **weights)


def test_a_loss_with_labels():
    """Unlike the built-in one it isn't fused with the softmax before it."""
    custom, builtin = classifier("sgd", PythonCrossentropy(), metrics=["accuracy"]), classifier("sgd", metrics=["accuracy"])
    assert_same_training(custom, builtin, y=LABELS)


class PythonError(metrics.Metric):
    direction = "min"

    def reset_state(self):
        self.total, self.weight = 0.0, 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = np.abs(y_true - y_pred).mean(axis=1)
        weights = np.ones(len(error)) if sample_weight is None else np.asarray(sample_weight)
        self.total, self.weight = self.total + float(weights @ error), self.weight + float(weights.sum())

    def result(self):
        return self.total / max(self.weight, 1e-30)


def python_error(y_true, y_pred):
    return np.abs(y_true - y_pred).mean(axis=1)


class Halved(metrics.MeanAbsoluteError):
    """A built-in metric's subclass with its own `update_state`: the parent's ops mustn't bypass it."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(np.asarray(y_true) / 2, np.asarray(y_pred) / 2, sample_weight)


@pytest.mark.parametrize("given", [PythonError, python_error])
def test_a_metric(given):
    weights = np.linspace(0, 2, SAMPLES)
    metric = given() if isinstance(given, type) else given
    custom, builtin = regressor(metrics=[metric]), regressor(metrics=["mae"])
    assert_same_training(custom, builtin, sample_weight=weights)
    custom, builtin = regressor(weighted_metrics=[metric]), regressor(weighted_metrics=["mae"])
    assert_same_training(custom, builtin, sample_weight=weights)


def test_a_metric_that_changes_a_built_in_one():
    halved, whole = regressor(metrics=[Halved()]), regressor(metrics=["mae"])
    a, b = trained(halved), trained(whole)
    np.testing.assert_allclose(a["halved"], np.divide(b["mae"], 2), rtol=1e-12)
    np.testing.assert_allclose(a["val_halved"], np.divide(b["val_mae"], 2), rtol=1e-12)


# ------------------------------------------------------------------------------------------------ optimizers


@private(update, "p (s), g (s), m (s) -> p, m")
def python_momentum(p, g, m, learning_rate, momentum, weight_decay):
    m[...] = momentum * m - learning_rate * g
    p[...] = p * (1 - learning_rate * weight_decay) + m


class PythonMomentum(optimizers.Optimizer):
    op, slot_names = python_momentum, ("momentum",)

    def __init__(self, learning_rate=0.01, momentum=0.9, **options):
        super().__init__(learning_rate, **options)
        self.momentum = momentum


class ByHand(optimizers.SGD):
    """Its own `step`, which the program leaves to it."""

    def step(self):
        self.clip()
        self.arena.values.data[...] -= self.learning_rate * self.arena.gradients.data
        self.batches += 1


class Warmup(LearningRateSchedule):
    """Grows over the first steps."""

    def __init__(self, rate=0.05):
        self.rate = rate

    def __call__(self, step):
        return self.rate * min(1.0, (step + 1) / 6)


CLIPS = [{}, {"clipnorm": 0.5}, {"clipvalue": 0.2}, {"global_clipnorm": 0.5}]


@pytest.mark.parametrize("clip", CLIPS, ids=str)
def test_an_optimizer_whose_op_is_python(clip):
    custom = classifier(PythonMomentum(0.05, 0.8, weight_decay=0.01, **clip))
    builtin = classifier(optimizers.SGD(0.05, 0.8, weight_decay=0.01, **clip))
    assert_same_training(custom, builtin, y=LABELS)
    assert custom.optimizer.iterations == builtin.optimizer.iterations == 3 * 4


@pytest.mark.parametrize("clip", CLIPS, ids=str)
def test_an_optimizer_that_steps_by_hand(clip):
    custom, builtin = classifier(ByHand(0.05, **clip)), classifier(optimizers.SGD(0.05, **clip))
    assert_same_training(custom, builtin, y=LABELS)
    assert custom.optimizer.iterations == 3 * 4


def test_an_optimizer_of_a_step_alone_needs_no_op():
    class Alone(optimizers.Optimizer):
        step = ByHand.step

    custom, builtin = classifier(Alone(0.05, clipnorm=0.5)), classifier(optimizers.SGD(0.05, clipnorm=0.5))
    assert_same_training(custom, builtin, y=LABELS)


def test_an_optimizer_with_neither_op_nor_step_says_so():
    with pytest.raises(TypeError, match=r"Optimizer must set `op`.*or override step\(\)"):
        trained(classifier(optimizers.Optimizer(0.05)), y=LABELS)


def test_a_schedule():
    custom = regressor(optimizers.SGD(Warmup(0.05)))
    builtin = regressor(optimizers.SGD(optimizers.schedules.PolynomialDecay(0.05 / 6, 5, 0.05)))
    assert_same_training(custom, builtin)


@pytest.mark.parametrize("kind", [PythonMomentum, ByHand])
def test_a_failing_optimizer_counts_the_steps_it_did(kind, monkeypatch):
    rates = iter([0.1, 0.1])
    model = regressor(kind(0.1))
    if kind is ByHand:
        monkeypatch.setattr(kind, "learning_rate", property(lambda self: next(rates), lambda self, rate: None))
    else:
        model.optimizer.op = type(model.optimizer.op)(
            lambda p, g, m, learning_rate, momentum, weight_decay: next(rates), "p (s), g (s), m (s) -> p, m", split="s"
        )
    with pytest.raises((StopIteration, RuntimeError)):
        trained(model)
    assert model.optimizer.iterations == 2


# ------------------------------------------------------------------------------------------------- callbacks


class Spy(callbacks.Callback):
    """Runs a function after (or before) each batch."""

    def __init__(self, after=None, before=None):
        self.after, self.before, self.batches = after, before, []

    def on_train_batch_begin(self, batch, logs=None):
        if self.before:
            self.before(self.model, batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)
        if self.after:
            self.after(self.model, batch, logs)


def test_watching_each_batch_changes_nothing():
    seen, plain = classifier(metrics=["accuracy"]), classifier(metrics=["accuracy"])
    spy = Spy(lambda model, batch, logs: logs["loss"])
    assert trained(seen, y=LABELS, callbacks=[spy]) == trained(plain, y=LABELS)
    assert bits(seen) == bits(plain) and spy.batches == [0, 1, 2, 3] * 3


def test_logs_of_a_batch_are_the_means_so_far():
    logged, alone = [], []
    model, other = regressor(metrics=["mae"]), regressor(metrics=["mae"])
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Spy(lambda m, batch, logs: logged.append(dict(logs)))])
    for start in range(0, SAMPLES, BATCH):
        batch = X[start : start + BATCH], Y[start : start + BATCH]
        alone.append((len(batch[0]), *other.train_on_batch(*batch)))
    for i, logs in enumerate(logged):
        sizes, losses_, errors = np.transpose(alone[: i + 1])
        np.testing.assert_allclose(
            [logs["loss"], logs["mae"]], [np.average(losses_, weights=sizes), np.average(errors, weights=sizes)], rtol=1e-12
        )


def test_weights_read_at_a_batch_are_those_of_its_step():
    read, expected = [], []
    model, other = regressor(optimizers.Adam(0.1)), regressor(optimizers.Adam(0.1))
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Spy(lambda m, batch, logs: read.append(m.get_weights()))])
    for start in range(0, SAMPLES, BATCH):
        other.train_on_batch(X[start : start + BATCH], Y[start : start + BATCH])
        expected.append(other.get_weights())
    for a, b in zip(read, expected, strict=True):
        assert [p.tobytes() for p in a] == [q.tobytes() for q in b]


def test_weights_set_at_a_batch_are_those_the_next_step_starts_from():
    def zero(model, batch, logs):
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])

    model, other = regressor(optimizers.SGD(0.1)), regressor(optimizers.SGD(0.1))
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Spy(before=zero)])
    zero(other, 0, None)
    other.train_on_batch(X[-3:], Y[-3:])
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in other.get_weights()]


def test_a_learning_rate_set_at_a_batch_is_that_of_the_next_step():
    rates = [0.1, 0.0, 0.05, 0.2, 0.01]

    def choose(model, batch, logs):
        model.optimizer.learning_rate = rates[batch]

    model, other = regressor(optimizers.SGD(1.0)), regressor(optimizers.SGD(1.0))
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Spy(before=choose)])
    for batch, start in enumerate(range(0, SAMPLES, BATCH)):
        other.optimizer.learning_rate = rates[batch]
        other.train_on_batch(X[start : start + BATCH], Y[start : start + BATCH])
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in other.get_weights()]


@pytest.mark.parametrize("in_python", [False, True])
def test_stopping_in_the_middle_of_an_epoch(in_python):
    def stop(model, batch, logs):
        model.stop_training = batch == 1

    model = regressor(metrics=[python_error] if in_python else None)
    spy = Spy(stop)
    history = trained(model, callbacks=[spy])
    assert spy.batches == [0, 1] and model.optimizer.iterations == 2
    assert len(history["loss"]) == len(history["val_loss"]) == 1
    assert len(trained(model)["loss"]) == 3


@pytest.mark.parametrize("method", ["evaluate", "predict", "call", "freeze", "test_on_batch"])
def test_looking_at_the_model_from_a_callback_changes_nothing(method):
    """With the batch size of the training, so that programs could be mixed up."""

    def look(model, batch, logs):
        if method == "evaluate":
            model.evaluate(X[:9], LABELS[:9], batch_size=BATCH, verbose=0, sample_weight=np.ones(9))
        elif method == "test_on_batch":
            model.test_on_batch(X[:BATCH], LABELS[:BATCH])
        else:
            {"predict": model.predict, "call": model, "freeze": model.freeze()}[method](X[:BATCH])

    looked, plain = classifier(metrics=["accuracy", python_accuracy]), classifier(metrics=["accuracy", python_accuracy])
    assert trained(looked, y=LABELS, callbacks=[Spy(look, look)]) == trained(plain, y=LABELS)
    assert bits(looked) == bits(plain)


def python_accuracy(y_true, y_pred):
    return y_pred.argmax(axis=1) == np.ravel(y_true)


def test_evaluating_from_a_callback_sees_the_weights_of_that_step():
    evaluated, expected = [], []
    model, other = regressor(metrics=["mae"]), regressor(metrics=["mae"])
    spy = Spy(lambda m, batch, logs: evaluated.append(m.evaluate(X, Y, verbose=0)))
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[spy])
    for start in range(0, SAMPLES, BATCH):
        other.train_on_batch(X[start : start + BATCH], Y[start : start + BATCH])
        expected.append(other.evaluate(X, Y, verbose=0))
    assert evaluated == expected


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_callback_that_raises_leaves_the_steps_before_it(when, at):
    def fail(model, batch, logs):
        if batch == at:
            raise RuntimeError("from a callback")

    model, other = classifier(), classifier()
    with pytest.raises(RuntimeError, match="from a callback"):
        trained(model, y=LABELS, callbacks=[Spy(**{when: fail})])
    steps = at + (when == "after")
    assert model.optimizer.iterations == steps
    with pytest.raises(StopIteration):
        trained(other, y=LABELS, callbacks=[Spy(before=lambda m, batch, logs: stop_at(m, steps))])
    assert bits(model) == bits(other)
    assert trained(model, y=LABELS) == trained(other, y=LABELS)


def test_hooks_of_an_evaluations_batches():
    seen = []
    watch = callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])))
    model = regressor(metrics=["mae"])
    result = model.evaluate(X, Y, batch_size=BATCH, verbose=0, callbacks=[watch], return_dict=True)
    assert [batch for batch, _ in seen] == [0, 1, 2, 3, 4] and seen[-1][1] == result["loss"]
    assert result == model.evaluate(X, Y, batch_size=BATCH, verbose=0, return_dict=True)


# ------------------------------------------------------------------------------------------ generators


def batches(sizes=(BATCH,), x=X, y=Y, weights=None):
    """The data in order, cut into batches of these sizes, repeated."""
    start, turn = 0, 0
    while start < len(x):
        rows = slice(start, start + sizes[turn % len(sizes)])
        yield (x[rows], y[rows]) if weights is None else (x[rows], y[rows], weights[rows])
        start, turn = rows.stop, turn + 1


class Indexed:
    """As a keras.utils.PyDataset: batches by number, without `__iter__`."""

    def __init__(self, *arguments, **options):
        self.items, self.calls = list(batches(*arguments, **options)), []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        self.calls.append(i)
        return self.items[range(len(self))[i]]

    def on_epoch_end(self):
        self.calls.append("end")


class Iterable:
    """Starts anew for each pass, and doesn't know its length."""

    def __init__(self, *arguments, **options):
        self.arguments, self.options, self.passes = arguments, options, 0

    def __iter__(self):
        self.passes += 1
        return batches(*self.arguments, **self.options)


def forever(**options):
    while True:
        yield from batches(**options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["generator", "Indexed", "Iterable", "list", "steps"])
def test_batches_from_an_iterable_are_those_of_arrays(kind, weighted):
    weights = np.linspace(0, 2, SAMPLES) if weighted else None
    options = {"y": LABELS, "weights": weights}
    source = {
        "generator": lambda: batches(**options),
        "Indexed": lambda: Indexed(**options),
        "Iterable": lambda: Iterable(**options),
        "list": lambda: list(batches(**options)),
        "steps": lambda: forever(**options),
    }[kind]
    epochs, steps = (1 if kind == "generator" else 3), (5 if kind == "steps" else None)
    streamed, plain = (classifier(metrics=["accuracy", python_accuracy]) for _ in range(2))
    a = trained(streamed, source(), None, validation_split=0.0, epochs=epochs, shuffle=False, batch_size=None, steps_per_epoch=steps)
    b = trained(plain, X, LABELS, validation_split=0.0, epochs=epochs, shuffle=False, sample_weight=weights)
    assert a == b and bits(streamed) == bits(plain)
    kept = plain.evaluate(X, LABELS, sample_weight=weights, batch_size=BATCH, verbose=0)
    assert streamed.evaluate(source(), steps=steps, verbose=0) == kept
    np.testing.assert_array_equal(
        streamed.predict(source(), steps=steps), np.concatenate([plain.predict(x) for x, *_ in batches(**options)])
    )


def test_batches_of_any_size_make_few_programs(monkeypatch):
    made = []
    lower = fastnn.Sequential._lower
    monkeypatch.setattr(fastnn.Sequential, "_lower", lambda self, size, *more: made.append(size) or lower(self, size, *more))
    x, y = samples(6000), samples(6000, 1, seed=3)
    sizes = np.random.default_rng(0).integers(1, 200, 60).tolist()
    model, other = regressor("adam"), regressor("adam")
    model.fit(Iterable(sizes, x, y), epochs=2, verbose=0)
    assert len(made) <= 5
    for _ in range(2):
        for batch in batches(sizes, x, y):
            other.train_on_batch(*batch)
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in other.get_weights()]


def test_batches_all_of_one_size_have_a_program_of_that_size():
    model = regressor()
    model.fit(forever(), steps_per_epoch=4, epochs=2, verbose=0)
    assert {size for size, *_ in model._programs} == {BATCH}


def test_batches_that_reuse_their_memory():
    x, y = np.empty((BATCH, 4)), np.empty((BATCH, 1))

    def reuse():
        for a, b in batches(x=X[:20], y=Y[:20]):
            x[...], y[...] = a, b
            yield x, y

    model, other = regressor(), regressor()
    assert trained(model, reuse(), None, validation_split=0, epochs=1) == trained(
        other, X[:20], Y[:20], validation_split=0, epochs=1, shuffle=False
    )
    assert bits(model)[0] == bits(other)[0]


def test_indexed_batches_come_in_a_new_order_each_epoch():
    source = Indexed((1,))
    trained(regressor(), source, None, validation_split=0)
    assert source.calls.count("end") == 3
    epochs = np.reshape([i for i in source.calls[1:] if i != "end"], (3, SAMPLES))
    assert all(sorted(epoch) == list(range(SAMPLES)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in [*epochs, range(SAMPLES)]}) == 4
    again = Indexed((1,))
    trained(regressor(), again, None, validation_split=0)
    assert again.calls == source.calls


def test_a_reusable_iterable_is_begun_once_an_epoch():
    source = Iterable()
    trained(regressor(), source, None, validation_split=0, epochs=4)
    assert source.passes == 4


def test_steps_per_epoch_go_on_where_the_last_epoch_ended():
    model, other = regressor(), regressor()
    history = model.fit(batches((2,)), epochs=3, steps_per_epoch=3, verbose=0).history
    assert len(history["loss"]) == 3 and model.optimizer.iterations == 9
    other.fit(X[:18], Y[:18], batch_size=2, shuffle=False, verbose=0)
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in other.get_weights()]


@pytest.mark.parametrize(("there", "epochs", "steps"), [(12, 2, 12), (10, 2, 10), (7, 2, 7), (3, 1, 3)])
def test_a_generator_that_runs_out_ends_the_training_with_a_warning(there, epochs, steps):
    model = regressor()
    with pytest.warns(UserWarning, match=f"ran out after {there % 5} of 5"):
        history = model.fit(batches((1,), X[:there], Y[:there]), epochs=4, steps_per_epoch=5, verbose=0, validation_data=(X, Y))
    assert model.optimizer.iterations == steps
    assert len(history.history["loss"]) == len(history.history["val_loss"]) == -(-there // 5)
    assert np.isfinite(history.history["loss"]).all()


def test_an_iterable_that_runs_out_shortens_its_epoch_and_begins_anew():
    source, model = Iterable((5,)), regressor()
    with pytest.warns(UserWarning, match="ran out after 2 of 3"):
        history = model.fit(source, epochs=4, steps_per_epoch=3, verbose=0)
    assert len(history.history["loss"]) == 4 and model.optimizer.iterations == 10 and source.passes == 2


class Wrapped:
    """As a progress bar around a generator: iterable again and again, with nothing to give."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return self.items


@pytest.mark.parametrize("steps", [None, 5])
def test_an_iterable_that_does_not_begin_anew(steps):
    model = regressor()
    with pytest.raises(ValueError, match="must start anew"):
        model.fit(Wrapped(batches()), epochs=2, steps_per_epoch=steps, verbose=0)
    assert model.optimizer.iterations == 5


def test_a_generator_that_ends_with_its_epoch_says_nothing():
    assert len(regressor().fit(batches(), epochs=1, steps_per_epoch=5, verbose=0).history["loss"]) == 1
    assert len(regressor().fit(batches((1,)), epochs=2, steps_per_epoch=10, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("source", [Indexed, Iterable, forever])
def test_validation_on_batches(source):
    steps = 5 if source is forever else None
    streamed, plain = classifier(metrics=["accuracy"]), classifier(metrics=["accuracy"])
    a = trained(streamed, y=LABELS, validation_split=0, validation_data=source(y=LABELS), validation_steps=steps)
    b = trained(plain, y=LABELS, validation_split=0, validation_data=(X, LABELS))
    assert a.keys() == b.keys() and bits(streamed) == bits(plain)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-12)


def test_steps_of_arrays():
    model, other = regressor(), regressor()
    a = model.fit(X, Y, batch_size=4, steps_per_epoch=3, shuffle=False, verbose=0, validation_data=(X, Y), validation_steps=1)
    b = other.fit(X[:12], Y[:12], batch_size=4, shuffle=False, verbose=0, validation_data=(X, Y))
    assert a.history == b.history and bits(model)[0] == bits(other)[0]
    model.fit(X, Y, steps_per_epoch=3, verbose=0)
    assert model.optimizer.iterations == 6
    assert model.evaluate(X, Y, batch_size=4, steps=2, verbose=0) == model.evaluate(X[:8], Y[:8], batch_size=4, verbose=0)
    np.testing.assert_array_equal(model.predict(X, batch_size=4, steps=2), model.predict(X[:8]))
    with pytest.warns(UserWarning, match="ran out after 2 of 9"):
        model.fit(X, Y, batch_size=12, steps_per_epoch=9, verbose=0)


def test_a_generator_builds_the_model():
    model = fastnn.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(batches(), verbose=0)
    assert model.input_shape == (None, 4)


def test_predicting_batches_without_targets():
    model = regressor()
    whole = model.predict(X)
    for give in (lambda x: x, lambda x: (x,), lambda x: (x, None), lambda x: [x]):
        np.testing.assert_allclose(model.predict(give(x) for x, _ in batches()), whole, rtol=1e-12)
    seen = []
    watch = callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append((batch, len(logs["outputs"]))))
    model.predict(batches(), callbacks=[watch])
    assert seen == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 3)]


def test_class_weights_of_indexed_batches():
    """A batch may well hold none of the classes that are named."""
    model, other, weights = classifier(), classifier(), {0: 3.0}
    trained(model, Indexed((1,), y=LABELS), None, validation_split=0, shuffle=False, class_weight=weights)
    trained(other, X, LABELS, batch_size=1, validation_split=0, shuffle=False, class_weight=weights)
    assert bits(model) == bits(other)


GOOD = X[:5], LABELS[:5]
BAD_ITEMS = {
    "x alone": (X[:5], "batch 2 must be .* ndarray"),
    "x in a tuple": ((X[:5],), "batch 2 must be .* tuple of 1"),
    "too many": ((X, LABELS, LABELS, LABELS), "batch 2 must be .* tuple of 4"),
    "nothing": (None, "batch 2 must be .* NoneType"),
    "features": ((X[:5, :3], LABELS[:5]), r"batch 2: x has shape \(5, 3\)"),
    "lengths": ((X[:5], LABELS[:4]), "batch 2: x has 5 samples, y 4"),
    "no samples": ((X[:0], LABELS[:0]), "batch 2: x has no samples"),
    "no targets": ((X[:5], None), "batch 2: y is missing"),
    "labels": ((X[:5], LABELS[:5] + 9), r"batch 2: .*\[0, 2\]"),
    "text": ((X[:5].astype(str), LABELS[:5]), "batch 2: x must hold real numbers"),
    "weights": ((X[:5], LABELS[:5], np.ones(4)), "batch 2: sample_weight"),
}


@pytest.mark.parametrize(("item", "message"), BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
def test_a_bad_batch_is_named_and_leaves_the_steps_before_it(item, message):
    model, other = classifier(metrics=["accuracy"]), classifier(metrics=["accuracy"])
    with pytest.raises((ValueError, TypeError), match=message):
        trained(model, iter([GOOD, GOOD, item, GOOD]), None, validation_split=0, epochs=1)
    trained(other, [GOOD, GOOD], None, validation_split=0, epochs=1)
    assert bits(model) == bits(other)
    assert trained(model, y=LABELS) == trained(other, y=LABELS)
    with pytest.raises((ValueError, TypeError), match=message):
        model.evaluate(iter([GOOD, GOOD, item]), verbose=0)
    if "x" in message:
        with pytest.raises((ValueError, TypeError), match="batch 0"):
            trained(model, iter([item]), None, validation_split=0, epochs=1)


def test_a_generator_that_raises():
    def failing():
        yield GOOD
        raise OSError("the disk is gone")

    model = classifier()
    with pytest.raises(OSError, match="the disk is gone"):
        trained(model, failing(), None, validation_split=0, epochs=1)
    assert model.optimizer.iterations == 1
    trained(model, y=LABELS)


REFUSED = {
    "y": ({"y": LABELS}, "y must not be passed"),
    "sample_weight": ({"sample_weight": np.ones(SAMPLES)}, "sample_weight must not be passed"),
    "validation_split": ({"validation_split": 0.2}, "pass validation_data"),
    "class_weight": ({"class_weight": {0: 2.0}}, "class_weight"),
    "several epochs": ({"epochs": 2}, "give steps_per_epoch"),
    "several validations": ({"epochs": 2, "steps_per_epoch": 2, "validation_data": batches(y=LABELS)}, "give validation_steps"),
    "steps 0": ({"steps_per_epoch": 0}, "steps_per_epoch"),
    "validation steps": ({"validation_steps": 1.5}, "validation_steps"),
    "no batches": ({"x": iter([])}, "gave no batches"),
    "no batches in a list of them": ({"x": Iterable(x=X[:0])}, "gave no batches"),
    "a bad validation batch": ({"validation_data": [(X[:, :2], LABELS)]}, "batch 0: validation x"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_go_with_a_generator_is_refused_before_a_step(options, message):
    model = classifier()
    before = bits(model)
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": batches(y=LABELS), "verbose": 0, **options})
    assert bits(model) == before


def test_a_validation_generator_that_runs_out():
    """A value of 0 would look like a perfect model."""
    model = regressor()
    with pytest.warns(UserWarning, match="ran out after 0 of 5"), pytest.raises(ValueError, match="no batches left"):
        model.fit(X, Y, epochs=3, validation_data=batches(), validation_steps=5, verbose=0)
    assert model.history.history["val_loss"] and model.optimizer.iterations == 2


class Sparse:
    """As a SciPy matrix."""

    shape = 2, 4

    def __iter__(self):
        return iter(X[:2])


@pytest.mark.parametrize("source", [{"a": X}, {1, 2}, "text", 3.0, X, range(3), b"bytes", Sparse()], ids=lambda x: type(x).__name__)
def test_what_is_no_iterable_of_batches(source):
    with pytest.raises((TypeError, ValueError), match=r"x must|x has shape|y is missing"):
        regressor().fit(source, verbose=0)


class Follower(Spy):
    """As a progress bar: shown where the training has come to now and then, and at the end."""

    def watches_batches(self, mode):
        return False

    def follows_batches(self, mode):
        return mode == "train"


def test_progress_ends_with_the_last_batch():
    for x, y in ((X, Y), (batches(), None)):
        follower = Follower()
        regressor().fit(x, y, batch_size=BATCH, verbose=0, callbacks=[follower])
        assert follower.batches[-1] == 4 and follower.batches == sorted(set(follower.batches))


def test_progress_of_an_unknown_number_of_batches(capsys):
    regressor().fit(batches(), verbose=2)
    assert "Epoch 1/1" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------- NaN and infinity


def poisoned(value, at=2, where="x"):
    """Five batches, one of which holds `value`."""
    for number, (x, y) in enumerate(batches(y=ONE_HOT)):
        if number == at:
            x, y = x.copy(), y.copy()
            (x if where == "x" else y)[1, 0] = value
        yield x, y


@diverging
@pytest.mark.parametrize("where", ["x", "y"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_a_generators_batch_shows_in_the_epochs_loss(value, where):
    model = classifier("sgd", "categorical_crossentropy", metrics=["accuracy", "mse"])
    history = model.fit(poisoned(value, where=where), verbose=0)
    assert not np.isfinite(history.history["loss"][0]) and model.optimizer.iterations == 5


@pytest.mark.parametrize("where", ["x", "y"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_terminate_on_nan_stops_at_that_step(value, where, capsys):
    model = regressor(units=CLASSES)  # a softmax would make numbers of infinities
    history = model.fit(poisoned(value, where=where), verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert model.optimizer.iterations == 3 and len(history.history["loss"]) == 1
    assert "Batch 2: Invalid loss" in capsys.readouterr().out


def test_nan_in_an_evaluations_batch():
    assert not np.isfinite(classifier(loss="categorical_crossentropy").evaluate(poisoned(np.nan), verbose=0))


@diverging
@pytest.mark.parametrize("where", ["first", "later"])
@pytest.mark.parametrize("metric", taking(np.array([[0.0], [1.0]]), np.array([[0.2], [0.7]])))
def test_no_metric_stumbles_over_nan(metric, where):
    """Also where the very sample that metrics are tried on holds it."""
    model = model_of(lambda: layers.Dense(1, activation="sigmoid"), optimizer="sgd", loss="mse", metrics=[make_metric(metric)])
    x = X.copy()
    x[0 if where == "first" else 7] = np.nan
    history = model.fit(batches(x=x, y=(Y > 0).astype(float)), verbose=0).history
    assert np.isnan(history["loss"][0]) and len(history) == 2


@diverging
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("optimizer", [optimizers.SGD(1e30), ByHand(1e30), PythonMomentum(1e30)], ids=lambda o: type(o).__name__)
def test_numbers_that_overflow_in_training(optimizer, watched, capsys):
    """No error, no hang: the loss tells, and TerminateOnNaN at the step where it first isn't finite."""
    optimizer = type(optimizer)(1e30)
    model = model_of(lambda: layers.Dense(6, activation="relu"), lambda: layers.Dense(1), optimizer=optimizer, loss="mse", dtype="float32")
    x, y = X.astype("float32"), Y.astype("float32")
    history = model.fit(x, y, batch_size=BATCH, epochs=3, verbose=0, callbacks=[Spy()] if watched else None)
    assert len(history.history["loss"]) == 3 and not np.isfinite(history.history["loss"][-1])
    fresh = model_of(lambda: layers.Dense(6), lambda: layers.Dense(1), optimizer=type(optimizer)(1e30), loss="mse", dtype="float32")
    fresh.fit(x, y, batch_size=BATCH, epochs=3, verbose=0, callbacks=[callbacks.TerminateOnNaN(), *([Spy()] if watched else [])])
    assert fresh.optimizer.iterations == 2 and "Batch 1: Invalid loss" in capsys.readouterr().out
    fresh.set_weights([np.zeros_like(w) for w in fresh.get_weights()])
    assert np.isfinite(fresh.evaluate(x, y, verbose=0))


class Collected(metrics.Metric):
    """Keeps what it is given, as a metric that needs all predictions at once does."""

    def reset_state(self):
        self.pairs = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.pairs.append((y_true, y_pred))

    def result(self):
        return np.mean([np.square(t - y).mean() for t, y in self.pairs]) if self.pairs else 0.0


class Counted(metrics.Metric):
    """Hands out its own array, and goes on in it."""

    def __init__(self, name=None):
        self.counts = np.zeros(2)
        super().__init__(name)

    def reset_state(self):
        self.counts[:] = 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.counts += len(y_pred), np.abs(y_pred).sum()

    def result(self):
        return self.counts


def test_a_metric_may_keep_the_predictions_it_is_given():
    model = regressor(metrics=["mse", Collected()])
    _, expected, got = model.evaluate(X[:20], Y[:20], batch_size=BATCH, verbose=0)
    assert got == pytest.approx(expected, rel=1e-12)


def test_a_metric_may_go_on_in_the_array_it_gave():
    history = regressor(metrics=[Counted()]).fit(X, Y, epochs=3, verbose=0).history["counted"]
    assert len({tuple(counts) for counts in history}) == 3


# ----------------------------------------------------------------------------------------------------- docs


def test_the_examples_on_custom_pieces_run():
    page = Path(__file__).parents[1] / "docs" / "custom.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    known = dict(backends.registry)
    try:
        exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": "custom"})
    finally:
        for name in backends.registry.keys() - known.keys():
            del backends.registry[name]


def test_compiling_anew_within_an_epoch_is_refused():
    class Recompiles(fastnn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.compile("sgd", "mse")

    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((8, 3)), np.ones(8)
    with pytest.raises(RuntimeError, match="compiled anew within an epoch"):
        model.fit(x, y, batch_size=4, callbacks=[Recompiles()], verbose=0)
    assert model.fit(x, y, verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_test_begin", "on_epoch_end", "on_train_end"]
)
@pytest.mark.parametrize("change", [lambda model: model.add(layers.Dense(1)), lambda model: model.pop()], ids=["add", "pop"])
def test_changing_the_layers_within_fit_is_refused(hook, change):
    model = regressor("adam")
    model.fit(X, Y, verbose=0)
    layers_before = model.layers
    changes = callbacks.LambdaCallback(**{hook: lambda *_: change(model)})
    with pytest.raises(RuntimeError, match=r"model 'model' is being fitted: a callback can't (add|pop) a layer.* after fit"):
        model.fit(X, Y, validation_split=0.5, callbacks=[changes], verbose=0)
    assert model.layers == layers_before
    model.fit(X, Y, verbose=0)
    change(model)


def test_a_copy_made_by_a_callback_can_be_changed():
    copies = []
    model = regressor("adam")
    model.fit(X, Y, callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: copies.append(copy.deepcopy(model)))], verbose=0)
    copies[0].add(layers.Dense(1))
    assert len(copies[0].layers) == 2
