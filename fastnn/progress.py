"""The progress line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

import numpy as np


def is_live() -> bool:
    """Whether a line on stdout can be written over: a terminal or a notebook."""
    return "ipykernel" in sys.modules or (sys.stdout is not None and sys.stdout.isatty())


def duration(seconds: float) -> str:
    """``"0.4s"``, ``"37s"``, ``"2:05"``, ``"1:02:05"``."""
    if seconds < 60:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def step_duration(seconds: float, unit: str) -> str:
    """``"3us/step"``, ``"12ms/step"``, ``"2s/step"``."""
    scale, symbol = next(((s, u) for s, u in ((1, "s"), (1e3, "ms")) if seconds * s >= 1), (1e6, "us"))
    return f"{seconds * scale:.0f}{symbol}/{unit}"


def values_text(values: Mapping[str, Any]) -> str:
    """``" - loss: 0.1234 - accuracy: 0.9876"``."""
    return "".join(f" - {name}: {_number(value)}" for name, value in values.items())


def _number(value: Any) -> str:
    mean = float(np.mean(value))
    return f"{mean:.4f}" if abs(mean) > 1e-3 or mean == 0 else f"{mean:.4e}"


class Progbar:
    """A progress line: a bar that is written over on a terminal, otherwise one line at the end.

    Parameters
    ----------
    target : int or None
        Steps in all; None when unknown.
    width : int, default 20
        Of the bar, in characters.
    verbose : {0, 1, 2}, default 1
        0 writes nothing, 2 only the line at the end.
    interval : float, default 0.1
        Least seconds between two updates of the line.
    stateful_metrics : iterable of str, optional
        Names whose values are shown as given; others are averaged over the steps.
    unit_name : str, default "step"
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.1,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        self.target, self.width, self.verbose, self.interval = target, width, verbose, interval
        self.stateful_metrics, self.unit_name = set(stateful_metrics or ()), unit_name
        self.live = verbose == 1 and is_live()
        self._sums: dict[str, tuple[Any, int]] = {}
        self._seen = self._drawn = 0
        self._start = perf_counter()
        self._due = self._start

    def update(self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None) -> None:
        """Take in the step `current` (from 1) with its ``(name, value)`` pairs, and show the line if it is time.

        Parameters
        ----------
        current : int
            Steps done.
        values : iterable of (str, float), optional
            Of the steps since the last update.
        finalize : bool, optional
            Whether this is the end; when `current` has reached the target by default.
        """
        final = (self.target is not None and current >= self.target) if finalize is None else finalize
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = (0.0, 0) if name in self.stateful_metrics else self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value * steps, count + steps
        self.show(current, {name: total / count for name, (total, count) in self._sums.items()}, final)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """`n` more steps are done; see :meth:`update`."""
        self.update(self._seen + n, values)

    def show(self, current: int, values: Mapping[str, Any], finalize: bool = False, title: str = "") -> None:
        """Show `values` as they are, if it is time or the end; `title` stands in place of the count on a line that isn't live."""
        self._seen = current
        now = perf_counter()
        if not self.verbose or (not finalize and (not self.live or now < self._due)):
            return
        self._due = now + self.interval
        line = self._line(current, now - self._start, values, finalize, title)
        self._write(line, finalize)

    def _line(self, current: int, elapsed: float, values: Mapping[str, Any], final: bool, title: str) -> str:
        count = f"{current}/{self.target}" if self.target else f"{current}"
        step = f" {step_duration(elapsed / current, self.unit_name)}" if current else ""
        if not self.live:
            return f"{title or count} - {duration(elapsed)}{step}{values_text(values)}"
        left = self.target and current and not final
        time = f"ETA {duration(elapsed / current * (self.target - current))}" if left else duration(elapsed)  # type: ignore[operator]
        return f"{count.rjust(len(f'{self.target}') * 2 + 1)} {self._bar(current)}{time}{step}{values_text(values)}"

    def _bar(self, current: int) -> str:
        if not self.target:
            return ""
        done = min(self.width, self.width * current // self.target)
        head = ">" if done < self.width else ""
        return f"[{'=' * done}{head}{'.' * (self.width - done - len(head))}] "

    def _write(self, line: str, final: bool) -> None:
        if self.live and not final:  # a line that wraps could not be written over
            line = line[: shutil.get_terminal_size().columns - 1]
        start = "\r" if self.live else ""
        print(start + line.ljust(self._drawn if self.live else 0), end="\n" if final else "", flush=True)
        self._drawn = len(line)
