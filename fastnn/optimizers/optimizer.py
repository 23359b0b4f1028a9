"""What optimizers share: the learning rate, clipping, slots, and the step on one flat vector."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.configurable import Catalogue, Configurable, serialize
from fastnn.memory import aligned_zeros
from fastnn.optimizers.clipping import clip_by_norm, clip_by_value
from fastnn.optimizers.schedules import LearningRateSchedule, schedules
from fastnn.parameters import Parameter


def update(signature: str) -> Callable[[Callable[..., None]], Op]:
    """Declare the decorated NumPy function as an update op.

    Its arrays are ``p`` and ``g`` and then the slots, all of shape (s,). Its scalars are named after the optimizer's
    attributes; ``learning_rate``, ``weight_decay`` (0 for None) and ``step`` (1 at first) are there for each.
    Entries know nothing of each other: calls on pieces of the vectors, of whole 64 entries, give the same bits.
    """
    # A diverging run overflows; the compiled twin says nothing then, so the reference doesn't either.
    return lambda reference: op(signature, differentiable=False, split="s")(np.errstate(all="ignore")(reference))


def check_number(name: str, value: Any, low: float = 0.0, high: float = math.inf, open_low: bool = False) -> float:
    """`value` as a float, if it is a number in [low, high), or in (low, high) with `open_low`."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not low <= value < high or (open_low and value == low):
        allowed = f"> {low:g}" if open_low else f">= {low:g}"
        below = f" and < {high:g}" if high < math.inf else ""
        raise ValueError(f"{name} must be a finite number {allowed}{below}, got {value!r}")
    return float(value)


