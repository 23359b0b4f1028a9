"""Activation functions and their slopes.

Each is one pair of ops declared in a module here (and one paragraph in the file of that family in ``src_cython``): ``name(z, a, ...)``
writes the activation, ``name_backward(z, a, da, dz, ...)`` the gradient of the pre-activation from that of the activation. Both may work in
place: ``a`` may be ``z``, and ``dz`` may be ``da``; a backward op wants the values of z and a as the forward op read and wrote them. The
public name is an :class:`Activation`, called on any array as in Keras.
"""

from fastnn.activations.activation import *  # noqa: F403
from fastnn.activations.activation import activations
from fastnn.activations.gated import *  # noqa: F403
from fastnn.activations.piecewise import *  # noqa: F403
from fastnn.activations.rowwise import *  # noqa: F403
from fastnn.activations.saturating import *  # noqa: F403
from fastnn.activations.smooth import *  # noqa: F403

__all__ = ["Activation", "activations", "get", "serialize", *activations.members]  # noqa: F405
