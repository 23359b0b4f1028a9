"""Training while every processor is busy: step times with a spinning process on each, next to the quiet ones.

Quiet, one thread is compared with itself. Busy, it gets about half a processor, so twice the time is what can be had; several threads that
wait for each other can take far longer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastnn
from benchmarks.peers import rivals
from benchmarks.peers.environment import describe
from benchmarks.peers.report import is_ours
from benchmarks.peers.workloads import TRAININGS, Training
from benchmarks.tables import machine_lines, number, table

LIMIT = 2.5
"""What fastnn may take at most, as a factor on its quiet time with one thread."""
LIBRARIES = ("fastnn", "torch")
EPOCH = 0.02
"""Seconds a quiet epoch takes: short, as a busy one may take a thousand times as long."""

_SPIN = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(sys.argv[1])})
parent = os.getppid()
while os.getppid() == parent:  # not longer than the measurement, however that ends
    for _ in range(1_000_000):
        pass
"""


def set_threads(count: int) -> None:
    """For fastnn, and for torch if it takes part."""
    fastnn.set_num_threads(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


@contextmanager
def spinning() -> Iterator[None]:
    """A process on each processor that this one may use, which never waits."""
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    running = [subprocess.Popen([sys.executable, "-c", _SPIN, str(processor)]) for processor in processors]
    try:
        time.sleep(0.5)  # they have started
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def epoch_time(trainer: rivals.Trainer, steps: int, seconds: float) -> float:
    """Microseconds a step: the mean over epochs for about `seconds`, since contention comes in bursts."""
    start, epochs = time.perf_counter(), 0
    while epochs == 0 or time.perf_counter() < start + seconds:
        trainer.epoch(True)
        epochs += 1
    return 1e6 * (time.perf_counter() - start) / (epochs * steps)


def short(workload: Training, make: Callable[[Training], rivals.Trainer]) -> Training:
    """The workload with as many steps as a quiet epoch of `EPOCH` seconds has."""
    workload = replace(workload, steps=min(workload.steps, 20))
    trainer = make(workload)
    trainer.epoch(True)
    return replace(workload, steps=max(1, round(EPOCH * 1e6 / epoch_time(trainer, workload.steps, EPOCH))))


def measure(workload: Training, threads: list[int], seconds: float) -> dict[str, Any]:
    """Microseconds a step of each library, quiet and busy, on each number of threads."""
    set_threads(1)
    workloads = {name: short(workload, make) for name, make in rivals.trainers.items()}
    trainers = {name: (make(workloads[name]), workloads[name].steps) for name, make in rivals.trainers.items()}
    quiet = _all_times(trainers, threads, seconds)
    with spinning():
        busy = _all_times(trainers, threads, seconds)
    return {"workload": workload.name, "microseconds": {name: {"quiet": quiet[name], "busy": busy[name]} for name in trainers}}


def _all_times(trainers: dict[str, tuple[rivals.Trainer, int]], threads: list[int], seconds: float) -> dict[str, dict[str, float]]:
    """For each library, by the number of threads."""
    found: dict[str, dict[str, float]] = {name: {} for name in trainers}
    for count in threads:
        set_threads(count)
        for name, (trainer, steps) in trainers.items():
            trainer.epoch(True)
            found[name][str(count)] = epoch_time(trainer, steps, seconds)
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The table as Markdown."""
    yield from machine_lines(found["machine"])
    yield "\nMicroseconds a step, and as a factor on the library's quiet one-thread time\n"
    threads = found["threads"]
    states = [f"{state}, {count} thread{'s' if count > 1 else ''}" for state in ("quiet", "busy") for count in threads]
    rows = [["workload", "library", *states, "target"]]
    for each in found["workloads"]:
        rows += ([each["workload"], name, *_cells(name, times, threads)] for name, times in each["microseconds"].items())
    yield from table(rows, left=(0, 1, len(rows[0]) - 1))


def _cells(name: str, times: dict[str, dict[str, float]], threads: list[int]) -> Iterator[str]:
    base = times["quiet"]["1"]
    for state in ("quiet", "busy"):
        for n in threads:
            value = times[state][str(n)]
            yield f"{number(value)} ({number(value / base)} x)"
    worst = max(times["busy"].values()) / base
    verdict = f"<= {LIMIT} x: " + ("met" if worst <= LIMIT else f"missed by {worst / LIMIT:.2f} x")
    yield verdict if is_ours(name) else "-"


def main() -> None:
    names = [w.name for w in TRAININGS]
    parser = argparse.ArgumentParser("python -m benchmarks.contention", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="WORKLOAD", help=", ".join(names))
    parser.add_argument("--rivals", nargs="*", default=LIBRARIES, choices=LIBRARIES, help="the libraries to measure")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="1 2 by default; 1 is always measured")
    parser.add_argument("--quick", action="store_true", help="half a second for each number instead of two")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    missing = rivals.load(options.rivals)
    threads = sorted({1, *options.threads})
    machine = describe(["numpy", *(name for name in options.rivals if name not in (*missing, "fastnn"))]) | {"pinned to": None}
    found: dict[str, Any] = {"machine": machine, "not installed": missing, "threads": threads, "workloads": []}
    for workload in TRAININGS:
        if workload.name in options.only:
            print(f"measuring {workload.name}", file=sys.stderr)
            found["workloads"].append(measure(workload, threads, 0.5 if options.quick else 2.0))
    print(*lines(found), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
