"""How the time for a sample goes with batch, width, depth and threads: training by `fit`, and prediction by a frozen model."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import fastnn
from benchmarks.peers.environment import describe
from benchmarks.peers.fastnn_ import Trainer, model_of
from benchmarks.peers.measure import Effort, interleave
from benchmarks.peers.peak import measured_peak
from benchmarks.peers.workloads import Network, Training
from benchmarks.tables import machine_lines, number, table

SAMPLES = 1024
"""An epoch's, at least."""
OUTPUTS = 10


@dataclass(frozen=True)
class Point:
    """A network of `depth` relu layers of `width` units on as many inputs, and the samples of a batch."""

    batch: int = 128
    width: int = 256
    depth: int = 2

    @property
    def network(self) -> Network:
        return Network((self.width, *[self.width] * self.depth, OUTPUTS))

    @property
    def operations(self) -> tuple[int, int]:
        """Of the matrix products, for a sample: in training and in prediction. The first layer needs no gradient of its input."""
        forward = 2 * (self.depth * self.width**2 + self.width * OUTPUTS)
        return 3 * forward - 2 * self.width**2, forward


AXES = {
    "batch": [Point(batch=4**i) for i in range(7)],
    "width": [Point(width=2**i) for i in range(4, 12)],
    "depth": [Point(depth=2**i) for i in range(4)],
}


def measure(point: Point, threads: Sequence[int], effort: Effort) -> dict[str, float]:
    """Microseconds a sample, of each kind of work on each number of threads."""
    workload = Training("", point.network, point.batch, max(2, SAMPLES // point.batch))
    trainer, predict, x = Trainer(workload), model_of(point.network).freeze(), workload.x[: point.batch]
    entrants: dict[str, Callable[[], None]] = {}
    for count in threads:
        entrants[f"training, {_threads(count)}"] = partial(_on_threads, count, trainer.epoch, True)
        entrants[f"prediction, {_threads(count)}"] = partial(_on_threads, count, predict, x)
    samples = {name: workload.samples if name.startswith("training") else point.batch for name in entrants}
    return {name: float(np.median(seconds)) * 1e6 / samples[name] for name, seconds in interleave(entrants, effort).items()}


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _on_threads(count: int, work: Callable[[Any], Any], argument: Any) -> None:
    fastnn.set_num_threads(count)
    work(argument)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The tables as Markdown."""
    yield from machine_lines(found["machine"])
    for axis, points in found["axes"].items():
        fixed = ", ".join(f"{name} {value}" for name, value in asdict(Point()).items() if name != axis)
        yield f"\nMicroseconds a sample by {axis}; {fixed}\n"
        names = list(points[0]["microseconds"])
        rows = [[axis, *names], *([str(p["point"][axis]), *(number(p["microseconds"][name]) for name in names)] for p in points)]
        yield from table(rows, left=())


def plot(found: dict[str, Any], path: str) -> None:
    """A panel an axis, both logarithmic, with the limit that the multiply-adds set for one thread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.8), layout="constrained")
    panels = figure.subplots(1, len(found["axes"]), sharey=True)
    for axes, (axis, points) in zip(panels, found["axes"].items(), strict=True):
        _draw(axes, axis, points, found["peak GFLOP/s"])
    panels[0].set_ylabel("microseconds a sample")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    machine = found["machine"]
    figure.suptitle(f"fastnn, float32, {machine['processor']}, {machine['date']}", fontsize=10)
    figure.savefig(path, dpi=110)


_COLOURS = {"training": "#b2182b", "prediction": "#2166ac"}


def _draw(axes: Any, axis: str, points: list[dict[str, Any]], peak: float | None) -> None:
    places = [p["point"][axis] for p in points]
    for name in points[0]["microseconds"]:
        kind, one = name.split(",")[0], name.endswith("1 thread")
        values = [p["microseconds"][name] for p in points]
        axes.plot(places, values, color=_COLOURS[kind], ls="-" if one else "--", marker="o" if one else "s", ms=4, label=name)
    for kind, operations in zip(_COLOURS, zip(*(Point(**p["point"]).operations for p in points), strict=True), strict=True):
        if peak:
            limit = [each / peak / 1e3 for each in operations]
            axes.plot(places, limit, color=_COLOURS[kind], ls=":", lw=1, label=f"{kind}, limit of one thread")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(places, [str(place) for place in places], rotation=45 if len(places) > 6 else 0)
    fixed = ", ".join(f"{name} {value}" for name, value in asdict(Point()).items() if name != axis)
    axes.set_title(f"by {axis}; {fixed}", fontsize=10)
    axes.set_xlabel(axis)
    axes.grid(alpha=0.3)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--only", nargs="+", default=tuple(AXES), choices=tuple(AXES), help="the axes to measure")
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", help="1 and 2 by default, or 1 where there is one processor")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", metavar="FILE", help="needs matplotlib")
    Effort.add_options(parser)
    options = parser.parse_args()
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib")
    threads = options.threads or ([1, 2] if (os.cpu_count() or 1) > 1 else [1])
    effort = replace(Effort.of(options), rounds=5)
    found = {"machine": describe(["numpy"], effort.clock_name) | {"pinned to": None}, "peak GFLOP/s": measured_peak("float32"), "axes": {}}
    for axis in options.only:
        print(f"measuring by {axis}", file=sys.stderr)
        found["axes"][axis] = [{"point": asdict(point), "microseconds": measure(point, threads, effort)} for point in AXES[axis]]
    print(*lines(found), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
