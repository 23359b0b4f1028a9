"""Tables of results, to read as text, to index, and to hand on as CSV or to pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["TextTable"]

MOST_ROWS = 60
"""Longer tables are printed with their middle left out."""


class TextTable:
    """Named columns and rows of any values, printed aligned.

    Parameters
    ----------
    columns : sequence of str
        Their names, all different.
    rows : sequence of sequence
        With a value for each column: numbers, strings, arrays.

    Attributes
    ----------
    columns : list of str
    rows : list of tuple

    Raises
    ------
    ValueError
        When a row has another length than `columns`, or a name comes twice.

    Examples
    --------
    >>> from fastnn.text_table import TextTable
    >>> table = TextTable(["x", "square"], [(1, 1.0), (1.5, 2.25)])
    >>> print(table)
      x  square
      1       1
    1.5    2.25
    >>> table["square"]
    [1.0, 2.25]
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]):
        self.columns, self.rows = list(columns), [tuple(row) for row in rows]
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"a table's columns need different names, got {self.columns}")
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {i} has {len(row)} values for {len(self.columns)} columns")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def __getitem__(self, which: str | int) -> Any:
        """A column by its name, as a list, or a row by its number, as a tuple."""
        if not isinstance(which, str):
            return self.rows[which]
        if which not in self.columns:
            raise KeyError(f"there is no column {which!r}; there are {', '.join(self.columns)}")
        place = self.columns.index(which)
        return [row[place] for row in self.rows]

    def to_csv(self) -> str:
        """The table as comma-separated text with a line of names, numbers to all their digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_exact(value) for value in row] for row in self.rows)
        return text.getvalue()

    def to_pandas(self) -> Any:
        """The table as a ``pandas.DataFrame``.

        Raises
        ------
        ImportError
            When pandas isn't installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: install it with pip install pandas, or use to_csv()") from error
        return pd.DataFrame(self.rows, columns=self.columns)

    def __str__(self) -> str:
        shown, half = self.rows, MOST_ROWS // 2
        left_out = len(shown) > MOST_ROWS
        texts = [[brief(v) for v in row] for row in (shown[:half] + shown[-half:] if left_out else shown)]
        widths = [max(map(len, each)) for each in zip(self.columns, *texts, strict=True)]
        numbers = [all(not isinstance(row[i], str) for row in self.rows) for i in range(len(self.columns))]
        lines = [_line(row, widths, numbers) for row in [self.columns, *texts]]
        if left_out:
            lines.insert(1 + half, f"... {len(shown) - MOST_ROWS} rows")
        return "\n".join(lines)

    __repr__ = __str__


def _line(texts: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> str:
    cells = [t.rjust(w) if number else t.ljust(w) for t, w, number in zip(texts, widths, numbers, strict=True)]
    return "  ".join(cells).rstrip()


def brief(value: Any) -> str:
    """A value in six digits; arrays in brackets, long ones cut."""
    if isinstance(value, (bool, np.bool_, str)) or value is None:
        return "" if value is None else str(value)
    if np.ndim(value):
        return " ".join(np.array2string(np.asarray(value), precision=4, threshold=8, edgeitems=2, separator=" ").split())
    return f"{value + 0:.6g}" if isinstance(value, (int, float, np.number, np.ndarray)) else str(value)


def _exact(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return repr(value) if isinstance(value, float) else value
