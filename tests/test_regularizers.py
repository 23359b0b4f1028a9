"""Regularizers: penalty and gradient against closed forms, on both backends."""

import math

import numpy as np
import pytest

from fastnn import backend, regularizers
from fastnn.backend import registry
from fastnn.regularizers import L1, L1L2, L2, l1_l2_penalty

compiled_only = pytest.mark.skipif(l1_l2_penalty.compiled is None, reason="the compiled kernels are not built")


@pytest.fixture(params=["numpy", pytest.param("compiled", marks=compiled_only)])
def each_backend(request):
    with backend.use(request.param):
        yield request.param


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-13), ("float32", 2e-6)])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1003])
def test_penalty_adds_value_and_gradient(size, dtype, rtol, each_backend):
    p = np.random.default_rng(0).normal(size=size).astype(dtype)
    g, value = np.ones(size, dtype), np.array([5.0], dtype)
    l1_l2_penalty(p, g, value, 0.3, 0.2)
    np.testing.assert_allclose(g, 1 + 0.3 * np.sign(p) + 0.4 * p, rtol=rtol, atol=rtol)
    exact = 5 + 0.3 * math.fsum(abs(float(x)) for x in p) + 0.2 * math.fsum(float(x) ** 2 for x in p)
    assert value[0] == pytest.approx(exact, rel=rtol)


def test_gradient_is_the_difference_quotient_of_the_penalty(each_backend):
    regularizer, p, g = L1L2(0.3, 0.2), np.array([-2.0, -0.1, 0.4, 3.0]), np.zeros(4)
    l1_l2_penalty(p, g, np.zeros(1), 0.3, 0.2)
    for i in range(4):
        h = np.eye(4)[i] * 1e-6
        assert g[i] == pytest.approx((regularizer(p + h) - regularizer(p - h)) / 2e-6, rel=1e-8)


def test_zero_has_no_l1_slope_and_nan_shows(each_backend):
    g, value = np.zeros(3), np.zeros(1)
    l1_l2_penalty(np.array([0.0, -0.0, np.nan]), g, value, 1.0, 0.0)
    np.testing.assert_array_equal(g, [0, 0, np.nan])
    assert np.isnan(value[0])


def test_calling_gives_the_penalty():
    x = [[1.0, -2.0], [0.0, 3.0]]
    assert L1(0.5)(x) == pytest.approx(3.0)
    assert L2(0.5)(x) == pytest.approx(7.0)
    assert L1L2(0.5, 0.1)(x) == pytest.approx(4.4)
    assert type(L2()(np.ones((2, 2), "float32"))) is float


def test_names_and_defaults():
    assert regularizers.get(None) is None
    for name, l1, l2 in [("l1", 0.01, 0), ("l2", 0, 0.01), ("l1_l2", 0.01, 0.01), ("L2", 0, 0.01)]:
        found = regularizers.get(name)
        assert (found.l1, found.l2) == (l1, l2)
    assert L1L2(l2=0.1).l1 == 0
    with pytest.raises(ValueError, match="unknown regularizer"):
        regularizers.get("l3")
    with pytest.raises(TypeError, match="expected regularizer"):
        regularizers.get(0.01)


@pytest.mark.parametrize("member", regularizers.regularizers.members.values(), ids=lambda c: c.__name__)
def test_configuration(member):
    regularizer = member(0.25)
    again = regularizers.get({"class_name": member.__name__, "config": regularizer.get_config()})
    assert type(again) is member
    assert (again.l1, again.l2) == (regularizer.l1, regularizer.l2)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, "0.1", True])
def test_bad_factors(bad):
    for member in (L1, L2, L1L2):
        with pytest.raises(ValueError, match="must be a number >= 0"):
            member(bad)


@compiled_only
def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="l1_l2_penalty: g has"):
        registry["l1_l2_penalty"].compiled(np.ones(3), np.ones(2), np.zeros(1), 0.1, 0.1)
