"""The IDX format of MNIST: two zero bytes, a type byte, the number of axes, big-endian axis lengths, then the data."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastnn.datasets.storage import cache_folder, download, folders, given_folder, keras_file

if TYPE_CHECKING:
    from zipfile import ZipInfo

__all__ = ["Dataset", "File", "Parts", "decode", "load"]

Parts = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
_UNSIGNED_BYTE = 8
_GZIP = b"\x1f\x8b"
_NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")


class File(NamedTuple):
    """One file of a data set: its unzipped name, the shape of its array, and the MD5 of its unzipped bytes."""

    name: str
    shape: tuple[int, ...]
    md5: str


class Dataset(NamedTuple):
    """Four files, of training images and labels, test images and labels.

    Attributes
    ----------
    name : str
        The folder's name inside ``$FASTNN_DATA``.
    files : sequence of File
    mirrors : sequence of str
        Addresses that have each file, its name and ``.gz`` appended.
    npz : str, optional
        The name under which Keras keeps all of it.
    """

    name: str
    files: Sequence[File]
    mirrors: Sequence[str] = ()
    npz: str | None = None


def load(dataset: Dataset, path: str | os.PathLike[str] | None = None) -> Parts:
    """The arrays as ``(x_train, y_train), (x_test, y_test)``, each checked to be the original one.

    Parameters
    ----------
    dataset : Dataset
    path : str or path, optional
        The folder that holds the files, or a folder of the data set's name that does, or an ``.npz`` file as Keras has it. By default
        they are looked for in ``$FASTNN_DATA``, among earlier downloads and those of Keras, and then downloaded.

    Raises
    ------
    FileNotFoundError
        When a file is missing, and can't be downloaded.
    ValueError
        When a file isn't the one expected.
    """
    given = given_folder(dataset.name, path)
    if given is not None and given.is_file():
        return _from_npz(dataset, given)
    places = folders(dataset.name) if given is None else [given / dataset.name, given]
    folder = next((place for place in places if any(_find(place, file) for file in dataset.files)), None)
    if folder is None and given is None and dataset.npz and keras_file(dataset.npz).is_file():
        return _from_npz(dataset, keras_file(dataset.npz))
    if folder is None and given is not None:
        names = ", ".join(f"{file.name}.gz" for file in dataset.files)
        raise FileNotFoundError(f"{dataset.name}: no {dataset.files[0].name}.gz in {' or '.join(map(str, places))}: put {names} there")
    x_train, y_train, x_test, y_test = (_read(dataset, file, folder, may_download=given is None) for file in dataset.files)
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
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()


def _find(folder: Path, file: File) -> Path | None:
    return next((path for path in (folder / f"{file.name}.gz", folder / file.name) if path.is_file()), None)


def _read(dataset: Dataset, file: File, folder: Path | None, may_download: bool) -> np.ndarray:
    found = None if folder is None else _find(folder, file)
    if found is not None:
        return _checked(found.read_bytes(), file, str(found))
    target = (folder or cache_folder() / dataset.name) / f"{file.name}.gz"
    if not may_download:
        raise FileNotFoundError(f"{target} is missing: put it there, zipped or not")
    urls = [f"{mirror}{file.name}.gz" for mirror in dataset.mirrors]
    return download(f"{dataset.name}: {file.name}.gz", urls, target, lambda raw: _checked(raw, file, file.name))


def _checked(contents: bytes, file: File, source: str) -> np.ndarray:
    """The array of a file, zipped or not."""
    raw = _unzip(contents, source, 4 + 4 * len(file.shape) + math.prod(file.shape))
    array = decode(raw, source)
    _check(array.shape, raw, file, source)
    return array


def _check(shape: tuple[int, ...], raw: bytes, file: File, source: str) -> None:
    if shape != file.shape:
        raise ValueError(f"{source}: holds an array of shape {shape}, expected {file.shape}")
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != file.md5:
        raise ValueError(f"{source}: its content isn't the original one (MD5 {file.md5} when unzipped): get the file again")


def _unzip(raw: bytes, source: str, size: int) -> bytes:
    """What was zipped, if it was: no more of it than shows that it isn't of the `size` expected, as a small file may unzip to any."""
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(raw)).read(size + 1) if raw.startswith(_GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source}: damaged gzip file ({error}): get the file again") from error


def _check_sizes(dataset: Dataset, infos: Sequence[ZipInfo]) -> None:
    """A small file may unzip to any size, and its arrays' headers may say any: refuse it before."""
    largest = 8 * max(math.prod(file.shape) for file in dataset.files) + 2**16  # of 64 bits, after a header
    if any(info.file_size > largest for info in infos):
        raise ValueError(f"it holds an array of more than {largest} bytes")


def _from_npz(dataset: Dataset, path: Path) -> Parts:
    """All of a data set from one file, as Keras has it; the checksums are those of the IDX files with the same arrays."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            _check_sizes(dataset, archive.zip.infolist())
            x_train, y_train, x_test, y_test = arrays = [np.ascontiguousarray(archive[name], np.uint8) for name in _NPZ_NAMES]
    except Exception as error:  # whatever a damaged zip or array makes NumPy raise
        raise ValueError(f"{path}: no .npz file with {', '.join(_NPZ_NAMES)} ({error})") from error
    for name, array, expected in zip(_NPZ_NAMES, arrays, dataset.files, strict=True):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
        _check(array.shape, header + array.tobytes(), expected, f"{path}, {name}")
    return (x_train, y_train), (x_test, y_test)
