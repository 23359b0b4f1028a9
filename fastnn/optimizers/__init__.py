"""Optimizers: how parameters follow their gradients."""

from fastnn.configurable import serialize
from fastnn.optimizers import schedules
from fastnn.optimizers.adagrad import Adagrad
from fastnn.optimizers.adam import Adam, AdamW
from fastnn.optimizers.optimizer import Optimizer, get, optimizers
from fastnn.optimizers.rmsprop import RMSprop
from fastnn.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "optimizers", "schedules", "serialize"]
