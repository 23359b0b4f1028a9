"""Optimizers that search along lines: their lines and directions by definition, minima with closed forms, and whole trainings."""

import math

import numpy as np
import pytest
from helpers import BACKENDS, assert_same_weights, bits, classifier, compiled_only, diverging, labels, model_of, regressor, samples

import fastnn
from fastnn import callbacks, layers, losses, optimizers, regularizers
from fastnn.optimizers import LBFGS, ConjugateGradient
from fastnn.optimizers.full_batch import Move
from fastnn.optimizers.function import Evaluation
from fastnn.optimizers.line_search import Point, cubic_minimum, dot, strong_wolfe
from fastnn.optimizers.schedules import CosineDecay

MEMBERS = [member for member in optimizers.optimizers.members.values() if member.full_batch]
every_class = pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(autouse=True)
def on_backend(request):
    with fastnn.backend.use(request.getfixturevalue("backend") if "backend" in request.fixturenames else fastnn.backend.current()):
        yield


# ------------------------------------------------------------------------------------------------- line search

LINES = {
    "quadratic": lambda t: ((t - 3) ** 2, 2 * (t - 3)),
    "steep": lambda t: (1e6 * (t - 3) ** 2, 2e6 * (t - 3)),
    "far": lambda t: ((t - 1e4) ** 2, 2 * (t - 1e4)),
    "exponential": lambda t: (math.exp(t) - 5 * t, math.exp(t) - 5) if t < 700 else (math.inf, math.inf),
    "barrier": lambda t: (-math.log(1 - t) - 2 * t, 1 / (1 - t) - 2) if t < 1 else (math.nan, math.nan),
    "wavy": lambda t: (-t / (t * t + 2) + 0.02 * math.sin(5 * t), (t * t - 2) / (t * t + 2) ** 2 + 0.1 * math.cos(5 * t)),
    "quartic": lambda t: ((t - 2) ** 4 - 1, 4 * (t - 2) ** 3),
}


def along(function, record=None):
    def line(step):
        value, slope = function(step)
        if record is not None:
            record.append(step)
        return Point(step, value, slope, np.array([slope]))

    return line


@pytest.mark.parametrize("c2", [0.9, 0.1, 0.01])
@pytest.mark.parametrize("first", [1e-3, 1.0, 20.0, 1e5])
@pytest.mark.parametrize("name", LINES)
def test_what_is_found_satisfies_the_strong_wolfe_conditions(name, first, c2):
    line = along(LINES[name])
    start = line(0.0)
    found = strong_wolfe(line, start, first, 1e-4, c2, 60)
    assert found.step > 0
    assert found.value <= start.value + 1e-4 * found.step * start.slope
    assert abs(found.slope) <= c2 * abs(start.slope)
    assert found == line(found.step)


def test_a_first_step_that_is_good_is_taken():
    steps = []
    line = along(LINES["quadratic"], steps)
    strong_wolfe(line, along(LINES["quadratic"])(0.0), 2.5, 1e-4, 0.9)
    assert steps == [2.5]


@pytest.mark.parametrize(("a", "b"), [(0.0, 2.0), (2.0, 0.0), (0.5, 7.0)])
def test_the_cubic_is_exact_for_a_cubic(a, b):
    line = along(lambda t: (t**3 - 3 * t**2 + 1, 3 * t**2 - 6 * t))  # lowest at 2
    assert cubic_minimum(line(a), line(b), 0.0, 10.0) == pytest.approx(2.0, rel=1e-12)
    assert cubic_minimum(line(a), line(b), 0.0, 1.5) == 1.5


def test_the_cubic_of_what_has_no_minimum_is_halved():
    line = along(lambda t: (-t, -1.0))
    assert cubic_minimum(line(0.0), line(1.0), 1.0, 3.0) == 2.0
    huge = along(lambda t: (-1e308 * t, -1e308))
    assert cubic_minimum(huge(0.0), huge(1.0), 1.0, 3.0) == 2.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_where_nothing_is_finite_the_start_is_returned(bad):
    start = Point(0.0, 1.0, -1.0, np.array([-1.0]))
    steps = []
    assert strong_wolfe(along(lambda t: (bad, -1.0), steps), start, 1.0, 1e-4, 0.9, 12) is start
    assert len(steps) == 12


