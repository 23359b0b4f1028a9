"""Small helpers that Keras scripts use."""

from types import ModuleType
from typing import TYPE_CHECKING

from fastnn import saving
from fastnn.absent import missing
from fastnn.config import standardize_dtype
from fastnn.progress import Progbar
from fastnn.random import set_random_seed
from fastnn.utils.arrays import *
from fastnn.utils.batches import *
from fastnn.utils.np_utils import *
from fastnn.utils.session import *

__all__ = ["Progbar", "set_random_seed", "standardize_dtype"]
__all__ += [name for each in list(globals().values()) if isinstance(each, ModuleType) and each is not saving for name in each.__all__]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__, lambda name: getattr(saving, name) if name in saving.__all__ else None)
