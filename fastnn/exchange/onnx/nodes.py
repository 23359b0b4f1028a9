"""What single nodes become: functions ``(chain, node, constants)``, by operator. Activations are in `functions`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import layers as kinds
from fastnn.exchange.onnx.chain import Chain
from fastnn.exchange.onnx.folding import axes_of
from fastnn.exchange.onnx.parsing import Node
from fastnn.extras import require

__all__ = ["Constants", "needed", "needed_one", "optional", "readers", "reads"]

Constants = list[np.ndarray | None]
"""A node's inputs: None is what comes from the chain, or was left out."""
Reader = Callable[[Chain, Node, Constants], None]

readers: dict[str, Reader] = {}
"""The operators that are read."""


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Decorator: add what nodes of these operators become."""

    def add(function: Reader) -> Reader:
        readers.update(dict.fromkeys(names, function))
        return function

    return add


def optional(constants: Constants, place: int) -> np.ndarray | None:
    """An input that may be left out."""
    return constants[place] if place < len(constants) else None


def needed(node: Node, constants: Constants, first: int, count: int) -> list[np.ndarray]:
    """Inputs that must be there, and constant."""
    given = [optional(constants, first + i) for i in range(count)]
    if any(array is None for array in given):
        raise node.refused(f"its inputs {first} to {first + count - 1} must be constants")
    return given  # type: ignore[return-value]


# ------------------------------------------------------------------------------------------ what does nothing


@reads("Identity", "Dropout")
def nothing(chain: Chain, node: Node, constants: Constants) -> None:
    training = optional(constants, 2)
    if training is not None and training.any():
        raise node.refused("it is in training mode; export the model for inference")


@reads("Cast")
def cast(chain: Chain, node: Node, constants: Constants) -> None:
    kind = require("onnx", "from_onnx", "onnx").TensorProto
    to = node.whole("to", 0)
    if to in (kind.INT64, kind.INT32):
        chain.codes = chain.codes or "cast"
    elif to not in (kind.FLOAT, kind.DOUBLE) or chain.codes == "cast":
        raise node.refused("it rounds numbers")
    else:
        chain.codes = ""


@reads("Transpose")
def transpose(chain: Chain, node: Node, constants: Constants) -> None:
    order = list(node.attributes.get("perm", range(chain.rank)[::-1]))
    if order != list(range(chain.rank)):
        if order != [1, 0] or chain.rank != 2:
            raise node.refused(f"it reorders axes, {order}")
        chain.flipped = not chain.flipped


# ----------------------------------------------------------------------------------------------------- shapes


@reads("Flatten")
def flatten(chain: Chain, node: Node, constants: Constants) -> None:
    if node.whole("axis", 1) not in (1, 1 - chain.rank):
        raise node.refused("its axis must be 1, which keeps samples apart")
    chain.reshape(node, (math.prod(chain.features),))


@reads("Reshape")
def reshape(chain: Chain, node: Node, constants: Constants) -> None:
    target = [int(size) for size in needed(node, constants, 1, 1)[0].reshape(-1)]
    if not target or target[0] not in (0, -1, chain.batch) or (0 in target and node.whole("allowzero", 0)):
        raise node.refused(f"its shape {target} doesn't keep samples apart")
    before = (0, *chain.features)
    rest = [before[i] if size == 0 and i < len(before) else size for i, size in enumerate(target)][1:]
    if -1 in rest:
        left = math.prod(chain.features) // max(1, math.prod(size for size in rest if size != -1))
        rest[rest.index(-1)] = -1 if target[0] == -1 else left
    if min(rest, default=0) < 1:
        raise node.refused(f"its shape {target} doesn't keep samples apart")
    chain.reshape(node, tuple(rest))


@reads("Squeeze", "Unsqueeze")
def squeeze(chain: Chain, node: Node, constants: Constants) -> None:
    axes = axes_of(node, *(array for array in constants[1:] if array is not None))
    shape = np.empty((0, *chain.features))  # the batch axis has no 1 to squeeze
    try:
        after = np.squeeze(shape, axes).shape if node.kind == "Squeeze" and axes else np.expand_dims(shape, axes).shape
    except ValueError as error:
        raise node.refused(str(error)) from error
    if not axes or after[0] != 0:
        raise node.refused("it moves the batch axis, or doesn't say which axes")
    chain.reshape(node, after[1:])


@reads("Gather")
def gather(chain: Chain, node: Node, constants: Constants) -> None:
    chain.check_upright(node)
    table, index = (optional(constants, place) for place in (0, 1))
    if table is not None and table.ndim == 2 and node.whole("axis", 0) == 0 and chain.codes:
        rows, width = table.shape
        chain.add(node, kinds.Embedding, {"embeddings": table}, input_dim=rows, output_dim=width)
        chain.codes, chain.features = "", (*chain.features, width)
    elif index is not None and index.ndim == 1 and index.size and index.dtype.kind == "i":
        chain.check_last(node, node.whole("axis", 0))
        chain.add(node, kinds.Columns, indices=index.tolist())
        chain.features = (*chain.features[:-1], index.size)
    else:
        raise node.refused("it is neither the lookup of codes in a table nor a choice of features")


# ---------------------------------------------------------------------------------- products, factors, offsets


@reads("Gemm")
def gemm(chain: Chain, node: Node, constants: Constants) -> None:
    a, b = (optional(constants, place) for place in range(2))
    matrix = b if a is None else a
    if matrix is None or matrix.ndim != 2 or chain.rank != 2:
        raise node.refused("it multiplies two values that are computed, or no matrices")
    left = a is not None
    if chain.flipped ^ left ^ bool(node.whole("transB" if left else "transA", 0)):
        raise node.refused("it multiplies along the samples")
    if node.whole("transA" if left else "transB", 0) ^ left:
        matrix = matrix.T
    chain.product(node, matrix * _factor(node.number("alpha", 1.0)))
    chain.flipped = left
    if len(constants) > 2 and node.inputs[2]:
        chain.affine(node, None, chain.vector(node, needed(node, constants, 2, 1)[0]) * node.number("beta", 1.0))


def _factor(value: float) -> Any:
    """1 as an integer, which keeps an array's dtype."""
    return 1 if value == 1 else value


