"""Several threads compute the same bits as one, in every op that is shared and in whole trainings."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import CLASSES, assert_same_weights, compiled_only, labels, model_of, run_python, samples

import fastnn
from fastnn import layers, threads
from fastnn.backend import Argument, registry
from fastnn.samples import arguments as sample_arguments

SHARED = [op for op in registry.values() if op.split and op.compiled]
COUNTS = [1, 2, 3, 4]


@pytest.fixture(autouse=True)
def restored():
    """Each test leaves the number of threads as it was."""
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


@pytest.fixture
def share_everything(monkeypatch):
    """As if every call were large, and count those that are shared."""
    shared = []
    run_shared = threads.run_shared
    monkeypatch.setattr(threads, "MINIMUM_WORK", 1)
    monkeypatch.setattr(threads, "run_shared", lambda op, *rest: shared.append(op.name) or run_shared(op, *rest))
    return shared


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(37, 19, 23), (2, 130, 65), (1, 1, 1), (129, 64, 3)], ids=str)
@pytest.mark.parametrize("op", SHARED, ids=lambda op: op.name)
def test_any_number_of_threads_gives_the_same_bits(op, sizes, dtype):
    n, k, m = sizes
    given = sample_arguments(op, {"n": n, "k": k, "m": m, "s": 7 * n}, dtype, np.random.default_rng(0))
    results = []
    for count in COUNTS:
        fastnn.set_num_threads(count)
        arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
        threads.run_shared(op, op.compiled, tuple(arguments))
        results.append([v.tobytes() for a, v in zip(op.arguments, arguments, strict=True) if isinstance(a, Argument) and a.written])
    alone = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
    op.compiled(*alone)
    results.append([v.tobytes() for a, v in zip(op.arguments, alone, strict=True) if isinstance(a, Argument) and a.written])
    assert all(r == results[0] for r in results)


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
        trained.append((model, model.history.history))
        assert bool(share_everything) == (count > 1)
    assert {"dense", "dense_backward_parameters", "dense_backward_input"} <= set(share_everything)
    for model, history in trained[1:]:
        assert history == trained[0][1]
        assert_same_weights(model, trained[0][0])


@compiled_only
def test_an_error_in_a_thread_reaches_the_caller():
    def fail(*arguments):
        raise ValueError("from a slice")

    fastnn.set_num_threads(2)
    op = registry["dense"]
    with pytest.raises(ValueError, match="from a slice"):
        threads.run_shared(op, fail, tuple(sample_arguments(op, {"n": 8, "k": 2, "m": 2}, "float64", np.random.default_rng(0))))


def test_small_calls_stay_with_the_caller():
    for op in registry.values():
        given = tuple(sample_arguments(op, {"n": 32, "k": 64, "m": 64, "s": 5000}, "float32", np.random.default_rng(0)))
        assert threads.work(op, given) < threads.MINIMUM_WORK
        assert op.split or threads.work(op, given) == 0


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", None, True, np.float64(2)])
def test_bad_numbers_of_threads(bad):
    before = fastnn.get_num_threads()
    with pytest.raises(ValueError, match="positive integer"):
        fastnn.set_num_threads(bad)
    assert fastnn.get_num_threads() == before


def test_the_number_can_be_set_and_read():
    fastnn.set_num_threads(np.int64(3))
    assert fastnn.get_num_threads() == 3 and type(fastnn.get_num_threads()) is int


def test_the_environment_sets_the_number():
    assert run_python("import fastnn; print(fastnn.get_num_threads())", FASTNN_NUM_THREADS="3") == (0, "3\n")


FORK = """
import os, warnings
import numpy as np, fastnn
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
fastnn.threads.MINIMUM_WORK = 1
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
