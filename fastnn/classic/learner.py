"""What the learning neurons share: data, the loop over presentations, the table of its steps, prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn.arrays import as_array, as_numbers, check_finite, positive_integer
from fastnn.configurable import Configurable
from fastnn.text_table import TextTable

BOUND = 1e100
"""Weights that have grown beyond this won't come back."""


class Response(NamedTuple):
    """What the neurons, one an entry, make of a sample, and what a rule makes of that.

    Attributes
    ----------
    net, output, error : ndarray of shape (neurons,)
    change : ndarray of shape (neurons, features + 1)
        What to add to the weights; the last column is the bias.
    """

    net: np.ndarray
    output: np.ndarray
    error: np.ndarray
    change: np.ndarray


class Step(NamedTuple):
    """One presentation of a sample in training; epochs and samples count from 1."""

    epoch: int
    sample: int
    x: np.ndarray
    target: np.ndarray
    response: Response
    weights: np.ndarray


class Learner(Configurable):
    """Base of neurons that learn from samples with a class each.

    Two classes take one neuron. More take one each, which learns to tell its class from the others; the largest net input wins. A subclass
    gives the rule by which weights change, `respond`.

    Attributes
    ----------
    classes_ : ndarray
        The classes, sorted.
    coef_ : ndarray of shape (neurons, features)
    intercept_ : ndarray of shape (neurons,)
        The weights and biases, one row a neuron.
    n_iter_ : int
        How many epochs it learned.
    converged_ : bool
        Whether an epoch ended the learning in which no change was larger than the tolerance.
    errors_ : list of float
        The mean over each epoch's presentations, and the neurons, of the squared error.
    """

    codes: tuple[float, float] = (-1, 1)
    learning_rate: float = 1.0
    max_iter: int = 1
    batch_size: int | None = 1
    tolerance: float = 0.0
    shuffle: bool = False
    weight_scale: float = 0.0
    seed: int = 0

    def __init__(self, **settings: Any):
        for name, value in settings.items():
            setattr(self, name, value)
        self._check()

    def _check(self) -> None:
        who = type(self).__name__
        not_negative(f"{who}: learning_rate", self.learning_rate)
        if not self.learning_rate:
            raise ValueError(f"{who}: learning_rate must not be 0: nothing would be learned")
        not_negative(f"{who}: tolerance", self.tolerance)
        not_negative(f"{who}: weight_scale", self.weight_scale)
        positive_integer(f"{who}: max_iter", self.max_iter)
        if self.batch_size is not None:
            positive_integer(f"{who}: batch_size", self.batch_size)
        if np.shape(self.codes) != (2,) or not self.codes[0] < self.codes[1]:
            raise ValueError(f"{who}: codes must be two numbers, the smaller first, got {self.codes!r}")

    # ------------------------------------------------------------------------------------------ learning

    def respond(self, x: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Response:
        """What the neurons make of the sample `x` (features + 1,), whose last entry is 1, and how their `weights` are to change."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any) -> Any:
        """Learn from samples.

        Parameters
        ----------
        X : array_like of shape (n, features)
        y : array_like of shape (n,)
            Their classes: numbers or strings, at least two different ones.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For data that don't fit together or aren't finite numbers, or when the weights grow beyond all bounds; what it learned before
            is kept then.
        """
        for _ in self._learn(X, y):
            pass
        return self

    def fit_steps(self, X: Any, y: Any) -> TextTable:
        """Learn as :meth:`fit` does, and return the table of every presentation.

        Returns
        -------
        TextTable
            Of each presentation epoch, sample (from 1), inputs ``x1, ...``, target, net input, output, error, the changes of weights and
            bias ``dw1, ..., db``, and these themselves afterwards, ``w1, ..., b``. With more than two classes each presentation has a row
            for each neuron, whose class is a column. The changes of a batch are made after its last sample.
        """
        steps = list(self._learn(X, y))
        several = len(self.classes_) > 2
        numbers = range(1, len(steps[0].x) + 1)
        names = ["epoch", "sample", *["class"] * several, *(f"x{i}" for i in numbers), "target", "net input", "output", "error"]
        names += [*(f"dw{i}" for i in numbers), "db", *(f"w{i}" for i in numbers), "b"]
        return TextTable(names, [row for step in steps for row in self._rows(step, several)])

    def _rows(self, step: Step, several: bool) -> Iterator[Sequence[Any]]:
        for i, target in enumerate(step.target):
            net, output, error, change = (part[i] for part in step.response)
            label = [self.classes_[i]] if several else []
            yield [step.epoch, step.sample, *label, *step.x, target, net, output, error, *change, *step.weights[i]]

    def _learn(self, X: Any, y: Any) -> Iterator[Step]:
        """Present the samples; what was learned is kept when all is done."""
        x, classes, targets = self._data(X, y)
        rng = np.random.default_rng(self.seed)
        weights = self.weight_scale * rng.normal(size=(targets.shape[1], x.shape[1]))
        errors: list[float] = []
        settled = False
        while not settled and len(errors) < self.max_iter:
            squares, settled = 0.0, True
            for batch in self._batches(len(x), rng):
                responses = [self.respond(x[i], targets[i], weights) for i in batch]
                before, changes = weights, [r.change / len(batch) for r in responses]
                weights = self._moved(weights, np.sum(changes, axis=0), x)
                settled &= bool(np.all(np.abs(np.sum(changes, axis=0)) <= self.tolerance))
                squares += _squares(responses)
                for i, r, change in zip(batch, responses, changes, strict=True):
                    after = weights if i == batch[-1] else before
                    yield Step(len(errors) + 1, int(i) + 1, x[i, :-1], targets[i], r._replace(change=change), after)
            errors.append(squares / targets.size)
        self.classes_, self.coef_, self.intercept_ = classes, weights[:, :-1].copy(), weights[:, -1].copy()
        self.n_iter_, self.converged_, self.errors_ = len(errors), settled, errors

    def _batches(self, samples: int, rng: np.random.Generator) -> list[np.ndarray]:
        """An epoch's samples in their order, cut into batches."""
        order = rng.permutation(samples) if self.shuffle else np.arange(samples)
        size = self.batch_size or samples
        return np.split(order, range(size, samples, size))

    def _moved(self, weights: np.ndarray, change: np.ndarray, x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            moved = weights + change
        if not np.abs(moved).max() < BOUND:
            raise ValueError(f"{type(self).__name__}: the weights grow beyond all bounds: {self._cure(x)}")
        return moved

    def _cure(self, x: np.ndarray) -> str:
        return "take a smaller learning_rate, or scale the inputs"

    def _data(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Samples with a last column of ones, the classes, and the targets (n, neurons)."""
        x, given = self._samples(X), as_array(y, f"{type(self).__name__}: y")
        if given.ndim != 1 or len(given) != len(x):
            raise ValueError(f"{type(self).__name__}: y must have a class for each of the {len(x)} samples, got shape {given.shape}")
        if given.dtype.kind == "f":
            check_finite(given, f"{type(self).__name__}: y")
        classes, numbers = np.unique(given, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"{type(self).__name__}: y must have at least two classes, got {classes.tolist()}")
        on = numbers[:, None] == (np.arange(len(classes)) if len(classes) > 2 else 1)
        return np.column_stack([x, np.ones(len(x))]), classes, np.where(on, self.codes[1], self.codes[0]).astype(np.float64)

    def _samples(self, X: Any) -> np.ndarray:
        who = f"{type(self).__name__}: X"
        x = as_numbers(X, who).astype(np.float64)
        if x.ndim != 2 or x.shape[1] == 0:
            raise ValueError(f"{who} must be a table of samples in rows, shape (n, features), got {x.shape}")
        check_finite(x, who)
        return x

    # ---------------------------------------------------------------------------------------- prediction

    def decision_function(self, X: Any) -> np.ndarray:
        """The net inputs for each row of `X`: shape (n,) for two classes, else (n, classes).

        Raises
        ------
        ValueError
            Before :meth:`fit`, and for another number of features.
        """
        if not hasattr(self, "coef_"):
            raise ValueError(f"this {type(self).__name__} hasn't learned yet: call fit(X, y) first")
        x = self._samples(X)
        if x.shape[1] != self.coef_.shape[1]:
            raise ValueError(f"{type(self).__name__}: X has {x.shape[1]} features, it learned from {self.coef_.shape[1]}")
        net = x @ self.coef_.T + self.intercept_
        return net if len(self.classes_) > 2 else net[:, 0]

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row of `X`: of two, the second where the net input is at least 0; of more, that of the largest net input."""
        net = self.decision_function(X)
        return self.classes_[net.argmax(axis=1) if net.ndim > 1 else (net >= 0).astype(np.int64)]

    def score(self, X: Any, y: Any) -> float:
        """The share of the rows of `X` whose class `y` is predicted."""
        predicted, given = self.predict(X), np.asarray(y)
        if given.shape != predicted.shape:
            raise ValueError(
                f"{type(self).__name__}: y must have a class for each of the {len(predicted)} samples, got shape {given.shape}"
            )
        return float(np.mean(predicted == given))


def _squares(responses: Sequence[Response]) -> float:
    with np.errstate(over="ignore"):
        return sum(float(np.sum(r.error**2)) for r in responses)


def not_negative(name: str, value: Any) -> None:
    """Raise unless `value` is a finite number of at least 0."""
    if isinstance(value, (bool, str)) or not 0 <= value < np.inf:
        raise ValueError(f"{name} must be a number of at least 0, got {value!r}")
