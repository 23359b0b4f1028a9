"""Whole trainings: the compiled backend against the NumPy reference, and both against calculus."""

import inspect
from unittest import mock

import numpy as np
import pytest
from helpers import BACKENDS, assert_same_weights, compiled_only, diverging, model_of, samples
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import activations, layers, losses, optimizers, regions, regularizers
from fastnn import samples as draws
from fastnn.optimizers import schedules
from fastnn.optimizers.optimizer import optimizers as optimizer_catalogue

ACTIVATIONS = sorted(activations.activations.members)
SAME_SHAPE = [name for name in ACTIVATIONS if activations.get(name).compute_output_shape((2,)) == (2,)]
MAKING = {"probabilities": "softmax", "unit": "sigmoid", "positive": "softplus"}
"""The activation that makes the predictions which a loss wants, where it doesn't take any numbers."""
METRICS = {"labels": ["accuracy"], "one_hot": ["accuracy", "mse"], "binary": ["binary_accuracy", "mae", "auc"]}
"""Those for targets of a kind; any other has REGRESSION's."""
REGRESSION = ["mae", "mse", "root_mean_squared_error", "r2_score"]
LOSSES = sorted(losses.losses.members)
FUSED = [name for name in LOSSES if losses.losses.members[name].function.op_on_logits]


def kinds(loss):
    """What predictions and targets of a loss are."""
    op = losses.losses.members[loss].function.op
    return tuple(draws.kind(op, argument) for argument in op.arrays[:2])


def making(loss):
    return MAKING.get(kinds(loss)[0])


def forms(optimizer):
    """The arguments that choose a form of the update: each switch alone and with momentum."""
    shared = inspect.signature(optimizers.Optimizer.__init__).parameters
    own = {k: p.default for k, p in inspect.signature(optimizer).parameters.items() if k not in shared}
    switches = [{}, *({name: True} for name, default in own.items() if default is False)]
    moving = [{**form, "momentum": 0.9} for form in switches] if own.get("momentum") == 0.0 else []
    return switches + moving


FURTHER = [
    lambda: layers.LayerNormalization(epsilon=0.1),
    lambda: layers.RMSNormalization(epsilon=0.1),
    lambda: layers.AlphaDropout(0.2, seed=3),
    lambda: layers.GaussianDropout(0.2, seed=3),
    lambda: layers.GaussianNoise(0.1, seed=3),
    lambda: layers.ActivityRegularization(1e-3, 1e-3),
    lambda: layers.RBF(4),
    lambda: layers.Dense(3, trainable=False),
    lambda: layers.Dense(3, kernel_constraint="unit_norm", activity_regularizer="l2"),
    lambda: layers.Parallel([[], [layers.Dense(3), layers.Activation("tanh")]]),
    lambda: layers.Parallel([[layers.Dense(3), layers.BatchNormalization()], layers.Dense(3, bias_initializer="ones")], "maximum"),
    lambda: layers.Residual([layers.LayerNormalization(epsilon=0.1), layers.Activation("tanh")]),
]
"""Layers that hidden blocks may end with, of inputs of any width.

Branches of which the maximum is taken begin with different biases: behind a normalization of one unit, which puts out zeros, they'd be
equal but for rounding, and that would decide which of them learns.
"""
SCHEDULES = [
    lambda: 0.01,
    lambda: schedules.ExponentialDecay(0.02, 3, 0.7),
    lambda: schedules.CosineDecay(0.0, 6, warmup_target=0.02, warmup_steps=4),
    lambda: schedules.PiecewiseConstantDecay([2, 5], [0.02, 0.01, 0.001]),
]


