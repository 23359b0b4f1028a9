"""What optimizers share: the learning rate, clipping, slots, and the step on one flat vector."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.backend import Op, op
from fastnn.configurable import Catalogue, Configurable, serialize
from fastnn.memory import aligned_zeros
from fastnn.optimizers.averaging import accumulate_gradient, average_parameters, mean_gradient, take_average
from fastnn.optimizers.clipping import clip_by_norm, clip_by_value
from fastnn.optimizers.schedules import LearningRateSchedule, schedules
from fastnn.optimizers.updates import Group, Steps, Update, Value, belongs, group_of, operands, runs
from fastnn.parameters import Arena, Parameter


def update(signature: str, *, split: str | None = "s", draw: Mapping[str, Any] | None = None) -> Callable[[Callable[..., None]], Op]:
    """Declare the decorated NumPy function as an update op.

    Its arrays are ``p`` and ``g`` and then the slots. Its scalars are named after the optimizer's attributes; ``learning_rate``,
    ``weight_decay`` (0 for None) and ``step`` (1 at first) are there for each. With ``split="s"`` all arrays have the shape (s,) and
    entries know nothing of each other: calls on pieces of the vectors, of whole 64 entries, give the same bits. Without,
    the op takes one parameter at a time: as a vector (s,), or as a matrix (k, m), with slots of any of its sides.
    """
    # A diverging run overflows; the compiled twin says nothing then, so the reference doesn't either.
    return lambda reference: op(signature, differentiable=False, split=split, draw=draw)(np.errstate(all="ignore")(reference))


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
    use_ema : bool
        Whether an exponential moving average of the parameters is kept, which takes their place at the end of `fit`.
    ema_momentum : float
        In [0, 1]: after each update ``average = ema_momentum*average + (1-ema_momentum)*p``; the first average is p itself.
    ema_overwrite_frequency : int, optional
        The average takes the parameters' place after every so many updates, too.
    gradient_accumulation_steps : int, optional
        Make an update with the mean gradient of so many batches, after the last of them. A schedule goes on counting batches, as in Keras.
    groups : dict of str to dict, optional
        Factors for the learning rate and the weight decay of some parameters, by the name of a layer, a kind of parameter, or both:
        ``{"bias": {"weight_decay": 0}, "dense_1": {"learning_rate": 0.1}, "dense_2/kernel": {...}}``; ``*`` matches any letters. Where
        several fit, the factors multiply.
    name : str, optional
        By default the class' name in lower case.

    Attributes
    ----------
    iterations : int
        Updates made.
    batches : int
        Batches seen: as many as updates, unless gradients are accumulated.
    slots : dict of str to ndarray
        The optimizer's memory, vectors like p; empty before :meth:`build`.
    built : bool
    arena : Arena or None
        The parameters and gradients that the next step works on.
    op : Op
    slot_names : tuple of str

    Raises
    ------
    ValueError
        When an argument is not a number in its range, more than one clip is given, or a group has other keys than the two.
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
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        groups: Mapping[str, Mapping[str, float]] | None = None,
        name: str | None = None,
    ):
        self._learning_rate = self._as_learning_rate(learning_rate)
        self.weight_decay = None if weight_decay is None else check_number("weight_decay", weight_decay)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {k: check_number(k, v, open_low=True) for k, v in clips.items() if v is not None}
        if len(given) > 1:
            raise ValueError(f"at most one of clipnorm, clipvalue and global_clipnorm can be set, got {given}")
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(k) for k in clips)
        self.use_ema, self.ema_momentum = bool(use_ema), check_number("ema_momentum", ema_momentum, high=ONE_TOO)
        self.ema_overwrite_frequency = _count("ema_overwrite_frequency", ema_overwrite_frequency)
        self.gradient_accumulation_steps = _count("gradient_accumulation_steps", gradient_accumulation_steps)
        self.groups = check_groups(groups)
        self.name = name or type(self).__name__.lower()
        self.batches = 0
        self.slots: dict[str, np.ndarray] = {}
        self.built = False
        self.arena: Arena | None = None
        self._undecayed: list[str] = []
        self._updates: list[Update] = []

    def __init_subclass__(cls) -> None:
        """Show the arguments that a subclass passes on as ``**options`` in its signature, and so in its configuration."""
        super().__init_subclass__()
        own = dict(list(inspect.signature(cls.__init__).parameters.items())[1:])
        if own.pop("options", None) is not None:
            shared = inspect.signature(Optimizer.__init__).parameters
            own.update({k: p.replace(kind=p.KEYWORD_ONLY) for k, p in shared.items() if k not in own and k != "self"})
        cls.__signature__ = inspect.Signature(list(own.values()))  # type: ignore[attr-defined]

    # -------------------------------------------------------------------------------------------- learning rate

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
        return rate(self.batches) if isinstance(rate, LearningRateSchedule) else rate

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        rate = self._as_learning_rate(value)
        if isinstance(self._learning_rate, LearningRateSchedule) and not isinstance(rate, LearningRateSchedule):
            raise TypeError(
                f"{self.name}: the learning rate follows {self._learning_rate!r} and can't be set to {value!r}; "
                "build the optimizer with a number to set it later"
            )
        self._learning_rate = rate

    @property
    def iterations(self) -> int:
        return self.batches // self._accumulated

    @iterations.setter
    def iterations(self, value: int) -> None:
        self.batches = int(value) * self._accumulated

    @property
    def _accumulated(self) -> int:
        """Batches an update."""
        return self.gradient_accumulation_steps or 1

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; a learning-rate schedule is kept as such."""
        return {**super().get_config(), "learning_rate": serialize(self._learning_rate)}

    # --------------------------------------------------------------------------------------- what a step consists of

    def op_for(self, parameter: Parameter) -> Op:
        """The op that updates a parameter: `op`; optimizers that treat matrices in another way override it."""
        return self.op

    def slots_of(self, op: Op) -> tuple[str, ...]:
        """The names of the slots that an update op takes after p and g."""
        return self.slot_names

    def group_of(self, parameter: Parameter) -> Group:
        """The factors of learning rate and weight decay for a parameter."""
        group = group_of(parameter, self.groups)
        return group._replace(weight_decay=0.0) if any(re.search(name, parameter.path) for name in self._undecayed) else group

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Leave parameters out of the weight decay, as Keras' method of this name does; `groups` does the same and is saved with a model.

        Parameters
        ----------
        var_list : list of Parameter, optional
        var_names : list of str, optional
            Regular expressions that are searched for in paths such as ``"dense/bias"``.

        Raises
        ------
        ValueError
            Once the optimizer has begun.
        """
        if self.built:
            raise ValueError(f"{self.name}: exclude_from_weight_decay has to be called before the first step")
        self._undecayed += [f"^{re.escape(parameter.path)}$" for parameter in var_list or ()]
        self._undecayed += [re.compile(name).pattern for name in var_names or ()]

    def build(self, arena: Arena | Iterable[Parameter]) -> None:
        """Allocate the slots for a model's parameters, and begin at step 0.

        Parameters
        ----------
        arena : Arena or iterable of Parameter
            Parameters that have no arena get one.

        Raises
        ------
        ValueError
            When a group of `groups` fits no parameter.
        """
        arena = arena if isinstance(arena, Arena) else _arena_of(arena)
        paths = [p.path for p in arena.parameters]
        for pattern in self.groups:
            if not any(belongs(p, pattern) for p in arena.parameters):
                raise ValueError(f"{self.name}: the group {pattern!r} fits no parameter; there are {', '.join(paths)}")
        self.slots = {}
        self.batches = 0
        self.bind(arena)
        self.built = True

    def bind(self, arena: Arena) -> list[Update]:
        """The op calls of a step on an arena's vectors, in order; makes slots that are not there yet."""
        self.arena, before = arena, len(self.slots)
        before_update, after_update = (self._accumulation, self.clipping), (self._averaging, self._constraints)
        self._updates = [call for calls in (*before_update, self.update_calls, *after_update) for call in calls(arena)]
        if len(self.slots) > before:
            Parameter.moves += 1  # programs are bound to the slots as to parameters
        return self._updates

    @property
    def form(self) -> tuple[Any, ...]:
        """What the calls of a step depend on: while it stays, they do, whatever numbers are assigned."""
        clips = self.clipnorm, self.clipvalue, self.global_clipnorm
        return id(self.op), *clips, self.use_ema, self.ema_overwrite_frequency, self.gradient_accumulation_steps

    def slot(self, name: str, arena: Arena, value: float = 0.0) -> np.ndarray:
        """The vector of this name, of the arena's layout; made of `value` when it isn't there."""
        if name not in self.slots:
            self.slots[name] = aligned_zeros(arena.values.data.size, arena.values.data.dtype)
            for view in arena.values.split(self.slots[name]):
                view[...] = value
        return self.slots[name]

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

    def update_calls(self, arena: Arena) -> list[Update]:
        """The calls that update parameters and slots."""
        made = []
        for run in runs(arena, lambda parameter: (self.op_for(parameter), self.group_of(parameter))):
            vectors = [arena.values.data, arena.gradients.data, *(self.slot(name, arena) for name in self.slots_of(run.op))]
            made.append(Update(run.op, operands(run, arena, vectors), {name: self.value(name, run.group) for name in run.op.scalars}))
        return made

    def value(self, name: str, group: Group) -> Value:
        """What a scalar of an update op is: an attribute as it is when the step is made, unless it changes from step to step."""
        if name == "learning_rate":
            return lambda steps: steps.learning_rate * group.learning_rate
        if name == "weight_decay":
            return lambda steps: (self.weight_decay or 0.0) * group.weight_decay
        if name == "step":
            return lambda steps: steps.step
        return lambda steps: getattr(self, name)

    def _averaging(self, arena: Arena) -> list[Update]:
        if not self.use_ema:
            return []
        p, average = arena.values.data, self.slot("average", arena)
        made = [Update(average_parameters, (p, average), {"momentum": lambda steps: np.where(steps.step == 1, 0.0, self.ema_momentum)})]
        if self.ema_overwrite_frequency:
            made.append(Update(take_average, (p, average), when=lambda steps: steps.due & (steps.step % self.ema_overwrite_frequency == 0)))
        return made

    def _constraints(self, arena: Arena) -> list[Update]:
        calls = [call for p in arena.parameters if p.constraint for call in p.constraint.calls(p.value)]
        return [Update(op, given[: len(op.arrays)], dict(zip(op.scalars, given[len(op.arrays) :], strict=True))) for op, given in calls]

    # -------------------------------------------------------------------------------------------------- stepping

    def scalar_table(self, steps: int, updates: Sequence[Update] | None = None) -> np.ndarray:
        """For each of the next steps, the columns of its calls, should no learning rate be assigned meanwhile.

        Parameters
        ----------
        steps : int
        updates : sequence of Update, optional
            The calls; all of a step by default.

        Returns
        -------
        ndarray of shape (steps, columns), float64
        """
        rate, k = self._learning_rate, self._accumulated
        batch = np.arange(self.batches, self.batches + steps)
        rates = rate.rates(batch) if isinstance(rate, LearningRateSchedule) else rate
        coming = Steps(batch, batch // k + 1, (batch + 1) % k == 0, rates)
        columns = [column for update in (self._updates if updates is None else updates) for column in update.columns(coming)]
        table = np.empty((steps, len(columns)))
        for place, column in zip(table.T, columns, strict=True):
            place[:] = column
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
        if not self.built:
            raise ValueError(f"{self.name} isn't built: call build(parameters), or apply(gradients, variables)")
        self._make(self._updates)
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

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Make one step on variables of your own, as in Keras.

        Parameters
        ----------
        grads : iterable of array_like
            A gradient for each variable.
        trainable_variables : iterable of Parameter or ndarray, optional
            The variables, float32 or float64 arrays that are changed in place; always of the same shapes. Can be left out once known.

        Raises
        ------
        ValueError
            When there are no variables yet, or numbers or shapes don't fit; nothing has changed then.
        """
        variables = list(self._own_variables if trainable_variables is None else trainable_variables)
        gradients = [np.asarray(g) for g in grads]
        shapes, expected = [g.shape for g in gradients], [np.shape(v) for v in variables]
        if not variables or shapes != expected:
            raise ValueError(f"{self.name}: a gradient of the same shape is needed for each variable, {expected}, got {shapes}")
        if not self.built:
            self.build([_as_parameter(v, number) for number, v in enumerate(variables)])
        arena = self.arena
        if arena is None or [p.shape for p in arena.parameters] != expected:
            raise ValueError(f"{self.name} was built for other variables; make a new optimizer for these")
        self._own_variables = variables
        for parameter, variable, view, gradient in zip(arena.parameters, variables, arena.gradients.views, gradients, strict=True):
            view[...] = gradient
            if parameter is not variable:
                parameter.value[...] = variable
        self.step()
        for parameter, variable in zip(arena.parameters, variables, strict=True):
            if parameter is not variable:
                variable[...] = parameter.value

    _own_variables: Iterable[Any] = ()

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """:meth:`apply` for pairs of a gradient and its variable; returns the number of updates made."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Put the moving average, where one is kept, in the parameters' place; `fit` does it when it ends."""
        if self.use_ema and self.iterations and self.arena is not None:
            take_average(self.arena.values.data, self.slots["average"])

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: calls are bound to one model's arrays, and bound again when needed."""
        return {**self.__dict__, "_updates": [], "arena": None, "_own_variables": ()}


ONE_TOO = float(np.nextafter(1.0, 2.0))
"""The bound below which numbers are that may be 1."""


def _count(name: str, value: Any) -> int | None:
    """A number of steps, or None."""
    return None if value is None else positive_integer(name, value)


def check_groups(groups: Any) -> dict[str, dict[str, float]]:
    """Groups of parameters as plain data.

    Raises
    ------
    ValueError
        For other keys than ``learning_rate`` and ``weight_decay``, and factors that aren't finite numbers >= 0.
    TypeError
        For anything but a dictionary of dictionaries.
    """
    made = {}
    for pattern, factors in dict(groups or {}).items():
        if not isinstance(pattern, str) or not isinstance(factors, Mapping):
            raise TypeError(f"groups must map names to factors such as {{'bias': {{'weight_decay': 0}}}}, got {pattern!r}: {factors!r}")
        if unknown := set(factors) - set(Group._fields):
            raise ValueError(f"groups[{pattern!r}] may hold {' and '.join(Group._fields)}, got {', '.join(map(repr, sorted(unknown)))}")
        made[pattern] = {key: check_number(f"groups[{pattern!r}]: {key}", factor) for key, factor in factors.items()}
    return made


def _arena_of(parameters: Iterable[Parameter]) -> Arena:
    given = list(parameters)
    return Arena(given, np.result_type(*(p.dtype for p in given)))


def _as_parameter(variable: Any, number: int) -> Parameter:
    if isinstance(variable, Parameter):
        return variable
    if not isinstance(variable, np.ndarray) or variable.dtype not in (np.float32, np.float64):
        raise TypeError(f"variable {number} must be a Parameter or a float32 or float64 array, got {type(variable).__name__}")
    return Parameter(f"variable_{number}", variable.copy())


optimizers: Catalogue[Optimizer] = Catalogue("optimizer", Optimizer)
"""Every optimizer class by its names."""

get = optimizers.get
