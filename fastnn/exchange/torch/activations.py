"""Our activations that are modules in torch, in one table for both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastnn.activations import Activation
from fastnn.exchange.assembling import Part
from fastnn.layers.layer import Shape

__all__ = ["NAMES", "TWINS", "as_modules", "as_part"]


def _anything(module: Any, shape: Shape) -> None:
    """Nothing is wrong with it."""


def _last_axis(module: Any, shape: Shape) -> None:
    dim = (0 if len(shape) in (1, 3) else 1) if module.dim is None else module.dim  # torch's own choice
    if dim not in (-1, len(shape) - 1):
        raise ValueError(f"it works along axis {dim} of batches of shape {shape}, fastnn along the last: make it dim=-1")


def _plain_softplus(module: Any, shape: Shape) -> None:
    if module.beta != 1 or module.threshold < 20:
        raise ValueError(f"fastnn's has beta=1 and no threshold, this one beta={module.beta:g} and threshold={module.threshold:g}")


class Twin(NamedTuple):
    """Torch's class, its arguments by our parameters, what it is given besides, and what it must be like to be read."""

    theirs: str
    parameters: Mapping[str, str] = {}
    given: Mapping[str, Any] = {}
    check: Callable[[Any, Shape], None] = _anything


TWINS = {
    "linear": Twin("Identity"),
    "relu": Twin("ReLU"),
    "relu6": Twin("ReLU6"),
    "leaky_relu": Twin("LeakyReLU", {"negative_slope": "negative_slope"}),
    "threshold": Twin("Threshold", {"threshold": "threshold", "default_value": "value"}),
    "hard_sigmoid": Twin("Hardsigmoid"),
    "hard_tanh": Twin("Hardtanh", {"min_value": "min_val", "max_value": "max_val"}),
    "hard_silu": Twin("Hardswish"),
    "hard_shrink": Twin("Hardshrink", {"threshold": "lambd"}),
    "soft_shrink": Twin("Softshrink", {"threshold": "lambd"}),
    "sigmoid": Twin("Sigmoid"),
    "tanh": Twin("Tanh"),
    "softsign": Twin("Softsign"),
    "elu": Twin("ELU", {"alpha": "alpha"}),
    "selu": Twin("SELU"),
    "celu": Twin("CELU", {"alpha": "alpha"}),
    "softplus": Twin("Softplus", given={"threshold": 40.0}, check=_plain_softplus),
    "log_sigmoid": Twin("LogSigmoid"),
    "silu": Twin("SiLU"),
    "gelu": Twin("GELU", {"approximate": "approximate"}),
    "mish": Twin("Mish"),
    "tanh_shrink": Twin("Tanhshrink"),
    "softmax": Twin("Softmax", given={"dim": -1}, check=_last_axis),
    "log_softmax": Twin("LogSoftmax", given={"dim": -1}, check=_last_axis),
    "softmin": Twin("Softmin", given={"dim": -1}, check=_last_axis),
    "glu": Twin("GLU", given={"dim": -1}, check=_last_axis),
}
"""By our names. With a threshold of 40, which both dtypes round away, torch's softplus is exact too."""

NAMES = {twin.theirs: name for name, twin in TWINS.items()}
"""The other way."""
_WORDS = {"tanh": True, "none": False}
"""What torch calls gelu's two forms, and we."""


def as_part(module: Any, shape: Shape) -> Part | None:
    """The layer that a module of torch is, if it is an activation."""
    name = NAMES.get(type(module).__name__)
    if name is None:
        return None
    twin = TWINS[name]
    twin.check(module, shape)
    values = {ours: getattr(module, theirs) for ours, theirs in twin.parameters.items()}
    values = {key: _WORDS[value] if isinstance(value, str) else value for key, value in values.items()}
    return Part("Activation", {"activation": {"class_name": name, "config": values}})


def as_modules(activation: Activation, nn: Any) -> list[Any]:
    """The module of torch that an activation is; none for the identity.

    Raises
    ------
    ValueError
        Where there is none.
    """
    if activation.forward is None:
        return []
    if activation.name == "relu":
        return [_relu(nn, **activation.parameters)]
    if activation.name not in TWINS:
        raise ValueError(f"torch.nn has no activation {activation.name!r}; it has {', '.join(sorted(TWINS))}")
    twin = TWINS[activation.name]
    values = {key: ("tanh" if value else "none") if isinstance(value, bool) else value for key, value in activation.parameters.items()}
    return [getattr(nn, twin.theirs)(**{twin.parameters[key]: value for key, value in values.items()}, **twin.given)]


def _relu(nn: Any, negative_slope: float, max_value: float | None, threshold: float) -> Any:
    """Keras' relu has three parameters, for each of which torch has a module."""
    known = {
        (): lambda: nn.ReLU(),
        ("negative_slope",): lambda: nn.LeakyReLU(negative_slope),
        ("max_value",): lambda: nn.Hardtanh(0.0, max_value),
        ("threshold",): lambda: nn.Threshold(threshold, 0.0),
    }
    given = {"negative_slope": negative_slope != 0, "max_value": max_value is not None, "threshold": threshold != 0}
    which = tuple(name for name, there in given.items() if there)
    if which not in known:
        raise ValueError(f"torch.nn has no relu with {' and '.join(which)} at once")
    return known[which]()
