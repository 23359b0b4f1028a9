"""Models as C: compiled by every compiler there is, and compared with what the model predicts."""

import itertools
import subprocess
import zlib

import numpy as np
import pytest
import random_models
from c_models import DTYPES, PRECISIONS, STRICT, UNDEFINED, Compiled, compiler, model_with, off, run
from helpers import any_layer, model_of, samples
from hypothesis import HealthCheck, Phase, given, settings

import fastnn
from fastnn import layers
from fastnn.activations import activations
from fastnn.exchange.c.writing import source
from fastnn.layers import Activation, Dense, Parallel, Reshape
from fastnn.layers.categories import CodeLayer
from fastnn.layers.layer import layers as layer_catalogue
from fastnn.layers.merging import merges
from fastnn.layers.nested import every_layer

LAYERS = sorted(layer_catalogue.members.keys() - {"Lambda", "InputLayer"})
ACTIVATIONS, MERGES = sorted(activations.members), sorted(merges.members)  # now, as other tests register their own
gelu_by_tanh = activations.find("gelu").bind(approximate=True)


def every_stack():
    """A name, layers and features for each layer, activation and merge of the catalogues."""
    for name in LAYERS:
        for features in (4,), (3, 4):
            if not (name == "GroupNormalization" and len(features) > 1):
                yield f"{name} {features}", [lambda name=name: any_layer(name)], features
    for name in ACTIVATIONS:
        yield name, [lambda name=name: Activation(name)], (2, 6)
    for name in MERGES:
        parts = [[], [Dense(4, "tanh"), Dense(4)], [Activation("tanh")], [Activation("sigmoid"), Activation("elu")]]
        yield f"{name} of branches", [lambda parts=parts, name=name: Parallel(parts, name)], (3, 4)


STACKS = {
    "output is the input": [layers.Flatten],
    "output is a part": [lambda: Parallel([[], Activation("relu")]), lambda: Reshape((4, 2))],
    "deep": [lambda: Dense(9, "relu"), *[lambda: Dense(9, "gelu")] * 4, lambda: Dense(2)],
    "nested": [lambda: Parallel([[Dense(3), Parallel([[], Dense(2, "tanh")])], Dense(4), []]), lambda: layers.Residual([Dense(13)])],
    "batch normalization folded": [
        lambda: Dense(8),
        layers.BatchNormalization,
        lambda: Dense(5, use_bias=False),
        layers.BatchNormalization,
    ],
    "wide": [lambda: Dense(70, "relu"), lambda: Dense(33), lambda: Dense(17, "tanh"), lambda: Dense(7), lambda: Dense(1)],
    "one hot": [lambda: layers.CategoryEncoding(5, "one_hot")],
    "counts": [lambda: layers.CategoryEncoding(5, "count"), lambda: Dense(2)],
    "gelu by tanh": [lambda: Activation(gelu_by_tanh)],
    "relu without bound": [lambda: layers.ReLU(negative_slope=0.1), lambda: layers.ReLU(threshold=0.5)],
    "columns and categories": [
        lambda: Parallel(
            [
                [layers.Columns([0, 1]), layers.Normalization(mean=1.0, variance=4.0)],
                [layers.Columns([2]), layers.Embedding(5, 3), layers.Flatten()],
            ]
        )
    ],
    "inverted scaling": [lambda: Dense(4), lambda: layers.Normalization(mean=1.0, variance=4.0, invert=True)],
}


def every_model():
    stacks = [*every_stack(), *((name, make, (4,)) for name, make in STACKS.items())]
    for i, (name, make, features) in enumerate(stacks):
        yield f"{name} {(dtype := DTYPES[i % 2])}", model_with(make, features, dtype, seed=zlib.crc32(name.encode()))


def takes_codes(model):
    return any(isinstance(layer, CodeLayer) for layer in every_layer(model.layers))


def inputs(model, scale=1.0):
    """Samples that a model takes: codes where it wants such."""
    x = scale * samples(9, *model.input_shape[1:])
    return (np.random.default_rng(0).integers(0, 5, x.shape) if takes_codes(model) else x).astype(model.dtype)


@pytest.fixture(scope="module", params=[["gcc", "-O0", *UNDEFINED], ["clang", "-O0"]], ids=["gcc", "clang"])
def catalogue(request, tmp_path_factory):
    """All of it, in both dtypes, by one compiler without a warning."""
    command = [compiler(request.param[0]), *STRICT, *request.param[1:]]
    names, models = zip(*every_model(), strict=True)
    return names, Compiled(models, tmp_path_factory.mktemp("c"), *command)


