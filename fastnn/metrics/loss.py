"""Every loss is a metric too: its mean over the samples."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from fastnn import losses
from fastnn.backend import Op, op
from fastnn.configurable import serialize, snake_case
from fastnn.losses.loss import losses as loss_catalogue
from fastnn.losses.reductions import count_labels
from fastnn.memory import aligned_zeros
from fastnn.metrics.mean import RunningMean
from fastnn.metrics.metric import Weights, aligned, checked_weights, metrics, ones
from fastnn.program import Program

__all__ = ["MeanLoss"]


@op("value (n), w (n), sums (2) float64 -> sums (2) float64", differentiable=False)
def accumulate_losses(value: np.ndarray, w: np.ndarray, sums: np.ndarray) -> None:
    """Add the weighted losses of a batch's samples, and their weights, to those of the batches before."""
    sums += np.sum(value.astype(np.float64) * w), np.sum(w, dtype=np.float64)


@metrics.register()
class MeanLoss(RunningMean):
    """The weighted mean of a loss over samples, without penalties and whatever the loss' own reduction.

    By hand it is computed in double precision, within a program in the model's. Samples that the loss ignores don't count. A loss of a
    whole batch counts for each of its samples, so it depends on how the data is cut into batches.

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
    ops: ClassVar[tuple[Op, ...]] = (accumulate_losses,)

    def __init__(self, loss: Any, name: str | None = None):
        self.loss = losses.get(loss)
        super().__init__(self.loss.name if name is None else name)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; those of the loss are its attributes."""
        names = inspect.signature(type(self)).parameters
        return {name: serialize(getattr(self if name in vars(self) else self.loss, name)) for name in names}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        t, y = np.asarray(y_true), np.asarray(y_pred, np.float64)
        t, y = aligned(self, t[:, None], y[:, None]) if t.ndim == y.ndim == 1 else (t, y)
        w = checked_weights(self, sample_weight, len(y) if y.ndim else 0)
        if not y.size:
            return
        value, samples = self.loss.each(t, y), len(y)
        rows = max(value.size // samples, 1)
        each = np.repeat((np.ones(samples) if w is None else w) / rows, rows)
        if self.loss.ignore_class is not None:
            each = each * (t.reshape(-1) != self.loss.ignore_class)
        accumulate_losses.reference(np.broadcast_to(value.reshape(-1), len(each)), each, self.sums)

    def lower(self, program: Program, t: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> bool:
        if not self._takes(t, y):
            return False
        value, slope, each = aligned_zeros(len(y), y.dtype), aligned_zeros(y.shape, y.dtype), ones(y)
        program.measure(self.loss.op, y, t, each, value, slope, *self.loss.arguments(y.shape[1], y.dtype))
        weights = each if w is None else w
        if self.loss.ignore_class is not None:
            counted = aligned_zeros(len(y), y.dtype)
            program.measure(count_labels, t, weights, counted, float(self.loss.ignore_class))
            weights = counted
        program.measure(accumulate_losses, value, weights, self.sums)
        return True

    def _takes(self, t: np.ndarray, y: np.ndarray) -> bool:
        if self.loss.function.sparse:
            return t.dtype == np.int64 and t.shape == y.shape[:1]
        try:
            return t.dtype != np.int64 and t.shape == (len(y), self.loss.target_columns(y.shape[1]))
        except ValueError:
            return False


class OfLoss(MeanLoss):
    """The mean of the losses of one class, made with that class' arguments except ``reduction``, by keyword after ``name``.

    Attributes
    ----------
    of : type
        The class; set by each subclass.
    function : LossFunction
        Its function, which has the formula.
    default_name : str, optional
        The metric's name where none is given, if not its class' in snake case.
    """

    of: ClassVar[type[losses.Loss]]
    function: ClassVar[losses.LossFunction]
    default_name: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.function = cls.of.function
        cls.ops = (cls.function.op, *filter(None, [cls.function.op_on_logits]), accumulate_losses)
        own = [p for p in inspect.signature(cls.of).parameters.values() if p.name not in ("reduction", "name")]
        first = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
        cls.__signature__ = inspect.Signature([first, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own)])  # type: ignore[attr-defined]

    def __init__(self, *name: Any, **arguments: Any):
        given = inspect.signature(type(self)).bind(*name, **arguments).arguments
        called = given.pop("name", None)
        super().__init__(self.of(**given), self.default_name or snake_case(type(self).__name__) if called is None else called)


def of_losses() -> Iterable[type[OfLoss]]:
    """For each loss a metric that goes by its names: the one that is written for it, or a new one, which is yielded."""
    written = {getattr(member, "of", None): member for member in metrics.members.values()}
    for kind in loss_catalogue.members.values():
        doc = f"The mean of the loss of that name, with its arguments by keyword: :class:`fastnn.losses.{kind.__name__}`."
        made = written.get(kind) or type(kind.__name__, (OfLoss,), {"of": kind, "__doc__": doc, "__module__": "fastnn.metrics"})
        metrics.register(*(name for name in loss_catalogue.names() if loss_catalogue.find(name) is kind))(made)
        if kind not in written:
            yield made
