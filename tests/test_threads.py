"""Several threads compute the same bits as one, in every op that is shared and in whole trainings."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import CLASSES, assert_same_weights, compiled_only, labels, model_of, run_python, samples

import fastnn
from fastnn import layers, regions, threads
from fastnn.backend import Argument, registry
from fastnn.samples import arguments as sample_arguments

SPLIT = [op for op in registry.values() if op.split and op.compiled]
COUNTS = [1, 2, 3, 4]


@pytest.fixture(autouse=True)
def restored():
    """Each test leaves the number of threads as it was."""
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


@pytest.fixture
def share_everything(monkeypatch):
    """As if every region were large: cut into a part a thread."""
    monkeypatch.setattr(regions, "SHARED_WORK", 1)


def cut(op, arguments, start, stop, grain):
    """The arguments of a call on positions `start` to `stop`, counted in grains, of the axis that the op is cut along."""
    rows = slice(start * grain, None if stop is None else stop * grain)
    return [
        v[(slice(None),) * a.shape.index(op.split) + (rows,)] if isinstance(a, Argument) and op.split in a.shape else v
        for a, v in zip(op.arguments, arguments, strict=True)
    ]


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(37, 19, 130), (2, 130, 65), (129, 64, 200)], ids=str)
@pytest.mark.parametrize("op", SPLIT, ids=lambda op: op.name)
def test_a_call_cut_in_parts_gives_the_same_bits(op, sizes, dtype):
    """Vectors and columns are only ever cut at multiples of 64 entries, see `regions.GRAIN`; samples and a kernel's rows anywhere."""
    n, k, m = sizes
    grain = regions.GRAIN if op.split in ("s", "m") else 1
    given = sample_arguments(op, {"n": n, "k": k, "m": m, "s": 16 * n}, dtype, np.random.default_rng(0))
    results = []
    for at in ([None], [1, None], [1, 2, None]):
        arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
        for start, stop in zip([0, *at], at, strict=False):
            op.compiled(*cut(op, arguments, start, stop, grain))
        results.append([v.tobytes() for a, v in zip(op.arguments, arguments, strict=True) if isinstance(a, Argument) and a.written])
    assert results[1] == results[0] and results[2] == results[0]


def wide_classifier(dtype):
    return model_of(
        lambda: layers.Dense(70, activation="relu"),
        layers.BatchNormalization,
        lambda: layers.Dropout(0.3, seed=1),
        lambda: layers.Dense(33, activation="gelu"),
        lambda: layers.Dense(CLASSES, activation="softmax"),
        features=37,
        dtype=dtype,
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_gives_the_same_bits(share_everything, dtype):
    trained = []
    for count in COUNTS:
        fastnn.set_num_threads(count)
        with fastnn.backend.use("compiled"):
            model = wide_classifier(dtype)
            model.fit(samples(90, 37), labels(90), epochs=3, batch_size=32, verbose=0)
            trained.append((model, model.history.history, model.predict(samples(90, 37))))
    for model, history, predicted in trained[1:]:
        assert history == trained[0][1]
        assert_same_weights(model, trained[0][0])
        np.testing.assert_array_equal(predicted, trained[0][2])


@compiled_only
def test_large_regions_are_cut_into_a_part_a_thread(share_everything):
    model = wide_classifier("float32")
    model.fit(samples(90, 37), labels(90), batch_size=32, verbose=0)
    program = next(lowered.program for _, lowered in model._programs.values() if lowered.program.training)
    made = regions.regions(program, 3)
    by_samples = [group for groups, shared in made if shared for group in groups if not group.length]
    (updated,) = [group for groups, _ in made for group in groups if group.nodes[0].call.column >= 0]
    assert by_samples and all(group.block == 11 for group in by_samples)  # 32 samples on three threads
    assert updated.block % regions.GRAIN == 0 and 2 * updated.block < updated.length <= 3 * updated.block


def test_small_regions_stay_with_the_caller():
    model = model_of(lambda: layers.Dense(64, activation="relu"), lambda: layers.Dense(1), features=10, optimizer="adam", loss="mse")
    model.fit(samples(32, 10), samples(32, 1), verbose=0)
    program = next(lowered.program for _, lowered in model._programs.values())
    assert not any(shared for _, shared in regions.regions(program, 2))


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", None, True, np.float64(2)])
def test_bad_numbers_of_threads(bad):
    before = fastnn.get_num_threads()
    with pytest.raises(ValueError, match="positive integer"):
        fastnn.set_num_threads(bad)
    assert fastnn.get_num_threads() == before


def test_the_number_can_be_set_and_read():
    fastnn.set_num_threads(np.int64(3))
    assert fastnn.get_num_threads() == 3 and type(fastnn.get_num_threads()) is int


def test_a_limit_is_of_one_python_thread_and_ends():
    fastnn.set_num_threads(4)
    with threads.limited(3):
        assert fastnn.get_num_threads() == 3
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(fastnn.get_num_threads).result() == 4
        with threads.limited(None):
            assert fastnn.get_num_threads() == 3
        with threads.limited(2):
            assert fastnn.get_num_threads() == 2
        fastnn.set_num_threads(5)
        assert fastnn.get_num_threads() == 5
    assert fastnn.get_num_threads() == 5
    with pytest.raises(ValueError, match="positive integer"), threads.limited(0):
        pass


@pytest.mark.parametrize(("given", "limit"), [("1", 1), (" 1,4", 1), ("4096", None), ("0", None), ("many", None), ("", None)])
def test_not_more_threads_than_a_pool_of_processes_allows(given, limit):
    """joblib's, Dask's: each of their processes would take all processors otherwise."""
    expected = 0, f"{limit or min(threads._available(), threads.MOST)}\n"
    assert run_python("import fastnn; print(fastnn.get_num_threads())", FASTNN_NUM_THREADS="", OMP_NUM_THREADS=given) == expected


def test_the_environment_sets_the_number():
    assert run_python("import fastnn; print(fastnn.get_num_threads())", FASTNN_NUM_THREADS="3", OMP_NUM_THREADS="1") == (0, "3\n")


@compiled_only
def test_threadpoolctl_limits_the_threads():
    pytest.importorskip("threadpoolctl")
    status, out = run_python(
        """
import threadpoolctl, fastnn
fastnn.set_num_threads(3)
with threadpoolctl.threadpool_limits(1):
    print(fastnn.get_num_threads())
with threadpoolctl.threadpool_limits(1, user_api="blas"):
    print(fastnn.get_num_threads())
print(fastnn.get_num_threads())
"""
    )
    assert (status, out.split()) == (0, ["1", "3", "3"])


FORK = """
import os, warnings
import numpy as np, fastnn
import fastnn.regions
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
fastnn.regions.SHARED_WORK = 1
fastnn.set_num_threads(3)
model = fastnn.Sequential([fastnn.Input((40,)), fastnn.layers.Dense(30, activation="tanh"), fastnn.layers.Dense(5)])
model.compile("sgd", "mse")
x, y = np.ones((64, 40)), np.ones((64, 5))
model.fit(x, y, verbose=0)
child = os.fork()
status = os.waitpid(child, 0)[1] if child else 0
model.fit(x, y, verbose=0)
print(model.predict(x).sum(), flush=True)
if child == 0:
    os._exit(0)
print("child", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_computes_too():
    status, out = run_python(FORK)
    first, second, child = out.splitlines()
    assert status == 0 and first == second and child == "child 0"


FORK_WHILE_PREDICTING = """
import os, signal, threading, warnings
import numpy as np
import fastnn
warnings.simplefilter("ignore", DeprecationWarning)
model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3)])
held, done = threading.Event(), threading.Event()

