"""Who takes part: every module of this package named ``<library>_``, as far as its library can be imported.

A module registers what it can do. A trainer is a class made from a `Training`, whose ``epoch(shuffle)`` trains one epoch
and returns its mean loss. A predictor is a function from a `Prediction` to a function from inputs to outputs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection
from typing import Any, Protocol

import numpy as np

from benchmarks import peers
from benchmarks.peers.workloads import Prediction, Training


class Trainer(Protocol):
    """One library's network, optimizer and data, ready to train."""

    def __init__(self, workload: Training): ...

    def epoch(self, shuffle: bool) -> float:
        """Train for an epoch, and return its mean loss."""


Predict = Callable[[np.ndarray], np.ndarray]

trainers: dict[str, type[Trainer]] = {}
predictors: dict[str, Callable[[Prediction], Predict]] = {}


def trains(name: str) -> Callable[[Any], Any]:
    """Decorator: register a trainer."""
    return lambda made: trainers.setdefault(name, made)


def predicts(name: str) -> Callable[[Any], Any]:
    """Decorator: register a predictor."""
    return lambda made: predictors.setdefault(name, made)


def libraries() -> list[str]:
    """What can be asked for, ``"torch"`` for ``torch_.py``; fastnn last."""
    names = [m.name.rstrip("_") for m in pkgutil.iter_modules(peers.__path__) if m.name.endswith("_") and not m.name.startswith("_")]
    return sorted(names, key=lambda name: (name == "fastnn", name))


def load(chosen: Collection[str]) -> dict[str, str]:
    """Import the chosen libraries' modules; the reason for each that can't be."""
    missing = {}
    for name in libraries():
        if name in chosen:
            try:
                importlib.import_module(f"{peers.__name__}.{name}_")
            except (ImportError, OSError) as error:  # OSError: a library that lacks another
                missing[name] = str(error)
    return missing
