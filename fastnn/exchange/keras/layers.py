"""What each layer becomes: where both have one of the same name, its arguments and numbers are called alike; rules say what differs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.exchange.assembling import Part
from fastnn.exchange.keras.objects import arguments_of, fitting, namespace
from fastnn.extras import require
from fastnn.layers import Layer
from fastnn.layers.layer import Shape, layers

__all__ = ["Written", "read", "written"]

Written = list[tuple[Any, dict[str, np.ndarray]]]
"""Layers of Keras', each with its numbers by name."""

_readers: dict[str, Callable[[Any, Shape], Part]] = {}
_writers: dict[str, Callable[[Any, Shape], Written]] = {}


def _reads(name: str) -> Any:
    """Decorator: what Keras' layer of this class becomes, ``rule(layer, shape)`` with the shape of the batch that comes to it."""
    return lambda rule: _readers.setdefault(name, rule)


def _writes(*names: str) -> Any:
    """Decorator: the layers of Keras that ours of this class becomes, each with its numbers; ``rule(layer, shape)``."""
    return lambda rule: [_writers.setdefault(name, rule) for name in names]


def array(variable: Any) -> np.ndarray:
    """The numbers of a variable or tensor of Keras'."""
    return np.asarray(require("keras.ops", "from_keras").convert_to_numpy(variable))


# --------------------------------------------------------------------------------------------------- reading


def read(layer: Any, shape: Shape) -> Part:
    """What a layer of Keras' becomes.

    Raises
    ------
    ValueError
        Where there is nothing.
    """
    name = type(layer).__name__
    if not type(layer).__module__.startswith("keras."):
        raise ValueError("its Python code can't be read; " + _WAY_OUT)
    if name in _readers:
        return _readers[name](layer, shape)
    if name == "Lambda" or not getattr(layers.members.get(name), "__module__", "").startswith("fastnn."):
        raise ValueError(("Python code isn't carried; " if name == "Lambda" else "fastnn has no such layer; ") + _WAY_OUT)
    return _by_name(layer, shape)


def _by_name(layer: Any, shape: Shape) -> Part:
    name = type(layer).__name__
    member = layers.members[name]
    defaults = {key: p.default for key, p in inspect.signature(type(layer).__init__).parameters.items()}
    arguments = fitting(_config(layer), member, "", defaults)
    if "axis" in arguments:
        arguments["axis"] = _last(arguments["axis"], shape)
    return Part(name, arguments, {v.name: array(v) for v in layer.weights})


_WAY_OUT = "put the layers before and behind it into a keras.Sequential of their own"


def _config(layer: Any) -> dict[str, Any]:
    try:
        config = layer.get_config()
    except Exception as error:
        raise ValueError(f"Keras can't say what it is made of: {error}") from error
    return {key: value for key, value in config.items() if key not in ("name", "trainable", "dtype", "data_format")}


def _last(axis: Any, shape: Shape) -> int:
    """-1, if that is what Keras' axis means."""
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    if axes not in ((-1,), (len(shape) - 1,)):
        raise ValueError(f"it works along axis {axis} of batches of shape {shape}, fastnn along the last: move the axis to the end")
    return -1


@_reads("Flatten")
def _(layer: Any, shape: Shape) -> Part:
    if layer.data_format == "channels_first" and len(shape) > 2:
        raise ValueError("fastnn has channels last: make it with data_format='channels_last'")
    return Part("Flatten", {})


def _check_codes(mode: str, shape: Shape) -> None:
    if mode != "one_hot" and len(shape) > 2:
        raise ValueError(
            f"of batches of shape {shape} Keras puts the codes along axis 1 together, fastnn those along the last: flatten them"
        )


@_reads("CategoryEncoding")
def _(layer: Any, shape: Shape) -> Part:
    _check_codes(layer.output_mode, shape)
    return _by_name(layer, shape)


@_reads("Identity")
def _(layer: Any, shape: Shape) -> Part:
    return Part("Activation", {"activation": "linear"})


@_reads("Normalization")
def _(layer: Any, shape: Shape) -> Part:
    if layer.axis:
        _last(layer.axis, shape)
    mean, variance = (array(each).astype(np.float64).reshape(-1) for each in (layer.mean, layer.variance))
    numbers = {"center": mean, "scale": np.maximum(np.sqrt(variance), 1e-7)}
    return Part("Normalization", {"invert": layer.invert}, {key: np.broadcast_to(value, shape[-1:]) for key, value in numbers.items()})  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------- writing


def written(layer: Layer, shape: Shape) -> Written:
    """The layers of Keras that ours becomes, each with its numbers by name.

    Raises
    ------
    ValueError
        Where Keras has none.
    """
    kind = type(layer).__name__
    if kind in _writers:
        return _writers[kind](layer, shape)
    theirs = getattr(namespace("layer"), kind, None)
    if theirs is None or not type(layer).__module__.startswith("fastnn.") or kind == "Lambda":
        raise ValueError("Keras has no such layer; leave it out, or write the model to a file by to_onnx or to_c")
    return _alike(layer, theirs)


def _alike(layer: Layer, theirs: Any) -> Written:
    return [(theirs(**arguments_of(layer, theirs), dtype=layer.dtype), {p.name: p.value for p in layer.parameters})]


def _options(layer: Layer) -> dict[str, Any]:
    return {"name": layer.name, "trainable": layer.trainable, "dtype": layer.dtype}


@_writes("CategoryEncoding")
def _(layer: Any, shape: Shape) -> Written:
    _check_codes(layer.output_mode, shape)
    return _alike(layer, namespace("layer").CategoryEncoding)


@_writes("Normalization", "MinMaxScaling", "RobustScaling")
def _(layer: Any, shape: Shape) -> Written:
    center, scale = (p.value.astype(np.float64) for p in (layer.center, layer.scale))
    if scale.min(initial=1) < 1e-7:
        raise ValueError(f"Keras divides by 1e-7 at least, this layer by {scale.min():g}: drop features that hardly vary")
    made = namespace("layer").Normalization(mean=center, variance=np.square(scale), invert=layer.invert, **_options(layer))
    return [(made, {})]


@_writes("PCAWhitening")
def _(layer: Any, shape: Shape) -> Written:
    keras, kernel = namespace("layer"), layer.kernel.value
    mean = layer.mean.value.astype(np.float64)
    centred = keras.Normalization(mean=mean, variance=np.ones_like(mean), dtype=layer.dtype, name=f"{layer.name}_mean")
    turned = keras.Dense(kernel.shape[1], use_bias=False, **{**_options(layer), "trainable": False})
    return [(centred, {}), (turned, {"kernel": kernel})]