def targets(loss, n, outputs):
    function, rng = losses.losses.members[loss].function, np.random.default_rng(5)
    shape = (n,) if function.sparse else (n, outputs // function.outputs_per_target)
    return draws.KINDS[kinds(loss)[1]](shape, {"m": outputs}, rng)


@st.composite
def hidden_layers(draw):
    """Factories of one hidden block."""
    units = draw(st.integers(1, 20) | st.sampled_from([64, 80]))  # beyond a grain of columns, and yet too few for BLAS' own threads
    activation = draw(st.sampled_from(ACTIVATIONS))
    options = {
        "units": units if activation in SAME_SHAPE else 2 * units,
        "activation": activation,
        "use_bias": draw(st.booleans()),
        "kernel_regularizer": draw(st.sampled_from([None, regularizers.L1(1e-3), regularizers.L1L2(1e-3, 1e-2)])),
        "bias_regularizer": draw(st.sampled_from([None, None, regularizers.L2(1e-2)])),
    }
    block = [lambda: layers.Dense(**options)]
    if draw(st.booleans()):
        moments = {"momentum": 0.7, "center": draw(st.booleans()), "scale": draw(st.booleans())}
        block.append(lambda: layers.BatchNormalization(**moments))
    if draw(st.booleans()):
        block.append(lambda: layers.Dropout(0.3, seed=11))
    if draw(st.booleans()):
        another = draw(st.sampled_from(SAME_SHAPE))
        block.append(lambda: layers.Activation(another))
    if draw(st.booleans()):
        block.append(draw(st.sampled_from(FURTHER)))
    return block


@st.composite
def stacks(draw, loss, outputs):
    """Factories of the layers after the input, and the shape of a sample: a vector, or rows that layers work on before they are joined."""
    first = draw(
        st.sampled_from([[], [], [layers.BatchNormalization], [lambda: layers.Dropout(0.2, seed=5)], [lambda: layers.Activation("tanh")]])
    )
    hidden = [*first, *(make for block in draw(st.lists(hidden_layers(), max_size=5)) for make in block)]
    last = making(loss) or draw(st.sampled_from(["linear", "tanh", "softplus"]))
    if draw(st.booleans()):
        return [*hidden, lambda: layers.Dense(outputs, activation=last)], (6,)
    hidden.insert(draw(st.integers(0, len(hidden))), layers.Flatten)
    return [*hidden, lambda: layers.Dense(outputs), lambda: layers.Activation(last)], (3, 2)


def calming(kind):
    return {"epsilon": 0.1} if "epsilon" in kind().get_config() else {}


def abrupt(optimizer):
    """Whether a small gradient's step is about as long as a large one's, so that its sign alone decides."""
    lengths = []
    for size in (1e-4, 1.0):
        p = np.ones((2, 2))
        type(optimizer)(**{**optimizer.get_config(), "learning_rate": 0.1, "groups": None}).apply([np.full((2, 2), size)], [p])
        lengths.append(np.abs(p - 1).max())
    return lengths[0] > 0.1 * lengths[1]


OPTIMIZERS = sorted(optimizer_catalogue.members)
ABRUPT = [k for k in OPTIMIZERS if not (m := optimizer_catalogue.members[k]).full_batch and abrupt(m(**calming(m)))]
TAME = [k for k in OPTIMIZERS if k not in ABRUPT and not optimizer_catalogue.members[k].full_batch]


@st.composite
def trainings(draw, searches=True):
    """A model's factory and the arguments of `fit`.

    Without `searches`, only optimizers whose steps follow small gradients closely: none that searches along lines, as on a kink rounding
    decides where one ends, and none that is abrupt, as rounding decides the sign of a gradient that is zero but for it.
    """
    loss = draw(st.sampled_from(LOSSES))
    function = losses.losses.members[loss].function
    outputs = draw(st.integers(2, 12)) * function.outputs_per_target
    stack, features = draw(stacks(loss, outputs))
    clip = draw(st.sampled_from([{}, {"clipnorm": 0.1}, {"clipvalue": 0.05}, {"global_clipnorm": 0.2}]))
    members = OPTIMIZERS if searches else TAME
    kind, decay = draw(st.sampled_from(members)), draw(st.sampled_from([None, 0.01]))
    form, schedule = draw(st.sampled_from(forms(optimizer_catalogue.members[kind]))), draw(st.sampled_from(SCHEDULES))
    if optimizer_catalogue.members[kind].full_batch:  # a line search chooses the steps: nothing else may
        clip, decay, schedule = {}, None, SCHEDULES[0]
        assume(not any(p.constraint for p in model_of(*stack, features=features).trainable_weights))
    n = draw(st.integers(2, 40))
    smoothing = {"label_smoothing": 0.1} if "label_smoothing" in function.parameters and draw(st.booleans()) else {}
    reduction = draw(st.sampled_from(["sum_over_batch_size", "mean_with_sample_weight", "sum"]))
    known = METRICS.get(kinds(loss)[1], REGRESSION) if function.outputs_per_target == 1 else []
    known = [each for each in known if each != "auc" or making(loss)]  # which wants probabilities
    chosen = {
        key: draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else [] for key in ("metrics", "weighted_metrics")
    }

    # A gradient that is zero but for rounding, as batch normalization gives of a single sample, must stay small in the step.
    calm = calming(optimizer_catalogue.members[kind])

    def build(dtype, seed):
        optimizer = optimizer_catalogue.members[kind](learning_rate=schedule(), weight_decay=decay, **clip, **form, **calm)
        compiled = {"optimizer": optimizer, "loss": losses.losses.members[loss](reduction=reduction, **smoothing), **chosen}
        return model_of(*stack, features=features, seed=seed, dtype=dtype, **compiled)

    data = {"x": samples(n, *features, seed=2), "y": targets(loss, n, outputs), "batch_size": draw(st.integers(1, n + 5))}
    if draw(st.booleans()):
        data["sample_weight"] = np.linspace(0.1, 2, n)
    if draw(st.booleans()):
        data["validation_data"] = samples(7, *features, seed=4), targets(loss, 7, outputs)
    return build, {**data, "epochs": 5, "verbose": 0}


def run(training, backend, dtype="float64"):
    build, arguments = training
    with fastnn.backend.use(backend):
        model = build(dtype, seed=3)
        return model, model.fit(**arguments).history


overflowing = pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
"""Of the reference, in random trainings that diverge: those aren't `settled`, and left out."""


def settled(model, history):
    """Whether a training stayed far from overflow, where the order of a sum decides between a number and infinity."""
    return all(np.abs(v).max(initial=0) < 1e9 for v in [*model.get_weights(), *map(np.array, history.values())])


def assert_close(a, b, tolerance):
    """Equal relative to the largest weight of the same array: sums of gradients cancel, so a single weight has no relative error."""
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance * max(1.0, np.abs(p).max(initial=0)))


