"""The functions of ``keras.backend`` that scripts call, which ``fastnn.backend`` hands on: ``from fastnn import backend as K``."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import ops
from fastnn.absent import advice, missing
from fastnn.config import epsilon, floatx, set_epsilon, set_floatx, standardize_dtype
from fastnn.utils.session import clear_session

__all__ = ["clear_session", "epsilon", "floatx", "get_value", "set_epsilon", "set_floatx", "set_value", "standardize_dtype"]


def get_value(x: Any) -> Any:
    """The number or array that a learning rate or a parameter is now."""
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)[()]


def set_value(x: Any, value: Any) -> None:
    """Assign a number to a learning rate, an array to a parameter.

    Raises
    ------
    TypeError
        For what can't be assigned to.
    """
    if not hasattr(x, "assign"):
        raise TypeError(f"set_value assigns to model.optimizer.learning_rate or a layer's parameter, got {x!r}")
    x.assign(value)


def _elsewhere(name: str) -> Any:
    """A function of ``keras.ops`` that older Keras has here."""
    return None if advice("fastnn.backend", name) else getattr(ops, name, None)


__getattr__ = missing("fastnn.backend", _elsewhere)
