"""Write the epochs' logs to a table."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.callbacks.callback import Callback, Logs

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes one row an epoch: ``epoch`` (from 0), then the logs by name in alphabetical order.

    The first epoch decides the columns; a later row without one of them has ``NA``. The file is closed after each row.

    Parameters
    ----------
    filename : str or path
    separator : str, default ","
        One character.
    append : bool, default False
        Continue an existing file, whose columns must fit.

    Raises
    ------
    ValueError
        For another separator; in training, when the columns of an existing file don't fit.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character, got {separator!r}")
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self.keys: list[str] | None = None

    def get_state(self) -> dict[str, Any]:
        return {}  # what the file holds counts

    def on_train_begin(self, logs: Logs = None) -> None:
        self.keys = None
        with open(self.filename, "a" if self.append else "w", encoding="utf-8"):
            pass  # a folder that doesn't exist shall fail before the training, not after its first epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = self._started(sorted(logs))
        self._write([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])

    def _started(self, keys: list[str]) -> list[str]:
        """The columns after the epoch, that the file has or now gets."""
        if Path(self.filename).stat().st_size == 0:
            self._write(["epoch", *keys])
            return keys
        with open(self.filename, newline="", encoding="utf-8") as file:
            header = next(csv.reader(file, delimiter=self.separator))
        if sorted(header) != sorted(["epoch", *keys]) or header[0] != "epoch":
            raise ValueError(
                f"CSVLogger: {self.filename} has the columns {', '.join(header)}, this training logs epoch, {', '.join(keys)}; "
                "choose another file or append=False"
            )
        return header[1:]

    def _write(self, row: list[Any]) -> None:
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator).writerow(row)


def _cell(value: Any) -> Any:
    return str(value.tolist()) if isinstance(value, (np.ndarray, np.generic)) else value