def test_the_whole_catalogue_equals_predict(catalogue):
    names, compiled = catalogue
    bad = {}
    for i, (name, model) in enumerate(zip(names, compiled.models, strict=True)):
        x = inputs(model)
        expected = model.predict(x)
        for real, dtype in PRECISIONS.items():
            limit = 2e-13 if dtype == model.dtype == "float64" else 1e-6
            if not (deviation := off(compiled(i, x, real), expected)) <= limit:
                bad[name, real] = deviation
    assert bad == {}


def test_extremes_and_nan_as_in_predict(catalogue):
    """But for codes too small to be told from 0: fastnn takes denormal numbers for 0."""
    names, compiled = catalogue
    bad = []
    for i, (name, model) in enumerate(zip(names, compiled.models, strict=True)):
        special = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e9, -0.0, 0.0 if takes_codes(model) else 1e-40, 5, 0.5, -1], model.dtype)
        x = np.zeros((2 * len(special), *model.input_shape[1:]), model.dtype)
        x[: len(special)].reshape(len(special), -1)[:, 0] = special
        x[len(special) :].reshape(len(special), -1)[...] = special[:, None]
        with np.errstate(all="ignore"):
            got, expected = compiled(i, x, "float" if model.dtype == "float32" else "double"), model.freeze()(x)
            same = np.isclose(got, expected, rtol=1e-3, atol=1e-5, equal_nan=True)
        if not same.all():
            bad.append((name, x[np.argwhere(~same)[0][0]], got[~same][0], expected[~same][0]))
    assert bad == []


@pytest.mark.parametrize("name", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O2", "-O3", "-Os"])
def test_optimized_without_a_warning(name, level, tmp_path):
    """Sizes around the eights and fours that products go by; with the sizes known, gcc looks into each loop."""
    chains = [(4, 16, 1), (10, 64, 64, 1), (1, 8, 9, 7, 2), (3, 13, 20, 12, 5), (15, 11, 33, 10), (28, 8, 4)]
    made = [model_with([lambda m=m: Dense(m, "relu") for m in units[1:]], units[:1], "float32", seed=3) for units in chains]
    compiled = Compiled(made, tmp_path, compiler(name), *STRICT, level)
    for i, model in enumerate(made):
        for real in PRECISIONS:
            assert off(compiled(i, inputs(model), real), model.predict(inputs(model))) <= 1e-6


TRUTH = {"tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "elu": lambda x: np.where(x > 0, x, np.expm1(x))}


@pytest.mark.parametrize(("units", "flags"), [(4, ["-O1"]), (400, ["-O3", "-ffast-math"])])
def test_exponentials_to_a_few_units_in_the_last_place(units, flags, tmp_path):
    """They are our own; the truth is NumPy's in the highest precision that the machine has. Fast math costs digits of what is near 0."""
    made = [model_of(lambda name=name: Activation(name), features=(1,), dtype="float64") for name in TRUTH]
    compiled = Compiled(made, tmp_path, compiler("gcc"), *flags)
    size = 10 ** np.random.default_rng(0).uniform(-9, 1.9, 20000)
    x = np.concatenate([size, -size, np.linspace(-86, 86, 20001)])[:, None]
    for (real, dtype), (i, truth) in itertools.product(PRECISIONS.items(), enumerate(TRUTH.values())):
        given, eps = x.astype(dtype), np.finfo(dtype).eps
        atol = eps if "-ffast-math" in flags else 0
        np.testing.assert_allclose(compiled(i, given, real), truth(given.astype(np.longdouble)), rtol=units * eps, atol=atol)


def test_random_models(tmp_path):
    """Drawn by hypothesis, compiled at once."""
    drawn = []

    @settings(
        max_examples=25, database=None, derandomize=True, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(random_models.models(steps=1))
    def collect(model):
        drawn.append(model)

    collect()
    compiled = Compiled(drawn, tmp_path, compiler("gcc"), *STRICT, "-O1")
    for i, model in enumerate(drawn):
        x = inputs(model)
        expected = model.predict(x)
        for real in PRECISIONS:
            assert off(compiled(i, x, real), expected) <= (2e-6 if real == "float" or model.dtype == "float32" else 1e-12), (
                model.get_config()
            )


# -------------------------------------------------------------------------------------- one model of everything


def zoo(dtype="float32"):
    """A model whose branches are all activations and layers that take samples of 4 features."""
    kinds = [name for name in LAYERS if not issubclass(layer_catalogue.members[name], CodeLayer)]
    stack = [any_layer(name) for name in kinds] + [Activation(name) for name in ACTIVATIONS]
    for number, layer in enumerate(stack):
        layer.name = f"part_{number}"
    return model_with(
        [lambda: Parallel([[layer, layers.Flatten()] for layer in stack]), lambda: Dense(12, "tanh"), lambda: Dense(3)], (4,), dtype
    )


@pytest.fixture(scope="module")
def zoo_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "zoo.c"
    zoo().to_c(path, name="zoo")
    return path


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("gcc", ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]),
        ("gcc", ["-O2"]),
        ("gcc", ["-O3", "-ffast-math", "-march=native"]),
        ("clang", ["-O3", "-ffast-math"]),
        ("gcc", ["-Os", "-DZOO_FLOAT_ONLY", "-Wdouble-promotion"]),
        ("clang", ["-O0", "-DZOO_DOUBLE_ONLY"]),
    ],
)
def test_it_tests_itself(name, flags, zoo_file, tmp_path):
    run(compiler(name), *STRICT, *flags, "-DZOO_MAIN", zoo_file, "-o", tmp_path / "zoo", "-lm")
    printed = run(tmp_path / "zoo")
    assert printed.endswith("passed\n") and ("float:" in printed) == ("-DZOO_DOUBLE_ONLY" not in flags)
    assert ("double:" in printed) == ("-DZOO_FLOAT_ONLY" not in flags)


