"""What each layer becomes: `reads` says it of a class of torch's, `writes` of one of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.exchange.assembling import Part
from fastnn.exchange.torch.activations import as_modules
from fastnn.layers import Layer
from fastnn.layers.layer import Shape

__all__ = ["array", "readers", "writers"]

readers: dict[str, Callable[[Any, Shape], Part]] = {}
"""By torch's class: ``rule(module, shape)``, with the shape of the batch that comes to it."""
writers: dict[str, Callable[[Any, Shape, Any], list[Any]]] = {}
"""By our class: ``rule(layer, shape, nn)`` gives the modules that do the same."""


def _reads(name: str) -> Any:
    return lambda rule: readers.setdefault(name, rule)


def _writes(name: str) -> Any:
    return lambda rule: writers.setdefault(name, rule)


def array(tensor: Any) -> np.ndarray:
    """A tensor's numbers."""
    return tensor.detach().cpu().numpy()  # type: ignore[no-any-return]


def _filled(module: Any, layer: Layer, **values: Any) -> Any:
    """A module with the layer's dtype and these numbers; a parameter for which there are none stays as it was made, and isn't trained."""
    module.double() if layer.dtype == "float64" else module.float()
    for name, value in values.items():
        tensor = getattr(module, name)
        if value is not None:
            tensor.data.copy_(tensor.new_tensor(getattr(value, "value", value)))
        elif tensor is not None:
            tensor.requires_grad_(False)
    return module


def _flat(shape: Shape, what: str) -> None:
    """Refuse samples with several axes."""
    if len(shape) != 2:
        raise ValueError(f"{what} belong to axis 1 of batches of shape {shape} in torch, to the last in fastnn: flatten them before")


# ----------------------------------------------------------------------------------------------------- dense


@_reads("Linear")
def _(module: Any, shape: Shape) -> Part:
    bias = {} if module.bias is None else {"bias": array(module.bias)}
    return Part("Dense", {"units": module.out_features, "use_bias": bool(bias)}, {"kernel": array(module.weight).T, **bias})


@_writes("Dense")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    linear = _filled(nn.Linear(shape[-1], layer.units, layer.use_bias), layer, weight=layer.kernel.value.T, bias=layer.bias)
    return [linear, *as_modules(layer.activation, nn)]


@_reads("Embedding")
def _(module: Any, shape: Shape) -> Part:
    plain = {"padding_idx": None, "max_norm": None, "scale_grad_by_freq": False}
    for name, value in plain.items():
        if getattr(module, name) is not value:
            raise ValueError(f"fastnn has no {name}; set the module's {name} = {value} if you can do without")
    arguments = {"input_dim": module.num_embeddings, "output_dim": module.embedding_dim}
    return Part("Embedding", arguments, {"embeddings": array(module.weight)})


@_writes("Embedding")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [_filled(nn.Embedding(layer.input_dim, layer.output_dim), layer, weight=layer.embeddings)]


# -------------------------------------------------------------------------------------------- normalizations


def _scaling(module: Any) -> tuple[dict[str, bool], dict[str, np.ndarray]]:
    """The arguments `center` and `scale`, and what is learned; ones or zeros that alone aren't trained stand for what isn't there."""
    there = {"scale": ("gamma", module.weight, 1), "center": ("beta", getattr(module, "bias", None), 0)}
    held = {word: (ours, array(p), p.requires_grad or (array(p) != idle).any()) for word, (ours, p, idle) in there.items() if p is not None}
    if any(learned for *_, learned in held.values()):
        held = {word: each for word, each in held.items() if each[-1]}
    return {word: word in held for word in there}, {ours: value for ours, value, _ in held.values()}


@_reads("BatchNorm1d")
def _(module: Any, shape: Shape) -> Part:
    _flat(shape, "statistics")
    if module.running_mean is None:
        raise ValueError("with track_running_stats=False it normalises by the batch in inference too, which fastnn doesn't")
    if module.momentum is None:
        raise ValueError("momentum=None averages all batches alike, fastnn exponentially: set the module's momentum = 0.1, say")
    options, weights = _scaling(module)
    moving = {"moving_mean": array(module.running_mean), "moving_variance": array(module.running_var)}
    return Part("BatchNormalization", {"momentum": 1 - module.momentum, "epsilon": module.eps, **options}, {**weights, **moving})


@_writes("BatchNormalization")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    _flat(shape, "statistics")
    made = nn.BatchNorm1d(shape[-1], layer.epsilon, 1 - layer.momentum, layer.scale or layer.center)
    moving = {"running_mean": layer.moving_mean, "running_var": layer.moving_variance}
    return [_filled(made, layer, weight=layer.gamma, bias=layer.beta, **moving)]


