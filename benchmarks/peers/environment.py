"""One processor and one thread for every library, and a description of the machine. Imports nothing that reads the settings."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "FASTNN_NUM_THREADS", "NPROC")
"""NPROC is XLA's: the size of its thread pool."""


def pin() -> None:
    """Stay on the last processor with one thread. Libraries read this when they are loaded: call it before importing any."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    os.environ["JAX_PLATFORMS"] = "cpu"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def describe(packages: Iterable[str], clock: str = "wall") -> dict[str, Any]:
    """The machine, the date, the clock, and the versions of Python and of those packages that are installed."""
    return {
        "processor": _processor(),
        "pinned to": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "date": time.strftime("%Y-%m-%d"),
        "clock": clock,
        "versions": {"Python": platform.python_version(), **dict(_versions(packages))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    for package in packages:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
