"""What is particular of metrics that count right and wrong classes: options, extremes, what they refuse."""

import math

import numpy as np
import pytest
from helpers import BACKENDS, model_of

import fastnn
from fastnn import backend, layers, losses, metrics
from fastnn.backend import registry

RNG = np.random.default_rng(7)
T, Y = RNG.integers(0, 2, (40, 3)), RNG.random((40, 3))


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    with backend.use(request.param):
        yield request.param


def evaluated(metric, t, y, loss="mse", **more):
    """What a model's program makes of the metric, when the model hands on its inputs."""
    model = fastnn.Sequential([fastnn.Input(np.shape(y)[1:]), layers.Activation("linear")], dtype="float64")
    model.compile(loss=loss, metrics=[metric])
    result = model.evaluate(y, t, batch_size=7, verbose=0, **more)[1]
    assert not model._test_scores.in_python, "it was left to Python"
    return result


OPTIONS = [
    metrics.Precision(thresholds=[0.7, 0.2]),
    metrics.Precision(top_k=2),
    metrics.Recall(top_k=1, class_id=2),
    metrics.Recall(class_id=1, thresholds=0.4),
    metrics.TruePositives(thresholds=[0.9, 0.1, 0.5]),
    metrics.SensitivityAtSpecificity(0.4, class_id=0),
    metrics.AUC(multi_label=True),
    metrics.AUC(label_weights=[1.0, 0.0, 2.0]),
    metrics.AUC(curve="PRGAIN", multi_label=True, label_weights=[1.0, 0.5, 2.0]),
    metrics.F1Score(threshold=0.4),
    metrics.F1Score(average="micro"),
    metrics.FBetaScore("weighted", 0.5, 0.3),
    metrics.BinaryIoU([1], 0.3),
    metrics.MeanIoU(2),
    metrics.OneHotIoU(3, [0, 2], ignore_class=1),
    metrics.TopKCategoricalAccuracy(2),
    metrics.MeanLoss(losses.Huber(0.1)),
]


@pytest.mark.parametrize("metric", OPTIONS, ids=repr)
def test_options_in_a_program(metric, each_backend):
    alone = type(metric).from_config(metric.get_config())
    np.testing.assert_allclose(evaluated(metric, T, Y), alone(T, Y), rtol=1e-12)


LABELS = RNG.integers(0, 3, 40)
SPARSE = [
    metrics.ConfusionMatrix(normalize="true"),
    metrics.BalancedAccuracy(adjusted=True),
    metrics.CohenKappa("quadratic"),
    metrics.MatthewsCorrelation(),
    metrics.MeanIoU(3, sparse_y_pred=False),
    metrics.SparseTopKCategoricalAccuracy(2),
]


@pytest.mark.parametrize("metric", SPARSE, ids=repr)
def test_labels_in_a_program(metric, each_backend):
    alone = type(metric).from_config(metric.get_config())
    np.testing.assert_allclose(evaluated(metric, LABELS, Y, losses.SparseCategoricalCrossentropy(True)), alone(LABELS, Y), rtol=1e-12)


@pytest.mark.parametrize("metric", [m for m in SPARSE if isinstance(m, metrics.ConfusionMatrix)], ids=repr)
def test_one_hot_targets_mean_the_same_as_labels(metric, each_backend):
    alone, again = (type(metric).from_config(metric.get_config()) for _ in range(2))
    expected = alone(LABELS, Y)
    np.testing.assert_array_equal(again(np.eye(3)[LABELS], Y), expected)
    np.testing.assert_allclose(evaluated(metric, np.eye(3)[LABELS], Y, losses.CategoricalCrossentropy(True)), expected, rtol=1e-12)


