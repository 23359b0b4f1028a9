"""Models as C: compiled by every compiler there is, and compared with what the model predicts."""

import ctypes
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers import any_layer, model_of, samples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import layers
from fastnn.activations import activations
from fastnn.backend import op
from fastnn.cli import main
from fastnn.exchange.c import elementwise, rowwise
from fastnn.exchange.c.form import forms
from fastnn.exchange.c.layout import packed
from fastnn.exchange.c.writing import source
from fastnn.layers import Activation, Dense, Parallel, Reshape
from fastnn.layers.categories import CodeLayer
from fastnn.layers.layer import layers as layer_catalogue
from fastnn.layers.merging import merges
from fastnn.layers.nested import every_layer

gelu_by_tanh = activations.find("gelu").bind(approximate=True)
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
PRECISIONS = {"float": np.dtype("float32"), "double": np.dtype("float64")}
DTYPES = ["float32", "float64"]
UNDEFINED = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]


def compiler(name):
    path = shutil.which(name)
    return path or pytest.skip(f"the compiler {name} isn't installed")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Compiled:
    """Models compiled into one library, by number."""

    def __init__(self, models, folder, *command):
        text = "".join(source(model, f"m{i}") for i, model in enumerate(models))
        (folder / "models.c").write_text(text)
        run(*command, "-fPIC", "-c", folder / "models.c", "-o", folder / "models.o")
        run(command[0], "-shared", folder / "models.o", "-o", folder / "models.so", "-lm")  # without flags that would reach this process
        self.models, self.library = models, ctypes.CDLL(str(folder / "models.so"))

    def __call__(self, i, x, real):
        dtype = PRECISIONS[real]
        x = np.ascontiguousarray(x, dtype)
        y = np.full((len(x), *self.models[i].output_shape[1:]), 77, dtype)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, y)]
        getattr(self.library, f"m{i}_predict_{real}_batch")(*pointers, ctypes.c_size_t(len(x)))
        return y


def model_with(make, features, dtype, seed=0):
    """A model whose every parameter was drawn; scales and variances are positive."""
    model = model_of(*make, features=features, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=p.shape) / np.sqrt(p.shape[0] if len(p.shape) == 2 else 1) for p in model.weights]
    model.set_weights(
        [np.abs(w) + 0.2 if re.search("variance|scale|widths", p.path) else w for w, p in zip(drawn, model.weights, strict=True)]
    )
    return model


def every_stack():
    """A name, layers and features for each layer, activation and merge of the catalogues."""
    for name in sorted(layer_catalogue.members.keys() - {"Lambda", "InputLayer"}):
        for features in (4,), (3, 4):
            if not (name == "GroupNormalization" and len(features) > 1):
                yield f"{name} {features}", [lambda name=name: any_layer(name)], features
    for name in sorted(activations.members):
        yield name, [lambda name=name: Activation(name)], (2, 6)
    for name in sorted(merges.members):
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
        yield f"{name} {(dtype := DTYPES[i % 2])}", model_with(make, features, dtype, seed=i)


def takes_codes(model):
    return any(isinstance(layer, CodeLayer) for layer in every_layer(model.layers))


def inputs(model, scale=1.0):
    """Samples that a model takes: codes where it wants such."""
    x = scale * samples(9, *model.input_shape[1:])
    return (np.random.default_rng(0).integers(0, 5, x.shape) if takes_codes(model) else x).astype(model.dtype)


def off(got, expected):
    """The largest deviation, relative to the largest number."""
    expected = np.asarray(expected, np.float64)
    return np.abs(got - expected).max(initial=0) / np.abs(expected).max(initial=1e-3)


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
    random_models = pytest.importorskip("random_models")
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
    kinds = [name for name in sorted(layer_catalogue.members) if not issubclass(layer_catalogue.members[name], CodeLayer)]
    stack = [any_layer(name) for name in kinds if name not in ("Lambda", "InputLayer")] + [Activation(name) for name in activations.members]
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


# ---------------------------------------------------------------------------------------------- using the file

USER = """
#define MODEL_DECLARATIONS
#include "model.c"
#include "model.c"
int first(void);
int first(void) {
    float x[MODEL_INPUTS] = {1}, y[2 * MODEL_OUTPUTS], s[MODEL_SCRATCH];
    model_predict_float(x, y);
    model_predict_float_with(x, y + MODEL_OUTPUTS, s);
    for (int j = 0; j < MODEL_OUTPUTS; j++) if (y[j] < y[j + MODEL_OUTPUTS] || y[j] > y[j + MODEL_OUTPUTS]) return 1;
    return 0;
}
"""
WHOLE = """
#define MODEL_API static inline
#include "model.c"
#include "model.c"
int first(void);
int main(void) {
    double x[MODEL_INPUTS] = {0}, y[MODEL_OUTPUTS];
    model_predict_double_batch(x, y, 1);
    return first();
}
"""


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_as_a_header_and_included_whole(name, tmp_path):
    model_with([lambda: Dense(9, "relu"), lambda: Dense(3)], (4,), "float32").to_c(tmp_path / "model.c")
    for file, text in ("user.c", USER), ("whole.c", WHOLE):
        (tmp_path / file).write_text(text)
    run(compiler(name), *STRICT, "-O1", *(tmp_path / file for file in ("user.c", "whole.c", "model.c")), "-o", tmp_path / "program")
    run(tmp_path / "program")


