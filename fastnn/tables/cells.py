"""What the text of a cell means: nothing, a number, or a word."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["is_missing", "is_number", "parse"]

_MISSING = frozenset({"", "?", "na", "n/a", "#n/a", "nan", "null", "none"})


def is_missing(cells: np.ndarray) -> np.ndarray:
    """Which of the texts stand for a missing value: empty, ``?``, NA, NaN, null or None, in any case."""
    return np.fromiter((cell.casefold() in _MISSING for cell in cells), bool, len(cells))


def is_number(cell: str) -> bool:
    """Whether the text is a finite number; Python's ``1_000`` isn't one here."""
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def parse(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The texts as numbers.

    Returns
    -------
    values : float64 array (n,)
        NaN where there is no number.
    words : int array
        The places of texts that are neither a number nor missing.
    """
    missing = is_missing(cells)
    numeric = np.fromiter(map(is_number, cells), bool, len(cells))
    values = np.full(len(cells), np.nan)
    values[numeric] = cells[numeric].astype(float)
    return values, np.flatnonzero(~(numeric | missing))
