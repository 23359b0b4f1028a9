"""The first artificial neurons, as lectures teach them: with the table of every step of their learning."""

from fastnn.classic import adaline, gates, hebb, mcculloch_pitts, perceptron
from fastnn.classic.adaline import *
from fastnn.classic.catalogue import neurons
from fastnn.classic.gates import *
from fastnn.classic.hebb import *
from fastnn.classic.mcculloch_pitts import *
from fastnn.classic.perceptron import *

__all__ = ["neurons"]
__all__ += adaline.__all__ + gates.__all__ + hebb.__all__ + mcculloch_pitts.__all__ + perceptron.__all__
