"""Models read from ONNX: they predict what ONNX Runtime computes from the same file, whoever wrote it."""

import io
import warnings

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from helpers import samples  # noqa: E402
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from random_models import inputs, models  # noqa: E402

import fastnn  # noqa: E402
from fastnn import layers  # noqa: E402
from fastnn.exchange.onnx import chain  # noqa: E402
from fastnn.exchange.onnx.folding import folded, folds  # noqa: E402
from fastnn.exchange.onnx.functions import readers  # noqa: E402
from fastnn.exchange.onnx.parsing import Node  # noqa: E402

RNG = np.random.default_rng(0)


def node(kind, *inputs, **attributes):
    """A node that reads ``x`` first unless it says what, and puts out ``y``."""
    return helper.make_node(kind, inputs or ["x"], ["y"], "the_node", **attributes)


def graph(nodes, arrays=(), features=(4,), opset=17, kind=TensorProto.FLOAT, output="y", batch="n"):
    """A model of nodes from ``x`` to `output`, with initializers by name."""
    source = helper.make_tensor_value_info("x", kind, [batch, *features])
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(arrays).items()]
    made = helper.make_graph(nodes, "g", [source], [onnx.ValueInfoProto(name=output)], tensors)
    version = [helper.make_opsetid("", opset)]
    proto = helper.make_model(made, opset_imports=version, ir_version=helper.find_min_ir_version_for(version))
    return onnx.shape_inference.infer_shapes(proto)


