"""From a source of data to encoded rows: which task, which rows for what, and the encoding."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from fastnn.cli.sources import Source
from fastnn.tables import ClassTarget, Encoder, NumberTarget, Table, Target, split
from fastnn.tables.targets import label

__all__ = ["Job", "choose_task", "prepare"]

_MOST_CLASSES_GUESSED = 20


@dataclass
class Job:
    """Encoded data, ready to train on.

    Attributes
    ----------
    encoder : Encoder
    target : Target
    notes : list of str
        What a user should know of the encoding.
    parts : dict of str to (Source, x, y)
        ``"train"``, and ``"validation"`` and ``"test"`` where there are such rows.
    """

    encoder: Encoder
    target: Target
    notes: list[str]
    parts: dict[str, tuple[Source, np.ndarray, np.ndarray]]


def prepare(source: Source, options: argparse.Namespace) -> Job:
    """Split the rows, learn the encoding from the training rows, and encode all of them.

    Raises
    ------
    ValueError
        When a part has no rows, or the data can't be encoded.
    """
    is_class = choose_task(source, options.task) == "classification"
    sources = _split(source, is_class, options)
    target: Target = ClassTarget.learn(source.values) if is_class else NumberTarget.learn(sources["train"].values)
    encoder, notes = sources["train"].learn_encoder()
    parts = {name: (part, encoder.encode(part.data, options.dtype), target.encode(part.values)) for name, part in sources.items()}
    return Job(encoder, target, notes, parts)


# ----------------------------------------------------------------------------------------------------------- task


def choose_task(source: Source, asked: str) -> str:
    """The task asked for, or classification for texts and for at most 20 distinct whole numbers, regression otherwise.

    Raises
    ------
    ValueError
        When the targets can't be that, or there is nothing to learn.
    """
    distinct = np.unique(source.values)
    task = _guess(distinct) if asked == "auto" else asked
    if len(distinct) < 2:
        raise ValueError(
            f"{source.name}: the target {source.target!r} is always {label(distinct.tolist()[0])}, "
            "only one class: there is nothing to learn; choose another column with --target"
        )
    if task == "regression":
        _require_numbers(source)
    elif 2 * len(distinct) > len(source):
        raise ValueError(
            f"{source.name}: the target {source.target!r} has {len(distinct)} classes in {len(source)} rows; "
            "choose another column with --target, or --task regression for numbers"
        )
    return task


def _guess(distinct: np.ndarray) -> str:
    is_class = distinct.dtype == object or (len(distinct) <= _MOST_CLASSES_GUESSED and bool((distinct == np.round(distinct)).all()))
    return "classification" if is_class else "regression"


def _require_numbers(source: Source) -> None:
    if source.values.dtype == object:
        if isinstance(source.data, Table):
            source.data.numbers(source.target)  # says where the text is
        raise ValueError(f"{source.name}: the target {source.target!r} is text; regression needs numbers")


# ---------------------------------------------------------------------------------------------------------- parts


def _split(source: Source, is_class: bool, options: argparse.Namespace) -> dict[str, Source]:
    rng = np.random.default_rng([options.seed, 1])
    sources = {"train": source}
    if source.test is not None:
        if options.test is not None:
            raise ValueError(f"{source.name}: comes with its own test part; leave --test out")
        sources["test"] = source.test
    else:
        _part(sources, "test", is_class, 0.2 if options.test is None else options.test, rng)
    _part(sources, "validation", is_class, options.validation, rng)
    return sources


def _part(sources: dict[str, Source], name: str, is_class: bool, fraction: float, rng: np.random.Generator) -> None:
    """Move a share of the training rows into a part of their own; of each class the same share, unless that is nothing."""
    if fraction == 0:
        return
    source = sources["train"]
    all_alike = np.zeros(len(source), int)
    kept, moved = split(np.unique(source.values, return_inverse=True)[1] if is_class else all_alike, fraction, rng)
    if not len(moved):
        kept, moved = split(all_alike, fraction, rng)
    if not len(moved):
        raise ValueError(f"{source.name}: {len(source)} rows are too few for --{name} {fraction}; give a larger share, or 0")
    sources["train"], sources[name] = source.take(kept), source.take(moved)
