"""``fastnn train``: learn from data, and save the model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import fastnn
from fastnn import activations, optimizers
from fastnn.cli import jobs, sources, training
from fastnn.cli.arguments import HelpFormatter, fraction, positive, sizes, whole
from fastnn.cli.files import check_output
from fastnn.cli.plotting import check_plot, draw_curves
from fastnn.cli.report import backend_text, show_scores
from fastnn.cli.sources import Source
from fastnn.models import Sequential
from fastnn.tables import ClassTarget

__all__ = ["add_parser", "run"]

_DESCRIPTION = """Train a network on DATA and save it.

DATA is digits (comes with fastnn), mnist or fashion-mnist (their four files in --data-dir), an .npz file with arrays x and y
(and x_test and y_test), or a table: .csv or .tsv (or .gz) with a header. In a table numbers are standardised, texts become
one-hot categories, and missing values (empty, ?, NA, NaN, null, None) are filled in; this is learned from the training rows
only and saved in the model."""

_EXAMPLES = """examples:
  fastnn train
  fastnn train titanic.csv --target Survived --dropout 0.2
  fastnn train houses.csv --task regression --hidden 256,128 --out houses.fnn --plot houses.png
  fastnn train mnist --data-dir ~/mnist --hidden 256,128 --batch-size 128 --epochs 20

Ctrl-C ends the training; the best model so far is saved."""


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "train",
        help="train a network and save it",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    _add_data(parser.add_argument_group("data"))
    _add_network(parser.add_argument_group("network"))
    _add_training(parser.add_argument_group("training"))
    _add_output(parser.add_argument_group("output"))


def _add_data(group: Any) -> None:
    group.add_argument("data", metavar="DATA", nargs="?", default="digits", help="what to learn from, see above")
    group.add_argument("--target", metavar="COL", help="the column to predict (default: the last)")
    group.add_argument(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="auto: classification for texts and for at most 20 distinct whole numbers",
    )
    group.add_argument("--data-dir", metavar="DIR", help="folder with the files of mnist or fashion-mnist (default: $FASTNN_DATA)")
    group.add_argument("--test", metavar="SHARE", type=fraction, help="share of all rows to test on (default: 0.2)")
    group.add_argument("--validation", metavar="SHARE", type=fraction, default=0.1, help="share of the other rows to validate on")


def _add_network(group: Any) -> None:
    group.add_argument("--hidden", metavar="UNITS", type=sizes, default="128,64", help="sizes of the hidden layers, or none")
    group.add_argument("--activation", metavar="NAME", default="relu", help="of the hidden layers")
    group.add_argument("--dropout", metavar="RATE", type=fraction, default=0.0, help="share of hidden units dropped in training")
    group.add_argument(
        "--batch-norm",
        action=argparse.BooleanOptionalAction,
        help="normalise each hidden layer over the batch (default: for classification only)",
    )
    group.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="of weights and data")


def _add_training(group: Any) -> None:
    group.add_argument("--optimizer", metavar="NAME", default="adam", help="how weights follow their gradients")
    group.add_argument("--lr", metavar="RATE", type=positive, help="learning rate (default: the optimizer's)")
    group.add_argument("--epochs", metavar="N", type=whole(1), default=100, help="most passes over the training rows")
    group.add_argument("--batch-size", metavar="N", type=whole(1), default=32, help="rows a step")
    group.add_argument(
        "--early-stopping",
        metavar="N",
        type=whole(0),
        default=20,
        help="stop after N epochs without a lower validation loss (the learning rate is halved after N/4); 0: never",
    )
    group.add_argument("--seed", metavar="N", type=whole(0, 2**32), default=0, help="of the splits, the weights and the order of rows")
    group.add_argument("--threads", metavar="N", type=whole(1), help="threads to use")


def _add_output(group: Any) -> None:
    group.add_argument("--out", metavar="FILE", type=Path, default=Path("model.fnn"), help="where to save the model")
    group.add_argument("--plot", metavar="FILE", type=Path, help="draw the learning curves (needs matplotlib)")


def run(options: argparse.Namespace) -> int:
    """Train as `options` say; the exit status is 130 after Ctrl-C."""
    _check(options)
    source = sources.load(options.data, target=options.target, data_dir=options.data_dir)
    job = jobs.prepare(source, options)
    model = training.build(job, options)
    _say_what(source, job, model)
    outcome = training.fit(model, job, options)
    if outcome.best_epoch is None:
        raise KeyboardInterrupt
    _say_how_fast(outcome)
    model.metadata = {**training.metadata(source, job, options), "results": _results(model, job, outcome)}
    _save(model, outcome, options)
    return 130 if outcome.interrupted else 0


def _check(options: argparse.Namespace) -> None:
    """Raise for what would fail later: nothing has been read or written yet."""
    activations.get(options.activation)
    optimizers.optimizers.find(options.optimizer)
    check_output(options.out, "--out", options.data)
    if options.plot:
        check_output(options.plot, "--plot", options.data)
        check_plot(options.plot)
        if options.plot.absolute() == options.out.absolute():
            raise ValueError(f"--plot {options.plot}: the model is saved there; choose another name")
    if options.threads:
        fastnn.set_num_threads(options.threads)


def _say_what(source: Source, job: jobs.Job, model: Sequential) -> None:
    rows = ", ".join(f"{len(x)} {name}" for name, (_, x, _) in job.parts.items())
    print(f"data     {source.name}: {rows} rows; {job.encoder.width} inputs")
    for note in job.notes:
        print(f"         {note}")
    kind = f"{job.target.units} classes" if isinstance(job.target, ClassTarget) else "a number"
    print(f"task     {job.target.task} of {source.target!r} ({kind})")
    print(f"model    {training.describe(model)}")
    print(f"backend  {backend_text()}", flush=True)


def _say_how_fast(outcome: training.Fit) -> None:
    speed = f"{outcome.samples_a_second:,.0f} samples a second"
    print(f"time     {outcome.seconds:.2f} s for {outcome.epochs} epochs, {speed}; the best was epoch {outcome.best_epoch}")


def _results(model: Sequential, job: jobs.Job, outcome: training.Fit) -> dict[str, Any]:
    """Print and return the scores on the test rows, or on the validation rows when there is no test part."""
    training_results = {"epochs": outcome.epochs, "best epoch": outcome.best_epoch, "seconds": round(outcome.seconds, 3)}
    results: dict[str, Any] = {"training": training_results}
    name = next((name for name in ("test", "validation") if name in job.parts), None)
    if name:
        part, x, _ = job.parts[name]
        results[name] = show_scores(job.target, model.predict(x, verbose=0), part.values, f"{name:<9}")
    return results


def _save(model: Sequential, outcome: training.Fit, options: argparse.Namespace) -> None:
    model.save(options.out)
    print(f"saved    {options.out}{' (interrupted: the best model so far)' if outcome.interrupted else ''}")
    if options.plot and outcome.history:
        draw_curves(outcome.history, outcome.best_epoch, options.plot)
        print(f"curves   {options.plot}")
