"""Data that is made batch by batch, with Keras' names."""

from __future__ import annotations

from typing import Any

__all__ = ["PyDataset", "Sequence", "pack_x_y_sample_weight", "unpack_x_y_sample_weight"]


class PyDataset:
    """Base of data that `fit`, `evaluate` and `predict` ask for by the number of a batch.

    A subclass defines ``__len__``, the number of batches, and ``__getitem__(index)``, which gives ``(x, y)`` or ``(x, y, sample_weight)``;
    ``on_epoch_begin`` and ``on_epoch_end`` are called around each pass. Any other object with these two methods is as good.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size
        Without meaning: batches are made one by one.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> class Noise(fastnn.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return np.full((4, 2), index), np.zeros(4)
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> len(model.fit(Noise(), epochs=2, verbose=0).history["loss"])
    2
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self), the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index), the batch (x, y)")

    @property
    def num_batches(self) -> int:
        """How many batches there are."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each pass."""

    def on_epoch_end(self) -> None:
        """Called after each pass."""


Sequence = PyDataset
"""What older Keras calls `PyDataset`."""


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch as a tuple of what is there of it: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""
    if sample_weight is not None:
        return x, y, sample_weight
    return x if y is None else (x, y)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The three parts of a batch, None for what isn't there.

    Raises
    ------
    ValueError
        For a tuple of another length than 1, 2 or 3.
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if len(data) not in (1, 2, 3):
        raise ValueError(f"a batch is (x,), (x, y) or (x, y, sample_weight), got {len(data)} parts")
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