def nudged_difference(training, dtype="float64"):
    """How far the reference's own weights and history move when data and first weights move by a few roundings.

    Some trainings are not functions that a computer can evaluate: the sign of a gradient that is zero but for rounding decides
    a step of Adam or a kink of relu. What the reference can't reproduce of itself nobody else can.
    """
    build, arguments = training
    a, first = run(training, "numpy", dtype)
    b, second = run(nudged(build, arguments, dtype, np.random.default_rng(0)), "numpy", dtype)
    pairs = [*zip(a.get_weights(), b.get_weights(), strict=True), *((np.array(first[k]), np.array(second[k])) for k in first)]
    return max(float(np.abs(p - q).max(initial=0)) for p, q in pairs)


def nudged(build, arguments, dtype, rng):
    """The same training, samples and first weights moved by a few roundings: each for itself, as a common factor crosses no kink."""

    def moved(array):
        return array * (1 + 4 * np.finfo(array.dtype).eps * rng.choice([-1, 1], array.shape)).astype(array.dtype)

    def rebuild(dtype, seed):
        model = build(dtype, seed)
        model.set_weights([moved(w) for w in model.get_weights()])
        return model

    return rebuild, {**arguments, "x": moved(arguments["x"].astype(dtype))}


@compiled_only
@diverging
@overflowing
@settings(max_examples=30, deadline=None)
@given(training=trainings(searches=False))
def test_backends_train_alike(training):
    """Five epochs in float64 agree to 1e-9, or where rounding alone moves the reference further, to a hundred times that."""
    (a, expected), (b, history) = run(training, "numpy"), run(training, "compiled")
    assume(settled(a, expected))
    tolerance = max(1e-9, 100 * nudged_difference(training))
    assert_close(a, b, tolerance)
    assert_same_history(history, expected, tolerance)


def assert_same_history(history, expected, tolerance):
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=max(1e-9, 10 * tolerance), atol=10 * tolerance, err_msg=name)


