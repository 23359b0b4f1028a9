"""Losses: what training minimises."""

from fastnn.configurable import serialize
from fastnn.losses.binary import BinaryCrossentropy, binary_crossentropy
from fastnn.losses.categorical import (
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from fastnn.losses.custom import FunctionLoss, PythonLoss, get, register
from fastnn.losses.loss import Loss, LossFunction, losses
from fastnn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError, huber, mean_absolute_error, mean_squared_error

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "FunctionLoss",
    "Huber",
    "Loss",
    "LossFunction",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "PythonLoss",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "huber",
    "losses",
    "mean_absolute_error",
    "mean_squared_error",
    "register",
    "serialize",
    "sparse_categorical_crossentropy",
]
