"""Normalization of groups of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.layer import layers
from fastnn.layers.row_normalization import LayerNormalization
from fastnn.program import Program, Tensor

__all__ = ["GroupNormalization"]


@layers.register()
class GroupNormalization(LayerNormalization):
    """Normalises groups of neighbouring features of each sample, each group by its own mean and variance.

    Parameters
    ----------
    groups : int
        How many; they must divide the number of features. -1 makes each feature a group.
    axis, epsilon, center, scale, beta_initializer, gamma_initializer, ...
        As for :class:`LayerNormalization`.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        When the groups don't divide the features, or samples aren't vectors.

    References
    ----------
    Wu & He 2018, "Group normalization", ECCV, arXiv:1803.08494, equations 1, 2 and 7.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ):
        starts = beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
        super().__init__(axis, epsilon, center, scale, *starts, **options)
        if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or not (groups > 0 or groups == -1):
            raise ValueError(f"layer {self.name!r}: groups must be a positive integer, or -1, got {groups!r}")
        self.groups = int(groups)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        if len(features) != 1:
            raise ValueError(f"layer {self.name!r} groups the features of vectors, got samples of shape {features}: add Flatten()")
        if self.groups != -1 and features[0] % self.groups:
            raise ValueError(f"layer {self.name!r}: {self.groups} groups don't divide {features[0]} features; choose groups that do")
        super().make_parameters(features)

    def normalize(self, program: Program, x: Tensor, h: Tensor) -> None:
        rows, features = x.value.shape
        groups = features if self.groups == -1 else self.groups
        shape = rows * groups, features // groups
        super().normalize(program, x.reshape(*shape), h.reshape(*shape))
