"""Bringing a batch's samples, targets and weights into a program's buffers, and its loss out."""

from __future__ import annotations

import numpy as np

from fastnn.backend import op


@op("source (m, k), index (n) int64 -> x (n, k)", differentiable=False, split="n")
def gather(source: np.ndarray, index: np.ndarray, x: np.ndarray) -> None:
    """Copy the rows of `source` that `index` names; NaN for one that isn't there."""
    known = (index >= 0) & (index < len(source))
    x[known] = source[index[known]]
    x[~known] = np.nan


@op("source (m) int64, index (n) int64 -> labels (n) int64", differentiable=False, split="n")
def gather_labels(source: np.ndarray, index: np.ndarray, labels: np.ndarray) -> None:
    """Copy the labels that `index` names; -1 for one that isn't there."""
    known = (index >= 0) & (index < len(source))
    labels[known] = source[index[known]]
    labels[~known] = -1


@op("weights (n), count (1) float64 -> w (n)", differentiable=False, split="n")
def share_weights(weights: np.ndarray, count: np.ndarray, w: np.ndarray) -> None:
    """Divide sample weights by the number of samples in the batch, as the mean over a batch does."""
    w[...] = weights * w.dtype.type(1.0 / count[0])


@op("count (1) float64 -> w (n)", differentiable=False, split="n")
def share_equally(count: np.ndarray, w: np.ndarray) -> None:
    """The same for samples that all weigh 1."""
    w[...] = 1.0 / count[0]


@op("value (n), penalty (1) -> penalty, sums (2) float64, batch (1) float64", differentiable=False)
def accumulate_loss(value: np.ndarray, penalty: np.ndarray, sums: np.ndarray, batch: np.ndarray) -> None:
    """Sum up the batch's loss and add it, times the number of samples, to the epoch's; `penalty` starts at 0 again."""
    batch[0] = value.sum(dtype=np.float64) + penalty[0]
    penalty[0] = 0
    sums += batch[0] * len(value), len(value)
