"""Errors of differentiation that say in whose function they arose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["within"]

_PREFIX = "autodiff: "


@contextmanager
def within(who: str) -> Iterator[None]:
    """Let errors of differentiation in this block begin with `who`, ``"layer 'lambda'"``, instead of ``"autodiff"``."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith(_PREFIX):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{who}: {str(error).removeprefix(_PREFIX)}") from error
