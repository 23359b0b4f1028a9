"""Layers that bring features to one scale by statistics of the data, which `adapt` takes before training."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.layers.adapting import Adapted
from fastnn.layers.layer import layers
from fastnn.layers.row_normalization import affine, affine_backward
from fastnn.parameters import Parameter
from fastnn.program import Program, Tensor

__all__ = ["MinMaxScaling", "Normalization", "RobustScaling", "rescale"]


@op("x (n, m), center (m), scale (m) -> y (n, m)", split="n", draw={"scale": "positive"})
def rescale(x, center, scale, y):
    """``y = (x - center) / scale``; `y` may be `x`."""
    np.subtract(x, center, out=y)
    y /= scale


@op("dy (n, m), scale (m) -> dx (n, m)", differentiable=False, split="n", draw={"scale": "positive"})
def rescale_backward(dy, scale, dx):
    """``dx = dy / scale``; `dx` may be `dy`."""
    np.divide(dy, scale, out=dx)


class FeatureScaling(Adapted):
    """Subtracts a `center` from each feature and divides by a `scale`; the inverse where `invert` says so.

    Attributes
    ----------
    center, scale : Parameter of shape (features,)
        Not trained.
    """

    center: Parameter
    scale: Parameter

    def __init__(self, invert: bool = False, **options: Any):
        super().__init__(**options)
        self.invert = bool(invert)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if not features:
            raise ValueError(f"layer {self.name!r} expects samples with at least one axis, got scalars; reshape x to (n, 1)")
        self.center = self.add_weight(features[-1:], "zeros", "center", trainable=False)
        self.scale = self.add_weight(features[-1:], "ones", "scale", trainable=False)

    def knows_nothing(self) -> bool:
        return not self.center.value.any() and bool((self.scale.value == 1).all())

    def lower(self, program: Program, x: Tensor) -> Tensor:
        y = program.successor(x)
        xr, yr, center, scale = x.rows, y.rows, self.center.value, self.scale.value
        if self.invert:
            program.forward(affine, xr.value, scale, center, yr.value)
        else:
            program.forward(rescale, xr.value, center, scale, yr.value)
        if x.grad is not None:
            program.backward(affine_backward if self.invert else rescale_backward, yr.grad, scale, xr.grad)
        return y


def _positive(scale: np.ndarray) -> np.ndarray:
    """The scale of features that don't vary is 1."""
    return np.where(scale > 0, scale, 1.0)