def test_a_wrong_slope_leads_nowhere():
    start = Point(0.0, 0.0, -1.0, np.array([-1.0]))
    assert strong_wolfe(along(lambda t: (t, -1.0)), start, 1.0, 1e-4, 0.9) is start


def test_a_function_without_a_lower_bound_ends_the_search():
    line, steps = along(lambda t: (-t, -1.0)), []
    found = strong_wolfe(along(lambda t: (-t, -1.0), steps), line(0.0), 1.0, 1e-4, 0.9, 8)
    assert len(steps) == 8 and found.step == max(steps) > 1


def test_inner_products_of_single_precision_are_summed_in_double():
    a = np.full(1_000_001, 0.1, "float32")
    assert dot(a, a) == pytest.approx(1_000_001 * float(a[0]) ** 2, rel=1e-12)


# ------------------------------------------------------------------------------------------------- plain functions


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    g = np.zeros_like(x)
    g[:-1] += -400 * a * (b - a * a) - 2 * (1 - a)
    g[1:] += 200 * (b - a * a)
    return np.sum(100 * (b - a * a) ** 2 + (1 - a) ** 2), g


def quadratic(matrix, centre):
    return lambda x: (0.5 * (x - centre) @ matrix @ (x - centre), matrix @ (x - centre))


def positive_definite(n, condition, seed=0):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    return (rotation * np.geomspace(1, condition, n)) @ rotation.T


