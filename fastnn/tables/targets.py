"""The target as the network's output: classes by number, or a standardised number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn.configurable import Catalogue, Configurable

__all__ = ["ClassTarget", "NumberTarget", "Target", "targets"]


class Target(Configurable):
    """What is predicted, how it becomes numbers, and how the network's output becomes a prediction."""

    task: str
    units: int
    """How many outputs the network needs."""

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Values as what the loss takes."""
        raise NotImplementedError

    def decode(self, output: np.ndarray) -> np.ndarray:
        """The network's output (n, units) as values."""
        raise NotImplementedError


targets = Catalogue("target", Target)


@targets.register()
class ClassTarget(Target):
    """One of several labels.

    Parameters
    ----------
    labels : list of str
        The class numbers 0, 1, ... stand for these.
    """

    task = "classification"

    def __init__(self, labels: Sequence[str]):
        self.labels = list(labels)
        self.units = len(self.labels)

    @classmethod
    def learn(cls, values: np.ndarray) -> ClassTarget:
        """The distinct values, numbers by size, texts by alphabet."""
        return cls([label(value) for value in np.unique(values).tolist()])

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The class numbers as int64 array (n,); -1 for a value that is none of the labels."""
        place = {text: i for i, text in enumerate(self.labels)}
        return np.fromiter((place.get(label(value), -1) for value in values.tolist()), np.int64, len(values))

    def decode(self, output: np.ndarray) -> np.ndarray:
        """The label of the most probable class, as object array (n,)."""
        return np.array(self.labels, object)[output.argmax(1)]


@targets.register()
class NumberTarget(Target):
    """A number; the network sees it with mean 0 and standard deviation 1.

    Parameters
    ----------
    mean, deviation : float
        Of the training rows.
    """

    task = "regression"
    units = 1

    def __init__(self, mean: float, deviation: float):
        self.mean, self.deviation = mean, deviation

    @classmethod
    def learn(cls, values: np.ndarray) -> NumberTarget:
        """Mean and standard deviation of `values`."""
        return cls(float(values.mean()), float(values.std()) or 1.0)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The standardised values as float64 array (n, 1)."""
        return ((values - self.mean) / self.deviation)[:, None]

    def decode(self, output: np.ndarray) -> np.ndarray:
        """The values in their own unit, float64 array (n,)."""
        return output[:, 0].astype(float) * self.deviation + self.mean


def label(value: object) -> str:
    """A class as text; 1.0 and 1 are the same."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
