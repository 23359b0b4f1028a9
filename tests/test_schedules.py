"""Schedules: values against closed forms, at and around every boundary."""

import math

import pytest

from fastnn.optimizers import schedules
from fastnn.optimizers.schedules import CosineDecay, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay

STEPS = [0, 1, 2, 49, 50, 51, 99, 100, 101, 149, 150, 199, 200, 201, 1000, 10**7]


@pytest.mark.parametrize("step", STEPS)
def test_exponential(step):
    assert ExponentialDecay(0.1, 100, 0.5)(step) == pytest.approx(0.1 * math.exp(math.log(0.5) * step / 100), rel=1e-9, abs=1e-300)
    assert ExponentialDecay(0.1, 100, 0.5, staircase=True)(step) == pytest.approx(0.1 / 2 ** min(step // 100, 1000), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("step", STEPS)
def test_inverse_time(step):
    assert InverseTimeDecay(0.1, 50, 2.0)(step) == pytest.approx(5.0 / (50 + 2 * step))
    assert InverseTimeDecay(0.1, 50, 2.0, staircase=True)(step) == pytest.approx(0.1 / (1 + 2 * (step // 50)))


@pytest.mark.parametrize("step", STEPS)
def test_polynomial(step):
    line = PolynomialDecay(0.1, 100, 0.02)
    assert line(step) == pytest.approx(0.1 - 0.0008 * step if step < 100 else 0.02)
    square = PolynomialDecay(0.1, 100, 0.0, power=2.0)
    assert square(step) == pytest.approx(0.1 * ((100 - step) / 100) ** 2 if step < 100 else 0.0)


def test_polynomial_cycle_stretches_to_the_next_multiple():
    rate = PolynomialDecay(1.0, 100, 0.0, cycle=True)
    assert [rate(s) for s in (0, 50, 100, 101, 150, 200, 201)] == pytest.approx([1, 0.5, 0, 1 - 101 / 200, 0.25, 0, 1 - 201 / 300])


def test_piecewise_constant_changes_after_its_boundaries():
    rate = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])
    assert [rate(s) for s in (0, 99, 100, 101, 200, 201, 10**9)] == [1, 1, 1, 0.5, 0.5, 0.1, 0.1]
    assert PiecewiseConstantDecay([], [0.3])(7) == 0.3


@pytest.mark.parametrize("step", STEPS)
def test_cosine(step):
    share = min(step, 200) / 200
    assert CosineDecay(0.1, 200)(step) == pytest.approx(0.1 * math.cos(math.pi * share / 2) ** 2, rel=1e-12, abs=1e-17)
    assert CosineDecay(0.1, 200, alpha=0.25)(step) == pytest.approx(0.025 + 0.075 * math.cos(math.pi * share / 2) ** 2)


def test_cosine_with_warm_up():
    rate = CosineDecay(0.0, 100, alpha=0.1, warmup_target=1.0, warmup_steps=50)
    assert [rate(s) for s in (0, 10, 49, 50)] == pytest.approx([0, 0.2, 0.98, 1.0])
    assert [rate(s) for s in (100, 150, 151, 10**6)] == pytest.approx([0.55, 0.1, 0.1, 0.1])
    assert CosineDecay(0.0, 100, warmup_target=1.0)(0) == 1.0
    assert CosineDecay(0.2, 100, warmup_steps=50)(0) == pytest.approx(0.2)


EXAMPLES = {
    ExponentialDecay: (0.1, 100, 0.5, True),
    InverseTimeDecay: (0.1, 100, 0.5, True),
    PolynomialDecay: (0.1, 100, 0.01, 2.0, True),
    PiecewiseConstantDecay: ([1, 2], [0.1, 0.2, 0.3]),
    CosineDecay: (0.1, 100, 0.1, "mine", 0.5, 10),
}


@pytest.mark.parametrize("member", schedules.schedules.members.values(), ids=lambda c: c.__name__)
def test_catalogue_and_configuration(member):
    schedule = member(*EXAMPLES[member])
    again = schedules.get({"class_name": member.__name__, "config": schedule.get_config()})
    assert type(again) is member
    assert again.get_config() == schedule.get_config()
    assert [again(s) for s in STEPS] == [schedule(s) for s in STEPS]
    assert all(type(schedule(s)) is float for s in STEPS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps must be a number > 0, got 0"),
        (lambda: ExponentialDecay(-0.1, 10, 0.5), "initial_learning_rate must be a number >= 0"),
        (lambda: InverseTimeDecay(0.1, -5, 0.5), "decay_steps"),
        (lambda: PolynomialDecay(math.nan, 5), "initial_learning_rate"),
        (lambda: PolynomialDecay(0.1, "5"), "decay_steps"),
        (lambda: CosineDecay(0.1, 0), "decay_steps"),
        (lambda: CosineDecay(0.1, 10, warmup_target=-1.0), "warmup_target"),
        (lambda: CosineDecay(0.1, 10, warmup_target=1.0, warmup_steps=-1), "warmup_steps"),
        (lambda: PiecewiseConstantDecay([1], [0.1]), "values must be one more than boundaries"),
        (lambda: PiecewiseConstantDecay([2, 2], [0.1, 0.2, 0.3]), "boundaries must increase"),
        (lambda: PiecewiseConstantDecay([2], [0.1, math.inf]), "values must be numbers"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="must define __call__"):
        schedules.LearningRateSchedule()(0)