def run(proto, x, output=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run([output or session.get_outputs()[0].name], {session.get_inputs()[0].name: x})[0]


def check(proto, x, tolerance=1e-6, output=None):
    """The model that `proto` is read as, once it predicts what ONNX Runtime computes."""
    model = fastnn.from_onnx(proto, output=output)
    expected = run(proto, x, output)
    got = model.predict(x.astype(model.dtype))
    assert got.shape == expected.shape
    assert np.abs(got - expected).max(initial=0) <= tolerance * max(np.abs(expected).max(initial=0), 1e-30)
    return model


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# ------------------------------------------------------------------------------------------------ files of our own


def same(a, b):
    assert a.get_config() == b.get_config() and a.metadata == b.metadata
    assert [w.tobytes() for w in a.get_weights()] == [w.tobytes() for w in b.get_weights()]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(models(steps=2, optimizers=["Adam"]), st.sampled_from([17, 18, 21]), st.booleans())
def test_our_own_files_are_the_models_they_were(model, opset, fixed):
    model.metadata = {"text": "a", "number": 5, "digits": "5", "nested": {"a": [1, None]}}
    again = fastnn.from_onnx(model.to_onnx(opset=opset, batch_size=3 if fixed else None).SerializeToString())
    same(model, again)
    x = inputs(model)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(models(steps=2, optimizers=["Adam"]), st.sampled_from([17, 18, 21]))
def test_without_their_configuration_they_predict_the_same_or_are_refused(model, opset):
    proto = model.to_onnx(opset=opset)
    del proto.metadata_props[:]
    try:
        again = fastnn.from_onnx(proto)
    except ValueError as error:
        assert str(error).startswith("from_onnx: node ")
        return
    x = inputs(model)
    got, expected = again.predict(x), model.predict(x)
    finite = np.isfinite(expected)
    assert np.abs(got - expected)[finite].max(initial=0) <= 1e-5 * max(np.abs(expected[finite]).max(initial=0), 1e-3)


def ours():
    model = fastnn.Sequential(
        [
            fastnn.Input((3, 4)),
            layers.Flatten(),
            layers.Dense(8, activation="gelu", name="first"),
            layers.LayerNormalization(),
            layers.Dropout(0.3),
            layers.Dense(6, activation="swiglu", use_bias=False),
            layers.BatchNormalization(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.set_weights([RNG.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    return model


def test_a_source_may_be_a_path_bytes_or_a_model(tmp_path):
    model = ours()
    proto = model.to_onnx(tmp_path / "model.onnx")
    for source in (
        tmp_path / "model.onnx",
        str(tmp_path / "model.onnx"),
        proto.SerializeToString(),
        bytearray(proto.SerializeToString()),
        proto,
    ):
        same(model, fastnn.from_onnx(source))


def test_new_numbers_in_our_file_count():
    proto = ours().to_onnx()
    kernel = next(tensor for tensor in proto.graph.initializer if tensor.name == "first/kernel")
    kernel.CopyFrom(numpy_helper.from_array(floats(12, 8), "first/kernel"))
    again = check(proto, floats(5, 3, 4))
    np.testing.assert_array_equal(again.get_layer("first").kernel.value, floats(12, 8))


def test_nodes_count_and_not_the_configuration_that_a_file_claims():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, activation="relu", name="hidden"), layers.Dropout(0.5)])
    proto = model.to_onnx()
    proto.graph.node[-1].op_type = "Tanh"
    again = check(proto, floats(5, 4))
    assert [layer.name for layer in again.layers] != ["hidden"] and kinds(again) == ["Dense"]
    huge = ours().to_onnx()
    entry = next(each for each in huge.metadata_props if each.key == "fastnn")
    entry.value = entry.value.replace('"units": 8', '"units": 80000000000')
    assert kinds(check(huge, floats(5, 3, 4)))[:2] == ["Flatten", "Dense"]
    entry.value = "{}"
    check(huge, floats(5, 3, 4))


# ----------------------------------------------------------------------------------------------------- each operator

VECTOR, POSITIVE = floats(4), np.abs(floats(4)) + 0.5
BATCH_NORM = {"g": POSITIVE, "b": VECTOR, "m": floats(4, seed=1), "v": POSITIVE}
W = {"w": floats(4, 3)}

CASES = {
    "Identity": [node("Identity")],
    "Dropout": [node("Dropout"), (node("Dropout", "x", "r", "t"), {"r": np.float32(0.5), "t": np.array(False)})],
    "Cast": [(node("Cast", to=TensorProto.FLOAT), {}, {"kind": TensorProto.DOUBLE})],
    "Transpose": [node("Transpose", perm=[0, 1])],
    "Flatten": [(node("Flatten"), {}, {"features": (3, 4)}), node("Flatten", axis=-1)],
    "Reshape": [
        (node("Reshape", "x", "s"), {"s": shape}, {"features": (3, 4), "batch": batch})
        for shape, batch in (([-1, 12], "n"), ([0, -1], "n"), ([0, 0, 2, 2], "n"), ([-1, 3, 4], "n"), ([5, 12], 5), ([5, -1, 6], 5))
    ],
    "Squeeze": [
        (node("Squeeze", "x", "a"), {"a": [1]}, {"features": (1, 4)}),
        (node("Squeeze", axes=[-1]), {}, {"features": (4, 1), "opset": 11}),
    ],
    "Unsqueeze": [(node("Unsqueeze", "x", "a"), {"a": [-1]}), (node("Unsqueeze", axes=[1]), {}, {"opset": 11})],
    "Gather": [
        (node("Gather", "x", "i", axis=1), {"i": [2, 0, 2]}),
        (node("Gather", "x", "i", axis=-1), {"i": [-1]}, {"features": (3, 4)}),
        (node("Gather", "w", "x"), {"w": floats(6, 2)}, {"kind": TensorProto.INT64}),
    ],
    "Gemm": [
        (node("Gemm", "x", "w", "b", alpha=alpha, beta=beta, transB=trans), {"w": floats(*((3, 4) if trans else (4, 3))), "b": bias})
        for alpha, beta in ((1.0, 1.0), (0.5, -2.0))
        for trans in (0, 1)
        for bias in (floats(3), floats(1, 3), floats(1), np.float32(0.7))
    ]
    + [(node("Gemm", "x", "w"), W)],
    "MatMul": [(node("MatMul", "x", "w"), W), (node("MatMul", "x", "w"), W, {"features": (3, 4)})],
    "Add": [(node("Add", *pair), {"c": c}) for pair in (("x", "c"), ("c", "x")) for c in (VECTOR, VECTOR[None], np.float32(2))],
    "Sub": [(node("Sub", *pair), {"c": VECTOR}) for pair in (("x", "c"), ("c", "x"))],
    "Mul": [(node("Mul", *pair), {"c": VECTOR}, {"features": (3, 4)}) for pair in (("x", "c"), ("c", "x"))],
    "Div": [(node("Div", "x", "c"), {"c": VECTOR})],
    "Neg": [node("Neg")],
    "Relu": [node("Relu")],
    "Sigmoid": [node("Sigmoid")],
    "Tanh": [node("Tanh")],
    "Softplus": [node("Softplus")],
    "Softsign": [node("Softsign")],
    "Exp": [node("Exp")],
    "HardSwish": [node("HardSwish")],
    "Mish": [(node("Mish"), {}, {"opset": 18})],
    "Elu": [node("Elu"), node("Elu", alpha=0.3)],
    "Celu": [node("Celu"), node("Celu", alpha=0.3)],
    "LeakyRelu": [node("LeakyRelu"), node("LeakyRelu", alpha=0.3)],
    "ThresholdedRelu": [node("ThresholdedRelu"), node("ThresholdedRelu", alpha=0.3)],
    "Softmax": [node("Softmax"), (node("Softmax", axis=2), {}, {"features": (3, 4)}), (node("Softmax"), {}, {"opset": 11})],
    "LogSoftmax": [node("LogSoftmax"), node("LogSoftmax", axis=1)],
    "Log": [[helper.make_node(kind, ["x"], ["h"]), node("Log", "h")] for kind in ("Softmax", "Sigmoid")],
    "Clip": [
        (node("Clip", *names), {"low": np.float32(low), "high": np.float32(high)})
        for names, low, high in (
            (("x", "low", "high"), 0, 6),
            (("x", "low", "high"), 0, 1),
            (("x", "low", "high"), -0.3, 0.5),
            (("x", "low"), 0, 1),
            (("x", "", "high"), 0, 0.3),
        )
    ]
    + [(node("Clip", min=-0.5, max=0.7), {}, {"opset": 7})],
    "Max": [(node("Max", "x", "c"), {"c": np.float32(0)}), (node("Max", "c", "x"), {"c": np.float32([0.3])})],
    "Min": [(node("Min", "x", "c"), {"c": np.float32(0.3)})],
    "HardSigmoid": [node("HardSigmoid"), node("HardSigmoid", alpha=1 / 6), node("HardSigmoid", alpha=1.0, beta=0.1)],
    "Selu": [node("Selu"), node("Selu", alpha=0.5, gamma=2.0)],
    "Gelu": [(node("Gelu", approximate=how), {}, {"opset": 20}) for how in ("none", "tanh")],
    "Swish": [(node("Swish"), {}, {"opset": 24})],
    "Shrink": [node("Shrink"), node("Shrink", lambd=0.3, bias=0.3)],
    "PRelu": [
        (node("PRelu", "x", "c"), {"c": c}, {"features": features}) for features in ((4,), (3, 4)) for c in (VECTOR, np.float32([0.3]))
    ],
    "BatchNormalization": [(node("BatchNormalization", "x", *"gbmv", epsilon=0.01), BATCH_NORM)],
    "LayerNormalization": [
        (node("LayerNormalization", "x", "g", epsilon=0.01), BATCH_NORM),
        (node("LayerNormalization", "x", "g", "b", axis=2), BATCH_NORM, {"features": (3, 4)}),
    ],
    "RMSNormalization": [(node("RMSNormalization", "x", "g"), BATCH_NORM, {"opset": 23})],
}
"""For each operator nodes from ``x`` to ``y``, the initializers, and what else the graph is."""

NOT_IN_RUNTIME = {"RMSNormalization", "Swish"}
"""Those that not every ONNX Runtime has: the reference of the package onnx computes them."""


def test_each_operator_has_a_case():
    assert set(CASES) == set(readers)


@pytest.mark.parametrize("name", CASES)
def test_each_operator(name):
    for case in CASES[name]:
        nodes, arrays, options = (*(case if isinstance(case, tuple) else (case, {})), {})[:3]
        proto = graph(nodes if isinstance(nodes, list) else [nodes], arrays, **options)
        shape = 5, *options.get("features", (4,))
        codes = options.get("kind") == TensorProto.INT64
        x = RNG.integers(0, 6, shape) if codes else floats(*shape).astype(np.float64 if options.get("kind") else np.float32)
        if name in NOT_IN_RUNTIME:
            expected = ReferenceEvaluator(proto).run(None, {"x": x})[0]
            np.testing.assert_allclose(fastnn.from_onnx(proto).predict(x), expected, rtol=1e-5, atol=1e-6)
        else:
            check(proto, x)


# --------------------------------------------------------------------------------------------------- what tools write


def test_kernels_left_of_what_they_multiply():
    x, w, b = floats(5, 4), floats(3, 4), floats(3, 1)
    turned = helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0])
    back = helper.make_node("Transpose", ["h"], ["y"], perm=[1, 0])
    product = helper.make_node("MatMul", ["w", "t"], ["z"])
    offset = helper.make_node("Add", ["z", "b"], ["a"])
    shape = helper.make_node("Relu", ["a"], ["h"])
    model = check(graph([turned, product, offset, shape, back], {"w": w, "b": b}), x)
    assert kinds(model) == ["Dense"]
    for trans in (0, 1):
        left = helper.make_node("Gemm", ["w", "x", "b"], ["h"], transA=trans, transB=1, alpha=0.5)
        check(graph([left, back], {"w": w.T if trans else w, "b": b}), x)
    with pytest.raises(ValueError, match="transposed"):
        fastnn.from_onnx(graph([turned, helper.make_node("MatMul", ["w", "t"], ["y"])], {"w": w}))


def scikit_learn(classes=3):
    """What skl2onnx writes for an MLPClassifier: a label and probabilities."""
    nodes = [
        helper.make_node("Cast", ["x"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["cast", "coefficient"], ["mul"]),
        helper.make_node("Add", ["mul", "intercepts"], ["add"]),
        helper.make_node("Relu", ["add"], ["next"]),
        helper.make_node("MatMul", ["next", "coefficient1"], ["mul1"]),
        helper.make_node("Add", ["mul1", "intercepts1"], ["add1"]),
        helper.make_node("Softmax", ["add1"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1),
    ]
    arrays = {
        "coefficient": floats(4, 6),
        "intercepts": floats(1, 6),
        "coefficient1": floats(6, classes),
        "intercepts1": floats(1, classes),
    }
    proto = graph(nodes, arrays, output="probabilities")
    proto.graph.output.insert(0, onnx.ValueInfoProto(name="label"))
    return onnx.shape_inference.infer_shapes(proto)


def test_a_classifier_with_a_label_and_probabilities():
    with pytest.raises(ValueError, match="outputs label, probabilities; choose one"):
        fastnn.from_onnx(scikit_learn())
    model = check(scikit_learn(), floats(7, 4), output="probabilities")
    assert kinds(model) == ["Dense", "Dense"] and model.layers[1].activation.name == "softmax" and model.layers[0].use_bias


def test_scaling_before_a_network():
    arrays = {"mean": VECTOR, "std": POSITIVE, **W}
    nodes = [helper.make_node("Sub", ["x", "mean"], ["c"]), helper.make_node("Div", ["c", "std"], ["s"]), node("MatMul", "s", "w")]
    model = check(graph(nodes, arrays), floats(6, 4))
    assert kinds(model) == ["Normalization", "Dense"]
    np.testing.assert_array_equal(model.layers[0].scale.value, POSITIVE)
    inverse = [helper.make_node("Mul", ["x", "std"], ["c"]), node("Add", "c", "mean")]
    check(graph(inverse, arrays), floats(6, 4))


def test_factors_after_layers_become_part_of_them():
    w = {"w": floats(4, 4), "c": VECTOR, **BATCH_NORM}
    for first, expected in (
        (node("MatMul", "x", "w"), "Dense"),
        (node("BatchNormalization", "x", *"gbmv"), "BatchNormalization"),
        (node("LayerNormalization", "x", "g"), "LayerNormalization"),
    ):
        first.name, first.output[0] = "first", "a"
        nodes = [first, helper.make_node("Mul", ["a", "c"], ["b2"]), helper.make_node("Sub", ["c", "b2"], ["d"]), node("Div", "d", "g")]
        assert kinds(check(graph(nodes, w), floats(6, 4))) == [expected]


def test_a_view_that_asks_for_the_number_of_samples():
    one = np.array([0], np.int64)
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n", "axes"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["target"], axis=0),
        node("Reshape", "x", "target"),
    ]
    arrays = {"zero": np.array(0), "axes": one, "rest": np.array([-1])}
    assert kinds(check(graph(nodes, arrays, features=(3, 4)), floats(6, 3, 4))) == ["Flatten"]


def test_constants_are_computed():
    c = {"c": floats(3, 4), "r": POSITIVE}
    nodes = [
        helper.make_node("Transpose", ["c"], ["ct"], perm=[1, 0]),
        helper.make_node("Constant", [], ["three"], value_float=3.0),
        helper.make_node("Mul", ["ct", "three"], ["w"]),
        helper.make_node("Sqrt", ["r"], ["root"]),
        helper.make_node("Reciprocal", ["root"], ["rstd"]),
        helper.make_node("Mul", ["x", "rstd"], ["scaled"]),
        node("MatMul", "scaled", "w"),
    ]
    check(graph(nodes, c), floats(5, 4))


def test_every_operator_of_constants_is_what_onnx_says():
    a, b = floats(2, 3), np.abs(floats(2, 3, seed=1)) + 1
    tried = {
        "Identity": ([a], {}),
        "Cast": ([a], {"to": TensorProto.DOUBLE}),
        "Transpose": ([a], {"perm": [1, 0]}),
        "Reshape": ([a, np.array([3, -1])], {}),
        "Squeeze": ([a[None], np.array([0])], {}),
        "Unsqueeze": ([a, np.array([0, 3])], {}),
        "Concat": ([a, b], {"axis": 1}),
        "Gather": ([a[0], np.array([2, 0])], {}),
        **{name: ([a, b], {}) for name in ("Add", "Sub", "Mul", "Div")},
        **{name: ([b], {}) for name in ("Sqrt", "Neg", "Reciprocal")},
    }
    assert set(tried) == set(folds) - {"Constant"}
    for name, (arrays, attributes) in tried.items():
        names = list("abc")[: len(arrays)]
        made = helper.make_node(name, names, ["y"], **attributes)
        ends = [[onnx.ValueInfoProto(name=each) for each in end] for end in (names, ["y"])]
        proto = helper.make_model(helper.make_graph([made], "g", *ends), opset_imports=[helper.make_opsetid("", 17)])
        expected = ReferenceEvaluator(proto).run(None, dict(zip(names, arrays, strict=True)))[0]
        np.testing.assert_array_equal(folded(Node(made), arrays), expected)


# ---------------------------------------------------------------------------------------------- torch's own exporter

UNKNOWN_TO_US = {"Hardshrink", "Softshrink"}
"""What torch writes in more nodes than are recognised."""


def torch_cases(nn):
    yield from (nn.ReLU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.Mish(), nn.ELU(0.7), nn.SELU(), nn.CELU(1.3))
    yield from (nn.LeakyReLU(0.03), nn.PReLU(), nn.PReLU(8), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Softplus(beta=2), nn.Softsign())
    yield from (nn.Hardswish(), nn.Hardsigmoid(), nn.Hardtanh(), nn.Hardtanh(-0.3, 2), nn.ReLU6(), nn.LogSigmoid(), nn.Tanhshrink())
    yield from (nn.GLU(), nn.Softmax(-1), nn.Softmax(1), nn.LogSoftmax(-1), nn.Softmin(-1), nn.RReLU(), nn.Hardshrink(), nn.Softshrink())
    yield from (nn.Dropout(0.5), nn.AlphaDropout(0.2), nn.Identity(), nn.Flatten())
    yield from (nn.BatchNorm1d(8), nn.BatchNorm1d(8, affine=False), nn.LayerNorm(8), nn.LayerNorm(8, elementwise_affine=False))


@pytest.mark.parametrize(("opset", "dtype"), [(11, "float32"), (14, "float32"), (17, "float32"), (17, "float64"), (18, "float32")])
def test_what_torch_exports(opset, dtype):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    x = torch.randn(7, 5, dtype=getattr(torch, dtype))
    for module in torch_cases(torch.nn):
        if opset == 11 and isinstance(module, torch.nn.CELU):  # torch writes it since 12
            continue
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
        network = torch.nn.Sequential(torch.nn.Linear(5, 8), module, torch.nn.Linear(4 if isinstance(module, torch.nn.GLU) else 8, 3))
        network = network.to(x.dtype).eval()
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(network, x, file, dynamo=False, opset_version=opset, input_names=["x"], dynamic_axes={"x": {0: "n"}})
        if type(module).__name__ in UNKNOWN_TO_US:
            with pytest.raises(ValueError, match=r"from_onnx: node '/1/.*no formula known"):
                fastnn.from_onnx(file.getvalue())
            continue
        expected = network(x).detach().numpy()
        got = fastnn.from_onnx(file.getvalue()).predict(x.numpy())
        assert got.dtype == expected.dtype
        assert np.abs(got - expected).max() <= (1e-6 if dtype == "float32" else 1e-7) * np.abs(expected).max(), module


# ------------------------------------------------------------------------------------------------------ what is refused


def two(kind_a, kind_b, last):
    return [helper.make_node(kind_a, ["x"], ["a"]), helper.make_node(kind_b, ["x"], ["b"]), node(last, "a", "b")]


def of_domain(domain):
    proto = graph([node("Relu")])
    proto.graph.node[0].domain = domain
    return proto


REFUSED = {
    "(Sin): fastnn has no such operator": lambda: graph([node("Sin")]),
    "(my.own.Relu): fastnn has no such": lambda: of_domain("my.own"),
    "(Add): paths that branched at 'x' meet there": lambda: graph(two("Relu", "Tanh", "Add")),
    "(Concat): paths that branched at 'x'": lambda: graph([*two("Relu", "Tanh", "Add")[:2], node("Concat", "a", "b", axis=1)]),
    "(Mul): paths that branched at 'x' meet there": lambda: graph([node("Mul", "x", "x")]),
    "(Gemm): its matrix of shape (3, 5)": lambda: graph([node("Gemm", "x", "w")], {"w": floats(3, 5)}),
    "(Gemm): it multiplies along the samples": lambda: graph([node("Gemm", "x", "w", transA=1)], W),
    "(MatMul): it multiplies along the samples": lambda: graph([node("MatMul", "w", "x")], {"w": floats(2, 5)}, batch=5),
    "(Add): its constant of shape (5, 4)": lambda: graph([node("Add", "x", "c")], {"c": floats(5, 4)}, batch=5),
    "(Add): its constant of shape (5,) is neither": lambda: graph([node("Add", "x", "c")], {"c": floats(5)}, features=(1,)),
    "(Mul): it multiplies by 0": lambda: graph([node("Mul", "x", "c")], {"c": np.float32(0)}),
    "(Div): it divides a constant by": lambda: graph([node("Div", "c", "x")], {"c": np.float32(1)}),
    "(Softmax): it works along axis 1": lambda: graph([node("Softmax", axis=1)], features=(3, 4)),
    "(Flatten): its axis must be 1": lambda: graph([node("Flatten", axis=0)]),
    "(Reshape): its shape [-1] doesn't keep samples apart": lambda: graph([node("Reshape", "x", "s")], {"s": [-1]}),
    "(Reshape): its shape [2, -1] doesn't keep": lambda: graph([node("Reshape", "x", "s")], {"s": [2, -1]}),
    "(Reshape): samples of shape (3, 4) can't become (4,)": lambda: graph([node("Reshape", "x", "s")], {"s": [-1, 4]}, features=(3, 4)),
    "(Squeeze): it moves the batch axis": lambda: graph([node("Squeeze")], features=(1, 4)),
    "(Unsqueeze): it moves the batch axis": lambda: graph([node("Unsqueeze", "x", "s")], {"s": [0]}),
    "(Transpose): it reorders axes": lambda: graph([node("Transpose", perm=[0, 2, 1])], features=(3, 4)),
    "(BatchNormalization): it is read for vectors": lambda: graph(
        [node("BatchNormalization", "x", *"gbmv")], {k: v[:3] for k, v in BATCH_NORM.items()}, features=(3, 4)
    ),
    "(Dropout): it is in training mode": lambda: graph([node("Dropout", "x", "r", "t")], {"r": np.float32(0.5), "t": np.array(True)}),
    "(Cast): it rounds numbers": lambda: graph([node("Cast", to=TensorProto.BOOL)]),
    "(Log): the logarithm is read after": lambda: graph([node("Log")]),
    "(Gather): it is neither the lookup": lambda: graph([node("Gather", "x", "i", axis=1)], {"i": 0}),
    "(Shrink): its bias": lambda: graph([node("Shrink", bias=0.2)]),
    "the mean was taken off": lambda: graph(
        [helper.make_node("ReduceMean", ["x"], ["m"], axes=[1]), helper.make_node("Sub", ["x", "m"], ["d"]), node("Relu", "d")]
    ),
    "no layer normalization follows": lambda: graph([helper.make_node("ReduceMean", ["x"], ["m"], axes=[1]), node("Sub", "x", "m")]),
    "output 'y' is transposed, or integers": lambda: graph([node("Cast", to=TensorProto.INT64)]),
    "(Relu): it puts out 'y', which is there": lambda: graph([node("Relu"), node("Relu", "y")]),
    "(Relu): it reads 'q', which nothing": lambda: graph([node("Relu", "q")]),
    "it computes with integers": lambda: graph([node("Neg")], kind=TensorProto.INT64),
    "(Sin): of constants only": lambda: graph([helper.make_node("Sin", ["c"], ["s"]), node("Add", "x", "s")], {"c": VECTOR}),
    "input 'x' must be float32": lambda: graph([node("Relu")], kind=TensorProto.FLOAT16),
    "0 where it isn't known": lambda: graph([node("Relu")], features=("k",)),
    "has the shape (0,)": lambda: graph([node("Relu")], features=()),
    "more than 16777216 numbers": lambda: graph([node("Relu")], features=(2**40,)),
    "opset 6, 7 is the oldest": lambda: graph([node("Relu")], opset=6),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_no_chain_of_layers_is_refused_by_name(said):
    with pytest.raises(ValueError) as caught:
        fastnn.from_onnx(REFUSED[said]())
    assert said in str(caught.value) and str(caught.value).startswith("from_onnx: ")


def test_several_inputs_are_refused():
    proto = graph([node("Relu")])
    proto.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2]))
    with pytest.raises(ValueError, match=r"2 inputs \(x, z\)"):
        fastnn.from_onnx(proto)
    with pytest.raises(ValueError, match="output 'nothing': no chain"):
        fastnn.from_onnx(graph([node("Relu")]), output="nothing")


