"""The engine: what a kernel refuses, how a plan runs, what may run when, and what a step leaves alone."""

import contextlib
import ctypes
import os
import platform
import sys
import threading
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from helpers import classifier, compiled_only, labels, model_of, run_python, samples
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import backend, layers, regions
from fastnn.backend import Op, registry
from fastnn.executors import CompiledExecutor, NumpyExecutor
from fastnn.occupied import memory_of
from fastnn.parameters import FlatVector
from fastnn.program import Program

pytestmark = compiled_only

BIG = ">" if sys.byteorder == "little" else "<"


@pytest.fixture(autouse=True)
def compiled():
    with backend.use("compiled") if registry["dense"].compiled else mock.MagicMock():
        yield


@pytest.fixture
def share_everything(monkeypatch):
    monkeypatch.setattr(regions, "SHARED_WORK", 1)


def kernel(name):
    return registry[name].compiled


# ------------------------------------------------------------------------------------------------------ kernels


def real(*shape, dtype="float64"):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def unaligned(*shape, dtype="float64"):
    size = int(np.prod(shape))
    return np.frombuffer(bytearray(size * np.dtype(dtype).itemsize + 1), dtype, size, offset=1).reshape(shape)


def read_only(*shape):
    array = np.zeros(shape)
    array.flags.writeable = False
    return array


REFUSED = [
    ("tanh", (real(2, 3),), TypeError, "tanh takes 2 arguments, got 1"),
    ("tanh", (real(2, 3), real(2, 3), 1.0), TypeError, "tanh takes 2 arguments, got 3"),
    ("tanh", (None, real(2, 3)), TypeError, "tanh: z must be an array, got NoneType"),
    ("tanh", (real(2, 3), [[0.0]]), TypeError, "tanh: a must be an array, got list"),
    ("elu", (real(2, 3), real(2, 3), None), TypeError, "elu: alpha must be a number, got NoneType"),
    ("tanh", (real(2, 3), real(2, 3, dtype="float32")), ValueError, "tanh: a must have dtype float64 .*'f'"),
    ("tanh", (real(2, 3, dtype="float32"), real(2, 3)), ValueError, "tanh: a must have dtype float32 .*'d'"),
    ("tanh", (real(2, 3, dtype="float16"), real(2, 3)), ValueError, "tanh: z must have dtype float32 or float64 .*'e'"),
    ("tanh", (real(2, 3, dtype=BIG + "f8"), real(2, 3)), ValueError, "tanh: z must have dtype .* in native byte order"),
    ("tanh", (np.zeros((2, 3), int), real(2, 3)), ValueError, "tanh: z must have dtype .*'[lq]'"),
    ("tanh", (np.zeros((2, 3), complex), real(2, 3)), ValueError, "tanh: z must have dtype .*'Zd'"),
    ("tanh", (np.zeros((2, 3), "S0"), real(2, 3)), ValueError, "tanh: z must have dtype"),
    ("tanh", (np.zeros((2, 3), "M8[s]"), real(2, 3)), ValueError, "tanh: z can't be read"),
    ("tanh", (unaligned(2, 3), real(2, 3)), ValueError, "tanh: z must start at a multiple of 8 bytes; copy it first"),
    ("tanh", (real(2, 3), read_only(2, 3)), ValueError, "tanh: a can't be written to: .*read-only"),
    ("tanh", (real(6), real(2, 3)), ValueError, "tanh: z must have 2 axes, it has 1"),
    ("tanh", (real(), real(2, 3)), ValueError, "tanh: z must have 2 axes, it has 0"),
    ("tanh", (real(2, 3), real(2, 4)), ValueError, r"tanh: a has shape \(2, 4\), expected \(n=2, m=3\)"),
    ("dense", (real(2, 3), real(4, 5), real(5), real(2, 5)), ValueError, r"dense: w has shape \(4, 5\), expected \(k=3, m\)"),
    ("accumulate_loss", (real(3), real(2), real(2), real(1)), ValueError, r"penalty has shape \(2,\), expected \(1\)"),
    ("gather", (real(4, 2), np.zeros(3, np.int32), real(3, 2)), ValueError, "gather: index must have dtype int64"),
    ("gather", (real(4, 2), np.zeros(3, np.uint64), real(3, 2)), ValueError, "gather: index must have dtype int64"),
    ("accuracy", (real(2, 3), real(2, 3), np.zeros(2, np.float32)), ValueError, "value must have dtype float64"),
    ("tanh", (real(2, 6)[:, ::2], real(2, 3)), ValueError, "tanh: z must (be contiguous|have contiguous rows); copy it first"),
    ("tanh", (real(2, 3), np.asfortranarray(real(2, 3))), ValueError, "tanh: a must .*contiguous"),
    ("sgd", (real(6)[::2], real(3), 0.1, 0.0), ValueError, "sgd: p must be contiguous"),
    ("dense", (real(2, 3), real(3, 5), real(5), np.asfortranarray(real(2, 5))), ValueError, "dense: z must have contiguous rows"),
]


