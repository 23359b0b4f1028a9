"""Saving and loading models.

A model file opens with ``np.load(path, allow_pickle=False)`` and holds

* ``model``: JSON text: format version, architecture, how it was compiled, counters, metadata;
* ``weights/<layer>/<name>``: every parameter;
* ``optimizer/<slot>/<layer>/<name>`` and ``optimizer/<number>``: the optimizer's memory, if it has stepped;
* ``test/x``, ``test/y``: a few samples and what the model made of them, computed again on loading.

A file of weights alone has only the second group.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._version import __version__
from fastnn.configurable import serialize
from fastnn.layers.layer import check_samples
from fastnn.models.archive import read_archive, write_archive
from fastnn.parameters import Parameter

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential

FORMAT_VERSION = 1
_TEST_SAMPLES = 4


def save_model(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Write the whole model to one file; see `Sequential.save`."""
    path = _target(filepath, overwrite)
    model._require_built()
    x = _test_samples(model)
    arrays = {"model": np.array(json.dumps(_description(model))), **_weights(model), **_optimizer_state(model)}
    with np.errstate(all="ignore"):
        write_archive(path, {**arrays, "test/x": x, "test/y": model.predict(x)})


def _test_samples(model: Sequential) -> np.ndarray:
    """A few samples that the model takes: zeros where it wants category codes."""
    x = np.random.default_rng(0).normal(size=(_TEST_SAMPLES, *model.input_shape[1:])).astype(model.dtype)
    try:
        check_samples(model.layers, x)
    except ValueError:
        return np.zeros_like(x)
    return x


def load_model(filepath: Any) -> Sequential:
    """Read a model that `Sequential.save` wrote, with its optimizer, ready to predict or to go on training.

    Parameters
    ----------
    filepath : str or path-like

    Returns
    -------
    Sequential

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is no model file, is damaged, altered, or from a newer fastnn: the stored test case is computed again,
        and must come out as it did when the model was saved.

    Notes
    -----
    Loading runs no code from the file.
    """
    path = Path(filepath)
    arrays = read_archive(path)
    try:
        description = _read_description(arrays)
        model = _rebuild(description, arrays)
        _check_test_case(model, arrays)
    except Exception as error:  # whatever a description that isn't one makes its reader raise
        reason = f"missing {error}" if isinstance(error, KeyError) else str(error)
        own = (
            "; what is your own must be registered before, as by @fastnn.layers.layers.register()" if reason.startswith("unknown ") else ""
        )
        raise ValueError(f"can't load {str(path)!r}: {reason}{own}") from error
    return model


def save_weights(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Write the parameters alone; see `Sequential.save_weights`."""
    model._require_built()
    write_archive(_target(filepath, overwrite), _weights(model))


def load_weights(model: Sequential, filepath: Any) -> None:
    """Read parameters from a file of weights or a whole model's; see `Sequential.load_weights`."""
    model._require_built()
    path = Path(filepath)
    try:
        _restore_weights(model, read_archive(path))
    except KeyError as error:
        raise ValueError(f"{str(path)!r} doesn't fit model {model.name!r}: {error.args[0]}") from error


def _target(filepath: Any, overwrite: bool) -> Path:
    path = Path(filepath)
    if path.is_dir() or not path.parent.is_dir():
        raise FileNotFoundError(
            f"can't save to {str(path)!r}: " + ("it is a folder" if path.is_dir() else "its folder doesn't exist; make it first")
        )
    if not overwrite and path.exists():
        raise ValueError(f"{str(path)!r} exists; pass overwrite=True to replace it")
    return path


def _description(model: Sequential) -> dict[str, Any]:
    compiled = model.compiled and {"optimizer": serialize(model.optimizer), "loss": serialize(model.loss), **model._scores.get_config()}
    return {
        "format": "fastnn model",
        "version": FORMAT_VERSION,
        "fastnn": __version__,
        "config": model.get_config(),
        "compile": compiled or None,
        "iterations": model.optimizer.batches if compiled and model._has_stepped() else 0,
        "counters": model._counters(),
        "metadata": _plain(model.metadata, "metadata"),
    }


def _plain(value: Any, where: str) -> Any:
    """`value` as JSON data that reads back equal, or a TypeError that says which entry isn't."""
    if isinstance(value, dict):
        if strange := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"model.{where}: keys must be strings to be saved, got {strange[0]!r}")
        return {key: _plain(each, f"{where}[{key!r}]") for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, f"{where}[{i}]") for i, each in enumerate(value)]
    try:
        return serialize(value)
    except TypeError as error:
        raise TypeError(f"model.{where}: {error}") from None