def test_functions_and_sparse_arrays_are_refused():
    proto = graph([node("Relu")])
    proto.functions.add(name="f", domain="d")
    with pytest.raises(ValueError, match="inline them"):
        fastnn.from_onnx(proto)
    proto = graph([node("Relu")])
    proto.graph.sparse_initializer.add()
    with pytest.raises(ValueError, match="make them dense"):
        fastnn.from_onnx(proto)


# -------------------------------------------------------------------------------------- files that mean no good


@pytest.mark.parametrize("source", [b"", b"hello", b"\x00" * 100, bytes(range(256)), b"\x08\x08"])
def test_what_isnt_onnx(source):
    with pytest.raises(ValueError, match="no ONNX model, or it is damaged"):
        fastnn.from_onnx(source)


def test_a_missing_file_and_another_kind_of_source(tmp_path):
    for missing in (tmp_path / "no.onnx", tmp_path):
        with pytest.raises(FileNotFoundError, match="no ONNX file at"):
            fastnn.from_onnx(missing)
    with pytest.raises(TypeError, match=r"a path, bytes or an onnx.ModelProto, got int"):
        fastnn.from_onnx(5)


def test_other_files_are_never_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(floats(4, 3).tobytes())
    proto = graph([node("MatMul", "x", "w")], W)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(secret))
    with pytest.raises(ValueError, match="tensor 'w' lies in another file"):
        fastnn.from_onnx(proto)
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    with pytest.raises(ValueError, match="lies in another file"):
        fastnn.from_onnx(graph([constant, node("MatMul", "x", "w")]))


