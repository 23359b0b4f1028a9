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
    found = optimize.minimize(f, f.pack(), method="L-BFGS-B", jac=True, options=options)
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
        self._watch, self._piece = Watch(CallbackList(model=self._model), True), (data, np.arange(n), min(n, INFERENCE_BATCH))
        self._lay_out(estimator)

    def _lay_out(self, estimator: Any) -> None:
        """Find each parameter's numbers, and those of the gradient's sum over the batches, in the vector's order."""
        arena: Any = self._model._arena
        self._gradients, self._sum = arena.gradients.data, np.zeros_like(arena.gradients.data)
        sums = dict(zip(map(id, arena.parameters), arena.gradients.split(self._sum), strict=True))
        parameters = estimator._link.parameters
        self._values = [parameter.value.reshape(-1) for parameter in parameters]
        self._sums = [sums[id(parameter)].reshape(-1) for parameter in parameters]
        ends = np.cumsum([len(value) for value in self._values])
        self._slices = [slice(end - len(value), end) for value, end in zip(self._values, ends, strict=True)]
        self._kernels = int(ends[estimator._link.layers - 1])

    def pack(self) -> np.ndarray:
        """The parameters in one vector."""
        return np.concatenate(self._values)

    def unpack(self, packed: np.ndarray) -> None:
        """Put numbers into the parameters."""
        for value, place in zip(self._values, self._slices, strict=True):
            value[...] = packed[place]

    def __call__(self, packed: np.ndarray) -> tuple[float, np.ndarray]:
        self.unpack(packed)
        model, (_, order, size) = self._model, self._piece
        model._scores.reset()
        self._sum[...] = 0
        for number in range(-(-len(order) // size)):
            model._run_slice(self._piece, number, 1, self._watch)
            self._sum += self._gradients * (len(order[number * size :][:size]) / len(order))
        gradient, kernels = np.concatenate(self._sums).astype(np.float64, copy=False), packed[: self._kernels]
        gradient[: self._kernels] += self._alpha / self._total * kernels
        loss = model._scores.sums[0] / len(order) / self._share
        return loss + 0.5 * self._alpha * np.dot(kernels, kernels) / self._total, gradient
