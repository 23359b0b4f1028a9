"""Optimizers that work on the loss of all samples at once, and look along a line for a lower one in each iteration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.optimizers.function import Evaluate, Evaluation, Function, Result, as_start
from fastnn.optimizers.line_search import Point, dot, strong_wolfe
from fastnn.optimizers.optimizer import Optimizer, check_number
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.updates import Update
from fastnn.parameters import Arena, Parameter

__all__ = ["FullBatchOptimizer", "Move"]


class Move(NamedTuple):
    """What an iteration did.

    Attributes
    ----------
    direction : ndarray
    start, end : Point
        Of the line.
    change : ndarray
        Of the parameters.
    """

    direction: np.ndarray
    start: Point
    end: Point
    change: np.ndarray


class FullBatchOptimizer(Optimizer):
    """Base of optimizers that see all samples in each iteration.

    In `fit`, an epoch is an iteration: a line search, which takes a few passes over all data. `batch_size` only bounds the memory (1024
    by default), and the samples aren't shuffled. What is minimised is the loss that the history shows, the mean of the batches', each
    with the penalties, weighted by their numbers of samples; it and the metrics are those after the iteration. A dropout's mask
    stays within an iteration. The training ends by itself when it has converged; `stopped` then says why. Batch-level callbacks are
    called once an iteration. An iterable's batches of an epoch are kept in memory for it.

    A subclass defines `direction`, `remember` and `next_step`, and names its slots in `slot_names`.

    Parameters
    ----------
    learning_rate : float
        Factor on the step that each line search tries first. No schedule.
    tolerance_grad : float
        Stop when no entry of the gradient is larger.
    tolerance_change : float
        Stop when an iteration changes no parameter by more, or the loss by less.
    c1, c2 : float
        The constants of the strong Wolfe conditions, see :func:`~fastnn.optimizers.line_search.strong_wolfe`; 0 < c1 < c2 < 1.
    max_evaluations : int
        Evaluations in a line search.
    name : str, optional

    Attributes
    ----------
    stopped : str or None
        Why no further iteration is of use, after one that found so.

    Raises
    ------
    ValueError
        For numbers outside their range, and for options of other optimizers that have no meaning here: clips, weight decay, averages,
        accumulation and groups.
    """

    full_batch = True

    def __init__(
        self,
        learning_rate: float = 1.0,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        c1: float = 1e-4,
        c2: float = 0.9,
        max_evaluations: int = 25,
        name: str | None = None,
        **options: Any,
    ):
        _refuse(type(self).__name__, options)
        super().__init__(learning_rate, name=name)
        self.tolerance_grad = check_number("tolerance_grad", tolerance_grad)
        self.tolerance_change = check_number("tolerance_change", tolerance_change)
        self.c1 = check_number("c1", c1, open_low=True, high=1.0)
        self.c2 = check_number("c2", c2, low=self.c1, open_low=True, high=1.0)
        self.max_evaluations = positive_integer("max_evaluations", max_evaluations)
        self.stopped: str | None = None

    def __init_subclass__(cls) -> None:
        """Show the arguments here, rather than those of other optimizers, where a subclass takes ``**options``."""
        super().__init_subclass__()
        own = inspect.signature(cls.__init__).parameters
        shared = inspect.signature(FullBatchOptimizer.__init__).parameters
        shown = {**own, **{k: p.replace(kind=p.KEYWORD_ONLY) for k, p in shared.items() if k not in own}}
        cls.__signature__ = inspect.Signature([p for k, p in shown.items() if k not in ("self", "options")])  # type: ignore[attr-defined]

    @staticmethod
    def _as_learning_rate(value: Any) -> float:
        if isinstance(value, (LearningRateSchedule, dict)):
            raise ValueError(f"learning_rate must be a number, got {value!r}: a line search finds each step's length, and tries this first")
        return check_number("learning_rate", value, open_low=True)

    # ------------------------------------------------------------------------------------------ what subclasses define

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Where to go, from the gradient here and what is remembered."""
        raise NotImplementedError(f"{type(self).__name__} must define direction(self, gradient)")

    def remember(self, move: Move) -> None:
        """Keep of a move what the next directions depend on."""
        raise NotImplementedError(f"{type(self).__name__} must define remember(self, move)")

    def next_step(self, slope: float) -> float:
        """The step to try first along a direction made from memory, along which the function has this slope."""
        return 1.0

    # ------------------------------------------------------------------------------------------------------ binding

    @property
    def form(self) -> tuple[Any, ...]:
        return ()

    def update_calls(self, arena: Arena) -> list[Update]:
        """None: iterations are made outside of programs. They need the slots, though.

        Raises
        ------
        ValueError
            When a parameter has a constraint, which a point found by a line search wouldn't satisfy.
        """
        for parameter in arena.parameters:
            if parameter.constraint:
                raise ValueError(f"{self.name} can't keep the constraint of {parameter.path}: leave it out, or use another optimizer")
        for name in self.slot_names:
            self.slot(name, arena)
        return []

    def step(self) -> None:
        """Not possible: an iteration evaluates the loss at several points.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{self.name} can't step by gradients alone, it evaluates the loss at several points: use fit, or minimize")

    def forget(self) -> None:
        """Begin again with the steepest descent."""
        for memory in (*self.slots.values(), *self.numbers.values()):
            memory[...] = 0

    @property
    def _remembers(self) -> bool:
        return any(memory.any() for memory in (*self.slots.values(), *self.numbers.values()))

    # --------------------------------------------------------------------------------------------------- iterations

    def iterate(self, evaluate: Evaluate, here: Evaluation) -> Evaluation:
        """Make one iteration, from the parameters in the arena to a lower point, if there is one.

        Parameters
        ----------
        evaluate : callable
            Gives loss and gradient for what the parameters are when it is called.
        here : Evaluation
            Those at the parameters now.

        Returns
        -------
        Evaluation
            Those at the new parameters. Where an error or Ctrl-C ends the search, the parameters are what they were.
        """
        x: np.ndarray = self.arena.values.data  # type: ignore[union-attr]
        self.stopped = self._done(here)
        if self.stopped:
            return here
        origin = x.copy()
        try:
            with np.errstate(all="ignore"):
                move = self._descend(origin, evaluate, here)
        except BaseException:
            x[...] = origin
            raise
        x[...] = origin + move.change
        if not move.end.step:
            self.stopped = "no lower point was found along the gradient"
            return here
        self.remember(move)
        self.batches += 1
        there = Evaluation(move.end.value, move.end.gradient)
        self.stopped = self._done(there) or self._unchanged(move)
        return there

    def _done(self, here: Evaluation) -> str | None:
        if not here.finite:
            return "the loss or its gradient isn't finite"
        if np.abs(here.gradient).max(initial=0) <= self.tolerance_grad:
            return f"no entry of the gradient is larger than tolerance_grad={self.tolerance_grad:g}"
        return None

    def _unchanged(self, move: Move) -> str | None:
        if np.abs(move.change).max() <= self.tolerance_change:
            return f"no parameter changed by more than tolerance_change={self.tolerance_change:g}"
        if abs(move.end.value - move.start.value) < self.tolerance_change:
            return f"the loss changed by less than tolerance_change={self.tolerance_change:g}"
        return None

    def _descend(self, origin: np.ndarray, evaluate: Evaluate, here: Evaluation) -> Move:
        """The first move along one of the directions that leads to a lower point; one of length 0 where none does."""
        for direction, scale in self._directions(here.gradient):
            start = Point(0.0, here.value, dot(here.gradient, direction), here.gradient)
            end = start
            if start.slope < 0:
                first = scale(start.slope) * self.learning_rate
                end = self._search(origin, direction, evaluate, start, first)
            if end.step:
                break
        return Move(direction, start, end, direction * end.step)

    def _directions(self, gradient: np.ndarray) -> Iterator[tuple[np.ndarray, Callable[[float], float]]]:
        """The method's own direction, then the steepest one; with each, what makes the step to try first of its slope."""
        if self._remembers:
            yield self.direction(gradient), self.next_step
            self.forget()
        yield 0.0 - gradient, lambda slope: min(1.0, 1.0 / float(np.abs(gradient).sum(dtype=np.float64)))

    def _search(self, origin: np.ndarray, direction: np.ndarray, evaluate: Evaluate, start: Point, first: float) -> Point:
        x: np.ndarray = self.arena.values.data  # type: ignore[union-attr]

        def line(step: float) -> Point:
            x[...] = origin + direction * step
            value, gradient = evaluate()
            return Point(step, value, dot(gradient, direction), gradient)

        narrowest = self.tolerance_change / float(np.abs(direction).max())
        return strong_wolfe(line, start, first, self.c1, self.c2, self.max_evaluations, narrowest)

    # ----------------------------------------------------------------------------------------------- plain functions

    def minimize(
        self,
        f: Callable[[np.ndarray], tuple[float, Any]],
        x0: Any,
        max_iterations: int = 1000,
        callback: Callable[[np.ndarray], Any] | None = None,
    ) -> Result:
        """Minimise a function of an array. The optimizer itself stays as it is, and can be used again.

        Parameters
        ----------
        f : callable
            ``f(x) -> (value, gradient)``, the gradient of x's shape. Where it isn't finite, the step was too long.
        x0 : array_like
            Where to begin; float32 stays so, anything else becomes float64.
        max_iterations : int
        callback : callable, optional
            Called with x after each iteration.

        Returns
        -------
        Result

        Raises
        ------
        ValueError
            When `x0` isn't finite numbers, the function isn't finite there, or gives a gradient of another shape.

        Examples
        --------
        >>> import fastnn
        >>> def f(x):
        ...     return x[0]**2 + x[0]*x[1] + 4*x[1]**2, [2*x[0] + x[1], x[0] + 8*x[1]]
        >>> fastnn.optimizers.LBFGS().minimize(f, [3.0, 3.0]).x.round(6) + 0.0
        array([0., 0.])
        """
        limit = positive_integer("max_iterations", max_iterations)
        x = Parameter("x", as_start(x0))
        solver = type(self).from_config(self.get_config())
        solver.build([x])
        function = Function(f, solver.arena)  # type: ignore[arg-type]
        here = function()
        if not here.finite:
            raise ValueError(f"{self.name}: the function and its gradient must be finite at x0, got the value {here.value}")
        while not solver.stopped and solver.iterations < limit:
            made, here = solver.iterations, solver.iterate(function, here)
            if callback and solver.iterations > made:
                callback(x.numpy())
        reason = solver.stopped or f"it made max_iterations={limit}"
        largest = float(np.abs(here.gradient).max(initial=0))
        return Result(x.numpy(), here.value, largest, solver.iterations, function.calls, reason, bool(solver.stopped))


def _refuse(who: str, options: dict[str, Any]) -> None:
    """Raise for options that mean nothing where a line search finds the step; those left at their default don't matter."""
    known = inspect.signature(Optimizer.__init__).parameters
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"{who}() got an unexpected keyword argument {name!r}")
        if value != known[name].default:
            raise ValueError(
                f"{who}: {name}={value!r} has no meaning for an optimizer that searches for a lower loss of all samples; "
                f"{_INSTEAD.get(name, 'leave it out')}"
            )


_INSTEAD = {"weight_decay": "give the layers kernel_regularizer=L2(...) to keep weights small"}
