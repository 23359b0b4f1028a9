"""Stop when the loss is no longer a number."""

from __future__ import annotations

import math

from fastnn.callbacks.callback import Callback, Logs

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stops the training after the first batch whose loss is nan or infinite.

    Parameters
    ----------
    raise_error : bool, default False
        Raise RuntimeError instead of stopping.
    """

    stops_at_nan = True

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error

    def watches_batches(self, mode: str) -> bool:
        return False  # the training returns by itself at a loss that isn't finite

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"the loss of batch {batch} is {loss}; lower the learning rate, or check the data for nan and scale it")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
