"""Metrics against Keras and scikit-learn: in two batches, with and without sample weights, with every option."""

import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")
sklearn_metrics = pytest.importorskip("sklearn.metrics")
sys.path.insert(0, str(Path(__file__).parents[1]))
from metric_cases import JUDGES, case, make, one_hot, several, sparse  # noqa: E402

from fastnn import metrics  # noqa: E402
from fastnn.metrics.metric import metrics as catalogue  # noqa: E402

N = 40
SINGLE, DIVIDED = 1e-7, 5e-6
"""Keras sums in the dtype asked for, but its means over outputs, and most of what results divide, are in single precision; F-beta and IoU
have 1e-7 in their denominators. scikit-learn is held to 1e-12."""
ONE_CLASS = {"draw": several, "class_id": 1}
AREAS = [{"curve": c, "summation_method": s} for c in ("ROC", "PR", "PRGAIN") for s in ("interpolation", "minoring", "majoring")]
RETRIEVAL = [
    {"thresholds": [0.7, 0.1]},
    {"top_k": 2},
    {"top_k": 1, "thresholds": 0.6},
    {"class_id": 2},
    {"top_k": 2, "class_id": 0, "thresholds": [0.3, 0.5]},
]
OPTIONS = {
    "BinaryAccuracy": [{"threshold": 0.3}],
    **{f"{a}{b}": [{"thresholds": [0.2, 0.9, 0.7]}] for a in ("True", "False") for b in ("Positives", "Negatives")},
    "Precision": RETRIEVAL,
    "Recall": RETRIEVAL,
    "SensitivityAtSpecificity": [ONE_CLASS, {"num_thresholds": 7}, {"num_thresholds": 1}],
    "SpecificityAtSensitivity": [ONE_CLASS, {"num_thresholds": 7}, {"num_thresholds": 1}],
    "PrecisionAtRecall": [ONE_CLASS, {"num_thresholds": 7}],
    "RecallAtPrecision": [ONE_CLASS, {"num_thresholds": 7}],
    "AUC": [
        *AREAS,
        {"num_thresholds": 5},
        {"thresholds": [0.9, 0.2, 0.25]},
        {"from_logits": True},
        {"draw": several},
        {"draw": several, "label_weights": [0.2, 1.0, 3.0]},
        *({"draw": several, "multi_label": True, **areas} for areas in AREAS),
        {"draw": several, "multi_label": True, "num_labels": 3, "label_weights": [0.2, 1.0, 3.0]},
    ],
    "F1Score": [{"average": a, "threshold": t} for a in (None, "micro", "macro", "weighted") for t in (None, 0.4)],
    "FBetaScore": [{"average": a, "beta": b} for a in (None, "micro", "macro", "weighted") for b in (0.5, 2.0)],
    "IoU": [{"ignore_class": 0}],
    "MeanIoU": [{"ignore_class": 1}, {"draw": sparse, "num_classes": 4, "sparse_y_pred": False}],
    "BinaryIoU": [{"target_class_ids": [1], "threshold": 0.3}],
    "OneHotIoU": [{"ignore_class": 1}],
    "OneHotMeanIoU": [{"ignore_class": 3}],
    "R2Score": [{"class_aggregation": None}, {"class_aggregation": "variance_weighted_average"}],
    "BinaryCrossentropy": [{"from_logits": True, "label_smoothing": 0.2}],
    "CategoricalCrossentropy": [{"from_logits": True, "label_smoothing": 0.2}],
    "SparseCategoricalCrossentropy": [{"from_logits": True}],
}
IN_KERAS = [name for name in JUDGES if hasattr(keras.metrics, name)]


@pytest.fixture(autouse=True)
def double_precision():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def batches(draw, weighted):
    """Two batches of targets, predictions in double precision, and weights or None."""
    rng = np.random.default_rng(3)
    t, y = draw(rng, N)
    y = y if y.dtype.kind == "i" else y.astype(np.float64)
    w = rng.uniform(0.5, 2.0, N) if weighted else None
    for rows in (slice(0, 25), slice(25, N)):
        yield t[rows], y[rows], None if w is None else w[rows]


def whole(parts):
    return [None if a[0] is None else np.concatenate(a) for a in zip(*parts, strict=True)]


def test_every_metric_has_a_peer():
    assert set(catalogue.members) == {*IN_KERAS, *SKLEARN, *OF_LOSSES, "Mean", "Sum"}


