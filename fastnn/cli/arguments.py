"""Types of command-line arguments; each says what it expects."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

__all__ = ["HelpFormatter", "fraction", "positive", "sizes", "whole"]


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults that say something, and examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        said = action.default is None or action.default is False or "default:" in (action.help or "")
        return action.help if said else super()._get_help_string(action)


def checked(parse: Callable[[str], Any], accept: Callable[[Any], bool], expected: str) -> Callable[[str], Any]:
    """An argument type: `parse` the text, then `accept` the value."""

    def convert(text: str) -> Any:
        try:
            value = parse(text)
        except ValueError:
            value = None
        if value is None or not accept(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return convert


def whole(least: int, below: int | None = None) -> Callable[[str], int]:
    """A whole number from `least` on, and less than `below`."""
    limit = f" and below {below}" if below else ""
    return checked(int, lambda n: n >= least and (below is None or n < below), f"a whole number from {least} on{limit}")


positive = checked(float, lambda x: 0 < x < math.inf, "a number above 0")
fraction = checked(float, lambda x: 0 <= x < 1, "a number from 0 on and below 1")


def _sizes(text: str) -> list[int]:
    return [] if text.strip().lower() == "none" else [int(size) for size in text.split(",")]


sizes = checked(_sizes, lambda s: all(n > 0 for n in s), "numbers of units such as 128,64, or none")
