"""Activation functions and their slopes.

Each is one pair of ops declared in a module here (and one paragraph in the file of that family in ``src_cython``): ``name(z, a, ...)``
writes the activation, ``name_backward(z, a, da, dz, ...)`` the gradient of the pre-activation from that of the activation. Both may work in
place: ``a`` may be ``z``, and ``dz`` may be ``da``; a backward op wants the values of z and a as the forward op read and wrote them. The
public name is an :class:`Activation`, called on any array as in Keras.
"""

from fastnn.absent import missing
from fastnn.activations.activation import *
from fastnn.activations.activation import activations, get
from fastnn.activations.gated import *
from fastnn.activations.piecewise import *
from fastnn.activations.python import *
from fastnn.activations.rowwise import *
from fastnn.activations.saturating import *
from fastnn.activations.smooth import *
from fastnn.configurable import deserializer

deserialize = deserializer(get)

__all__ = ["Activation", "PythonActivation", "activations", "deserialize", "get", "serialize", *activations.members]

__getattr__ = missing(__name__, activations.known)
