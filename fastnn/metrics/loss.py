"""Every loss is a metric too: its mean over the samples."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from fastnn import losses
from fastnn.backend import op
from fastnn.configurable import serialize, snake_case
from fastnn.losses.loss import losses as loss_catalogue
from fastnn.memory import aligned_zeros
from fastnn.metrics.mean import RunningMean
from fastnn.metrics.metric import Weights, aligned, metrics, ones
from fastnn.program import Program

__all__ = ["MeanLoss"]


@op("value (n), w (n), sums (2) float64 -> sums (2) float64", differentiable=False)
def accumulate_losses(value: np.ndarray, w: np.ndarray, sums: np.ndarray) -> None:
    """Add the weighted losses of a batch's samples, and their weights, to those of the batches before."""
    sums += np.sum(value.astype(np.float64) * w), np.sum(w, dtype=np.float64)


@metrics.register()
class MeanLoss(RunningMean):
    """The weighted mean of a loss over samples, without penalties and whatever the loss' own reduction.

    By hand it is computed in double precision, within a program in the model's.

    Parameters
    ----------
    loss : str, Loss, type, LossFunction or dict
        As for :func:`fastnn.losses.get`.
    name : str, optional
        The loss' name by default.

    Raises
    ------
    ValueError
        For an unknown loss.
    """

    direction = "min"

    def __init__(self, loss: Any, name: str | None = None):
        self.loss = losses.get(loss)
        super().__init__(self.loss.name if name is None else name)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; those of the loss are its attributes."""
        names = inspect.signature(type(self)).parameters
        return {name: serialize(getattr(self if name in vars(self) else self.loss, name)) for name in names}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        logits = {"from_logits": True} if self.loss.from_logits else {}
        t, y = np.asarray(y_true), np.asarray(y_pred, np.float64)
        t, y = aligned(self, t[:, None], y[:, None]) if t.ndim == y.ndim == 1 else (t, y)
        self.add(self.loss.function(t, y, **logits, **self.loss.parameters), sample_weight)

    def lower(self, program: Program, t: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> bool:
        labels = self.loss.function.sparse
        if (t.dtype == np.int64) != labels or t.shape != (y.shape[:1] if labels else y.shape):
            return False
        value, slope, each = aligned_zeros(len(y), y.dtype), aligned_zeros(y.shape, y.dtype), ones(y)
        program.measure(self.loss.op, y, t, each, value, slope, *self.loss.scalars)
        program.measure(accumulate_losses, value, each if w is None else w, self.sums)
        return True


class OfLoss(MeanLoss):
    """The mean of the losses of one class, made with that class' arguments except ``reduction``, by keyword after ``name``.

    Attributes
    ----------
    of : type
        The class; set by each subclass.
    """

    of: ClassVar[type[losses.Loss]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = [p for p in inspect.signature(cls.of).parameters.values() if p.name not in ("reduction", "name")]
        first = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
        cls.__signature__ = inspect.Signature([first, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own)])  # type: ignore[attr-defined]

    def __init__(self, *name: Any, **arguments: Any):
        given = inspect.signature(type(self)).bind(*name, **arguments).arguments
        called = given.pop("name", None)
        super().__init__(self.of(**given), snake_case(type(self).__name__) if called is None else called)


def of_losses() -> Iterable[type[OfLoss]]:
    """A metric for each loss that has none yet, registered under the loss' names."""
    known = {getattr(member, "of", None) for member in metrics.members.values()}
    for kind in loss_catalogue.members.values():
        if kind not in known:
            doc = f"The mean of the loss of that name, with its arguments by keyword: :class:`fastnn.losses.{kind.__name__}`."
            made = type(kind.__name__, (OfLoss,), {"of": kind, "__doc__": doc, "__module__": "fastnn.metrics"})
            yield metrics.register(*(name for name in loss_catalogue.names() if loss_catalogue.find(name) is kind))(made)
