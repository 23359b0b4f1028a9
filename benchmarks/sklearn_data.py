"""Data sets for comparisons with scikit-learn, scaled, in a training and a test part."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastnn.datasets

__all__ = ["LOADERS", "Parts", "loads"]


class Parts(NamedTuple):
    """Samples (float64) and targets to train on and to test on."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def first(self, rows: int | None) -> Parts:
        """As many of both parts."""
        return Parts(*(array[:rows] for array in self))

    def of(self, dtype: str) -> Parts:
        """The samples in `dtype`; numbers as targets, too."""
        return Parts(*(array.astype(dtype) if array.dtype.kind == "f" else array for array in self))


LOADERS: dict[str, Callable[[], Parts]] = {}


def loads(name: str) -> Callable[[Callable[[], Parts]], Callable[[], Parts]]:
    """Decorator: this function reads the data set."""

    def add(function: Callable[[], Parts]) -> Callable[[], Parts]:
        LOADERS[name] = function
        return function

    return add


def _folder(name: str) -> Path:
    """A data set's folder in ``$FASTNN_DATA``, or beside the project."""
    return Path(os.environ.get("FASTNN_DATA", Path(__file__).parents[2] / "shared" / "data")) / name


def _parts(x: Any, y: Any) -> Parts:
    """A fifth to test on; the features' scales learned from the rest."""
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    scaler = StandardScaler().fit(x_train)
    return Parts(scaler.transform(x_train), y_train, scaler.transform(x_test), y_test)


@loads("breast cancer")
def _breast_cancer() -> Parts:
    return _parts(*datasets.load_breast_cancer(return_X_y=True))


@loads("digits")
def _digits() -> Parts:
    return _parts(*datasets.load_digits(return_X_y=True))


@loads("California housing")
def _california() -> Parts:
    """Rooms, bedrooms and people by household, as scikit-learn's own loader has them; the target in 100,000 dollars."""
    columns = np.loadtxt(_folder("california-housing") / "cal_housing.data", delimiter=",", skiprows=1).T
    longitude, latitude, age, rooms, bedrooms, people, households, income, value = columns
    features = [income, age, rooms / households, bedrooms / households, people, people / households, latitude, longitude]
    return _parts(np.stack(features, 1), value / 1e5)


NUMBERS = [0, 2, 4, 10, 11, 12]
"""Adult's columns of numbers; all others are words."""


@loads("Adult")
def _adult() -> Parts:
    """Numbers standardised, words one-hot; "?" is a word like any other."""
    train, test = (_adult_rows(name) for name in ("adult.data", "adult.test"))
    words = [i for i in range(train.shape[1] - 1) if i not in NUMBERS]
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(train[:, words])
    scaler = StandardScaler().fit(train[:, NUMBERS].astype(float))
    x, x_test = (np.hstack([scaler.transform(t[:, NUMBERS].astype(float)), encoder.transform(t[:, words])]) for t in (train, test))
    return Parts(x, np.char.rstrip(train[:, -1], "."), x_test, np.char.rstrip(test[:, -1], "."))


def _adult_rows(name: str) -> np.ndarray:
    lines = (_folder("adult") / name).read_text(encoding="utf-8").splitlines()
    rows = [line.split(", ") for line in lines]
    return np.array([row for row in rows if len(row) == 15])


def _images(name: str, module: Any) -> Parts:
    (x, y), (x_test, y_test) = module.load_data(_folder(name))
    return Parts(x.reshape(len(x), -1) / 255.0, y, x_test.reshape(len(x_test), -1) / 255.0, y_test)


@loads("MNIST")
def _mnist() -> Parts:
    return _images("mnist", fastnn.datasets.mnist)


@loads("Fashion-MNIST")
def _fashion_mnist() -> Parts:
    return _images("fashion-mnist", fastnn.datasets.fashion_mnist)
