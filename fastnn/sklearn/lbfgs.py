"""Training by SciPy's L-BFGS-B on the loss of all samples, as scikit-learn's solver ``lbfgs`` does it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import scipy
from scipy import optimize
from sklearn.utils.optimize import _check_optimize_result

from fastnn.callbacks import CallbackList
from fastnn.models.looping import Watch
from fastnn.models.objective import Objective
from fastnn.models.running import INFERENCE_BATCH
from fastnn.optimizers import LBFGS
from fastnn.sklearn.validating import Samples

__all__ = ["minimize"]


def minimize(estimator: Any, samples: Samples) -> None:
    """Train an estimator's network until the gradient is small."""
    model, loss = estimator.model_, copy.copy(estimator._task.loss)
    loss.reduction = "sum_over_batch_size"
    model.compile(LBFGS(history_size=1), loss)  # whose steps SciPy makes
    f = LossOfAll(estimator, samples)
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    if tuple(int(part) for part in scipy.__version__.split(".")[:2]) < (1, 15):
        options["iprint"] = 1 if estimator.verbose else -1
    found = optimize.minimize(f, f.pack("value"), method="L-BFGS-B", jac=True, options=options)
    estimator.n_iter_ = _check_optimize_result("lbfgs", found, estimator.max_iter)
    estimator.loss_ = found.fun
    f.unpack(found.x)
    model.compile("adam", estimator._task.loss)  # for whoever goes on with the network itself


class LossOfAll:
    """The loss of all samples and its gradient, as a function of all kernels and then all biases in one vector."""

    def __init__(self, estimator: Any, samples: Samples):
        self._model, n = estimator.model_, len(samples.x)
        self._total = n if samples.weights is None else samples.weights.sum()
        self._alpha, self._share = estimator.alpha, estimator._task.share
        weights = None if samples.weights is None else samples.weights * (n / self._total)
        data = self._model._prepare(samples.x, samples.y, weights)
        self._model._start_training(data)
        self._objective = Objective(self._model, Watch(CallbackList(model=self._model), True))
        self._objective._begin([(data, np.arange(n), min(n, INFERENCE_BATCH))])
        self._parameters = estimator._link.parameters
        self._kernels = sum(parameter.value.size for parameter in self._parameters[: estimator._link.layers])

    def pack(self, what: str) -> np.ndarray:
        """The parameters' values, or what else they hold, in one vector."""
        return np.concatenate([getattr(parameter, what).reshape(-1) for parameter in self._parameters])

    def unpack(self, packed: np.ndarray) -> None:
        """Put numbers into the parameters."""
        ends = np.cumsum([parameter.value.size for parameter in self._parameters])
        for parameter, piece in zip(self._parameters, np.split(packed, ends[:-1]), strict=True):
            parameter.value[...] = piece.reshape(parameter.shape)

    def __call__(self, packed: np.ndarray) -> tuple[float, np.ndarray]:
        self.unpack(packed)
        value, flat = self._objective()
        for parameter, view in zip(self._model._arena.parameters, self._model._arena.values.split(flat), strict=True):
            parameter.grad[...] = view
        gradient, kernels = self.pack("grad").astype(np.float64), packed[: self._kernels]
        gradient[: self._kernels] += self._alpha / self._total * kernels
        return value / self._share + 0.5 * self._alpha * np.dot(kernels, kernels) / self._total, gradient
