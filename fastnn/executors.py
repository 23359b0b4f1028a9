"""Who runs a program: the compiled engine, for whole epochs without Python, or NumPy, op by op, as its oracle."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from fastnn import backend, threads
from fastnn.program import Call, Program
from fastnn.regions import breakout, described, regions

SLICE = 0.05
"""Seconds after which an executor returns, so that Ctrl-C is noticed and progress shown."""


class Executor(Protocol):
    """What runs a program.

    Attributes
    ----------
    done : int
        Steps that the last run did, also when an error or Ctrl-C ended it.
    """

    done: int

    def feed(self, call: Call, source: np.ndarray) -> None:
        """Let `call`, one of the program's that gather a batch, read from `source`."""

    def run(
        self,
        order: np.ndarray,
        first: int,
        steps: int,
        table: np.ndarray | None = None,
        watched: np.ndarray | None = None,
        limit: float = SLICE,
    ) -> None:
        """Run batches `first` to ``first + steps`` of `order`, or fewer when the time is up.

        Parameters
        ----------
        order : ndarray of int64
            The samples' numbers.
        first, steps : int
        table : ndarray of shape (steps, columns), optional
            For each step the columns of the optimizer's calls.
        watched : ndarray of shape (1,), optional
            The last batch's loss: return when it is no finite number.
        limit : float
            Seconds after which to return.
        """


class NumpyExecutor:
    """Interprets a program op by op."""

    def __init__(self, program: Program):
        self.program = program
        self.calls = list(program.calls)
        self.done = 0
        self._arguments: dict[int, list[list[Any]]] = {}

    def feed(self, call: Call, source: np.ndarray) -> None:
        call.arguments[0] = source
        self._arguments.clear()

    def run(
        self,
        order: np.ndarray,
        first: int,
        steps: int,
        table: np.ndarray | None = None,
        watched: np.ndarray | None = None,
        limit: float = SLICE,
    ) -> None:
        program, until = self.program, perf_counter() + limit
        self.done = 0
        with np.errstate(all="ignore"):
            for step in range(steps):
                batch = order[(first + step) * program.batch_size :][: program.batch_size]
                program.index[: len(batch)] = batch
                program.count[0] = len(batch)
                program.step += np.uint64(program.training)
                row = [] if table is None else table[step].tolist()
                for call, arguments in zip(self.calls, self._cut(len(batch)), strict=True):
                    moved = call.moved(row)
                    if moved is not None:
                        call.op.reference(*arguments, *moved)
                self.done = step + 1
                if perf_counter() > until or (watched is not None and not np.isfinite(watched[0])):
                    return

    def _cut(self, samples: int) -> list[list[Any]]:
        """Each call's arguments for so many samples."""
        if samples not in self._arguments:
            self._arguments[samples] = [call.of(samples, self.program.batch_size) for call in self.calls]
        return self._arguments[samples]


class CompiledExecutor:
    """Runs a program by the engine, on `count` threads, or on as many as are set when it is made."""

    def __init__(self, program: Program, count: int | None = None):
        from fastnn._compiled.engine import Plan

        threads.join_threadpoolctl()
        self.threads = count or threads.get_num_threads()
        made = regions(program, self.threads)
        size = program.batch_size
        bound = [node.call for each, _ in made if isinstance(each, list) for group in each for node in group.nodes]
        self._places = {id(call): place for place, call in enumerate(bound)}
        self.plan = Plan(
            [breakout(each, size) if isinstance(each, Call) else [described(group, size) for group in each] for each, _ in made],
            [shared for _, shared in made],
            size,
            program.index,
            program.count,
            program.step,
            program.training,
        )

    def feed(self, call: Call, source: np.ndarray) -> None:
        call.arguments[0] = source
        self.plan.rebind(self._places[id(call)], call.arguments)

    def run(
        self,
        order: np.ndarray,
        first: int,
        steps: int,
        table: np.ndarray | None = None,
        watched: np.ndarray | None = None,
        limit: float = SLICE,
    ) -> None:
        self.plan.run(order, first, steps, table, self.threads, limit, watched)

    @property
    def done(self) -> int:
        return self.plan.done


def executor(program: Program) -> Executor:
    """The current backend's executor of a program."""
    return CompiledExecutor(program) if backend.current() == "compiled" else NumpyExecutor(program)


def kind() -> tuple[str, int]:
    """What an executor made now would depend on: backend and number of threads."""
    return backend.current(), threads.get_num_threads()


__all__: Sequence[str] = ["CompiledExecutor", "Executor", "NumpyExecutor", "executor", "kind"]
