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


@op("key (1) uint64 -> order (n) int64", differentiable=False)
def shuffle(key: np.ndarray, order: np.ndarray) -> None:
    """Write the numbers from 0 to n - 1 in the order that `key` draws.

    Fisher and Yates' shuffle in its inside-out form (Knuth, The Art of Computer Programming 2, section 3.4.2): number i takes the
    place of one of the i + 1 so far, ``floor(u * (i + 1))``, with u made of the upper 32 bits of SplitMix64's output number i.
    """
    if len(order) >= 2**32:
        raise ValueError(f"shuffle: at most 2**32 - 1 samples can be shuffled, got {len(order)}")
    number = np.arange(1, len(order) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = key + number * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        places = ((z >> np.uint64(32)) * number >> np.uint64(32)).tolist()
    made: list[int] = []
    for i, place in enumerate(places):
        made.append(i)
        made[i], made[place] = made[place], i
    order[...] = made
