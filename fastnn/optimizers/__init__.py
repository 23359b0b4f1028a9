"""Optimizers: how parameters follow their gradients."""

from fastnn.configurable import serialize
from fastnn.optimizers import schedules
from fastnn.optimizers.adagrad import *
from fastnn.optimizers.adam import *
from fastnn.optimizers.optimizer import Optimizer, get, optimizers
from fastnn.optimizers.rmsprop import *
from fastnn.optimizers.sgd import *

__all__ = ["Optimizer", "get", "optimizers", "schedules", "serialize", *optimizers.members]