@every_class
@pytest.mark.parametrize("n", [2, 20])
def test_rosenbrock(member, n):
    found = member(tolerance_grad=1e-9, tolerance_change=0).minimize(rosenbrock, [-1.2, 1.0] * (n // 2))
    np.testing.assert_allclose(found.x, 1.0, atol=1e-8)
    assert found.converged and found.gradient_norm <= 1e-9 and found.iterations < 600
    assert found.evaluations >= found.iterations + 1


@every_class
@pytest.mark.parametrize("condition", [1, 1e2, 1e6])
def test_quadratics_however_ill_conditioned(member, condition):
    f, centre = quadratic(positive_definite(12, condition), np.arange(12.0)), np.arange(12.0)
    found = member(tolerance_grad=1e-8, tolerance_change=0).minimize(f, np.ones(12), max_iterations=5000)
    np.testing.assert_allclose(found.x, centre, atol=1e-6)


def test_conjugate_gradients_need_n_iterations_on_a_quadratic():
    """With searches that are exact they end after as many as there are different eigenvalues (Nocedal and Wright, theorem 5.4)."""
    matrix, centre = positive_definite(5, 50), np.ones(5)
    o = ConjugateGradient(c1=1e-5, c2=1e-4, tolerance_grad=1e-7, tolerance_change=0, max_evaluations=60)
    assert o.minimize(quadratic(matrix, centre), np.zeros(5)).iterations <= 7


def test_the_directions_of_lbfgs_are_those_of_bfgs():
    """With room for all pairs, ``-H g`` with H by the formula of BFGS (equation 6.17) from ``(s.y / y.y) I``."""
    rng = np.random.default_rng(3)
    matrix = positive_definite(16, 30)
    o = LBFGS(history_size=4)
    o.build([np.zeros(16)])
    pairs = []
    for _ in range(6):
        s = rng.normal(size=16)
        before, after = (Point(0.0, 0.0, 0.0, g) for g in (np.zeros(16), matrix @ s))
        o.remember(Move(s, before, after, s))
        pairs.append((s, matrix @ s))
    s, y = pairs[-1]
    inverse = np.eye(16) * (s @ y) / (y @ y)
    for s, y in pairs[-4:]:
        left = np.eye(16) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    gradient = rng.normal(size=16)
    np.testing.assert_allclose(o.direction(gradient), -inverse @ gradient, rtol=1e-10)


def test_a_pair_without_curvature_is_left_out():
    o = LBFGS()
    o.build([np.zeros(16)])
    s = np.ones(16)
    for change in (-s, 0 * s, np.tile([1.0, -1.0], 8)):
        o.remember(Move(s, Point(0, 0, 0, 0 * s), Point(1, 0, 0, change), s))
    assert not any(slot.any() for slot in o.slots.values())


@pytest.mark.parametrize(
    ("last", "new", "beta"),
    [
        ([1.0, 0.0], [0.0, 2.0], 4.0),  # orthogonal: as Fletcher and Reeves
        ([1.0, 0.0], [0.1, 2.0], (4.01 - 0.1) / 1),
        ([1.0, 0.0], [1.0, 2.0], 0.0),  # far from orthogonal: restart
        ([4.0, 0.0], [0.5, 0.1], 0.0),  # it would be negative
    ],
)
def test_the_directions_of_conjugate_gradients(last, new, beta):
    o = ConjugateGradient()
    o.build([np.zeros(2)])
    last, new, d = (np.concatenate([v, np.zeros(o.slots["direction"].size - 2)]) for v in (last, new, [-3.0, 0.5]))
    o.remember(Move(d, Point(0, 0, dot(last, d), last), Point(0.25, 0, 0, new), 0.25 * d))
    np.testing.assert_allclose(o.direction(new), -new + beta * d)
    assert o.next_step(-2.0) == pytest.approx(0.25 * dot(last, d) / -2)


@every_class
def test_a_function_that_ends_somewhere(member):
    """Not a number beyond x = 1, where a step too long would go."""

    def f(x):
        with np.errstate(invalid="ignore"):
            return -np.log(1 - x).sum() - 9 * x.sum(), 1 / (1 - x) - 9

    found = member(learning_rate=100.0, tolerance_change=0).minimize(f, np.full(3, -4.0))
    np.testing.assert_allclose(found.x, 8 / 9, rtol=1e-6)


@every_class
def test_a_gradient_that_is_wrong_is_noticed(member):
    found = member().minimize(lambda x: (x @ x, -2 * x), [1.0, 2.0])
    assert (found.iterations, found.reason) == (0, "no lower point was found along the gradient")
    np.testing.assert_array_equal(found.x, [1, 2])


@every_class
def test_results_and_their_reasons(member):
    paths = []
    limited = member().minimize(rosenbrock, [-1.2, 1.0], max_iterations=5, callback=paths.append)
    assert (limited.iterations, limited.converged, limited.reason) == (5, False, "it made max_iterations=5")
    assert len(paths) == 5 and paths[-1].tolist() == limited.x.tolist() != paths[0].tolist()
    assert limited.value == rosenbrock(limited.x)[0]
    assert limited.gradient_norm == np.abs(rosenbrock(limited.x)[1]).max()
    there = member().minimize(lambda x: (0.0, np.zeros(2)), [1.0, 1.0])
    assert (there.iterations, there.evaluations, there.converged) == (0, 1, True) and "tolerance_grad" in there.reason
    assert "tolerance_change" in member(tolerance_change=1e-2, tolerance_grad=0).minimize(rosenbrock, [-1.2, 1.0]).reason


@every_class
def test_minimizing_leaves_the_optimizer_as_it_is_and_keeps_shape_and_dtype(member):
    o = member()
    for _ in range(2):
        found = o.minimize(lambda x: (np.square(x - 2).sum(), 2 * (x - 2)), np.zeros((2, 3), "float32"))
        assert found.x.shape == (2, 3) and found.x.dtype == np.float32
        np.testing.assert_allclose(found.x, 2, rtol=1e-5)
        assert not o.built and o.iterations == 0
    assert o.minimize(lambda x: (x[0] ** 2, 2 * x), [3]).x.dtype == np.float64


@every_class
def test_what_minimize_refuses(member):
    o = member()
    with pytest.raises(ValueError, match="x0 must be finite"):
        o.minimize(rosenbrock, [1.0, math.nan])
    with pytest.raises(TypeError, match="x0 must be an array"):
        o.minimize(rosenbrock, None)
    with pytest.raises(ValueError, match=r"gradient of shape \(2,\), got shapes \(\) and \(3,\)"):
        o.minimize(lambda x: (1.0, np.ones(3)), [1.0, 1.0])
    with pytest.raises(ValueError, match="must be finite at x0, got the value inf"):
        o.minimize(lambda x: (math.inf, x), [1.0, 1.0])
    with pytest.raises(ValueError, match="max_iterations must be"):
        o.minimize(rosenbrock, [1.0, 1.0], max_iterations=0)


# ------------------------------------------------------------------------------------------------- arguments


@every_class
@pytest.mark.parametrize(
    "option",
    [
        {"clipnorm": 1.0},
        {"clipvalue": 1.0},
        {"global_clipnorm": 1.0},
        {"weight_decay": 0.1},
        {"use_ema": True},
        {"gradient_accumulation_steps": 2},
        {"groups": {"bias": {"learning_rate": 0.1}}},
    ],
    ids=lambda o: next(iter(o)),
)
def test_options_without_meaning_are_refused(member, option):
    with pytest.raises(ValueError, match=f"{member.__name__}: {next(iter(option))}=.* has no meaning"):
        member(**option)


@every_class
def test_other_arguments(member):
    with pytest.raises(ValueError, match="learning_rate must be a number, got CosineDecay"):
        member(CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match="has no argument 'momentum'"):
        member(momentum=0.9)
    for name, bad in (("learning_rate", 0.0), ("c1", 0.0), ("c2", 1.0), ("tolerance_grad", -1.0), ("tolerance_change", math.nan)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            member(**{name: bad})
    with pytest.raises(ValueError, match="c2 must be"):
        member(c1=0.5, c2=0.4)
    with pytest.raises(ValueError, match="max_evaluations must be"):
        member(max_evaluations=0)
    with pytest.raises(ValueError, match="history_size must be"):
        LBFGS(history_size=0)
    assert member(weight_decay=None, clipnorm=None).get_config() == member().get_config()


@every_class
def test_configuration(member):
    o = member(0.5, tolerance_grad=1e-3, c1=1e-3, c2=0.3, max_evaluations=9, name="mine")
    again = optimizers.get(optimizers.serialize(o))
    assert again.get_config() == o.get_config() and again.c2 == 0.3
    for name in (member.__name__, member.__name__.lower()):
        assert type(optimizers.get(name)) is member


@every_class
def test_steps_by_gradients_alone_are_refused(member):
    p = np.ones(3)
    with pytest.raises(TypeError, match="can't step by gradients alone"):
        member().apply([np.ones(3)], [p])
    assert p.tolist() == [1, 1, 1]


# ----------------------------------------------------------------------------------------------------- training

X, Y = samples(40, 4), samples(40, 1, seed=9)


def smooth(optimizer, dtype="float64", dropout=0.0, **options):
    stack = [
        lambda: layers.Dense(6, activation="tanh", kernel_regularizer=regularizers.L2(1e-3)),
        *([lambda: layers.BatchNormalization(), lambda: layers.Dropout(dropout, seed=3)] if dropout else []),
        lambda: layers.Dense(1),
    ]
    return model_of(*stack, optimizer=optimizer, loss="mse", dtype=dtype, **options)


@each_backend
@every_class
@pytest.mark.parametrize("size", [7, 40, None])
@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 40)], ids=["plain", "weighted"])
def test_linear_regression_ends_at_the_closed_form(backend, member, size, weights):
    """The minimum of ``mean(w*(x.k + b - y)**2) + l2*k.k`` by the normal equations."""
    model = model_of(
        lambda: layers.Dense(1, kernel_regularizer=regularizers.L2(0.1)), optimizer=member(tolerance_change=0), loss="mse", dtype="float64"
    )
    history = model.fit(X, Y, sample_weight=weights, epochs=200, batch_size=size, verbose=0).history
    w, design = np.ones(40) if weights is None else weights, np.c_[X, np.ones(40)]
    expected = np.linalg.solve(design.T @ (w[:, None] * design) / 40 + np.diag([0.1] * 4 + [0]), design.T @ (w[:, None] * Y) / 40)
    np.testing.assert_allclose(np.r_[model.get_weights()[0], model.get_weights()[1][None]], expected, rtol=1e-5, atol=1e-6)
    assert len(history["loss"]) == model.optimizer.iterations < 200
    assert "tolerance_grad" in model.optimizer.stopped
    assert all(a > b for a, b in zip(history["loss"], history["loss"][1:], strict=False))


