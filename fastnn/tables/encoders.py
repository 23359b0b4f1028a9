"""Tables and arrays as the input of a network; all that is learned, is learned from the training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn.configurable import Catalogue, Configurable
from fastnn.tables.columns import Column, columns, learn
from fastnn.tables.reading import Table

__all__ = ["ArrayEncoder", "Encoder", "TableEncoder", "encoders"]


class Encoder(Configurable):
    """How rows of data become rows of numbers; its configuration is plain JSON."""

    width: int
    """How many numbers a row becomes."""

    def encode(self, data: Table | np.ndarray, dtype: object = "float32") -> np.ndarray:
        """`data` as C-contiguous array (n, width)."""
        raise NotImplementedError


encoders = Catalogue("encoder", Encoder)


@encoders.register()
class TableEncoder(Encoder):
    """The columns of a table side by side: numbers standardised, categories one-hot.

    Parameters
    ----------
    columns : list of Column, or of their configurations
        In the order of the encoded numbers.

    Examples
    --------
    >>> columns = {"age": np.array(["20", "40"], object), "city": np.array(["Ulm", "Jena"], object)}
    >>> table = Table("people.csv", columns, np.array([2, 3]))
    >>> encoder, notes = TableEncoder.learn(table, ["age", "city"])
    >>> encoder.encode(table).shape
    (2, 3)
    """

    def __init__(self, columns: Sequence[Column | dict]):
        self.columns = [_column(each) for each in columns]
        self.width = sum(each.width for each in self.columns)

    @classmethod
    def learn(cls, table: Table, names: Sequence[str]) -> tuple[TableEncoder, list[str]]:
        """The encoder of the columns `names`, and notes on columns that it leaves out or cuts.

        Raises
        ------
        ValueError
            At a text among numbers, or when no column is of use.
        """
        learned = [learn(table, name) for name in names]
        notes = [note for _, note in learned if note]
        kept = [column for column, _ in learned if column]
        if not kept:
            raise ValueError(f"{table.source}: no column to learn from beside the target; {'; '.join(notes) or 'it is the only one'}")
        return cls(kept), notes

    def encode(self, data: Table | np.ndarray, dtype: object = "float32") -> np.ndarray:
        """The encoded rows.

        Raises
        ------
        ValueError
            When a column is missing, or at a text in a column of numbers.
        """
        names = [column.name for column in self.columns]
        if not isinstance(data, Table):
            raise ValueError(f"the model takes a table with the columns {', '.join(map(repr, names))}, not an array")
        if absent := [name for name in names if name not in data.columns]:
            raise ValueError(f"{data.source}: no column {', '.join(map(repr, absent))}, which the model needs")
        encoded = np.empty((len(data), self.width), dtype)
        start = 0
        for column in self.columns:
            encoded[:, start : start + column.width] = column.encode(data)
            start += column.width
        return encoded


@encoders.register()
class ArrayEncoder(Encoder):
    """Rows of an array, flattened, as (x - offset) * scale.

    Parameters
    ----------
    shape : list of int
        The shape of one row, (8, 8) for a small image.
    offset, scale : list of float
        For each number of the flattened row, or one for all.
    """

    def __init__(self, shape: Sequence[int], offset: Sequence[float], scale: Sequence[float]):
        self.shape, self.offset, self.scale = list(shape), list(offset), list(scale)
        self.width = int(np.prod(self.shape))

    @classmethod
    def learn(cls, x: np.ndarray) -> ArrayEncoder:
        """Bytes are taken for pixels, which are standardised all alike; other numbers each by its own mean and standard deviation."""
        if x.dtype == np.uint8:  # by their counts, not to make floats of a large data set twice
            counts, values = np.bincount(x.reshape(-1), minlength=256), np.arange(256)
            mean = np.average(values, weights=counts, keepdims=True)
            deviation = np.sqrt(np.average((values - mean) ** 2, weights=counts, keepdims=True))
        else:
            rows = x.reshape(len(x), -1).astype(float)
            mean, deviation = rows.mean(0), rows.std(0)
        return cls(x.shape[1:], mean.tolist(), (1 / np.where(deviation > 0, deviation, 1)).tolist())

    def encode(self, data: Table | np.ndarray, dtype: object = "float32") -> np.ndarray:
        """The encoded rows.

        Raises
        ------
        ValueError
            When the rows don't have the shape learned, or hold a value that isn't finite.
        """
        if isinstance(data, Table):
            raise ValueError(f"{data.source}: the model takes the rows of an array of shape {tuple(self.shape)} (a .npz file), not a table")
        if list(data.shape[1:]) != self.shape:
            raise ValueError(f"x has rows of shape {data.shape[1:]}, the model takes {tuple(self.shape)}")
        rows = data.reshape(len(data), self.width).astype(np.result_type(data, dtype))  # float64 unless dtype holds data exactly
        rows -= np.array(self.offset)
        rows *= np.array(self.scale)
        return np.ascontiguousarray(rows, dtype)


def _column(each: Column | dict) -> Column:
    return columns.get(each)
