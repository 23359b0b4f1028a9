"""Sharing large op calls among threads.

Kernels release the GIL, so a call whose outputs can be cut along one axis (an op's ``split``) runs as several calls on
slices. No sum is ever cut, so results have the same bits for any number of threads. Handing work to a Python thread costs
some tens of microseconds, so only calls of at least `MINIMUM_WORK` multiply-adds are shared.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fastnn.backend import Argument, Op

__all__ = ["get_num_threads", "set_num_threads"]

MINIMUM_WORK = 1 << 24
"""Multiply-adds: some 130 us on a core with AVX-512."""


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _from_environment() -> int:
    asked = os.environ.get("FASTNN_NUM_THREADS")
    if not asked:
        return _available()
    if not asked.isdigit() or int(asked) == 0:
        raise ValueError(f"FASTNN_NUM_THREADS must be a positive integer, got {asked!r}")
    return int(asked)


_count = _from_environment()
_pool: ThreadPoolExecutor | None = None


def get_num_threads() -> int:
    """How many threads large operations may use."""
    return _count


def set_num_threads(threads: int) -> None:
    """Set how many threads large operations of the compiled backend may use.

    Parameters
    ----------
    threads : int
        At least 1. The start value is ``FASTNN_NUM_THREADS``, or the number of processors this process may run on. Results
        don't depend on it. NumPy's own threads, which the NumPy backend may use, are not affected.

    Raises
    ------
    ValueError
        When `threads` isn't a positive integer.
    """
    global _count
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ValueError(f"threads must be a positive integer, got {threads!r}")
    _count = int(threads)
    _forget_pool()


def _forget_pool() -> None:
    """Start anew at the next use: the number has changed, or this is a forked child, which has none of the threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def work(op: Op, arguments: tuple[Any, ...]) -> int:
    """The size of the space a shareable op works on, n*k*m for a matrix product; 0 for an op that can't be shared."""
    if op.split is None:
        return 0
    pairs = [(a.shape, v.shape) for a, v in zip(op.arguments, arguments, strict=True) if isinstance(a, Argument)]
    return math.prod({symbol: size for symbols, shape in pairs for symbol, size in zip(symbols, shape, strict=True)}.values())


def run_shared(op: Op, compiled: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run one call of an op's twin as slices, one a thread; this thread does the first."""
    global _pool
    pool = _pool  # another thread may set a new number meanwhile
    if pool is None:
        pool = _pool = ThreadPoolExecutor(max(_count - 1, 1), thread_name_prefix="fastnn")
    first, *others = _slices(op, arguments, _count)
    running = [pool.submit(compiled, *part) for part in others]
    compiled(*first)
    for each in running:
        each.result()


def _slices(op: Op, arguments: tuple[Any, ...], parts: int) -> list[list[Any]]:
    axes = [a.shape.index(op.split) if isinstance(a, Argument) and op.split in a.shape else None for a in op.arguments]
    length = next(v.shape[axis] for v, axis in zip(arguments, axes, strict=True) if axis is not None)
    bounds = [length * i // parts for i in range(parts + 1)]
    return [
        [v if axis is None else v[(slice(None),) * axis + (slice(a, b),)] for v, axis in zip(arguments, axes, strict=True)]
        for a, b in itertools.pairwise(bounds)
        if a < b
    ]
