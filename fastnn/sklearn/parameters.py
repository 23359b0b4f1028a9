"""What the estimators' parameters may be, said and checked as scikit-learn does."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastnn import activations, losses, optimizers
from fastnn.activations import Activation
from fastnn.losses import Loss, LossFunction
from fastnn.optimizers import Optimizer
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.sklearn.tasks import FASTNN

__all__ = ["CONSTRAINTS", "keep", "losses_besides"]

POSITIVE, NOT_NEGATIVE = Interval(Real, 0, None, closed="neither"), Interval(Real, 0, None, closed="left")
SHARE, COUNT = Interval(Real, 0, 1, closed="left"), Interval(Integral, 1, None, closed="left")
NAMES = StrOptions({*activations.activations.names(), *FASTNN})

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
    "optimizer": [StrOptions(set(optimizers.optimizers.names())), Optimizer, None],
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
    return [StrOptions({*own, *losses.losses.names()}), Loss, LossFunction]


def keep(estimator: Any, given: dict[str, Any]) -> None:
    """Make attributes of a constructor's arguments, its ``locals()``, as scikit-learn's `clone` and `get_params` expect them."""
    for name, value in given.items():
        if name != "self" and not name.startswith("__"):
            setattr(estimator, name, value)
