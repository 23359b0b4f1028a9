"""Where a training step's time goes: every call of its program alone, next to the whole step by `fit`.

A call is repeated on its own arrays, part by part as the engine cuts it, so it finds them in the cache where they fit; what that hides, and
what the engine itself takes, is the difference to the whole step. One thread.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import describe, pin

if __name__ == "__main__":
    pin()

import numpy as np

from benchmarks.peers.fastnn_ import Trainer
from benchmarks.peers.measure import Effort, interleave
from benchmarks.peers.peak import measured_peak
from benchmarks.peers.workloads import TRAININGS, Training
from benchmarks.tables import machine_lines, number, table
from fastnn.regions import Node, regions

REPEATED = 1e-4
"""Seconds that a call is repeated for between two readings of the clock, at least."""


def profile(workload: Training, effort: Effort, peak: float | None) -> dict[str, Any]:
    """Microseconds of each call and of the whole step.

    Parameters
    ----------
    workload : Training
    effort : Effort
    peak : float, optional
        GFLOP/s that the products are compared with.
    """
    trainer = Trainer(workload)
    trainer.model.optimizer.learning_rate = 0.0  # parameters stay as they are while their update is repeated
    nodes = _nodes(trainer)
    table = trainer.model.optimizer.scalar_table(1)[0]
    calls = [_Repeated(node, table, effort) for node in nodes]
    entrants: dict[Any, Any] = {"shuffled": partial(trainer.epoch, True), "in order": partial(trainer.epoch, False)}
    entrants["one step"] = partial(trainer.model.fit, workload.x[: workload.batch], workload.y[: workload.batch], workload.batch, verbose=0)
    for i, call in enumerate(calls):
        entrants |= {(i, "run"): call.run, (i, "bind"): call.bind}
    found = {name: float(np.median(seconds)) * 1e6 for name, seconds in interleave(entrants, effort).items()}
    step, order = (found[name] / workload.steps for name in ("shuffled", "in order"))
    rows = [call.row((found[i, "run"] - found[i, "bind"]) / call.times, step, peak) for i, call in enumerate(calls)]
    once = max(0.0, found["one step"] - order) / workload.steps
    return {
        "workload": workload.name,
        "batch": workload.batch,
        "steps": workload.steps,
        "microseconds": {"step": step, "calls": sum(row["microseconds"] for row in rows), "shuffling": step - order, "fit": once},
        "calls": rows,
    }


def _nodes(trainer: Trainer) -> list[Node]:
    """The calls that the engine runs one after the other, bound to the data."""
    model, workload = trainer.model, trainer.workload
    trainer.epoch(False)  # makes the program
    lowered = next(lowered for (_, training, *_), (_, lowered) in model._programs.items() if training)
    lowered.feed(model._prepare(workload.x, workload.y))
    lowered.program.index[:] = workload.order(True)[0]
    return [node for groups, _ in regions(lowered.program, 1) for group in groups for node in group.nodes]


class _Repeated:
    """A call of a program, to be timed."""

    def __init__(self, node: Node, table: np.ndarray, effort: Effort):
        self.call, self.arrays = node.call, node.call.arrays
        self.arguments = [*self.call.arguments, *(self.call.moved(table.tolist()) or ())]
        self.times, passed = 1, 0.0
        while passed < REPEATED:
            self.times *= 2
            start = effort.clock()
            self.run()
            passed = effort.clock() - start

    def run(self) -> None:
        self.call.op.compiled.repeat(self.times, *self.arguments)

    def bind(self) -> None:
        """What `run` takes besides the call itself."""
        self.call.op.compiled.repeat(0, *self.arguments)

    def row(self, microseconds: float, step: float, peak: float | None) -> dict[str, Any]:
        operations = self._operations()
        rate = operations / microseconds / 1e3 if operations else None
        return {
            "op": self.call.op.name,
            "arrays": ", ".join("x".join(map(str, v.shape)) for _, v in self.arrays),
            "microseconds": microseconds,
            "share of step": microseconds / step,
            "GFLOP/s": rate,
            "share of peak": rate / peak if rate and peak else None,
        }

    def _operations(self) -> int:
        """Two for each multiply-add of a matrix product; 0 for any other op."""
        sizes = {symbol: size for a, v in self.arrays for symbol, size in zip(a.shape, v.shape, strict=True)}
        return 2 * math.prod(sizes[symbol] for symbol in "nkm") if self.call.op.family == "dense" and set("nkm") <= sizes.keys() else 0


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The tables as Markdown."""
    yield from machine_lines(found["machine"])
    if found["peak GFLOP/s"]:
        yield f"Measured peak of multiply-adds: float32 {found['peak GFLOP/s']:.0f} GFLOP/s"
    for each in found["profiles"]:
        yield f"\n{each['workload']}, batch {each['batch']}: microseconds of a step\n"
        yield from table(list(_rows(each)), left=(0, 1))


def _rows(each: dict[str, Any]) -> Iterator[list[str]]:
    whole = each["microseconds"]
    yield ["op", "arrays", "us", "share", "GFLOP/s", "of peak"]
    for row in each["calls"]:
        of_peak = "-" if row["share of peak"] is None else f"{row['share of peak']:.0%}"
        yield [row["op"], row["arrays"], number(row["microseconds"]), f"{row['share of step']:.1%}", number(row["GFLOP/s"]), of_peak]
    rest = whole["step"] - whole["calls"] - whole["shuffling"] - whole["fit"]
    others = {
        "all calls": whole["calls"],
        "shuffling, a step's share": whole["shuffling"],
        "`fit` itself, a step's share": whole["fit"],
        "the rest: engine, cache misses": rest,
        "a step by `fit`": whole["step"],
    }
    yield from ([name, "", number(value), f"{value / whole['step']:.1%}", "", ""] for name, value in others.items())


def main() -> None:
    names = [w.name for w in TRAININGS]
    parser = argparse.ArgumentParser("python -m benchmarks.profile", description=__doc__.partition("\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE")
    Effort.add_options(parser)
    options = parser.parse_args()
    if unknown := set(options.workloads) - set(names):
        parser.error(f"unknown workload {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    effort, peak = Effort.of(options), measured_peak("float32")
    found: dict[str, Any] = {"machine": describe(["numpy"], effort.clock_name), "peak GFLOP/s": peak, "profiles": []}
    for workload in TRAININGS:
        if not options.workloads or workload.name in options.workloads:
            print(f"measuring {workload.name}", file=sys.stderr)
            found["profiles"].append(profile(workload, effort, peak))
    print(*lines(found), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
