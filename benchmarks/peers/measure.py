"""Timing: all entrants in turn, round after round, so that a busy moment of the machine hits them all."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers import rivals
from benchmarks.peers.workloads import Prediction, Training

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Effort:
    """How many rounds, how long one entrant's turn lasts at least, in seconds, and by which clock."""

    rounds: int = 15
    turn: float = 0.02
    clock: Callable[[], float] = time.perf_counter

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Give a command line the options that `of` reads."""
        parser.add_argument("--quick", action="store_true", help="few and short rounds")
        parser.add_argument(
            "--processor-time", action="store_true", help="time on the processor, not on the wall: for a machine that others use, too"
        )

    @staticmethod
    def of(options: argparse.Namespace) -> Effort:
        """What the command line asks for."""
        rounds, turn = (5, 0.005) if options.quick else (Effort.rounds, Effort.turn)
        return Effort(rounds, turn, time.process_time if options.processor_time else time.perf_counter)

    @property
    def clock_name(self) -> str:
        return "processor" if self.clock is time.process_time else "wall"


@dataclass(frozen=True)
class Timing:
    """Microseconds a step or a call, a number a round; and seconds the first epoch or call took, compilation included."""

    samples: tuple[float, ...]
    first: float

    @property
    def median(self) -> float:
        return float(np.median(self.samples))

    @property
    def spread(self) -> float:
        """The distance of the quartiles, as a share of the median."""
        low, high = np.percentile(self.samples, [25, 75])
        return float(high - low) / self.median


Timings = dict[str, Timing]


def time_training(workload: Training, effort: Effort) -> Timings:
    """Microseconds a step, after an epoch in fixed order whose loss all entrants must agree on."""
    entrants = {name: made(workload) for name, made in rivals.trainers.items()}
    first = {name: _timed(partial(entrant.epoch, False), effort.clock) for name, entrant in entrants.items()}
    check_agreement({name: loss for name, (_, loss) in first.items()}, f"mean loss of {workload.name}'s first epoch")
    calls = {name: partial(entrant.epoch, True) for name, entrant in entrants.items()}
    return _timings(calls, {name: seconds for name, (seconds, _) in first.items()}, effort, workload.steps)


def time_prediction(workload: Prediction, effort: Effort) -> Timings:
    """Microseconds a call, after one whose outputs all entrants must agree on."""
    calls = {name: partial(make(workload), workload.x) for name, make in rivals.predictors.items()}
    first = {name: _timed(call, effort.clock) for name, call in calls.items()}
    check_agreement({name: out for name, (_, out) in first.items()}, f"outputs of {workload.name}, batch {workload.batch}")
    return _timings(calls, {name: seconds for name, (seconds, _) in first.items()}, effort, 1)


def check_agreement(values: dict[str, Any], what: str) -> None:
    """All entrants must have computed the same.

    Raises
    ------
    ValueError
        When one is further than `TOLERANCE` from the first, relative to the largest value.
    """
    names = list(values)
    for name in names[1:]:
        expected, got = np.asarray(values[names[0]]), np.asarray(values[name])
        if expected.shape != got.shape:
            raise ValueError(f"{what}: {name} has shape {got.shape}, {names[0]} {expected.shape}")
        deviation = np.max(np.abs(got - expected)) / np.max(np.abs(expected))
        if not deviation <= TOLERANCE:
            raise ValueError(
                f"{what}: {name} deviates from {names[0]} by {deviation:.1e}, more than {TOLERANCE:.0e}: they compute different things"
            )


def _timings(calls: dict[str, Callable[[], Any]], first: dict[str, float], effort: Effort, steps: int) -> Timings:
    samples = interleave(calls, effort)
    return {name: Timing(tuple(1e6 * seconds / steps for seconds in samples[name]), first[name]) for name in calls}


def interleave(calls: dict[str, Callable[[], Any]], effort: Effort) -> dict[str, list[float]]:
    """Seconds a call: a number a round for each entrant, none of them its warm-up."""
    counts = {name: _count(call, effort) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    with _no_collection():
        for _ in range(effort.rounds):
            for name, call in calls.items():
                samples[name].append(_seconds(call, counts[name], effort.clock))
    return samples


def _count(call: Callable[[], Any], effort: Effort) -> int:
    """How many calls fill a turn; as a warm-up, calls for about half a turn come first."""
    start, calls = effort.clock(), 0
    while calls == 0 or effort.clock() < start + effort.turn / 2:
        call()
        calls += 1
    return max(1, round(effort.turn / _seconds(call, calls, effort.clock)))


def _seconds(call: Callable[[], Any], count: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


def _timed(call: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, Any]:
    start = clock()
    result = call()
    return clock() - start, result


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
