"""Layers, with Keras' names and arguments."""

from typing import TYPE_CHECKING

from fastnn.absent import missing
from fastnn.configurable import deserializer, serialize
from fastnn.layers.activation import *
from fastnn.layers.activation_mix import *
from fastnn.layers.activity_regularization import *
from fastnn.layers.batch_normalization import *
from fastnn.layers.categories import *
from fastnn.layers.dense import *
from fastnn.layers.dropout import *
from fastnn.layers.elu import *
from fastnn.layers.flatten import *
from fastnn.layers.function import *
from fastnn.layers.group_normalization import *
from fastnn.layers.input import *
from fastnn.layers.layer import *
from fastnn.layers.leaky_relu import *
from fastnn.layers.noise import *
from fastnn.layers.parallel import *
from fastnn.layers.prelu import *
from fastnn.layers.radial import *
from fastnn.layers.relu import *
from fastnn.layers.rescaling import *
from fastnn.layers.reshaping import *
from fastnn.layers.row_normalization import *
from fastnn.layers.rrelu import *
from fastnn.layers.scaling import *
from fastnn.layers.softmax import *
from fastnn.layers.whitening import *

get = layers.get
deserialize = deserializer(get)

__all__ = ["Input", "Layer", "deserialize", "get", "serialize", *sorted(layers.members)]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
