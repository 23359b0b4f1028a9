"""Models as C: one self-contained C99 file that predicts."""

from __future__ import annotations

from fastnn.exchange.c.forms import elementwise, rowwise
from fastnn.exchange.c.writing import to_c

__all__ = ["elementwise", "rowwise", "to_c"]
