"""Any Sequential as a scikit-learn estimator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn import random
from fastnn.arrays import positive_integer
from fastnn.callbacks import Callback, CallbackList
from fastnn.models import Sequential
from fastnn.sklearn.building import made
from fastnn.sklearn.plain import dense, is_plain
from fastnn.sklearn.routing import RoutingEstimator
from fastnn.sklearn.weighing import relative, sample_weights

__all__ = ["FastNNEstimator"]

FLOATS = ("float64", "float32")
"""What samples may be; anything else becomes the first."""


class FastNNEstimator(RoutingEstimator):
    """A Sequential of your own as a scikit-learn estimator that predicts what the network puts out.

    For classes use `FastNNClassifier`, for numbers `FastNNRegressor`: scikit-learn wants to know before `fit` which of the two an
    estimator is. This one, which they extend, takes targets of any kind that the loss takes, and scores by the loss.

    Parameters
    ----------
    model_fn : callable
        Returns a new Sequential, compiled or not. It is called once a `fit`, with `model_params` and with those of
        these that its signature names: ``n_features_in_`` (columns of X), ``input_shape`` (of a sample), ``n_outputs`` (how many numbers
        suit the targets), ``dtype`` (``"float32"`` or ``"float64"``, X's), and of a classifier ``n_classes``.
    optimizer : str or Optimizer, optional
        ``"adam"`` when left out; as `loss` and `metrics`, only for a model that `model_fn` hasn't compiled.
    loss : str or Loss, optional
        Has to be given here; classifiers and regressors have defaults.
    metrics : list, optional
        As in `Sequential.compile`; they show in `history_`.
    epochs : int, default 100
        Passes over the data a `fit`. (Keras' `fit` makes one.)
    batch_size : int, optional
        32 when left out.
    shuffle : bool, default True
        Whether each epoch visits the samples in a new order.
    validation_split : float, default 0
        Share of the samples, chosen at random (of each class alike), that `fit` keeps for ``val_loss`` and callbacks.
    callbacks : list of Callback, optional
        Each `fit` uses copies of them, ``callbacks_``.
    warm_start : bool, default False
        Whether a second `fit` goes on with the model of the first.
    random_state : int, RandomState or None
        For initial weights, dropout, the order of samples, and the validation's.
    verbose : {0, 1, 2}, default 0
        As in `Sequential.fit`.
    model_params, optimizer_params, loss_params : dict, optional
        Arguments for `model_fn`, and for the classes of the optimizer and the loss. Here, in `set_params` and in searches,
        ``model__units=32`` stands for ``model_params={"units": 32}``, ``optimizer__learning_rate=0.01`` and ``loss__...`` likewise.

    Attributes
    ----------
    model_ : Sequential
        The fitted model: ``model_.save(path)``, ``model_.summary()``.
    history_ : dict of str to list
        Loss, metrics, and with ``val_`` before them those of the validation, for each epoch.
    n_iter_ : int
        Epochs made.
    callbacks_ : list of Callback
        The copies that saw the last training.
    n_outputs_ : int
        How many numbers suit the targets.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Notes
    -----
    Layers such as `Normalization` take their scales from the first training's samples. Sparse X is made dense as a whole. Sample weights
    are relative in `fit`: they are divided by their mean.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> def model_fn(n_outputs, units=8):
    ...     return Sequential([layers.Dense(units, "tanh"), layers.Dense(n_outputs)])
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> estimator = FastNNEstimator(model_fn, loss="mae", model__units=4, random_state=0).fit(x, x[:, 0])
    >>> estimator.predict(x).shape
    (50,)
    """

    routes = ("model", "optimizer", "loss")
    model_: Sequential
    history_: dict[str, list[Any]]
    n_iter_: int
    callbacks_: list[Callback]
    n_outputs_: int
    _flat: bool
    """Whether y had one axis."""

    def __init__(
        self,
        model_fn: Callable[..., Sequential],
        *,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        epochs: int = 100,
        batch_size: int | None = None,
        shuffle: bool = True,
        validation_split: float = 0.0,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: Any = 0,
        model_params: Any = None,
        optimizer_params: Any = None,
        loss_params: Any = None,
        **routed: Any,
    ):
        self.model_fn = model_fn
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.model_params = model_params
        self.optimizer_params = optimizer_params
        self.loss_params = loss_params
        self._keep(routed)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.three_d_array = True
        tags.target_tags.required = tags.target_tags.multi_output = True
        return tags

    # ------------------------------------------------------------------------------------------- training

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None, eval_sample_weight: Any = None) -> Any:
        """Make a model, and train it for `epochs` epochs.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, features), or array_like (n, ...)
        y : array_like of shape (n,) or (n, m)
        sample_weight : array_like of shape (n,), optional
            How much each sample counts, relative to the others.
        eval_set : (X, y), optional
            Takes the place of `validation_split`.
        eval_sample_weight : array_like, optional

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For data, parameters or models that don't go together.
        """
        fresh = not (self.warm_start and hasattr(self, "model_"))
        x, targets = self._checked(X, y, fresh)
        weights, seed = sample_weights(sample_weight, len(x)), self._seed()
        x, targets, weights, held_out = self._held_out(x, targets, weights, eval_set, eval_sample_weight, seed)
        weights = relative(self._weighted(weights, targets))
        with random.seeded(seed):
            return self._train(x, targets, weights, held_out, fresh, positive_integer(f"{type(self).__name__}: epochs", self.epochs))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one more epoch, on these samples; the first call makes the model.

        Parameters
        ----------
        X, y : array_like
        sample_weight : array_like of shape (n,), optional
            As they are, not relative to each other: other samples may follow.

        Returns
        -------
        self
        """
        return self._go_on(*self._checked(X, y, not hasattr(self, "model_")), sample_weight)

    def _go_on(self, x: np.ndarray, targets: np.ndarray, sample_weight: Any) -> Any:
        weights = self._weighted(sample_weights(sample_weight, len(x)), targets)
        with random.seeded(self._seed()):
            return self._train(x, targets, weights, None, not hasattr(self, "model_"), 1)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _train(self, x: np.ndarray, targets: np.ndarray, weights: Any, held_out: Any, fresh: bool, epochs: int) -> Any:
        model, callbacks = made(self, x) if fresh else self.model_, CallbackList(copy.deepcopy(self.callbacks)).callbacks
        if held_out is not None:
            held_out = held_out[0], self._for_loss(held_out[1], model), *held_out[2:]
        model.fit(
            x,
            self._for_loss(targets, model),
            self.batch_size,
            epochs,
            self.verbose,
            callbacks,
            validation_data=held_out,
            shuffle=self.shuffle,
            sample_weight=weights,
        )
        done: Any = model.history
        before, now = {} if fresh else self.history_, done.history
        self.model_, self.callbacks_ = model, callbacks
        self.history_ = {name: [*before.get(name, []), *now.get(name, [])] for name in {**before, **now}}
        self.n_iter_ = (0 if fresh else self.n_iter_) + len(done.epoch)
        return self

    def _held_out(self, x: np.ndarray, targets: np.ndarray, weights: Any, eval_set: Any, eval_weight: Any, seed: int) -> tuple[Any, ...]:
        """What to train on, and what to validate on."""
        if eval_set is not None:
            if not isinstance(eval_set, (tuple, list)) or len(eval_set) != 2:
                raise ValueError(f"{type(self).__name__}: eval_set must be (X, y)")
            x_held, y_held = self._checked(eval_set[0], eval_set[1], reset=False)
            return x, targets, weights, (x_held, y_held, sample_weights(eval_weight, len(x_held), "eval_sample_weight"))
        if not (isinstance(self.validation_split, Real) and 0 <= self.validation_split < 1):
            raise ValueError(f"{type(self).__name__}: validation_split must be a share in [0, 1), got {self.validation_split!r}")
        if not self.validation_split:
            return x, targets, weights, None
        arrays = [x, targets] if weights is None else [x, targets, weights]
        parts = train_test_split(*arrays, test_size=self.validation_split, random_state=seed, stratify=self._strata(targets))
        return (*parts[::2], *([None] if weights is None else []), tuple(parts[1::2]))

    # ------------------------------------------------------------------------------ what the kinds of targets differ in

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """Samples, and targets as numbers; with `reset`, what there is to know of them is learned."""
        x, y = self._validated(X, y, reset, y_numeric=True)
        if reset:
            self._flat, self.n_outputs_ = y.ndim == 1, 1 if y.ndim == 1 else y.shape[1]
        return x, y

    def _validated(self, X: Any, y: Any, reset: bool, **options: Any) -> tuple[np.ndarray, np.ndarray]:
        x, y = validate_data(self, X, y, reset=reset, accept_sparse="csr", allow_nd=True, dtype=FLOATS, multi_output=True, **options)
        return dense(x), dense(y)

    def _known(self, x: np.ndarray) -> dict[str, Any]:
        """What a `model_fn` may ask for."""
        return {"n_features_in_": x.shape[1], "input_shape": x.shape[1:], "n_outputs": self.n_outputs_, "dtype": x.dtype.name}

    def _default_loss(self, model: Sequential) -> Any:
        raise ValueError(f"{type(self).__name__}: model_fn hasn't compiled the model: pass loss=... to say what to train it for")

    def _check_model(self, model: Sequential) -> None:
        """Raise ValueError where the model's outputs don't suit the targets."""

    def _for_loss(self, targets: np.ndarray, model: Sequential) -> np.ndarray:
        """Targets in the form that the model's loss takes."""
        return targets

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        """What a random split is to keep the shares of."""
        return None

    def _weighted(self, weights: np.ndarray | None, targets: np.ndarray) -> np.ndarray | None:
        """The weights of samples to train on, where there is more to them than what a user gave."""
        return weights

    # ----------------------------------------------------------------------------------------- predicting

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        if not is_plain(self, X, self.model_.input_shape[1:], FLOATS):
            X = dense(validate_data(self, X, reset=False, accept_sparse="csr", allow_nd=True, dtype=FLOATS))
        return self.model_.predict(X)

    def predict(self, X: Any) -> np.ndarray:
        """What the network puts out for samples.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, features), or array_like (n, ...)

        Returns
        -------
        ndarray of shape (n, m), or (n,) where m is 1 and y was of this shape
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat and outputs.shape[1:] == (1,) else outputs

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Minus the loss, so that more is better."""
        check_is_fitted(self, "model_")
        x, targets = self._checked(X, y, reset=False)
        weights = relative(sample_weights(sample_weight, len(x)))
        return -self.model_.evaluate(x, self._for_loss(targets, self.model_), sample_weight=weights, verbose=0, return_dict=True)["loss"]
