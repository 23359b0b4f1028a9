"""Any Sequential as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from fastnn import activations
from fastnn.losses import BinaryCrossentropy, SparseCategoricalCrossentropy
from fastnn.models import Sequential
from fastnn.sklearn.building import gives_probabilities
from fastnn.sklearn.labels import class_factors
from fastnn.sklearn.wrapper import FastNNEstimator

__all__ = ["FastNNClassifier"]


def _has_probabilities(self: FastNNClassifier) -> bool:
    """Whether the outputs are probabilities, or can be made such; nobody knows before the model is there."""
    model = getattr(self, "model_", None)
    if model is not None and not (model.loss.from_logits or gives_probabilities(model)):
        raise AttributeError(f"the outputs of this model, trained for {model.loss.name}, are no probabilities")
    return True


class FastNNClassifier(ClassifierMixin, FastNNEstimator):
    """A Sequential of your own as a scikit-learn classifier, of two classes, more, or several labels a sample.

    Parameters
    ----------
    model_fn : callable
        Returns a new Sequential that puts out a number for each class, or a single one where there are two; see `FastNNEstimator`, as
        for all other parameters. It may ask for ``n_classes``.
    loss : str or Loss, optional
        When left out, the crossentropy that suits the last layer: of probabilities after sigmoid or softmax, else of logits.
    class_weight : dict or "balanced", optional
        A factor on the weights of each class's samples, by label, those of a validation excepted; ``"balanced"`` makes all classes
        weigh alike.

    Attributes
    ----------
    classes_ : ndarray
        The labels, sorted; of several labels a sample, their columns' numbers.

    Notes
    -----
    Labels may be of any kind: numbers, texts, booleans. A loss that wants one-hot targets gets them.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> def model_fn(n_outputs, units=16):
    ...     return Sequential([layers.Dense(units, "relu"), layers.Dense(n_outputs, "softmax")])
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> y = np.where(abs(x[:, 0]) < 0.5, "in", "out")
    >>> classifier = FastNNClassifier(model_fn, optimizer__learning_rate=0.02, random_state=0).fit(x, y)
    >>> classifier.predict([[0.1], [0.9]])
    array(['in', 'out'], dtype='<U3')
    """

    def __init__(self, model_fn: Callable[..., Sequential], *, class_weight: Any = None, **options: Any):
        super().__init__(model_fn, **options)
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output, tags.classifier_tags.multi_label = False, True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train for one more epoch, on these samples; the first call makes the model.

        Parameters
        ----------
        X, y : array_like
        sample_weight : array_like of shape (n,), optional
            As they are, not relative to each other: other samples may follow.
        classes : array_like
            All labels that may come; needed in the first call.

        Returns
        -------
        self
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if isinstance(self.class_weight, str):
            raise ValueError("class_weight='balanced' needs all samples at once: pass partial_fit a dict, or sample_weight")
        if not first and classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes={classes!r} is not the same as on the first call to partial_fit, {self.classes_}")
        return self._go_on(*self._checked(X, y, first, classes), sample_weight)

    # -------------------------------------------------------------------------------------------- targets

    def _checked(self, X: Any, y: Any, reset: bool, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
        x, y = self._validated(X, y, reset)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        check_classification_targets(y)
        if reset:
            self._learn_classes(y, classes)
        return x, self._indices(y)

    def _learn_classes(self, y: np.ndarray, classes: Any) -> None:
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError(f"{type(self).__name__}: y has several columns of classes: use sklearn.multioutput.MultiOutputClassifier")
        self._flat = kind != "multilabel-indicator"
        self.classes_ = np.arange(y.shape[1]) if not self._flat else np.unique(y) if classes is None else unique_labels(classes)
        self.n_outputs_ = len(self.classes_)

    def _indices(self, y: np.ndarray) -> np.ndarray:
        """Labels as their indices in `classes_`; several labels a sample as they are."""
        if self._flat != (y.ndim == 1) or (not self._flat and y.shape[1] != len(self.classes_)):
            raise ValueError(f"{type(self).__name__}: y has shape {y.shape}, the first fit's had {1 if self._flat else 2} axes")
        if not self._flat:
            return y
        indices = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        if np.any(unknown := self.classes_[indices] != y):
            raise ValueError(
                f"{type(self).__name__}: y holds labels that aren't among the classes {self.classes_}: {np.unique(y[unknown])}"
            )
        return indices

    def _known(self, x: np.ndarray) -> dict[str, Any]:
        return {**super()._known(x), "n_classes": len(self.classes_)}

    def _default_loss(self, model: Sequential) -> Any:
        binary = model.output_shape[-1] == 1 or not self._flat
        return (BinaryCrossentropy if binary else SparseCategoricalCrossentropy)(from_logits=not gives_probabilities(model))

    def _check_model(self, model: Sequential) -> None:
        outputs, classes = model.output_shape[1:], len(self.classes_)
        if outputs != (classes,) and not (outputs == (1,) and classes <= 2 and self._flat):
            raise ValueError(
                f"{type(self).__name__}: y has {classes} classes, the model puts out samples of shape {outputs}: end it with "
                "Dense(n_outputs), an argument that model_fn can ask for"
            )
        if outputs == (1,) and model.loss.function.sparse and classes > 1:
            raise ValueError(
                f"{type(self).__name__}: {model.loss.name} needs an output for each class: end with Dense(2), or use a binary loss"
            )

    def _for_loss(self, targets: np.ndarray, model: Sequential) -> np.ndarray:
        if model.loss.function.sparse or not self._flat or model.output_shape[-1] == 1:
            return targets
        return np.eye(len(self.classes_))[targets]

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        return targets if self._flat else None

    def _weighted(self, weights: np.ndarray | None, targets: np.ndarray) -> np.ndarray | None:
        factors = class_factors(self.class_weight, self.classes_, targets, targets)
        if factors is None:
            return weights
        return factors if weights is None else factors * weights

    # ----------------------------------------------------------------------------------------- predicting

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, features), or array_like (n, ...)

        Returns
        -------
        ndarray of shape (n,), or (n, labels) of 0 and 1
        """
        outputs = self._outputs(X)
        if self._flat and outputs.shape[1] > 1:
            return self.classes_[outputs.argmax(axis=1)]
        said = self._says_yes(outputs).astype(int)
        return self.classes_[np.minimum(said[:, 0], len(self.classes_) - 1)] if self._flat else said

    def _says_yes(self, outputs: np.ndarray) -> np.ndarray:
        """Whether each single output means the second class; where it is no probability, the loss says which is nearer."""
        if self.model_.loss.from_logits:
            return outputs > 0
        if gives_probabilities(self.model_):
            return outputs > 0.5
        column, each = outputs.reshape(-1, 1), self.model_.loss.each
        return (each(np.ones_like(column), column) < each(np.zeros_like(column), column)).reshape(outputs.shape)

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class for each sample.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, features), or array_like (n, ...)

        Returns
        -------
        ndarray of shape (n, classes)
            In the order of `classes_`.

        Raises
        ------
        AttributeError
            When the model's outputs are no probabilities, after a hinge loss for instance.
        """
        p = self._outputs(X)
        if self.model_.loss.from_logits:
            p = (activations.softmax if self._flat and p.shape[1] > 1 else activations.sigmoid)(p)
        if not self._flat or p.shape[1] > 1:
            return p
        return np.concatenate([1 - p, p], axis=1) if len(self.classes_) > 1 else np.ones_like(p)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
