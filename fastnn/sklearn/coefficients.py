"""``coefs_`` and ``intercepts_``: a network's kernels and biases as lists of arrays, which users may read, write and assign."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.models import Sequential
from fastnn.sklearn.network import parameters

__all__ = ["Coefficients"]


class Coefficients:
    """Keeps an estimator's lists and its network's parameters the same.

    The lists hold the parameters' own arrays, so that writing into them needs nothing. Other arrays in their place are copied into the
    parameters before the network is used; where the parameters' arrays have moved since, the lists follow them.

    Parameters
    ----------
    estimator : BaseMLP
    model : Sequential
    """

    def __init__(self, estimator: Any, model: Sequential):
        kernels, biases = parameters(model)
        self.parameters, self.layers = kernels + biases, len(kernels)
        self.show(estimator)

    def show(self, estimator: Any) -> None:
        """Put the parameters' arrays into the lists."""
        self.shown = [parameter.value for parameter in self.parameters]
        estimator.coefs_, estimator.intercepts_ = self.shown[: self.layers], self.shown[self.layers :]

    def take(self, estimator: Any) -> bool:
        """Copy what a user has put into the lists into the parameters; False where it has other shapes than these."""
        given = [*estimator.coefs_, *estimator.intercepts_]
        if all(a is b is p.value for a, b, p in zip(given, self.shown, self.parameters, strict=False)) and len(given) == len(self.shown):
            return True
        if [np.shape(each) for each in given] != [parameter.shape for parameter in self.parameters]:
            return False
        assigned = [(p, a) for a, b, p in zip(given, self.shown, self.parameters, strict=True) if a is not b]
        for parameter, array in assigned:
            parameter.assign(array)
        if not assigned:  # a training has moved the parameters
            self.show(estimator)
        return True
