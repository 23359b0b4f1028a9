"""The confusion matrix, and what is computed from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.metrics.metric import OpMetric, metrics
from fastnn.metrics.thresholds import ratio

__all__ = ["BalancedAccuracy", "CohenKappa", "ConfusionMatrix", "MatthewsCorrelation"]


@op("y (n, m) -> classes (n, 1) int64", differentiable=False, split="n")
def largest_class(y: np.ndarray, classes: np.ndarray) -> None:
    """Where each row's largest output stands; of equals the first counts, and NaN is the largest."""
    classes[:, 0] = y.argmax(axis=1)


@op("y (n, m) -> classes (n, m) int64", differentiable=False, split="n")
def class_from_threshold(y: np.ndarray, classes: np.ndarray, threshold: float = 0.5) -> None:
    """1 where an output reaches the threshold, else 0."""
    classes[:] = y >= threshold


@op("y (n, m) -> classes (n, m) int64", differentiable=False, split="n")
def class_numbers(y: np.ndarray, classes: np.ndarray) -> None:
    """Outputs that are class numbers, without their fraction; -1 for what is negative, NaN, or 2^31 and more."""
    known = (y >= 0) & (y < 2.0**31)
    classes[:] = np.where(known, np.where(known, y, 0).astype(np.int64), -1)


@op(
    "truth (n, m) int64, classes (n, m) int64, w (n), matrix (c, c) float64 -> matrix (c, c) float64",
    differentiable=False,
)
def accumulate_confusion(truth: np.ndarray, classes: np.ndarray, w: np.ndarray, matrix: np.ndarray, ignored: float = -1.0) -> None:
    """Add a batch's weights to the matrix, rows by the true class, columns by the predicted.

    Where either class is out of range, or the true one `ignored`, nothing is added.
    """
    size = len(matrix)
    counted = (truth >= 0) & (truth < size) & (classes >= 0) & (classes < size) & (truth != int(ignored))
    weight = np.broadcast_to(w[:, None], truth.shape)[counted]
    matrix += np.bincount(truth[counted] * size + classes[counted], weight, size * size).reshape(size, size)


@metrics.register()
class ConfusionMatrix(OpMetric):
    """How often each class was taken for which: rows are the true classes, columns the predicted.

    A single output is taken for the second of two classes where it lies above `threshold`; of several outputs the largest is the class.
    Targets are labels or, for several outputs, one-hot.

    Parameters
    ----------
    threshold : float, default 0.5
        For a single output; 0 for logits.
    normalize : {None, "true", "pred", "all"}
        What the weights are divided by, as in scikit-learn: nothing, the sums of rows, of columns, or the whole.
    name : str, default "confusion_matrix"

    Attributes
    ----------
    matrix : ndarray (classes, classes)
        The weights.

    Raises
    ------
    ValueError
        For another `normalize`; in `update_state` for targets that are no classes.
    """

    ops = (accumulate_confusion, largest_class, class_from_threshold, class_numbers)

    def __init__(self, threshold: float = 0.5, normalize: str | None = None, name: str | None = None):
        if normalize not in (None, "true", "pred", "all"):
            raise ValueError(f"ConfusionMatrix: normalize must be None, 'true', 'pred' or 'all', got {normalize!r}")
        self.normalize = normalize
        self._prepare(threshold, name)

    def _prepare(self, threshold: float, name: str | None) -> None:
        """What this and the scores below share."""
        self.threshold, self.matrix = threshold, np.zeros((0, 0))
        OpMetric.__init__(self, name)

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        t, y = np.asarray(y_true), np.asarray(y_pred)
        y = y[:, None] if y.ndim == 1 else y
        t = t[..., None] if t.shape == y.shape[:-1] else t
        if t.shape not in (y.shape, (*y.shape[:-1], 1)):
            raise ValueError(f"{self.name}: y_true must hold one label a sample, {y.shape[:-1]}, or one-hot rows {y.shape}, got {t.shape}")
        outputs = y.shape[-1]
        if t.shape[-1] == 1 and not np.all((t >= 0) & (t < max(outputs, 2)) & (t == np.floor(t))):
            raise ValueError(f"{self.name}: y_true must hold whole numbers in [0, {max(outputs, 2) - 1}] for {outputs} outputs")
        return t.reshape(-1, t.shape[-1]), y.reshape(-1, outputs), len(y)

    def takes(self, t: np.ndarray, y: np.ndarray) -> bool:
        return t.shape in (y.shape, y.shape[:1], (len(y), 1))

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        self._begin(max(y.shape[1], 2))
        truth, classes = (np.zeros((len(y), 1), np.int64) for _ in range(2))
        if t.dtype == np.int64 and t.size == len(t):
            truth = t.reshape(-1, 1)
        else:
            yield class_numbers if t.shape[1] == 1 else largest_class, t, truth
        if y.shape[1] == 1:
            above = np.nextafter(y.dtype.type(self.threshold) if y.dtype.kind == "f" else np.float64(self.threshold), np.inf)
            yield class_from_threshold, y, classes, float(above)
        else:
            yield largest_class, y, classes
        yield accumulate_confusion, truth, classes, w, self.matrix, -1.0

    def _begin(self, classes: int) -> None:
        """Make room for so many classes, where there was data of another number or none."""
        if len(self.matrix) != classes:
            if self.matrix.any():
                raise ValueError(f"{self.name}: earlier batches had {len(self.matrix)} classes, this one has {classes}")
            self.matrix = np.zeros((classes, classes))

    def result(self) -> Any:
        by = {"true": self.matrix.sum(axis=1, keepdims=True), "pred": self.matrix.sum(axis=0), "all": self.matrix.sum()}
        return self.matrix.copy() if self.normalize is None else ratio(self.matrix, by[self.normalize])


