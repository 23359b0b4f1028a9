"""The derivatives of NumPy's functions, each declared once, for both modes. Importing a module of this package declares its rules."""

from fastnn.autodiff.rules import constants, movers, products, reductions, shapes, special, ufuncs

__all__ = ["constants", "movers", "products", "reductions", "shapes", "special", "ufuncs"]
