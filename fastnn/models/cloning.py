"""Models from other models and from configurations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fastnn.layers.layer import Layer
from fastnn.models.sequential import Sequential

__all__ = ["clone_model", "model_from_config", "model_from_json"]


def clone_model(
    model: Sequential,
    input_tensors: None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: None = None,
    recursive: bool = False,
) -> Sequential:
    """A model of the same layers with new parameters, drawn anew, that isn't compiled.

    Parameters
    ----------
    model : Sequential
    input_tensors, call_function : None
        Here for Keras' order of arguments.
    clone_function : callable, optional
        Makes the new layer of each old one, the input included; by default one of the same configuration.
    recursive : bool
        Without meaning: layers inside layers are cloned with them.

    Returns
    -------
    Sequential

    Raises
    ------
    TypeError
        When `model` is no `Sequential`.
    ValueError
        For what has no meaning in fastnn.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3)])
    >>> copy = fastnn.models.clone_model(model)
    >>> copy.set_weights(model.get_weights())
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"clone_model expects a Sequential, got {model!r}")
    if input_tensors is not None or call_function is not None:
        raise ValueError("clone_model: input_tensors and call_function belong to Keras' functional API, which fastnn doesn't have")
    made = Sequential([(clone_function or _again)(layer) for layer in model._layers], name=model.name, dtype=model.dtype)
    if model.built and not made.built:
        made.build(model.input_shape)
    return made


def _again(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def model_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Sequential:
    """A model with new parameters from its configuration.

    Parameters
    ----------
    config : dict
        What `Sequential.get_config` returned, or ``{"class_name": "Sequential", "config": ...}`` of it.
    custom_objects : dict of str to class, optional
        Classes of your own that aren't registered.

    Raises
    ------
    ValueError
        When it describes anything else.
    """
    inner = config.get("config", config) if isinstance(config, Mapping) else config
    if not isinstance(inner, Mapping) or "layers" not in inner or config.get("class_name", "Sequential") != "Sequential":
        raise ValueError(f"expected what Sequential.get_config() or to_json() gives, got {str(config)[:80]!r}")
    return Sequential.from_config(dict(inner), custom_objects)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Sequential:
    """A model with new parameters from what `Sequential.to_json` returned; arguments and errors as in `model_from_config`."""
    return model_from_config(json.loads(json_string), custom_objects)