def test_a_single_output_is_two_classes(each_backend):
    t, y = T[:, :1], Y[:, :1]
    expected = [[np.sum((t == a) & ((y > 0.3) == b)) for b in (0, 1)] for a in (0, 1)]
    np.testing.assert_array_equal(metrics.ConfusionMatrix(0.3)(t, y), expected)
    np.testing.assert_array_equal(metrics.ConfusionMatrix(0.3)(t[:, 0], y[:, 0]), expected)
    np.testing.assert_array_equal(evaluated(metrics.ConfusionMatrix(0.3), t, y), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_prediction_at_the_threshold_does_not_pass(dtype):
    """Thresholds are rounded to the predictions' dtype, as 0.3 lies above the nearest float32."""
    t, y = np.array([[1], [1]]), np.array([[0.3], [0.31]], dtype)
    assert metrics.TruePositives(0.3)(t, y) == metrics.ConfusionMatrix(0.3)(t, y)[1, 1] == 1
    assert metrics.BinaryIoU([1], 0.3)(t, y) == 1, "BinaryIoU's threshold is the least that passes, as in Keras"


def test_several_thresholds_keep_their_order():
    values = metrics.Recall([0.9, 0.1, 0.5, 0.1])(T, Y)
    np.testing.assert_array_equal(values, [metrics.Recall(threshold)(T, Y) for threshold in (0.9, 0.1, 0.5, 0.1)])


def test_of_equal_predictions_the_first_are_the_largest(each_backend):
    y = np.array([[1.0, 1, 1, 0], [0, 2, 1, 1], [3, 3, 3, 3]])
    assert metrics.Precision(top_k=2)([[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0]], y) == 1
    assert metrics.SparseTopKCategoricalAccuracy(2)([2, 3, 3], y) == 1, "there all equals count, as in Keras"


def test_keep_top_k_is_a_stable_sort(each_backend):
    for m in (1, 3, 16, 40):
        y = RNG.integers(0, 5, (300, m)).astype("float32")
        y[200:][RNG.random((100, m)) < 0.3] = np.nan
        y[250:][RNG.random((50, m)) < 0.3] = -np.inf
        y[280:][RNG.random((20, m)) < 0.3] = np.inf
        for k in (1, 2, m, m + 3):
            kept = np.zeros_like(y)
            registry["keep_top_k"](y, kept, float(k))
            for row, got in zip(y, kept, strict=True):
                order = sorted((i for i in range(m) if not np.isnan(row[i])), key=lambda i: (-row[i], i))[:k]
                np.testing.assert_array_equal(got, [v if i in order or np.isnan(v) else -np.inf for i, v in enumerate(row)])


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_top_k_counts_what_lies_above(k, each_backend):
    y = RNG.integers(0, 4, (200, 5)).astype("float64")
    y[150:][RNG.random((50, 5)) < 0.2] = np.nan
    labels, value = RNG.integers(-1, 6, 200), np.zeros(200)
    registry["sparse_top_k_categorical_accuracy"](y, labels, value, float(k))
    known = (labels >= 0) & (labels < 5)
    expected = [
        bool(a) and not np.isnan(row[c]) and sum(not v <= row[c] for v in row) < k for a, c, row in zip(known, labels, y, strict=True)
    ]
    np.testing.assert_array_equal(value, expected)


def test_sorted_classes():
    one = metrics.SparseTopKCategoricalAccuracy(k=1, from_sorted_ids=True)
    assert one([2, 1], [[1, 0, 3], [1, 2, 3]]) == 0.5
    assert metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True)([0, 3], [[1, 0, 3], [1, 2, 3]]) == 0.5


def test_values_without_meaning_are_zero():
    zeros, ones = np.zeros((4, 1)), np.ones((4, 1))
    assert metrics.Precision()(ones, zeros) == metrics.Recall()(zeros, ones) == 0
    assert metrics.F1Score(average="macro")(zeros, zeros) == 0
    assert metrics.MatthewsCorrelation()(zeros, zeros) == metrics.CohenKappa()([0, 1], [1.0, 0.0]) + 1 == 0
    assert metrics.BinaryIoU([1])(zeros, zeros) == 0
    assert metrics.AUC()(zeros, zeros) == metrics.AUC(curve="PR")(zeros, zeros) == 0


def test_nan_shows():
    y = np.where(np.arange(120).reshape(40, 3) == 5, np.nan, Y)
    for one in (metrics.Precision(), metrics.Recall(0.2), metrics.SensitivityAtSpecificity(0.3), metrics.Precision(top_k=2)):
        assert math.isnan(one(T, y)), repr(one)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: metrics.Precision(1.5), "thresholds"),
        (lambda: metrics.Recall([0.1, -0.1]), "thresholds"),
        (lambda: metrics.Recall([]), "thresholds"),
        (lambda: metrics.Precision(top_k=0), "top_k"),
        (lambda: metrics.Precision(class_id=-1), "class_id"),
        (lambda: metrics.Precision(class_id=3)(T, Y), r"\[0, 2\] for 3 outputs"),
        (lambda: metrics.SensitivityAtSpecificity(1.1), r"\[0, 1\]"),
        (lambda: metrics.PrecisionAtRecall(0.1, num_thresholds=0), "num_thresholds"),
        (lambda: metrics.PrecisionAtRecall(0.1)(T, Y + 1), "sigmoid"),
        (lambda: metrics.Precision()(T - 1, Y), "only 0 and 1, got -1"),
        (lambda: metrics.FBetaScore("mean"), "average"),
        (lambda: metrics.FBetaScore(beta=0.0), "beta"),
        (lambda: metrics.F1Score(threshold=0.0), "threshold"),
        (lambda: metrics.IoU(2, [2]), "target_class_ids"),
        (lambda: metrics.MeanIoU(2, axis=1), "axis"),
        (lambda: metrics.OneHotIoU(4, [0])(T, Y), "4 columns"),
        (lambda: metrics.ConfusionMatrix(normalize="rows"), "normalize"),
        (lambda: metrics.CohenKappa("cubic"), "weights"),
        (lambda: metrics.ConfusionMatrix()(LABELS + 1, Y), r"\[0, 2\] for 3 outputs"),
        (lambda: metrics.TopKCategoricalAccuracy(0), "k must be"),
        (lambda: metrics.AUC(num_labels=3), "multi_label"),
        (lambda: metrics.AUC(multi_label=True, num_labels=2)(T, Y), "num_labels is for 2 outputs"),
        (lambda: metrics.AUC(label_weights=[1.0, 2.0])(T, Y), "label_weights is for 2 outputs"),
    ],
)
def test_what_is_refused(make, word):
    with pytest.raises(ValueError, match=word):
        make()


