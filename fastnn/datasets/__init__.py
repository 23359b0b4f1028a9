"""Data sets: one that comes with fastnn (`digits`), and three well-known ones, read from local files or downloaded."""

from fastnn.datasets import california_housing, digits, fashion_mnist, mnist

__all__ = ["california_housing", "digits", "fashion_mnist", "mnist"]