@pytest.mark.parametrize("name, arguments, error, message", REFUSED)
def test_a_kernel_says_what_it_does_not_take(name, arguments, error, message):
    with pytest.raises(error, match=message):
        kernel(name)(*arguments)


def test_strides_must_be_whole_entries():
    fields = np.zeros((4, 3), [("x", "f8"), ("a", "i2")])["x"]
    w, b, z = real(3, 2), real(2), real(4, 2)
    with pytest.raises(ValueError, match="strides of x must be multiples of 8 bytes; copy it first"):
        kernel("dense")(fields, w, b, z)


def test_an_argument_that_is_refused_is_let_go():
    """And so are those before it."""
    z, a = real(2, 3), real(6)
    before = sys.getrefcount(z), sys.getrefcount(a)
    with pytest.raises(ValueError, match="axes"):
        kernel("tanh")(z, a)
    assert (sys.getrefcount(z), sys.getrefcount(a)) == before


STRIDED = {
    "Fortran": np.asfortranarray,
    "every second": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "fields": lambda x: np.rec.fromarrays([x, x], names="a,b")["b"],
    "a row for all": lambda x: np.broadcast_to(x[0], x.shape),
    "one column for all": lambda x: np.broadcast_to(x[:, :1], x.shape),
}


@pytest.mark.parametrize("lay", STRIDED.values(), ids=STRIDED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 9])
def test_inputs_of_any_strides_where_the_layout_is_any(lay, dtype, n):
    x, w, b = samples(n, 20).astype(dtype), samples(20, 33).astype(dtype), samples(33, 1)[:, 0].astype(dtype)
    x, w = lay(x), lay(w)
    z = np.full((n, 2 * 33), np.nan, dtype)
    kernel("dense")(x, w, b, z[:, :33])
    np.testing.assert_allclose(z[:, :33], x.astype("d") @ w.astype("d") + b, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)
    assert np.isnan(z[:, 33:]).all()


@pytest.mark.parametrize("shapes", [((0, 3), (0, 3)), ((3, 0), (3, 0)), ((0, 0), (0, 0))], ids=str)
@pytest.mark.parametrize("lay", [np.ascontiguousarray, np.asfortranarray])
def test_nothing_is_contiguous(shapes, lay):
    z, a = (lay(np.zeros(shape)) for shape in shapes)
    kernel("tanh")(z, a)


def test_a_product_over_no_inputs_is_the_bias():
    z = np.full((3, 4), np.nan)
    kernel("dense")(np.zeros((3, 0)), np.zeros((0, 4)), np.arange(4.0), z)
    np.testing.assert_array_equal(z, np.tile(np.arange(4.0), (3, 1)))


def test_other_providers_of_buffers():
    z = real(2, 3)
    a = (ctypes.c_double * 3 * 2)()
    kernel("tanh")(memoryview(z), a)
    np.testing.assert_allclose(np.asarray(a), np.tanh(z), rtol=1e-15)
    with pytest.raises(ValueError, match="dtype"):
        kernel("tanh")(z, bytearray(48))


