"""scikit-learn's perceptrons and fastnn's on the same data: time of `fit` and score on unseen samples, in one run; and both sides' checks.

Equal settings, one thread, the two in turn, a round a seed. In float64 the two make the same steps.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from sklearn import neural_network
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

import fastnn.sklearn
from benchmarks.peers.environment import describe, pin
from benchmarks.sklearn_data import LOADERS, Parts
from benchmarks.tables import machine_lines, number, table
from fastnn import layers

DTYPES = ("float64", "float32")
PACKAGES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Task:
    """A data set, the estimator that learns it, by its name in both libraries, and with what."""

    data: str
    estimator: str
    epochs: int
    settings: dict[str, Any] = field(default_factory=dict)

    def made(self, library: Any, seed: int, epochs: int) -> Any:
        """The estimator, which makes just so many epochs."""
        settings = {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": epochs, "random_state": seed, **self.settings}
        return getattr(library, self.estimator)(**settings)


TASKS = [
    Task("breast cancer", "MLPClassifier", 200),
    Task("digits", "MLPClassifier", 100),
    Task("California housing", "MLPRegressor", 30),
    Task("Adult", "MLPClassifier", 20),
    Task("MNIST", "MLPClassifier", 10),
    Task("Fashion-MNIST", "MLPClassifier", 10),
]
LIBRARIES = {"scikit-learn": neural_network, "fastnn": fastnn.sklearn}


def measure(task: Task, rounds: int, epochs: int, rows: int | None, clock: Callable[[], float]) -> dict[str, Any]:
    """Seconds and scores, one a round, of each library in each dtype."""
    parts = LOADERS[task.data]().first(rows)
    entrants = {(library, dtype): parts.of(dtype) for dtype in DTYPES for library in LIBRARIES}
    found: dict[str, dict[str, list[float]]] = {_name(*key): {"seconds": [], "scores": []} for key in entrants}
    for seed in range(rounds):
        for (library, dtype), data in entrants.items():
            seconds, score = timed(task.made(LIBRARIES[library], seed, epochs), data, clock)
            found[_name(library, dtype)]["seconds"].append(seconds)
            found[_name(library, dtype)]["scores"].append(score)
    return {"data": task.data, "rows": parts.x.shape[0], "columns": parts.x.shape[1], "epochs": epochs, "found": found}


def _name(library: str, dtype: str) -> str:
    return f"{library}, {dtype}"


def timed(estimator: Any, data: Parts, clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds of `fit`, and the score of the test part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = clock()
        estimator.fit(data.x, data.y)
        seconds = clock() - start
    return seconds, float(estimator.score(data.x_test, data.y_test))


# ---------------------------------------------------------------------------------------------------- what scikit-learn's checks say


def _small(n_outputs: int, dtype: str) -> fastnn.Sequential:
    return fastnn.Sequential([layers.Dense(32, "relu"), layers.Dense(n_outputs)], dtype=dtype)


def checked() -> dict[str, BaseEstimator]:
    """What goes through scikit-learn's checks: its own perceptrons, and all of fastnn's estimators."""
    of = fastnn.sklearn
    wrapped = of.FastNNClassifier(_small, batch_size=200, optimizer__learning_rate=0.01, random_state=0)
    return {
        **{f"{library}'s {name}": getattr(LIBRARIES[library], name)(max_iter=100) for name in _MLPS for library in LIBRARIES},
        "fastnn's FastNNClassifier": wrapped,
        "fastnn's FastNNRegressor": of.FastNNRegressor(_small, batch_size=200, epochs=200, optimizer__learning_rate=0.05),
        "fastnn's FastNNEstimator": of.FastNNEstimator(_small, loss="mse"),
        "fastnn's FastNNTransformer": of.FastNNTransformer(wrapped),
    }


_MLPS = {
    "MLPClassifier": {"solver": "lbfgs"},
    "MLPRegressor": {"solver": "sgd", "tol": 1e-2, "random_state": 42},
}
"""The settings with which scikit-learn checks that a weight of 2 is a sample twice: batches of Adam's are drawn otherwise."""


