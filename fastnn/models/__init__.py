"""Models: `Sequential`, and reading one back from its file."""

from fastnn.models.saving import load_model
from fastnn.models.sequential import Sequential

__all__ = ["Sequential", "load_model"]
