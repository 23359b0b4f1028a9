"""A file of named arrays: an uncompressed ``.npz`` that is written atomically and read with suspicion."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from fastnn.files import replacing

_LARGEST_HEADER = 10_000


def write_archive(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `arrays` to `path`, which holds either its old contents or all of the new ones, whatever happens.

    Raises
    ------
    OSError
        When the folder is missing, full, or not writable.
    """
    with replacing(path, "wb") as file:
        np.savez(file, **dict(arrays))


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """All arrays of the file at `path`. No pickle is ever read, so nothing in the file can run.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    OSError
        When it can't be opened.
    ValueError
        When it isn't such a file, or is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {str(path)!r}")
    with open(path, "rb") as file:
        try:
            return _read_members(file, os.fstat(file.fileno()).st_size)
        except Exception as error:  # whatever a damaged zip, header or array makes its reader raise, OSError included
            raise ValueError(f"{str(path)!r} is no fastnn model file, or it is damaged ({type(error).__name__}: {error})") from error


def _read_members(file: IO[bytes], size: int) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        if sum(info.file_size for info in archive.infolist()) > size:
            raise ValueError("its members overlap, or are larger than the file")
        return {info.filename.removesuffix(".npy"): _read_member(archive, info) for info in archive.infolist()}


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    with archive.open(info) as file:
        return _read_array(file, info)


def _read_array(file: IO[bytes], info: zipfile.ZipInfo) -> np.ndarray:
    """One array, its size checked against the member's before memory is taken for it."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(file, max_header_size=_LARGEST_HEADER)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
    if dtype.hasobject or fortran or size != info.file_size - file.tell():
        raise ValueError(f"{info.filename}: {dtype} {shape} doesn't fit its {info.file_size} bytes")
    contents: Any = file.read()
    return np.frombuffer(contents, dtype).reshape(shape).copy()
