"""MLPRegressor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from fastnn.sklearn.documentation import documented
from fastnn.sklearn.mlp import BaseMLP
from fastnn.sklearn.parameters import CONSTRAINTS, keep, losses_besides
from fastnn.sklearn.plain import dense
from fastnn.sklearn.tasks import Task, regression
from fastnn.sklearn.validating import Samples, r2

__all__ = ["MLPRegressor"]


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Regression by a multi-layer perceptron: scikit-learn's, compiled, and with what is missing there.

    Parameters, attributes, defaults and results are those of ``sklearn.neural_network.MLPRegressor`` 1.9, down to the random numbers: the
    same `random_state` gives the same coefficients, but for rounding. The parameters behind `max_fun` are fastnn's own.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        ``"squared_error"``; ``"poisson"``, half the deviance of counts, with an exponential output; or any of `fastnn.losses`.
    {network}
    {training}
    {extras}

    Attributes
    ----------
    {attributes}

    {errors}

    Notes
    -----
    Negative sample weights are refused, targets below 0 too where the loss is ``"poisson"``; scikit-learn goes on with NaN. A training
    whose numbers are no longer finite ends at once. A network keeps the dtype of the first X, and puts out that.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import MLPRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = X @ [1.0, -2.0, 3.0]
    >>> regressor = MLPRegressor(solver="lbfgs", random_state=1).fit(X, y)
    >>> regressor.score(X, y) > 0.999
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**CONSTRAINTS, "loss": losses_besides("squared_error", "poisson")}

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        out_activation=None,
        dropout=0.0,
        batch_norm=False,
        layer_norm=False,
        optimizer=None,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        scoring=None,
        monitor="score",
        restore_best=None,
        callbacks=None,
        n_threads=None,
        dtype=None,
        progress=False,
    ):
        keep(self, locals())

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True, dtype=(np.float64, np.float32), reset=reset
        )
        y = dense(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y.reshape(len(y), -1)

    def _check_held_out(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        X, truth = self._check_data(X, y, True, reset=False)
        if truth.shape[1] != self.n_outputs_:
            raise ValueError(f"eval_set has {truth.shape[1]} outputs, y {self.n_outputs_}")
        return X, truth

    def _make_task(self, truth: np.ndarray) -> Task:
        self.n_outputs_ = truth.shape[1]
        return regression(self, self.n_outputs_)

    def _targets(self, truth: np.ndarray) -> np.ndarray:
        return truth

    def _decoded(self, truth: np.ndarray) -> np.ndarray:
        return truth.ravel() if truth.shape[1] == 1 else truth

    def _judge(self, samples: Samples, outputs: np.ndarray) -> float:
        return r2(samples, outputs[:, : self.n_outputs_])

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None, eval_sample_weight: Any = None
    ) -> MLPRegressor:
        """Train for one more epoch on the given data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        eval_set, eval_sample_weight : optional
            As for `fit`. With early stopping, ``converged_`` tells when to stop; the network is the best one then.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, eval_set, eval_sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """The predicted values; of a loss that has spreads beside the means, as Gaussian likelihood, the means.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Sparse matrices are made dense a thousand rows at a time.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs(X)
        columns = min(self.n_outputs_, outputs.shape[1])
        return outputs[:, 0] if columns == 1 else outputs[:, :columns]
