"""Markdown tables, and how numbers are written in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any


def table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> Iterator[str]:
    """The lines of a table whose first row is the heading.

    Parameters
    ----------
    rows : sequence of sequence of str
    left : collection of int
        Columns set flush left; all others hold numbers.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * width if i in left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    for row in (rows[0], rule, *rows[1:]):
        cells = [cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        yield f"| {' | '.join(cells)} |"


def number(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine_lines(machine: dict[str, Any]) -> Iterator[str]:
    """What a table must be read with: where, when, by which clock, and with what."""
    pinned, threads = (machine["pinned to"], ", one thread") if machine["pinned to"] else ("any", "")
    place = f"processor {pinned} of {machine['processors']}{threads}"
    yield f"{machine['date']}, {machine['processor']}, {place}, {machine['clock']} time, load when it started {machine['load']}"
    yield f"{machine['system']}; " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
