"""The neurons by name."""

from __future__ import annotations

from fastnn.configurable import Catalogue, Configurable

neurons: Catalogue[Configurable] = Catalogue("neuron", Configurable)
"""Every class of this package by its names."""