@compiled_only
@pytest.mark.parametrize("name", ABRUPT)
def test_abrupt_optimizers_train_alike(name):
    """Where no gradient is zero but for rounding."""

    def build(dtype, seed):
        stack = [lambda: layers.Dense(8, activation="tanh"), lambda: layers.Dense(2)]
        return model_of(*stack, features=6, seed=seed, dtype=dtype, optimizer=optimizer_catalogue.members[name](0.01), loss="mse")

    training = build, {"x": samples(40, 6), "y": samples(40, 2, seed=8), "batch_size": 7, "epochs": 5, "verbose": 0}
    (a, expected), (b, history) = run(training, "numpy"), run(training, "compiled")
    assert_close(a, b, 1e-9)
    assert_same_history(history, expected, 1e-9)


@compiled_only
@diverging
@overflowing
@settings(max_examples=30, deadline=None)
@given(training=trainings(searches=False))
def test_backends_train_alike_in_single_precision_too(training):
    """Looser, as roundings are 5e8 times as large; trainings that amplify them are left to double precision."""
    (a, expected), (b, history) = run(training, "numpy", "float32"), run(training, "compiled", "float32")
    assume(settled(a, expected))
    moved = nudged_difference(training, "float32")
    assume(moved < 1e-4)
    tolerance = max(1e-4, 100 * moved)
    assert_close(a, b, tolerance)
    assert_same_history(history, expected, tolerance)


def state(model):
    """All a training changes, to the last bit but for a NaN's sign, which is that of whichever operand came first."""
    arrays = [*model.get_weights(), *model.optimizer.slots.values()]
    return [np.where(np.isnan(a), np.nan, a).tobytes() for a in arrays], model.optimizer.iterations, model._counters()


@compiled_only
@diverging
@settings(max_examples=15, deadline=None)
@given(training=trainings(), dtype=st.sampled_from(["float32", "float64"]))
def test_any_number_of_threads_gives_the_same_bits(training, dtype):
    """Whatever is shared: regions of any size are cut, and updates into many pieces."""
    model, history = run(training, "compiled", dtype)
    before = fastnn.get_num_threads()
    try:
        with mock.patch.multiple(regions, SHARED_WORK=1):
            for count in (1, 2, 3, 4):
                fastnn.set_num_threads(count)
                other, again = run(training, "compiled", dtype)
                np.testing.assert_equal(again, history)
                assert state(other) == state(model)
    finally:
        fastnn.set_num_threads(before)


@compiled_only
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "gelu"])
@pytest.mark.parametrize("optimizer", ["SGD", "RMSprop"])
def test_backends_train_alike_in_single_precision(activation, optimizer):
    """Smooth functions, a small rate and 30 steps: roundings of 6e-8 grow to some 1e-6, and 1e-4 would show a wrong kernel."""

    def build(dtype, seed):
        stack = [lambda: layers.Dense(16, activation=activation), layers.BatchNormalization, lambda: layers.Dense(2)]
        slow = optimizer_catalogue.members[optimizer](learning_rate=1e-3)
        return model_of(*stack, features=6, seed=seed, dtype=dtype, optimizer=slow, loss="mse")

    training = build, {"x": samples(40, 6), "y": samples(40, 2, seed=8), "batch_size": 7, "epochs": 5, "verbose": 0}
    (a, expected), (b, history) = run(training, "numpy", "float32"), run(training, "compiled", "float32")
    assert_close(a, b, 1e-4)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-4)
    double, _ = run(training, "numpy", "float64")
    assert_close(b, double, 1e-2)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=10, deadline=None)
@given(training=trainings(), dtype=st.sampled_from(["float32", "float64"]))
def test_the_same_seed_gives_the_same_bits(backend, training, dtype):
    (a, first), (b, second) = run(training, backend, dtype), run(training, backend, dtype)
    np.testing.assert_equal(first, second)
    assert_same_weights(a, b)


# ------------------------------------------------------------------------------------------------ gradients


def analytic_gradient(model, x, y, weights):
    """The gradients that a step at rate 0 leaves in the parameters."""
    model.train_on_batch(x, y, sample_weight=weights)
    return [p.grad.copy() for p in model.trainable_weights]


