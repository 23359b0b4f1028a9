"""``fastnn info``: what a saved model is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from fastnn.cli.arguments import HelpFormatter
from fastnn.models import load_model
from fastnn.tables import ClassTarget, TableEncoder, encoders, targets

__all__ = ["add_parser", "run"]


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "info",
        help="show what a saved model is",
        description="Show a saved model: its layers, what it was trained on, and how good it was.",
        epilog="example:\n  fastnn info model.fnn",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="a saved model")


def run(options: argparse.Namespace) -> int:
    """Print the table of layers and the metadata."""
    model = load_model(options.model)
    model.summary()
    print(f" dtype: {model.dtype}")
    for line in _lines(model.metadata):
        print(line)
    return 0


def _lines(metadata: dict[str, Any]) -> Iterator[str]:
    if "encoder" not in metadata:
        yield from (f"{name}: {value}" for name, value in metadata.items())
        return
    target = targets.get(metadata["target_encoding"])
    yield f"made by   {metadata['made_by']}"
    yield f"data      {metadata['data']}: rows for {_pairs(metadata['rows'])}"
    yield f"task      {metadata['task']} of {metadata['target']!r}"
    if isinstance(target, ClassTarget):
        yield f"classes   {', '.join(target.labels)}"
    yield from _inputs(encoders.get(metadata["encoder"]))
    yield f"options   {_pairs(metadata['options'])}"
    yield from (f"{name:<10}{_pairs(scores)}" for name, scores in metadata["results"].items())


def _inputs(encoder: Any) -> Iterator[str]:
    if isinstance(encoder, TableEncoder):
        yield "columns"
        yield from (f"  {column.name}: {column.describe()}" for column in encoder.columns)
    else:
        yield f"inputs    rows of shape {tuple(encoder.shape)}"


def _pairs(values: dict[str, Any]) -> str:
    """``name value, name value``, without those that are None."""
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items() if value is not None
    )
