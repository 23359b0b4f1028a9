"""Any Sequential as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin

from fastnn.losses import MeanSquaredError
from fastnn.models import Sequential
from fastnn.sklearn.wrapper import FastNNEstimator

__all__ = ["FastNNRegressor"]


class FastNNRegressor(RegressorMixin, FastNNEstimator):
    """A Sequential of your own as a scikit-learn regressor, of one target or several.

    Parameters
    ----------
    model_fn : callable
        Returns a new Sequential that puts out a number for each target; see `FastNNEstimator`, as for all other parameters.
    loss : str or Loss, optional
        The mean squared error when left out.

    Notes
    -----
    Of a loss that takes several numbers for each target (quantiles, a mean and a variance) use `FastNNEstimator`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> def model_fn(n_outputs, units=16):
    ...     return Sequential([layers.Dense(units, "tanh"), layers.Dense(n_outputs)])
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> regressor = FastNNRegressor(model_fn, epochs=300, optimizer__learning_rate=0.02, random_state=0)
    >>> regressor = regressor.fit(x, x[:, 0] ** 2)
    >>> bool(regressor.score(x, x[:, 0] ** 2) > 0.9)
    True
    """

    def _default_loss(self, model: Sequential) -> Any:
        return MeanSquaredError()

    def _check_model(self, model: Sequential) -> None:
        outputs = model.output_shape[1:]
        if outputs != (self.n_outputs_,):
            raise ValueError(
                f"{type(self).__name__}: y has {self.n_outputs_} targets, the model puts out samples of shape {outputs}: end it with "
                "Dense(n_outputs), an argument that model_fn can ask for"
            )
