"""What users see of every optimizer: its shared arguments, the learning rate, and steps on arrays of their own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastnn.configurable import Catalogue, Configurable, serialize
from fastnn.optimizers.averaging import take_average
from fastnn.optimizers.checks import ONE_TOO, check_clips, check_count, check_groups, check_number
from fastnn.optimizers.rate import Rate
from fastnn.optimizers.schedules import LearningRateSchedule, schedules
from fastnn.optimizers.stepping import Stepping, update
from fastnn.optimizers.updates import Group
from fastnn.parameters import Arena, Parameter

__all__ = ["ONE_TOO", "Optimizer", "check_number", "get", "optimizers", "update"]


class Optimizer(Stepping, Configurable):
    """Base of all optimizers.

    A subclass sets `op` (an op declared by :func:`update`) and `slot_names` (one for each of the op's slots).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    weight_decay : float, optional
        Before each update, p is multiplied by ``1 - learning_rate*weight_decay``, as in Keras. (In torch only AdamW and a few others do
        that; elsewhere its `weight_decay` adds ``weight_decay*p`` to the gradient, as a regularizer ``L2(weight_decay / 2)`` does here.)
    clipnorm, clipvalue, global_clipnorm : float, optional
        Bound for the norm of each variable's gradient, for each entry, or for the norm of all gradients together; at most one.
    use_ema : bool
        Whether an exponential moving average of the parameters is kept, which takes their place at the end of `fit`.
    ema_momentum : float
        In [0, 1]: after each update ``average = ema_momentum*average + (1-ema_momentum)*p``; the first average is p itself.
        With gradients accumulated too; Keras averages after each batch then.
    ema_overwrite_frequency : int, optional
        The average takes the parameters' place after every so many updates, too.
    gradient_accumulation_steps : int, optional
        Make an update with the mean gradient of so many batches, after the last of them. A schedule goes on counting batches, as in Keras.
    groups : dict of str to dict, optional
        Factors for the learning rate and the weight decay of some parameters, by the name of a layer, a kind of parameter, or both:
        ``{"bias": {"weight_decay": 0}, "dense_1": {"learning_rate": 0.1}, "dense_2/kernel": {...}}``; ``*`` matches any letters. Layers
        inside others are found by their own names too. Where several fit, the factors multiply.
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
    numbers : dict of str to ndarray
        What it remembers besides, each of shape (1,).
    built : bool
    arena : Arena or None
        The parameters and gradients that the next step works on.
    op : Op
    slot_names : tuple of str
    full_batch : bool
        Whether a step is a search on all samples, see :class:`~fastnn.optimizers.full_batch.FullBatchOptimizer`.

    Raises
    ------
    ValueError
        When an argument is not a number in its range, more than one clip is given, or a group has other keys than the two.
    TypeError
        For an unknown argument.
    """

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
        clips = check_clips(clipnorm=clipnorm, clipvalue=clipvalue, global_clipnorm=global_clipnorm)
        self.clipnorm, self.clipvalue, self.global_clipnorm = clips.values()
        self.use_ema, self.ema_momentum = bool(use_ema), check_number("ema_momentum", ema_momentum, high=ONE_TOO)
        self.ema_overwrite_frequency = check_count("ema_overwrite_frequency", ema_overwrite_frequency)
        self.gradient_accumulation_steps = check_count("gradient_accumulation_steps", gradient_accumulation_steps)
        self.groups = check_groups(groups)
        self.name = name or type(self).__name__.lower()
        self.batches = 0
        self.slots, self.numbers = {}, {}
        self.built = False
        self.arena = None
        self._undecayed: list[str] = []
        self._own_variables: list[Any] = []

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
        if isinstance(value, (str, Optimizer)):
            raise ValueError(
                f"learning_rate must be a finite number >= 0 or a schedule such as schedules.CosineDecay(0.01, 1000), got {value!r}"
            )
        return check_number("learning_rate", float(value) if isinstance(value, Rate) else value)

    @property
    def learning_rate(self) -> Rate:
        """The learning rate of the next step; assign a number or a schedule.

        Raises
        ------
        ValueError
            When assigned what isn't a finite number >= 0.
        TypeError
            When a number is assigned while a schedule is in charge, as in Keras.
        """
        rate = self._learning_rate
        return Rate(rate(self.batches) if isinstance(rate, LearningRateSchedule) else rate, self)

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
    def lr(self) -> Rate:
        """What Keras 2 calls `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: float | LearningRateSchedule) -> None:
        self.learning_rate = value  # type: ignore[assignment]

    @property
    def iterations(self) -> int:
        return self.batches // self._accumulated

    @iterations.setter
    def iterations(self, value: int) -> None:
        self.batches = int(value) * self._accumulated

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; a learning-rate schedule is kept as such."""
        return {**super().get_config(), "learning_rate": serialize(self._learning_rate)}

    # --------------------------------------------------------------------------------------- which parameters

    def group_of(self, parameter: Parameter) -> Group:
        group = super().group_of(parameter)
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

    def build(self, variables: Arena | Iterable[Any]) -> None:
        """Allocate the slots for some parameters, and begin at step 0.

        Parameters
        ----------
        variables : Arena or iterable of (Parameter or ndarray)
            Parameters of a model move out of its vector, until it trains again.

        Raises
        ------
        TypeError
            When a variable is something else.
        ValueError
            When there is none, or a group of `groups` fits no parameter.
        """
        if isinstance(variables, Arena):
            self._own_variables = []
            self.begin(variables)
        else:
            given = list(variables)
            self.begin(_arena_of(given))
            self._own_variables = given

    # ------------------------------------------------------------------------------------- steps on arrays of one's own

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
        variables = self._own_variables if trainable_variables is None else list(trainable_variables)
        gradients = [np.asarray(g) for g in grads]
        shapes, expected = [g.shape for g in gradients], [np.shape(v) for v in variables]
        if not variables or shapes != expected:
            raise ValueError(f"{self.name}: a gradient of the same shape is needed for each variable, {expected}, got {shapes}")
        if not self.built:
            self.build(variables)
        elif self.arena is None:  # a copy's is gone
            self._bind_again(_arena_of(variables))
        if [p.shape for p in self.arena.parameters] != expected:  # type: ignore[union-attr]
            raise ValueError(f"{self.name} was built for other variables; make a new optimizer for these")
        self._own_variables = variables
        self._step_on_own(gradients)

    def _bind_again(self, arena: Arena) -> None:
        if any(slot.shape != arena.values.data.shape for slot in self.slots.values()):
            raise ValueError(f"{self.name} was built for other variables; make a new optimizer for these")
        self.bind(arena)

    def _step_on_own(self, gradients: list[np.ndarray]) -> None:
        arena: Arena = self.arena  # type: ignore[assignment]
        for parameter, variable, view, gradient in zip(
            arena.parameters, self._own_variables, arena.gradients.views, gradients, strict=True
        ):
            view[...] = gradient
            if parameter is not variable:
                parameter.value[...] = variable
        self.step()
        self._hand_out()

    def _hand_out(self) -> None:
        """Bring arrays of the caller's own up to date."""
        if self._own_variables and self.arena is not None:
            for parameter, variable in zip(self.arena.parameters, self._own_variables, strict=True):
                if parameter is not variable:
                    variable[...] = parameter.value

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """:meth:`apply` for pairs of a gradient and its variable; returns the number of updates made."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Put the moving average, where one is kept, in the parameters' place; `fit` does it when it ends."""
        if self.use_ema and self.iterations:
            self.take("average")

    def take(self, slot: str) -> None:
        """Put what a slot holds in the parameters' place."""
        if self.arena is not None:
            take_average(self.arena.values.data, self.slot(slot, self.arena))
            self._hand_out()

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: calls are bound to one model's arrays, and bound again when needed."""
        return {**self.__dict__, "_updates": (), "_bound": None, "arena": None, "_own_variables": []}


def _arena_of(variables: list[Any]) -> Arena:
    if not variables:
        raise ValueError("an optimizer needs at least one variable")
    given = [_as_parameter(v, number) for number, v in enumerate(variables)]
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
