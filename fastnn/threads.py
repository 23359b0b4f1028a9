"""How many threads the compiled executor may use.

Large regions of a program are cut into parts that a team of threads runs without Python (src_cython/team.pxd). No sum is ever cut, so
results have the same bits for any number of threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from fastnn._version import __version__

__all__ = ["get_num_threads", "limited", "set_num_threads"]

MOST = 1024
"""Threads that may be asked for; buffers of predictions grow with them."""


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _from_environment() -> int:
    asked = os.environ.get("FASTNN_NUM_THREADS")
    if not asked:
        return min(_available(), _of_openmp(), MOST)
    if not asked.isdigit() or not 1 <= int(asked) <= MOST:
        raise ValueError(f"FASTNN_NUM_THREADS must be a positive integer up to {MOST}, got {asked!r}")
    return int(asked)


def _of_openmp() -> int:
    """What ``OMP_NUM_THREADS`` allows: pools of processes, joblib's for instance, set it to share the processors out."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdigit() and int(first) else MOST


_count = _from_environment()
_own: ContextVar[int | None] = ContextVar("_own", default=None)
_joined: Any = None


def get_num_threads() -> int:
    """How many threads large operations may use."""
    return _own.get() or _count


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Within it, operations that are called from this Python thread may use so many threads; others are not affected.

    Parameters
    ----------
    threads : int or None
        None changes nothing.

    Raises
    ------
    ValueError
        As :func:`set_num_threads`.
    """
    token = _own.set(_own.get() if threads is None else _checked(threads))
    try:
        yield
    finally:
        _own.reset(token)


def set_num_threads(threads: int) -> None:
    """Set how many threads large operations of the compiled backend may use.

    Parameters
    ----------
    threads : int
        At least 1. The start value is ``FASTNN_NUM_THREADS``, or the number of processors this process may run on, but not more than
        ``OMP_NUM_THREADS`` says, which pools of processes set. Results don't depend on it. NumPy's own threads, which the NumPy
        backend may use, are not affected. ``threadpoolctl.threadpool_limits`` sets it too, where threadpoolctl was imported before
        fastnn or before the first training.

    Raises
    ------
    ValueError
        When `threads` isn't a positive integer, or is more than 1024.
    """
    global _count
    _count = _checked(threads)
    _own.set(None)


def _checked(threads: Any) -> int:
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or not 1 <= threads <= MOST:
        raise ValueError(f"threads must be a positive integer up to {MOST}, got {threads!r}")
    return int(threads)


def join_threadpoolctl() -> None:
    """Let ``threadpoolctl.threadpool_limits`` limit fastnn too, where a program has imported it; called whenever a model is bound."""
    global _joined
    threadpoolctl = sys.modules.get("threadpoolctl")
    if threadpoolctl is _joined or not hasattr(threadpoolctl, "register"):
        return

    class FastnnController(threadpoolctl.LibController):  # type: ignore[name-defined, misc]
        """Finds fastnn by its engine's file, and sets the number of its threads."""

        user_api = internal_api = "fastnn"
        filename_prefixes = ("engine.",)
        check_symbols = ("PyInit_engine",)

        def get_num_threads(self) -> int:
            return get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            set_num_threads(num_threads)

        def get_version(self) -> str:
            return __version__

    threadpoolctl.register(FastnnController)
    _joined = threadpoolctl
