"""What `MLPClassifier` and `MLPRegressor` share."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnn import threads
from fastnn.layers import Activation
from fastnn.models import Sequential
from fastnn.models.running import INFERENCE_BATCH
from fastnn.sklearn.coefficients import Coefficients
from fastnn.sklearn.lbfgs import minimize
from fastnn.sklearn.network import Design, for_each, numbers, resolved
from fastnn.sklearn.plain import dense, is_plain
from fastnn.sklearn.stochastic import train
from fastnn.sklearn.tasks import Task
from fastnn.sklearn.validating import Judge, Samples

__all__ = ["BaseMLP"]

STOCHASTIC = ("sgd", "adam")
JUDGED = ("scoring", "restore_best", "calibrate")
WITH_EPOCHS = (*JUDGED, "callbacks", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "dropout", "batch_norm")
"""What has no meaning for the solver ``lbfgs``, which has no epochs, nor batches."""


class BaseMLP(BaseEstimator):
    """Base of the estimators: what is the same whatever the targets are.

    A subclass says what its outputs are, what is minimised, and how predictions are judged.
    """

    # ------------------------------------------------------------------------------------------ what subclasses define

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        """Samples, and what is true of them, checked."""
        raise NotImplementedError

    def _check_held_out(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        """The same for samples to judge by, once the estimator knows what it learns."""
        raise NotImplementedError

    def _make_task(self, truth: np.ndarray) -> Task:
        """What is learned."""
        raise NotImplementedError

    def _targets(self, truth: np.ndarray) -> np.ndarray:
        """What is true as the loss takes it."""
        raise NotImplementedError

    def _decoded(self, truth: np.ndarray) -> np.ndarray:
        """What is true as users say it."""
        raise NotImplementedError

    def _judge(self, samples: Samples, outputs: np.ndarray) -> float:
        """The score of the network's outputs."""
        raise NotImplementedError

    def _class_factors(self, y: Any, truth: np.ndarray) -> np.ndarray | None:
        """Factors on the samples' weights."""
        return None

    def _finish(self, judge: Judge | None) -> None:
        """Whatever is left to do after a training, with what it was judged by."""

    _stratified = False  # whether the samples to judge by are drawn class by class

    # --------------------------------------------------------------------------------------------------------- fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None, eval_sample_weight: Any = None) -> Any:
        """Fit the model to data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Sparse matrices are made dense, as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, a matrix of 0 and 1 for many labels; numbers for a regressor.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative.
        eval_set : tuple (X, y), optional
            Samples to judge each epoch by, in ``validation_curve_``; with early stopping they take the place of a share of the data.
        eval_sample_weight : array-like, optional
            Their weights.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For data or parameters that don't suit: what was fitted before stays. Also where the numbers grew beyond all bounds.
        """
        return self._fit(X, y, sample_weight, eval_set, eval_sample_weight)

    def _fit(self, *arguments: Any, incremental: bool = False) -> Any:
        before = dict(self.__dict__)
        try:
            judge = self._trained(*arguments, incremental)
        except (TypeError, ValueError):
            self.__dict__ = before
            raise
        self._link.show(self)
        if not all(np.isfinite(array).all() for array in [*self.coefs_, *self.intercepts_]):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
            )
        self._finish(judge)
        return self

    def _trained(self, X: Any, y: Any, sample_weight: Any, eval_set: Any, eval_weight: Any, incremental: bool) -> Judge | None:
        """The network trained, and what it was judged by."""
        hidden = self._hidden_units()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        given = y
        X, truth = self._check_data(X, y, incremental, reset=first)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        factors = self._class_factors(given, truth)
        if factors is not None:
            weights = factors if weights is None else weights * factors
        self._random_state = check_random_state(self.random_state)
        self._prepare(first, truth, X, hidden)
        samples = Samples(dense(X), truth, self._targets(truth), weights)
        judge = None if eval_set is None else Judge(self, self._held_out(eval_set, eval_weight))
        with threads.limited(self.n_threads):
            if self._stochastic:
                judge = train(self, samples, judge, incremental)
            else:
                self._refuse_epochs(eval_set)
                minimize(self, samples)
        return judge

    def _hidden_units(self) -> list[int]:
        given = self.hidden_layer_sizes
        sizes = list(given) if hasattr(given, "__iter__") else [given]
        if not all(isinstance(size, Integral) for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be whole numbers, one for each hidden layer, got {given!r}")
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    @property
    def _stochastic(self) -> bool:
        return self.optimizer is not None or self.solver in STOCHASTIC

    def _check_solver(self) -> bool:
        if not self._stochastic:
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic.")
        return True

    def _refuse_epochs(self, eval_set: Any) -> None:
        asked = [name for name in WITH_EPOCHS if np.any(getattr(self, name, False))] + (["eval_set"] if eval_set is not None else [])
        if asked:
            raise ValueError(f"solver='lbfgs' has no epochs and no batches, so it can't have {', '.join(asked)}; use solver='adam'")

    def _held_out(self, eval_set: Any, weights: Any) -> Samples:
        if not isinstance(eval_set, (tuple, list)) or len(eval_set) != 2:
            raise ValueError(f"eval_set must be a tuple (X, y), got {type(eval_set).__name__}")
        X, truth = self._check_held_out(*eval_set)
        return Samples(dense(X), truth, self._targets(truth), None if weights is None else _check_sample_weight(weights, X))

    # ----------------------------------------------------------------------------------------------------- the network

    def _prepare(self, first: bool, truth: np.ndarray, X: Any, hidden: list[int]) -> None:
        """Draw a network, or go on with the one there is, whose settings may have changed."""
        # scikit-learn's lbfgs computes in float64 whatever the data are
        dtype = self.dtype or (str(X.dtype) if self._stochastic else "float64")
        task = self._make_task(truth)
        alpha = float(self.alpha) if self._stochastic else 0.0  # lbfgs adds the penalty of all data itself
        design = Design.of(self, task, X.shape[1], hidden, alpha, dtype if first else self._network().dtype)
        if first:
            self.n_layers_ = len(design.units) + 1
            self._forget()
            self._build(design, design.draw(self._random_state, X.dtype))
        elif (design.inputs, design.units) != (self._design.inputs, self._design.units):
            raise ValueError(
                f"the network to go on with has layers of {[self._design.inputs, *self._design.units]} units, parameters and data ask for "
                f"{[design.inputs, *design.units]}; set warm_start=False and call fit to begin anew"
            )
        elif design != self._design:
            self._build(design, numbers(self.model_))
        self._task, self.out_activation_ = task, task.out_activation

    def _forget(self) -> None:
        """Begin the record of a training."""
        self.n_iter_ = self.t_ = 0
        if self._stochastic:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_curve_: dict[str, list[float]] = {}
            self._best: tuple[float, Any] = -np.inf, None

    def _build(self, design: Design, weights: dict[str, np.ndarray]) -> None:
        self._design = design
        self._raw: Sequential | None = None
        self.model_ = design.build(weights, getattr(self, "_random_state", None))
        self._link = Coefficients(self, self.model_)

    def _network(self) -> Sequential:
        """The network, with what users may have put into ``coefs_`` and ``intercepts_``."""
        if len(self.coefs_) != len(self.intercepts_):
            raise ValueError(f"coefs_ has {len(self.coefs_)} arrays, intercepts_ {len(self.intercepts_)}: they are one a layer in each")
        if "_link" not in self.__dict__ or not self._link.take(self):
            self._build_from_lists()
        return self.model_

    def _build_from_lists(self) -> None:
        """A plain network of other sizes, which a user has put together."""
        kernels, biases = [np.asarray(each) for each in self.coefs_], [np.asarray(each) for each in self.intercepts_]
        hidden = len(kernels) - 1
        design = Design(
            kernels[0].shape[0],
            [len(bias) for bias in biases],
            [resolved(each) for each in for_each("activation", self.activation, hidden)],
            self.out_activation_,
            alpha=0.0,
            weight=1.0,
            dropout=[0.0] * hidden,
            norm=None,
            factor=[],
            dtype=str(np.result_type(*kernels, *biases, np.float32)),
        )
        names = [*(f"hidden_{number + 1}" for number in range(hidden)), "output"]
        weights = {f"{name}/kernel": kernel for name, kernel in zip(names, kernels, strict=True)}
        self._build(design, weights | {f"{name}/bias": bias for name, bias in zip(names, biases, strict=True)})

    def _raw_network(self) -> Sequential:
        """The network without its last activation."""
        network = self._network()
        if self._raw is None:
            layers = network.layers
            cut = layers[:-1] if isinstance(layers[-1], Activation) else layers
            self._raw = network if len(cut) == len(layers) else Sequential(cut, dtype=network.dtype)
        return self._raw

    # ------------------------------------------------------------------------------------------------------ predicting

    def _outputs(self, X: Any, raw: bool = False) -> np.ndarray:
        """The network's outputs for samples, of shape (n, outputs); those before its last activation if `raw`."""
        if "coefs_" not in self.__dict__:
            check_is_fitted(self)
        network = self._raw_network() if raw else self._network()
        if not is_plain(self, X, (self.n_features_in_,), (network.dtype,)):
            with np.errstate(over="ignore"):  # what is too large for the network's dtype is refused
                X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=network.dtype, reset=False)
        if sparse.issparse(X):
            rows = X.tocsr()
            return np.concatenate([network(rows[i : i + INFERENCE_BATCH].toarray()) for i in range(0, rows.shape[0], INFERENCE_BATCH)])
        return network(X)

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
