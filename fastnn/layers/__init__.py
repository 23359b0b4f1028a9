"""Layers, with Keras' names and arguments."""

from fastnn.layers.activation import Activation
from fastnn.layers.batch_normalization import BatchNormalization
from fastnn.layers.dense import Dense
from fastnn.layers.dropout import Dropout
from fastnn.layers.flatten import Flatten
from fastnn.layers.input import Input, InputLayer
from fastnn.layers.layer import Layer, layers

get = layers.get

__all__ = ["Activation", "BatchNormalization", "Dense", "Dropout", "Flatten", "Input", "InputLayer", "Layer", "get"]