def variants():
    """Each of Keras' metrics with its case's arguments, then with each of its options."""
    for name in IN_KERAS:
        for chosen in ({}, *OPTIONS.get(name, [])):
            for weighted in (False, True):
                yield pytest.param(name, chosen, weighted, id=f"{name}-{chosen}-{weighted}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy, for what Keras does with torch
@pytest.mark.parametrize(("name", "chosen", "weighted"), list(variants()))
def test_keras(agree, name, chosen, weighted):
    options = {**case(name).arguments, **{k: v for k, v in chosen.items() if k != "draw"}}
    draw = chosen.get("draw", several if {"top_k", "class_id"} & chosen.keys() else case(name).draw)
    ours, theirs = catalogue.members[name](**options), getattr(keras.metrics, name)(**options, dtype="float64")
    for t, y, w in batches(draw, weighted):
        ours.update_state(t, y, w)
        theirs.update_state(t if "Sparse" in name or "IoU" in name else np.asarray(t, float), y, _repeated(name, t, w))
    if isinstance(theirs, keras.metrics.MeanMetricWrapper):
        total, count = (float(v) for v in theirs.variables)
        agree("metric", name, peer="keras", got=ours.result(), expected=total / count, tolerance=SINGLE)
    else:
        agree("metric", name, peer="keras", got=ours.result(), expected=keras.ops.convert_to_numpy(theirs.result()), tolerance=DIVIDED)


def _repeated(name, t, w):
    """A weight for each class number, where Keras wants that."""
    return w if w is None or "IoU" not in name or "OneHot" in name else np.broadcast_to(w.reshape(-1, *[1] * (t.ndim - 1)), t.shape)


@pytest.mark.parametrize("name", IN_KERAS)
def test_names_and_defaults_are_those_of_keras(name):
    ours, theirs = (inspect.signature(kind).parameters for kind in (catalogue.members[name], getattr(keras.metrics, name)))
    assert not {*theirs} - {*ours} - {"dtype", "ignore_class" if "Crossentropy" in name else "dtype", "axis"}, "a parameter is missing"
    shared = [p for p in theirs if p in ours and p != "name"]
    assert [p for p in ours if p in shared and ours[p].kind != ours[p].KEYWORD_ONLY] == [
        p for p in shared if ours[p].kind != ours[p].KEYWORD_ONLY
    ]
    for p in shared:
        assert ours[p].default == theirs[p].default, p
    assert make(name).name == getattr(keras.metrics, name)(**case(name).arguments).name.split("_1")[0] or theirs["name"].default is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy, for what Keras does with torch
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_metrics_without_predictions(agree, name, weighted):
    ours, theirs = catalogue.members[name](), getattr(keras.metrics, name)(dtype="float64")
    for t, _, w in batches(case("R2Score").draw, weighted):
        values = t if name == "Mean" else t[:, 0]
        ours.update_state(values, w)
        theirs.update_state(values, w)
    agree("metric", name, peer="keras", got=ours.result(), expected=keras.ops.convert_to_numpy(theirs.result()), tolerance=DIVIDED)


def by_torch(function, *, integer=False, columns=None):
    """A torch loss of each sample, the mean over its outputs."""

    def each(t, y):
        given = torch.tensor(y), torch.tensor(t) if integer else torch.tensor(t, dtype=torch.float64)
        value = function(*given) if columns is None else function(given[0][:, :columns], given[1], given[0][:, columns:].exp())
        return value.numpy().reshape(len(y), -1).mean(axis=1)

    return each


def by_keras(name):
    return lambda t, y: keras.ops.convert_to_numpy(getattr(keras.losses, name)(np.asarray(t, float), y))


FUNCTIONAL = torch.nn.functional
OF_LOSSES = {
    "BinaryFocalCrossentropy": by_keras("binary_focal_crossentropy"),
    "CategoricalFocalCrossentropy": by_keras("categorical_focal_crossentropy"),
    "Dice": by_keras("dice"),
    "Tversky": by_keras("tversky"),
    "Huber": by_keras("huber"),
    "SmoothL1": by_torch(lambda y, t: FUNCTIONAL.smooth_l1_loss(y, t, reduction="none")),
    "HalfSquaredError": by_torch(lambda y, t: FUNCTIONAL.mse_loss(y, t, reduction="none").sum(axis=-1) / 2),
    "HalfPoissonLoss": by_torch(lambda y, t: (torch.exp(y) - t * y + torch.xlogy(t, t) - t).sum(axis=-1)),
    "HalfBinomialLoss": by_torch(lambda y, t: FUNCTIONAL.binary_cross_entropy_with_logits(y, t, reduction="none").sum(axis=-1)),
    "HalfMultinomialLoss": by_torch(lambda y, t: FUNCTIONAL.cross_entropy(y, t, reduction="none"), integer=True),
    "MultiMargin": by_torch(lambda y, t: FUNCTIONAL.multi_margin_loss(y, t, reduction="none"), integer=True),
    "GaussianNLL": by_torch(lambda y, t, v: FUNCTIONAL.gaussian_nll_loss(y, t, v, reduction="none"), columns=3),
    "Quantile": lambda t, y: [sklearn_metrics.mean_pinball_loss(a, b) for a, b in zip(t, y, strict=True)],
    "MeanLoss": lambda t, y: [sklearn_metrics.mean_absolute_error(a, b) for a, b in zip(t, y, strict=True)],
}
"""Metrics that only exist as losses elsewhere: each sample's."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy, for what Keras does with torch
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OF_LOSSES)
def test_means_of_losses(agree, name, weighted):
    of, parts, ours = OF_LOSSES[name], list(batches(case(name).draw, weighted)), make(name)
    for t, y, w in parts:
        ours.update_state(t, y, w)
    values = np.concatenate([np.broadcast_to(of(t, y), len(y)) for t, y, _ in parts])
    peer = "keras" if hasattr(keras.losses, name) else "scikit-learn" if name in ("Quantile", "MeanLoss") else "torch"
    agree("metric", name, peer=peer, got=ours.result(), expected=np.average(values, weights=whole(parts)[2]), tolerance=SINGLE)


def labels_of(t, y):
    return t, y.argmax(axis=1)


SKLEARN = {
    "ConfusionMatrix": [
        ({"normalize": n}, sparse, lambda t, y, w, n=n: sklearn_metrics.confusion_matrix(*labels_of(t, y), sample_weight=w, normalize=n))
        for n in (None, "true", "pred", "all")
    ],
    "BalancedAccuracy": [
        (
            {"adjusted": a},
            sparse,
            lambda t, y, w, a=a: sklearn_metrics.balanced_accuracy_score(*labels_of(t, y), sample_weight=w, adjusted=a),
        )
        for a in (False, True)
    ],
    "MatthewsCorrelation": [
        ({}, sparse, lambda t, y, w: sklearn_metrics.matthews_corrcoef(*labels_of(t, y), sample_weight=w)),
        ({"threshold": 0.4}, case("AUC").draw, lambda t, y, w: sklearn_metrics.matthews_corrcoef(t, y > 0.4, sample_weight=w)),
    ],
    "CohenKappa": [
        ({"weights": k}, sparse, lambda t, y, w, k=k: sklearn_metrics.cohen_kappa_score(*labels_of(t, y), sample_weight=w, weights=k))
        for k in (None, "linear", "quadratic")
    ],
    "FBetaScore": [
        (
            {"average": a, "beta": b, "threshold": 0.4},
            several,
            lambda t, y, w, a=a, b=b: sklearn_metrics.fbeta_score(t, y > 0.4, beta=b, average=a, sample_weight=w),
        )
        for a in (None, "micro", "macro", "weighted")
        for b in (0.5, 1.0, 2.0)
    ],
    "F1Score": [
        ({"average": None}, one_hot, lambda t, y, w: sklearn_metrics.f1_score(t.argmax(1), y.argmax(1), average=None, sample_weight=w))
    ],
    "IoU": [
        (
            {"num_classes": 2, "target_class_ids": [1]},
            lambda rng, n: (rng.integers(0, 2, n), rng.integers(0, 2, n)),
            lambda t, y, w: sklearn_metrics.jaccard_score(t, y, sample_weight=w),
        )
    ],
    "R2Score": [
        (
            {"class_aggregation": a},
            case("R2Score").draw,
            lambda t, y, w, m=m: sklearn_metrics.r2_score(t, y, sample_weight=w, multioutput=m),
        )
        for a, m in ((None, "raw_values"), ("uniform_average", "uniform_average"), ("variance_weighted_average", "variance_weighted"))
    ],
    "Precision": [({}, case("AUC").draw, lambda t, y, w: sklearn_metrics.precision_score(t, y > 0.5, sample_weight=w))],
    "Recall": [({}, case("AUC").draw, lambda t, y, w: sklearn_metrics.recall_score(t, y > 0.5, sample_weight=w))],
    "SparseTopKCategoricalAccuracy": [
        ({"k": k}, sparse, lambda t, y, w, k=k: sklearn_metrics.top_k_accuracy_score(t, y, k=k, sample_weight=w)) for k in (1, 3)
    ],
    "AUC": [  # with a threshold at each prediction
        (
            {"thresholds": sorted(np.concatenate([y for _, y, _ in batches(case("AUC").draw, False)]).ravel().tolist())},
            case("AUC").draw,
            lambda t, y, w: sklearn_metrics.roc_auc_score(t, y, sample_weight=w),
        )
    ],
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SKLEARN)
def test_scikit_learn(agree, name, weighted):
    for options, draw, expected in SKLEARN[name]:
        parts, ours = list(batches(draw, weighted)), catalogue.members[name](**options)
        for t, y, w in parts:
            ours.update_state(t, y, w)
        agree("metric", name, peer="scikit-learn", got=ours.result(), expected=expected(*whole(parts)), tolerance=1e-12)


@pytest.mark.parametrize("shapes", [((8, 1), (8, 1)), ((8,), (8, 3)), ((8, 1), (8, 3)), ((8, 3), (8, 3))])
def test_what_accuracy_means(shapes):
    from keras.src.trainers.compile_utils import get_metric

    for name in ("accuracy", "acc"):
        theirs = get_metric(name, *map(np.zeros, shapes))
        assert type(metrics.resolve(name, *shapes)).__name__ == type(theirs).__name__
