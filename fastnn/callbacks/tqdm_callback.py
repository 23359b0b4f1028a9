"""Progress bars of the tqdm package."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.callback import Callback, Logs

__all__ = ["TqdmCallback"]


class TqdmCallback(Callback):
    """Shows a training's progress by tqdm, in a terminal or a notebook; pass ``verbose=0`` to `fit` beside it.

    Parameters
    ----------
    verbose : {0, 1}, default 1
        0 shows a bar of the epochs, 1 also one of the batches of each, which is brought up to date some twenty times a second.
    **options
        Passed on to ``tqdm``: ``desc``, ``file``, ``leave``, ``disable``, ...

    Raises
    ------
    ImportError
        When tqdm, of the extra ``progress``, isn't installed.
    """

    def __init__(self, verbose: int = 1, **options: Any):
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("TqdmCallback needs tqdm: install it with pip install 'fastnn[progress]'") from error
        self._tqdm, self.verbose, self.options = tqdm, verbose, options
        self._epochs: Any = None
        self._batches: Any = None

    def watches_batches(self, mode: str) -> bool:
        return False

    def follows_batches(self, mode: str) -> bool:
        return mode == "train" and bool(self.verbose)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._epochs = self._tqdm(total=self.params.get("epochs"), unit="epoch", **self.options)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        _move(self._epochs, epoch)
        if self.verbose:
            self._batches = self._tqdm(total=self.params.get("steps"), unit="batch", **{**self.options, "leave": False})

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        _move(self._batches, batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._close_batches()
        _move(self._epochs, epoch + 1, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._close_batches()
        self._epochs.close()

    def _close_batches(self) -> None:
        if self._batches is not None:
            self._batches.close()
        self._batches = None


def _move(bar: Any, to: int, logs: Logs = None) -> None:
    """Bring a bar to a count, with the numbers beside it."""
    if logs:
        bar.set_postfix(logs, refresh=False)
    bar.update(to - bar.n)
