"""Show how far training, evaluation or prediction has come."""

from __future__ import annotations

from fastnn.callbacks.callback import Callback, Logs
from fastnn.progress import Progbar, is_live

__all__ = ["ProgbarLogger"]


class ProgbarLogger(Callback):
    """The progress that ``fit(verbose=...)`` shows.

    ``verbose=1`` draws a bar for each epoch, at most ten times a second; ``verbose=2`` writes a line at the end of each
    epoch, and so does 1 where stdout is no terminal; ``"auto"`` is 1; 0 is silent. Reads ``verbose``, ``epochs`` and ``steps``
    from `params`.
    """

    def __init__(self) -> None:
        self._bar = Progbar(None, verbose=0)
        self._in_fit = False
        self._epoch, self._done = 0, 0

    @property
    def verbose(self) -> int:
        """0, 1 or 2."""
        given = self.params.get("verbose", 1)
        return 1 if given == "auto" else int(given)

    def watches_batches(self, mode: str) -> bool:
        return False

    def follows_batches(self, mode: str) -> bool:
        return self.verbose == 1 and is_live() and not (mode == "test" and self._in_fit)

    def _begin(self) -> None:
        self._done = 0
        self._bar = Progbar(self.params.get("steps"), verbose=self.verbose)

    def _step(self, batch: int, logs: Logs) -> None:
        self._done = batch + 1
        self._bar.show(self._done, logs or {})

    def _end(self, logs: Logs, title: str = "") -> None:
        done = self._done or self.params.get("steps") or 0
        self._bar.show(done, logs or {}, finalize=True, title=title)

    @property
    def _title(self) -> str:
        epochs = self.params.get("epochs")
        return f"Epoch {self._epoch + 1}/{epochs}" if epochs else f"Epoch {self._epoch + 1}"

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch
        self._begin()
        if self._bar.live:
            print(self._title)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._end(logs, self._title)

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._step(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._end(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._step(batch, logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._end(logs)