def tensor_of(**fields):
    made = numpy_helper.from_array(floats(4, 3), "w")
    for name, value in fields.items():
        made.ClearField(name)
        getattr(made, name).extend(value) if isinstance(value, list) else setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "fields",
    [{"dims": [2**40, 3]}, {"dims": [-1, 3]}, {"dims": [4, 4]}, {"raw_data": b"abc"}, {"data_type": TensorProto.STRING}, {"data_type": 99}],
)
def test_arrays_that_arent_what_they_say(fields):
    proto = graph([node("MatMul", "x", "w")], W)
    proto.graph.initializer[0].CopyFrom(tensor_of(**fields))
    with pytest.raises(ValueError, match="tensor 'w' is damaged, or no array of numbers"):
        fastnn.from_onnx(proto)


def doubling(kind, count, **attributes):
    nodes = [helper.make_node(kind, [f"c{i}", f"c{i}"], [f"c{i + 1}"], **attributes) for i in range(count)]
    return graph([*nodes, node("Add", "x", f"c{count}")], {"c0": VECTOR})


def shared(count):
    nodes = [helper.make_node("MatMul", ["x" if i == 0 else f"h{i}", "w"], [f"h{i + 1}"]) for i in range(count)]
    return graph(nodes, {"w": floats(400, 400)}, features=(400,), output=f"h{count}")