class Optimizer(Configurable):
    """Base of all optimizers.

    A subclass sets `op` (an op declared by :func:`update`) and `slot_names` (one for each of the op's slots).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    weight_decay : float, optional
        Before each update, p is multiplied by ``1 - learning_rate*weight_decay``.
    clipnorm, clipvalue, global_clipnorm : float, optional
        Bound for the norm of each variable's gradient, for each entry, or for the norm of all gradients together; at most one.
    name : str, optional
        By default the class' name in lower case.

    Attributes
    ----------
    iterations : int
        Steps done.
    slots : dict of str to ndarray
        The optimizer's memory, vectors like p; empty before :meth:`build`.
    built : bool
    op : Op
    slot_names : tuple of str

    Raises
    ------
    ValueError
        When an argument is not a finite number in its range, or more than one clip is given.
    TypeError
        For an unknown argument.
    """

    op: Op
    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ):
        self._learning_rate = self._as_learning_rate(learning_rate)
        self.weight_decay = None if weight_decay is None else check_number("weight_decay", weight_decay)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {k: check_number(k, v, open_low=True) for k, v in clips.items() if v is not None}
        if len(given) > 1:
            raise ValueError(f"at most one of clipnorm, clipvalue and global_clipnorm can be set, got {given}")
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(k) for k in clips)
        self.name = name or type(self).__name__.lower()
        self.iterations = 0
        self.slots: dict[str, np.ndarray] = {}
        self.built = False

    def __init_subclass__(cls) -> None:
        """Show the arguments that a subclass passes on as ``**options`` in its signature, and so in its configuration."""
        super().__init_subclass__()
        own = dict(list(inspect.signature(cls.__init__).parameters.items())[1:])
        if own.pop("options", None) is not None:
            shared = inspect.signature(Optimizer.__init__).parameters
            own.update({k: p.replace(kind=p.KEYWORD_ONLY) for k, p in shared.items() if k not in own and k != "self"})
        cls.__signature__ = inspect.Signature(list(own.values()))  # type: ignore[attr-defined]

    @staticmethod
    def _as_learning_rate(value: Any) -> float | LearningRateSchedule:
        if isinstance(value, (LearningRateSchedule, dict)):
            return schedules.get(value)
        if callable(value):
            raise TypeError(f"learning_rate must be a number or a LearningRateSchedule, got {value!r}; subclass LearningRateSchedule")
        return check_number("learning_rate", value)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step; assign a number or a schedule.

        Raises
        ------
        ValueError
            When assigned what isn't a finite number >= 0.
        TypeError
            When a number is assigned while a schedule is in charge, as in Keras.
        """
        rate = self._learning_rate
        return rate(self.iterations) if isinstance(rate, LearningRateSchedule) else rate

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        rate = self._as_learning_rate(value)
        if isinstance(self._learning_rate, LearningRateSchedule) and not isinstance(rate, LearningRateSchedule):
            raise TypeError(
                f"{self.name}: the learning rate follows {self._learning_rate!r} and can't be set to {value!r}; "
                "build the optimizer with a number to set it later"
            )
        self._learning_rate = rate

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; a learning-rate schedule is kept as such."""
        return {**super().get_config(), "learning_rate": serialize(self._learning_rate)}

    def build(self, size: int, dtype: object) -> None:
        """Allocate the slots for a parameter vector of `size`, and begin at step 0.

        Parameters
        ----------
        size : int
            Entries of the vector.
        dtype : {"float32", "float64"}
            Its dtype.
        """
        self.slots = {name: aligned_zeros(size, dtype) for name in self.slot_names}
        self.iterations = 0
        self.built = True
        Parameter.moves += 1  # programs are bound to the slots as to parameters

    def clipping(self, g: np.ndarray, pieces: Sequence[np.ndarray]) -> list[tuple[Op, tuple[Any, ...]]]:
        """The op calls that clip the gradient: none, one, or one a variable.

        Parameters
        ----------
        g : ndarray of shape (s,)
            The gradient.
        pieces : sequence of ndarray
            The variables' gradients, contiguous views of `g` of any shape.
        """
        if self.clipvalue is not None:
            return [(clip_by_value, (g, self.clipvalue))]
        if self.global_clipnorm is not None:
            return [(clip_by_norm, (g, self.global_clipnorm))]
        if self.clipnorm is not None:
            return [(clip_by_norm, (piece.reshape(-1), self.clipnorm)) for piece in pieces]
        return []

    def scalars(self) -> tuple[float, ...]:
        """What `op` takes after its arrays in the next step."""
        return self._scalars(self.learning_rate, self.iterations + 1)

    def scalar_table(self, steps: int) -> np.ndarray:
        """:meth:`scalars` of each of the next steps, should no learning rate be assigned meanwhile.

        Parameters
        ----------
        steps : int

        Returns
        -------
        ndarray of shape (steps, len(op.scalars)), float64
        """
        first, rate = self.iterations, self._learning_rate
        rates = [rate(i) for i in range(first, first + steps)] if isinstance(rate, LearningRateSchedule) else rate
        table = np.empty((steps, len(self.op.scalars)))
        for column, values in zip(table.T, self._scalars(rates, np.arange(first + 1, first + steps + 1)), strict=True):
            column[:] = values
        return table

    def _scalars(self, learning_rate: Any, step: Any) -> tuple[Any, ...]:
        ready = {"learning_rate": learning_rate, "step": step, "weight_decay": self.weight_decay or 0.0}
        return tuple(ready[n] if n in ready else getattr(self, n) for n in self.op.scalars)

    def apply(self, p: np.ndarray, g: np.ndarray, pieces: Sequence[np.ndarray] = ()) -> None:
        """Make one step: clip `g` in place, update `p` and the slots, count.

        Parameters
        ----------
        p, g : ndarray of shape (s,)
            Parameters and their gradient, of the size and dtype given to :meth:`build`.
        pieces : sequence of ndarray
            The variables' gradients as views of `g`; only `clipnorm` needs them.
        """
        for clip, arguments in self.clipping(g, pieces):
            clip(*arguments)
        self.op(p, g, *self.slots.values(), *self.scalars())
        self.iterations += 1


optimizers: Catalogue[Optimizer] = Catalogue("optimizer", Optimizer)
"""Every optimizer class by its names."""

get = optimizers.get
