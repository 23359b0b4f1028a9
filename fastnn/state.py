"""What objects remember as plain data: numbers, text, arrays, and lists, tuples and dictionaries of these."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

__all__ = ["packed", "plain_state", "put_back", "unpacked"]

_ENDS = (type(None), bool, int, float, str)


def plain_state(thing: Any) -> dict[str, Any]:
    """The attributes of an object that are plain data and no arguments of its constructor, which whoever makes it again gives again."""
    given = inspect.signature(type(thing)).parameters
    return {name: value for name, value in vars(thing).items() if name not in given and _is_plain(value)}


def put_back(thing: Any, state: dict[str, Any]) -> None:
    """Set attributes to what `plain_state` found; arrays keep their memory, to which programs are bound, and objects stay."""
    for name, value in state.items():
        now = vars(thing).get(name)
        if _is_plain(now) and not _copied(value, now):
            setattr(thing, name, value)


def _copied(value: Any, to: Any) -> bool:
    """Copy an array, or all those of a dictionary, into others of the same shapes and dtypes; whether that was possible."""
    if isinstance(value, dict) and isinstance(to, dict) and value and value.keys() == to.keys():
        return all(_copied(each, to[key]) for key, each in value.items())
    fits = all(isinstance(each, np.ndarray) for each in (value, to)) and (value.shape, value.dtype) == (to.shape, to.dtype)
    if fits:
        to[...] = value
    return fits


def _is_plain(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return not value.dtype.hasobject
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(k) and _is_plain(v) for k, v in value.items())
    return isinstance(value, _ENDS)


def packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON data: what has parts is ``[kind, parts]``, and arrays go into `arrays`."""
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"arrays/{len(arrays)}"
        arrays[name] = np.array(value, order="C")
        return ["array" if isinstance(value, np.ndarray) else "scalar", name]
    if isinstance(value, (list, tuple)):
        return ["tuple" if isinstance(value, tuple) else "list", [packed(each, arrays) for each in value]]
    if isinstance(value, dict):
        return ["dict", [[packed(k, arrays), packed(v, arrays)] for k, v in value.items()]]
    return value


def unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What `packed` made JSON data of."""
    if not isinstance(value, list):
        return value
    kind, parts = value
    if kind == "dict":
        return {unpacked(k, arrays): unpacked(v, arrays) for k, v in parts}
    if kind in ("list", "tuple"):
        items = [unpacked(each, arrays) for each in parts]
        return tuple(items) if kind == "tuple" else items
    return arrays[parts][()] if kind == "scalar" else arrays[parts]
