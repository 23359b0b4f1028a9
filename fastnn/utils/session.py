"""What Keras keeps for a whole process."""

from __future__ import annotations

import gc

from fastnn.layers.layer import restart_names

__all__ = ["clear_session"]


def clear_session(free_memory: bool = True) -> None:
    """Let new layers and models be named from the beginning again: ``"dense"``, ``"dense_1"``, ...

    There is nothing else that models leave behind: their memory is given back once nothing refers to them.

    Parameters
    ----------
    free_memory : bool
        Whether to collect garbage at once.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.utils.clear_session()
    >>> fastnn.layers.Dense(3).name
    'dense'
    """
    restart_names()
    if free_memory:
        gc.collect()