def test_repeat_runs_that_often():
    p, g = np.zeros(5), np.ones(5)
    kernel("sgd").repeat(7, p, g, 0.5, 0.0)
    np.testing.assert_array_equal(p, -3.5)
    kernel("sgd").repeat(0, p, g, 0.5, 0.0)
    np.testing.assert_array_equal(p, -3.5)
    assert repr(kernel("sgd")) == "<kernel sgd>"


# -------------------------------------------------------------------------------------------------------- plans


def meanwhile_function(x, y):
    HOOKS[-1]()
    y[...] = 2 * x


HOOKS = [lambda: None]
meanwhile = Op(meanwhile_function, "x (n, m) -> y (n, m)")  # has no twin: a call of Python


class Doubling(layers.Layer):
    """Written in Python; calls what is last in HOOKS."""

    def lower(self, program, x):
        y = program.tensor(*x.features)
        program.forward(meanwhile, x.value, y.value)
        if program.training and x.grad is not None:
            program.backward(meanwhile, y.grad, x.grad)
        return y


@pytest.fixture
def hook():
    """Lets a test say what happens while a `Doubling` computes."""
    yield HOOKS.append
    del HOOKS[1:]


def summing(batch_size=4, columns=3, python=False):
    """A program that gathers samples and moves a vector by their columns' sums; its vector, its gather, and its executor."""
    program = Program(batch_size, "float64", True, np.zeros(1, np.uint64))
    x, y, g, p = np.zeros((batch_size, columns)), np.zeros((batch_size, columns)), np.zeros(columns), np.zeros(columns)
    source = np.arange(10.0 * columns).reshape(10, columns)
    gather = program.load(registry["gather"], source, program.index, x)
    program.forward(meanwhile if python else registry["relu"], x, y)
    program.finish(registry["dense_backward_bias"], y, g) if "dense_backward_bias" in registry else None
    program.update(registry["sgd"], p, g)
    return p, gather, source, CompiledExecutor(program, 1)


ORDER = np.arange(10)
TABLE = np.tile([1, -1.0, 0.0], (3, 1))  # adds the sums


def test_a_plan_runs_the_batches_it_is_asked_for():
    p, _, source, executor = summing()
    executor.run(ORDER, 1, 2, TABLE, None, 60)
    assert executor.done == 2
    np.testing.assert_array_equal(p, source[4:].sum(0))  # the last batch has two samples
    executor.run(ORDER, 0, 0, TABLE, None, 60)
    assert executor.done == 0


@pytest.mark.parametrize("first, steps", [(0, 4), (3, 1), (-1, 1), (0, -1), (2**62, 1), (1, 2**62), (2**63 - 1, 2)])
def test_batches_that_are_not_there(first, steps):
    p, _, _, executor = summing()
    with pytest.raises(ValueError, match=r"don't lie in 10 samples"):
        executor.run(ORDER, first, steps, np.zeros((4, 3)), None, 60)
    assert not p.any()


def test_an_order_of_nothing():
    with pytest.raises(ValueError, match="don't lie in 0 samples"):
        summing()[3].run(ORDER[:0], 0, 1, TABLE, None, 60)


@pytest.mark.parametrize("table", [TABLE[:2], TABLE[:, :1], None, np.zeros((3, 0))], ids=["rows", "columns", "none", "no columns"])
def test_a_table_that_is_too_short(table):
    p, _, _, executor = summing()
    with pytest.raises(ValueError, match="the table of scalars needs 3 columns, and a row for each of 3 steps"):
        executor.run(ORDER, 0, 3, None if table is None else np.ascontiguousarray(table), None, 60)
    assert not p.any()


@pytest.mark.parametrize(
    "order", [None, ORDER.astype(np.int32), ORDER[::2], ORDER[:, None], [0, 1]], ids=["None", "int32", "strided", "2-D", "list"]
)
def test_orders_of_another_kind(order):
    with pytest.raises((TypeError, ValueError)):
        summing()[3].run(order, 0, 1, TABLE, None, 60)


def test_samples_that_are_not_there_are_nan():
    p, _, _, executor = summing()
    executor.run(np.array([0, 10, -1, 2**62]), 0, 1, TABLE, None, 60)
    assert np.isnan(p).all()


