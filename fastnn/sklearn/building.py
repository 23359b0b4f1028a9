"""From a user's function to a model that can be trained."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastnn import losses, optimizers
from fastnn.configurable import Catalogue
from fastnn.layers import Dropout, Flatten, Input, Reshape
from fastnn.layers.adapting import Adapted
from fastnn.models import Sequential

__all__ = ["adapt", "called", "compile_model", "configured", "gives_probabilities", "made"]


def made(estimator: Any, x: np.ndarray) -> Sequential:
    """A new model, built and compiled, as a `FastNNEstimator`'s parameters say, for samples.

    Raises
    ------
    ValueError, TypeError
        For a function or a model that doesn't suit.
    """
    who = type(estimator).__name__
    model = called(who, estimator.model_fn, estimator.routed("model"), estimator._known(x))
    if not model.built:
        model.build((None, *x.shape[1:]))
    adapt(model, x)
    options = {kind: estimator.routed(kind) for kind in ("optimizer", "loss")}
    compile_model(who, model, estimator.optimizer, estimator.loss, estimator.metrics, options, estimator._default_loss)
    estimator._check_model(model)
    return model


def called(who: str, model_fn: Any, given: Mapping[str, Any], known: Mapping[str, Any]) -> Sequential:
    """What `model_fn` makes.

    Parameters
    ----------
    who : str
        The estimator's name, for errors.
    model_fn : callable
    given : dict
        Arguments that the user chose.
    known : dict
        What is known of the data; the function gets those of these that its signature names.

    Raises
    ------
    TypeError
        When it is no function, takes other arguments, or returns no Sequential.
    """
    if isinstance(model_fn, Sequential) or not callable(model_fn):
        raise TypeError(f"{who}: model_fn must be a function that returns a Sequential, got {model_fn!r}")
    model = model_fn(**_arguments(who, model_fn, given, known))
    if not isinstance(model, Sequential):
        raise TypeError(f"{who}: model_fn must return a Sequential, it returned {model!r}")
    return model


def _arguments(who: str, model_fn: Callable[..., Any], given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    takes = inspect.signature(model_fn).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        for name in given:
            if name not in takes:
                raise TypeError(f"{who}: model_fn takes no argument {name!r}, which model__{name} sets; it takes {_list(takes)}")
    arguments = {**{name: value for name, value in known.items() if name in takes}, **given}
    for name, p in takes.items():
        if name not in arguments and p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError(f"{who}: model_fn needs {name!r}: pass model__{name}=...; without that it can be told {_list(known)}")
    return arguments


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"


def adapt(model: Sequential, x: np.ndarray) -> None:
    """Show layers that scale samples, and weren't shown any by `model_fn`, what comes to them."""
    for number, layer in enumerate(model.layers):
        if isinstance(layer, Adapted) and not layer.adapted and layer.knows_nothing():
            layer.adapt(Sequential([Input(x.shape[1:]), *model.layers[:number]], dtype=model.dtype).predict(x) if number else x)


def compile_model(
    who: str, model: Sequential, optimizer: Any, loss: Any, metrics: Any, options: Mapping[str, Mapping[str, Any]], default_loss: Any
) -> None:
    """Compile a model, unless its maker did.

    Parameters
    ----------
    who : str
    model : Sequential
    optimizer, loss, metrics
        As for `Sequential.compile`; None where the user said nothing.
    options : dict
        Arguments of ``"optimizer"`` and ``"loss"``.
    default_loss : callable
        Gives the loss that suits the model and the targets.

    Raises
    ------
    ValueError
        When both the maker and the user have compiled it, or there is no loss.
    """
    if model.compiled:
        asked = [name for name, value in (("optimizer", optimizer), ("loss", loss), ("metrics", metrics)) if value is not None]
        asked += [f"{kind}__{name}" for kind, of in options.items() for name in of]
        if asked:
            raise ValueError(f"{who}: model_fn has compiled the model, so {asked[0]} would go unheard: leave one of the two out")
        return
    chosen = default_loss(model) if loss is None else loss
    model.compile(
        configured(optimizers.optimizers, optimizers.get, "adam" if optimizer is None else optimizer, options["optimizer"]),
        configured(losses.losses, losses.get, chosen, options["loss"]),
        metrics=copy.deepcopy(metrics),
    )


def configured(catalogue: Catalogue[Any], get: Callable[[Any], Any], given: Any, options: Mapping[str, Any]) -> Any:
    """What `given` means, as an object of its own, with other arguments where `options` says so."""
    if not options:
        return copy.deepcopy(get(given))
    kind: Any = catalogue.find(given) if isinstance(given, str) else given if isinstance(given, type) else type(get(given))
    config = {} if isinstance(given, (str, type)) else get(given).get_config()
    return kind.from_config({**config, **options})


def gives_probabilities(model: Sequential) -> bool:
    """Whether the outputs lie in [0, 1] by their activation, as sigmoid's and softmax's do."""
    last = next((layer for layer in reversed(model.layers) if not isinstance(layer, (Dropout, Flatten, Reshape))), None)
    activation = getattr(last, "activation", None)
    if activation is None:
        return False
    values = activation(np.array([[-8.0, -1.0, 0.5, 4.0]]))
    return bool(np.all((values >= 0) & (values <= 1)))
