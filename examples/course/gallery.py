"""What the scripts of this folder share: their options, their colours, and where a figure goes.

Each script has a function ``run(short)`` that computes and returns ``(figure, text)``; `short` makes it small enough for a test.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

COLOURS = ["tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan", "tab:gray"]

warnings.filterwarnings("ignore", ".*the loss isn't finite")  # some figures show just that
plt.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25, "axes.titlesize": 10, "legend.fontsize": 8})


def axes_grid(rows: int, columns: int, title: str, size: tuple[float, float] = (4.0, 3.2), **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure with a title and a matrix of axes, `size` inches each."""
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size[0], rows * size[1]), layout="constrained", squeeze=False, **options)
    figure.suptitle(title, fontsize=12)
    return figure, axes


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows of numbers and words as aligned text."""
    cells = [[f"{v:.4g}" if isinstance(v, (float, np.floating)) else str(v) for v in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{c:{'<' if i == 0 else '>'}{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in cells
    )


def main(run: Callable[[bool], tuple[Figure, str]]) -> None:
    """Run a script from the command line: print its text, and write its figure under the script's own name."""
    script = Path(sys.modules[run.__module__].__file__ or "figure.py")
    parser = argparse.ArgumentParser(description=(sys.modules[run.__module__].__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(), help=f"folder of {script.stem}.png (default: here)")
    parser.add_argument("--short", action="store_true", help="less of everything, to see that it runs")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    figure, text = run(options.short)
    print(text)
    path = options.out / f"{script.stem}.png"
    figure.savefig(path, dpi=90)
    plt.close(figure)
    print(f"\nwrote {path}")
