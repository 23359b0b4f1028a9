"""Errors for keywords that a constructor or method doesn't have: what is near, and what has taken an old keyword's place."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

__all__ = ["explained"]

F = TypeVar("F", bound=Callable[..., Any])

RENAMED = {
    "lr": "learning_rate",
    "nb_epoch": "epochs",
    "samples_per_epoch": "steps_per_epoch",
    "nb_val_samples": "validation_steps",
    "output_dim": "units",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "p": "rate",
    "alpha": "negative_slope",
    "nesterovs": "nesterov",
    "show_metrics": "metrics",
}
"""Keywords of old Keras and their names today, offered where there is such a one."""

GONE = {
    "decay": "learning_rate=schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay) is the same",
    "weights": "call set_weights once the model is built, or pass initializers",
    "activity_regularizer": "add ActivityRegularization(l2=...) behind it",
    "workers": "batches are made one by one; leave it out",
    "use_multiprocessing": "batches are made one by one; leave it out",
    "max_queue_size": "batches are made one by one; leave it out",
    "loss_scale_factor": "float32 and float64 need no scaling of the loss; leave it out",
    "quantization_config": "leave it out",
    "lora_rank": "leave it out",
    "lora_alpha": "leave it out",
    "sample_weight_mode": "pass sample_weight to fit",
    "target_tensors": "pass y to fit",
}
"""Other keywords of Keras', and what to do instead."""

ANY = object()
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "dtype": (ANY,),
    "jit_compile": (ANY,),
    "input_length": (ANY,),
    "synchronized": (ANY,),
    "loss_scale_factor": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "quantization_config": (None,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "weights": (None,),
    "activity_regularizer": (None,),
    "renorm_momentum": (ANY,),
    "batch_size": (ANY,),
    "sparse": (None, False),
    "ragged": (None, False),
    "optional": (False,),
    "input_tensor": (None,),
    "data_format": (None, "channels_last"),
    "input_axes": (None,),
    "output_axes": (None,),
}
"""Keywords of Keras' constructors that change nothing here where they have one of these values: they are passed over."""


def explained(function: F) -> F:
    """Decorator of a method: a keyword that it doesn't have is refused by a TypeError that names it and those near to it.

    A constructor's error names the class of the object that is being made, whichever class refused the keyword. Those of Keras' keywords
    that change nothing it passes over.
    """

    @functools.wraps(function)
    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        making = function.__name__ == "__init__"
        try:
            return function(self, *arguments, **keywords)
        except TypeError as error:
            if making and getattr(type(self), "__init__", None) is not call:
                raise  # a base's; the class that is being made says it
            problem = error
        asked = type(self) if making else function
        known = inspect.signature(asked).parameters
        counting = {k: v for k, v in keywords.items() if not (making and _is_neutral(k, v, known))}
        if len(counting) < len(keywords):
            return call(self, *arguments, **counting)
        message = _complaint(asked.__name__, keywords, known, getattr(self, "more_keywords", ()))
        raise TypeError(message) if message else problem

    return cast(F, call)


def _is_neutral(name: str, value: Any, known: Mapping[str, inspect.Parameter]) -> bool:
    accepted = NEUTRAL.get(name, ()) if name not in known else ()
    return ANY in accepted or any(value is each or (isinstance(each, str) and value == each) for each in accepted)


def _complaint(who: str, given: Iterable[str], known: Mapping[str, inspect.Parameter], more: Iterable[str]) -> str | None:
    """What to say of the first unknown keyword, if there is one."""
    unknown = [name for name in given if name not in known and name not in more]
    if not unknown or any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return None
    name, there = unknown[0], [n for n in known if n != "self"]
    if RENAMED.get(name) in there:
        return f"{who} has no argument {name!r}: it is called {RENAMED[name]!r}"
    if name in GONE:
        return f"{who} has no argument {name!r}: {GONE[name]}"
    near = difflib.get_close_matches(name, [*there, *more], n=3)
    offer = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(there) or 'none'}"
    return f"{who} has no argument {name!r}: {offer}"
