"""Small data for the patterns: real files where `FASTNN_DATA` or a folder beside the project has them, else made up alike."""

import csv
import os
from pathlib import Path

import numpy as np

FOLDER = Path(os.environ.get("FASTNN_DATA", Path(__file__).parents[3] / "shared" / "data")) / "small"


def rows(name, make):
    """The rows of a CSV file as strings, of which `make` gives similar ones where there is no such file."""
    path = FOLDER / name
    if not path.exists():
        return make(np.random.default_rng(0))
    with open(path, newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row]


def scaled(x):
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")


def _labelled(rng, n, features, names):
    x = rng.normal(size=(n, features))
    classes = np.digitize(x @ rng.normal(size=features), [-1.0, 1.0] if len(names) == 3 else [0.0])
    return [[*map(str, row), names[k]] for row, k in zip(x, classes, strict=True)]


def pima():
    """768 patients, 8 numbers each, and whether they have diabetes: (768, 8), (768,)."""
    table = np.array(rows("pima-indians-diabetes.csv", lambda rng: _labelled(rng, 768, 8, ["0", "1"])), float)
    return scaled(table[:, :8]), table[:, 8]


def iris():
    """150 flowers, 4 numbers each, and the names of three species: (150, 4), (150,)."""
    table = rows("iris.csv", lambda rng: _labelled(rng, 150, 4, ["setosa", "versicolor", "virginica"]))
    table = [table[i] for i in np.random.default_rng(1).permutation(len(table))]
    return np.array([row[:4] for row in table], "float32"), np.array([row[4] for row in table])


def housing():
    """506 districts, 13 numbers each, and the median price of a house: (506, 13), (506,)."""

    def make(rng):
        x = rng.normal(size=(506, 13))
        return [[*map(str, row), str(y)] for row, y in zip(x, 20 + x @ rng.normal(size=13), strict=True)]

    table = np.array([[*map(float, row)] for row in rows("housing.csv", make)])
    return scaled(table[:, :13]), table[:, 13].astype("float32")


def digits():
    """1797 images of digits: (1797, 8, 8), (1797,)."""
    from fastnn.datasets import digits

    (x, y), (x_test, y_test) = digits.load_data()
    return np.concatenate([x, x_test]).astype("float32") / 16, np.concatenate([y, y_test]).astype("int64")


def imbalanced():
    """600 samples of two classes, 5 % of which are ones: (600, 6), (600,)."""
    rng = np.random.default_rng(3)
    y = (rng.random(600) < 0.05).astype("float32")
    return (rng.normal(size=(600, 6)) + y[:, None]).astype("float32"), y
