"""The IDX format of MNIST: two zero bytes, a type byte, the number of axes, big-endian axis lengths, then the data."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["File", "Parts", "decode", "load"]

Parts = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
_UNSIGNED_BYTE = 8
_GZIP = b"\x1f\x8b"


class File(NamedTuple):
    """One file of a data set: its unzipped name, the shape of its array, and the MD5 of its unzipped bytes."""

    name: str
    shape: tuple[int, ...]
    md5: str


def load(dataset: str, files: Sequence[File], path: str | os.PathLike[str] | None = None) -> Parts:
    """The four files of `dataset` as ``(x_train, y_train), (x_test, y_test)``, in the order of `files`.

    Parameters
    ----------
    dataset : str
        The folder's name inside ``$FASTNN_DATA``.
    files : sequence of File
        Training images and labels, test images and labels.
    path : str or path, optional
        The folder that holds the files, or a folder called `dataset` that does.

    Raises
    ------
    FileNotFoundError
        When a file is missing.
    ValueError
        When a file isn't the one expected.
    """
    folder = _folder(dataset, files, path)
    x_train, y_train, x_test, y_test = (_read(folder, file) for file in files)
    return (x_train, y_train), (x_test, y_test)


def decode(raw: bytes, source: str) -> np.ndarray:
    """The array of unsigned bytes in the IDX file `raw`.

    Raises
    ------
    ValueError
        When the magic number or the length is wrong; the message names `source`.
    """
    if len(raw) < 4 or raw[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise ValueError(f"{source}: not an IDX file of bytes: it starts with {raw[:4].hex(' ')}, expected 00 00 08")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(f"{source}: damaged: it ends after {len(raw)} bytes, in the header")
    shape = tuple(np.frombuffer(raw[4:start], ">u4").tolist())
    if len(raw) != start + math.prod(shape):
        raise ValueError(f"{source}: damaged: {len(raw)} bytes, expected {start + math.prod(shape)} for the shape {shape}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _folder(dataset: str, files: Sequence[File], path: str | os.PathLike[str] | None) -> Path:
    root = path or os.environ.get("FASTNN_DATA")
    names = ", ".join(f"{file.name}.gz" for file in files)
    if not root:
        raise FileNotFoundError(f"{dataset}: put {names} into a folder and give its path, or put them in $FASTNN_DATA/{dataset}")
    folders = (Path(root) / dataset, Path(root)) if path else (Path(root) / dataset,)
    for folder in folders:
        if any(candidate.is_file() for candidate in _candidates(folder, files[0])):
            return folder
    raise FileNotFoundError(f"{dataset}: no {files[0].name}.gz in {' or '.join(map(str, folders))}: put {names} there")


def _candidates(folder: Path, file: File) -> tuple[Path, Path]:
    return folder / f"{file.name}.gz", folder / file.name


def _read(folder: Path, file: File) -> np.ndarray:
    found = next((candidate for candidate in _candidates(folder, file) if candidate.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"{folder / file.name}.gz is missing: put it there, zipped or not")
    raw = _unzip(found)
    array = decode(raw, str(found))
    if array.shape != file.shape:
        raise ValueError(f"{found}: holds an array of shape {array.shape}, expected {file.shape}")
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != file.md5:
        raise ValueError(f"{found}: its content isn't the original one (MD5 {file.md5} when unzipped): get the file again")
    return array


def _unzip(path: Path) -> bytes:
    raw = path.read_bytes()
    try:
        return gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error}): get the file again") from error
