"""A formula of targets and predictions as a loss function: its gradient comes from `fastnn.autodiff`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff import vjp
from fastnn.autodiff.naming import within
from fastnn.backend import Op
from fastnn.losses.function import DENSE, SPARSE, LossFunction

__all__ = ["Differentiated"]

Formula = Callable[[Any, Any], Any]


class Differentiated(LossFunction):
    """A formula of targets and predictions, with the op that computes it and its gradient; the op isn't in the registry.

    Parameters
    ----------
    formula : callable
    name : str
    sparse : bool
        Whether its targets are labels.
    """

    def __init__(self, formula: Formula, name: str, sparse: bool):
        def dense(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
            _differentiate(formula, name, y, t, w, value, dy)

        def of_labels(y: np.ndarray, labels: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
            _differentiate(formula, name, y, labels, w, value, dy)

        self.op = Op(of_labels, SPARSE, split="n") if sparse else Op(dense, DENSE, split="n")
        self.op_on_logits, self.activation, self.loss, self.parameters = None, None, None, []
        self.name = self.__name__ = name
        self._recipe = formula, name, sparse

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has an op of its own, which computes the copy's formula."""
        return Differentiated, self._recipe


def _differentiate(formula: Formula, name: str, y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """The weighted values of `formula`, and the gradient of their sum."""
    targets = t.view()
    targets.flags.writeable = False
    with within(f"loss {name!r}"), np.errstate(all="ignore"):  # as in all loss ops: a diverging run shows in the loss
        found, pullback = vjp(lambda y: formula(targets, y), y)
        if found.shape not in ((), (len(y),), (len(y), 1)):
            raise ValueError(
                f"loss {name!r} must give one value a sample, shape ({len(y)},), or one number for all, got shape {found.shape}; "
                "take np.mean(..., axis=-1) of it"
            )
        share = w.reshape(found.shape) if found.ndim else np.sum(w)
        value[:] = w * found.reshape(-1)
        dy[...] = pullback(share)[0]
