"""A file of named arrays and texts: an uncompressed zip that is written atomically and read with suspicion; see ``docs/format.md``."""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from fastnn.files import replacing

__all__ = ["Member", "parse_archive", "read_archive", "write_archive"]

Member = np.ndarray | str
"""What a file holds by name: an array, or text, JSON as a rule."""

_ARRAY, _TEXT = ".npy", ".json"
_ALIGNMENT = 64
_PADDING = 0xD935  # the id that Android's zipalign gives an extra field that moves data to a multiple of a number
_LARGE = 2**30  # from here on a member's sizes take the form of 64 bits, as zipfile needs no more than that below
_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(rb"\{'descr': ?'([<|][biufcU]\d{1,9})', ?'fortran_order': ?False, ?'shape': ?\(([\d, ]*)\),? ?\} *\n?")


def write_archive(path: Path, members: Mapping[str, Member]) -> None:
    """Write `members` to `path`, which holds either its old contents or all of the new ones, whatever happens.

    The same members make the same bytes, on any machine and at any time.

    Raises
    ------
    ValueError
        For a name that is too long for a zip file.
    OSError
        When the folder is missing, full, or not writable.
    """
    with replacing(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, value in members.items():
            if isinstance(value, str):
                _write_member(archive, name + _TEXT, b"", np.frombuffer(value.encode(), np.uint8))
            else:
                array = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)  # which would have made () (1,)
                _write_member(archive, name + _ARRAY, _header(array), array.reshape(-1).view(np.uint8))


def _write_member(archive: zipfile.ZipFile, name: str, header: bytes, contents: np.ndarray) -> None:
    """Append a member whose contents begin at a multiple of 64 bytes, so that arrays can be mapped into memory."""
    encoded, large = name.encode(), len(header) + contents.size > _LARGE
    if len(encoded) > 0xFFFF:
        raise ValueError(f"the name of {name[:40]!r}... takes {len(encoded)} bytes, a file holds names of up to 65535")
    info = zipfile.ZipInfo()
    info.filename, info.create_system, info.external_attr = name, 3, 0o644 << 16  # as on Unix, wherever it is written
    start = archive.start_dir + 30 + len(encoded) + 6 + 20 * large
    info.extra = struct.pack("<HHH", _PADDING, 2 + -start % _ALIGNMENT, _ALIGNMENT) + bytes(-start % _ALIGNMENT)
    with archive.open(info, "w", force_zip64=large) as file:
        file.write(header)
        file.write(contents.data)


def _header(array: np.ndarray) -> bytes:
    """What the NPY format, version 1.0, puts before an array's numbers."""
    text = f"{{'descr': {array.dtype.str!r}, 'fortran_order': False, 'shape': {array.shape!r}, }}"
    text += " " * (-(len(_MAGIC) + 5 + len(text)) % _ALIGNMENT) + "\n"
    return _MAGIC + struct.pack("<BBH", 1, 0, len(text)) + text.encode("ascii")


def read_archive(path: Path) -> dict[str, Member]:
    """All arrays and texts of the file at `path`. No pickle is ever read, so nothing in the file can run.

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
            return parse_archive(file)
        except Exception as error:  # whatever a damaged zip, header or array makes its reader raise, OSError included
            raise ValueError(f"{str(path)!r} is no fastnn model file, or it is damaged ({type(error).__name__}: {error})") from error


def parse_archive(file: IO[bytes]) -> dict[str, Member]:
    """All arrays and texts of an open file; any kind of error where it is damaged. No more memory is taken than the file has bytes."""
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > size:
            raise ValueError("its members overlap, or are larger than the file")
        if len({info.orig_filename for info in infos}) < len(infos):
            raise ValueError("several members have one name")
        known = [info for info in infos if info.orig_filename.endswith((_ARRAY, _TEXT))]  # others are of no meaning here
        return dict(_read_member(archive, info) for info in known)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[str, Member]:
    name = info.orig_filename  # as it stands in the file: Windows' separator is one more letter
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    contents = archive.read(info)
    if name.endswith(_TEXT):
        return name.removesuffix(_TEXT), contents.decode()
    return name.removesuffix(_ARRAY), _array(contents, name)


def _array(contents: bytes, name: str) -> np.ndarray:
    """The array of a member in the NPY format, 1.0 to 3.0."""
    if contents[:6] != _MAGIC or contents[6] not in (1, 2, 3):
        raise ValueError(f"{name} is no array")
    length, start = (2, 10) if contents[6] == 1 else (4, 12)
    start += int.from_bytes(contents[8 : 8 + length], "little")
    found = _HEADER.fullmatch(contents[8 + length : start])
    if not found:
        raise ValueError(f"{name}: its header {contents[8 + length : min(start, 100)]!r} is none of an array of numbers in C order")
    dtype, shape = np.dtype(found[1].decode()), tuple(int(size) for size in found[2].split(b",") if size.strip())
    array = np.frombuffer(contents, dtype, offset=start) if start < len(contents) else np.empty(0, dtype)
    return array.reshape(shape).copy()