@layers.register()
class Normalization(FeatureScaling):
    """Brings each feature to mean 0 and variance 1: ``(x - mean) / max(sqrt(variance), 1e-7)``.

    Call `adapt` with the training data, or give mean and variance.

    Parameters
    ----------
    axis : int
        The axis of features: -1, the last.
    mean, variance : float or array_like of shape (features,), optional
        Both or neither. Without them and without `adapt`, 0 and 1.
    invert : bool
        Whether to compute ``x max(sqrt(variance), 1e-7) + mean`` instead, which turns normalised outputs back.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For another axis, only one of mean and variance, or numbers that can't be such.

    Notes
    -----
    As in Keras; the variance is the biased one.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> normalization = fastnn.layers.Normalization()
    >>> normalization.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> normalization(np.array([[2.0, 40.0]]))
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, axis: int = -1, mean: Any = None, variance: Any = None, invert: bool = False, **options: Any):
        super().__init__(invert, **options)
        if axis != -1:
            raise ValueError(f"layer {self.name!r}: axis must be -1, the last, got {axis!r}")
        if (mean is None) != (variance is None):
            raise ValueError(f"layer {self.name!r}: give both mean and variance, or neither and call adapt(data)")
        self.axis = axis
        self._given = {} if mean is None else {"mean": self._checked("mean", mean), "variance": self._checked("variance", variance)}
        if mean is not None and (self._given["variance"] < 0).any():
            raise ValueError(f"layer {self.name!r}: variance must not be negative, got {variance!r}")

    def _checked(self, word: str, value: Any) -> np.ndarray:
        given = np.asarray(value)
        if given.dtype.kind not in "fiu" or given.ndim > 1 or not np.isfinite(given).all():
            raise ValueError(f"layer {self.name!r}: {word} must be a number or a vector of finite numbers, got {value!r}")
        return given.astype(np.float64)

    @property
    def mean(self) -> Any:
        """The mean of each feature; None before it is known."""
        return self._known("center", "mean")

    @property
    def variance(self) -> Any:
        """The variance of each feature; None before it is known."""
        scale = self._known("scale", "variance")
        return scale if scale is None or not (self.parameters or self.loaded) else np.square(scale)

    def _known(self, name: str, given: str) -> Any:
        if self.parameters:
            return getattr(self, name).value.astype(np.float64)
        return self.loaded.get(name, self._given.get(given))

    def knows_nothing(self) -> bool:
        return not self._given and super().knows_nothing()

    def statistics(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return self._as_scaling(x.mean(axis=0), x.var(axis=0))

    @staticmethod
    def _as_scaling(mean: np.ndarray, variance: np.ndarray) -> dict[str, np.ndarray]:
        return {"center": mean, "scale": np.maximum(np.sqrt(variance), 1e-7)}

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if self._given and not self.loaded:
            try:
                vectors = [np.broadcast_to(self._given[word], features[-1:]) for word in ("mean", "variance")]
            except ValueError:
                raise ValueError(
                    f"layer {self.name!r}: mean and variance must be numbers or have {features[-1]} entries, the number of features"
                ) from None
            self.loaded = self._as_scaling(*vectors)
        super().make_parameters(features)


@layers.register()
class MinMaxScaling(FeatureScaling):
    """Brings each feature linearly from its smallest and largest value to `low` and `high`.

    Call `adapt` with the training data; other data may lie outside.

    Parameters
    ----------
    low, high : float
        0 and 1 by default.
    invert : bool
        Whether to turn scaled numbers back.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        Unless ``low < high``.

    Notes
    -----
    A feature that is constant becomes `low`, as in scikit-learn's ``MinMaxScaler``.
    """

    def __init__(self, low: float = 0.0, high: float = 1.0, invert: bool = False, **options: Any):
        super().__init__(invert, **options)
        if not all(isinstance(v, (int, float, np.number)) and np.isfinite(v) for v in (low, high)) or not low < high:
            raise ValueError(f"layer {self.name!r}: low must be a number below high, got {low!r} and {high!r}")
        self.low, self.high = float(low), float(high)

    def statistics(self, x: np.ndarray) -> dict[str, np.ndarray]:
        least = x.min(axis=0)
        scale = _positive(x.max(axis=0) - least) / (self.high - self.low)
        return {"center": least - self.low * scale, "scale": scale}


@layers.register()
class RobustScaling(FeatureScaling):
    """Subtracts each feature's median and divides by the range between two quantiles, which outliers hardly move.

    Call `adapt` with the training data.

    Parameters
    ----------
    quantile_range : (float, float)
        In percent; (25, 75) by default, the interquartile range.
    invert : bool
        Whether to turn scaled numbers back.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        Unless ``0 <= low < high <= 100``.

    Notes
    -----
    As scikit-learn's ``RobustScaler``; where the range is empty, features are only centred.
    """

    def __init__(self, quantile_range: tuple[float, float] = (25.0, 75.0), invert: bool = False, **options: Any):
        super().__init__(invert, **options)
        low, high = quantile_range
        if not 0 <= low < high <= 100:
            raise ValueError(f"layer {self.name!r}: quantile_range must be (low, high) with 0 <= low < high <= 100, got {quantile_range!r}")
        self.quantile_range = float(low), float(high)

    def statistics(self, x: np.ndarray) -> dict[str, np.ndarray]:
        low, middle, high = np.percentile(x, [self.quantile_range[0], 50, self.quantile_range[1]], axis=0)
        return {"center": middle, "scale": _positive(high - low)}
