"""Losses of raw predictions, before the canonical link: scikit-learn's, whose gradient is the prediction less the target.

After the layer whose activation is the inverse link (softmax, sigmoid, exponential) they take that activation's input, so a model may end
with it or with logits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import Op
from fastnn.losses.categorical import softmax_of
from fastnn.losses.checks import check_number
from fastnn.losses.loss import DENSE, SPARSE, Loss, loss_function, losses
from fastnn.losses.targets import check_each

__all__ = [
    "HalfBinomialLoss",
    "HalfMultinomialLoss",
    "HalfPoissonLoss",
    "HalfSquaredError",
    "half_binomial_loss",
    "half_multinomial_loss",
    "half_poisson_loss",
    "half_squared_error",
]

TINY = 1e-16
"""What tests clip probabilities to."""


@loss_function(DENSE)
def half_squared_error(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Sum over the outputs of ``(y - t)**2 / 2``."""
    d = y - t
    value[:] = w * (0.5 * np.sum(d * d, axis=1))
    dy[:] = w[:, None] * d


@loss_function(DENSE, y="small", t="counts")
def half_poisson_loss(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Half the Poisson deviance of rates ``exp(y)``: the sum over the outputs of ``t*(log(t) - y) - t + exp(y)``."""
    rate = np.exp(y)
    value[:] = w * np.sum(t * (np.log(np.where(t > 0, t, 1)) - y) - t + rate, axis=1)
    dy[:] = w[:, None] * (rate - t)


def _clipped(loss: np.ndarray, epsilon: float) -> np.ndarray:
    """What a loss ``-log(p)`` is for p clipped to ``[epsilon, 1 - epsilon]``."""
    return np.clip(loss, -np.log1p(-epsilon), -np.log(epsilon))


@loss_function(DENSE, t="binary", epsilon=TINY)
def half_binomial_loss(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, epsilon: float) -> None:
    """Sum over the outputs of ``-t*log(p) - (1-t)*log(1-p)``, p being ``sigmoid(y)``, clipped to ``[epsilon, 1 - epsilon]``.

    The gradient is ``sigmoid(y) - t``, also where p was clipped.
    """
    e = np.exp(-np.abs(y))
    near, far = _clipped(np.log1p(e), epsilon), _clipped(np.abs(y) + np.log1p(e), epsilon)
    missed = np.where(y >= 0, 1 - t, t)  # the target's share on the other side of 0 than y
    value[:] = w * np.sum(missed * far + (1 - missed) * near, axis=1)
    size = (missed - (1 - missed) * e) / (1 + e)
    dy[:] = w[:, None] * np.where(y >= 0, size, -size)


@loss_function(SPARSE, epsilon=TINY)
def half_multinomial_loss(y: np.ndarray, labels: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, epsilon: float) -> None:
    """``-log(p[label])``, p being ``softmax(y)``, clipped to ``[epsilon, 1 - epsilon]``.

    The gradient is ``softmax(y)`` less 1 at the label, also where p was clipped. A label outside ``[0, m)`` gives NaN.
    """
    inside, rows = (labels >= 0) & (labels < y.shape[1]), np.arange(len(y))
    labels, w = np.where(inside, labels, 0), np.where(inside, w, np.nan)
    z, probability, log_total = softmax_of(y)
    value[:] = w * _clipped(log_total[:, 0] - z[rows, labels], epsilon)
    dy[:] = probability
    dy[rows, labels] -= 1
    dy[:] *= w[:, None]


class RawLoss(Loss):
    """Base of losses of what stands before an activation.

    Attributes
    ----------
    link : str
        Name of the activation that makes predictions of raw ones.
    """

    link = "linear"

    def logits_form(self, activation: str) -> Op | None:
        return self.op if activation == self.link else None


class ClippedLoss(RawLoss):
    """Base of those whose value is that of clipped probabilities.

    Parameters
    ----------
    epsilon : float, optional
        Probabilities below count as this in the value, and those above ``1 - epsilon`` as that; the gradient is that without clipping. By
        default the spacing of numbers at 1 in the model's dtype, as in scikit-learn: 2.2e-16 in float64, 1.2e-7 in float32.
    reduction : str or None
        See :class:`Loss`.
    name : str, optional

    Raises
    ------
    ValueError
        When `epsilon` isn't a number between 0 and 0.5.
    """

    def __init__(self, epsilon: float | None = None, reduction: str | None = "sum_over_batch_size", name: str | None = None):
        super().__init__(reduction, name)
        self.epsilon = None if epsilon is None else check_number("epsilon", epsilon, high=0.5, above=True)

    def arguments(self, outputs: int, dtype: Any) -> tuple[Any, ...]:
        return (float(np.finfo(dtype).eps) if self.epsilon is None else float(self.epsilon),)


@losses.register()
class HalfSquaredError(RawLoss):
    """Half the sum over the outputs of the squared difference, :func:`half_squared_error`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str

    References
    ----------
    ``sklearn._loss.HalfSquaredError``; what scikit-learn's ``MLPRegressor`` minimises.
    """

    function = half_squared_error

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "half_squared_error"):
        super().__init__(reduction, name)


@losses.register()
class HalfPoissonLoss(RawLoss):
    """Half the Poisson deviance of the exponential of the raw predictions, :func:`half_poisson_loss`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str

    References
    ----------
    What scikit-learn's ``MLPRegressor(loss="poisson")`` minimises; ``sklearn._loss.HalfPoissonLoss`` leaves out what depends on the targets
    alone.
    """

    function, link = half_poisson_loss, "exponential"

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "half_poisson_loss"):
        super().__init__(reduction, name)

    def check_targets(self, t: np.ndarray) -> None:
        check_each(t >= 0, t, f"{self.name} needs targets that are not negative")


@losses.register()
class HalfBinomialLoss(ClippedLoss):
    """Crossentropy of independent yes-or-no outputs, summed over them, :func:`half_binomial_loss`.

    References
    ----------
    ``sklearn._loss.HalfBinomialLoss``; what scikit-learn's ``MLPClassifier`` minimises for two classes, and for many labels.
    """

    function, link = half_binomial_loss, "sigmoid"

    def check_targets(self, t: np.ndarray) -> None:
        check_each((t >= 0) & (t <= 1), t, f"{self.name} needs targets in [0, 1]")


@losses.register()
class HalfMultinomialLoss(ClippedLoss):
    """Crossentropy of one class out of m, given as a label, :func:`half_multinomial_loss`.

    References
    ----------
    ``sklearn._loss.HalfMultinomialLoss``; what scikit-learn's ``MLPClassifier`` minimises for more than two classes.
    """

    function, link = half_multinomial_loss, "softmax"
