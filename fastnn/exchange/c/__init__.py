"""Models as C: one self-contained C99 file that predicts."""

from __future__ import annotations

from fastnn.exchange.c import forms as _forms  # noqa: F401  # declares what each op is
from fastnn.exchange.c.form import elementwise, rowwise
from fastnn.exchange.c.writing import to_c

__all__ = ["elementwise", "rowwise", "to_c"]
