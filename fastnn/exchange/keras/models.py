"""A model of Keras', layer by layer, and how it was compiled."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator
from typing import Any

from fastnn import metrics
from fastnn.exchange.assembling import Assembly, check_shared, refusing
from fastnn.exchange.keras.layers import Written, read, written
from fastnn.exchange.keras.objects import as_ours, as_theirs
from fastnn.extras import require
from fastnn.models import Sequential

__all__ = ["from_keras", "to_keras"]

# --------------------------------------------------------------------------------------------------- reading


def from_keras(model: Any) -> Sequential:
    """A fastnn model with the layers and the numbers of one of Keras'.

    Parameters
    ----------
    model : keras.Sequential, keras.Model, str or path-like
        A model whose layers follow one another, models among them; or a file, ``.keras`` or ``.h5``, that Keras itself reads, in its safe
        mode, which runs no code.

    Returns
    -------
    Sequential
        With the names, initializers, regularizers and constraints of the layers, compiled as the model was. The parameters are copies;
        the optimizer begins anew.

    Raises
    ------
    ValueError
        For a layer without a counterpart, which is named; for several inputs or outputs, branches, and sizes that aren't known.
    TypeError
        For what is no model of Keras 3.

    Notes
    -----
    Where fastnn lacks the optimizer, the loss or a metric, or one is a Python function, the model isn't compiled, and a warning says why.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.from_keras("trained.keras")  # doctest: +SKIP
    """
    keras = require("keras", "from_keras")
    if isinstance(model, (str, os.PathLike)):
        model = _loaded(model, keras)
    if not isinstance(model, keras.Model):
        raise TypeError(f"from_keras expects a model of Keras 3 or a file of one, got {type(model).__module__}.{type(model).__name__}")
    layers = list(_leaves(model, "", keras))
    check_shared("from_keras", [(_said(path, layer), layer.weights) for path, layer in layers])
    assembly = Assembly("from_keras", _features(model), _dtype(model, layers))
    for path, layer in layers:
        with refusing("from_keras", _said(path, layer)):
            assembly.add(read(layer, assembly.shape), path.replace("/", "_"), bool(layer.trainable))
    made = assembly.model(model.name)
    _compile(made, model)
    return made


def _loaded(path: Any, keras: Any) -> Any:
    """The model in a file; one whose loss, say, is a function that isn't there comes uncompiled."""
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        _warn(error, stacklevel=4)
        return model


def _warn(error: Exception, stacklevel: int) -> None:
    warnings.warn(f"from_keras: how the model is compiled isn't carried: {error}; call compile", stacklevel=stacklevel)


def _said(path: str, layer: Any) -> str:
    return f"layer {path!r} ({type(layer).__name__})"


def _leaves(model: Any, path: str, keras: Any) -> Iterator[tuple[str, Any]]:
    """The layers that compute something, in their order, with their paths."""
    kind = type(model).__name__
    if not type(model).__module__.startswith("keras.") or kind not in ("Sequential", "Functional"):
        raise ValueError(f"from_keras: model {model.name!r} ({kind}): its Python code can't be read; make it a keras.Sequential")
    if kind == "Functional":
        _check_chain(model)
    for layer in getattr(model, "operations", model.layers):
        inner = f"{path}/{layer.name}".lstrip("/")
        if not isinstance(layer, keras.Layer):
            raise ValueError(f"from_keras: {_said(inner, layer)} is a function of keras.ops: make it a layer of keras.layers")
        if hasattr(layer, "layers"):
            yield from _leaves(layer, inner, keras)
        elif type(layer).__name__ != "InputLayer":
            yield inner, layer


def _check_chain(model: Any) -> None:
    """Refuse a functional model whose layers don't follow one another."""
    before = None
    for layer in model.get_config()["layers"]:
        came = [_sources(node) for node in layer["inbound_nodes"]]
        if came != ([] if before is None else [[before]]):
            said = f"layer {layer['name']!r} ({layer['class_name']})"
            raise ValueError(f"from_keras: {said}: it doesn't follow {before!r} alone, once; fastnn has layers.Parallel for branches")
        before = layer["name"]
    if len(model.outputs) != 1:
        raise ValueError(f"from_keras: model {model.name!r} has {len(model.outputs)} outputs, fastnn's have one")


