"""Logical gates as neurons of McCulloch and Pitts, or as circuits of them where one doesn't do."""

from __future__ import annotations

from fastnn.arrays import positive_integer
from fastnn.classic.mcculloch_pitts import Circuit, McCullochPitts

__all__ = ["AND", "AND_NOT", "NAND", "NOR", "NOT", "OR", "XOR"]


def AND(inputs: int = 2) -> McCullochPitts:
    """All inputs: the threshold is their number."""
    return McCullochPitts([1] * positive_integer("inputs", inputs), inputs)


def OR(inputs: int = 2) -> McCullochPitts:
    """Any input: the threshold is 1."""
    return McCullochPitts([1] * positive_integer("inputs", inputs), 1)


def NOT() -> McCullochPitts:
    """One inhibitory input, threshold 0: it fires unless that is active."""
    return McCullochPitts([-1], 0)


def NOR(inputs: int = 2) -> McCullochPitts:
    """None of the inputs: all are inhibitory, the threshold is 0."""
    return McCullochPitts([-1] * positive_integer("inputs", inputs), 0)


def AND_NOT() -> McCullochPitts:
    """The first input without the second, which is inhibitory."""
    return McCullochPitts([1, -1], 1)


def NAND(inputs: int = 2) -> Circuit:
    """Not all inputs: AND, then NOT. One neuron with absolute inhibition can't do it."""
    gate = AND(inputs)
    return Circuit(inputs, [[(gate, range(inputs))], [(NOT(), [0])]])


def XOR() -> Circuit:
    """Either of two inputs but not both: OR of "first without second" and "second without first"."""
    return Circuit(2, [[(AND_NOT(), [0, 1]), (AND_NOT(), [1, 0])], [(OR(), [0, 1])]])
