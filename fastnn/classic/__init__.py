"""The first artificial neurons, as lectures teach them: with the table of every step of their learning."""

from types import ModuleType

from fastnn.classic.adaline import *
from fastnn.classic.catalogue import neurons
from fastnn.classic.gates import *
from fastnn.classic.hebb import *
from fastnn.classic.mcculloch_pitts import *
from fastnn.classic.perceptron import *

_modules = [each for each in list(globals().values()) if isinstance(each, ModuleType)]
__all__ = ["neurons", *(name for each in _modules for name in getattr(each, "__all__", ()))]
