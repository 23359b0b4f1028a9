"""A training as it stands between two batches: all that its next bits depend on, as arrays for a file.

That is weights, the optimizer's memory and numbers, the counters that shuffles and dropout are functions of, the scores of an epoch
under way, and what callbacks remember.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn.layers.nested import every_layer
from fastnn.models.archive import Member
from fastnn.state import packed, plain_state, put_back, unpacked

__all__ = ["capture", "restore"]

_TREE = "training"


def capture(model: Any, callbacks: Iterable[Any], epoch: int, batch: int) -> dict[str, Member]:
    """The state of a training.

    Parameters
    ----------
    model : Sequential
        Being fitted.
    callbacks : iterable of Callback
    epoch, batch : int
        Where to go on: batch 0 is the beginning of an epoch.

    Returns
    -------
    dict of str to ndarray or str
        For `write_archive`; none of them has objects.
    """
    counters = model._counters()
    counters["epochs_seen"] -= batch > 0  # the epoch will be counted when it is resumed
    tree = {
        "optimizer_name": type(model.optimizer).__name__,
        "weights": model.get_weights(),
        "optimizer": plain_state(model.optimizer),
        "seeds": [getattr(layer, "seed", None) for layer in every_layer(model.layers)],
        "counters": counters,
        "stopped": model.stop_training,
        "position": [epoch, batch],
        "scores": _scores(model) if batch else None,
        "callbacks": [[type(c).__name__, c.get_state()] for c in callbacks],
    }
    arrays: dict[str, np.ndarray] = {}
    return {_TREE: json.dumps(packed(tree, arrays)), **arrays}


def restore(model: Any, callbacks: Iterable[Any], arrays: dict[str, Any]) -> tuple[int, int]:
    """Bring a training that is beginning into the state that `capture` found another one in.

    Returns
    -------
    epoch, batch : int
        Where to go on.

    Raises
    ------
    ValueError
        When it is of another model or optimizer; nothing has changed then.
    """
    tree = unpacked(json.loads(arrays[_TREE]), arrays)
    _check(model, tree)
    model.set_weights(tree["weights"])
    put_back(model.optimizer, tree["optimizer"])
    for layer, seed in zip(every_layer(model.layers), tree["seeds"], strict=True):
        if seed != getattr(layer, "seed", None):
            layer.seed = seed
            model._changed()  # programs are bound to the old one
    model._restore_counters(tree["counters"])
    model.stop_training = tree["stopped"]
    for scores, state in zip([model._scores, *model._scores.metrics], tree["scores"] or (), strict=False):
        put_back(scores, state)
    _restore_callbacks(callbacks, tree["callbacks"])
    epoch, batch = tree["position"]
    return epoch, batch


def _check(model: Any, tree: dict[str, Any]) -> None:
    shapes, stored = ([w.shape for w in weights] for weights in (model.get_weights(), tree["weights"]))
    if shapes != stored:
        raise ValueError(f"it has weights of shapes {stored}, model {model.name!r} of {shapes}")
    name, slots = type(model.optimizer).__name__, tree["optimizer"]["slots"]
    if (name, model.optimizer.slots.keys()) != (tree["optimizer_name"], slots.keys()):
        raise ValueError(f"it was trained by {tree['optimizer_name']} with the memory {list(slots)}, model {model.name!r} by {name}")


def _scores(model: Any) -> list[dict[str, Any]]:
    """What the loss and the metrics have summed up of an epoch under way."""
    sums = {"sums": model._scores.sums, "batch": model._scores.batch}
    return [sums, *map(plain_state, model._scores.metrics)]


def _restore_callbacks(callbacks: Iterable[Any], stored: list[Any]) -> None:
    """Give each callback the state of the one of its class that stood in the same place among these."""
    states = defaultdict(list)
    for name, state in stored:
        states[name].append(state)
    for callback in callbacks:
        if states[type(callback).__name__]:
            callback.set_state(states[type(callback).__name__].pop(0))
