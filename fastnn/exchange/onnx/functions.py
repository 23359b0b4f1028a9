"""What single nodes that are activations become; the other operators are in `nodes`."""

from __future__ import annotations

import math

import numpy as np

from fastnn import activations
from fastnn import layers as kinds
from fastnn.exchange.onnx.chain import Chain
from fastnn.exchange.onnx.nodes import Constants, needed, needed_one, optional, readers, reads
from fastnn.exchange.onnx.parsing import Node

__all__ = ["readers"]


def number(node: Node, array: np.ndarray | None, default: float) -> float:
    """A constant that is one number."""
    if array is not None and array.size != 1:
        raise node.refused(f"expected one number, got an array of shape {array.shape}")
    return default if array is None else float(str(array.reshape(())[()]))


def activation(kind: str, name: str, **parameters: tuple[str, float]) -> None:
    """Add an operator that is an activation; with each of its parameters, the attribute that it is there and its default there."""

    def read(chain: Chain, node: Node, constants: Constants) -> None:
        chain.activate(node, name, **{parameter: node.number(*attribute) for parameter, attribute in parameters.items()})

    readers[kind] = read


activation("Relu", "relu")
activation("Sigmoid", "sigmoid")
activation("Tanh", "tanh")
activation("Softplus", "softplus")
activation("Softsign", "softsign")
activation("Exp", "exponential")
activation("HardSwish", "hard_silu")
activation("Mish", "mish")
activation("Elu", "elu", alpha=("alpha", 1.0))
activation("Celu", "celu", alpha=("alpha", 1.0))
activation("LeakyRelu", "leaky_relu", negative_slope=("alpha", 0.01))
activation("ThresholdedRelu", "threshold", threshold=("alpha", 1.0))


@reads("Softmax", "LogSoftmax")
def softmax(chain: Chain, node: Node, constants: Constants) -> None:
    chain.check_last(node, node.whole("axis", 1 if chain.opset < 13 else -1))
    chain.activate(node, "softmax" if node.kind == "Softmax" else "log_softmax")


@reads("Log")
def log(chain: Chain, node: Node, constants: Constants) -> None:
    before = chain.steps[-1].options if chain.steps else {}
    name = getattr(before.get("activation"), "name", None)
    if name not in ("softmax", "sigmoid"):
        raise node.refused("the logarithm is read after softmax and sigmoid alone")
    before["activation"] = activations.get(f"log_{name}")


def clip(chain: Chain, node: Node, low: float, high: float) -> None:
    """Append the bounds as the activation that they make."""
    if low == 0:
        chain.activate(node, *(["relu6"] if high == 6 else ["relu"]), **({} if high in (6, math.inf) else {"max_value": high}))
    else:
        chain.activate(node, "hard_tanh", min_value=low, max_value=high)


@reads("Clip")
def clipped(chain: Chain, node: Node, constants: Constants) -> None:
    low, high = (node.number(name, bound) for name, bound in (("min", -math.inf), ("max", math.inf)))
    clip(chain, node, number(node, optional(constants, 1), low), number(node, optional(constants, 2), high))


@reads("Max", "Min")
def bounded(chain: Chain, node: Node, constants: Constants) -> None:
    a, b = needed_one(node, constants)
    bound = number(node, a if b is None else b, 0.0)
    clip(chain, node, *((bound, math.inf) if node.kind == "Max" else (-math.inf, bound)))


@reads("HardSigmoid")
def hard_sigmoid(chain: Chain, node: Node, constants: Constants) -> None:
    slope, offset = node.number("alpha", 0.2), node.number("beta", 0.5)
    if math.isclose(slope, 1 / 6, rel_tol=1e-6) and offset == 0.5:
        chain.activate(node, "hard_sigmoid")
    else:
        chain.affine(node, slope, offset)
        clip(chain, node, 0.0, 1.0)


@reads("Selu")
def selu(chain: Chain, node: Node, constants: Constants) -> None:
    alpha, gamma = node.number("alpha", 1.6732632), node.number("gamma", 1.050701)
    if math.isclose(alpha, 1.6732632, rel_tol=1e-6) and math.isclose(gamma, 1.050701, rel_tol=1e-6):
        chain.activate(node, "selu")
    else:
        chain.activate(node, "elu", alpha=alpha)
        chain.affine(node, gamma)


@reads("Gelu")
def gelu(chain: Chain, node: Node, constants: Constants) -> None:
    chain.activate(node, "gelu", approximate=node.attributes.get("approximate", "none") == "tanh")


@reads("Swish")
def swish(chain: Chain, node: Node, constants: Constants) -> None:
    if node.number("alpha", 1.0) != 1:
        raise node.refused("its alpha must be 1")
    chain.activate(node, "silu")


@reads("Shrink")
def shrink(chain: Chain, node: Node, constants: Constants) -> None:
    bound, bias = node.number("lambd", 0.5), node.number("bias", 0.0)
    if bias not in (0, bound):
        raise node.refused("its bias must be 0 or its lambd")
    chain.activate(node, "soft_shrink" if bias else "hard_shrink", threshold=bound)


@reads("PRelu")
def prelu(chain: Chain, node: Node, constants: Constants) -> None:
    chain.check_upright(node)
    alpha = chain.vector(node, needed(node, constants, 1, 1)[0])
    shared = len(chain.features) - bool(alpha.ndim)
    shape = (1,) * shared + (alpha.shape if alpha.ndim else ())
    chain.add(node, kinds.PReLU, {"alpha": alpha.reshape(shape)}, shared_axes=list(range(1, shared + 1)) or None)