@every_class
def test_a_fit_is_the_minimization_of_the_loss(member):
    """Of the loss as a function of the weights, whose gradient comes from `train_on_batch` of another optimizer."""
    model, probe = smooth(member()), smooth(optimizers.SGD(1e-300))

    def f(x):
        start = 0
        for p in probe.trainable_weights:
            p.assign(x[start : start + p.value.size].reshape(p.shape))
            start += p.value.size
        value = probe.train_on_batch(X, Y)
        return value, np.concatenate([p.grad.reshape(-1) for p in probe.trainable_weights])

    x0 = np.concatenate([w.reshape(-1) for w in model.get_weights()])
    history = model.fit(X, Y, epochs=15, batch_size=16, verbose=0).history
    found = member().minimize(f, x0, max_iterations=15)
    assert history["loss"][-1] == pytest.approx(found.value, rel=1e-7)
    np.testing.assert_allclose(np.concatenate([w.reshape(-1) for w in model.get_weights()]), found.x, rtol=1e-5, atol=1e-7)


@each_backend
@every_class
def test_history_is_of_the_model_after_each_epoch(backend, member):
    model = smooth(member(), metrics=["mae"], weighted_metrics=["mse"])
    weights = np.linspace(0.5, 2, 40)

    def check(epoch, logs):
        expected = model.evaluate(X, Y, sample_weight=weights, return_dict=True, verbose=0)
        assert {k: logs[k] for k in expected} == pytest.approx(expected, rel=1e-12)
        assert logs["val_loss"] == pytest.approx(model.evaluate(X[:9], Y[:9], verbose=0)[0], rel=1e-12)

    told = callbacks.LambdaCallback(on_epoch_end=check)
    data = {"sample_weight": weights, "validation_data": (X[:9], Y[:9])}
    history = model.fit(X, Y, epochs=6, batch_size=16, verbose=0, callbacks=[told], **data)
    assert len(history.history["loss"]) == 6