@pytest.mark.parametrize("activation", ["relu", "hard_silu", "tanh", "softmax", "mish", "swiglu", gelu_by_tanh])
def test_simple_networks_are_freestanding_and_need_no_libm(activation, tmp_path):
    model = model_with([lambda: Dense(10, activation), layers.BatchNormalization, lambda: Dense(3)], (4,), "float32")
    model.to_c(tmp_path / "model.c")
    assert "math.h" not in (tmp_path / "model.c").read_text().partition("#ifdef MODEL_MAIN")[0]
    run(compiler("gcc"), *STRICT, "-Os", "-ffreestanding", "-DMODEL_FLOAT_ONLY", "-c", tmp_path / "model.c", "-o", tmp_path / "model.o")
    if shutil.which("nm"):
        undefined = {line.split()[-1] for line in run("nm", "-u", tmp_path / "model.o").splitlines()}
        assert undefined <= {"memset", "memcpy", "memmove", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}


def test_functions_that_would_take_too_much_stack_are_not_there(tmp_path):
    model_with([lambda: Dense(64, "relu"), lambda: Dense(64), lambda: Dense(1)], (10,), "float32").to_c(tmp_path / "model.c")
    head = (tmp_path / "model.c").read_text()
    assert "stack         512 bytes in float, 1024 in double" in head and "#define MODEL_SCRATCH 128" in head
    preprocessed = run(compiler("gcc"), "-E", "-P", "-DMODEL_STACK_LIMIT=512", tmp_path / "model.c")
    names = set(re.findall(r"model_predict_\w+", preprocessed))
    assert names == {"model_predict_float", "model_predict_float_batch", "model_predict_float_with", "model_predict_double_with"}


def test_tables_may_have_their_own_section(tmp_path):
    model_with([lambda: Dense(3)], (4,), "float32").to_c(tmp_path / "model.c")
    flag = '-DMODEL_CONST=static const __attribute__((section(".weights")))'
    run(compiler("gcc"), "-c", flag, tmp_path / "model.c", "-o", tmp_path / "model.o")
    if shutil.which("objdump"):
        assert ".weights" in run("objdump", "-h", tmp_path / "model.o")


# ---------------------------------------------------------------------------------------------------- the text


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_there_to_the_last_bit(dtype):
    model = model_with([lambda: Dense(9)], (30,), dtype)
    model.set_weights([model.get_weights()[0] * 10.0 ** np.linspace(-44, 37, 270).reshape(30, 9), np.arange(9)])
    for table, w in zip(
        re.findall(r"MODEL_CONST model_weight model_\d\[\d+\] = {\n(.*?)\n}", source(model), re.DOTALL), model.get_weights(), strict=True
    ):
        words = [word.removesuffix("f") for word in table.replace("\n", " ").split(", ")]
        np.testing.assert_array_equal(np.array(words).astype(dtype), w.ravel())


def test_the_head_counts():
    text = source(model_with([lambda: Dense(16, "relu"), lambda: Dense(1)], (4,), "float32"))
    assert "constants     388 bytes" in text and "multiply-adds 80 a sample" in text
    assert "4 inputs of shape (4,), 1 outputs of shape (1,), weights of float32:" in text


def test_names_can_not_leave_their_comments(tmp_path):
    evil = "*/ int main(void) { return 1; } /* ??/ \\"
    model = fastnn.Sequential([fastnn.Input((2,)), Dense(2, name="*)( *\\ ?")], name=f"{evil}\n#error\n")
    model.to_c(tmp_path / "model.c")
    run(compiler("gcc"), *STRICT, "-c", tmp_path / "model.c", "-o", tmp_path / "model.o")