def report(estimator: BaseEstimator) -> dict[str, list[str]]:
    """The names of the checks by what came of them."""
    found: dict[str, list[str]] = {"passed": [], "skipped": [], "failed": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for given, check in estimator_checks_generator(estimator):
            name = _check_name(check)
            found[_outcome(_as_checked(given, name), check)].append(name)
    return found


def _check_name(check: Any) -> str:
    return _check_name(check.func) if isinstance(check, partial) else str(check.__name__)


def _as_checked(estimator: Any, check: str) -> Any:
    if check.startswith("check_sample_weight_equivalence") and type(estimator).__name__ in _MLPS:
        return clone(estimator).set_params(**_MLPS[type(estimator).__name__])
    return estimator


def _outcome(estimator: Any, check: Callable[[Any], None]) -> str:
    try:
        check(estimator)
    except Exception as error:
        return "skipped" if type(error).__name__ == "SkipTest" else "failed"
    return "passed"


# ---------------------------------------------------------------------------------------------------- tables


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The tables as Markdown."""
    yield from machine_lines(found["machine"])
    yield f"\nSeconds of `fit`, medians of {found['rounds']} rounds, a seed each (± distance of the quartiles); mean R^2 or accuracy\n"
    heading = ["data", "rows x columns", "epochs", "dtype", "scikit-learn", "fastnn", "times as fast", "scikit-learn's score", "fastnn's"]
    yield from table([heading, *(row for task in found["tasks"] for row in _rows(task))], left=(0, 1, 3))
    if found.get("checks"):
        yield "\nscikit-learn's `check_estimator`\n"
        rows = [
            [name, *(str(len(by[kind])) for kind in ("passed", "skipped", "failed")), _others(by)] for name, by in found["checks"].items()
        ]
        yield from table([["estimator", "passed", "skipped", "failed", "which"], *rows], left=(0, 4))


def _rows(task: dict[str, Any]) -> Iterator[list[str]]:
    for dtype in DTYPES:
        theirs, ours = (task["found"][_name(library, dtype)] for library in LIBRARIES)
        ratio = np.array(theirs["seconds"]) / np.array(ours["seconds"])
        yield [
            task["data"],
            f"{task['rows']} x {task['columns']}",
            str(task["epochs"]),
            dtype,
            *(_with_spread(each["seconds"]) for each in (theirs, ours)),
            number(float(np.median(ratio))),
            *(f"{np.mean(each['scores']):.4f}" for each in (theirs, ours)),
        ]


def _with_spread(seconds: list[float]) -> str:
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return f"{number(middle)} ±{number(100 * (high - low) / middle)} %"


def _others(by: dict[str, list[str]]) -> str:
    names = Counter(name.removeprefix("check_") for kind in ("skipped", "failed") for name in by[kind])
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in names.items()) or "-"


# ---------------------------------------------------------------------------------------------------- the command line


def _options() -> argparse.Namespace:
    names = [task.data for task in TASKS]
    parser = argparse.ArgumentParser("python -m benchmarks.sklearn_table", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="DATA", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2000 rows and 3 epochs: to see that it runs")
    parser.add_argument("--no-checks", action="store_true", help="leave scikit-learn's checks of estimators out")
    parser.add_argument("--processor-time", action="store_true", help="time on the processor: for a machine that others use, too")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> dict[str, Any]:
    clock, name = (time.process_time, "processor") if options.processor_time else (time.perf_counter, "wall")
    found: dict[str, Any] = {"machine": describe(PACKAGES, name), "rounds": options.rounds, "tasks": []}
    for task in (task for task in TASKS if task.data in options.only):
        print(f"measuring {task.data}", file=sys.stderr)
        epochs, rows = (min(3, task.epochs), 2000) if options.quick else (task.epochs, None)
        found["tasks"].append(measure(task, options.rounds, epochs, rows, clock))
    if not options.no_checks:
        print("checking estimators", file=sys.stderr)
        found["checks"] = {name: report(estimator) for name, estimator in checked().items()}
    return found


def main() -> None:
    options = _options()
    pin()
    fastnn.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        found = _run(options)
    print(*lines(found), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
