"""The C file of a model as programs use it: its text, its settings, what is refused, ops of one's own, the command."""

import itertools
import re
import shutil

import numpy as np
import pytest
from c_models import DTYPES, STRICT, Compiled, compiler, model_with, off, run
from helpers import model_of, samples
from hypothesis import given
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
from fastnn.layers import Dense

gelu_by_tanh = activations.find("gelu").bind(approximate=True)


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


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_double_weights_are_stored_as_float_without_a_warning(tmp_path, name):
    model_with([lambda: Dense(3, "tanh")], (5,), "float64").to_c(tmp_path / "model.c")
    run(compiler(name), *STRICT, "-DMODEL_FLOAT_ONLY", "-DMODEL_MAIN", tmp_path / "model.c", "-lm", "-o", tmp_path / "model")
    assert "passed" in run(tmp_path / "model")


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
    assert main(["export", str(tmp_path / "model.fnn"), str(tmp_path / "model.safetensors")]) == 0
    other = dense()
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights(tmp_path / "model.safetensors")
    assert source(other) == source(model)
    assert main(["export", str(tmp_path / "model.fnn"), str(tmp_path / "model.exe")]) == 2
    assert "knows .c, .onnx, .safetensors" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "model.fnn"), str(tmp_path / "deep_net.c"), "--name", "2"]) == 2


def test_equal_constants_are_stored_once():
    kernel, other = np.eye(3), np.eye(3)
    other[0, 1] = -0.0  # equal but for a bit: 1 / x isn't
    stack = [Dense(3, use_bias=False) for _ in range(3)]
    model = fastnn.Sequential([fastnn.Input((3,)), *stack], dtype="float64")
    model.set_weights([kernel, other, kernel])
    assert source(model).count("model_weight model_") == 3 + 2, "two kernels, zeros for biases, and the test's two"
