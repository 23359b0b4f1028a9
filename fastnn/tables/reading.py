"""Reading a table of text: comma-, semicolon- or tab-separated, zipped or not, with a header."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import itertools
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastnn.tables import cells

__all__ = ["Table", "read_table"]

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Table:
    """Columns of text, and where each row stood in the file.

    Attributes
    ----------
    source : str
        The file, for messages.
    columns : dict of str to object array (n,)
        The cells of each column, without surrounding blanks.
    lines : int array (n,)
        The line each row starts on; the header is line 1.
    """

    source: str
    columns: dict[str, np.ndarray]
    lines: np.ndarray

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, rows: np.ndarray) -> Table:
        """The table of these rows only."""
        return Table(self.source, {name: column[rows] for name, column in self.columns.items()}, self.lines[rows])

    def column(self, name: str) -> np.ndarray:
        """The texts of a column.

        Raises
        ------
        ValueError
            When there is no such column; the message offers near names.
        """
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name, self.columns, n=3)
        offer = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(map(repr, self.columns))}"
        raise ValueError(f"{self.source}: no column {name!r}: {offer}")

    def numbers(self, name: str) -> np.ndarray:
        """A column as float64, NaN where it is missing.

        Raises
        ------
        ValueError
            At a text that is no number; the message says column, line and text.
        """
        values, words = cells.parse(self.column(name))
        if words.size:
            place = words[0]
            raise ValueError(
                f"{self.at(place)}: {self.columns[name][place]!r} in the number column {name!r} is not a number; "
                "correct it, or leave it empty if it is missing"
            )
        return values

    def at(self, row: int) -> str:
        """The place of a row, for messages."""
        return f"{self.source}, line {self.lines[row]}"


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table whose first line names the columns.

    Cells are separated by tabs in a ``.tsv``; elsewhere by commas, or by semicolons or tabs if the header has no comma.
    Quotes, Excel's byte order mark, blank lines and gzip are understood. The text must be UTF-8.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Table

    Raises
    ------
    OSError
        When the file can't be read.
    ValueError
        When it is no such table: binary, not UTF-8, empty, without a header or rows, or with rows of unequal length.
    """
    source = str(path)
    text = _decode(_unzip(Path(path).read_bytes(), source), source)
    rows = _rows(text, _delimiter(text, source), source)
    _, header = next(rows, (0, None))
    if header is None:
        raise ValueError(f"{source}: the file is empty")
    names = _names(header, source)
    lines, body = _body(rows, len(names), source)
    columns = {name: np.array(column, object) for name, column in zip(names, zip(*body, strict=True), strict=True)}
    _refuse_values_as_names(columns, source)
    return Table(source, columns, np.array(lines))


def _unzip(raw: bytes, source: str) -> bytes:
    try:
        return gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source}: damaged gzip file: {error}") from error


def _decode(raw: bytes, source: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{source}, line {line}: not text in UTF-8; expected a .csv, .tsv (or .gz) table, save it as UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{source}: a binary file; expected a .csv, .tsv (or .gz) table")
    return text


def _delimiter(text: str, source: str) -> str:
    if source.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    header = text.lstrip().partition("\n")[0]
    return next((mark for mark in ",;\t" if mark in header), ",")


def _rows(text: str, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that isn't blank, after the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            stripped = [cell.strip() for cell in row]
            if len(row) > 1 or any(stripped):
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{source}, line {line}: {error}") from error


def _names(header: Sequence[str], source: str) -> list[str]:
    names = [name or f"unnamed {place}" for place, name in enumerate(header, 1)]
    if _looks_like_values(header):
        raise _no_header(source, next(name for name in header if cells.is_number(name)))
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"{source}, line 1: two columns are called {name!r} (columns {names.index(name) + 1} and {place + 1})")
    return names


def _looks_like_values(header: Sequence[str]) -> bool:
    """Whether there are numbers that don't count the columns up, as the years or places that some tables use as names do."""
    numbers = [float(name) for name in header if cells.is_number(name)]
    return any(n != int(n) for n in numbers) or any(b <= a for a, b in itertools.pairwise(numbers))


def _refuse_values_as_names(columns: dict[str, np.ndarray], source: str) -> None:
    words = [name for name in columns if not cells.is_number(name)]
    if words and all(name in columns[name] for name in words):
        raise _no_header(source, words[0])


def _no_header(source: str, value: str) -> ValueError:
    return ValueError(f"{source}, line 1: no header: {value!r} is a value, not a column's name; add a first line that names the columns")


def _body(rows: Iterator[tuple[int, list[str]]], width: int, source: str) -> tuple[list[int], list[list[str]]]:
    lines, body = [], []
    for line, row in rows:
        if len(row) != width:
            raise ValueError(f"{source}, line {line}: {len(row)} cells, expected {width} as in the header")
        lines.append(line)
        body.append(row)
    if not body:
        raise ValueError(f"{source}: no rows after the header")
    return lines, body