def test_writing_changes_nothing_and_twice_the_same():
    model = model_with([lambda: Dense(9), layers.BatchNormalization, lambda: layers.Dropout(0.5)], (4,), "float32")
    before = [w.tobytes() for w in model.get_weights()]
    assert source(model) == source(model) and before == [w.tobytes() for w in model.get_weights()]
    assert len(model.layers) == 3


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 6), st.integers(0, 6)), max_size=8))
def test_what_lives_at_the_same_time_does_not_overlap(drawn):
    lives = [(size, min(a, b), max(a, b)) for size, a, b in drawn]
    offsets, total = packed(lives)
    for (i, a), (j, b) in itertools.combinations(enumerate(lives), 2):
        together = a[1] <= b[2] and b[1] <= a[2]
        assert not together or offsets[i] + a[0] <= offsets[j] or offsets[j] + b[0] <= offsets[i]
    at_once = [sum(size for size, first, last in lives if first <= t <= last) for t in range(7)]
    assert max(at_once) <= total <= sum(size for size, *_ in lives)


# --------------------------------------------------------------------------------------------------- refusals


def dense():
    return model_with([lambda: Dense(2, name="only")], (3,), "float32")


@pytest.mark.parametrize("name", ["", "2d", "a-b", "a b", "main()", "ü", None, 3, "x" * 41])
def test_names_that_are_no_identifiers(name, tmp_path):
    with pytest.raises(ValueError, match="to_c: name must be at most 40 letters"):
        dense().to_c(tmp_path / "model.c", name=name)
    assert list(tmp_path.iterdir()) == []


def test_layers_without_a_form_are_refused_by_name_before_anything_is_written(tmp_path):
    model = model_of(lambda: Dense(3), lambda: layers.Lambda(np.square, name="squares"))
    with pytest.raises(ValueError, match=r"layer 'squares' \(Lambda\) computes 'squares_call', which has no C form"):
        model.to_c(tmp_path / "model.c")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_refused():
    model = dense()
    model.set_weights([np.full((3, 2), np.inf), np.zeros(2)])
    with pytest.raises(ValueError, match="parameter 'only/kernel' holds NaN or infinity"):
        source(model)


def test_models_that_are_not_built_and_files_that_are_in_the_way(tmp_path):
    with pytest.raises(ValueError, match="isn't built"):
        fastnn.Sequential([Dense(2)]).to_c(tmp_path / "model.c")
    (tmp_path / "model.c").write_text("mine")
    with pytest.raises(ValueError, match="overwrite=True"):
        dense().to_c(tmp_path / "model.c", overwrite=False)
    assert (tmp_path / "model.c").read_text() == "mine"
    with pytest.raises(FileNotFoundError):
        dense().to_c(tmp_path / "nowhere" / "model.c")


# ------------------------------------------------------------------------------------------------- ops of one's own


def test_ops_of_ones_own_can_be_given_a_form(tmp_path, monkeypatch):
    @op("x (n, m), s (m) -> y (n, m)", differentiable=False)
    def stretched_for_c(x, s, y, power):
        y[...] = np.sign(x) * np.abs(x * s) ** power

    @op("x (n, m) -> y (n, m)", differentiable=False)
    def backwards_for_c(x, y):
        y[...] = x[:, ::-1]

    class Own(layers.Layer):
        def lower(self, program, x):
            y, z = program.tensor(*x.features), program.tensor(*x.features)
            program.forward(stretched_for_c, x.rows.value, np.arange(1, 5).astype(program.dtype), y.rows.value, 1.5)
            program.forward(backwards_for_c, y.rows.value, z.rows.value)
            return z

    for each in stretched_for_c, backwards_for_c:
        monkeypatch.delitem(fastnn.backend.registry, each.name)
        monkeypatch.setitem(forms, each.name, None)
    elementwise("stretched_for_c", "const real size = @pow(@fabs(x * s), power);\nreturn x < 0 ? -size : size;")
    rowwise("backwards_for_c", "for (size_t j = 0; j < m; j++) y[j] = x[m - 1 - j];")
    model = model_of(Own, features=(3, 4), dtype="float64")
    compiled = Compiled([model], tmp_path, compiler("gcc"), *STRICT)
    assert off(compiled(0, samples(7, 3, 4), "double"), model.predict(samples(7, 3, 4))) < 1e-14


def test_every_form_is_of_an_op_and_reads_its_arguments():
    for name, form in forms.items():
        known = fastnn.backend.registry[name]
        inputs = [a.name for a in known.arrays if a.read]
        assert form.prepare or all(form.uses(each) for each in [*inputs, *known.scalars]), name


# --------------------------------------------------------------------------------------------------------- command


def test_from_the_command_line(tmp_path, capsys):
    model = dense()
    model.save(tmp_path / "model.fnn")
    assert main(["export", str(tmp_path / "model.fnn"), str(tmp_path / "deep_net.c")]) == 0
    assert "deep_net.c" in capsys.readouterr().out
    assert (tmp_path / "deep_net.c").read_text() == source(model, "model", "deep_net.c")
    assert main(["export", str(tmp_path / "model.fnn"), str(tmp_path / "model.exe")]) == 2
    assert "knows .c" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "model.fnn"), str(tmp_path / "deep_net.c"), "--name", "2"]) == 2
