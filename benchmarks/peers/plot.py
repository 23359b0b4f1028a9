"""The bar chart."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any

from benchmarks.peers.measure import Timings
from benchmarks.peers.report import Results, is_ours

_OURS = ("#b2182b", "#ef8a62", "#fddbc7", "#67001f", "#d6604d")
_RIVALS = ("#2166ac", "#67a9cf", "#666666", "#1b7837", "#762a83", "#c2a5cf", "#d1e5f0", "#7fbf7b", "#9970ab")


def save(results: Results, path: str) -> None:
    """A panel for training and one for prediction, a group of bars a workload, on a logarithmic axis."""
    from matplotlib.figure import Figure

    panels = [
        ("training step", [(w.name, timings) for w, timings in results.trainings]),
        ("prediction from Python", [(f"{w.name}\nbatch {w.batch}", timings) for w, timings in results.predictions]),
    ]
    panels = [panel for panel in panels if panel[1]]
    figure = Figure(figsize=(13, 4.6 * len(panels)), layout="constrained")
    colours = _colours(name for _, groups in panels for _, timings in groups for name in timings)
    for axes, (title, groups) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw(axes, groups, colours)
        axes.set_title(f"{title}: microseconds, lower is better")
    machine = results.machine
    figure.suptitle(f"{machine['processor']}, one thread, float32, {machine['date']}", fontsize=10)
    figure.savefig(path, dpi=110)


def _draw(axes: Any, groups: list[tuple[str, Timings]], colours: dict[str, str]) -> None:
    names = list(dict.fromkeys(name for _, timings in groups for name in timings))
    width = 0.86 / len(names)
    for i, name in enumerate(names):
        found = [(group, timings[name].median) for group, (_, timings) in enumerate(groups) if name in timings]
        places = [group + (i - (len(names) - 1) / 2) * width for group, _ in found]
        bars = axes.bar(places, [value for _, value in found], width, label=name, color=colours[name])
        axes.bar_label(bars, [f"{value:.3g}" if value < 1000 else f"{value:.0f}" for _, value in found], fontsize=6, rotation=90, padding=2)
    axes.set_yscale("log")
    axes.margins(x=0.01, y=0.2)
    axes.set_xticks(range(len(groups)), [label for label, _ in groups])
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, ncols=len(names), loc="upper left")


def _colours(names: Iterable[str]) -> dict[str, str]:
    """Reds for fastnn, the rest for the others; the same name has one colour in all panels."""
    ours, rivals = cycle(_OURS), cycle(_RIVALS)
    return {name: next(ours if is_ours(name) else rivals) for name in dict.fromkeys(names)}
