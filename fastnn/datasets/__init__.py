"""Data sets: one that comes with fastnn (`digits`), and three well-known ones, read from local files or downloaded."""

from typing import TYPE_CHECKING

from fastnn.absent import missing
from fastnn.datasets import california_housing, digits, fashion_mnist, mnist

__all__ = ["california_housing", "digits", "fashion_mnist", "mnist"]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
