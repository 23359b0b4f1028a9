"""Losses: what training minimises. Each module says what it offers, and its classes enter the catalogue by themselves."""

from fastnn.absent import missing
from fastnn.configurable import deserializer, serialize
from fastnn.losses.binary import *
from fastnn.losses.categorical import *
from fastnn.losses.custom import FunctionLoss, get, register
from fastnn.losses.focal import *
from fastnn.losses.likelihood import *
from fastnn.losses.loss import Loss, LossFunction, losses
from fastnn.losses.margins import *
from fastnn.losses.overlap import *
from fastnn.losses.raw import *
from fastnn.losses.regression import *
from fastnn.losses.robust import *
from fastnn.losses.similarity import *
from fastnn.losses.sparse import *

deserialize = deserializer(get)

__all__ = ["FunctionLoss", "Loss", "LossFunction", "deserialize", "get", "losses", "register", "serialize", *losses.members]
__all__ += [name for name, value in list(globals().items()) if isinstance(value, LossFunction)]

__getattr__ = missing(__name__, lambda name: getattr(losses.known(name), "function", None))