def powers(count, kind):
    """``x`` by itself again and again, and a sum that needs it to the end."""
    nodes = [helper.make_node(kind, ["x" if i == 0 else f"a{i}"] * 2, [f"a{i + 1}"]) for i in range(count)]
    return graph([*nodes, node("Max", f"a{count}", "x")])


def tangled(count):
    """Paths that meet and part at each step, without ever being one."""
    nodes = [helper.make_node("Add", ["x", "x"], ["a0"])]
    for i in range(count):
        nodes.append(helper.make_node("Mul", [f"a{i}", "x"], [f"a{i + 1}"]))
    return graph([*nodes, node("Mul", f"a{count}", "x")])


@pytest.mark.parametrize(
    "make",
    [
        lambda: doubling("Concat", 60, axis=0),
        lambda: shared(400),
        lambda: powers(35, "Mul"),
        lambda: powers(35, "Add"),
        lambda: powers(35, "Max"),
        lambda: tangled(30),
        lambda: tangled(3000),
        lambda: graph([node("Add", "x", "c")], {"c": np.zeros((1, 0), np.float32)}),
        lambda: graph([helper.make_node("Add", ["a", "b"], ["c"]), node("Add", "x", "c")], {"a": floats(3000, 1), "b": floats(1, 3000)}),
    ],
    ids=["concat", "shared", "products", "sums", "functions", "tangled", "long", "empty", "broadcast"],
)
def test_files_that_would_take_more_than_they_hold(make):
    with pytest.raises(ValueError, match=r"from_onnx: node"):
        fastnn.from_onnx(make())


