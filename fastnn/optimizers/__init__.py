"""Optimizers: how parameters follow their gradients."""

from typing import TYPE_CHECKING

from fastnn.absent import missing
from fastnn.configurable import deserializer, serialize
from fastnn.optimizers import schedules
from fastnn.optimizers.adabelief import *
from fastnn.optimizers.adadelta import *
from fastnn.optimizers.adafactor import *
from fastnn.optimizers.adagrad import *
from fastnn.optimizers.adam import *
from fastnn.optimizers.adamax import *
from fastnn.optimizers.asgd import *
from fastnn.optimizers.conjugate_gradient import *
from fastnn.optimizers.ftrl import *
from fastnn.optimizers.full_batch import FullBatchOptimizer
from fastnn.optimizers.lamb import *
from fastnn.optimizers.lars import *
from fastnn.optimizers.lbfgs import *
from fastnn.optimizers.lion import *
from fastnn.optimizers.muon import *
from fastnn.optimizers.nadam import *
from fastnn.optimizers.optimizer import Optimizer, get, optimizers
from fastnn.optimizers.radam import *
from fastnn.optimizers.rmsprop import *
from fastnn.optimizers.rprop import *
from fastnn.optimizers.schedule_free import *
from fastnn.optimizers.sgd import *

deserialize = deserializer(get)

__all__ = ["FullBatchOptimizer", "Optimizer", "deserialize", "get", "optimizers", "schedules", "serialize", *optimizers.members]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
