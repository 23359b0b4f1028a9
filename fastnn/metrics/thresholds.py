"""Counts of positives and negatives above thresholds: what precision, recall and the areas under curves are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.metrics.metric import OpMetric, metrics

__all__ = ["FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"]

MOST_THRESHOLDS = 1_000_000
"""Beyond any use, and a bound for what a file can ask for."""


@op(
    "y (n, m), truth (n, m), w (n), edges (k) float64, counts (2, k) float64, faults (2) float64"
    " -> counts (2, k) float64, faults (2) float64",
    differentiable=False,
)
def accumulate_thresholds(
    y: np.ndarray,
    truth: np.ndarray,
    w: np.ndarray,
    edges: np.ndarray,
    counts: np.ndarray,
    faults: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
) -> None:
    """Add the weights of a batch's predictions to the counts: of positives, of negatives, by how many `edges` lie below the prediction.

    The last edge counts as infinite. NaN spoils the last count of its kind, and with it the result. Truths other than 0 and 1,
    and predictions outside ``[low, high]``, are left out, and counted in `faults`.
    """
    positive = truth == 1
    wrong, outside = ~positive & (truth != 0), (y < low) | (y > high)
    faults += wrong.sum(), outside.sum()
    bins = np.searchsorted(edges[:-1], y)
    weight = np.where(np.isnan(y), np.nan, w[:, None])
    for count, chosen in ((counts[0], positive & ~outside), (counts[1], ~positive & ~wrong & ~outside)):
        count += np.bincount(bins[chosen], weight[chosen], len(edges))


@op("y (n, m) -> kept (n, m)", differentiable=False, split="n")
def keep_top_k(y: np.ndarray, kept: np.ndarray, k: float = 3.0) -> None:
    """The k largest of each row; the others become ``-inf``. Of equals the first are kept, and NaN always."""
    first = np.argsort(-y, axis=1, kind="stable")[:, : int(k)]
    kept[:] = np.where(np.isnan(y), y, -np.inf)
    np.put_along_axis(kept, first, np.take_along_axis(y, first, axis=1), axis=1)


class Thresholded(OpMetric):
    """Counts positives and negatives between thresholds, for all outputs together or for one or more alone.

    Parameters
    ----------
    edges : array_like (k,)
        The sorted thresholds; a prediction must lie above one to pass it. They are rounded to the predictions' dtype.
    name : str, optional

    Attributes
    ----------
    counts : ndarray (groups, 2, k + 1)
        Of each group of outputs the weights of positives and of negatives, by how many thresholds they pass.
    faults : ndarray (2,)
        How many targets weren't 0 or 1, and how many predictions lay out of range.
    limits : (float, float)
        The range of predictions.
    """

    ops = (accumulate_thresholds, keep_top_k)
    limits: tuple[float, float] = (-np.inf, np.inf)
    top_k: int | None = None
    class_id: int | None = None

    def __init__(self, edges: Any, name: str | None = None):
        self._edges = np.append(np.asarray(edges, np.float64), np.inf)
        self.counts, self.faults = np.zeros((1, 2, len(self._edges))), np.zeros(2)
        super().__init__(name)

    def groups(self, outputs: int) -> list[slice]:
        """The outputs that are counted together: all, or the chosen class."""
        if self.class_id is None:
            return [slice(None)]
        if not 0 <= self.class_id < outputs:
            raise ValueError(f"{self.name}: class_id must lie in [0, {outputs - 1}] for {outputs} outputs, got {self.class_id!r}")
        return [slice(self.class_id, self.class_id + 1)]

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        t, y, samples = super().in_rows(y_true, y_pred)
        self.groups(y.shape[1])
        self.check_targets(t)
        low, high = self.limits
        if y.size and (y.min() < low or y.max() > high):
            raise ValueError(f"{self.name}: predictions must lie in [{low:g}, {high:g}], got {y.min()} to {y.max()}{self._way_out}")
        return t, y, samples

    @property
    def _way_out(self) -> str:
        """What to do about predictions out of range."""
        return "; let the model end with a sigmoid or softmax"

    def check_targets(self, y_true: np.ndarray) -> None:
        wrong = (y_true != 1) & (y_true != 0)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueError(f"{self.name}: y_true must hold only 0 and 1, got {y_true[at]} at {at[0] if len(at) == 1 else at}")

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        if self.top_k is not None:
            kept = np.zeros_like(y)
            yield keep_top_k, y, kept, float(self.top_k)
            y = kept
        edges = self._edges.astype(np.result_type(y.dtype, np.float32)).astype(np.float64)
        groups = self.groups(y.shape[1])
        self._begin(len(groups))
        for columns, counts in zip(groups, self.counts, strict=True):
            yield accumulate_thresholds, y[:, columns], t[:, columns], w, edges, counts, self.faults, *self.limits

    def _begin(self, groups: int) -> None:
        """Make room for so many groups, where there was data of another number or none."""
        if len(self.counts) != groups:
            if self.counts.any():
                raise ValueError(f"{self.name}: earlier batches had {len(self.counts)} outputs, this one has {groups}")
            self.counts = np.zeros((groups, *self.counts.shape[1:]))

    def passed(self) -> tuple[np.ndarray, np.ndarray]:
        """The weights of positives and of negatives above no threshold, the first, ..., the last: each ``(groups, k + 1)``.

        Raises
        ------
        ValueError
            Where a compiled program has met what `update_state` refuses.
        """
        wrong, outside = self.faults
        if wrong or outside:
            low, high = self.limits
            raise ValueError(
                f"{self.name}: y_true must hold only 0 and 1, and predictions must lie in [{low:g}, {high:g}]{self._way_out}; "
                f"{wrong:.0f} targets and {outside:.0f} predictions didn't"
            )
        above = np.cumsum(self.counts[:, :, ::-1], axis=2)[:, :, ::-1]
        return above[:, 0], above[:, 1]


def ratio(a: Any, b: Any) -> np.ndarray:
    """``a / b``, and 0 where `b` is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.divide(a, b, out=np.zeros(a.shape), where=b != 0)


