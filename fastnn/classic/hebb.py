"""Hebb's rule: what fires together wires together."""

from __future__ import annotations

import numpy as np

from fastnn.classic.catalogue import neurons
from fastnn.classic.learner import Learner, Response

__all__ = ["Hebb"]


@neurons.register()
class Hebb(Learner):
    """Learns by Hebb's rule, in one pass: ``w = w + learning_rate * x * t``, ``b = b + learning_rate * t``.

    The weights are the correlations of inputs and target, whatever the neuron answers. So it learns what it can only where the inputs don't
    overlap too much: with inputs and targets of -1 and 1 it learns AND and OR; with 0 and 1 not even these, since a target 0
    changes nothing and an input 0 neither; XOR never. It also fails on problems that a perceptron solves (see the second example).

    Parameters
    ----------
    learning_rate : float
        The size of the steps.
    codes : (float, float)
        The targets that stand for the two classes: -1 and 1.

    Raises
    ------
    ValueError
        For numbers outside their range.

    References
    ----------
    D. O. Hebb, "The Organization of Behavior", Wiley 1949; L. Fausett, "Fundamentals of Neural Networks", Prentice Hall 1994, section 2.2.

    Examples
    --------
    AND, with -1 and 1:

    >>> from fastnn.classic import Hebb
    >>> X, y = [[1, 1], [1, -1], [-1, 1], [-1, -1]], [1, -1, -1, -1]
    >>> print(Hebb().fit_steps(X, y))
    epoch  sample  x1  x2  target  net input  output  error  dw1  dw2  db  w1  w2   b
        1       1   1   1       1          0       1      0    1    1   1   1   1   1
        1       2   1  -1      -1          1       1     -2   -1    1  -1   0   2   0
        1       3  -1   1      -1          2       1     -2    1   -1  -1   1   1  -1
        1       4  -1  -1      -1         -3      -1      0    1    1  -1   2   2  -2

    The AND of three inputs, of which it sees four samples (Fausett 1994, section 2.2.3): all weights cancel.

    >>> neuron = Hebb().fit([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], [1, -1, -1, -1])
    >>> neuron.coef_.tolist(), neuron.intercept_.tolist()
    ([[0.0, 0.0, 0.0]], [-2.0])
    """

    def __init__(self, learning_rate: float = 1.0, codes: tuple[float, float] = (-1, 1)):
        super().__init__(learning_rate=learning_rate, codes=codes)

    def respond(self, x: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Response:
        net = weights @ x
        output = np.where(net >= 0, float(self.codes[1]), float(self.codes[0]))
        return Response(net, output, target - output, self.learning_rate * np.outer(target, x))
