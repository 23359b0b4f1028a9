"""ONNX Runtime, on a model of Gemm, activation and Softmax nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.rivals import predicts
from benchmarks.peers.workloads import Network, Prediction

_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}
_OPSET, _IR = 17, 8  # old enough for any runtime of the last years


def _graph(network: Network) -> onnx.GraphProto:
    nodes, constants, last = [], [], len(network.weights) - 1
    x = "x"
    for i, (w, b) in enumerate(network.weights):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [x, f"w{i}", f"b{i}"], [f"z{i}"]))
        x = f"z{i}"
        if i < last or network.classifies:
            nodes.append(helper.make_node(_ACTIVATIONS[network.activation] if i < last else "Softmax", [x], [f"a{i}"]))
            x = f"a{i}"
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", m]) for n, m in (("x", network.units[0]), (x, network.units[-1]))]
    return helper.make_graph(nodes, "network", ends[:1], ends[1:], constants)


def session(network: Network) -> onnxruntime.InferenceSession:
    """The network in ONNX Runtime, on one thread."""
    model = helper.make_model(_graph(network), opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@predicts("ONNX Runtime")
def predictor(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    running = session(workload.network)
    names = [running.get_outputs()[0].name]
    return lambda x: running.run(names, {"x": x})[0]
