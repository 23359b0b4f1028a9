"""What the estimators' parameters may be, said and checked as scikit-learn does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, InvalidParameterError, Options, StrOptions

from fastnn import activations, losses, optimizers
from fastnn.activations import Activation
from fastnn.configurable import Catalogue
from fastnn.custom_objects import get_custom_objects
from fastnn.losses import Loss, LossFunction
from fastnn.optimizers import Optimizer
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.sklearn.tasks import FASTNN

__all__ = ["CONSTRAINTS", "keep", "losses_besides"]

POSITIVE, NOT_NEGATIVE = Interval(Real, 0, None, closed="neither"), Interval(Real, 0, None, closed="left")
SHARE, COUNT = Interval(Real, 0, 1, closed="left"), Interval(Integral, 1, None, closed="left")


class Names(StrOptions):
    """A constraint: the names in a catalogue, those of custom objects, and some of scikit-learn's own.

    Parameters
    ----------
    catalogue : Catalogue
    own : iterable of str
    """

    def __init__(self, catalogue: Catalogue[Any], own: Iterable[str] = ()):
        super().__init__({*catalogue.names(), *own})
        self.catalogue, self.own = catalogue, sorted(own)

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether it is such a name.

        Raises
        ------
        InvalidParameterError
            For one that is nearly such a name: all of them would be a long list.
        """
        if not isinstance(val, str) or val in self.options or val in get_custom_objects():
            return isinstance(val, str)
        if near := difflib.get_close_matches(val, sorted(self.options), n=3):
            raise InvalidParameterError(f"unknown {self.catalogue.kind} {val!r}: did you mean {' or '.join(map(repr, near))}?")
        return False

    def __str__(self) -> str:
        package = ".".join(self.catalogue.base.__module__.split(".")[:2])
        return " or ".join([*(f"'{name}'" for name in self.own), f"a name in {package}"])


NAMES = Names(activations.activations, FASTNN)

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", COUNT],
    "activation": [NAMES, Activation, "array-like"],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), COUNT],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [POSITIVE, LearningRateSchedule],
    "power_t": [NOT_NEGATIVE],
    "max_iter": [COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [NOT_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [SHARE],
    "beta_1": [SHARE],
    "beta_2": [SHARE],
    "epsilon": [POSITIVE],
    "n_iter_no_change": [COUNT, Options(Real, {np.inf})],
    "max_fun": [COUNT],
    "out_activation": [NAMES, Activation, None],
    "dropout": [SHARE, "array-like"],
    "batch_norm": ["boolean"],
    "layer_norm": ["boolean"],
    "optimizer": [Names(optimizers.optimizers), Optimizer, None],
    "weight_decay": [NOT_NEGATIVE, None],
    "clipnorm": [POSITIVE, None],
    "clipvalue": [POSITIVE, None],
    "global_clipnorm": [POSITIVE, None],
    "scoring": [str, callable, list, tuple, dict, None],
    "monitor": [str],
    "restore_best": ["boolean", None],
    "callbacks": [list, tuple, object],
    "n_threads": [COUNT, None],
    "dtype": [StrOptions({"float32", "float64"}), None],
    "progress": ["boolean"],
}
"""Those that both estimators have: scikit-learn's, then fastnn's own."""


def losses_besides(*own: str) -> list[Any]:
    """What `loss` may be: these names, and all of the catalogue's."""
    return [Names(losses.losses, own), Loss, LossFunction]


def keep(estimator: Any, given: dict[str, Any]) -> None:
    """Make attributes of a constructor's arguments, its ``locals()``, as scikit-learn's `clone` and `get_params` expect them."""
    for name, value in given.items():
        if name != "self" and not name.startswith("__"):
            setattr(estimator, name, value)
