"""For each metric of the catalogue: how to make it, data that it takes, and its value straight from its definition."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn import samples
from fastnn.metrics.loss import OfLoss
from fastnn.metrics.metric import metrics as catalogue

CLASSES = 4


@dataclass
class Case:
    """What tests know of a metric.

    Attributes
    ----------
    draw : callable
        ``draw(rng, n)`` gives targets and predictions.
    truth : callable
        ``truth(t, y, w)`` is the value by definition, with a weight a sample.
    arguments : dict
        The constructor's.
    best : callable
        ``best(t)`` makes predictions that are as good as can be; None where nothing is better than anything.
    """

    draw: Callable[..., Any]
    truth: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    best: Callable[..., Any] | None = lambda t: t.astype(float)
    tolerance: float = 1e-12


def binary(rng, n):
    return rng.integers(0, 2, (n, 1)), rng.random((n, 1), "float32")


def several(rng, n):
    return rng.integers(0, 2, (n, 3)), rng.random((n, 3), "float32")


def one_hot(rng, n):
    labels, y = sparse(rng, n)
    return np.eye(CLASSES)[labels], y


def sparse(rng, n):
    e = rng.exponential(size=(n, CLASSES))
    return rng.integers(0, CLASSES, n), (e / e.sum(axis=1, keepdims=True)).astype("float32")


def numbers(rng, n):
    return rng.integers(0, 3, (n, 2)), rng.integers(0, 3, (n, 2))


def real(rng, n):
    t = rng.normal(size=(n, 3))
    return t, (t + 0.3 * rng.normal(size=(n, 3))).astype("float32")


def mean(of):
    """The weighted mean of ``of(t, y)``, one value a sample."""
    return lambda t, y, w: np.average(of(t, y), weights=w) if w.sum() else 0.0


def at(threshold, of):
    """What ``of`` makes of the weights of true and false positives, of false and true negatives at a threshold."""

    def truth(t, y, w):
        said, each = y > threshold, np.broadcast_to(w[:, None], y.shape)
        return of(*(each[(said == s) & (t == v)].sum() for s, v in ((True, 1), (True, 0), (False, 1), (False, 0))))

    return truth


def share(a, b):
    return a / b if b else 0.0


PRECISION, RECALL, SPECIFICITY = (
    lambda tp, fp, fn, tn: share(tp, tp + fp),
    lambda tp, fp, fn, tn: share(tp, tp + fn),
    lambda tp, fp, fn, tn: share(tn, tn + fp),
)


def best_where(reached, wanted, least):
    """The largest of ``wanted`` over 200 thresholds where ``reached`` is at least so much."""

    def truth(t, y, w):
        edges = np.float32(np.arange(200) / 199)
        pairs = [(at(e, reached)(t, y, w), at(e, wanted)(t, y, w)) for e in edges]
        return max([0.0, *(b for a, b in pairs if a >= least)])

    return truth


def f_beta(beta):
    """Of the largest output, an array of one score an output."""

    def truth(t, y, w):
        said = y == y.max(axis=1, keepdims=True)
        scores = []
        for j in range(y.shape[1]):
            p = share(w[said[:, j] & (t[:, j] == 1)].sum(), w[said[:, j]].sum())
            r = share(w[said[:, j] & (t[:, j] == 1)].sum(), w[t[:, j] == 1].sum())
            scores.append(share((1 + beta**2) * p * r, beta**2 * p + r))
        return np.array(scores)

    return truth


def matrix(t, y, w):
    """The confusion matrix of labels and classes, one at a time."""
    made = np.zeros((CLASSES, CLASSES))
    for i, (a, b) in enumerate(zip(t, y.argmax(axis=1), strict=True)):
        made[a, b] += w[i]
    return made


def matthews(t, y, w):
    """The correlation of one-hot coded classes: covariances summed over the classes."""
    a, b = np.eye(CLASSES)[t], np.eye(CLASSES)[y.argmax(axis=1)]
    a, b = a - w @ a / w.sum(), b - w @ b / w.sum()
    cov = [np.sum(w[:, None] * p * q) for p, q in ((a, b), (a, a), (b, b))]
    return cov[0] / np.sqrt(cov[1] * cov[2])


def balanced(t, y, w):
    right = y.argmax(axis=1) == t
    return np.mean([np.average(right[t == c], weights=w[t == c]) for c in range(CLASSES) if w[t == c].sum()])


def kappa(t, y, w):
    a, b = np.eye(CLASSES)[t], np.eye(CLASSES)[y.argmax(axis=1)]
    agreed, chance = np.average(np.sum(a * b, axis=1), weights=w), (w @ a / w.sum()) @ (w @ b / w.sum())
    return (agreed - chance) / (1 - chance)


def jaccard(classes, chosen):
    """The mean of intersection over union; `classes` makes class numbers of targets and predictions."""

    def truth(t, y, w):
        (a, b), values = classes(t, y), []
        each = np.broadcast_to(w.reshape(-1, *[1] * (a.ndim - 1)), a.shape)
        for c in chosen:
            union = each[(a == c) | (b == c)].sum()
            values += [each[(a == c) & (b == c)].sum() / union] if union else []
        return np.mean(values) if values else 0.0

    return truth


def r2(t, y, w):
    y, middle = y.astype(float), w @ t / w.sum()
    return np.mean(1 - w @ (t - y) ** 2 / (w @ (t - middle) ** 2))


def area(t, y, w):
    """The probability that a positive ranks above a negative."""
    p, q = (t == 1).ravel(), (t == 0).ravel()
    a, b = y.ravel()[p], y.ravel()[q]
    above = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    return (w[p] @ above @ w[q]) / (w[p].sum() * w[q].sum())


def ranked(t, y, k):
    """Whether the true class is among the first k, all sorted."""
    return np.array([c in np.argsort(-row, kind="stable")[:k] for c, row in zip(t, y, strict=True)])


SURE = lambda t: np.eye(CLASSES)[t]  # noqa: E731

CASES = {
    "Accuracy": Case(numbers, mean(lambda t, y: (t == y).mean(axis=1))),
    "BinaryAccuracy": Case(binary, mean(lambda t, y: (t == (y > 0.5)).mean(axis=1))),
    "CategoricalAccuracy": Case(one_hot, mean(lambda t, y: t.argmax(1) == y.argmax(1))),
    "SparseCategoricalAccuracy": Case(sparse, mean(lambda t, y: t == y.argmax(1)), best=SURE),
    "TopKCategoricalAccuracy": Case(one_hot, mean(lambda t, y: ranked(t.argmax(1), y, 2)), {"k": 2}),
    "SparseTopKCategoricalAccuracy": Case(sparse, mean(lambda t, y: ranked(t, y, 3)), {"k": 3}, best=SURE),
    "RootMeanSquaredError": Case(real, lambda t, y, w: np.sqrt(mean(lambda t, y: ((t - y.astype(float)) ** 2).mean(axis=1))(t, y, w))),
    "R2Score": Case(real, r2),
    "AUC": Case(binary, area, tolerance=0.03),  # 200 thresholds bin the ranks
    "TruePositives": Case(several, at(0.5, lambda tp, fp, fn, tn: tp)),
    "FalsePositives": Case(several, at(0.3, lambda tp, fp, fn, tn: fp), {"thresholds": 0.3}),
    "TrueNegatives": Case(several, at(0.5, lambda tp, fp, fn, tn: tn)),
    "FalseNegatives": Case(several, at(0.7, lambda tp, fp, fn, tn: fn), {"thresholds": [0.7]}),
    "Precision": Case(several, at(0.5, PRECISION)),
    "Recall": Case(several, at(0.2, RECALL), {"thresholds": 0.2}),
    "SensitivityAtSpecificity": Case(binary, best_where(SPECIFICITY, RECALL, 0.6), {"specificity": 0.6}),
    "SpecificityAtSensitivity": Case(binary, best_where(RECALL, SPECIFICITY, 0.7), {"sensitivity": 0.7}),
    "PrecisionAtRecall": Case(binary, best_where(RECALL, PRECISION, 0.4), {"recall": 0.4}),
    "RecallAtPrecision": Case(binary, best_where(PRECISION, RECALL, 0.75), {"precision": 0.75}),
    "F1Score": Case(one_hot, lambda t, y, w: f_beta(1)(t, y, w).mean(), {"average": "macro"}),
    "FBetaScore": Case(one_hot, lambda t, y, w: f_beta(2)(t, y, w).mean(), {"beta": 2.0, "average": "macro"}),
    "ConfusionMatrix": Case(sparse, matrix, best=None),
    "BalancedAccuracy": Case(sparse, balanced, best=SURE),
    "MatthewsCorrelation": Case(sparse, matthews, best=SURE),
    "CohenKappa": Case(sparse, kappa, best=SURE),
    "IoU": Case(numbers, jaccard(lambda t, y: (t, y), [0, 2]), {"num_classes": 3, "target_class_ids": [0, 2]}),
    "MeanIoU": Case(numbers, jaccard(lambda t, y: (t, y), range(3)), {"num_classes": 3}),
    "BinaryIoU": Case(several, jaccard(lambda t, y: (t, (y >= 0.5).astype(int)), [0, 1])),
    "OneHotIoU": Case(
        one_hot, jaccard(lambda t, y: (t.argmax(1), y.argmax(1)), [1, 2]), {"num_classes": CLASSES, "target_class_ids": [1, 2]}
    ),
    "OneHotMeanIoU": Case(one_hot, jaccard(lambda t, y: (t.argmax(1), y.argmax(1)), range(CLASSES)), {"num_classes": CLASSES}),
    "CosineSimilarity": Case(
        real, mean(lambda t, y: [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(t, y.astype(float), strict=True)])
    ),
    "LogCoshError": Case(real, mean(lambda t, y: np.log(np.cosh(y.astype(float) - t)).mean(axis=1))),
    "MeanLoss": Case(real, mean(lambda t, y: abs(t - y.astype(float)).mean(axis=1)), {"loss": "mae"}),
}


def of_loss(kind):
    """The case of a metric that is the mean of a loss: by the loss' function, which has its own tests."""
    op, columns = kind.of.function.op, 3 * kind.of.function.outputs_per_target

    def draw(rng, n):
        shapes = (n,) if kind.of.function.sparse else (n, 3), (n, columns)
        t, y = (samples.KINDS[samples.kind(op, a)](s, {"m": 3}, rng) for a, s in zip(op.arrays[1::-1], shapes, strict=True))
        return t, y.astype("float32")

    return Case(draw, mean(lambda t, y: np.broadcast_to(kind.of.function(t, y.astype(float)), len(y))), best=None)


def case(name):
    """The case of the metric called `name`; each must have one."""
    kind = catalogue.members[name]
    return of_loss(kind) if issubclass(kind, OfLoss) and name not in CASES else CASES[name]


def make(metric, **more):
    """The metric of that name in the catalogue, with its case's arguments."""
    return catalogue.members[metric](**({} if metric in WITHOUT_PREDICTIONS else case(metric).arguments), **more)


def taking(t, y):
    """The names of the metrics that take such targets and predictions."""
    return [name for name in JUDGES if _takes(make(name), t, y)]


def _takes(metric, t, y):
    try:
        metric.update_state(t, y)
    except ValueError:
        return False
    return True


WITHOUT_PREDICTIONS = ("Mean", "Sum")
JUDGES = [name for name in catalogue.members if name not in WITHOUT_PREDICTIONS]
OF_BATCHES = [name for name in JUDGES if issubclass(catalogue.members[name], OfLoss) and make(name).loss.whole]
"""Means of losses of whole batches, which depend on how data is cut."""
STREAMED = [name for name in JUDGES if name not in OF_BATCHES]
