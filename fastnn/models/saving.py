"""Saving and loading models.

A model file opens with ``np.load(path, allow_pickle=False)`` and holds

* ``model.json``: format version, architecture, how it was compiled, counters, metadata;
* ``weights/<layer>/<name>``: every parameter;
* ``optimizer/<slot>/<layer>/<name>`` and ``optimizer/<number>``: the optimizer's memory, if it has stepped;
* ``test/x``, ``test/y``: a few samples and what the model made of them, computed again on loading.

A file of weights alone has only the second group. ``docs/format.md`` describes every byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import metrics
from fastnn._version import __version__
from fastnn.arrays import positive_integer
from fastnn.configurable import serialize
from fastnn.custom_objects import custom_object_scope
from fastnn.exchange import safetensors
from fastnn.files import target_path
from fastnn.models.archive import Member, read_archive, write_archive
from fastnn.models.keras_files import refuse_keras_file, warn_of_suffix
from fastnn.models.stored_case import WIDEST, check_dtypes, check_test_case, make_test_case
from fastnn.parameters import Parameter

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential

FORMAT_VERSION = 1


def save_model(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Write the whole model to one file; see `Sequential.save`."""
    path = _target(filepath, overwrite)
    if path.suffix == safetensors.SUFFIX:
        raise ValueError(f"can't save a model to {str(path)!r}: such files hold weights alone; call save_weights, or choose another name")
    model._require_built()
    members: dict[str, Member] = {"model": json.dumps(_description(model))}
    members |= {**_weights(model), **_optimizer_state(model), **make_test_case(model)}
    write_archive(path, members)


def load_model(filepath: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True) -> Sequential:
    """Read a model that `Sequential.save` wrote, with its optimizer, ready to predict or to go on training.

    Parameters
    ----------
    filepath : str or path-like
    custom_objects : dict of str to (class or function), optional
        What is your own in the model and isn't registered, by its name.
    compile : bool
        Whether the model is compiled as it was, and its optimizer goes on from where it stood.
    safe_mode : bool
        Without meaning: loading runs no code from a file, whatever it says.

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
    Loading runs no code from the file, and takes memory in proportion to its size.
    """
    path, own_objects = Path(filepath), custom_object_scope(custom_objects)
    if path.suffix == safetensors.SUFFIX and path.is_file():
        raise ValueError(f"can't load a model from {str(path)!r}: such files hold weights alone; build the model and call load_weights")
    members = _read(path)
    try:
        description, arrays = _read_description(members), _arrays(members)
        with own_objects:
            model = _rebuild(description, arrays, compile)
        check_test_case(model, arrays)
    except Exception as error:  # whatever a description that isn't one makes its reader raise
        raise ValueError(f"can't load {str(path)!r}: {_reason(error)}") from error
    return model


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"missing {error}"
    if not isinstance(error, ValueError):
        return f"its description is none of a model ({type(error).__name__}: {error})"
    own = "; register what is your own before, as by @fastnn.saving.register_keras_serializable(), or pass custom_objects"
    return f"{error}{own if str(error).startswith('unknown ') else ''}"


def save_weights(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Write the parameters alone; see `Sequential.save_weights`."""
    model._require_built()
    path = _target(filepath, overwrite)
    if path.suffix == safetensors.SUFFIX:
        safetensors.write(path, {name: p.value for name, p in _named(model)})
    else:
        write_archive(path, _weights(model))


def load_weights(model: Sequential, filepath: Any) -> None:
    """Read parameters from a file of weights or a whole model's; see `Sequential.load_weights`."""
    model._require_built()
    path = Path(filepath)
    if path.suffix == safetensors.SUFFIX:
        stored = {f"weights/{name}": value for name, value in safetensors.read(path).items()}
    else:
        stored = _arrays(_read(path))
    try:
        _restore_weights(model, stored)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} doesn't fit model {model.name!r}: {error}") from error


def _target(filepath: Any, overwrite: bool) -> Path:
    path = target_path(filepath, overwrite)
    warn_of_suffix(path)
    return path


def _read(path: Path) -> dict[str, Member]:
    try:
        members = read_archive(path)
    except (ValueError, FileNotFoundError):
        refuse_keras_file(path)
        raise
    if "model" not in members:
        refuse_keras_file(path)
    return members


def _arrays(members: Mapping[str, Member]) -> dict[str, np.ndarray]:
    return {name: value for name, value in members.items() if isinstance(value, np.ndarray)}


