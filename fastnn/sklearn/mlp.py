"""What `MLPClassifier` and `MLPRegressor` share."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnn.losses import Loss
from fastnn.models import Sequential
from fastnn.models.running import INFERENCE_BATCH
from fastnn.sklearn.coefficients import Coefficients
from fastnn.sklearn.lbfgs import minimize
from fastnn.sklearn.network import Design, draw
from fastnn.sklearn.stochastic import train
from fastnn.sklearn.validating import Samples

__all__ = ["STOCHASTIC", "BaseMLP"]

STOCHASTIC = ("sgd", "adam")


class BaseMLP(BaseEstimator):
    """Base of the estimators: what is the same whatever the targets are.

    A subclass says what its outputs are, what is minimised, and how predictions are judged.
    """

    # ------------------------------------------------------------------------------------------ what subclasses define

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        """Samples and targets, checked; targets as the loss takes them: labels (n,), or numbers (n, outputs)."""
        raise NotImplementedError

    def _outputs_for(self, y: np.ndarray) -> int:
        """How many outputs such targets need."""
        raise NotImplementedError

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _loss(self) -> type[Loss]:
        raise NotImplementedError

    def _loss_share(self) -> float:
        """By what the network's loss is divided to be the one reported."""
        return 1.0

    def _judge(self, samples: Samples, outputs: np.ndarray) -> float:
        """The score of the network's outputs."""
        raise NotImplementedError

    # --------------------------------------------------------------------------------------------------------- fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit the model to data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Sparse matrices are made dense, as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, a matrix of 0 and 1 for many labels; numbers for a regressor.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool = False) -> Any:
        hidden = self._hidden_units()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._check_data(X, y, incremental, reset=first)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        samples = Samples(_dense(X), y, weights)
        self.n_outputs_ = self._outputs_for(y)
        self._random_state = check_random_state(self.random_state)
        units = [X.shape[1], *hidden, self.n_outputs_]
        if first:
            self._initialize(units, X.dtype)
        else:
            self._go_on(units)
        (train if self.solver in STOCHASTIC else minimize)(self, samples, incremental)
        self._link.show(self)
        if not all(np.isfinite(array).all() for array in [*self.coefs_, *self.intercepts_]):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
            )
        return self

    def _hidden_units(self) -> list[int]:
        given = self.hidden_layer_sizes
        sizes = list(given) if hasattr(given, "__iter__") else [given]
        if np.any(np.array(sizes) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _initialize(self, units: list[int], dtype: Any) -> None:
        """Draw a network, and forget all trainings."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_, self.out_activation_ = len(units), self._out_activation()
        coefs, intercepts = zip(*draw(units, self.activation, self._random_state, dtype), strict=True)
        # scikit-learn's lbfgs computes in float64 whatever the data are
        self._build(coefs, intercepts, str(dtype) if self.solver in STOCHASTIC else "float64")
        if self.solver in STOCHASTIC:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
            self.best_loss_ = None if self.early_stopping else np.inf

    def _go_on(self, units: list[int]) -> None:
        """Go on with the network there is, whose settings may have changed."""
        network = self._network()
        if units != self._design.units:
            raise ValueError(
                f"the network to go on with has layers of {self._design.units} units, parameters and data ask for {units}; "
                "set warm_start=False and call fit to begin anew"
            )
        if self._make_design(units, network.dtype) != self._design:
            self._build(self.coefs_, self.intercepts_, network.dtype)

    def _make_design(self, units: list[int], dtype: str) -> Design:
        alpha = float(self.alpha) if self.solver in STOCHASTIC else 0.0  # lbfgs adds the penalty of all data itself
        return Design(units, self.activation, self.out_activation_, alpha, self._loss_share(), dtype)

    def _build(self, coefs: Any, intercepts: Any, dtype: str) -> None:
        units = [np.shape(coefs[0])[0], *(np.shape(bias)[0] for bias in intercepts)]
        self._design = self._make_design(units, dtype)
        self.model_ = self._design.build(coefs, intercepts)
        self._link = Coefficients(self, self.model_)

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic.")
        return True

    # ------------------------------------------------------------------------------------------------------ predicting

    def _network(self) -> Sequential:
        """The network, with what users may have put into ``coefs_`` and ``intercepts_``."""
        if "_link" not in self.__dict__ or not self._link.take(self):
            self._build(self.coefs_, self.intercepts_, str(np.result_type(*self.coefs_, *self.intercepts_, np.float32)))
        return self.model_

    def _predict_raw(self, X: Any) -> np.ndarray:
        """The network's outputs, of shape (n, outputs)."""
        if "coefs_" not in self.__dict__:
            check_is_fitted(self)
        network = self._network()
        if not self._needs_no_check(X, network):
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        if sparse.issparse(X):
            rows = X.tocsr()
            return np.concatenate([network(rows[i : i + INFERENCE_BATCH].toarray()) for i in range(0, rows.shape[0], INFERENCE_BATCH)])
        return network(X)

    def _needs_no_check(self, X: Any, network: Sequential) -> bool:
        """Whether it is plain to see that samples are fine: for who predicts one at a time."""
        return bool(
            type(X) is np.ndarray
            and X.dtype == network.dtype
            and X.ndim == 2
            and len(X)
            and X.shape[1] == self.n_features_in_
            and "feature_names_in_" not in self.__dict__
            and np.isfinite(X.sum())
        )

    # ----------------------------------------------------------------------------------------------- what scikit-learn asks

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The numbers once: they are those of the network."""
        if "_link" not in self.__dict__:
            return super().__getstate__()
        self._network()
        self._link.show(self)
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key not in ("coefs_", "intercepts_", "_link")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self._link = Coefficients(self, self.model_)


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if sparse.issparse(X) else X
