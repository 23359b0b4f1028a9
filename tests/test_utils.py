import io
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastnn import config, layers, metrics, progress, random, utils


def test_to_categorical():
    a = utils.to_categorical([0, 2, 1, 2])
    np.testing.assert_array_equal(a, np.eye(3)[[0, 2, 1, 2]])
    assert a.dtype == config.floatx()


@given(hnp.arrays(st.sampled_from(["uint8", "int64", "float32"]), hnp.array_shapes(max_dims=3), elements=st.integers(0, 6)))
def test_to_categorical_inverts_argmax(labels):
    one_hot = utils.to_categorical(labels, 7)
    expected = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    assert one_hot.shape == (*expected.shape, 7)
    np.testing.assert_array_equal(one_hot.argmax(-1), expected)
    np.testing.assert_array_equal(one_hot.sum(-1), np.ones(expected.shape))


def test_to_categorical_of_nothing():
    assert utils.to_categorical([], 3).shape == (0, 3)
    with pytest.raises(ValueError, match="num_classes"):
        utils.to_categorical([])


@pytest.mark.parametrize(
    ("labels", "classes", "word"),
    [
        ([0, -1], None, "got -1"),
        ([0, 3], 3, r"0\.\.2, got 3"),
        ([0.5, 1], None, "integers, got 0.5"),
        ([0, math.nan], None, "integers, got nan"),
        ([0, math.inf], None, "integers, got inf"),
        (["a", "b"], None, "integers"),
        ([0, 1], 0, "num_classes"),
        ([0, 1], 2.0, "num_classes"),
    ],
)
def test_to_categorical_refuses(labels, classes, word):
    with pytest.raises(ValueError, match=word):
        utils.to_categorical(labels, classes)


@pytest.mark.parametrize("order", [1, 2, 3, math.inf])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_normalize(order, axis):
    x = np.random.default_rng(0).normal(size=(4, 5))
    a = utils.normalize(x, axis, order)
    np.testing.assert_allclose(np.linalg.norm(a, order, axis=axis), 1, rtol=1e-14)
    np.testing.assert_allclose(np.cross(a[:, :3], x[:, :3]) if axis != 0 else np.cross(a[:3].T, x[:3].T), 0, atol=1e-14)


def test_normalize_special_values():
    np.testing.assert_array_equal(utils.normalize([[3, 4], [0, 0]]), np.float32([[0.6, 0.8], [0, 0]]))
    np.testing.assert_allclose(utils.normalize(np.float32([[3e30, 4e30], [3e-30, 4e-30]])), [[0.6, 0.8]] * 2, rtol=1e-6)
    assert utils.normalize(np.zeros((2, 0))).shape == (2, 0)
    with pytest.raises(ValueError, match="order"):
        utils.normalize([1.0], order=0)


def test_seeded_ends_and_nests():
    with random.seeded(1):
        a = random.generator().integers(10**9)
        with random.seeded(1):
            assert random.generator().integers(10**9) == a
        utils.set_random_seed(7)
        b = random.generator().integers(10**9)
    utils.set_random_seed(7)
    assert random.generator().integers(10**9) == b
    with pytest.raises(ZeroDivisionError), random.seeded(1):
        raise ZeroDivisionError
    utils.set_random_seed(7)
    assert random.generator().integers(10**9) == b


def test_set_random_seed_is_the_one_of_random():
    utils.set_random_seed(3)
    first = np.random.rand(), np.random.rand()
    utils.set_random_seed(3)
    assert first == (np.random.rand(), np.random.rand())


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch, capsys):
    """A terminal of 80 columns; calling it gives what has been written since the last call."""
    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda: capsys.readouterr().out


def test_only_terminals_are_live(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    assert not progress.is_live()
    screen.isatty = lambda: True
    assert progress.is_live()
    monkeypatch.setattr(sys, "stdout", None)
    assert not progress.is_live()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (3.21, "3.2s"), (9.96, "10s"), (59, "59s"), (125, "2:05"), (3725.2, "1:02:05")]
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(3e-6, "3us/step"), (0.0123, "12ms/step"), (2.4, "2s/step"), (0, "0us/step")])
def test_step_durations(seconds, text):
    assert progress.step_duration(seconds, "step") == text


def test_bar_on_a_terminal(clock, terminal):
    bar = utils.Progbar(40, width=10)
    clock[0] = 2.0
    bar.update(10, [("loss", 0.5)])
    assert terminal() == "\r10/40 [==>.......] ETA 6.0s 200ms/step - loss: 0.5000"
    clock[0] = 8.0
    bar.update(40, [("loss", 0.5)])
    assert terminal().endswith("\r40/40 [==========] 8.0s 200ms/step - loss: 0.5000    \n")


def test_at_most_ten_updates_a_second(clock, terminal):
    bar = utils.Progbar(1000)
    for step in range(1, 1000):
        clock[0] = step / 100
        bar.update(step)
    assert 90 <= terminal().count("\r") <= 101


def test_a_long_line_does_not_wrap(clock, terminal):
    bar = utils.Progbar(10)
    clock[0] = 1.0
    bar.update(1, [(f"metric_{i}", 1.0) for i in range(9)])
    assert len(terminal()) == 80


def test_values_are_averaged_unless_stateful(capsys):
    bar = utils.Progbar(4, stateful_metrics=["accuracy"])
    bar.update(1, [("loss", 4.0), ("accuracy", 0.1)])
    bar.add(3, [("loss", 2.0), ("accuracy", 0.7)])
    assert capsys.readouterr().out.endswith("loss: 2.5000 - accuracy: 0.7000\n")


def test_small_values_keep_their_digits():
    assert progress.values_text({"a": 1.5e-5, "b": 0.0, "c": -2.0, "d": math.nan}) == " - a: 1.5000e-05 - b: 0.0000 - c: -2.0000 - d: nan"


def test_one_line_without_a_terminal(clock, capsys):
    bar = utils.Progbar(4)
    for step in range(1, 5):
        clock[0] += 1.0
        bar.update(step, [("loss", 0.25)])
    assert capsys.readouterr().out == "4/4 - 4.0s 1s/step - loss: 0.2500\n"


def test_silence(capsys):
    bar = utils.Progbar(1, verbose=0)
    bar.update(1, [("loss", 0.25)])
    assert capsys.readouterr().out == ""


def test_unknown_target(clock, terminal):
    bar = utils.Progbar(None)
    clock[0] = 1.0
    bar.update(5)
    assert "5 1.0s 200ms/step" in terminal()
    bar.update(6, finalize=True)
    assert terminal().endswith("\n")


def test_a_name_alone_does_not_do_where_arguments_are_needed():
    for name in "mean_io_u", metrics.MeanIoU:
        with pytest.raises(TypeError, match=r"metric MeanIoU needs num_classes: pass MeanIoU\(num_classes=\.\.\.\)"):
            metrics.get(name)


def test_a_function_in_the_place_of_a_class_is_told_what_to_be():
    with pytest.raises(TypeError, match=r"expected constraint as a name or a Constraint, got .*; write a subclass of Constraint"):
        layers.Dense(1, kernel_constraint=lambda w: abs(w))
