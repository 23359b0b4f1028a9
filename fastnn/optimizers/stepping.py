"""An optimizer's step as op calls on a model's flat vectors: what it consists of, and making it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.memory import aligned_zeros
from fastnn.optimizers.averaging import accumulate_gradient, average_parameters, mean_gradient, take_average
from fastnn.optimizers.clipping import clip_by_norm, clip_by_value
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.updates import Group, Run, Steps, Update, Value, belongs, group_of, operands, runs
from fastnn.parameters import Arena, Parameter


def update(signature: str, *, split: str | None = "s", draw: Mapping[str, Any] | None = None) -> Callable[[Callable[..., None]], Op]:
    """Declare the decorated NumPy function as an update op.

    Its arrays are ``p`` and ``g`` and then the slots. Its scalars are named after the optimizer's attributes; ``learning_rate``,
    ``weight_decay`` (0 for None) and ``step`` (1 at first) are there for each. With ``split="s"`` all arrays have the shape (s,) and
    entries know nothing of each other: calls on pieces of the vectors, of whole 64 entries, give the same bits. Without,
    the op takes one parameter at a time: as a vector (s,), or as a matrix (k, m), with slots of any of its sides. Arrays that the
    signature names after the slots are scratch.
    """
    # A diverging run overflows; the compiled twin says nothing then, so the reference doesn't either.
    return lambda reference: op(signature, differentiable=False, split=split, draw=draw)(np.errstate(all="ignore")(reference))


HERE: AbstractContextManager[None] = nullcontext()
"""The point where an optimizer is anyway."""


class Stepping:
    """What a step consists of; :class:`Optimizer` adds what users see."""

    op: Op | None = None
    slot_names: tuple[str, ...] = ()
    full_batch = False
    name: str
    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    groups: dict[str, dict[str, float]]
    slots: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    batches: int
    built: bool
    arena: Arena | None
    _learning_rate: float | LearningRateSchedule

    # ------------------------------------------------------------------------------------ what subclasses override

    def op_for(self, parameter: Parameter) -> Op:
        """The op that updates a parameter: `op`; optimizers that treat matrices in another way override it."""
        if self.op is None:
            raise TypeError(f"{type(self).__name__} must set `op`, an op declared by @update, or override step()")
        return self.op

    def slots_of(self, op: Op) -> tuple[str, ...]:
        """The names of the slots that an update op takes after p and g."""
        return self.slot_names

    def initial(self, name: str, arena: Arena) -> float | np.ndarray:
        """What a slot holds at first: a number, or a vector of the arena's layout."""
        return 0.0

    def group_of(self, parameter: Parameter) -> Group:
        """The factors of learning rate and weight decay for a parameter."""
        return group_of(parameter, self.groups)

    def value(self, name: str, run: Run) -> Value:
        """What a scalar of an update op is, for a run of parameters.

        An attribute as it is when the step is made; where that is a method, what it makes of the :class:`Steps`.
        """
        if name == "learning_rate":
            return lambda steps: steps.learning_rate * run.group.learning_rate
        if name == "weight_decay":
            return lambda steps: (self.weight_decay or 0.0) * run.group.weight_decay
        if name == "step":
            return lambda steps: steps.step
        method = getattr(self, name)
        return method if callable(method) else lambda steps: getattr(self, name)

    def update_calls(self, arena: Arena) -> list[Update]:
        """The calls that update parameters and slots; none where an optimizer has no op but a `step` of its own."""
        if self.op is None and type(self).step is not Stepping.step:
            return []
        return [
            Update(run.op, operands(run, arena, self.vectors(run.op, arena)), {n: self.value(n, run) for n in run.op.scalars})
            for run in runs(arena, lambda parameter: (self.op_for(parameter), self.group_of(parameter)))
        ]

    def vectors(self, op: Op, arena: Arena) -> list[np.ndarray]:
        """The whole vectors that an update op works on pieces of: parameters, gradients, slots."""
        return [arena.values.data, arena.gradients.data, *(self.slot(name, arena) for name in self.slots_of(op))]

    def training_point(self) -> AbstractContextManager[None]:
        """Within it, steps are made: optimizers that train at another point than they evaluate go there and come back."""
        return HERE

    # ---------------------------------------------------------------------------------------- binding to an arena

    def begin(self, arena: Arena) -> None:
        """Start at step 0 on an arena, with new slots.

        Raises
        ------
        ValueError
            When a group of `groups` fits no parameter.
        """
        for pattern in self.groups:
            if not any(belongs(p, pattern) for p in arena.parameters):
                paths = ", ".join(p.path for p in arena.parameters)
                raise ValueError(f"{self.name}: the group {pattern!r} fits no parameter; there are {paths}")
        self.slots, self.numbers = {}, {}
        self.batches = 0
        self.bind(arena)
        self.built = True

    def bind(self, arena: Arena) -> list[Update]:
        """The op calls of a step on an arena's vectors, in order; makes slots that are not there yet."""
        self.arena, before = arena, len(self.slots)
        parts = self._accumulation, self.clipping, self.update_calls, self._averaging, self._constraints
        self._bound, self._updates = self.form, [call for part in parts for call in part(arena)]
        if len(self.slots) > before:
            Parameter.moves += 1  # programs are bound to the slots as to parameters
        return self._updates

    _bound: Any = None
    _updates: Sequence[Update] = ()

    @property
    def updates(self) -> Sequence[Update]:
        """The calls of a step, bound anew when an attribute that they depend on has been assigned."""
        if self.arena is None:
            raise ValueError(f"{self.name} isn't built: call build(parameters), or apply(gradients, variables)")
        return self._updates if self._bound == self.form else self.bind(self.arena)

    @property
    def form(self) -> tuple[Any, ...]:
        """What the calls of a step depend on: while it stays, they do, whatever numbers are assigned."""
        clips = self.clipnorm, self.clipvalue, self.global_clipnorm
        return (
            id(self.op),
            *clips,
            self.use_ema,
            self.ema_overwrite_frequency,
            self.gradient_accumulation_steps,
            repr(self.groups) if self.groups else "",
        )

    def slot(self, name: str, arena: Arena) -> np.ndarray:
        """The vector of this name, of the arena's layout; made when it isn't there, or can't be written to."""
        if name in self.slots and not self.slots[name].flags.writeable:
            self.slots[name] = self.slots[name].copy()
        if name not in self.slots:
            self.slots[name] = slot = aligned_zeros(arena.values.data.size, arena.values.data.dtype)
            start = arena.values.data if name == "average" else self.initial(name, arena)
            if isinstance(start, np.ndarray):
                slot[...] = start
            else:
                for view in arena.values.split(slot):
                    view[...] = start
        return self.slots[name]

    def number(self, name: str) -> np.ndarray:
        """A number that the optimizer remembers, as an array of shape (1,); 0 at first."""
        return self.numbers.setdefault(name, np.zeros(1))

    # ------------------------------------------------------------------------------- what each step has around the update

    @property
    def _accumulated(self) -> int:
        """Batches an update."""
        return self.gradient_accumulation_steps or 1

    def _accumulation(self, arena: Arena) -> list[Update]:
        if self._accumulated == 1:
            return []
        g, total = arena.gradients.data, self.slot("gradient_sum", arena)
        every = Update(accumulate_gradient, (g, total), when=lambda steps: np.ones_like(steps.due))
        return [every, Update(mean_gradient, (g, total), {"count": self._accumulated})]

    def clipping(self, arena: Arena) -> list[Update]:
        """The calls that clip the gradient: none, one, or one a variable."""
        g = arena.gradients.data
        if self.clipvalue is not None:
            return [Update(clip_by_value, (g,), {"limit": self.clipvalue})]
        if self.global_clipnorm is not None:
            return [Update(clip_by_norm, (g,), {"limit": self.global_clipnorm})]
        if self.clipnorm is not None:
            return [Update(clip_by_norm, (view.reshape(-1),), {"limit": self.clipnorm}) for view in arena.gradients.views]
        return []

    def _averaging(self, arena: Arena) -> list[Update]:
        if not self.use_ema:
            return []
        p, average = arena.values.data, self.slot("average", arena)
        made = [Update(average_parameters, (p, average), {"momentum": lambda steps: np.where(steps.step == 1, 0.0, self.ema_momentum)})]
        if self.ema_overwrite_frequency:
            made.append(Update(take_average, (p, average), when=lambda steps: steps.due & (steps.step % self.ema_overwrite_frequency == 0)))
        return made

    def _constraints(self, arena: Arena) -> list[Update]:
        calls = [call for p in arena.parameters if p.constraint for call in p.constraint.calls(p)]
        return [Update(op, given[: len(op.arrays)], dict(zip(op.scalars, given[len(op.arrays) :], strict=True))) for op, given in calls]

    # -------------------------------------------------------------------------------------------------- stepping

    def steps(self, count: int) -> Steps:
        """The next batches, should no learning rate be assigned meanwhile."""
        rate, k = self._learning_rate, self._accumulated
        batch = np.arange(self.batches, self.batches + count)
        rates = rate.rates(batch) if isinstance(rate, LearningRateSchedule) else rate
        return Steps(batch, batch + 1, True, rates) if k == 1 else Steps(batch, batch // k + 1, (batch + 1) % k == 0, rates)

    def scalar_table(self, steps: int, updates: Sequence[Update] | None = None) -> np.ndarray:
        """For each of the next steps, the columns of its calls.

        Parameters
        ----------
        steps : int
        updates : sequence of Update, optional
            The calls; all of a step by default.

        Returns
        -------
        ndarray of shape (steps, columns), float64
        """
        coming = self.steps(steps)
        columns = [column for update in (self.updates if updates is None else updates) for column in update.columns(coming)]
        table = np.empty((steps, len(columns)))
        table[:] = [0.0 if isinstance(column, np.ndarray) else column for column in columns]
        for number, column in enumerate(columns):
            if isinstance(column, np.ndarray):
                table[:, number] = column
        return table

    def step(self) -> None:
        """Make one step from the gradients in the arena: clip them, update parameters and slots, count.

        To write an optimizer in Python that no op can say, override it: ``self.arena.values.data`` and ``self.arena.gradients.data`` are
        the flat vectors of all parameters and gradients, ``views`` the parameters' pieces; count ``self.batches`` up.

        Raises
        ------
        ValueError
            Before the optimizer is built.
        """
        self._make(self.updates)
        self.batches += 1

    def clip(self) -> None:
        """Clip the gradients in the arena, for optimizers that override :meth:`step`."""
        self._make(self.clipping(self.arena))  # type: ignore[arg-type]

    def _make(self, updates: Sequence[Update]) -> None:
        """Make some of the next step's calls."""
        row = self.scalar_table(1, updates)[0].tolist()
        for update in updates:
            due, *scalars = row[: 1 + len(update.op.scalars)]
            row = row[1 + len(update.op.scalars) :]
            if due:
                update.op(*update.arrays, *scalars)
