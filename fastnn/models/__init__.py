"""Models: `Sequential`, and reading one back from its file."""

from typing import TYPE_CHECKING

from fastnn.absent import missing
from fastnn.models.cloning import *
from fastnn.models.cloning import __all__ as _cloning
from fastnn.models.saving import load_model
from fastnn.models.sequential import Sequential
from fastnn.saving import save_model

__all__ = ["Sequential", "load_model", "save_model", *_cloning]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
