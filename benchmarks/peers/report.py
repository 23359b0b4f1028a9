"""The tables, and the same as JSON and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers.measure import Timing, Timings
from benchmarks.peers.workloads import PREDICTIONS, TRAININGS, Prediction, Target, Training
from benchmarks.tables import machine_lines, number, table

OURS = "fastnn"
SLOW_START = 0.1  # seconds a first call must take beyond the others to be reported


@dataclass
class Results:
    """All that one run found."""

    machine: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    trainings: list[tuple[Training, Timings]] = field(default_factory=list)
    predictions: list[tuple[Prediction, Timings]] = field(default_factory=list)


def is_ours(name: str) -> bool:
    return name.split()[0] == OURS


def best(timings: Timings, ours: bool) -> str | None:
    """The fastest of fastnn's entrants, or of the others; not of those told where to put the result, which no rival is."""
    names = [name for name in timings if is_ours(name) == ours and not name.endswith(", out")]
    return min(names, key=lambda name: timings[name].median, default=None)


def ratio(timings: Timings) -> float | None:
    """The best of fastnn's entrants over the best rival; None where either is missing."""
    ours, rival = best(timings, True), best(timings, False)
    return timings[ours].median / timings[rival].median if ours and rival else None


def judge(target: Target, timings: Timings) -> dict[str, Any]:
    """What was to be reached, what was, and the factor between them; over 1 the target is missed by it."""
    entrant, rival = timings.get(target.entrant), timings.get(target.rival or target.entrant)
    text = f"{target.entrant} <= {target.limit:.3g} " + (f"x {target.rival}" if target.rival else "us")
    if entrant is None or rival is None:
        return {"target": text, "factor": None}
    limit = target.limit * (rival.median if target.rival else 1.0)
    return {"target": text, "factor": entrant.median / limit}


def _verdict(target: Target, timings: Timings) -> str:
    judged = judge(target, timings)
    if judged["factor"] is None:
        absent = next(name for name in (target.entrant, target.rival) if name not in timings)
        return f"{judged['target']}: no {absent}"
    return f"{judged['target']}: " + ("met" if judged["factor"] <= 1.0 else f"missed by {judged['factor']:.2f} x")


def _row(label: str, timings: Timings, names: Iterable[str], targets: Iterable[Target]) -> list[str]:
    cells = [f"{number(timings[n].median)} ±{timings[n].spread:.0%}" if n in timings else "-" for n in names]
    overall = ratio(timings)
    share = "-" if overall is None else f"{overall:.2f} ({best(timings, False)})"
    return [label, *cells, share, "; ".join(_verdict(t, timings) for t in targets) or "-"]


def _table(first: str, rows: Sequence[tuple[str, Timings, Sequence[Target]]]) -> Iterator[str]:
    """A Markdown table with a column an entrant."""
    names = list(dict.fromkeys(name for _, timings, _ in rows for name in timings))
    heading = [first, *names, f"{OURS} / best rival", "targets"]
    cells = [heading, *(_row(label, timings, names, targets) for label, timings, targets in rows)]
    yield from table(cells, left=(0, len(heading) - 1))


def _training_label(workload: Training) -> str:
    network = workload.network
    return f"{workload.name}: {network.name} {network.activation}, {'CE' if network.classifies else 'MSE'}, batch {workload.batch}"


def _first_calls(results: Results) -> Iterator[str]:
    slow = []
    for workload, timings in results.trainings:
        for name, timing in timings.items():
            beyond = timing.first - timing.median * workload.steps / 1e6
            if beyond > SLOW_START:
                slow.append(f"{name} on {workload.name} {beyond:.1f} s")
    if slow:
        yield f"Not in these times, what the first epoch took beyond the others (compilation): {', '.join(slow)}."


def lines(results: Results) -> Iterator[str]:
    """The report as Markdown."""
    yield from machine_lines(results.machine)
    if results.peaks:
        yield "Measured peak of multiply-adds: " + ", ".join(f"{dtype} {peak:.0f} GFLOP/s" for dtype, peak in results.peaks.items())
    yield from (f"not installed: {name} ({why})" for name, why in results.missing.items())
    if results.trainings:
        yield "\nMicroseconds per training step, float32: median of the rounds, ± distance of the quartiles\n"
        yield from _table("workload", [(_training_label(w), timings, w.targets) for w, timings in results.trainings])
        yield from _first_calls(results)
    if results.predictions:
        yield "\nMicroseconds per prediction from Python, float32\n"
        yield from _table("network, batch", [(f"{w.name}, {w.batch}", timings, w.targets) for w, timings in results.predictions])


def as_json(results: Results) -> dict[str, Any]:
    """Everything measured, every round of it."""
    return {
        "machine": results.machine,
        "not installed": results.missing,
        "peak GFLOP/s": results.peaks,
        "training": [{"workload": w.name, "batch": w.batch, "steps": w.steps, **_measured(t, w.targets)} for w, t in results.trainings],
        "prediction": [{"network": w.name, "batch": w.batch, **_measured(t, w.targets)} for w, t in results.predictions],
    }


def _measured(timings: Timings, targets: Iterable[Target]) -> dict[str, Any]:
    entrants = {n: {"median": t.median, "spread": t.spread, "first_seconds": t.first, "samples": t.samples} for n, t in timings.items()}
    return {"microseconds": entrants, "ratio": ratio(timings), "targets": [judge(target, timings) for target in targets]}


def from_json(data: dict[str, Any]) -> Results:
    """What `as_json` was made from."""
    trainings = {w.name: w for w in TRAININGS}
    predictions = {(w.name, w.batch): w for w in PREDICTIONS}
    return Results(
        data["machine"],
        data["not installed"],
        data["peak GFLOP/s"],
        [(trainings[each["workload"]], _timings(each)) for each in data["training"]],
        [(predictions[each["network"], each["batch"]], _timings(each)) for each in data["prediction"]],
    )


def _timings(each: dict[str, Any]) -> Timings:
    return {name: Timing(tuple(found["samples"]), found["first_seconds"]) for name, found in each["microseconds"].items()}