def test_a_model_in_double_for_a_board_without(tmp_path):
    model_with([lambda: Dense(9, "gelu"), lambda: Dense(3)], (4,), "float64").to_c(tmp_path / "model.c")
    command = [compiler("gcc"), "-std=c99", "-Wall", "-Wextra", "-Wdouble-promotion", "-Werror", "-DMODEL_FLOAT_ONLY", "-DMODEL_MAIN"]
    run(*command, tmp_path / "model.c", "-o", tmp_path / "model", "-lm")
    assert run(tmp_path / "model").startswith("float: off by")


@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_it_is_cpp_too(name, zoo_file, tmp_path):
    command = [compiler(name), "-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-DZOO_MAIN"]
    run(*command, zoo_file, "-o", tmp_path / "zoo", "-lm")
    assert run(tmp_path / "zoo").endswith("passed\n")


def test_the_self_test_finds_a_changed_weight(tmp_path):
    model = model_with([lambda: Dense(3)], (4,), "float32")
    text = source(model)
    first = str(model.get_weights()[0].T.flat[-1])
    assert text.count(f"{first}f") == 1
    (tmp_path / "model.c").write_text(text.replace(f"{first}f", "9.0f"))
    run(compiler("gcc"), "-DMODEL_MAIN", tmp_path / "model.c", "-o", tmp_path / "model")
    done = subprocess.run([tmp_path / "model"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout.endswith("FAILED\n")


def test_main_predicts_what_it_reads(tmp_path):
    model = model_with([lambda: Dense(3, "softmax")], (4,), "float64")
    model.to_c(tmp_path / "model.c")
    run(compiler("gcc"), *STRICT, "-DMODEL_MAIN", tmp_path / "model.c", "-o", tmp_path / "model", "-lm")
    x = samples(5)
    lines = "\n".join(f"{a!s}, {b!s};{c!s} {d!s}" for a, b, c, d in x)
    printed = run(tmp_path / "model", "-", input=lines)
    np.testing.assert_allclose([[float(word) for word in line.split()] for line in printed.splitlines()], model.predict(x), rtol=1e-8)
    done = subprocess.run([tmp_path / "model", "-"], input="1 2 3", capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "expected 4 numbers a sample" in done.stderr


def test_outputs_that_are_infinite_pass_the_self_test(tmp_path):
    model = model_of(lambda: Dense(3, "exponential", kernel_initializer=fastnn.initializers.Constant(1e4)), features=(4,), dtype="float32")
    assert np.isinf(model.predict(samples(4))).any()
    model.to_c(tmp_path / "model.c")
    run(compiler("gcc"), *STRICT, "-DMODEL_MAIN", tmp_path / "model.c", "-o", tmp_path / "model", "-lm")
    assert run(tmp_path / "model").endswith("passed\n")


def test_columns_beyond_what_a_short_counts(tmp_path):
    model = model_of(lambda: layers.Columns([70000, 3]), features=(70001,), dtype="float32")
    compiled = Compiled([model], tmp_path, compiler("gcc"), *STRICT)
    x = np.arange(70001, dtype="float32")[None]
    assert compiled(0, x, "float").tolist() == [[70000, 3]]
