"""The optimizer that an estimator's parameters ask for."""

from __future__ import annotations

from typing import Any

from fastnn import optimizers
from fastnn.optimizers import SGD, Adam, Optimizer
from fastnn.optimizers.schedules import LearningRateSchedule

__all__ = ["base_rate", "made_optimizer", "rate_rule"]

OPTIONS = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
UNDECAYED = ["bias$", "gamma$", "beta$"]
"""What a weight decay leaves alone: it is one of kernels, as the penalty `alpha` is."""


def rate_rule(estimator: Any) -> str:
    """How the learning rate changes from epoch to epoch.

    Raises
    ------
    ValueError
        Where it would change in two ways.
    """
    rule = estimator.learning_rate if estimator.optimizer is not None or estimator.solver == "sgd" else "constant"
    if rule != "constant" and isinstance(estimator.learning_rate_init, LearningRateSchedule):
        raise ValueError(f"learning_rate={rule!r} can't change what a schedule sets: use learning_rate='constant' with a schedule")
    return rule


def base_rate(estimator: Any) -> Any:
    """The learning rate that a training begins with."""
    own = isinstance(estimator.optimizer, Optimizer)
    return estimator.optimizer.learning_rate if own else estimator.learning_rate_init


def made_optimizer(estimator: Any) -> Optimizer:
    """A new optimizer: scikit-learn's of that `solver`, or one like `optimizer`.

    Raises
    ------
    ValueError
        For options that it doesn't take.
    """
    rate_rule(estimator)
    options = {name: getattr(estimator, name) for name in OPTIONS if getattr(estimator, name) is not None}
    made = _made(estimator, options)
    if "weight_decay" in options:
        made.exclude_from_weight_decay(var_names=UNDECAYED)
    return made


def _made(estimator: Any, options: dict[str, Any]) -> Optimizer:
    given, rate = estimator.optimizer, estimator.learning_rate_init
    if isinstance(given, Optimizer):
        return type(given).from_config({**given.get_config(), **options})
    if given is not None:
        kind = optimizers.optimizers.find(given)
        return kind(**options) if kind.full_batch else kind(learning_rate=rate, **options)
    if estimator.solver == "sgd":
        return SGD(rate, estimator.momentum, bool(estimator.nesterovs_momentum), **options)
    return Adam(rate, estimator.beta_1, estimator.beta_2, estimator.epsilon, **options)
