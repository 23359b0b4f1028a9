"""Temperature scaling: the smallest log loss there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from fastnn.sklearn.calibration import LIMITS, temperature


def softmax_loss(t, logits, y, weights):
    return np.average(-log_softmax(logits / t, axis=1)[np.arange(len(y)), y], weights=weights)


def sigmoid_loss(t, logits, y, weights):
    return np.average(np.mean(-log_expit(np.where(y, logits, -logits) / t), axis=1), weights=weights)


def smallest(loss, *data):
    found = minimize_scalar(lambda u: loss(np.exp(u), *data), bounds=np.log(LIMITS), method="bounded", options={"xatol": 1e-12})
    return np.exp(found.x)


def noisy(m, n=300, scale=5.0, seed=0):
    """Logits that are right more often than not, but too sure by a factor, and weights."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, m))
    y = (logits + rng.gumbel(size=(n, m))).argmax(axis=1)
    return scale * logits, y, rng.uniform(size=n)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0, 30.0])
@pytest.mark.parametrize("m", [2, 3, 10])
def test_softmax_against_scipy(m, scale):
    logits, y, weights = noisy(m, scale=scale)
    assert temperature(logits, y) == pytest.approx(smallest(softmax_loss, logits, y, None), rel=1e-6)
    assert temperature(logits, y, weights) == pytest.approx(smallest(softmax_loss, logits, y, weights), rel=1e-6)


def test_it_finds_the_factor_by_which_logits_are_too_sure():
    logits, y, _ = noisy(4, n=20000, scale=3.0)
    assert temperature(logits, y) == pytest.approx(3.0, rel=0.03)


@pytest.mark.parametrize("columns", [1, 4])
def test_sigmoids_against_scipy(columns):
    logits, _, weights = noisy(columns)
    y = np.random.default_rng(1).logistic(size=logits.shape) < logits / 4
    expected = smallest(sigmoid_loss, logits, y, weights)
    assert temperature(logits, y.astype(int), weights) == pytest.approx(expected, rel=1e-6)
    if columns == 1:
        assert temperature(logits, y[:, 0], weights) == temperature(logits[:, 0], y[:, 0], weights) == pytest.approx(expected, rel=1e-6)


def test_closed_form():
    """Two of three are right: the best probability is 2/3, so the logit of 4 becomes log 2."""
    assert temperature([[0.0, 4.0]] * 3, [1, 1, 0]) == pytest.approx(4 / np.log(2), rel=1e-12)
    assert temperature([[0.0, 4.0]] * 2, [1, 0], [2.0, 1.0]) == pytest.approx(4 / np.log(2), rel=1e-12)
    assert temperature([4.0, 4.0, 4.0], [1, 1, 0]) == pytest.approx(4 / np.log(2), rel=1e-12)


@pytest.mark.parametrize(("y", "limit"), [([0, 1], 0), ([1, 0], 1)])
def test_where_there_is_no_smallest_loss(y, limit):
    assert temperature([[1.0, -1.0], [-1.0, 1.0]], y) == pytest.approx(LIMITS[limit])


def test_logits_that_say_nothing_stay():
    assert temperature(np.zeros((3, 2)), [0, 1, 1]) == 1


@pytest.mark.parametrize("logits", [np.zeros((4, 3)), np.full((4, 1), 1e300), np.full((4, 3), -1e308)])
def test_extremes_stay_within_the_limits(logits):
    assert LIMITS[0] <= temperature(logits, [0, 1, 0, 1]) <= LIMITS[1] * (1 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_nothing_around_is_better(data):
    n, m = data.draw(st.integers(1, 8)), data.draw(st.integers(2, 4))
    logits = data.draw(arrays.arrays(float, (n, m), elements=st.floats(-50, 50)))
    y = data.draw(arrays.arrays(int, n, elements=st.integers(0, m - 1)))
    found = temperature(logits, y)
    least = softmax_loss(found, logits, y, None)
    for other in np.geomspace(*LIMITS, 41):
        assert least <= softmax_loss(other, logits, y, None) + 1e-9 * (1 + least)


def test_float32_and_lists():
    logits, y, _ = noisy(3)
    assert temperature(logits.astype("float32"), y.tolist()) == pytest.approx(temperature(logits, y), rel=1e-5)


@pytest.mark.parametrize(
    ("logits", "y", "weights", "message"),
    [
        (np.zeros((2, 3)), [0, 3], None, "0 to 2"),
        (np.zeros((2, 3)), [0, -1], None, "0 to 2"),
        (np.zeros((2, 3)), [0, 0.5], None, "0 to 2"),
        (np.zeros((2, 1)), [0, 2], None, "0 to 1"),
        (np.zeros((2, 3)), [0], None, "shape"),
        (np.zeros((0, 3)), [], None, "shape"),
        (np.zeros((2, 3, 1)), [0, 1], None, "shape"),
        (np.full((2, 3), np.nan), [0, 1], None, "nan"),
        (np.zeros((2, 3)), [0, 1], [0.0, 0.0], "all weights are 0"),
        (np.zeros((2, 3)), [0, 1], [-1.0, 1.0], "not negative"),
    ],
)
def test_errors(logits, y, weights, message):
    with pytest.raises(ValueError, match=message):
        temperature(logits, y, weights)
