"""The DATA argument: a data set by name, an .npz file, or a table."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastnn.datasets import digits, fashion_mnist, mnist
from fastnn.tables import ArrayEncoder, Encoder, Table, TableEncoder, cells, columns, read_table

__all__ = ["NAMED", "Source", "load"]

NAMED = ("digits", "mnist", "fashion-mnist")
_PARTS_READERS = {"mnist": mnist.load_data, "fashion-mnist": fashion_mnist.load_data}


@dataclass(frozen=True)
class Source:
    """Rows of data with their targets.

    Attributes
    ----------
    name : str
        The data set or file, for messages.
    data : Table or ndarray (n, ...)
    target : str
        The target's name.
    values : float64 or object array (n,), or None
        The targets: numbers or texts; None when the data has none.
    test : Source or None
        The test part that came with the data.
    """

    name: str
    data: Table | np.ndarray
    target: str
    values: np.ndarray | None
    test: Source | None = None

    def __len__(self) -> int:
        return len(self.data)

    def take(self, rows: np.ndarray) -> Source:
        """These rows only."""
        data = self.data.take(rows) if isinstance(self.data, Table) else self.data[rows]
        return replace(self, data=data, values=None if self.values is None else self.values[rows], test=None)

    def learn_encoder(self) -> tuple[Encoder, list[str]]:
        """How the rows become the network's input, and notes for the user."""
        if isinstance(self.data, Table):
            return TableEncoder.learn(self.data, [name for name in self.data.columns if name != self.target])
        return ArrayEncoder.learn(self.data), []


def load(data: str, *, target: str | None = None, data_dir: str | None = None, need_target: bool = True) -> Source:
    """Read DATA.

    Parameters
    ----------
    data : str
        A name of `NAMED` or a path.
    target : str, optional
        The table's column to predict, by default the last one.
    data_dir : str, optional
        The folder with the files of MNIST or Fashion-MNIST.
    need_target : bool
        Whether missing targets are an error.

    Raises
    ------
    OSError, ValueError
        When there is no such data, or it is of no use; the message says where.
    """
    is_table = data not in NAMED and not data.lower().endswith(".npz")
    if target is not None and not is_table and need_target:
        raise ValueError(f"--target {target}: {data} has no named columns; leave --target out")
    if data_dir is not None and data not in _PARTS_READERS:
        raise ValueError(f"--data-dir goes with mnist and fashion-mnist, not with {data}")
    if is_table:
        return _table(_existing(data), target, need_target)
    return _named(data, data_dir) if data in NAMED else _arrays(_existing(data), need_target)


def _existing(data: str) -> Path:
    path = Path(data)
    if path.is_dir():
        raise ValueError(f"{data}: this is a folder; expected a .csv, .tsv (or .gz) or .npz file")
    if not path.exists():
        raise ValueError(f"{data}: no such file; expected {', '.join(NAMED)}, or a .csv, .tsv (or .gz) or .npz file")
    return path


# ----------------------------------------------------------------------------------------------------- data sets


def _named(name: str, data_dir: str | None) -> Source:
    if name == "digits":
        x, y = digits.load_all()
        return Source(name, x, "digit", y.astype(float))
    train, test = (Source(name, x, "class", y.astype(float)) for x, y in _PARTS_READERS[name](data_dir))
    return replace(train, test=test)


# --------------------------------------------------------------------------------------------------------- tables


def _table(path: Path, target: str | None, need_target: bool) -> Source:
    table = read_table(path)
    name = list(table.columns)[-1] if target is None else target
    if not need_target and name not in table.columns:
        return Source(path.name, table, name, None)
    texts = table.column(name)
    values, words = cells.parse(texts)
    missing = cells.is_missing(texts)
    if need_target and missing.any():
        raise ValueError(
            f"{table.at(int(missing.argmax()))}: the target {name!r} is missing ({missing.sum()} of {len(table)} rows); "
            "remove such rows, or choose another column with --target"
        )
    if columns.is_text(values, words):
        values = np.where(missing, None, texts)
    elif words.size and need_target:
        table.numbers(name)  # says where the text is
    return Source(path.name, table, name, values)


# --------------------------------------------------------------------------------------------------------- arrays


def _arrays(path: Path, need_target: bool) -> Source:
    arrays = _read_npz(path)
    x = _first(arrays, "x", "x_train")
    if x is None:
        raise ValueError(f"{path}: no array x; it holds {', '.join(arrays) or 'nothing'}")
    train = _array_source(path, x, _first(arrays, "y", "y_train"), need_target)
    if not need_target or (x_test := arrays.get("x_test")) is None:
        return train
    test = _array_source(path, x_test, arrays.get("y_test"), need_target)
    if test.data.shape[1:] != train.data.shape[1:]:
        raise ValueError(f"{path}: x has rows of shape {train.data.shape[1:]}, x_test of {test.data.shape[1:]}")
    return replace(train, test=test)


def _first(arrays: dict[str, np.ndarray], *names: str) -> np.ndarray | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: not an .npz file of plain arrays: {error}") from error


def _array_source(path: Path, x: np.ndarray, y: np.ndarray | None, need_target: bool) -> Source:
    x = _inputs(path, x)
    if y is None and need_target:
        raise ValueError(f"{path}: no array y; training needs the targets of all rows in it")
    return Source(path.name, x, "y", None if y is None else _targets(path, y, len(x), need_target))


def _inputs(path: Path, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "fiub" or x.ndim == 0:
        raise ValueError(f"{path}: x must hold rows of numbers, got dtype {x.dtype} and shape {x.shape}")
    if x.size == 0:
        raise ValueError(f"{path}: no rows: x has the shape {x.shape}")
    x = x[:, None] if x.ndim == 1 else x
    if not np.isfinite(x).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"{path}: x holds {x[place]} at {list(place)}; replace or drop such rows")
    return x


def _targets(path: Path, y: np.ndarray, rows: int, need_target: bool) -> np.ndarray:
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (rows,):
        raise ValueError(
            f"{path}: y has the shape {y.shape}, expected one target for each of the {rows} rows (for one-hot rows use y.argmax(1))"
        )
    if y.dtype.kind not in "fiubU":
        raise ValueError(f"{path}: y must hold numbers or texts, got dtype {y.dtype}")
    if y.dtype.kind == "U":
        return y.astype(object)
    y = y.astype(float)
    if need_target and not np.isfinite(y).all():
        place = int(np.argmin(np.isfinite(y)))
        raise ValueError(f"{path}: the target y is {y[place]} in row {place}; drop such rows")
    return y
