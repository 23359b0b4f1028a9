"""The neuron of McCulloch and Pitts, and circuits of them: nothing is learned."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.arrays import as_numbers
from fastnn.classic.catalogue import neurons
from fastnn.configurable import Configurable
from fastnn.text_table import TextTable

__all__ = ["Circuit", "McCullochPitts"]


def truth_values(count: int) -> np.ndarray:
    """All inputs of 0 and 1, shape (2**count, count), counting upwards."""
    return np.array(list(itertools.product([0, 1], repeat=count)), np.int64).reshape(-1, count)


def binary(X: Any, count: int, who: str) -> np.ndarray:
    """`X` as whole numbers 0 and 1, shape (n, count).

    Raises
    ------
    ValueError
        For another shape, or other numbers.
    """
    given = as_numbers(X, f"{who}: X")
    if given.ndim != 2 or given.shape[1] != count:
        raise ValueError(f"{who}: X must have a column for each of the {count} inputs, shape (n, {count}), got {given.shape}")
    if not np.isin(given, (0, 1)).all():
        raise ValueError(f"{who}: inputs must be 0 or 1, got {given[~np.isin(given, (0, 1))][0]}")
    return given.astype(np.int64)


@neurons.register()
class McCullochPitts(Configurable):
    """A neuron that fires when no inhibitory input is active and the active excitatory weights reach the threshold.

    Parameters
    ----------
    weights : sequence of number
        One an input: positive for an excitatory one, negative for an inhibitory one, any of which is a veto (absolute inhibition).
    threshold : number
        What the excitatory sum must reach.

    Raises
    ------
    ValueError
        When there are no weights, or one is 0 or not finite.

    References
    ----------
    W. S. McCulloch and W. Pitts, "A logical calculus of the ideas immanent in nervous activity", Bulletin of Mathematical Biophysics 5
    (1943), 115-133; R. Rojas, "Neural Networks", Springer 1996, chapter 2.

    Examples
    --------
    >>> from fastnn.classic import McCullochPitts
    >>> and_not = McCullochPitts([1, -1], threshold=1)
    >>> print(and_not.table())
    x1  x2  excitation  inhibition  output
     0   0           0           0       0
     0   1           0           1       0
     1   0           1           0       1
     1   1           1           1       0
    """

    def __init__(self, weights: Sequence[float], threshold: float):
        if np.ndim(weights) != 1 or len(weights) == 0 or not np.isfinite(weights).all() or 0 in weights:
            raise ValueError(f"McCullochPitts: weights must be numbers other than 0, at least one, got {weights!r}")
        if not np.isfinite(threshold):
            raise ValueError(f"McCullochPitts: threshold must be a number, got {threshold!r}")
        self.weights, self.threshold = list(weights), threshold

    @property
    def inputs(self) -> int:
        """How many inputs it has."""
        return len(self.weights)

    def excitation(self, X: Any) -> np.ndarray:
        """The sum of the active excitatory weights for each row of `X`."""
        return binary(X, self.inputs, "McCullochPitts") @ np.maximum(self.weights, 0)

    def inhibition(self, X: Any) -> np.ndarray:
        """How many inhibitory inputs are active in each row of `X`."""
        return binary(X, self.inputs, "McCullochPitts") @ np.less(self.weights, 0).astype(np.int64)

    def predict(self, X: Any) -> np.ndarray:
        """1 where the neuron fires, else 0.

        Parameters
        ----------
        X : array_like of shape (n, inputs)
            Of 0 and 1.

        Returns
        -------
        ndarray of shape (n,), int64

        Raises
        ------
        ValueError
            For another shape, or other numbers.
        """
        return ((self.inhibition(X) == 0) & (self.excitation(X) >= self.threshold)).astype(np.int64)

    def table(self) -> TextTable:
        """The truth table: all inputs, the excitatory sum, the number of active inhibitory inputs, the output."""
        X = truth_values(self.inputs)
        names = [f"x{i}" for i in range(1, self.inputs + 1)]
        rows = zip(*X.T, self.excitation(X), self.inhibition(X), self.predict(X), strict=True)
        return TextTable([*names, "excitation", "inhibition", "output"], list(rows))


@neurons.register()
class Circuit(Configurable):
    """Neurons of McCulloch and Pitts in layers, for what no single one can do.

    Parameters
    ----------
    inputs : int
    layers : sequence of sequence of (McCullochPitts, sequence of int)
        Of each layer its neurons, each with the places, in what the layer before gives, of its own inputs.

    Raises
    ------
    ValueError
        When a neuron has another number of inputs than places, or a place doesn't exist.

    References
    ----------
    R. Rojas, "Neural Networks", Springer 1996, chapter 2.

    Examples
    --------
    Of two inputs either, but not both:

    >>> from fastnn.classic import Circuit, McCullochPitts
    >>> and_not, either = McCullochPitts([1, -1], 1), McCullochPitts([1, 1], 1)
    >>> xor = Circuit(2, [[(and_not, [0, 1]), (and_not, [1, 0])], [(either, [0, 1])]])
    >>> print(xor.table())
    x1  x2  h1  h2  output
     0   0   0   0       0
     0   1   0   1       1
     1   0   1   0       1
     1   1   0   0       0
    """

    def __init__(self, inputs: int, layers: Sequence[Sequence[tuple[McCullochPitts, Sequence[int]]]]):
        self.inputs = inputs
        self.layers = [[(neurons.get(neuron), list(places)) for neuron, places in layer] for layer in layers]
        width = inputs
        for number, layer in enumerate(self.layers, 1):
            for neuron, places in layer:
                if len(places) != neuron.inputs or not all(0 <= place < width for place in places):
                    raise ValueError(
                        f"Circuit: layer {number}: a neuron with {neuron.inputs} inputs needs as many places from 0 to {width - 1}, "
                        f"got {places}"
                    )
            width = len(layer)
        if not layers or width != 1:
            raise ValueError(f"Circuit: the last layer must be one neuron, got {width if layers else 'no layer'}")

    def activity(self, X: Any) -> list[np.ndarray]:
        """What each layer gives for `X`: arrays of shape (n, neurons) of 0 and 1."""
        values = [binary(X, self.inputs, "Circuit")]
        for layer in self.layers:
            values.append(np.stack([neuron.predict(values[-1][:, places]) for neuron, places in layer], axis=1))
        return values[1:]

    def predict(self, X: Any) -> np.ndarray:
        """The output, 0 or 1, for each row of `X`, of 0 and 1; shape (n,)."""
        return self.activity(X)[-1][:, 0]

    def table(self) -> TextTable:
        """The truth table: all inputs, the outputs of the neurons before the last, the output."""
        X = truth_values(self.inputs)
        columns = np.concatenate([X, *self.activity(X)], axis=1)
        hidden = columns.shape[1] - self.inputs - 1
        names = [*(f"x{i}" for i in range(1, self.inputs + 1)), *(f"h{i}" for i in range(1, hidden + 1)), "output"]
        return TextTable(names, columns.tolist())
