"""Data sets as Keras gives them, from files that stand in for its downloads."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from fastnn.datasets import california_housing  # noqa: E402


@pytest.fixture
def districts(tmp_path, monkeypatch):
    """The same made-up numbers for both."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2000, 8)).astype("f4"), rng.normal(size=2000).astype("f4")
    np.savez(tmp_path / "california_housing.npz", x=x, y=y)
    from keras.src.datasets import california_housing as theirs

    monkeypatch.setattr(theirs, "get_file", lambda *arguments, **options: tmp_path / "california_housing.npz")
    monkeypatch.setattr(california_housing, "_load", lambda given: (x, y))
    return theirs


@pytest.mark.parametrize("options", [{}, {"version": "small"}, {"test_split": 0.37, "seed": 5}, {"version": "small", "test_split": 0}])
def test_california_housing_is_shuffled_and_split_alike(districts, options):
    for got, expected in zip(california_housing.load_data(**options), districts.load_data(**options), strict=True):
        for a, b in zip(got, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