def test_a_run_ends_when_what_it_watches_is_not_finite():
    _, _, _, executor = summing()
    executor.run(ORDER, 0, 3, TABLE, np.array([np.nan]), 60)
    assert executor.done == 1
    with pytest.raises(ValueError, match="watched"):
        executor.run(ORDER, 0, 3, TABLE, np.zeros(0), 60)


def test_a_run_ends_when_the_time_is_up():
    _, _, _, executor = summing()
    executor.run(ORDER, 0, 3, TABLE, None, 0.0)
    assert executor.done == 1


def test_another_source():
    p, gather, source, executor = summing()
    executor.feed(gather, np.ascontiguousarray(source[::-1]))
    executor.run(ORDER, 0, 1, TABLE, None, 60)
    np.testing.assert_array_equal(p, source[6:].sum(0))


@pytest.mark.parametrize(
    "number, change, error, message",
    [
        (0, lambda a: [a[0][:, :2].copy(), *a[1:]], ValueError, "gather: x has shape"),
        (0, lambda a: [a[0].astype("float32"), *a[1:]], ValueError, "gather: x must have dtype float32"),
        (0, lambda a: [v.astype("float32") if v.dtype == float else v for v in a], ValueError, "dtype"),
        (0, lambda a: [a[0], a[1][:2], a[2][:2]], ValueError, "must have 4 entries along axis 0, it has 2"),
        (0, lambda a: a[:2], TypeError, "takes 3 arguments"),
        (-1, lambda a: a, IndexError, "there is no call -1"),
        (99, lambda a: a, IndexError, "there is no call 99"),
    ],
)
def test_a_source_that_does_not_fit_changes_nothing(number, change, error, message):
    p, gather, source, executor = summing()
    with pytest.raises(error, match=message):
        executor.plan.rebind(number, change(gather.arguments))
    executor.run(ORDER, 0, 3, TABLE, None, 60)
    np.testing.assert_array_equal(p, source.sum(0))


def test_a_source_is_let_go():
    _, gather, source, executor = summing()
    before = sys.getrefcount(source)
    executor.feed(gather, source[:0].copy())
    assert sys.getrefcount(source) < before


def raising():
    raise LookupError("from Python")


def test_an_error_in_python_ends_the_run_and_leaves_the_plan_usable(hook):
    p, _, source, executor = summing(python=True)
    times = iter([None, None, raising])
    hook(lambda: (next(times, None) or (lambda: None))())
    with pytest.raises(LookupError, match="from Python"):
        executor.run(ORDER, 0, 3, TABLE, None, 60)
    assert executor.done == 2
    np.testing.assert_array_equal(p, 2 * source[:8].sum(0))
    executor.run(ORDER, 2, 1, TABLE, None, 60)
    np.testing.assert_array_equal(p, 2 * source.sum(0))


def test_a_running_plan_is_neither_run_nor_rebound(hook):
    p, gather, source, executor = summing(python=True)
    errors = []

    def again():
        for call in (lambda: executor.run(ORDER, 0, 1, TABLE, None, 60), lambda: executor.plan.rebind(0, gather.arguments)):
            with pytest.raises(RuntimeError, match="the program is running") as caught:
                call()
            errors.append(caught.value)

    hook(again)
    executor.run(ORDER, 0, 3, TABLE, None, 60)
    assert len(errors) == 6 and executor.done == 3
    np.testing.assert_array_equal(p, 2 * source.sum(0))


def test_two_threads_cannot_run_a_plan_at_once(hook):
    p, _, source, executor = summing(python=True)
    inside, go_on = threading.Event(), threading.Event()
    hook(lambda: (inside.set(), go_on.wait(30)))
    other = threading.Thread(target=executor.run, args=(ORDER, 0, 3, TABLE, None, 60))
    other.start()
    assert inside.wait(30)
    with pytest.raises(RuntimeError, match="the program is running"):
        executor.run(ORDER, 0, 3, TABLE, None, 60)
    go_on.set()
    other.join()
    np.testing.assert_array_equal(p, 2 * source.sum(0))