def _description(model: Sequential) -> dict[str, Any]:
    compiled = (
        None
        if model._scores is None
        else {"optimizer": serialize(model.optimizer), "loss": serialize(model.loss), **model._scores.get_config()}
    )
    return {
        "format": "fastnn model",
        "version": FORMAT_VERSION,
        "fastnn": __version__,
        "config": model.get_config(),
        "compile": compiled,
        "iterations": _iterations(model),
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


_FIELDS: dict[str, Any] = {
    "fastnn": str,
    "config": dict,
    "compile": (dict, type(None)),
    "iterations": int,
    "counters": dict,
    "metadata": dict,
}
"""What a description has, and of which types; further fields are of no meaning here."""


def _read_description(members: Mapping[str, Member]) -> dict[str, Any]:
    text = members.get("model")
    if not isinstance(text, str):
        raise ValueError("it holds no model" + ("; load_weights reads it" if any(k.startswith("weights/") for k in members) else ""))
    description = json.loads(text)
    if not isinstance(description, dict) or description.get("format") != "fastnn model":
        raise ValueError("it holds something else than a fastnn model")
    version = positive_integer("version", description["version"])
    if version > FORMAT_VERSION:
        raise ValueError(f"it was written by fastnn {description.get('fastnn')} in format {version}; update fastnn to read it")
    for name, kind in _FIELDS.items():
        if not isinstance(description[name], kind):
            raise ValueError(f"the field {name} is {description[name]!r:.100}")
    return description


def _rebuild(description: dict[str, Any], arrays: dict[str, np.ndarray], compiled: bool = True) -> Sequential:
    from fastnn.models.sequential import Sequential

    weights = {name.removeprefix("weights/"): value for name, value in arrays.items() if name.startswith("weights/")}
    check_dtypes(weights, description["config"].get("dtype"))
    model = Sequential.from_config(description["config"], weights=weights)
    shape = description["config"].get("build_input_shape")
    if shape not in (None, [None, *model._require_built()]):
        raise ValueError(f"build_input_shape is {shape!r:.100}, its first layer takes {model.input_shape}")
    _restore_weights(model, arrays)
    if compiled and description["compile"] is not None:
        _check_metrics(description["compile"])
        model.compile(**description["compile"])
        _restore_optimizer(model, arrays, _counter("iterations", description["iterations"]))
    counters = {name: description["counters"][name] for name in model._counters()}
    model._restore_counters({name: value if value is None else _counter(name, value) for name, value in counters.items()})
    model.metadata = description["metadata"]
    return model


def _counter(name: str, value: Any) -> int:
    """A count that the engine's 64 bits hold."""
    return positive_integer(name, value, 0, 2**63 - 1)


def _check_metrics(compiled: Mapping[str, Any]) -> None:
    """Refuse metrics that would take much memory, whatever the file's size: each is but a line of the description."""
    taken = 0
    for key in ("metrics", "weighted_metrics"):
        for metric in compiled.get(key) or ():
            taken += sum(state.nbytes for state in metrics.get(metric).variables)
            if taken > WIDEST * 64:
                raise ValueError(f"its {key} take more than {WIDEST * 64} bytes")


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
        raise ValueError(f"the model has {', '.join(sorted(names)) or 'no weights'}, the file {', '.join(sorted(stored)) or 'none'}")
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
    return dict(_memory(model)) if _iterations(model) else {}


def _iterations(model: Sequential) -> int:
    return model.optimizer.batches if model.compiled and model._has_stepped() else 0


def _restore_optimizer(model: Sequential, arrays: dict[str, np.ndarray], iterations: int) -> None:
    if not iterations:
        return
    stored = sum(value.nbytes for name, value in arrays.items() if name.startswith("optimizer/"))
    needed = len(model.optimizer.slot_names) * sum(p.value.nbytes for p in model.trainable_weights)
    if needed > WIDEST + 4 * stored:
        raise ValueError(f"the optimizer's memory of {needed} bytes isn't in the file")
    model._build_optimizer()
    model.optimizer.batches = iterations
    for name, view in _memory(model):
        value = arrays[name]
        if (value.shape, value.dtype) != (view.shape, view.dtype) or np.isnan(value).any():
            raise ValueError(f"{name} must be {view.dtype} of shape {view.shape} without NaN, got {value.dtype} of {value.shape}")
        view[...] = value
