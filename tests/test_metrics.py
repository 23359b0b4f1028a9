import copy
import itertools
import json
import math
import pickle

import numpy as np
import pytest
from helpers import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import JUDGES, OF_BATCHES, STREAMED, case, make

import fastnn
from fastnn import backend, losses, metrics, samples
from fastnn.backend import Argument, registry
from fastnn.configurable import snake_case
from fastnn.metrics.metric import metrics as catalogue

RNG = np.random.default_rng(5)
N = 61


def sample(name, rng=RNG, n=N):
    """Targets and predictions that the metric called `name` takes."""
    return case(name).draw(rng, n)


def near(name, expected):
    return pytest.approx(expected, rel=case(name).tolerance, abs=case(name).tolerance)


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize("weighted", [False, True])
def test_closed_form(name, weighted):
    t, y = sample(name)
    w = RNG.random(N) if weighted else None
    value = make(name)(t, y, w)
    assert isinstance(value, float) or name == "ConfusionMatrix"
    assert value == near(name, case(name).truth(np.asarray(t), np.asarray(y), np.ones(N) if w is None else w))


@pytest.mark.parametrize("name", STREAMED)
@given(cuts=st.lists(st.integers(0, N), max_size=6), weighted=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_batches_give_the_value_of_the_whole(name, cuts, weighted, seed):
    rng = np.random.default_rng(seed)
    t, y = sample(name, rng)
    w = rng.random(N) if weighted else None
    whole, streamed = make(name), make(name)
    whole.update_state(t, y, w)
    for i, j in itertools.pairwise([0, *sorted(cuts), N]):
        streamed.update_state(t[i:j], y[i:j], None if w is None else w[i:j])
    assert streamed.result() == pytest.approx(whole.result(), rel=1e-12)


@pytest.mark.parametrize("name", STREAMED)
def test_weights_are_repetitions(name):
    t, y = sample(name)
    counts = RNG.integers(0, 4, N)
    weighted = make(name)(t, y, counts)
    assert weighted == pytest.approx(make(name)(t.repeat(counts, 0), y.repeat(counts, 0)), rel=1e-12)


@pytest.mark.parametrize("name", JUDGES)
def test_reset_forgets(name):
    one, (t, y) = make(name), sample(name)
    first = one(t, y)
    state = one.variables
    one(t[::-1], y)
    one.reset_state()
    assert all(v is s and not v.any() for v, s in zip(one.variables, state, strict=True)) and state
    np.testing.assert_array_equal(one(t, y), first)


@pytest.mark.parametrize("name", JUDGES)
def test_no_data(name):
    value = make(name).result()
    assert math.isnan(value) if name == "R2Score" else np.all(value == 0)


@pytest.mark.parametrize("name", JUDGES)
def test_weights_of_wrong_size_leave_the_state(name):
    one, (t, y) = make(name), sample(name)
    before = one(t, y)
    for w in (np.ones(N - 1), np.ones((1, N)), np.ones((N, 2)), 1.0):
        with pytest.raises(ValueError, match="sample_weight"):
            one.update_state(t, y, w)
    np.testing.assert_array_equal(one.result(), before)


@pytest.mark.parametrize("name", JUDGES)
def test_column_weights(name):
    t, y = sample(name)
    w = RNG.random(N)
    np.testing.assert_array_equal(make(name)(t, y, w[:, None]), make(name)(t, y, w))


@pytest.mark.parametrize("name", JUDGES)
def test_wrong_shapes(name):
    one, (t, y) = make(name), sample(name)
    for bad in (t[:-1], np.zeros((N, 7)), np.zeros((N, 2, 2, 2)), 0):
        with pytest.raises(ValueError, match="y_true"):
            one.update_state(bad, y)


def test_vector_targets_match_a_column_of_predictions():
    t, y = RNG.normal(size=N), RNG.normal(size=(N, 1))
    for name in ("MeanSquaredError", "MeanAbsoluteError", "R2Score"):
        kind = catalogue.members[name]
        assert kind()(t, y) == kind()(t[:, None], y) == kind()(t[:, None], y[:, 0]) == pytest.approx(kind()(t, y[:, 0]), rel=1e-14)
    labels, p = sample("BinaryAccuracy")
    assert metrics.BinaryAccuracy()(labels[:, 0], p) == metrics.BinaryAccuracy()(labels, p)
    labels, p = sample("SparseCategoricalAccuracy")
    assert metrics.SparseCategoricalAccuracy()(labels[:, None], p) == metrics.SparseCategoricalAccuracy()(labels, p)


def test_mean():
    one = metrics.Mean()
    assert one(4.0) == 4
    assert one([1.0, 1.0, 2.0]) == 2
    assert one(8.0, sample_weight=4) == 5
    assert one.name == "mean"


def test_small_integers_do_not_wrap():
    assert metrics.MeanSquaredError()(np.uint8([[0]]), np.uint8([[200]])) == 40000


def test_threshold():
    t, y = [[1], [0], [1]], [[0.35], [0.25], [0.2]]
    assert metrics.BinaryAccuracy(threshold=0.3)(t, y) == pytest.approx(2 / 3)
    for bad in (0, 1, -0.5, math.nan):
        with pytest.raises(ValueError, match="threshold"):
            metrics.BinaryAccuracy(threshold=bad)


@pytest.mark.parametrize("offset", [1e6, -1e9])
def test_r2_does_not_cancel(offset):
    rng = np.random.default_rng(1)
    t = rng.integers(-8, 9, 300) / 4
    y = t + rng.integers(-2, 3, 300) / 8
    one = metrics.R2Score()
    for i in range(0, 300, 7):
        one.update_state(t[i : i + 7] + offset, y[i : i + 7] + offset)
    assert one.result() == pytest.approx(metrics.R2Score()(t, y), rel=1e-9 if offset == 1e6 else 1e-5)


def test_r2_aggregation():
    t, y = RNG.normal(size=(N, 2)) * [1, 9], RNG.normal(size=(N, 2))
    each = metrics.R2Score(None)(t, y)
    spread = ((t - t.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(each, 1 - ((t - y) ** 2).sum(0) / spread, rtol=1e-12)
    assert metrics.R2Score()(t, y) == pytest.approx(each.mean())
    assert metrics.R2Score("variance_weighted_average")(t, y) == pytest.approx(each @ spread / spread.sum())


def test_r2_adjusted():
    t, y = RNG.normal(size=20), RNG.normal(size=20)
    plain = metrics.R2Score()(t, y)
    assert metrics.R2Score(num_regressors=3)(t, y) == pytest.approx(1 - (1 - plain) * 19 / 16)
    with pytest.warns(UserWarning, match="too few"):
        assert metrics.R2Score(num_regressors=19)(t, y) == plain


def test_r2_of_constant_targets():
    assert metrics.R2Score()([2.0, 2.0], [2.0, 2.0]) == 1
    assert metrics.R2Score()([2.0, 2.0], [2.0, 3.0]) == 0
    assert metrics.R2Score("variance_weighted_average")([[2.0, 2], [2, 2]], [[2.0, 2], [2, 3]]) == 0.5


def test_r2_refuses():
    with pytest.raises(ValueError, match="class_aggregation"):
        metrics.R2Score("mean")
    with pytest.raises(ValueError, match="num_regressors"):
        metrics.R2Score(num_regressors=-1)
    one = metrics.R2Score()
    one.update_state(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="2 outputs"):
        one.update_state(np.zeros((3, 4)), np.zeros((3, 4)))


def counts(t, y, threshold, w):
    chosen, positive = y > threshold, t == 1
    return w @ (chosen & positive), w @ (chosen & ~positive), w @ positive, w @ ~positive


def curve_points(t, y, thresholds, w):
    edges = [-1e-7, *thresholds, 1 + 1e-7]
    return [counts(t, y, threshold, w) for threshold in edges]


@pytest.mark.parametrize(("method", "height"), [("interpolation", lambda a, b: (a + b) / 2), ("minoring", min), ("majoring", max)])
def test_roc_by_direct_counting(method, height):
    t, y, w = RNG.integers(0, 2, N), RNG.random(N).round(1), RNG.random(N)
    thresholds = [0.2, 0.35, 0.5, 0.8]
    points = [(fp / n, tp / p) for tp, fp, p, n in curve_points(t, y, thresholds, w)]
    area = sum((a[0] - b[0]) * height(a[1], b[1]) for a, b in itertools.pairwise(points))
    assert metrics.AUC(summation_method=method, thresholds=thresholds)(t, y, w) == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize(("method", "height"), [("minoring", min), ("majoring", max)])
def test_precision_recall_by_direct_counting(method, height):
    t, y, w = RNG.integers(0, 2, N), RNG.random(N), RNG.random(N)
    thresholds = [0.2, 0.35, 0.5, 0.8]
    points = [(tp / p, tp / (tp + fp) if tp + fp else 0) for tp, fp, p, _ in curve_points(t, y, thresholds, w)]
    area = sum((a[0] - b[0]) * height(a[1], b[1]) for a, b in itertools.pairwise(points))
    assert metrics.AUC(curve="PR", summation_method=method, thresholds=thresholds)(t, y, w) == pytest.approx(area, rel=1e-12)


def test_precision_recall_interpolation_integrates_the_curve():
    """Between two thresholds both counts move linearly; integrate precision over recall by fine steps."""
    t, y = RNG.integers(0, 2, N), RNG.random(N)
    thresholds = [0.2, 0.35, 0.5, 0.8]
    points, area = curve_points(t, y, thresholds, np.ones(N)), 0.0
    for (tp_1, fp_1, p, _), (tp_0, fp_0, _, _) in itertools.pairwise(points):
        s = (np.arange(20000) + 0.5) / 20000
        tp, fp = tp_0 + s * (tp_1 - tp_0), fp_0 + s * (fp_1 - fp_0)
        area += np.mean(tp / (tp + fp)) * (tp_1 - tp_0) / p
    assert metrics.AUC(curve="PR", thresholds=thresholds)(t, y) == pytest.approx(area, rel=1e-6)


@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_auc_of_perfect_predictions(curve):
    assert metrics.AUC(curve=curve)([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == pytest.approx(1)


def test_auc_example():
    """Four samples, three thresholds: tp 2 1 0, fp 2 0 0."""
    assert metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == pytest.approx(0.75)


def test_auc_from_logits():
    t, logits = RNG.integers(0, 2, N), RNG.normal(size=N) * 3
    assert metrics.AUC(from_logits=True)(t, logits) == pytest.approx(metrics.AUC()(t, 1 / (1 + np.exp(-logits))))
    assert metrics.AUC(from_logits=True)([0, 1], [-1e4, 1e4]) == 1


def test_auc_of_nan_is_nan():
    for curve in ("ROC", "PR"):
        assert math.isnan(metrics.AUC(curve=curve)([0, 1, 1], [0.2, math.nan, 0.7]))


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [
        ({"num_thresholds": 1}, "num_thresholds"),
        ({"curve": "roc"}, "ROC"),
        ({"summation_method": "sum"}, "minoring"),
        ({"thresholds": [0.2, 1.5]}, "thresholds"),
    ],
)
def test_auc_bad_arguments(kwargs, word):
    with pytest.raises(ValueError, match=word):
        metrics.AUC(**kwargs)


def test_auc_bad_data():
    with pytest.raises(ValueError, match="only 0 and 1, got -1"):
        metrics.AUC()([0, -1], [0.1, 0.2])
    with pytest.raises(ValueError, match="from_logits"):
        metrics.AUC()([0, 1], [0.1, 1.2])


NAMED_OTHERWISE = {"FBetaScore": "fbeta_score", "LogCoshError": "logcosh", "MeanLoss": "mean_absolute_error"}
"""Metrics whose own name isn't that of their class in snake case."""


@pytest.mark.parametrize("name", catalogue.members)
def test_names_and_config(name):
    made = make(name)
    assert made.name == NAMED_OTHERWISE.get(name, snake_case(name))
    assert getattr(metrics, name) is type(made) is catalogue.find(snake_case(name)) and name in metrics.__all__
    again = metrics.get(json.loads(json.dumps({"class_name": name, "config": made.get_config()})))
    assert type(again) is type(made) and again.get_config() == made.get_config()
    assert make(name, name="mine").name == "mine"
    with pytest.raises(TypeError, match="name"):
        make(name, name=3)


@pytest.mark.parametrize("name", STREAMED)
def test_copies_go_on_by_themselves(name):
    one, (t, y) = make(name), sample(name)
    one.update_state(t[:20], y[:20])
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other(t[20:], y[20:]) == pytest.approx(make(name)(t, y), rel=1e-12)
    np.testing.assert_array_equal(one.result(), make(name)(t[:20], y[:20]))


@pytest.mark.parametrize("alias", losses.losses.names())
def test_losses_are_metrics_by_each_of_their_names(alias):
    made = metrics.get(alias)
    assert made.name == alias and type(made.loss) is losses.losses.find(alias)


@pytest.mark.parametrize("name", OF_BATCHES)
def test_a_loss_of_a_batch_counts_for_each_of_its_samples(name):
    t, y = sample(name)
    w, one = RNG.random(N), make(name)
    one.update_state(t[:20], y[:20], w[:20])
    one.update_state(t[20:], y[20:], w[20:])
    first, second = make(name)(t[:20], y[:20]), make(name)(t[20:], y[20:])
    assert one.result() == pytest.approx(np.average([first, second], weights=[w[:20].sum(), w[20:].sum()]))


def test_configured_auc_round_trip():
    t, y = sample("AUC")
    one = metrics.AUC(curve="PR", thresholds=[0.3, 0.6], from_logits=True)
    again = metrics.AUC.from_config(json.loads(json.dumps(one.get_config())))
    assert again(t, y) == one(t, y)


def test_r2_name():
    assert metrics.R2Score().name == "r2_score"


@pytest.mark.parametrize(
    ("identifier", "kind", "name"),
    [
        ("mse", metrics.MeanSquaredError, "mse"),
        ("MAE", metrics.MeanAbsoluteError, "MAE"),
        ("acc", metrics.Accuracy, "acc"),
        ("accuracy", metrics.Accuracy, "accuracy"),
        ("AUC", metrics.AUC, "AUC"),
        (metrics.R2Score, metrics.R2Score, "r2_score"),
    ],
)
def test_get(identifier, kind, name):
    made = metrics.get(identifier)
    assert type(made) is kind and made.name == name


def test_get_returns_instances_as_they_are():
    one = metrics.AUC(name="area")
    assert metrics.get(one) is one


def test_get_refuses():
    with pytest.raises(ValueError, match="mean_squared_error"):
        metrics.get("mean_squard_error")
    with pytest.raises(TypeError, match="metric"):
        metrics.get(3)


def test_function_of_one_value_a_sample():
    def worst(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=1)

    t, y = sample("MeanSquaredError")
    w = RNG.random(N)
    one = metrics.get(worst)
    one.update_state(t[:10], y[:10], w[:10])
    one.update_state(t[10:], y[10:], w[10:])
    assert one.name == "worst"
    assert one.result() == pytest.approx(np.average(worst(t, y), weights=w))


def test_function_of_one_number_counts_for_the_batch():
    one = metrics.get(lambda y_true, y_pred: np.mean(y_pred))
    one.update_state(np.zeros(3), np.ones(3))
    one.update_state(np.zeros(1), np.full(1, 5.0))
    assert one.result() == 2


def test_function_of_wrong_shape():
    def odd(y_true, y_pred):
        return np.zeros(2)

    with pytest.raises(ValueError, match="odd"):
        metrics.get(odd)(np.zeros(3), np.zeros(3))
    with pytest.raises(TypeError, match="fn"):
        metrics.MeanMetricWrapper(3)


@pytest.mark.parametrize(
    ("t", "y", "kind"),
    [
        ((8, 1), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 3), metrics.SparseCategoricalAccuracy),
        ((8, 1), (8, 3), metrics.SparseCategoricalAccuracy),
        ((8, 3), (8, 3), metrics.CategoricalAccuracy),
    ],
)
@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
def test_resolve(t, y, kind, name):
    made = metrics.resolve(name, t, y)
    assert type(made) is kind and made.name == name


def test_resolve_leaves_others():
    assert metrics.resolve("mse", (8, 1), (8, 1)).name == "mse"
    one = metrics.Accuracy()
    assert metrics.resolve(one, (8, 1), (8, 1)) is one
    assert type(metrics.resolve("binary_accuracy", (8, 3), (8, 3))) is metrics.BinaryAccuracy


@pytest.mark.parametrize("name", [name for name in JUDGES if case(name).best])
def test_direction_tells_better_from_worse(name):
    t, y = sample(name)
    good, bad = make(name)(t, case(name).best(t)), make(name)(t, np.random.default_rng(0).permutation(y))
    assert good > bad if catalogue.members[name].direction == "max" else good < bad


# ------------------------------------------------------------------------------- inside a compiled program

OPS = [op for op in registry.values() if op.__module__.startswith("fastnn.metrics")]


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    with backend.use(request.param):
        yield request.param


class Recorded:
    """Stands in for a program: keeps what is measured, and runs it on the first samples of a batch."""

    def __init__(self):
        self.calls = []

    def measure(self, op, *arguments):
        self.calls.append((op, arguments))

    def run(self, samples):
        for op, arguments in self.calls:
            cut = [isinstance(a, Argument) and a.shape[0] == "n" for a in op.arguments]
            op(*(v[:samples] if c else v for v, c in zip(arguments, cut, strict=True)))


def as_lowered(name, dtype="float32"):
    """A sample in the forms that a program's buffers have."""
    t, y = sample(name)
    return t if t.ndim == 1 else t.astype(dtype), y.astype(dtype)


def rounding(name, dtype):
    """How far a program may be from update_state: means of losses are computed in the program's dtype."""
    return 3e-6 if dtype == "float32" and isinstance(make(name), metrics.MeanLoss) else 1e-12


def lowered(one, t, y, w, batch):
    """A program of `one` for batches of that size, and a function that runs a batch in it."""
    program = Recorded()
    buffers = [None if a is None else np.zeros((batch, *a.shape[1:]), a.dtype) for a in (t, y, w)]
    assert one.lower(program, *buffers)

    def run(rows):
        for buffer, a in zip(buffers, (t, y, w), strict=True):
            if a is not None:
                buffer[: rows.stop - rows.start] = a[rows]
        program.run(rows.stop - rows.start)

    return run


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", JUDGES)
def test_ops_do_what_update_state_does(name, dtype, weighted, each_backend):
    t, y = as_lowered(name, dtype)
    w = RNG.random(N).astype(dtype) if weighted else None
    one, other = make(name), make(name)
    run = lowered(one, t, y, w, 25)
    for _ in range(2):
        for rows in (slice(0, 25), slice(25, 50), slice(50, 50), slice(50, N)):
            run(rows)
            other.update_state(t[rows], y[rows], None if w is None else w[rows])
            assert one.result() == pytest.approx(other.result(), rel=rounding(name, dtype), nan_ok=True)
        for each in (one, other):  # the program stays bound to the state
            each.reset_state()


def test_ops_take_the_constructor_s_arguments(each_backend):
    t, y = as_lowered("BinaryAccuracy")
    for one in (
        metrics.BinaryAccuracy(threshold=0.2),
        metrics.AUC(7, "PR", "majoring"),
        metrics.AUC(thresholds=[0.9, 0.1], from_logits=True),
        metrics.R2Score(None, 2),
    ):
        other = type(one).from_config(one.get_config())
        lowered(one, t, y, None, N)(slice(0, N))
        other.update_state(t, y)
        np.testing.assert_allclose(one.result(), other.result(), rtol=1e-12)


@pytest.mark.parametrize("name", JUDGES)
def test_a_metric_names_its_ops(name):
    program, one = Recorded(), make(name)
    t, y = as_lowered(name)
    assert one.lower(program, t, y, None)
    chosen = [one.loss.op] if isinstance(one, metrics.MeanLoss) else []
    assert {op.name for op, _ in program.calls} <= {op.name for op in (*one.ops, *chosen)}


@pytest.mark.parametrize("name", JUDGES)
def test_targets_of_another_form_are_left_to_update_state(name):
    """What `update_state` refuses isn't lowered, what it takes is."""
    one, y = make(name), np.full((5, 3), 0.25)
    for t in (np.zeros(5, np.int64), np.zeros((5, 3)), np.zeros((5, 2))):
        try:
            make(name).update_state(t, y)
        except ValueError:
            assert not one.lower(Recorded(), t, y, None)
        else:
            assert one.lower(Recorded(), t, y, None)


def test_python_functions_and_own_update_states_are_not_lowered():
    class Halved(metrics.BinaryAccuracy):
        def update_state(self, y_true, y_pred, sample_weight=None):
            self.add(np.zeros(len(y_pred)), sample_weight)

    class Renamed(metrics.BinaryAccuracy):
        pass

    t, y = as_lowered("BinaryAccuracy")
    assert not metrics.get(lambda y_true, y_pred: 0.0).lower(Recorded(), t, y, None)
    assert not Halved().lower(Recorded(), t, y, None)
    assert Renamed().lower(Recorded(), t, y, None)


def test_lowered_auc_says_in_the_result_what_update_state_refuses(each_backend):
    for t, y, words in (([[0], [2]], [[0.5], [0.5]], "1 targets and 0 predictions"), ([[0], [1]], [[1.5], [-0.1]], "0 targets and 2")):
        one = metrics.AUC()
        lowered(one, np.float64(t), np.float64(y), None, 2)(slice(0, 2))
        with pytest.raises(ValueError, match=words):
            one.result()
        one.reset_state()
        assert one.result() == 0


def test_infinite_logits():
    assert metrics.AUC(from_logits=True)([0, 1, 0, 1], [-math.inf, math.inf, -5, 5]) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [1, 2, 3, 15, 16, 40, 64, 287, 288, 300])
def test_the_largest_output_is_numpy_s_argmax(m, dtype, each_backend):
    """Of equals the first, and the first NaN before all numbers."""
    rng = np.random.default_rng(m)
    y, t = (rng.integers(0, 4, (400, m)).astype(dtype) for _ in range(2))
    for a in (y, t):
        a[100:300][rng.random((200, m)) < 2 / m] = np.nan
        a[200:][rng.random((200, m)) < 1 / m] = np.inf
        a[300:][rng.random((100, m)) < 0.5] = -np.inf
    value = np.zeros(400)
    registry["categorical_accuracy"](y, t, value)
    np.testing.assert_array_equal(value, y.argmax(1) == t.argmax(1))
    labels = np.where(rng.random(400) < 0.7, y.argmax(1), rng.integers(-1, m + 1, 400))
    registry["sparse_categorical_accuracy"](y, labels, value)
    np.testing.assert_array_equal(value, y.argmax(1) == labels)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_reductions_of_a_batch_have_the_same_bits_each_time(op, each_backend):
    """Wherever the arrays lie in memory."""
    drawn, results = samples.arguments(op, {"n": N, "m": 5, "k": 20}, "float32", np.random.default_rng(0)), []
    for shift in range(3):
        arguments = [v if isinstance(v, float) else np.zeros(v.size + shift, v.dtype)[shift:].reshape(v.shape) for v in drawn]
        for a, v in zip(arguments, drawn, strict=True):
            if not isinstance(v, float):
                a[...] = v
        op(*arguments)
        results.append([v.tobytes() for a, v in zip(op.arguments, arguments, strict=True) if isinstance(a, Argument) and a.written])
    assert results[0] == results[1] == results[2]


class Hits(metrics.Metric):
    """State made by add_weight behind super().__init__(), as in Keras."""

    def __init__(self, name="hits", **options):
        super().__init__(name=name, **options)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_variable(shape=(), initializer="zeros", dtype="float32", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(np.sum(np.abs(y_true - y_pred) < 0.5))
        self.seen.assign_add(len(y_true))

    def result(self):
        return self.hits / self.seen


class HitsReset(Hits):
    def reset_state(self):
        self.hits.assign(0.0)
        self.seen.assign(0)


@pytest.mark.parametrize("kind", [Hits, HitsReset])
def test_state_by_add_weight_as_in_keras(kind):
    metric = kind()
    assert [float(v) for v in metric.variables] == [0, 0]
    assert metric(np.array([1, 2]), np.array([1, 3])) == 0.5
    again = copy.deepcopy(metric)
    metric.reset_state()
    assert float(metric.hits) == 0 and float(again.seen) == 2
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[kind()])
    x = np.random.default_rng(0).normal(size=(50, 2))
    assert 0 <= model.fit(x, x[:, :1], epochs=2, verbose=0).history["hits"][-1] <= 1