def _sources(node: dict[str, Any]) -> list[str]:
    """The names of the layers whose outputs a call takes."""
    found, open_ = [], [node["args"], node["kwargs"]]
    while open_:
        each = open_.pop()
        if isinstance(each, dict) and "keras_history" in each.get("config", {}):
            found.append(each["config"]["keras_history"][0])
        elif isinstance(each, (dict, list, tuple)):
            open_.extend(each.values() if isinstance(each, dict) else each)
    return found


def _features(model: Any) -> tuple[int, ...]:
    """The shape of a sample."""
    if not model.built:
        raise ValueError(f"from_keras: model {model.name!r} isn't built: call its build((None, ...)), or begin it with keras.Input")
    shape = model.input_shape
    if not isinstance(shape, tuple) or any(not isinstance(size, int) for size in shape[1:]) or len(shape) < 2:
        raise ValueError(f"from_keras: model {model.name!r} must have one input of known sizes, it has {shape}")
    return shape[1:]


def _dtype(model: Any, layers: list[tuple[str, Any]]) -> str:
    """The dtype that all layers store and compute in."""
    found = {policy: _said(path, layer) for path, layer in layers for policy in (layer.variable_dtype, layer.compute_dtype)}
    if len(found) > 1 or not found.keys() <= {"float32", "float64"}:
        said = ", ".join(f"{where} {dtype}" for dtype, where in found.items())
        raise ValueError(f"from_keras: layers must all be float32 or all float64: {said}; build the model with dtype='float32'")
    return next(iter(found), "float32")


def _compile(model: Sequential, keras_model: Any) -> None:
    """Compile as the other model is, or warn why not."""
    if not keras_model.compiled:
        return
    try:
        config = keras_model.get_compile_config()
        if not config or config.get("loss_weights"):
            raise ValueError("Keras can't say how" if not config else "it weighs losses")
        chosen = {key: [_metric(each) for each in _listed(config[key])] for key in ("metrics", "weighted_metrics")}
        loss = as_ours("loss", _function_name(keras_model.loss) or config["loss"])
        model.compile(as_ours("optimizer", config["optimizer"]), loss, **chosen)
    except (ValueError, TypeError, KeyError) as error:
        _warn(error, stacklevel=4)


def _function_name(loss: Any) -> str | None:
    """The name of a loss that is one of Keras' own functions."""
    return loss.__name__ if inspect.isfunction(loss) and loss.__module__.startswith("keras.") else None


def _listed(given: Any) -> list[Any]:
    if not isinstance(given, (list, tuple, type(None))):
        raise ValueError(f"metrics must be a list, got {given!r}")
    return list(given or ())


def _metric(given: Any) -> Any:
    return given if isinstance(given, str) else metrics.get(as_ours("metric", given))


# --------------------------------------------------------------------------------------------------- writing


def to_keras(model: Sequential) -> Any:
    """The model as a ``keras.Sequential``; see `Sequential.to_keras`."""
    keras = require("keras", "to_keras")
    parts: Written = []
    for layer, shape in zip(model.layers, model._shapes(), strict=False):
        with refusing("to_keras", f"layer {layer.name!r} ({type(layer).__name__})"):
            parts += written(layer, shape)
    made = keras.Sequential([keras.Input(model.input_shape[1:], dtype=model.dtype), *(layer for layer, _ in parts)], name=model.name)
    for layer, numbers in parts:
        for variable in layer.weights if numbers else ():
            variable.assign(numbers[variable.name])
    if model.compiled:
        _compile_there(made, model)
    return made


def _compile_there(made: Any, model: Sequential) -> None:
    try:
        given = model._require_compiled().given
        scores = [[as_theirs(metric) for metric, weighted in given if weighted == which] for which in (False, True)]
        made.compile(as_theirs(model.optimizer), as_theirs(model.loss), metrics=scores[0], weighted_metrics=scores[1])
    except (ValueError, TypeError) as error:
        warnings.warn(f"to_keras: how the model is compiled isn't carried: {error}; call compile", stacklevel=4)
