"""How good predictions are, in numbers and as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

import numpy as np

from fastnn import backend
from fastnn.tables import ClassTarget, Target
from fastnn.tables.targets import label

__all__ = ["backend_text", "classification_scores", "confusion", "confusion_text", "regression_scores", "scores_text", "show_scores"]

_LARGEST_MATRIX = 20
_LABEL_WIDTH = 16


def backend_text() -> str:
    """The backend in use, with its instruction set."""
    return f"compiled ({backend.isa()})" if backend.current() == "compiled" else "numpy"


def show_scores(target: Target, output: np.ndarray, values: np.ndarray, title: str, file: TextIO | None = None) -> dict[str, float]:
    """Print and return how well the network's `output` (n, units) meets the true `values` (n,), in the target's unit.

    Values that are none of the target's classes count as wrong.
    """
    file = file or sys.stdout
    if not isinstance(target, ClassTarget):
        scores = regression_scores(values, target.decode(output))
        print(f"{title}{scores_text(scores, len(values))}", file=file)
        return scores
    true, predicted = target.encode(values), output.argmax(1)
    known = true >= 0
    scores = classification_scores(true, predicted)
    print(f"{title}{scores_text(scores, len(values))}", file=file)
    if not known.all():
        example = label(values[~known].tolist()[0])
        print(f"counted as wrong, for their class is unknown to the model: {(~known).sum()} rows, {example!r} for one", file=file)
    print(confusion_text(confusion(true[known], predicted[known], target.units), target.labels), file=file)
    return scores


def classification_scores(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The share of equal class numbers."""
    return {"accuracy": float(np.mean(true == predicted))}


def regression_scores(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Root mean squared error, mean absolute error (both in the target's unit), and R2 (0 for a constant target)."""
    error = predicted - true
    spread = np.square(true - true.mean()).sum()
    r2 = 1 - np.square(error).sum() / spread if spread > 0 else 0.0
    return {"rmse": float(np.sqrt(np.square(error).mean())), "mae": float(np.abs(error).mean()), "r2": float(r2)}


def scores_text(scores: dict[str, float], rows: int) -> str:
    """The scores on a line."""
    if "accuracy" in scores:
        return f"accuracy {scores['accuracy']:.4f} ({round(scores['accuracy'] * rows)} of {rows} rows)"
    return f"RMSE {scores['rmse']:.6g}  MAE {scores['mae']:.6g}  R2 {scores['r2']:.4f}  ({rows} rows)"


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes): the row is the true class, the column the predicted one."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def confusion_text(counts: np.ndarray, labels: Sequence[str]) -> str:
    """The matrix with its labels; of more than 20 classes only the most frequent confusions."""
    names = [label if len(label) <= _LABEL_WIDTH else f"{label[: _LABEL_WIDTH - 3]}..." for label in labels]
    return _matrix(counts, names) if len(names) <= _LARGEST_MATRIX else _largest(counts, names)


def _matrix(counts: np.ndarray, names: list[str]) -> str:
    cells = [["true \\ predicted", *names], *([name, *map(str, row)] for name, row in zip(names, counts.tolist(), strict=True))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def _largest(counts: np.ndarray, names: list[str]) -> str:
    wrong = counts * (1 - np.eye(len(names), dtype=counts.dtype))
    places = np.argsort(-wrong, axis=None, kind="stable")[:10]
    pairs = [divmod(int(place), len(names)) for place in places if wrong.flat[place]]
    return "\n".join(["most frequent confusions:", *(f"  {wrong[t, p]} times {names[p]} for {names[t]}" for t, p in pairs)])
