"""ADALINE, the adaptive linear neuron of Widrow and Hoff."""

from __future__ import annotations

import numpy as np

from fastnn.classic.catalogue import neurons
from fastnn.classic.learner import Learner, Response

__all__ = ["Adaline"]


@neurons.register()
class Adaline(Learner):
    """Learns by the delta rule (least mean squares): ``w = w + learning_rate * (t - net) * x``, downhill on the net input's squared error.

    The error is taken before the threshold. So it learns on where a perceptron stops, and where the classes can't be separated it has a
    solution all the same, that of least squares.

    Parameters
    ----------
    learning_rate : float
        The size of the steps. The rule converges below ``2 / m``, m the largest eigenvalue of the mean of ``x x^T``, the bias's 1 included
        (for batches of one sample it then circles around the solution, the closer the smaller the rate).
    max_iter : int
        Epochs, at most.
    batch_size : int or None
        Over how many samples the change is averaged before it is made: 1, sample by sample, by default; None for all of them.
    tolerance : float
        The learning ends with an epoch in which no weight changed by more at once.
    codes : (float, float)
        The targets that stand for the two classes: -1 and 1.
    shuffle : bool
        Whether each epoch takes the samples in a new order.
    weight_scale : float
        Standard deviation of the initial weights; 0 by default: all are zero.
    seed : int
        Of order and weights.

    Raises
    ------
    ValueError
        For numbers outside their range; in `fit`, when the learning rate is too large to converge and the weights overflow.

    References
    ----------
    B. Widrow and M. E. Hoff, "Adaptive switching circuits", IRE WESCON Convention Record, part 4 (1960), 96-104; L. Fausett, "Fundamentals
    of Neural Networks", Prentice Hall 1994, section 2.4.

    Examples
    --------
    AND, with -1 and 1: least squares gives weights 1/2 and the bias -1/2.

    >>> from fastnn.classic import Adaline
    >>> X, y = [[1, 1], [1, -1], [-1, 1], [-1, -1]], [1, -1, -1, -1]
    >>> print(Adaline(0.1, max_iter=1).fit_steps(X, y))
    epoch  sample  x1  x2  target  net input  output   error     dw1     dw2       db      w1      w2        b
        1       1   1   1       1          0       1       1     0.1     0.1      0.1     0.1     0.1      0.1
        1       2   1  -1      -1        0.1       1    -1.1   -0.11    0.11    -0.11   -0.01    0.21    -0.01
        1       3  -1   1      -1       0.21       1   -1.21   0.121  -0.121   -0.121   0.111   0.089   -0.131
        1       4  -1  -1      -1     -0.331      -1  -0.669  0.0669  0.0669  -0.0669  0.1779  0.1559  -0.1979
    >>> neuron = Adaline(0.5, batch_size=None).fit(X, y)
    >>> neuron.coef_.round(3).tolist(), neuron.intercept_.round(3).tolist()
    ([[0.5, 0.5]], [-0.5])
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        max_iter: int = 1000,
        batch_size: int | None = 1,
        tolerance: float = 1e-5,
        codes: tuple[float, float] = (-1, 1),
        shuffle: bool = False,
        weight_scale: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(
            learning_rate=learning_rate,
            max_iter=max_iter,
            batch_size=batch_size,
            tolerance=tolerance,
            codes=codes,
            shuffle=shuffle,
            weight_scale=weight_scale,
            seed=seed,
        )

    def respond(self, x: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Response:
        with np.errstate(over="ignore", invalid="ignore"):
            net = weights @ x
            error = target - net
            change = self.learning_rate * error[:, None] * x
        return Response(net, np.where(net >= 0, float(self.codes[1]), float(self.codes[0])), error, change)

    def _cure(self, x: np.ndarray) -> str:
        bound = 2 / np.linalg.eigvalsh(x.T @ x / len(x))[-1]
        return f"learning_rate is {self.learning_rate:g}, and must be below {bound:.3g} for these inputs; take a smaller one, or scale them"
