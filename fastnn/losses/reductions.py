"""From sample weights to each sample's share of the batch's loss, inside a program."""

from __future__ import annotations

import math

import numpy as np

from fastnn.backend import op
from fastnn.batches import share_equally, share_weights
from fastnn.losses.loss import Loss
from fastnn.memory import aligned_zeros
from fastnn.program import Program

__all__ = ["lower_shares"]


@op("labels (n) int64, weights (n) -> counted (n)", differentiable=False, split="n", draw={"ignore_class": 1.0})
def count_labels(labels: np.ndarray, weights: np.ndarray, counted: np.ndarray, ignore_class: float = math.nan) -> None:
    """The weights, 0 for samples of the label to ignore."""
    counted[...] = np.where(labels == ignore_class, 0, weights)


@op("weights (n) -> total (1) float64", differentiable=False)
def sum_weights(weights: np.ndarray, total: np.ndarray) -> None:
    """The sum of a batch's weights; 1 where it is 0, as nothing is to be divided then."""
    total[0] = weights.sum(dtype=np.float64) or 1.0


def lower_shares(program: Program, loss: Loss, targets: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Append the calls that compute what the loss op reads as ``w``, and return its buffer.

    Parameters
    ----------
    program : Program
    loss : Loss
        Its reduction says by what weights are divided: nothing, the number of samples, the sum of their weights.
    targets : ndarray
        The batch's targets, among them the labels to be ignored.
    weights : ndarray of shape (batch,) or None
        The batch's sample weights, if it has any.
    """
    ones = aligned_zeros(program.batch_size, program.dtype) + 1
    if not loss.averages:
        return ones if weights is None else weights
    w = aligned_zeros(program.batch_size, program.dtype)
    basis = ones if weights is None or loss.reduction != "mean_with_sample_weight" else weights
    total = program.total = program.count if basis is ones and loss.ignore_class is None else np.zeros(1)
    if total is not program.count:
        program.load(sum_weights, _counted(program, loss, targets, basis), total)
    if weights is None and total is program.count:
        program.load(share_equally, program.count, w)
    else:
        program.load(share_weights, ones if weights is None else weights, total, w)
    return w


def _counted(program: Program, loss: Loss, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weights of the samples that count."""
    if loss.ignore_class is None:
        return weights
    counted = aligned_zeros(program.batch_size, program.dtype)
    program.load(count_labels, targets, weights, counted, float(loss.ignore_class))
    return counted