def test_the_largest_sample_is_one_that_can_be_scaled():
    assert chain.LARGEST_SAMPLE * 8 < 2**30


def damaged(contents, rng):
    """The bytes with some flipped, replaced, left out, or cut off."""
    made = bytearray(contents)
    start, length = int(rng.integers(len(made))), int(rng.integers(1, 40))
    match rng.integers(4):
        case 0:
            for place in rng.integers(0, len(made), rng.integers(1, 8)):
                made[place] = rng.integers(256)
        case 1:
            made[start] ^= 1 << int(rng.integers(8))
        case 2:
            del made[start : start + length]
        case 3:
            del made[start:]
    return bytes(made)


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_refused(configured):
    proto = ours().to_onnx()
    if not configured:
        del proto.metadata_props[:]
    contents, rng = proto.SerializeToString(), np.random.default_rng(1)
    outcomes = set()
    for _ in range(1500):
        try:
            outcomes.add(type(fastnn.from_onnx(damaged(contents, rng))))
        except ValueError as error:
            assert str(error).startswith(("from_onnx: ", "layer "))
            outcomes.add(ValueError)
    assert outcomes == {fastnn.Sequential, ValueError}


def test_a_model_read_is_trained_on(tmp_path):
    model = check(scikit_learn(), floats(7, 4), output="probabilities")
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.evaluate(samples(20), np.arange(20) % 3, verbose=0)
    model.fit(samples(20), np.arange(20) % 3, epochs=5, verbose=0)
    assert model.evaluate(samples(20), np.arange(20) % 3, verbose=0) < before
    model.save(tmp_path / "model.fnn")
    same(fastnn.load_model(tmp_path / "model.fnn"), model)
