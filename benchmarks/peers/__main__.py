"""The command line. Nothing that loads a library is imported before the process is pinned."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import describe, pin

pin()

from benchmarks.peers import plot, report, rivals, workloads  # noqa: E402
from benchmarks.peers.measure import Effort, time_prediction, time_training  # noqa: E402
from benchmarks.peers.peak import measured_peak  # noqa: E402

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnx", "onnxruntime")


def _options() -> argparse.Namespace:
    names = list(dict.fromkeys(w.name for w in (*workloads.TRAININGS, *workloads.PREDICTIONS)))
    parser = argparse.ArgumentParser("python -m benchmarks.peers")
    parser.description = "Training steps and predictions of fastnn and of other libraries on one processor, measured in turn."
    Effort.add_options(parser)
    parser.add_argument("--only", nargs="+", default=(), choices=names, metavar="WORKLOAD", help=", ".join(names))
    parser.add_argument("--rivals", nargs="+", default=rivals.libraries(), choices=rivals.libraries(), help="the libraries to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's time")
    parser.add_argument("--plot", metavar="FILE", help="draw a bar chart; needs matplotlib")
    options = parser.parse_args()
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib")
    return options


def _measure(options: argparse.Namespace) -> report.Results:
    effort = Effort.of(options)
    results = report.Results(describe(PACKAGES, effort.clock_name), rivals.load(options.rivals))
    peaks = {dtype: measured_peak(dtype) for dtype in ("float32", "float64")}
    results.peaks = {dtype: peak for dtype, peak in peaks.items() if peak}
    results.trainings = [(w, time_training(w, effort)) for w in _chosen(workloads.TRAININGS, options.only)]
    results.predictions = [(w, time_prediction(w, effort)) for w in _chosen(workloads.PREDICTIONS, options.only)]
    return results


def _chosen(all_of_them: list[Any], names: Collection[str]) -> Iterator[Any]:
    """Those with one of the names, or all where none is given; says which one comes now."""
    for workload in all_of_them:
        if not names or workload.name in names:
            print(f"measuring {workload.name}, batch {workload.batch}", file=sys.stderr)
            yield workload


def main() -> None:
    options = _options()
    results = _measure(options)
    print(*report.lines(results), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(results), indent=1))
    if options.plot:
        plot.save(results, options.plot)


if __name__ == "__main__":
    main()
