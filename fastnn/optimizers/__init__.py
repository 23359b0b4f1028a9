"""Optimizers: how parameters follow their gradients."""

from fastnn.configurable import serialize
from fastnn.optimizers import schedules
from fastnn.optimizers.adabelief import *  # noqa: F403
from fastnn.optimizers.adadelta import *  # noqa: F403
from fastnn.optimizers.adagrad import *  # noqa: F403
from fastnn.optimizers.adam import *  # noqa: F403
from fastnn.optimizers.adamax import *  # noqa: F403
from fastnn.optimizers.asgd import *  # noqa: F403
from fastnn.optimizers.ftrl import *  # noqa: F403
from fastnn.optimizers.lion import *  # noqa: F403
from fastnn.optimizers.nadam import *  # noqa: F403
from fastnn.optimizers.optimizer import Optimizer, get, optimizers
from fastnn.optimizers.radam import *  # noqa: F403
from fastnn.optimizers.rmsprop import *  # noqa: F403
from fastnn.optimizers.rprop import *  # noqa: F403
from fastnn.optimizers.sgd import *  # noqa: F403

__all__ = ["Optimizer", "get", "optimizers", "schedules", "serialize", *optimizers.members]