USES = {
    "fit": lambda model: model.fit(samples(12), samples(12, 3), batch_size=4, verbose=0).history,
    "evaluate": lambda model: model.evaluate(samples(12), samples(12, 3), batch_size=4, verbose=0),
    "predict": lambda model: model.predict(samples(12), batch_size=5).tolist(),
    "freeze": lambda model: model.freeze()(samples(12)).tolist(),
}


def trained_doubling():
    model = model_of(lambda: layers.Dense(3), Doubling, optimizer="sgd", loss="mse")
    USES["fit"](model), USES["evaluate"](model)
    return model


@pytest.mark.parametrize("inner", USES)
@pytest.mark.parametrize("outer", USES)
def test_a_layer_that_uses_the_model_it_belongs_to(hook, outer, inner):
    """It can't start again what it is part of; anything else doesn't disturb what runs."""
    expected, model, depth = trained_doubling(), trained_doubling(), []

    def once():
        if not depth:
            depth.append(None)
            USES[inner](model)

    hook(once)
    if outer == inner and outer in ("fit", "evaluate"):
        with pytest.raises(RuntimeError, match=r"train or evaluate|training or evaluation"):
            USES[outer](model)
        USES["fit"](model)
    elif inner == "fit":
        with contextlib.suppress(RuntimeError):
            USES[outer](model)
    else:
        assert USES[outer](model) == USES[outer](expected)
    assert depth and np.isfinite(USES["evaluate"](model))