def _read_description(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    if "model" not in arrays or arrays["model"].dtype.kind != "U":
        raise ValueError("it holds no model" + ("; load_weights reads it" if any(k.startswith("weights/") for k in arrays) else ""))
    description = json.loads(str(arrays["model"]))
    if description.get("format") != "fastnn model":
        raise ValueError("it holds something else than a fastnn model")
    if description["version"] > FORMAT_VERSION:
        raise ValueError(f"it was written by fastnn {description['fastnn']} in format {description['version']}; update fastnn to read it")
    return description


def _rebuild(description: dict[str, Any], arrays: dict[str, np.ndarray]) -> Sequential:
    from fastnn.models.sequential import Sequential

    weights = {name.removeprefix("weights/"): value for name, value in arrays.items() if name.startswith("weights/")}
    model = Sequential.from_config(description["config"], weights)
    _restore_weights(model, arrays)
    if description["compile"]:
        model.compile(**description["compile"])
        _restore_optimizer(model, arrays, description["iterations"])
    model._restore_counters(description["counters"])
    model.metadata = dict(description["metadata"])
    return model


def _named(model: Sequential) -> Iterator[tuple[str, Parameter]]:
    return (named for layer in model.layers for named in layer.named_weights())


def _weights(model: Sequential) -> dict[str, np.ndarray]:
    return {f"weights/{name}": p.value for name, p in _named(model)}


def _restore_weights(model: Sequential, arrays: dict[str, np.ndarray]) -> None:
    names = [f"weights/{name}" for name, _ in _named(model)]
    stored = [name for name in arrays if name.startswith("weights/")]
    if _alike(names, [p.shape for _, p in _named(model)], stored, [arrays[name].shape for name in stored]):
        names = stored
    if set(names) != set(stored):
        raise KeyError(f"the model has {', '.join(sorted(names))}, the file {', '.join(sorted(stored)) or 'no weights'}")
    order = {id(p): arrays[name] for name, (_, p) in zip(names, _named(model), strict=True)}
    model.set_weights([order[id(p)] for p in model.weights])


def _alike(names: list[str], shapes: list[Any], stored: list[str], stored_shapes: list[Any]) -> bool:
    """Whether only the layers' names differ, as those of a model built twice in one process do: then the order tells."""
    kinds, stored_kinds = ([name.rpartition("/")[2] for name in each] for each in (names, stored))
    return set(names) != set(stored) and kinds == stored_kinds and shapes == stored_shapes


def _memory(model: Sequential) -> Iterator[tuple[str, np.ndarray]]:
    """The optimizer's slots, parameter by parameter, and its numbers."""
    arena = model._ensure_arena()
    model.optimizer.bind(arena)  # which makes those slots too that a number assigned after the last step asks for
    names = {id(p): name for name, p in _named(model)}
    for slot, vector in model.optimizer.slots.items():
        for parameter, view in zip(arena.parameters, arena.values.split(vector), strict=True):
            yield f"optimizer/{slot}/{names[id(parameter)]}", view
    for name, number in model.optimizer.numbers.items():
        yield f"optimizer/{name}", number


def _optimizer_state(model: Sequential) -> dict[str, np.ndarray]:
    return dict(_memory(model)) if model.compiled and model._has_stepped() else {}


def _restore_optimizer(model: Sequential, arrays: dict[str, np.ndarray], iterations: int) -> None:
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 0:
        raise ValueError(f"iterations must be a non-negative integer, got {iterations!r}")
    if iterations:
        model._build_optimizer()
        model.optimizer.batches = iterations
        for name, view in _memory(model):
            if arrays[name].shape != view.shape or np.isnan(arrays[name]).any():
                raise ValueError(f"{name} must have shape {view.shape} and no NaN, got {arrays[name].shape}")
            view[...] = arrays[name]


def _check_test_case(model: Sequential, arrays: dict[str, np.ndarray]) -> None:
    """Another machine or backend rounds differently, so outputs may differ by what rounding explains and no more."""
    x, expected = arrays["test/x"], arrays["test/y"]
    tolerance = 1e-3 if model.dtype == "float32" else 1e-9
    with np.errstate(all="ignore"):
        got = model.predict(x)
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-3)
    if (
        len(got) == 0
        or got.shape != expected.shape
        or not np.allclose(got, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    ):
        raise ValueError("its stored test case comes out differently: the file was altered or damaged")
