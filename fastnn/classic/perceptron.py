"""Rosenblatt's perceptron."""

from __future__ import annotations

import numpy as np

from fastnn.classic.catalogue import neurons
from fastnn.classic.learner import Learner, Response, not_negative

__all__ = ["Perceptron"]


@neurons.register()
class Perceptron(Learner):
    """Learns from its mistakes alone: where the output isn't the target, ``w = w + learning_rate * s * x``, s = 1 or -1 towards the target.

    With targets of -1 and 1 that is ``w + learning_rate * t * x``. It ends with the first epoch without a mistake, which comes after
    finitely many if a plane separates the classes (Novikoff 1962), and never otherwise: then `converged_` is False.

    Parameters
    ----------
    learning_rate : float
        The size of the steps; from weights of zero it scales them and changes no decision, unless `threshold` isn't 0.
    threshold : float
        Half the width of the undecided band: the output is the second class's code for a net input above it, the first's below
        ``-threshold``, and half-way between, which is always a mistake. 0 by default: only a net input of 0 is undecided.
    max_iter : int
        Epochs, at most.
    codes : (float, float)
        The targets, and outputs, that stand for the two classes: -1 and 1.
    shuffle : bool
        Whether each epoch takes the samples in a new order.
    weight_scale : float
        Standard deviation of the initial weights; 0 by default: all are zero.
    seed : int
        Of order and weights.

    Raises
    ------
    ValueError
        For numbers outside their range.

    References
    ----------
    F. Rosenblatt, "The perceptron", Psychological Review 65 (1958), 386-408; L. Fausett, "Fundamentals of Neural Networks", Prentice Hall
    1994, section 2.3; A. B. J. Novikoff, "On convergence proofs for perceptrons", Symposium on the Mathematical Theory of Automata 12
    (1962), 615-622.

    Examples
    --------
    AND, with -1 and 1: the second epoch makes no mistake.

    >>> from fastnn.classic import Perceptron
    >>> X, y = [[1, 1], [1, -1], [-1, 1], [-1, -1]], [1, -1, -1, -1]
    >>> print(Perceptron().fit_steps(X, y))
    epoch  sample  x1  x2  target  net input  output  error  dw1  dw2  db  w1  w2   b
        1       1   1   1       1          0       0      1    1    1   1   1   1   1
        1       2   1  -1      -1          1       1     -2   -1    1  -1   0   2   0
        1       3  -1   1      -1          2       1     -2    1   -1  -1   1   1  -1
        1       4  -1  -1      -1         -3      -1      0    0    0   0   1   1  -1
        2       1   1   1       1          1       1      0    0    0   0   1   1  -1
        2       2   1  -1      -1         -1      -1      0    0    0   0   1   1  -1
        2       3  -1   1      -1         -1      -1      0    0    0   0   1   1  -1
        2       4  -1  -1      -1         -3      -1      0    0    0   0   1   1  -1
    """

    def __init__(
        self,
        learning_rate: float = 1.0,
        threshold: float = 0.0,
        max_iter: int = 1000,
        codes: tuple[float, float] = (-1, 1),
        shuffle: bool = False,
        weight_scale: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(learning_rate=learning_rate, max_iter=max_iter, codes=codes, shuffle=shuffle, weight_scale=weight_scale, seed=seed)
        not_negative("Perceptron: threshold", threshold)
        self.threshold = threshold

    def respond(self, x: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Response:
        net = weights @ x
        low, high = self.codes
        output = np.where(net > self.threshold, high, np.where(net < -self.threshold, low, (low + high) / 2)).astype(np.float64)
        error = target - output
        return Response(net, output, error, self.learning_rate * np.sign(error)[:, None] * x)
