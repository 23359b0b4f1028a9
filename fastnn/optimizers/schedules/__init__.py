"""Learning rates that change with the step."""

from types import ModuleType

from fastnn.optimizers.schedules.cosine import *
from fastnn.optimizers.schedules.cycles import *
from fastnn.optimizers.schedules.decay import *
from fastnn.optimizers.schedules.piecewise import *
from fastnn.optimizers.schedules.schedule import *
from fastnn.optimizers.schedules.warmup import *

__all__ = sorted(name for each in list(globals().values()) if isinstance(each, ModuleType) for name in each.__all__)