@pytest.mark.parametrize("make", [metrics.F1Score, lambda: metrics.AUC(multi_label=True), metrics.ConfusionMatrix])
def test_batches_of_other_widths_are_refused(make):
    one = make()
    one.update_state(T[:, :2], Y[:, :2]) if not isinstance(one, metrics.ConfusionMatrix) else one.update_state([0, 1], Y[:2, :2])
    before = np.array(one.result())
    with pytest.raises(ValueError, match="this one has 3"):
        one.update_state(T if not isinstance(one, metrics.ConfusionMatrix) else LABELS, Y)
    np.testing.assert_array_equal(one.result(), before)


def test_targets_that_are_not_0_or_1_are_refused_before_training():
    """Also when a first training of the same shapes went well."""
    model = model_of(lambda: layers.Dense(1, activation="sigmoid"), optimizer="sgd", loss="mse", metrics=["auc"])
    x, good = RNG.normal(size=(30, 4)), np.zeros((30, 1))
    good[::2] = 1
    bad = np.where(np.arange(30)[:, None] == 20, 2.0, good)
    for y in (bad, good, bad):
        before = model.get_weights()
        if y is good:
            model.fit(x, y, verbose=0)
            continue
        with pytest.raises(ValueError, match=r"only 0 and 1, got 2\.0"):
            model.fit(x, y, verbose=0)
        with pytest.raises(ValueError, match=r"only 0 and 1, got 2\.0"):
            model.evaluate(x, y, verbose=0)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
@pytest.mark.parametrize(
    ("t", "y", "kind"),
    [
        ((8, 1), (8, 1), metrics.BinaryCrossentropy),
        ((8,), (8, 3), metrics.SparseCategoricalCrossentropy),
        ((8, 3), (8, 3), metrics.CategoricalCrossentropy),
    ],
)
def test_crossentropy_by_shapes(name, t, y, kind):
    made = metrics.resolve(name, t, y)
    assert type(made) is kind and made.name == name == metrics.get(name).name


def test_losses_as_metrics():
    for given in (losses.Huber(0.5), losses.mean_absolute_error, metrics.MeanLoss("mae"), metrics.Huber(delta=0.5)):
        made = metrics.get(given)
        assert isinstance(made, metrics.MeanLoss) and made.direction == "min"
    assert metrics.Huber(delta=0.5)(T, Y) == pytest.approx(np.mean(losses.huber(T, Y, 0.5)))
    with pytest.raises(TypeError, match="reduction"):
        metrics.Huber(reduction="sum")


def test_a_label_to_ignore_does_not_count(each_backend):
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    kept = LABELS != 0
    expected = metrics.SparseCategoricalCrossentropy(from_logits=True)(LABELS[kept], Y[kept])
    assert metrics.MeanLoss(loss)(LABELS, Y) == pytest.approx(expected)
    assert evaluated(metrics.MeanLoss(loss), LABELS, Y, loss) == pytest.approx(expected)


@pytest.mark.parametrize("where", ["evaluate", "fit"])
def test_a_metric_that_evaluates_its_model_gets_an_error_instead_of_a_recursion(where, each_backend):
    def own_loss(y_true, y_pred):
        return model.evaluate(T, T, verbose=0)[0]

    model = model_of(lambda: layers.Dense(3), features=(3,), optimizer="sgd", loss="mse", metrics=[own_loss])
    with pytest.raises(RuntimeError, match=r"own_loss.* evaluates or trains the model"):
        getattr(model, where)(T, T, verbose=0)


def test_keywords_of_a_function():
    def within(y_true, y_pred, distance=1.0):
        return np.abs(y_true - y_pred).max(axis=1) < distance

    assert metrics.MeanMetricWrapper(within, distance=0.5)(T, Y) == np.mean(np.abs(T - Y).max(axis=1) < 0.5)


def test_sum():
    one = metrics.Sum()
    assert one([1, 3, 5, 7], [1, 1, 0, 0]) == 4
    assert one([[1, 2], [3, 4]]) == 14
    one.reset_state()
    assert one(5) == 5