FORK_WHILE_TRAINING = """
import os, signal, sys, threading, warnings
sys.path.insert(0, "tests")
import numpy as np, fastnn, test_engine
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3), test_engine.Doubling()])
model.compile("sgd", "mse")
inside, go_on = threading.Event(), threading.Event()
test_engine.HOOKS.append(lambda: (inside.set(), go_on.wait(30)))
train = lambda: model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
other = threading.Thread(target=train)
other.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    del test_engine.HOOKS[1:]
    train()
    os._exit(0)
status = os.waitpid(child, 0)[1]
go_on.set(), other.join()
print("child", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_while_another_thread_trains_trains_too():
    assert run_python(FORK_WHILE_TRAINING.replace('"tests"', repr(str(Path(__file__).parent)))) == (0, "child 0\n")


# -------------------------------------------------------------------------------------- regions: what runs when


def trained_program(**options):
    model = classifier(**options)
    model.fit(samples(12), labels(12), batch_size=6, verbose=0)
    return next(lowered.program for _, lowered in model._programs.values() if lowered.program.training)


def names(groups):
    return [[node.call.op.name for node in group.nodes] for group in groups]


def test_sample_by_sample_work_is_one_group():
    model = model_of(lambda: layers.Dense(5, activation="tanh"), lambda: layers.Dense(2), optimizer="sgd", loss="mse")
    model.fit(samples(12), samples(12, 2), verbose=0)
    program = next(lowered.program for _, lowered in model._programs.values() if lowered.program.training)
    first, *others = [groups for groups, _ in regions.regions(program, 1)]
    forward = names(first)[0]
    assert len(first) == 1 and forward.index("dense") < forward.index("mean_squared_error") < forward.index("dense_backward_input")
    assert not any("dense_backward_input" in group for groups in others for group in names(groups))


def test_the_halves_of_a_gate_are_sample_by_sample_work():
    model = model_of(lambda: layers.Dense(6, activation="glu"), lambda: layers.Dense(2), optimizer="sgd", loss="mse")
    model.fit(samples(12), samples(12, 2), batch_size=6, verbose=0)
    program = next(lowered.program for _, lowered in model._programs.values() if lowered.program.training)
    first = names(regions.regions(program, 1)[0][0])
    assert len(first) == 1 and {"glu", "glu_backward", "dense_backward_input"} <= set(first[0])


def test_windows_of_samples_keep_to_them_unless_they_cross():
    z = np.zeros((6, 10))
    here = memory_of(z, 6)
    for view in (z[:, :5], z[:, 5:], z[:, 3:9:2]):
        assert here.overlaps(memory_of(view, 6)) and here.keeps_to_samples(memory_of(view, 6))
    for view in (z.reshape(-1)[3:-7].reshape(5, 10), z[1:], z[:, ::-1], z[::2], z.reshape(12, 5)[:6]):
        assert not here.keeps_to_samples(memory_of(view, len(view)))
    assert memory_of(z[:, 5:], 6).keeps_to_samples(memory_of(z[:, :5], 6))
    assert not memory_of(z.reshape(-1)[5:-5].reshape(5, 10)[:, :8], 5).keeps_to_samples(memory_of(z[:5, :3], 5))
    assert memory_of(z.reshape(12, 5)[:, :3], 6).keeps_to_samples(here), "two rows a sample"


def test_every_call_is_in_one_region():
    program = trained_program()
    made = [group for groups, _ in regions.regions(program, 3) for group in names(groups)]
    assert sorted(name for group in made for name in group) == sorted(call.op.name for call in program.calls)


N, WIDTHS = 7, (3, 70)
SIZES = {"k": WIDTHS, "m": WIDTHS}
OPS = ["dense", "dense_backward_input", "dense_backward_kernel", "dense_backward_bias", "relu", "tanh", "tanh_backward", "batch_norm"]
OPS += ["batch_norm_backward", "batch_norm_inference", "mean_squared_error", "accuracy", "clip_by_value", "l1_l2_penalty", "gather"]
ROWS = ["glu", "glu_backward", "batch_norm_inference"]
"""Ops that take rows which lie apart."""
SCALARS = {"momentum": 0.9, "epsilon": 1.0, "limit": 0.7, "l1": 0.01, "l2": 0.02}


class Memory:
    """Few arrays for many calls: flat vectors with views, and pieces of a common heap that overlap by chance."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        shapes = [(3, 70), (70,), (70, 3), (3,), (70, 70)]
        self.flat = [FlatVector(shapes, "float64") for _ in range(3)]
        self.heap = rng.normal(size=8000)
        for vector in self.flat:
            vector.data[...] = 0.3 * rng.normal(size=vector.data.size)
        self.flat[2].data[...] **= 2
        self.source = rng.normal(size=(20, max(WIDTHS)))

    def candidates(self, shape):
        """Arrays of this shape: two from the heap at places of their own, and the flat vectors' views."""
        size, start = int(np.prod(shape)), (31 * shape[0] + 17 * shape[-1]) % 97
        heap = [self.heap[at : at + size].reshape(shape) for at in (start, 500 - start)]
        return heap + [view for vector in self.flat for view in (*vector.views, vector.data) if view.shape == shape]

    def windows(self, shape):
        """Views of this shape, rows apart: columns of arrays that other calls take whole."""
        whole = self.candidates((N, WIDTHS[1])) if shape == (N, WIDTHS[0]) else []
        return [array[:, at : at + shape[1]] for array in whole for at in (0, 2, 40)]

    @property
    def contents(self):
        return np.concatenate([self.heap, *(vector.data for vector in self.flat)])


def add_call(program, memory, name, pick):
    """Append a call of the op `name` on arrays of which none overlaps another; nothing where there are too few."""
    declared = meanwhile if name == "meanwhile" else registry[name]
    sizes = {"n": N, **{symbol: widths[next(pick) % 2] for symbol, widths in SIZES.items()}, "s": memory.flat[0].data.size}
    arguments, spans = [], []
    for argument in declared.arguments:
        if isinstance(argument, str):
            arguments.append(SCALARS[argument])
        elif argument.name == "index":
            arguments.append(program.index)
        elif argument.name == "source":
            arguments.append(np.ascontiguousarray(memory.source[:, : sizes["k"]]))
        else:
            shape = tuple(int(size) if size.isdigit() else sizes[size] for size in argument.shape)
            candidates = memory.candidates(shape) + (memory.windows(shape) if name in ROWS else [])
            free = [a for a in candidates if not any(np.may_share_memory(a, b) for b in spans)]
            if not free:
                return
            spans.append(free[next(pick) % len(free)])
            arguments.append(spans[-1])
    program.finish(declared, *arguments)


