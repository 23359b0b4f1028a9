"""Activation functions and their slopes.

Each is one pair of ops declared here (and one paragraph in ``src_cython/activations.pyx``): ``name(z, a, ...)``
writes the activation, ``name_backward(z, a, da, dz, ...)`` the gradient of the pre-activation from that of the
activation. The public name is an :class:`Activation`, called on any array as in Keras.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.config import standardize_dtype

Kernel = Callable[..., None]


class Activation:
    """An activation function: an op, its backward, and the values of its parameters.

    Calling it on an array returns a new array; parameters are keywords: ``leaky_relu(x, negative_slope=0.1)``.

    Attributes
    ----------
    name : str
    parameters : dict
        The scalar parameters in use.
    forward, gradient : Op
        ``forward(z, a, *parameters)`` and ``gradient(z, a, da, dz, *parameters)``.
    """

    def __init__(self, reference: Kernel):
        self.forward = op("z (n, m) -> a (n, m)")(reference)
        self.gradient: Op = self.forward
        self.name = self.__name__ = reference.__name__
        self.__doc__ = reference.__doc__
        scalars = list(inspect.signature(reference).parameters.values())[2:]
        self.parameters: dict[str, Any] = {p.name: p.default for p in scalars}

    def backward(self, reference: Kernel) -> Op:
        """Decorator: declare the backward op."""
        self.gradient = op("z (n, m), a (n, m), da (n, m) -> dz (n, m)", differentiable=False)(reference)
        return self.gradient
