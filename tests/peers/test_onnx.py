"""Models written as ONNX: what ONNX Runtime makes of them is what fastnn predicts."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from helpers import LAYER_OPTIONS, any_layer, samples, samples_for  # noqa: E402
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from random_models import inputs, models  # noqa: E402

import fastnn  # noqa: E402
from fastnn import activations, layers  # noqa: E402
from fastnn.activations.activation import Activation  # noqa: E402
from fastnn.activations.activation import activations as activation_catalogue  # noqa: E402
from fastnn.exchange.onnx import writing  # noqa: E402
from fastnn.layers import merging  # noqa: E402
from fastnn.layers.layer import layers as layer_catalogue  # noqa: E402

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
NEWEST = min(onnx.defs.onnx_opset_version(), 24)
"""What ONNX Runtime of the same age reads."""
REFUSED = {"Lambda": "takes no Python"}
"""The layers that aren't carried, and what the error says."""


def run(proto, x):
    """What ONNX Runtime computes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["output"], {"input": x})[0]


def deviation(got, expected):
    """Relative to the largest number expected."""
    assert got.shape == expected.shape and got.dtype == expected.dtype
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(finite, np.isfinite(got))
    return np.abs(got - expected)[finite].max(initial=0) / max(np.abs(expected[finite]).max(initial=0), 1e-30)


def check(model, x, tolerance=1e-6, **options):
    x = x.astype(model.dtype)
    proto = model.to_onnx(**options)
    onnx.checker.check_model(proto, full_check=True)
    assert deviation(run(proto, x), model.predict(x)) <= tolerance
    return proto


def varied(model, seed=3):
    """The model with other numbers than initializers give, positive where they divide."""
    rng = np.random.default_rng(seed)
    for p in model.weights:
        p.assign(rng.uniform(0.5, 2, p.shape) if p.name in ("moving_variance", "scale", "widths") else rng.normal(size=p.shape))
    return model


def of(*stack, features=(4,), dtype="float32"):
    return varied(fastnn.Sequential([fastnn.Input(features), *stack], dtype=dtype))


# ------------------------------------------------------------------------------------------------ what is carried

OTHER_PARAMETERS = {
    "relu": [{"max_value": 1.5}, {"negative_slope": 0.1}, {"threshold": 0.4}, {"negative_slope": 0.1, "max_value": 1.0, "threshold": 0.3}],
    "leaky_relu": [{"negative_slope": 1.7}],
    "threshold": [{"threshold": 0.3, "default_value": -2.0}],
    "hard_tanh": [{"min_value": -0.2, "max_value": 0.7}],
    "hard_shrink": [{"threshold": 0.1}],
    "soft_shrink": [{"threshold": 0.1}],
    "elu": [{"alpha": 0.3}],
    "celu": [{"alpha": 0.3}],
    "squareplus": [{"b": 0.5}, {"b": 0.0}],
    "gelu": [{"approximate": True}],
}


def test_each_parameter_is_tried():
    assert set(OTHER_PARAMETERS) == {name for name, member in activation_catalogue.members.items() if member.parameters}


@DTYPES
@pytest.mark.parametrize("opset", [17, 18, 20, NEWEST])
@pytest.mark.parametrize("name", activation_catalogue.members)
def test_every_activation(name, opset, dtype):
    x = samples(40, 6) * np.logspace(-2, 1, 40)[:, None]
    for parameters in [{}, *OTHER_PARAMETERS.get(name, [])]:
        layer = layers.Activation(activations.get(name).bind(**parameters))
        check(of(layer, features=(6,), dtype=dtype), x, 1e-6 if dtype == "float32" or "ge" in name else 1e-14, opset=opset)


@DTYPES
@pytest.mark.parametrize("name", sorted(layer_catalogue.members.keys() - {"InputLayer"}))
def test_every_layer_is_carried_or_refused_by_name(name, dtype, tmp_path):
    if name in REFUSED:
        model = fastnn.Sequential([fastnn.Input((4,)), layer_catalogue.members[name](np.abs, name="the_layer")])
        with pytest.raises(ValueError, match=f"'the_layer': {name} has no form in ONNX.*{REFUSED[name]}"):
            model.to_onnx(tmp_path / "model.onnx")
        assert not list(tmp_path.iterdir())
        return
    model = of(any_layer(name), dtype=dtype)
    check(model, samples_for(model.layers[0], 9, 4), 1e-6 if dtype == "float32" else 1e-7)


OPTIONS = [
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}),
    ("Dense", {"units": 6, "use_bias": False, "activation": "swiglu"}),
    ("BatchNormalization", {"center": False}),
    ("BatchNormalization", {"scale": False}),
    ("LayerNormalization", {"center": False}),
    ("LayerNormalization", {"scale": False, "epsilon": 0.1}),
    ("GroupNormalization", {"groups": -1}),
    ("GroupNormalization", {"groups": 2, "center": False, "scale": False}),
    ("PReLU", {}),
    ("Reshape", {"target_shape": (2, 1, 2)}),
    ("Normalization", {"invert": True}),
    ("Rescaling", {"scale": [0.5, -1.0, 2.0, 1.0], "offset": [0.0, 1.0, 2.0, 3.0]}),
    ("ActivationMix", {"activation": "linear"}),
    ("PCAWhitening", {"n_components": 2}),
    ("Residual", {"layers": [], "shortcut": []}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=[name for name, _ in OPTIONS])
def test_every_option(name, options):
    model = of(layer_catalogue.members[name](**options))
    check(model, samples_for(model.layers[0], 9, 4))


MATRICES = sorted(layer_catalogue.members.keys() - {"InputLayer", "Lambda", "GroupNormalization"})


@pytest.mark.parametrize("name", MATRICES)
def test_samples_with_several_axes(name):
    model = of(any_layer(name), features=(3, 4))
    check(model, samples_for(model.layers[0], 9, 3, 4))


def test_one_code_a_sample():
    model = of(layers.CategoryEncoding(5, "one_hot"), layers.Dense(2), features=(1,))
    check(model, np.arange(5)[:, None])


@DTYPES
@pytest.mark.parametrize("name", merging.merges.members)
def test_every_merge(name, dtype):
    def branch(seed):
        return layers.Dense(3, activation="tanh", kernel_initializer=fastnn.initializers.GlorotUniform(seed))

    for count in (1, 2, 3):
        model = of(layers.Parallel([branch(seed) for seed in range(count)], merge=name), layers.Dense(2), dtype=dtype)
        check(model, samples(9))


class Doubled(layers.Dense):
    """A dense layer of its own arguments."""

    def __init__(self, half, **options):
        super().__init__(2 * half, **options)
        self.half = half


def test_a_subclass_that_only_has_other_arguments_is_its_base():
    check(of(Doubled(3)), samples(9))


ROUNDING = 4
"""Where numbers cancel, both libraries are as far from the truth as float32 is."""
EXPONENTIAL = 2e-7
"""ONNX Runtime computes elu, selu and celu by ``exp(x) - 1``, which leaves errors of this size however small x is."""


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(models(steps=2, optimizers=["Adam"]), st.sampled_from([17, 18, NEWEST]), st.booleans())
def test_random_models(model, opset, fixed):
    x = inputs(model)
    got, expected = run(model.to_onnx(opset=opset, batch_size=len(x) if fixed else None), x), model.predict(x)
    exact = fastnn.Sequential.from_config({**model.get_config(), "dtype": "float64"})
    exact.set_weights(model.get_weights())
    truth = exact.predict(x.astype(np.float64))
    allowed = 1e-6 + ROUNDING * deviation(expected.astype(np.float64), truth) + EXPONENTIAL / max(np.abs(truth).max(initial=0), 1e-30)
    assert deviation(got, expected) <= allowed


# ------------------------------------------------------------------------------------------------- what it looks like


def classifier(**options):
    return of(
        layers.Flatten(name="flatten"),
        layers.Dense(5, activation="relu", name="hidden"),
        layers.Dropout(0.2, name="drop"),
        layers.BatchNormalization(name="norm"),
        layers.Residual([layers.Dense(5, name="inner")], name="around"),
        layers.LayerNormalization(name="last_norm"),
        layers.Dense(3, activation="softmax", name="out"),
        features=(2, 2),
        **options,
    )


def test_nodes_and_weights_have_the_layers_names():
    graph = classifier().to_onnx().graph
    assert [node.name for node in graph.node] == [
        "flatten/Flatten",
        "hidden/Gemm",
        "hidden/Relu",
        "norm/BatchNormalization",
        "around/inner/Gemm",
        "around/Add",
        "last_norm/LayerNormalization",
        "out/Gemm",
        "out/Softmax",
    ]
    names = {p.path for p in classifier().weights}
    assert {tensor.name for tensor in graph.initializer} == names and "around/inner/kernel" in names


@DTYPES
def test_the_file_says_what_it_is(dtype, tmp_path):
    model = classifier(dtype=dtype)
    model.metadata = {"author": "me", "classes": ["a", "b"], "digits": "5"}
    returned = model.to_onnx(tmp_path / "model.onnx", name="graph")
    proto = onnx.load(tmp_path / "model.onnx")
    assert proto == returned
    assert (proto.producer_name, proto.producer_version) == ("fastnn", fastnn.__version__)
    assert [(each.domain, each.version) for each in proto.opset_import] == [("", 17)] and proto.ir_version == 8
    assert proto.graph.name == "graph" and "hidden -> drop" in proto.doc_string
    properties = {each.key: each.value for each in proto.metadata_props}
    assert json.loads(properties.pop("fastnn")) == model.get_config()
    assert properties == {"author": "me", "classes": '["a", "b"]', "digits": '"5"'}
    kind = onnx.TensorProto.FLOAT if dtype == "float32" else onnx.TensorProto.DOUBLE
    ends = [(end.name, end.type.tensor_type) for end in (*proto.graph.input, *proto.graph.output)]
    assert [(name, tensor.elem_type) for name, tensor in ends] == [("input", kind), ("output", kind)]
    assert [[axis.dim_param or axis.dim_value for axis in tensor.shape.dim] for _, tensor in ends] == [["batch", 2, 2], ["batch", 3]]
    assert onnx.load_from_string(model.to_onnx(metadata={"a": 1}).SerializeToString()).metadata_props[1].value == "1"


def test_any_number_of_samples_or_a_fixed_one():
    model, x = classifier(), samples(8, 2, 2).astype(np.float32)
    proto = model.to_onnx()
    for n in (0, 1, 8):
        assert run(proto, x[:n]).shape == (n, 3)
    fixed = model.to_onnx(batch_size=2)
    assert fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2
    assert deviation(run(fixed, x[:2]), model.predict(x[:2])) < 1e-6


def test_a_model_that_does_nothing_is_a_graph_too():
    check(of(layers.Dropout(0.5)), samples(3))


def test_writing_changes_nothing():
    model = classifier()
    before = [w.tobytes() for w in model.get_weights()]
    assert model.to_onnx() == model.to_onnx()
    assert before == [w.tobytes() for w in model.get_weights()]


# ------------------------------------------------------------------------------------------------------- what is refused


class Squared(layers.Dense):
    def lower(self, program, x):
        return super().lower(program, x)


class Doubler(fastnn.Layer):
    def call(self, x):
        return 2 * x


class Last(merging.Add):
    @property
    def name(self):
        return "last"


def wave(z, a):
    """``sin(x)``."""
    np.sin(z, out=a)


OWN = {
    "'mine': Squared has no form in ONNX": lambda: Squared(2, name="mine"),
    "'mine': Doubler has no form": lambda: Doubler(name="mine"),
    "'mine': merge 'last' has no form in ONNX; there are add, subtract": lambda: layers.Parallel([[], []], merge=Last(), name="mine"),
    "'mine': activation 'wave' has no form in ONNX; there are": lambda: layers.Dense(2, activation=Activation(wave), name="mine"),
    "'around/mine': Doubler has no form": lambda: layers.Residual([Doubler(name="mine")], name="around"),
}


@pytest.mark.parametrize("said", OWN)
def test_what_a_user_wrote_is_refused_by_name(said, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=said):
        fastnn.Sequential([fastnn.Input((4,)), layers.Dense(4), OWN[said]()]).to_onnx(path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"] and path.read_bytes() == b"old"


BAD = [
    ({"opset": 16}, "opset must be an integer from 17"),
    ({"opset": 1000}, "opset must be"),
    ({"opset": True}, "opset must be"),
    ({"opset": "17"}, "opset must be"),
    ({"batch_size": 0}, "batch_size must be a positive integer"),
    ({"batch_size": 2.5}, "batch_size must be"),
    ({"metadata": {"fastnn": "x"}}, "choose another key"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_bad_arguments(options, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        classifier().to_onnx(tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_metadata_must_be_plain_data():
    with pytest.raises(TypeError, match=r"metadata\['a'\].*give text"):
        classifier().to_onnx(metadata={"a": object()})


def test_an_unbuilt_model_and_a_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="isn't built"):
        fastnn.Sequential([layers.Dense(2)]).to_onnx(tmp_path / "model.onnx")
    with pytest.raises(FileNotFoundError, match="folder doesn't exist"):
        classifier().to_onnx(tmp_path / "nowhere" / "model.onnx")


def test_a_model_too_large_for_a_file(monkeypatch):
    monkeypatch.setattr(writing, "LARGEST", 100)
    with pytest.raises(ValueError, match="2 GB"):
        classifier().to_onnx()


class Secret(fastnn.regularizers.Regularizer):
    """One that can't be described: it doesn't keep its argument."""

    def __init__(self, factor):
        pass

    def __call__(self, x):
        return 0.0

    def gradient(self, x):
        return 0 * x


def test_parts_of_training_that_cant_be_described_are_left_out():
    proto = check(of(layers.Dense(2, kernel_regularizer=Secret(math.pi))), samples(3))
    assert not proto.metadata_props


def test_each_layer_that_needs_options_is_tried():
    assert {name for name, _ in OPTIONS} | set(LAYER_OPTIONS) <= set(layer_catalogue.members)


# ---------------------------------------------------------------------------------------------------- the page about it

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"


def table(kind, rows):
    """The rows of the page's table: a name, and the operators it becomes."""
    lines = [f"| `{name}` | {' '.join(node.op_type for node in proto.graph.node)} |" for name, proto in sorted(rows.items())]
    return "\n".join([f"| {kind} | operators |", "| --- | --- |", *lines]).replace(" | Identity |", " | |")


def test_the_page_says_what_becomes_what():
    """When this fails, put what it prints into docs/onnx.md."""
    names = layer_catalogue.members.keys() - {"InputLayer", *REFUSED}
    carried = {name: of(any_layer(name), features=(2, 2) if name == "Flatten" else (4,)).to_onnx() for name in names}
    functions = {name: of(layers.Activation(name)).to_onnx() for name in activation_catalogue.members}
    expected = table("layer", carried) + "\n\n" + table("activation", functions) + "\n"
    assert PAGE.read_text(encoding="utf-8").endswith(f"\n\n{expected}"), expected


def test_the_pages_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {"__name__": "page"})