def _check_rows(module: Any) -> None:
    if len(module.normalized_shape) != 1:
        raise ValueError(
            f"it normalises axes of shape {tuple(module.normalized_shape)} together, fastnn the last alone: flatten them before"
        )


@_reads("LayerNorm")
def _(module: Any, shape: Shape) -> Part:
    _check_rows(module)
    options, weights = _scaling(module)
    return Part("LayerNormalization", {"epsilon": module.eps, **options}, weights)


@_writes("LayerNormalization")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [_filled(nn.LayerNorm(shape[-1], layer.epsilon, layer.scale or layer.center), layer, weight=layer.gamma, bias=layer.beta)]


@_reads("GroupNorm")
def _(module: Any, shape: Shape) -> Part:
    options, weights = _scaling(module)
    return Part("GroupNormalization", {"groups": module.num_groups, "epsilon": module.eps, **options}, weights)


@_writes("GroupNormalization")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    groups = shape[-1] if layer.groups == -1 else layer.groups
    made = nn.GroupNorm(groups, shape[-1], layer.epsilon, layer.scale or layer.center)
    return [_filled(made, layer, weight=layer.gamma, bias=layer.beta)]


@_reads("RMSNorm")
def _(module: Any, shape: Shape) -> Part:
    _check_rows(module)
    if module.weight is None:
        raise ValueError("fastnn's has a factor that is learned; make it with elementwise_affine=True")
    scale = array(module.weight)
    return Part("RMSNormalization", {"epsilon": float(np.finfo(scale.dtype).eps) if module.eps is None else module.eps}, {"scale": scale})


@_writes("RMSNormalization")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [_filled(nn.RMSNorm(shape[-1], layer.epsilon), layer, weight=layer.scale)]


# ----------------------------------------------------------------------------------------- noise and slopes


@_reads("Dropout")
def _(module: Any, shape: Shape) -> Part:
    return Part("Dropout", {"rate": module.p})


@_writes("Dropout")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [nn.Dropout(layer.rate)]


@_reads("AlphaDropout")
def _(module: Any, shape: Shape) -> Part:
    return Part("AlphaDropout", {"rate": module.p})


@_writes("AlphaDropout")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [nn.AlphaDropout(layer.rate)]


@_reads("RReLU")
def _(module: Any, shape: Shape) -> Part:
    return Part("RReLU", {"lower_slope": module.lower, "upper_slope": module.upper})


@_writes("RReLU")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [nn.RReLU(layer.lower_slope, layer.upper_slope)]


@_reads("PReLU")
def _(module: Any, shape: Shape) -> Part:
    axes, alpha = len(shape) - 1, array(module.weight)
    if module.num_parameters == 1:
        return Part("PReLU", {"shared_axes": list(range(1, axes + 1))}, {"alpha": alpha.reshape((1,) * axes)})
    _flat(shape, "slopes")
    return Part("PReLU", {}, {"alpha": alpha})


@_writes("PReLU")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    slopes = layer.alpha.value.reshape(-1)
    if len(slopes) > 1:
        _flat(shape, "slopes")
    return [_filled(nn.PReLU(len(slopes)), layer, weight=slopes)]


@_writes("ActivityRegularization")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [nn.Identity()]


@_writes("Activation")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return as_modules(layer.activation, nn) or [nn.Identity()]


# ---------------------------------------------------------------------------------------------------- shapes


def _axis(dim: Any, shape: Shape) -> int:
    if not isinstance(dim, int) or not -len(shape) <= dim < len(shape) or dim % len(shape) == 0:
        raise ValueError(f"it changes axis {dim!r} of batches of shape {shape}, fastnn those after the first, which counts samples")
    return dim % len(shape)


@_reads("Flatten")
def _(module: Any, shape: Shape) -> Part:
    first, last = _axis(module.start_dim, shape), _axis(module.end_dim, shape)
    if (first, last) == (1, len(shape) - 1):
        return Part("Flatten", {})
    joined = int(np.prod(shape[first : last + 1]))  # type: ignore[arg-type]
    return Part("Reshape", {"target_shape": (*shape[1:first], joined, *shape[last + 1 :])})


@_writes("Flatten")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    return [nn.Flatten()]


@_reads("Unflatten")
def _(module: Any, shape: Shape) -> Part:
    axis = _axis(module.dim, shape)
    sizes = np.empty(shape[axis]).reshape(tuple(module.unflattened_size)).shape  # type: ignore[arg-type]
    return Part("Reshape", {"target_shape": (*shape[1:axis], *sizes, *shape[axis + 1 :])})


@_writes("Reshape")
def _(layer: Any, shape: Shape, nn: Any) -> list[Any]:
    target = layer.compute_output_shape(shape)[1:]
    return [nn.Flatten(), *([nn.Unflatten(1, target)] if len(target) > 1 else [])]