@reads("MatMul")
def matmul(chain: Chain, node: Node, constants: Constants) -> None:
    a, b = needed_one(node, constants)
    left = a is not None
    if left != chain.flipped:
        raise node.refused("it multiplies along the samples")
    chain.product(node, a.T if a is not None else b)  # type: ignore[arg-type]


def needed_one(node: Node, constants: Constants) -> Constants:
    """The two inputs of a node, one of which is a constant."""
    if len(constants) != 2 or sum(array is not None for array in constants) != 1:
        raise node.refused("it joins two values that are computed")
    return constants


@reads("Add", "Sub", "Mul", "Div")
def arithmetic(chain: Chain, node: Node, constants: Constants) -> None:
    a, b = needed_one(node, constants)
    value = chain.vector(node, a if b is None else b)  # type: ignore[arg-type]
    if node.kind == "Div" and b is None:
        raise node.refused("it divides a constant by what is computed")
    with np.errstate(all="ignore"):
        chain.affine(node, *SIDES[node.kind, b is None](value))


SIDES: dict[tuple[str, bool], Callable[[np.ndarray], tuple[Any, Any]]] = {
    ("Add", False): lambda value: (None, value),
    ("Add", True): lambda value: (None, value),
    ("Sub", False): lambda value: (None, -value),
    ("Sub", True): lambda value: (-1.0, value),
    ("Mul", False): lambda value: (value, None),
    ("Mul", True): lambda value: (value, None),
    ("Div", False): lambda value: (1 / value, None),
}
"""The factor and the offset, by operator and whether the constant stands first."""


@reads("Neg")
def negate(chain: Chain, node: Node, constants: Constants) -> None:
    chain.affine(node, -1.0)


# ------------------------------------------------------------------------------------------ normalizations


@reads("BatchNormalization")
def batch_normalization(chain: Chain, node: Node, constants: Constants) -> None:
    chain.check_upright(node)
    if chain.rank != 2 or node.whole("training_mode", 0) or not node.whole("spatial", 1):
        raise node.refused("it is read for vectors and inference alone: flatten samples before, and export the model for inference")
    names = "gamma", "beta", "moving_mean", "moving_variance"
    weights = dict(zip(names, needed(node, constants, 1, 4), strict=True))
    chain.add(node, kinds.BatchNormalization, weights, epsilon=node.number("epsilon", 1e-5), momentum=node.number("momentum", 0.9))


@reads("LayerNormalization", "RMSNormalization")
def layer_normalization(chain: Chain, node: Node, constants: Constants) -> None:
    chain.check_upright(node)
    chain.check_last(node, node.whole("axis", -1))
    gamma, beta = needed(node, constants, 1, 1)[0], optional(constants, 2)
    if node.kind == "RMSNormalization":
        chain.add(node, kinds.RMSNormalization, {"scale": gamma}, epsilon=node.number("epsilon", 1e-5))
    else:
        weights = {"gamma": gamma} if beta is None else {"gamma": gamma, "beta": beta}
        chain.add(node, kinds.LayerNormalization, weights, epsilon=node.number("epsilon", 1e-5), center=beta is not None)
