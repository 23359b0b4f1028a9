"""Initial values of weights: Keras' initializers and some of torch's, drawn from NumPy generators.

Values are drawn in float64 and then rounded, so that one seed gives the same weights in both dtypes.
"""

from types import ModuleType

from fastnn.absent import missing
from fastnn.configurable import deserializer, serialize
from fastnn.initializers.constants import *
from fastnn.initializers.distributions import *
from fastnn.initializers.initializer import *
from fastnn.initializers.matrices import *
from fastnn.initializers.scaling import *

deserialize = deserializer(get)

__all__ = sorted(name for each in list(globals().values()) if isinstance(each, ModuleType) for name in each.__all__)
__all__ += ["deserialize", "serialize"]

__getattr__ = missing(__name__, initializers.known)
