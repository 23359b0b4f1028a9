"""Go on with a training that was interrupted, as if it hadn't been."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastnn.callbacks.callback import Callback, Logs, checked_frequency

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """Keeps a backup of a training, from which the next call of `fit` goes on after a crash, to the same last bit.

    A fit that finds a backup in the folder begins where that was made: with its weights, the optimizer's memory, the order of samples,
    dropout's masks, the history, and what the other callbacks remember (those that are also there, by class). A fit that comes to its end
    deletes the backup. Write the script so that it does the same each time, and run it again.

    It works after all other callbacks, wherever it stands among them.

    Parameters
    ----------
    backup_dir : str or path
        A folder for this training alone; it is made when it is missing.
    save_freq : "epoch" or int, default "epoch"
        An integer counts batches, across epochs; a training then goes on within an epoch.
    double_checkpoint : bool, default False
        Here for Keras' sake: a backup takes the place of the one before in one step, so there is always a whole one.
    delete_checkpoint : bool, default True
        Whether a fit that comes to its end deletes the backup, and the folder if nothing else is in it.

    Raises
    ------
    ValueError
        For an empty `backup_dir`, or another `save_freq`; in training, when the backup is damaged, or of another model or optimizer.

    Notes
    -----
    Of a callback those attributes are kept that are numbers, text, arrays, or lists and dictionaries of these, and no arguments of its
    constructor; one that needs more overrides :meth:`Callback.get_state` and :meth:`Callback.set_state`. A generator starts where the
    script starts it: only arrays, and batches that can be asked for by number, are gone through as they would have been, and the latter
    without `steps_per_epoch`. :class:`CSVLogger` needs ``append=True``.
    """

    comes_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: backup_dir must name a folder, got an empty one")
        self.backup_dir, self.save_freq = os.fspath(backup_dir), checked_frequency(self, save_freq)
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._path = Path(self.backup_dir) / "training.npz"
        self._batches = 0
        self._epoch = 0
        self._found: dict[str, Any] | None = None

    def watches_batches(self, mode: str) -> bool:
        return mode == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Logs = None) -> None:
        from fastnn.models.archive import read_archive

        self._batches, self._found = 0, None
        for unfinished in self._path.parent.glob(f".{self._path.name}.*"):
            unfinished.unlink()
        if self._path.exists():
            arrays = read_archive(self._path)
            _, batch = self._restore(arrays)
            self._found = arrays if batch else None

    def _restore(self, arrays: dict[str, Any]) -> tuple[int, int]:
        from fastnn.models.snapshot import restore

        try:
            epoch, batch = restore(self.model, self.others(), arrays)
            self.model.resume(epoch, batch)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"BackupAndRestore: the backup {str(self._path)!r} doesn't fit: {error}; delete it to begin anew, or choose another folder"
            ) from error
        return epoch, batch

    def others(self) -> list[Callback]:
        """The other callbacks of the training."""
        return [c for c in self.members if c is not self]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch
        if self._found is not None:  # callbacks have begun an epoch that is in part done, which had been before the backup was made
            self._restore(self._found)
            self._found = None

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def _save(self, epoch: int, batch: int) -> None:
        from fastnn.models.archive import write_archive
        from fastnn.models.snapshot import capture

        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_archive(self._path, capture(self.model, self.others(), epoch, batch))

    def on_train_end(self, logs: Logs = None) -> None:
        if not self.delete_checkpoint or self.model.interrupted:
            return
        self._path.unlink(missing_ok=True)
        if self._path.parent.is_dir() and not any(self._path.parent.iterdir()):
            self._path.parent.rmdir()