@metrics.register()
class BalancedAccuracy(ConfusionMatrix):
    """The mean over the classes of how often each is recognised; classes that don't occur are left out.

    Parameters
    ----------
    adjusted : bool, default False
        Whether the score is rescaled such that chance gives 0 and perfection 1.
    threshold : float, default 0.5
        For a single output; 0 for logits.
    name : str, default "balanced_accuracy"

    References
    ----------
    K. H. Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010; as in scikit-learn.
    """

    direction = "max"

    def __init__(self, adjusted: bool = False, threshold: float = 0.5, name: str | None = None):
        self.adjusted = adjusted
        self._prepare(threshold, name)

    def result(self) -> float:
        occurring = self.matrix.sum(axis=1)
        present = occurring > 0
        if not present.any():
            return 0.0
        score = float(np.mean(np.diag(self.matrix)[present] / occurring[present]))
        chance = 1 / present.sum()
        return float(ratio(score - chance, 1 - chance)) if self.adjusted else score


@metrics.register("mcc", "MCC", "matthews")
class MatthewsCorrelation(ConfusionMatrix):
    """The correlation between true and predicted classes, from -1 to 1; 0 where either never varies.

    ``(c s - sum(t p)) / sqrt((s^2 - sum(p^2)) (s^2 - sum(t^2)))`` with the weights s of all, c of the right ones,
    t of each true and p of each predicted class.

    Parameters
    ----------
    threshold : float, default 0.5
        For a single output; 0 for logits.
    name : str, default "matthews_correlation"

    References
    ----------
    B. W. Matthews, Biochim. Biophys. Acta 405 (1975), 442-451; for several classes J. Gorodkin, "Comparing two K-category assignments by
    a K-category correlation coefficient", Comput. Biol. Chem. 28 (2004), 367-374.
    """

    direction = "max"

    def __init__(self, threshold: float = 0.5, name: str | None = None):
        self._prepare(threshold, name)

    def result(self) -> float:
        total, right = self.matrix.sum(), np.trace(self.matrix)
        true, predicted = self.matrix.sum(axis=1), self.matrix.sum(axis=0)
        spread = (total**2 - predicted @ predicted) * (total**2 - true @ true)
        return float(ratio(right * total - true @ predicted, np.sqrt(max(spread, 0.0))))


@metrics.register()
class CohenKappa(ConfusionMatrix):
    """How far true and predicted classes agree beyond what chance gives: 1 less observed over expected disagreement.

    Parameters
    ----------
    weights : {None, "linear", "quadratic"}
        Whether all disagreements count alike, or as the distance of the classes or its square.
    threshold : float, default 0.5
        For a single output; 0 for logits.
    name : str, default "cohen_kappa"

    Raises
    ------
    ValueError
        For other weights.

    References
    ----------
    J. Cohen, "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20 (1960), 37-46; as in scikit-learn.
    """

    direction = "max"

    def __init__(self, weights: str | None = None, threshold: float = 0.5, name: str | None = None):
        if weights not in (None, "linear", "quadratic"):
            raise ValueError(f"CohenKappa: weights must be None, 'linear' or 'quadratic', got {weights!r}")
        self.weights = weights
        self._prepare(threshold, name)

    def result(self) -> float:
        classes = np.arange(len(self.matrix))
        power = {None: 0, "linear": 1, "quadratic": 2}[self.weights]
        distance = np.abs(classes[:, None] - classes)
        cost = np.where(distance > 0, distance.astype(float) ** power, 0.0)
        expected = ratio(np.outer(self.matrix.sum(axis=1), self.matrix.sum(axis=0)), self.matrix.sum())
        return float(1 - ratio(np.sum(cost * self.matrix), np.sum(cost * expected))) if self.matrix.any() else 0.0
