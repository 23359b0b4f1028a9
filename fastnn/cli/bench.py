"""``fastnn bench``: the compiled kernels against NumPy on this machine."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import fastnn
from fastnn import backend, layers, samples
from fastnn.cli.arguments import HelpFormatter, whole
from fastnn.cli.report import backend_text
from fastnn.models import Sequential

__all__ = ["add_parser", "median_seconds", "run"]

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
_SIZES = (32, 128, 512)
_REPEATS = 9
_LEAST_SECONDS = 5e-4


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "bench",
        help="time the compiled kernels against NumPy on this machine",
        description="Time each op of the compiled backend and of NumPy, and a training step of a 784-256-128-10 network on 128 rows. "
        "Every axis of an op's arrays has the size shown; flat vectors have its square. A time is the median of repeats.",
        epilog="examples:\n  fastnn bench\n  fastnn bench dense adam --dtype float64",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("ops", metavar="TEXT", nargs="*", help="only ops with one of these texts in their name (default: all)")
    parser.add_argument("--sizes", metavar="N", type=whole(1), nargs="+", default=_SIZES, help="sizes of the axes (default: 32 128 512)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="of all arrays")
    parser.add_argument("--threads", metavar="N", type=whole(1), default=1, help="threads of both backends (default: 1)")


def run(options: argparse.Namespace) -> int:
    """Print a line an op and size."""
    with backend.use("compiled"):
        chosen = _chosen(options.ops)
        if _BLAS_THREADS[0] not in os.environ:
            return _run_with_blas_threads(options)
        fastnn.set_num_threads(options.threads)
        machine = platform.processor() or platform.machine()
        print(f"fastnn {fastnn.__version__}, {backend_text()}, NumPy {np.__version__}, {machine}, {options.dtype}")
        print(f"threads: fastnn's {options.threads}, NumPy's BLAS {os.environ[_BLAS_THREADS[0]]}")
    print(f"{'op':<44}{'size':>6}{'NumPy us':>12}{'compiled us':>13}{'ratio':>8}")
    for name, size, reference, compiled in _measurements(chosen, options):
        print(f"{name:<44}{size:>6}{reference * 1e6:>12.2f}{compiled * 1e6:>13.2f}{reference / compiled:>8.2f}", flush=True)
    return 0


def _run_with_blas_threads(options: argparse.Namespace) -> int:
    """The same command in a new process, as NumPy's BLAS reads the number of its threads only when it is loaded."""
    arguments = ["--sizes", *map(str, options.sizes), "--dtype", options.dtype, "--threads", str(options.threads)]
    environment = {**os.environ, **dict.fromkeys(_BLAS_THREADS, str(options.threads))}
    return subprocess.run([sys.executable, "-m", "fastnn", "bench", *options.ops, *arguments], env=environment).returncode


def median_seconds(call: Callable[[], Any]) -> float:
    """The median time of a call; short ones are timed several at once."""
    call()
    start = time.perf_counter()
    call()
    count = max(1, int(_LEAST_SECONDS / max(time.perf_counter() - start, 1e-9)))
    return statistics.median(_seconds(call, count) for _ in range(_REPEATS))


def _seconds(call: Callable[[], Any], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def _chosen(texts: Iterable[str]) -> list[backend.Op]:
    texts = list(texts)
    chosen = [op for op in backend.registry.values() if op.compiled and (not texts or any(text in op.name for text in texts))]
    if not chosen:
        raise ValueError(f"no compiled op has {' or '.join(map(repr, texts))} in its name; there are {', '.join(backend.registry)}")
    return chosen


def _measurements(chosen: list[backend.Op], options: argparse.Namespace) -> Iterator[tuple[str, Any, float, float]]:
    """Name, size, and the seconds of NumPy and of the twin."""
    for op in chosen:
        for size in options.sizes:
            yield op.name, size, *_op_seconds(op, size, options.dtype)
    if not options.ops:
        yield "training step", 128, _step_seconds("numpy", options.dtype), _step_seconds("compiled", options.dtype)


def _op_seconds(op: backend.Op, size: int, dtype: str) -> tuple[float, float]:
    symbols = {symbol for each in backend.registry.values() for argument in each.arrays for symbol in argument.shape}  # a forward op's too
    sizes = {symbol: size**2 if symbol == "s" else size for symbol in symbols}
    with np.errstate(all="ignore"):
        return _call_seconds(op, op.reference, sizes, dtype), _call_seconds(op, op.compiled, sizes, dtype)


def _call_seconds(op: backend.Op, run: Callable[..., None], sizes: dict[str, int], dtype: str) -> float:
    arguments = samples.arguments(op, sizes, dtype, np.random.default_rng(0))
    return median_seconds(lambda: run(*arguments))


def _step_seconds(name: str, dtype: str) -> float:
    rng = np.random.default_rng(0)
    x, y = rng.random((128, 784)).astype(dtype), rng.integers(0, 10, 128)
    with backend.use(name):
        stack = [layers.Dense(256, activation="relu"), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")]
        model = Sequential([layers.Input((784,)), *stack], dtype=dtype)
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
        return median_seconds(lambda: model.train_on_batch(x, y))