def build(calls, seed):
    """The program that `calls` describe, and its memory."""
    program, memory = Program(N, "float64", True, np.zeros(1, np.uint64)), Memory(seed)
    for name, picks in calls:
        if name == "update":
            program.update(registry["sgd_momentum"], *(vector.data for vector in memory.flat))
        else:
            add_call(program, memory, name, iter(picks))
    return program, memory


OFTEN = ["update", "dense_backward_kernel"] * 4
CALLS = st.tuples(st.sampled_from([*OPS, *OFTEN, *ROWS, "meanwhile"]), st.lists(st.integers(0, 9), min_size=20, max_size=20))


@settings(max_examples=150, deadline=None)
@given(
    calls=st.lists(CALLS, min_size=1, max_size=14),
    seed=st.integers(0, 99),
    threads=st.sampled_from([1, 3]),
)
def test_any_program_gives_what_its_plain_order_gives(calls, seed, threads):
    order, table = np.random.default_rng(seed).integers(0, 20, N + 3), np.tile([1, 0.01, 0.5, 0.1], (2, 14))
    contents = []
    with mock.patch.multiple(regions, SHARED_WORK=1):
        for make in (NumpyExecutor, lambda program: CompiledExecutor(program, threads)):
            program, memory = build(calls, seed)
            make(program).run(order, 0, 2, table, None, 60)
            contents.append(memory.contents)
    scale = np.abs(contents[0][np.isfinite(contents[0])]).max(initial=1.0)
    np.testing.assert_allclose(contents[1], contents[0], rtol=1e-9, atol=1e-11 * scale)


def test_calls_that_conflict_keep_their_order():
    """Reads after writes, writes after reads, writes after writes: each pair of neighbours, alone."""
    n, m = 6, 3
    for first, second in ((("x", "y"), ("y", "z")), (("y", "z"), ("x", "y")), (("x", "z"), ("y", "z"))):
        arrays = {name: np.full((n, m), float(i)) for i, name in enumerate("xyz")}
        program = Program(n, "float64", True, np.zeros(1, np.uint64))
        for source, target in (first, second):
            program.finish(registry["batch_norm_inference"], arrays[source], *np.ones((4, m)), arrays[target], 0.0)
        made = [node.call for groups, _ in regions.regions(program, 3) for group in groups for node in group.nodes]
        assert [id(call) for call in made] == [id(call) for call in program.calls]
        assert all(len(groups) == 1 for groups, _ in regions.regions(program, 3))


def test_arrays_that_overlap_in_part_keep_their_order():
    n, m = 6, 3
    memory = np.zeros((n + 2, m))
    program = Program(n, "float64", True, np.zeros(1, np.uint64))
    program.finish(registry["gather"], samples(10, m), program.index, memory[:n])
    program.finish(registry["gather"], samples(10, m), program.index, memory[2:])
    assert len(regions.regions(program, 3)) == 2


# ---------------------------------------------------------------------------------- the floating-point mode

DENORMAL = np.array([1e-310, 5e-324])


def denormals_are_kept():
    """Whether this thread computes with denormal numbers."""
    return bool(((DENORMAL * 1.0) != 0).all())


@pytest.mark.parametrize("count", [1, 3])
def test_the_callers_mode_is_restored(share_everything, hook, count):
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(count)
    try:
        model = model_of(lambda: layers.Dense(3), Doubling, optimizer="sgd", loss="mse")
        x, y, f = samples(12), samples(12, 3), model.freeze()
        seen = []
        hook(lambda: seen.append(denormals_are_kept()))
        calls = [lambda: model.fit(x, y, verbose=0), lambda: model.evaluate(x, y, verbose=0), lambda: model.predict(x), lambda: f(x)]
        for call in calls:
            call()
            assert denormals_are_kept()
        assert seen and all(seen)  # in Python inside a step as well
        hook(raising)
        for call in calls:
            with pytest.raises(LookupError):
                call()
            assert denormals_are_kept()
    finally:
        fastnn.set_num_threads(before)


