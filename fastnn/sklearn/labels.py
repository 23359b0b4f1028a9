"""Classes as numbers, and what the samples of a class weigh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import unique_labels

__all__ = ["class_factors", "encoded"]


def encoded(binarizer: LabelBinarizer, y: Any, exactly: bool) -> np.ndarray:
    """The numbers of classes, or columns of labels.

    Parameters
    ----------
    binarizer : LabelBinarizer
        That knows all classes.
    y : array-like
    exactly : bool
        Whether all of them have to be in `y`.

    Raises
    ------
    ValueError
        For classes other than these.
    """
    kind, classes = binarizer.y_type_, binarizer.classes_
    if kind != "multilabel-indicator" and y.ndim == 1 and y.dtype.kind == classes.dtype.kind != "O":
        codes = np.searchsorted(classes, y)
        if np.array_equal(classes.take(codes, mode="clip"), y) and not (exactly and len(np.unique(codes)) < len(classes)):
            return codes
    _check(unique_labels(y), classes, exactly)
    indicators = binarizer.transform(y)
    if kind == "binary":
        return indicators[:, 0]
    return indicators.argmax(axis=1) if kind == "multiclass" else indicators


def _check(given: np.ndarray, classes: np.ndarray, exactly: bool) -> None:
    """Refuse data to go on with whose classes don't suit those before."""
    if exactly and set(given) != set(classes):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
            f"got {classes}, `y` has {given}"
        )
    if len(np.setdiff1d(given, classes, assume_unique=True)):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {given}.")


def class_factors(given: Any, classes: np.ndarray, y: Any, truth: np.ndarray) -> np.ndarray | None:
    """Factors on the samples' weights, by their classes.

    Parameters
    ----------
    given : dict, "balanced" or None
        A class that isn't in the dictionary has the factor 1. For many labels, a list with a dictionary each.
    classes : ndarray
    y : array-like
        What users say is true.
    truth : ndarray of shape (n,) or (n, labels)
        The same as numbers.

    Raises
    ------
    ValueError
        For unknown classes, factors that are no numbers or negative, and where no class has a factor above 0.
    """
    if given is None:
        return None
    if not isinstance(given, dict):
        if truth.ndim == 1 and given != "balanced":
            raise ValueError(f"class_weight must be 'balanced' or a dictionary of classes and their factors, got {given!r}")
        return compute_sample_weight(given, y)
    if truth.ndim == 2:
        return compute_sample_weight(given, y)
    labels = classes.tolist()
    _check_factors(given, labels)
    factors = np.array([given.get(each, 1.0) for each in labels], dtype=np.float64)
    if not factors.any():
        raise ValueError(f"class_weight={given!r} leaves no class that counts: all factors are 0")
    return factors.take(truth)


def _check_factors(given: Mapping[Any, Any], labels: Iterable[Any]) -> None:
    if unknown := set(given) - set(labels):
        raise ValueError(f"class_weight has {sorted(unknown, key=str)}, which are no classes; there are {labels}")
    for label, factor in given.items():
        if not isinstance(factor, Real) or not 0 <= factor < np.inf:
            raise ValueError(f"class_weight must hold finite numbers from 0 on, got {factor!r} for class {label!r}")