class AtThresholds(Thresholded):
    """One value for each of the thresholds that are given.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        In [0, 1]; 0.5 by default.
    name : str, optional

    Raises
    ------
    ValueError
        For a threshold outside [0, 1].
    """

    default: float = 0.5

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None):
        given = np.atleast_1d(self.default if thresholds is None else np.asarray(thresholds, np.float64))
        if thresholds is not None and not (given.ndim == 1 and given.size and np.all((given >= 0) & (given <= 1))):
            raise ValueError(f"{type(self).__name__}: thresholds must lie in [0, 1], got {thresholds!r}")
        self.thresholds = thresholds
        self._order = np.argsort(given, kind="stable")
        super().__init__(given[self._order], name)

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        """The value at each threshold, of the positives and negatives above it and in all."""
        raise NotImplementedError

    def result(self) -> Any:
        (true,), (false,) = self.passed()
        values = np.empty(len(self._order))
        values[self._order] = self.value(true[1:], false[1:], true[0], false[0])
        return float(values[0]) if len(values) == 1 else values


@metrics.register()
class TruePositives(AtThresholds):
    """The weight of the targets 1 with a prediction above the threshold.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        In [0, 1]; 0.5 by default. A prediction above it is taken for 1. For several thresholds the result is an array.
        For logits use 0.
    name : str, optional

    Raises
    ------
    ValueError
        For a threshold outside [0, 1], and for targets other than 0 and 1.
    """

    direction = "max"

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        return true


@metrics.register()
class FalsePositives(AtThresholds):
    """The weight of the targets 0 with a prediction above the threshold.

    Parameters
    ----------
    thresholds, name
        As for :class:`TruePositives`.

    Raises
    ------
    ValueError
        As there.
    """

    direction = "min"

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        return false


@metrics.register()
class TrueNegatives(AtThresholds):
    """The weight of the targets 0 with a prediction at or below the threshold.

    Parameters
    ----------
    thresholds, name
        As for :class:`TruePositives`.

    Raises
    ------
    ValueError
        As there.
    """

    direction = "max"

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        return negatives - false


@metrics.register()
class FalseNegatives(AtThresholds):
    """The weight of the targets 1 with a prediction at or below the threshold.

    Parameters
    ----------
    thresholds, name
        As for :class:`TruePositives`.

    Raises
    ------
    ValueError
        As there.
    """

    direction = "min"

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        return positives - true
