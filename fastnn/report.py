"""What a bug report should begin with."""

from __future__ import annotations

import platform

import numpy as np

from fastnn import backend, config, threads
from fastnn._version import __version__


def show_config() -> None:
    """Print version, backend, instruction set, threads and NumPy, a line each.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.show_config()  # doctest: +ELLIPSIS
    fastnn  ...
    """
    lines = {
        "fastnn": __version__,
        "backend": backend.current(),
        "instruction set": backend.isa() or f"none ({backend.why_not()})",
        "threads": threads.get_num_threads(),
        "floatx": config.floatx(),
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    width = max(map(len, lines))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in lines.items()))
