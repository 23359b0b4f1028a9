"""MLPClassifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, Real, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target
from sklearn.utils.validation import validate_data

from fastnn.sklearn.calibration import temperature
from fastnn.sklearn.documentation import documented
from fastnn.sklearn.labels import class_factors, encoded
from fastnn.sklearn.mlp import BaseMLP
from fastnn.sklearn.network import resolved
from fastnn.sklearn.parameters import CONSTRAINTS, keep, losses_besides
from fastnn.sklearn.tasks import Task, classification
from fastnn.sklearn.validating import Samples, accuracy

__all__ = ["MLPClassifier"]

PROBABILITIES = ("softmax", "logistic")
"""Activations of an output that make probabilities."""


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Classification by a multi-layer perceptron: scikit-learn's, compiled, and with what is missing there.

    Parameters, attributes, defaults and results are those of ``sklearn.neural_network.MLPClassifier`` 1.9, down to the random numbers: the
    same `random_state` gives the same coefficients, but for rounding. The parameters behind `max_fun` are fastnn's own.

    Parameters
    ----------
    {network}
    {training}
    loss : str or Loss, default="log_loss"
        The crossentropy, or any of `fastnn.losses`. Without a probability to work on, as for ``"hinge"``, there is no `predict_proba`.
    label_smoothing : float, default=0.0
        Share of each target that is spread evenly over the classes.
    class_weight : dict or "balanced", optional
        Factors on the weights of the classes' samples; "balanced": ``n_samples / (n_classes * count)``.
    calibrate : bool, default=False
        Whether `predict_proba` divides the logits by a temperature that suits the samples held out best (Guo et al. 2017).
    {extras}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    temperature_ : float
        Where `calibrate` is set.
    {attributes}

    {errors}

    Notes
    -----
    Negative sample weights are refused. A training whose numbers are no longer finite ends at once. A network keeps the dtype of the first
    X, and puts out that.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import MLPClassifier
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = np.where(X[:, 0] > X[:, 1], "more", "less")
    >>> classifier = MLPClassifier(solver="lbfgs", random_state=1).fit(X, y)
    >>> classifier.predict([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0]])
    array(['more', 'less'], dtype='<U4')
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "loss": losses_besides("log_loss"),
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "calibrate": ["boolean"],
    }

    def __init__(
        self,
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
        loss="log_loss",
        label_smoothing=0.0,
        class_weight=None,
        calibrate=False,
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

    # ------------------------------------------------------------------------------------------------------ targets

    def _check_data(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = self._validated(X, y, reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        return X, encoded(self._label_binarizer, y, exactly=self.warm_start)

    def _check_held_out(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        X, y = self._validated(X, y, reset=False)
        return X, encoded(self._label_binarizer, y, exactly=False)

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=reset)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    @property
    def _kind(self) -> str:
        """What targets are: "binary", "multiclass" or "multilabel-indicator"."""
        return self._label_binarizer.y_type_

    def _decoded(self, truth: np.ndarray) -> np.ndarray:
        return truth if truth.ndim == 2 else self.classes_.take(truth, mode="clip")

    def _make_task(self, truth: np.ndarray) -> Task:
        columns = truth.shape[1] if truth.ndim == 2 else 1
        task = classification(self, self._kind, columns, len(self.classes_))
        if self.calibrate and task.out_activation not in PROBABILITIES:
            raise ValueError(
                f"calibrate=True needs probabilities, and loss={self.loss!r} gives none; use loss='log_loss', or calibrate=False"
            )
        self.n_outputs_ = task.outputs
        return task

    def _targets(self, truth: np.ndarray) -> np.ndarray:
        task = self._task
        if task.labels:
            return truth
        columns = np.eye(task.outputs)[truth] if task.one_hot else truth.reshape(len(truth), -1)
        smooth = self.label_smoothing if self.loss == "log_loss" else 0.0
        return columns * (1 - smooth) + smooth / 2 if smooth else columns

    def _class_factors(self, y: Any, truth: np.ndarray) -> np.ndarray | None:
        return class_factors(self.class_weight, self.classes_, y, truth)

    @property
    def _stratified(self) -> bool:  # type: ignore[override]
        return self.n_outputs_ == 1

    # ----------------------------------------------------------------------------------------------------- decisions

    def _decide(self, outputs: np.ndarray) -> np.ndarray:
        """The numbers of classes, or columns of labels, that the network's outputs stand for."""
        if self._kind == "multilabel-indicator":
            return outputs > self._task.threshold
        decided = (outputs[:, 0] > self._task.threshold).astype(np.intp) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return np.minimum(decided, len(self.classes_) - 1)  # of a lone class, whatever the outputs

    def _judge(self, samples: Samples, outputs: np.ndarray) -> float:
        return accuracy(samples, self._decide(outputs))

    def _finish(self, judge: Any) -> None:
        """Find the temperature."""
        self.__dict__.pop("temperature_", None)
        if self.calibrate:
            samples = judge.samples
            self.temperature_ = temperature(self._raw_network()(samples.x), samples.truth, samples.weights)

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None, *, eval_set: Any = None, eval_sample_weight: Any = None
    ) -> MLPClassifier:
        """Train for one more epoch on the given data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array of shape (n_classes,), optional
            All classes that will ever come; needed by the first call.
        eval_set, eval_sample_weight : optional
            As for `fit`. With early stopping, ``converged_`` tells when to stop; the network is the best one then.

        Returns
        -------
        self
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all data at once: pass partial_fit a dictionary of classes and factors")
        if _check_partial_fit_first_call(self, classes):
            labels = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(labels)
        return self._fit(X, y, sample_weight, eval_set, eval_sample_weight, incremental=True)

    # --------------------------------------------------------------------------------------------------- predictions

    def predict(self, X: Any) -> np.ndarray:
        """The predicted classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Sparse matrices are made dense a thousand rows at a time.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        decided = self._decide(self._outputs(X))
        if decided.ndim == 2:
            return self._label_binarizer.inverse_transform(decided.astype(np.float64))
        return self.classes_[decided]

    def _check_probabilities(self) -> bool:
        if getattr(self, "out_activation_", "softmax") not in PROBABILITIES:
            raise AttributeError(f"loss={self.loss!r} gives no probabilities; predict gives classes")
        return True

    @available_if(lambda self: self._check_probabilities())
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, in the order of ``classes_``; with `calibrate`, by the temperature.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        if "temperature_" in self.__dict__:
            outputs = resolved(self.out_activation_)(self._outputs(X, raw=True) / self.temperature_)
        else:
            outputs = self._outputs(X)
        return np.column_stack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    @available_if(lambda self: self._check_probabilities())
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of :meth:`predict_proba`."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
