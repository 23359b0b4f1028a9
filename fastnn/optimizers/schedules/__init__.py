"""Learning rates that change with the step."""

from types import ModuleType
from typing import TYPE_CHECKING

from fastnn.absent import missing
from fastnn.configurable import deserializer, serialize
from fastnn.optimizers.schedules.cosine import *
from fastnn.optimizers.schedules.cycles import *
from fastnn.optimizers.schedules.decay import *
from fastnn.optimizers.schedules.piecewise import *
from fastnn.optimizers.schedules.schedule import *
from fastnn.optimizers.schedules.warmup import *

deserialize = deserializer(schedules.get)

__all__ = sorted(name for each in list(globals().values()) if isinstance(each, ModuleType) for name in each.__all__)
__all__ += ["deserialize", "serialize"]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