def loss_in_training(model, x, y, weights, state):
    """The loss of the batch in training mode, at the dropout masks and moving averages of `state`."""
    for parameter, value in zip(model.non_trainable_weights, state, strict=True):
        parameter.assign(value)
    model._step[0] = 0
    return model.train_on_batch(x, y, sample_weight=weights)


@pytest.mark.parametrize(("hidden", "loss"), [*((name, "MeanSquaredError") for name in ACTIVATIONS), *(("tanh", name) for name in LOSSES)])
def test_the_gradient_of_a_whole_model(hidden, loss):
    """Through dense, activation, batch normalization, dropout, regularizers and the loss, by central differences."""
    model = model_of(
        lambda: layers.Dense(4, activation=hidden, kernel_regularizer=regularizers.L2(0.05)),
        layers.BatchNormalization,
        lambda: layers.Dropout(0.3, seed=2),
        lambda: layers.Dense(4, activation=making(loss) or "tanh", bias_regularizer=regularizers.L1(0.01), bias_initializer="ones"),
        features=2,
        optimizer=optimizers.SGD(0.0),
        loss=loss,
    )
    x, y, weights = samples(5, 2), targets(loss, 5, 4), np.array([1, 0.5, 2, 0, 1.5])
    state = [p.numpy() for p in model.non_trainable_weights]
    with fastnn.backend.use("numpy"):
        model._step[0] = 0
        gradients = analytic_gradient(model, x, y, weights)
        for parameter, gradient in zip(model.trainable_weights, gradients, strict=True):
            numeric = np.zeros_like(gradient)
            for index in np.ndindex(gradient.shape):
                kept = parameter.value[index]
                for sign in (1, -1):
                    parameter.value[index] = kept + sign * 1e-6
                    numeric[index] += sign * loss_in_training(model, x, y, weights, state) / 2e-6
                parameter.value[index] = kept
            np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-7, err_msg=parameter.name)


# ------------------------------------------------------------------------------------------------- fusion


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", FUSED)
@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 23)], ids=["plain", "weighted"])
@pytest.mark.parametrize("form", ["fused", "layer", "from_logits"])
def test_fused_losses_equal_the_unfused(backend, loss, weights, form):
    """The reference is the loss of the probabilities, then the activation's own backward: a dropout of nothing keeps them apart."""
    activation, y = losses.losses.members[loss].function.activation, targets(loss, 23, 3)
    stacks = {
        "fused": [lambda: layers.Dense(3, activation=activation)],
        "layer": [lambda: layers.Dense(3), lambda: layers.Activation(activation)],
        "from_logits": [lambda: layers.Dense(3)],
    }
    made = losses.losses.members[loss]
    with fastnn.backend.use(backend):
        model = model_of(*stacks[form], optimizer=optimizers.SGD(0.1), loss=made(from_logits=form == "from_logits"))
        apart = [lambda: layers.Dense(3, activation=activation), lambda: layers.Dropout(1e-12, seed=1)]
        plain = model_of(*apart, optimizer=optimizers.SGD(0.1), loss=made())
        for _ in range(3):
            assert model.train_on_batch(samples(), y, sample_weight=weights) == pytest.approx(
                plain.train_on_batch(samples(), y, sample_weight=weights), rel=1e-9
            )
        assert_close(model, plain, 1e-9)
        assert model.evaluate(samples(), y, verbose=0) == pytest.approx(plain.evaluate(samples(), y, verbose=0), rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", FUSED)
def test_fused_losses_learn_from_saturated_outputs(backend, loss):
    """Where the probability rounds to 0 or 1, the unfused form has no gradient left."""
    with fastnn.backend.use(backend):
        model = model_of(lambda: layers.Dense(3, activation=making(loss)), optimizer=optimizers.SGD(1.0), loss=loss)
        model.set_weights([np.zeros((4, 3)), [800.0, -800.0, 0.0]])
        y = targets(loss, 23, 3) * 0 + (1 if loss.startswith("Sparse") else np.array([0, 1, 0]))
        before = model.get_weights()[1]
        assert np.isfinite(model.train_on_batch(samples(), y))
        change = model.get_weights()[1] - before
        assert change[0] < 0 < change[1]