@each_backend
@every_class
def test_classes_may_have_weights(backend, member):
    weighted, repeated = (
        model_of(
            lambda: layers.Dense(3, activation="softmax"), optimizer=member(), loss=losses.SparseCategoricalCrossentropy(reduction="sum")
        )
        for _ in range(2)
    )
    x, y = samples(23), labels(23)
    twice = np.concatenate([np.arange(23), np.flatnonzero(y == 1)])
    weighted.fit(x, y, class_weight={1: 2.0}, epochs=8, verbose=0)
    repeated.fit(x[twice], y[twice], epochs=8, verbose=0)
    for a, b in zip(weighted.get_weights(), repeated.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@compiled_only
@every_class
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 2e-3)])
def test_backends_train_alike(member, dropout, dtype, tolerance):
    made = []
    for name in BACKENDS:
        with fastnn.backend.use(name):
            model = smooth(member(), dtype, dropout, metrics=["mae"])
            made.append((model, model.fit(X, Y, epochs=8, batch_size=16, validation_split=0.2, verbose=0).history))
    (a, expected), (b, history) = made
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=tolerance)


@compiled_only
@every_class
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_verify(member, dropout, dtype):
    report = fastnn.verify(smooth(member(), dtype, dropout), X, Y, batch_size=16, steps=6)
    assert report.passed, report


@each_backend
@every_class
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_batches_are_seen_once_an_iteration(backend, member, dropout):
    """However often they are evaluated: step numbers, and so masks, and moving averages are the same for each evaluation."""
    model, seen = smooth(member(), dropout=dropout), []
    iterate = model.optimizer.iterate

    def twice(evaluate, here):
        again = evaluate()
        assert again.value == here.value and again.gradient.tobytes() == here.gradient.tobytes()
        seen.append(evaluate)
        return iterate(evaluate, here)

    model.optimizer.iterate = twice
    model.fit(X, Y, epochs=3, batch_size=16, verbose=0)
    assert len(seen) == 3 and model._step[0] == 3 * 3


@each_backend
@every_class
def test_moving_averages_are_those_of_one_pass_at_the_point_found(backend, member):
    model = model_of(lambda: layers.BatchNormalization(momentum=0.9), lambda: layers.Dense(1), optimizer=member(), loss="mse")
    model.fit(X, Y, epochs=3, batch_size=40, verbose=0)
    norm = model.layers[0]
    np.testing.assert_allclose(norm.moving_mean.value, (1 - 0.9**3) * X.mean(axis=0), rtol=1e-9)


