"""Weights in the safetensors format, https://github.com/huggingface/safetensors: a length, a JSON header, the numbers.

Each array has its parameter's path as name, ``dense/kernel``, as Keras has in ``variable.path``; kernels are (inputs, units). No library is
needed: files are checked for all that theirs checks, and those written here carry a checksum besides.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastnn._version import __version__
from fastnn.files import replacing

__all__ = ["SUFFIX", "read", "write"]

SUFFIX = ".safetensors"
_METADATA = "__metadata__"
_CHECKSUM = "crc32"
_BIASED = "BF16"  # the upper half of a float32, which NumPy doesn't have
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    _BIASED: "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write float32 or float64 arrays to a file, which holds either its old contents or all of the new ones, whatever happens.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to ndarray
    metadata : mapping of str to str, optional
        Further entries of the header's metadata, beside ``format``, ``fastnn``, which is the version, and ``crc32``.

    Raises
    ------
    OSError
        When the folder is missing, full, or not writable.
    """
    entries: dict[str, Any] = {}
    given = [np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for array in arrays.values()]
    end = 0
    for name, array in zip(arrays, given, strict=True):
        start, end = end, end + array.nbytes
        entries[name] = {"dtype": f"F{8 * array.itemsize}", "shape": list(arrays[name].shape), "data_offsets": [start, end]}
    checksum = _checksum(entries, given)
    text = _text({_METADATA: {"format": "fastnn", "fastnn": __version__, **(metadata or {}), _CHECKSUM: checksum}, **entries})
    text += b" " * (-len(text) % 8)
    with replacing(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in given:
            file.write(array.data)


def _text(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":")).encode()


def _checksum(entries: Mapping[str, Any], data: Iterable[Any]) -> str:
    """Of the numbers, and of where they are: the format itself has none. Files of others do without."""
    crc = 0
    for piece in data:
        crc = zlib.crc32(piece, crc)
    return f"{zlib.crc32(_text(entries), crc):08x}"


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file, in the order of their names in its header; bfloat16 becomes float32.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it isn't in this format, is damaged, or holds dtypes that NumPy doesn't have.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file of weights at {str(path)!r}")
    try:
        return _parsed(path.read_bytes())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        reason = f"missing {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{str(path)!r} is no safetensors file, or it is damaged: {reason}") from error


def _parsed(contents: bytes) -> dict[str, np.ndarray]:
    start = 8 + int.from_bytes(contents[:8], "little")
    if not 8 < start <= len(contents) or contents[8:9] != b"{":
        raise ValueError(f"its {len(contents)} bytes don't begin with the length of a header")
    header = json.loads(contents[8:start].decode(), object_pairs_hook=_distinct)
    metadata, data = header.pop(_METADATA, {}), memoryview(contents)[start:]
    if metadata.get(_CHECKSUM, expected := _checksum(header, [data])) != expected:
        raise ValueError("its checksum isn't that of its numbers")
    _check_offsets([entry["data_offsets"] for entry in header.values()], len(data))
    return {name: _array(name, entry, data) for name, entry in header.items()}


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice in its header")
    return found


def _check_offsets(offsets: list[Any], size: int) -> None:
    """The arrays must follow one another without gaps or overlaps, and fill the file."""
    end = 0
    for first, last in sorted(offsets):
        if type(first) is not int or type(last) is not int or first != end or last < first:
            raise ValueError(
                f"its arrays overlap or leave gaps: one lies from {first!r:.50} to {last!r:.50}, expected it to begin at {end}"
            )
        end = last
    if end != size:
        raise ValueError(f"its arrays end at byte {end}, its data at {size}")


def _array(name: str, entry: Any, data: memoryview) -> np.ndarray:
    kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in _DTYPES:
        raise ValueError(f"{name:.100} is of dtype {kind!r:.50}, known are {', '.join(_DTYPES)}")
    dtype = np.dtype(_DTYPES[kind])
    if not isinstance(shape, list) or any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != end - start:
        raise ValueError(f"{name:.100}: {kind} of shape {shape!r:.100} doesn't fit its {end - start} bytes")
    array = np.frombuffer(data[start:end], dtype) if end > start else np.empty(0, dtype)
    if kind == _BIASED:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.reshape(shape).copy()
