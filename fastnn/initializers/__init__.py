"""Initial values of weights: Keras' initializers and some of torch's, drawn from NumPy generators.

Values are drawn in float64 and then rounded, so that one seed gives the same weights in both dtypes.
"""

from types import ModuleType

from fastnn.initializers.constants import *
from fastnn.initializers.distributions import *
from fastnn.initializers.initializer import *
from fastnn.initializers.matrices import *
from fastnn.initializers.scaling import *

__all__ = sorted(name for each in list(globals().values()) if isinstance(each, ModuleType) for name in each.__all__)
