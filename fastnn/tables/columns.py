"""One column of a table as numbers: a number standardised, or a category one-hot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from fastnn.configurable import Catalogue, Configurable
from fastnn.tables import cells
from fastnn.tables.reading import Table

__all__ = ["CategoryColumn", "Column", "NumberColumn", "columns", "is_text", "learn"]

HEAVY_TAILS = 10.0
"""Kurtosis (an exponential distribution has 9) above which a number's logarithm is taken; else nearly all of the column would be near 0."""
MOST_CATEGORIES = 50
RARE = 10
"""A column of more than `MOST_CATEGORIES` categories keeps that many of those that at least this many rows have."""


class Column(Configurable):
    """What was learned from a column of the training rows."""

    name: str
    width: int
    """How many numbers the column becomes."""

    def encode(self, table: Table) -> np.ndarray:
        """The column of `table` as float64 array (n, width)."""
        raise NotImplementedError

    def describe(self) -> str:
        """What the column becomes, in a few words."""
        raise NotImplementedError


columns = Catalogue("column", Column)


@columns.register()
class NumberColumn(Column):
    """A number: missing values become the median, then mean 0 and standard deviation 1.

    Parameters
    ----------
    name : str
    median : float
        Of the training rows.
    mean, deviation : float
        Of the training rows after imputation (and after the logarithm).
    log_scale : float or None
        If given, x is first replaced by sign(x) log(1 + |x| / log_scale).
    flagged : bool
        Whether a second number says that the value is missing (1) or not (0).
    """

    def __init__(self, name: str, median: float, mean: float, deviation: float, log_scale: float | None = None, flagged: bool = False):
        self.name, self.median, self.mean, self.deviation = name, median, mean, deviation
        self.log_scale, self.flagged = log_scale, flagged
        self.width = 1 + flagged

    def encode(self, table: Table) -> np.ndarray:
        values = table.numbers(self.name)
        missing = np.isnan(values)
        values[missing] = self.median
        encoded = (_compress(values, self.log_scale) - self.mean) / self.deviation
        return np.stack([encoded, missing], 1) if self.flagged else encoded[:, None]

    def describe(self) -> str:
        parts = ["number", "logarithm" * bool(self.log_scale), "flag for missing" * self.flagged]
        return ", ".join(filter(None, parts))


@columns.register()
class CategoryColumn(Column):
    """A word: 1 at its place in `categories`, 0 elsewhere; all 0 for a word that wasn't learned.

    Parameters
    ----------
    name : str
    categories : list of str
    flagged : bool
        Whether a last number says that the value is missing.
    """

    def __init__(self, name: str, categories: Sequence[str], flagged: bool = False):
        self.name, self.categories, self.flagged = name, list(categories), flagged
        self.width = len(self.categories) + flagged

    def encode(self, table: Table) -> np.ndarray:
        words = table.column(self.name)
        place = {word: i for i, word in enumerate(self.categories)}
        places = np.fromiter((place.get(word, -1) for word in words), int, len(words))
        if self.flagged:
            places[cells.is_missing(words)] = len(self.categories)
        return (places[:, None] == np.arange(self.width)).astype(float)

    def describe(self) -> str:
        return f"{len(self.categories)} categories" + ", flag for missing" * self.flagged


def learn(table: Table, name: str) -> tuple[Column | None, str | None]:
    """The encoding of the column, learned from these rows, or None if there is nothing in it to learn from.

    Returns
    -------
    column : Column or None
    note : str or None
        What a user should know of columns that are left out or cut.

    Raises
    ------
    ValueError
        When nearly all cells are numbers and a few are words.
    """
    texts = table.column(name)
    values, words = cells.parse(texts)
    if np.isnan(values).all() and not words.size:
        return None, f"column {name!r} left out: it is empty"
    if is_text(values, words):
        return _learn_category(texts, name)
    return _learn_number(table.numbers(name), name)


def is_text(values: np.ndarray, words: np.ndarray) -> bool:
    """Whether a column, as `cells.parse` gives it, is one of texts: a few words among many numbers are mistakes."""
    numbers = np.count_nonzero(~np.isnan(values))
    return words.size > max(1, 0.1 * numbers) or numbers < 3 * words.size


def _compress(values: np.ndarray, scale: float | None) -> np.ndarray:
    return values if scale is None else np.sign(values) * np.log1p(np.abs(values) / scale)


def _learn_number(values: np.ndarray, name: str) -> tuple[Column | None, str | None]:
    missing = np.isnan(values)
    known = values[~missing]
    if known.min() == known.max() and not missing.any():
        return None, f"column {name!r} left out: it is always {known[0]:g}"
    if _counts_rows(known, name):
        return None, f"column {name!r} left out: it only tells the rows apart"
    median = float(np.median(known))
    filled = np.where(missing, median, values)
    log_scale = float(np.median(np.abs(known[known != 0]))) if _kurtosis(filled) > HEAVY_TAILS else None
    compressed = _compress(filled, log_scale)
    return NumberColumn(name, median, float(compressed.mean()), float(compressed.std()) or 1.0, log_scale, bool(missing.any())), None


def _kurtosis(values: np.ndarray) -> float:
    centred = values - values.mean()
    largest = np.abs(centred).max() or 1.0
    squares = np.square(centred / largest)
    return float(np.square(squares).mean() / (squares.mean() ** 2 or 1.0))


def _counts_rows(values: np.ndarray, name: str) -> bool:
    """Whether it is a whole number that no two rows share, under a name for such."""
    named = re.search(r"(^|[\W_])(?i:id|index)$|[a-z]I[dD]$|^unnamed ", name)
    return bool(named) and bool((values == np.round(values)).all()) and len(np.unique(values)) == len(values)


def _learn_category(texts: np.ndarray, name: str) -> tuple[Column | None, str | None]:
    missing = cells.is_missing(texts)
    counts = Counter(texts[~missing].tolist())
    kept, flagged = _frequent(counts, len(texts)), bool(missing.any())
    note = None
    if len(kept) < len(counts):
        note = (
            f"column {name!r}: {len(counts)} different texts in {len(texts)} rows, {len(kept) or 'none'} of them frequent enough to be used"
        )
    if not flagged and len(kept) == len(counts) == 1:
        return None, f"column {name!r} left out: it is always {kept[0]!r}"
    return (CategoryColumn(name, kept, flagged) if kept or flagged else None), note


def _frequent(counts: Counter[str], rows: int) -> list[str]:
    """The categories worth a number of their own."""
    if len(counts) > MOST_CATEGORIES:
        return sorted(word for word, count in counts.most_common(MOST_CATEGORIES) if count >= RARE)
    return [] if len(counts) > max(20, 0.5 * rows) else sorted(counts)
