"""How many threads the compiled executor may use.

Large regions of a program are cut into parts that a team of threads runs without Python (src_cython/team.pxd). No sum is ever cut, so
results have the same bits for any number of threads.
"""

from __future__ import annotations

import os

import numpy as np

__all__ = ["get_num_threads", "set_num_threads"]


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