@each_backend
@every_class
def test_masks_change_between_iterations(backend, member):
    model, gradients = smooth(member(), dropout=0.5), []
    iterate = model.optimizer.iterate
    model.optimizer.iterate = lambda evaluate, here: (gradients.append((model.get_weights(), here)), iterate(evaluate, here))[1]
    model.fit(X, Y, epochs=2, verbose=0)
    (_, first), (weights, second) = gradients
    model.set_weights(weights)
    model._step[0] = 0
    assert model.train_on_batch(X, Y) is not None
    assert first.value != gradients[-1][1].value != second.value


@every_class
def test_nothing_is_evaluated_twice(member):
    """The next iteration begins with what the last one ended with, unless someone has changed the weights meanwhile."""
    model, passes = smooth(member()), []
    run_slice = model._run_slice
    model._run_slice = lambda piece, first, steps, watch: (passes.append(watch.training), run_slice(piece, first, steps, watch))[1]
    evaluations = []
    iterate = model.optimizer.iterate

    def counted(evaluate, here):
        before = len(passes)
        result = iterate(evaluate, here)
        evaluations.append(len(passes) - before)
        return result

    model.optimizer.iterate = counted
    model.fit(X, Y, epochs=6, verbose=0)
    assert len(passes) == 1 + sum(evaluations)
    passes.clear()
    evaluations.clear()
    change = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.set_weights([0.9 * w for w in model.get_weights()]))
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[change])
    assert len(passes) == 4 + sum(evaluations)


@each_backend
@every_class
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_two_fits_are_one(backend, member, dropout):
    whole, halves = (smooth(member(), dropout=dropout) for _ in range(2))
    whole.fit(X, Y, epochs=6, batch_size=16, verbose=0)
    for epochs in ((0, 2), (2, 6)):
        halves.fit(X, Y, initial_epoch=epochs[0], epochs=epochs[1], batch_size=16, verbose=0)
    assert bits(whole)[:2] == bits(halves)[:2]


@each_backend
@every_class
def test_a_saved_training_goes_on_with_the_same_bits(backend, member, tmp_path):
    model = smooth(member(), dropout=0.2)
    model.fit(X, Y, epochs=12, batch_size=16, verbose=0)  # more than are remembered
    model.save(tmp_path / "model.fnn")
    again = fastnn.load_model(tmp_path / "model.fnn")
    assert bits(again) == bits(model)
    histories = [each.fit(X, Y, epochs=4, batch_size=16, verbose=0).history for each in (model, again)]
    assert histories[0] == histories[1] and bits(again) == bits(model)


