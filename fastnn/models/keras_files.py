"""Files with Keras' suffixes: a warning where fastnn writes one, an error where Keras wrote it."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

__all__ = ["refuse_keras_file", "warn_of_suffix"]

SUFFIXES = (".h5", ".hdf5", ".keras")
HDF5 = b"\x89HDF\r\n\x1a\n"
"""How each HDF5 file begins (HDF5 file format specification 3.0, II.A)."""


def warn_of_suffix(path: Path) -> None:
    """Warn, once a suffix, where a file's name promises Keras' format and fastnn's is written."""
    if path.suffix in SUFFIXES:
        warnings.warn(
            f"a {path.suffix} file that fastnn writes is in fastnn's own format, which Keras doesn't read; .fnn is customary",
            UserWarning,
            stacklevel=2,
        )


def refuse_keras_file(path: Path) -> None:
    """Raise a ValueError where Keras wrote the file at `path`."""
    if path.is_dir() and (path / "saved_model.pb").exists():
        raise ValueError(_way_out(path, "a TensorFlow SavedModel"))
    if path.is_file() and (kind := _kind(path)):
        raise ValueError(_way_out(path, kind))


def _kind(path: Path) -> str | None:
    with open(path, "rb") as file:
        if file.read(len(HDF5)) == HDF5:
            return "an HDF5 file, as Keras writes them"
    try:
        with zipfile.ZipFile(path) as archive:
            return "a .keras file of Keras" if {"config.json", "model.weights.h5"} <= set(archive.namelist()) else None
    except Exception:  # whatever a damaged file makes zipfile raise: reading it as fastnn's own says what is wrong
        return None


def _way_out(path: Path, kind: str) -> str:
    return f"{str(path)!r} is {kind}: load it by keras.saving.load_model, and take it over by fastnn.from_keras(model)"