def occupy():
    with model._buffers:
        held.set(), done.wait()

threading.Thread(target=occupy).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)  # a child that waits for its parent's thread would wait for ever
    os._exit(model.predict(np.ones((1, 4))).shape != (1, 3))
status = os.waitpid(child, 0)[1]
done.set()
print("child", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_while_another_thread_predicts_predicts_too():
    assert run_python(FORK_WHILE_PREDICTING) == (0, "child 0\n")


@pytest.mark.parametrize("count", [1, 3])
def test_several_threads_predict_with_the_same_and_with_different_models(share_everything, count):
    fastnn.set_num_threads(count)
    models = [model_of(lambda: layers.Dense(50, activation="tanh"), lambda: layers.Dense(7), features=30, seed=seed) for seed in range(4)]
    x = samples(200, 30)
    expected = [model.predict(x, batch_size=32) for model in models]
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(model.predict, x, 32) for _ in range(10) for model in models]
    for i, run in enumerate(runs):
        np.testing.assert_array_equal(run.result(), expected[i % 4])


def test_the_number_may_change_while_others_compute(share_everything):
    model, x = model_of(lambda: layers.Dense(50, activation="tanh"), features=30), samples(200, 30)
    expected = model.predict(x, batch_size=8)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(lambda: [model.predict(x, batch_size=8) for _ in range(20)])
        while not run.done():
            for count in COUNTS:
                fastnn.set_num_threads(count)
    for got in run.result():
        np.testing.assert_array_equal(got, expected)


def test_data_is_let_go_when_the_number_of_threads_changes_within_a_training():
    class Switch(fastnn.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            fastnn.set_num_threads(1 + epoch % 2)

    x, y = samples(), labels()
    model = model_of(lambda: layers.Dense(CLASSES, activation="softmax"), optimizer="sgd", loss="sparse_categorical_crossentropy")
    before = sys.getrefcount(x)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[Switch()])
    assert sys.getrefcount(x) == before


@compiled_only
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals are sent to a thread")
def test_ctrl_c_leaves_no_update_half_done(share_everything):
    with fastnn.backend.use("compiled"):
        interrupt_updates()


def interrupt_updates():
    fastnn.set_num_threads(4)
    x = samples(64, 64)
    model = model_of(lambda: layers.Dense(64), lambda: layers.Dense(64), features=64, optimizer="sgd", loss="mse")
    model.fit(x, x, batch_size=64, verbose=0)
    lowered = model._lowered(64, True, False, model.optimizer.form)
    executor = lowered.feed(model._prepare(x, x))
    values, order, table = model._arena.values.data, np.arange(64), model.optimizer.scalar_table(1)
    main, armed, over, interrupted = threading.main_thread().ident, False, threading.Event(), 0

    def handler(*_):
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    def send():
        while not over.wait(5e-5):
            signal.pthread_kill(main, signal.SIGINT)

    kept = signal.signal(signal.SIGINT, handler)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(400):
            before = values.copy()
            try:
                armed = True
                executor.run(order, 0, 1, table, limit=0.0)
                armed = False
            except KeyboardInterrupt:
                interrupted += 1
            changed = np.mean(values != before)
            assert changed == 0 or (changed > 0.9 and executor.done == 1)
    finally:
        armed = False
        over.set()
        sender.join()
        signal.signal(signal.SIGINT, kept)
    assert interrupted
