"""The neurons by name."""

from __future__ import annotations

from typing import Any

from fastnn.configurable import Catalogue, Configurable

neurons: Catalogue[Any] = Catalogue("neuron", Configurable)
"""Every class of this package by its names."""
