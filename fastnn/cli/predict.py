"""``fastnn predict``: apply a saved model to new rows."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from fastnn.cli import sources
from fastnn.cli.arguments import HelpFormatter
from fastnn.cli.files import check_output
from fastnn.cli.report import show_scores
from fastnn.files import replacing
from fastnn.models import Sequential, load_model
from fastnn.tables import ClassTarget, Target, encoders, targets

__all__ = ["add_parser", "run"]

_DESCRIPTION = """Predict with a model that fastnn train saved.

DATA is of the kinds that fastnn train takes; a table needs the columns that the model was trained on, in any order. The output
is a table with a row for each row of DATA: the prediction and, for classes, the probability of each. If DATA has the
target as well, the scores are shown (on stderr when the predictions go to stdout). Of mnist and fashion-mnist
the test part is predicted, of digits all rows, those trained on too."""

_EXAMPLES = """examples:
  fastnn predict model.fnn new.csv --out predictions.csv
  fastnn predict model.fnn new.csv | head"""


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "predict",
        help="predict with a saved model",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="a file that fastnn train saved")
    parser.add_argument("data", metavar="DATA", help="the rows to predict")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with the files of mnist or fashion-mnist (default: $FASTNN_DATA)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the predictions (default: stdout)")


def run(options: argparse.Namespace) -> int:
    """Predict as `options` say."""
    if options.out:
        check_output(options.out, "--out", options.data, options.model)
    model = load_model(options.model)
    metadata = training_metadata(model, options.model)
    source = sources.load(options.data, target=metadata["target"], data_dir=options.data_dir, need_target=False)
    source = source.test or source
    target = targets.get(metadata["target_encoding"])
    output = model.predict(encoders.get(metadata["encoder"]).encode(source.data, model.dtype), verbose=0)
    _write_all(target, output, options.out)
    _show(target, output, source, sys.stdout if options.out else sys.stderr)
    if options.out:
        print(f"saved    {options.out} ({len(output)} rows)")
    return 0


def training_metadata(model: Sequential, path: str) -> dict[str, Any]:
    """What ``fastnn train`` noted in the model.

    Raises
    ------
    ValueError
        When the model was made otherwise.
    """
    if "encoder" not in model.metadata:
        raise ValueError(
            f"{path}: not made by fastnn train, so how data becomes its input isn't known; use fastnn.models.load_model in Python"
        )
    return model.metadata


def _write_all(target: Target, output: np.ndarray, path: Path | None) -> None:
    if path is None:
        _write(target, output, sys.stdout)
        sys.stdout.flush()
        return
    with replacing(path, "w", encoding="utf-8", newline="") as file:
        _write(target, output, file)


def _write(target: Target, output: np.ndarray, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    probabilities = [f"probability_{label}" for label in target.labels] if isinstance(target, ClassTarget) else []
    writer.writerow(["prediction", *probabilities])
    writer.writerows(_rows(target, output))


def _rows(target: Target, output: np.ndarray) -> Iterator[list[str]]:
    values = target.decode(output)
    if isinstance(target, ClassTarget):
        return ([value, *(f"{p:.6g}" for p in row)] for value, row in zip(values, output.tolist(), strict=True))
    digits = 8 if output.dtype == np.float32 else 16
    return ([f"{value:.{digits}g}"] for value in values.tolist())


def _show(target: Target, output: np.ndarray, source: sources.Source, file: IO[str]) -> None:
    """Show the scores of the rows that have a target."""
    if source.values is None:
        return
    values = source.values
    known = np.array([value is not None for value in values]) if values.dtype == object else np.isfinite(values)
    if not isinstance(target, ClassTarget) and values.dtype == object:
        print(f"the target {source.target!r} holds text, so no scores", file=file)
    elif known.any():
        show_scores(target, output[known], values[known], f"{source.name}: ", file)
