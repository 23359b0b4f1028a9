"""Data sets: one that comes with fastnn (`digits`), and readers of local files of two well-known ones."""

from fastnn.datasets import digits, fashion_mnist, mnist

__all__ = ["digits", "fashion_mnist", "mnist"]
