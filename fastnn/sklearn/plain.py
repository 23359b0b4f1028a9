"""Samples as a network takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["dense", "is_plain"]


def dense(x: Any) -> np.ndarray:
    """The same samples as an array, if they are sparse."""
    return x.toarray() if hasattr(x, "toarray") else x


def is_plain(estimator: Any, x: Any, shape: tuple[Any, ...], dtypes: tuple[str, ...]) -> bool:
    """Whether it is plain to see that samples are fine: scikit-learn's checks take ten times as long as predicting one.

    Parameters
    ----------
    estimator : estimator
        One that was fitted to columns with names isn't shown arrays without a warning.
    x : object
    shape : tuple of int
        Of a sample.
    dtypes : tuple of str
        Those that need no conversion.
    """
    return bool(
        type(x) is np.ndarray
        and x.dtype in dtypes
        and x.ndim > 1
        and x.shape[1:] == shape
        and len(x)
        and "feature_names_in_" not in vars(estimator)
        and np.isfinite(x.sum())
    )