X86_OR_ARM = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64") and sys.platform != "win32"


@pytest.mark.skipif(not X86_OR_ARM, reason="denormals aren't flushed here")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 3])
def test_denormals_are_flushed_inside(share_everything, dtype, count):
    """Momentum that decays below the normal numbers is exactly zero, whichever thread has moved it."""
    size, table = 1 << 19, np.array([[1, 0.0, 0.5, 0.0, 0.0]])
    program = Program(1, dtype, True, np.zeros(1, np.uint64))
    p, g, m = np.zeros(size, dtype), np.zeros(size, dtype), np.zeros(size, dtype)
    program.update(registry["sgd_momentum"], p, g, m)
    executor = CompiledExecutor(program, count)
    for _ in range(20):
        m[...] = np.finfo(dtype).tiny
        executor.run(np.arange(1), 0, 1, table, None, 60)
        assert not m.any()
    assert (np.full(3, np.finfo(dtype).tiny) * m.dtype.type(0.5)).all()  # as it isn't outside


# ------------------------------------------------------------------------------ nothing but arithmetic in a step


def tiny_training():
    """The parts of a training of 2-10-1 that run its steps."""
    model = model_of(
        lambda: layers.Dense(10, activation="sigmoid"), lambda: layers.Dense(1), features=2, dtype="float32", optimizer="adam", loss="mse"
    )
    x, y = samples(1000, 2).astype("float32"), samples(1000, 1).astype("float32")
    model.fit(x, y, batch_size=10, verbose=0)
    _, lowered = next(iter(model._programs.values()))
    executor = lowered.feed(model._prepare(x, y))
    order, table = np.tile(np.arange(1000), 100), model.optimizer.scalar_table(10_000)

    def run(steps):
        executor.run(order, 0, steps, table[:steps], None, 600)
        assert executor.done == steps

    run(10)
    return run


class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks")]
    _fields_ += [(name, ctypes.c_size_t) for name in ("uordblks", "fordblks", "keepcost")]


def c_memory():
    """Bytes that glibc has lent, its memory maps included; 0 where there is no glibc to ask."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return 0
    ask.restype = Mallinfo2
    found = ask()
    return found.uordblks + found.hblkhd


def growth(call, times):
    """By how many Python objects and C bytes so many calls leave memory grown."""
    call()
    before = sys.getallocatedblocks(), c_memory()
    for _ in range(times):
        call()
    return sys.getallocatedblocks() - before[0], c_memory() - before[1]


@pytest.mark.parametrize("count", [1, 3])
def test_steps_make_no_objects_and_take_no_memory(monkeypatch, count):
    if count > 1:
        monkeypatch.setattr(regions, "SHARED_WORK", 1)
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(count)
    try:
        run = tiny_training()
        (few_objects, few_bytes), (objects, c_bytes) = (growth(lambda steps=steps: run(steps), 10) for steps in (10, 10_000))
    finally:
        fastnn.set_num_threads(before)
    assert abs(objects - few_objects) < 50 and abs(c_bytes - few_bytes) < 10_000  # of 100,000 steps: not one of them keeps anything


def test_steps_call_no_python():
    run, counts = tiny_training(), []
    for steps in (100, 10_000):
        events = []
        sys.setprofile(lambda *event: events.append(event[1]))  # noqa: B023
        try:
            run(steps)
        finally:
            sys.setprofile(None)
        counts.append(len(events))
    assert counts[0] == counts[1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the symbols of ELF files")
def test_no_kernel_can_allocate():
    """Their modules don't import an allocator of C, so that not even a call that frees what it takes is possible in a step."""
    folder = Path(sys.modules["fastnn._compiled"].__path__[0])
    modules = [path for level in ("baseline", "v3", "v4") for path in (folder / level).glob("*.so")]
    assert modules
    for path in modules:
        symbols = path.read_bytes()
        assert not [
            name for name in (b"malloc", b"calloc", b"realloc", b"posix_memalign", b"aligned_alloc") if b"\0" + name + b"\0" in symbols
        ], path
