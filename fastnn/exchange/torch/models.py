"""A model of torch's, module by module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import config
from fastnn.exchange.assembling import Assembly, Part, check_shared, distinct, refusing, warn_of_penalties
from fastnn.exchange.torch.activations import NAMES, as_part
from fastnn.exchange.torch.layers import readers, writers
from fastnn.extras import require
from fastnn.layers import Activation, Layer
from fastnn.layers.layer import Shape, check_shape

if TYPE_CHECKING:
    from fastnn.models import Sequential

__all__ = ["from_torch", "to_torch"]

# --------------------------------------------------------------------------------------------------- reading


def from_torch(model: Any, input_shape: tuple[int, ...] | None = None) -> Sequential:
    """A fastnn model with the layers and the numbers of one of PyTorch's.

    Parameters
    ----------
    model : torch.nn.Sequential
        May hold others. Each module becomes a layer; one that has a name gives it to its layer.
    input_shape : tuple of int, optional
        Shape of one sample; needed where the first module takes many, ``Flatten`` or ``Embedding`` for instance.

    Returns
    -------
    Sequential
        Of the parameters' dtype, built and not compiled. The parameters are copies.

    Raises
    ------
    ValueError
        For a module without a counterpart; it is named by its path, ``0.3 (Conv2d)``.
    TypeError
        For what is no module.

    Notes
    -----
    A batch normalization's momentum m becomes ``1 - m``, as Keras counts. In training, torch moves the running variance towards the
    unbiased variance of the batch, fastnn towards the biased one, as Keras. A module whose parameters don't require gradients becomes a
    frozen layer, whose running averages stay as they are too.

    Examples
    --------
    >>> import fastnn
    >>> theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(-1))  # doctest: +SKIP
    >>> model = fastnn.from_torch(theirs)  # doctest: +SKIP
    """
    torch = require("torch", "from_torch")
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"from_torch expects a torch.nn.Sequential, got {type(model).__name__}; build the module and load a state into it before"
        )
    modules = list(_leaves(model, "", torch.nn))
    check_shared("from_torch", [(_said(path, module), module.parameters()) for path, module in modules])
    features = _features(modules) if input_shape is None else check_shape(input_shape, "from_torch: input_shape")
    assembly = Assembly("from_torch", features, _dtype(modules))
    for path, module in modules:
        with refusing("from_torch", _said(path, module)):
            part = as_part(module, assembly.shape) or readers[type(module).__name__](module, assembly.shape)
            assembly.add(part, _layer_name(path), _trainable(module, part))
    return assembly.model()


def _said(path: str, module: Any) -> str:
    return f"layer {path or '0'} ({type(module).__name__})"


def _layer_name(path: str) -> str | None:
    return None if path.rpartition(".")[2].isdigit() or not path else path.replace(".", "_").replace("/", "_")


def _leaves(module: Any, path: str, nn: Any) -> Iterator[tuple[str, Any]]:
    """The modules that compute something, in their order, with their paths; each has a counterpart."""
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for name, child in module._modules.items():
            yield from _leaves(child, f"{path}.{name}".lstrip("."), nn)
        return
    with refusing("from_torch", _said(path, module)):
        own = not type(module).__module__.startswith("torch.nn.modules.")
        if own or type(module).__name__ not in readers.keys() | NAMES.keys():
            reason = "its Python code can't be read" if own else "fastnn has no such layer"
            way_out = (
                "put the modules before and behind it into a torch.nn.Sequential of their own" if path else "pass a torch.nn.Sequential"
            )
            raise ValueError(f"{reason}; {way_out}")
        if module._forward_hooks or module._forward_pre_hooks:
            raise ValueError("it has hooks, whose Python code can't be read: remove them")
    yield path, module


_WIDTHS = "in_features", "num_features", "normalized_shape", "num_channels"
_CHANGE_SHAPES = "Flatten", "Unflatten", "Embedding", "GLU"


def _features(modules: list[tuple[str, Any]]) -> tuple[int, ...]:
    """The shape of a sample, as the first module that knows it says."""
    for path, module in modules:
        for name in _WIDTHS:
            if hasattr(module, name):
                return tuple(np.atleast_1d(getattr(module, name)).tolist())
        if type(module).__name__ in _CHANGE_SHAPES:
            raise ValueError(f"from_torch: {_said(path, module)} takes samples of many shapes: say which, input_shape=(28, 28)")
    raise ValueError("from_torch: no module tells how many features there are: say the shape of a sample, input_shape=(10,)")


def _dtype(modules: list[tuple[str, Any]]) -> str:
    """The dtype that all parameters have."""
    found = sorted({str(p.dtype).removeprefix("torch.") for _, module in modules for p in module.parameters()})
    if len(found) > 1 or not set(found) <= {"float32", "float64"}:
        raise ValueError(f"from_torch: parameters must all be float32 or all float64, not {', '.join(found)}: call model.float() before")
    if meta := [_said(path, module) for path, module in modules if any(p.is_meta for p in module.parameters())]:
        raise ValueError(f"from_torch: {meta[0]} is on the device 'meta' and has no numbers: load some before")
    return found[0] if found else config.floatx()


def _trainable(module: Any, part: Part) -> bool:
    """Whether all parameters are trained, or none; those that were read as not being there don't count."""
    left_out = {"weight": part.arguments.get("scale", True), "bias": part.arguments.get("center", True)}
    wanted = {p.requires_grad for name, p in module.named_parameters() if left_out.get(name, True)}
    if len(wanted) == 2:
        raise ValueError("some of its parameters require gradients and some don't, fastnn freezes whole layers: make them alike")
    return wanted != {False}


# --------------------------------------------------------------------------------------------------- writing


def to_torch(model: Sequential) -> Any:
    """The model as a ``torch.nn.Sequential``; see `Sequential.to_torch`."""
    torch = require("torch", "to_torch")
    with torch.random.fork_rng(devices=[]):
        made = [_modules(layer, shape, torch.nn) for layer, shape in zip(model.layers, model._shapes(), strict=False)]
    modules = torch.nn.Sequential()
    for layer, parts in zip(model.layers, made, strict=True):
        for number, part in enumerate(parts):
            modules.add_module(_module_name(modules, layer.name, f"_{type(part).__name__.lower()}" if number else ""), part)
            if not layer.trainable:
                part.requires_grad_(False)
    warn_of_penalties("to_torch", "torch", model.layers, "add penalties to the loss, or give the optimizer a weight_decay")
    return modules.eval()


def _modules(layer: Layer, shape: Shape, nn: Any) -> list[Any]:
    """The modules that do what a layer does."""
    kind = type(layer).__name__
    with refusing("to_torch", f"layer {layer.name!r} ({kind})"):
        own = not type(layer).__module__.startswith("fastnn.")
        rule = writers.get("Activation" if isinstance(layer, Activation) and kind not in writers else kind)
        if own or rule is None:
            raise ValueError("torch.nn has no such module; leave the layer out, or write the model to a file by to_onnx or to_c")
        return rule(layer, shape, nn)


def _module_name(modules: Any, name: str, suffix: str) -> str:
    """A name that a module can have: without dots, and none that a Sequential uses itself."""
    name = (name + suffix).replace(".", "_")
    return distinct(name if name in modules._modules or not hasattr(modules, name) else f"{name}_", modules._modules)
