"""The choice of the backend: by call, by environment, and what is said when it can't be had."""

import copy
import pickle

import numpy as np
import pytest
from helpers import BACKENDS, compiled_only, run_python, samples

import fastnn
from fastnn import backend
from fastnn.backend import Argument, op, registry, use


@pytest.fixture(autouse=True)
def restored():
    """Each test leaves the backend as it was."""
    with use(backend.current()):
        yield


@pytest.fixture
def scratch_registry(monkeypatch):
    monkeypatch.setattr(backend, "registry", {})


# --------------------------------------------------------------------------------------------------- use


@pytest.mark.parametrize("name", BACKENDS)
def test_use_as_a_function_stays(name):
    use(name)
    assert backend.current() == name
    for each in registry.values():
        assert each.active is ((name == "compiled" and each.compiled) or each.reference)


@compiled_only
def test_use_as_a_context_manager_goes_back():
    use("compiled")
    with use("numpy"):
        with use("compiled"):
            assert backend.current() == "compiled"
        assert backend.current() == "numpy"
    assert backend.current() == "compiled"


@compiled_only
def test_use_goes_back_after_an_error():
    use("compiled")
    with pytest.raises(KeyError), use("numpy"):
        raise KeyError
    assert backend.current() == "compiled"


@pytest.mark.parametrize("name", ["cuda", "", "Compiled", None, "auto"])
def test_use_refuses_other_names(name):
    before = backend.current()
    with pytest.raises(ValueError, match="'compiled' or 'numpy'"):
        use(name)
    assert backend.current() == before


def test_use_of_kernels_that_are_not_built(monkeypatch):
    monkeypatch.setattr(backend, "_twins", {})
    monkeypatch.setattr(backend, "_why_not", "no compiler")
    with pytest.raises(ImportError, match=r"no compiler.*FASTNN_BACKEND=numpy"):
        use("compiled")


@compiled_only
def test_a_model_follows_the_backend(monkeypatch):
    """Programs are kept, yet each run asks which backend is in use."""
    model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, activation="tanh")])
    model.predict(samples())
    calls = []
    reference = registry["dense"].reference
    monkeypatch.setattr(registry["dense"], "reference", lambda *args: calls.append(1) or reference(*args))
    with use("numpy"):
        model.predict(samples())
    assert calls == [1]
    with use("compiled"):
        model.predict(samples())
    assert calls == [1]


# ------------------------------------------------------------------------------------------- environment

SHOW = "import fastnn; print(fastnn.backend.current(), fastnn.backend.isa()); fastnn.show_config()"


def test_the_environment_chooses_numpy():
    status, out = run_python(SHOW, FASTNN_BACKEND="numpy")
    assert status == 0 and out.startswith("numpy")


@pytest.mark.parametrize("value", ["auto", ""])
def test_auto_takes_the_best_there_is(value):
    status, out = run_python(SHOW, FASTNN_BACKEND=value)
    assert status == 0 and out.startswith(BACKENDS[-1])


@compiled_only
def test_the_environment_chooses_compiled():
    status, out = run_python(SHOW, FASTNN_BACKEND="compiled")
    assert status == 0 and out.startswith(f"compiled {backend.isa()}")


@compiled_only
def test_every_instruction_set_that_runs_here():
    status, out = run_python("import fastnn._compiled.cpu as cpu; print(*cpu.levels())")
    assert status == 0
    for level in out.split():
        status, out = run_python(SHOW, FASTNN_BACKEND="auto", FASTNN_ISA=level)
        assert status == 0 and out.startswith(f"compiled {level}")


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("FASTNN_BACKEND", "cuda", "use auto, compiled or numpy"),
        pytest.param("FASTNN_ISA", "v9", "this machine and build have", marks=compiled_only),
        ("FASTNN_NUM_THREADS", "0", "positive integer"),
        ("FASTNN_NUM_THREADS", "-2", "positive integer"),
        ("FASTNN_NUM_THREADS", "many", "positive integer"),
    ],
)
def test_bad_values_in_the_environment(variable, value, word):
    status, out = run_python("import fastnn", **{variable: value})
    assert status == 1 and f"{variable}" in out and word in out


HIDE_KERNELS = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "fastnn._compiled.cpu":
            raise ImportError("hidden")
sys.meta_path.insert(0, Hidden())
"""


def test_without_kernels_numpy_takes_over_and_says_why():
    status, out = run_python(HIDE_KERNELS + SHOW, FASTNN_BACKEND="auto")
    assert status == 0 and out.startswith("numpy None")
    assert "none (hidden)" in out


def test_without_kernels_compiled_can_not_be_had():
    status, out = run_python(HIDE_KERNELS + SHOW, FASTNN_BACKEND="compiled")
    assert status == 1 and "ImportError" in out and "hidden" in out and "pip install" in out


def test_without_kernels_a_model_trains():
    code = """
import numpy as np, fastnn
model = fastnn.Sequential([fastnn.layers.Dense(2, activation="relu"), fastnn.layers.BatchNormalization(), fastnn.layers.Dense(1)])
model.compile("adam", "mse")
print(len(model.fit(np.ones((9, 3)), np.ones(9), epochs=2, verbose=0).history["loss"]))
"""
    assert run_python(HIDE_KERNELS + code, FASTNN_BACKEND="auto") == (0, "2\n")


def test_show_config_says_what_is_in_use(capsys):
    with use("numpy"):
        fastnn.show_config()
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    values = {name.strip(): value.strip() for name, value in lines.items()}
    assert values["fastnn"] == fastnn.__version__ and values["backend"] == "numpy"
    assert values["NumPy"] == np.__version__ and values["threads"] == str(fastnn.get_num_threads())


# ------------------------------------------------------------------------------------------------ ops


def test_a_signature_is_read(scratch_registry):
    @op("x (n, k), labels (n) int64, s (n) -> y (n, 3), s", split="n")
    def example(x, labels, s, y, rate):
        """Nothing."""

    assert example.arguments == (
        Argument("x", ("n", "k"), "real", True, False),
        Argument("labels", ("n",), "int64", True, False),
        Argument("s", ("n",), "real", True, True),
        Argument("y", ("n", "3"), "real", False, True),
        "rate",
    )
    assert backend.registry == {"example": example} and example.family == "test_backend" and example.__doc__ == "Nothing."


@pytest.mark.parametrize(
    ("signature", "word"),
    [
        ("x (n, k -> y (n)", "can't read"),
        ("x (n)) -> y (n)", "can't read"),
        ("x (n); y (n)", "can't read"),
        ("x (n) -> z (n)", "'z'"),
        ("x (n), w (n) -> y (n)", "'w'"),
    ],
)
def test_a_wrong_signature_is_refused(signature, word, scratch_registry):
    with pytest.raises(ValueError, match=word):

        @op(signature)
        def example(x, y):
            pass

    assert not backend.registry


def test_an_op_is_declared_once(scratch_registry):
    def example(x, y):
        pass

    op("x (n) -> y (n)")(example)
    with pytest.raises(ValueError, match=r"example.*twice"):
        op("x (n) -> y (n)")(example)


def test_copies_of_an_op_are_the_op():
    for each in registry.values():
        assert copy.deepcopy(each) is each and pickle.loads(pickle.dumps(each)) is each


@pytest.mark.parametrize("name", sorted(registry))
def test_the_declared_shapes_and_splits_belong_together(name):
    each = registry[name]
    assert each.arrays and any(a.written for a in each.arrays)
    assert each.split is None or all(each.split in a.shape for a in each.arrays if a.written)
