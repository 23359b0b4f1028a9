"""California housing: the median prices of houses in 20,640 districts, from the census of 1990.

R. K. Pace and R. Barry, "Sparse spatial autoregressions", Statistics and Probability Letters 33 (1997) 291-297.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np

from fastnn.datasets.idx import Parts
from fastnn.datasets.storage import cache_folder, download, folders, given_folder, keras_file

__all__ = ["FEATURES", "load_data"]

FEATURES = (
    *("longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households"),
    "median_income",
)
"""What the columns of x are; the income in tens of thousands of dollars."""

_FOLDER, _TEXT, _NPZ = "california-housing", "cal_housing.data", "california_housing.npz"
_MIRRORS = ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",)
_NUMBERS_MD5 = "8cbd510fb86196ef3f84803188bd96f5"  # of all rows of the text as little-endian float64
_NPZ_SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"  # as Keras checks it
_SMALL = 600


def load_data(
    version: str = "large", path: str | os.PathLike[str] | None = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Parts:
    """The districts in a training and a test part, shuffled and split as Keras does it.

    Parameters
    ----------
    version : {"large", "small"}
        All districts, or the first 600.
    path : str or path, optional
        The folder with ``cal_housing.data``, StatLib's file as text, or a file such as Keras' ``california_housing.npz``.
        By default they are looked for in the folder ``california-housing`` of the one that the environment variable ``FASTNN_DATA``
        names, where Keras keeps its own, and among earlier downloads; else they are downloaded, unless ``FASTNN_OFFLINE`` is set.
    test_split : float
        The test part's share, in [0, 1).
    seed : int
        Of the shuffling.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : float32 arrays (16512, 8), (16512,), (4128, 8), (4128,)
        The columns of x are named in `FEATURES`; y is the median value of a district's houses in dollars, at most 500,001.

    Raises
    ------
    FileNotFoundError
        When the file is missing, and can't be downloaded; the message says what to put where.
    ValueError
        For other arguments, and when the file is damaged or another one.
    """
    if version not in ("large", "small"):
        raise ValueError(f"version must be 'large' or 'small', got {version!r}")
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must lie in [0, 1), got {test_split!r}")
    x, y = _load(given_folder(_FOLDER, path))
    order = np.arange(len(x) if version == "large" else _SMALL)
    np.random.RandomState(seed).shuffle(order)
    train, test = np.split(order, [int(len(order) * (1 - test_split))])
    return (x[train], y[train]), (x[test], y[test])


def _load(given: Path | None) -> tuple[np.ndarray, np.ndarray]:
    places = folders(_FOLDER) if given is None else [given / _FOLDER, given]
    files = [place / name for place in places for name in (_TEXT, _NPZ)]
    files += [keras_file(_NPZ)] if given is None else []
    if given is not None and given.is_file():
        files = [given]
    found = next((file for file in files if file.is_file()), None)
    if found is not None:
        return _read(found)
    if given is not None:
        raise FileNotFoundError(f"{_FOLDER}: no {_TEXT} and no {_NPZ} in {given}: put one of them there")
    target = cache_folder() / _FOLDER / _NPZ
    return download(_FOLDER, [mirror + _NPZ for mirror in _MIRRORS], target, lambda raw: _from_npz(raw, _NPZ))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    raw = path.read_bytes()
    return _from_npz(raw, str(path)) if raw.startswith(b"PK") else _from_text(raw, str(path))


def _from_npz(raw: bytes, source: str) -> tuple[np.ndarray, np.ndarray]:
    if hashlib.sha256(raw).hexdigest() != _NPZ_SHA256:
        raise ValueError(f"{source}: not the original file (SHA-256 {_NPZ_SHA256}): get the file again")
    with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
        return archive["x"], archive["y"]


def _from_text(raw: bytes, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Of comma-separated numbers, with a line of names before them or without."""
    named = raw[:1].isalpha()
    try:
        if b"," not in raw:
            raise ValueError("it has no numbers with commas between them")
        table = np.loadtxt(io.BytesIO(raw), np.float64, delimiter=",", skiprows=int(named), ndmin=2)
    except ValueError as error:
        raise ValueError(f"{source}: damaged: {error}") from error
    if hashlib.md5(table.astype("<f8").tobytes(), usedforsecurity=False).hexdigest() != _NUMBERS_MD5:
        raise ValueError(f"{source}: its numbers aren't the original ones, an array of shape {table.shape}: get the file again")
    return table[:, :-1].astype(np.float32), table[:, -1].astype(np.float32)
