"""Automatic differentiation of plain NumPy functions, in reverse and in forward mode."""

from fastnn.autodiff import rules
from fastnn.autodiff.check import check_gradient
from fastnn.autodiff.counting import count_operations
from fastnn.autodiff.declare import elementwise, known, linear
from fastnn.autodiff.derivatives import hessian, jacobian
from fastnn.autodiff.forward import jvp
from fastnn.autodiff.graph import Graph, Node, graph
from fastnn.autodiff.reverse import grad, value_and_grad, vjp
from fastnn.autodiff.traced import stop_gradient

__all__ = [
    "Graph",
    "Node",
    "check_gradient",
    "count_operations",
    "elementwise",
    "grad",
    "graph",
    "hessian",
    "jacobian",
    "jvp",
    "known",
    "linear",
    "rules",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
