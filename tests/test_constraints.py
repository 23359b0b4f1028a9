"""Constraints: what they make of an array, against their definitions, on both backends."""

import math

import numpy as np
import pytest
from helpers import BACKENDS, samples

from fastnn import backend, constraints, layers
from fastnn.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from fastnn.parameters import Parameter

EPSILON = 1e-7


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with backend.use(request.param):
        yield request.param


def norms(w, axis):
    return np.sqrt(np.square(w).sum(axis=axis, keepdims=True))


@pytest.mark.parametrize("shape", [(7, 5), (300, 2), (2, 600), (1, 4), (9,)], ids=str)
@pytest.mark.parametrize("axis", [0, 1, -1, [0, 1]], ids=str)
def test_norms_by_their_definition(shape, axis):
    w = samples(*shape)
    if len(shape) == 1 and axis != 0:
        return
    along = tuple(axis) if isinstance(axis, list) else axis
    n = norms(w, along)
    np.testing.assert_allclose(MaxNorm(1.3, axis)(w), w * np.minimum(n, 1.3) / (n + EPSILON), rtol=1e-12)
    np.testing.assert_allclose(UnitNorm(axis)(w), w / (n + EPSILON), rtol=1e-12)
    kept = MinMaxNorm(0.8, 1.2, 0.25, axis)(w)
    np.testing.assert_allclose(kept, w * (0.25 * np.clip(n, 0.8, 1.2) + 0.75 * n) / (n + EPSILON), rtol=1e-12)


def test_non_negative_and_nan():
    np.testing.assert_array_equal(NonNeg()([-1.0, 0.0, 2.0, np.nan, -np.inf]), [0, 0, 2, np.nan, 0])
    assert np.isnan(MaxNorm()(np.array([[np.nan], [1.0]]))).all()


def test_a_zero_vector_stays():
    np.testing.assert_array_equal(UnitNorm()(np.zeros((3, 2))), np.zeros((3, 2)))


def test_calls_work_in_place_on_a_parameter(each_backend):
    parameter = Parameter("kernel", samples(6, 3), constraint=constraints.get("unit_norm"))
    expected = parameter.constraint(parameter.value)
    for op, arguments in parameter.constraint.calls(parameter):
        op(*arguments)
    np.testing.assert_array_equal(parameter.value, expected)
    assert not np.array_equal(expected, samples(6, 3))


def test_one_written_in_python_is_an_op_too():
    class Rounded(Constraint):
        def __call__(self, w):
            return np.round(w)

    parameter = Parameter("kernel", samples(6, 3))
    for op, arguments in Rounded().calls(parameter):
        assert op.compiled is None
        op(*arguments)
    np.testing.assert_array_equal(parameter.value, np.round(samples(6, 3)))


@pytest.mark.parametrize("member", constraints.constraints.members.values(), ids=lambda c: c.__name__)
def test_configuration(member):
    again = constraints.get(member(axis=1).serialized() if "axis" in member().get_config() else member().serialized())
    assert type(again) is member
    w = samples(4, 3)
    expected = member(axis=1)(w) if "axis" in member().get_config() else member()(w)
    np.testing.assert_array_equal(again(w), expected)


def test_names_as_in_keras():
    assert constraints.get(None) is None
    for names, member in [(("MaxNorm", "max_norm", "maxnorm"), MaxNorm), (("NonNeg", "non_neg", "nonneg"), NonNeg)]:
        assert all(type(constraints.get(name)) is member for name in names)
    with pytest.raises(ValueError, match="unknown constraint 'max': did you mean"):
        constraints.get("max")
    with pytest.raises(TypeError, match="expected constraint"):
        constraints.get(3)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        *((lambda bad=bad: MaxNorm(bad), "max_value") for bad in (-1, math.nan, "1", True)),
        (lambda: MinMaxNorm(rate=1.5), "rate"),
        (lambda: MinMaxNorm(2, 1), "exceed"),
        *((lambda bad=bad: UnitNorm(bad), "axis") for bad in (2, "0", [], [0, 5], True)),
        (lambda: UnitNorm(1)(np.ones(3)), "no axis"),
    ],
)
def test_refuses(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_layers_hand_them_to_their_parameters():
    dense = layers.Dense(3, kernel_constraint="max_norm", bias_constraint=NonNeg())
    norm = layers.BatchNormalization(beta_constraint="non_neg", gamma_constraint="max_norm")
    for layer in dense, norm:
        layer.build((None, 4))
    kinds = [type(p.constraint).__name__ for p in [*dense.weights, *norm.weights]]
    assert kinds == ["MaxNorm", "NonNeg", "MaxNorm", "NonNeg", "NoneType", "NoneType"]