@each_backend
@every_class
@pytest.mark.parametrize("number", [2, 3, 5, 8])
def test_an_interruption_leaves_the_last_point(backend, member, number):
    """In any evaluation; then the training goes on."""
    model, calls, ends = smooth(member(), dropout=0.3), [], []

    def raising(piece, first, steps, watch, run=model._run_slice):
        calls.append(first)
        ran = run(piece, first, steps, watch)
        if len(calls) == number:
            raise KeyboardInterrupt
        return ran

    model._run_slice = raising
    end = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(bits(model)))
    model._start_training(model._prepare(X, Y))
    ends.append(bits(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=20, verbose=0, callbacks=[end])
    (arrays, iterations, counters), (now, made, counted) = ends[-1], bits(model)
    weights = len(model.get_weights())
    assert now[:weights] == arrays[:weights] and made == iterations and counted["step"] == counters["step"]
    model.fit(X, Y, epochs=2, verbose=0)
    assert model.optimizer.iterations > iterations


@every_class
def test_callbacks_see_one_batch_an_epoch(member):
    told = []

    class Noting(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            told.append(("begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            told.append(("end", batch, logs["loss"]))

    history = smooth(member()).fit(X, Y, epochs=2, batch_size=16, verbose=0, callbacks=[Noting()]).history["loss"]
    assert told == [("begin", 0), ("end", 0, history[0]), ("begin", 0), ("end", 0, history[1])]


@every_class
def test_early_stopping_and_checkpoints(member, tmp_path):
    model = smooth(member())
    stop = callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    keep = callbacks.ModelCheckpoint(tmp_path / "best.fnn", monitor="val_loss", save_best_only=True)
    history = model.fit(X, Y, epochs=60, validation_split=0.3, verbose=0, callbacks=[stop, keep]).history["val_loss"]
    assert len(history) < 60
    assert_same_weights(model, fastnn.load_model(tmp_path / "best.fnn"))
    assert model.evaluate(X[28:], Y[28:], verbose=0) == pytest.approx(min(history), rel=1e-12)


@diverging
@each_backend
@every_class
def test_a_loss_that_is_no_number_ends_the_training(backend, member):
    model = smooth(member())
    model.set_weights([np.full_like(w, math.nan) for w in model.get_weights()])
    history = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert len(history) == 1 and math.isnan(history[0]) and "finite" in model.optimizer.stopped
    fresh = smooth(member())
    fresh.set_weights([np.full_like(w, math.nan) for w in fresh.get_weights()])
    fresh.fit(X, Y, epochs=5, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert fresh.optimizer.iterations == 0


@every_class
def test_a_training_that_has_converged_begins_again_with_other_data(member):
    model = regressor(member(), dtype="float64")
    assert len(model.fit(X, X @ [1.0, 2, 3, 4], epochs=99, verbose=0).history["loss"]) < 99
    steps, iterations = int(model._step[0]), model.optimizer.iterations
    assert len(model.fit(X, X @ [1.0, 2, 3, 4], epochs=99, verbose=0).history["loss"]) == 1
    assert (model._step[0], model.optimizer.iterations) == (steps, iterations)  # as if it hadn't been asked
    model.fit(X, X @ [0.0, 2, 3, 4], epochs=99, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [0, 2, 3, 4], atol=1e-5)


@each_backend
@every_class
def test_batches_made_on_the_way(backend, member):
    """Kept for an epoch: a generator gives each batch once."""
    arrays, listed, made = (smooth(member()) for _ in range(3))
    parts = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 40, 16)]
    arrays.fit(X, Y, epochs=4, batch_size=16, verbose=0)
    listed.fit(parts, epochs=4, verbose=0)
    made.fit((part for _ in range(4) for part in parts), epochs=4, steps_per_epoch=3, verbose=0)
    assert_same_weights(arrays, listed)
    assert_same_weights(arrays, made)


@each_backend
@every_class
def test_train_on_batch_is_an_iteration(backend, member):
    model, other = smooth(member()), smooth(member())
    made = [model.train_on_batch(X, Y) for _ in range(3)]
    assert made == other.fit(X, Y, epochs=3, batch_size=40, verbose=0).history["loss"]
    assert_same_weights(model, other)


@every_class
def test_constraints_are_refused(member):
    model = model_of(lambda: layers.Dense(1, kernel_constraint="non_neg", name="held"), optimizer=member(), loss="mse")
    with pytest.raises(ValueError, match="can't keep the constraint of held/kernel"):
        model.fit(X, Y, verbose=0)


@every_class
def test_frozen_layers_stay(member):
    model = smooth(member())
    model.layers[0].trainable = False
    model.compile(model.optimizer, "mse")
    before = [p.numpy() for p in model.layers[0].weights]
    loss = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert loss[-1] < loss[0]
    for p, q in zip(model.layers[0].weights, before, strict=True):
        np.testing.assert_array_equal(p.value, q)


@every_class
def test_a_classifier_with_everything(member):
    model = classifier(member(), metrics=["accuracy"])
    history = model.fit(samples(), labels(), epochs=12, batch_size=7, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert 0 <= history["accuracy"][-1] <= 1


def test_memory_that_leads_nowhere_is_given_up():
    """Wrong pairs from elsewhere: the steepest descent helps."""
    o = LBFGS(tolerance_change=0)
    o.build([np.array([1.0, 2.0])])
    rng = np.random.default_rng(0)
    for slot in o.slots.values():
        slot[:2] = rng.normal(size=2)
    x = o.arena.values.data

    def evaluate():
        return Evaluation(float(x @ x), 2 * x)

    here = evaluate()
    for _ in range(20):
        here = o.iterate(evaluate, here) if not o.stopped else here
    np.testing.assert_allclose(x, 0, atol=1e-6)


def test_a_function_without_its_gradient_is_refused():
    with pytest.raises(TypeError, match="value_and_grad"):
        optimizers.LBFGS().minimize(lambda p: float(np.square(p).sum()), np.ones(2))
