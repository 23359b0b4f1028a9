"""Schedules: values against closed forms, at and around every boundary."""

import json
import math
import sys

import numpy as np
import pytest
from helpers import SCHEDULES

from fastnn.optimizers import SGD, schedules
from fastnn.optimizers.schedules import (
    Constant,
    CosineDecay,
    CosineDecayRestarts,
    CosLog4,
    Cyclic,
    ExponentialDecay,
    InverseTimeDecay,
    MultiStepDecay,
    NaturalExponentialDecay,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
    Warmup,
)
from fastnn.parameters import Parameter

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


@pytest.mark.parametrize("step", STEPS)
def test_natural_exponential(step):
    assert NaturalExponentialDecay(0.1, 50, 2.0)(step) == pytest.approx(
        ExponentialDecay(0.1, 50, math.exp(-2.0))(step), rel=1e-9, abs=1e-300
    )
    stairs = ExponentialDecay(0.1, 50, math.exp(-0.1), staircase=True)
    assert NaturalExponentialDecay(0.1, 50, 0.1, staircase=True)(step) == pytest.approx(stairs(step), rel=1e-9, abs=1e-300)


def test_constant_and_steps():
    assert [Constant(0.3)(s) for s in (0, 7)] == [0.3, 0.3]
    assert [StepDecay(1.0, 3, 0.5)(s) for s in (0, 2, 3, 5, 6, 9)] == [1, 1, 0.5, 0.5, 0.25, 0.125]
    assert [MultiStepDecay(1.0, [2, 5, 5], 0.5)(s) for s in (0, 1, 2, 4, 5, 99)] == [1, 1, 0.5, 0.5, 0.125, 0.125]


def test_restarts_begin_at_the_top():
    """Also where rounding lets the logarithm fall short: each period's first step has its highest rate, the one before its lowest."""
    for t_mul in (1.0, 1.5, 2.0, 3.0, 10.0):
        rate = CosineDecayRestarts(1.0, 2**12, t_mul=t_mul, m_mul=0.5, alpha=0.1)
        start = 0.0
        for period in range(10 if t_mul < 10 else 6):
            if start == int(start):
                assert rate(int(start)) == pytest.approx(0.9 * 0.5**period + 0.1)
                assert period == 0 or rate(int(start) - 1) < 0.101
            start += 2**12 * t_mul**period


def test_restarts_by_their_definition():
    rate = CosineDecayRestarts(0.2, 10, t_mul=2.0, m_mul=0.5, alpha=0.1)
    step = 0
    for period, length in enumerate((10, 20, 40, 80)):
        for since in range(length):
            wave = 0.5**period * math.cos(math.pi * since / length / 2) ** 2
            assert rate(step) == pytest.approx(0.2 * (0.9 * wave + 0.1))
            step += 1


def test_coslog4_has_four_waves():
    rate = CosLog4(0.3, 1500)
    assert [rate(s) for s in (0, 100, 300, 700, 1500, 10**6)] == pytest.approx([0] * 6, abs=1e-15)
    assert [rate(round(100 * (2**k - 1))) for k in (0.5, 1.5, 2.5, 3.5)] == pytest.approx([0.3] * 4, rel=1e-3)
    assert rate(50) == pytest.approx(0.15 * (1 - math.cos(2 * math.pi * math.log2(1.5))))


def test_one_cycle_turns_where_it_should():
    rate = OneCycle(1.0, 101, pct_start=21 / 101, div_factor=10.0, final_div_factor=100.0)
    assert [rate(s) for s in (0, 10, 20, 60, 100, 1000)] == pytest.approx([0.1, 0.55, 1.0, 0.5005, 0.001, 0.001])
    line = OneCycle(1.0, 101, pct_start=21 / 101, anneal_strategy="linear", div_factor=10.0, three_phase=True)
    assert [line(s) for s in (0, 5, 20, 25, 40, 70, 100)] == pytest.approx([0.1, 0.325, 1.0, 0.775, 0.1, 0.0500050, 1e-5])
    assert [OneCycle(1.0, 2, pct_start=p)(1) for p in (0.0, 0.5)] == pytest.approx([4e-6, 4e-6])
    assert OneCycle(1.0, 10, pct_start=1.0)(9) == 1.0


def test_cyclic():
    rate = Cyclic(0.1, 1.1, 10, 5)
    assert [rate(s) for s in (0, 5, 10, 12, 15, 25)] == pytest.approx([0.1, 0.6, 1.1, 0.7, 0.1, 1.1])
    assert [Cyclic(0.1, 1.1, 10, mode="triangular2")(s) for s in (10, 20, 30, 50)] == pytest.approx([1.1, 0.1, 0.6, 0.35])
    assert [Cyclic(0.1, 1.1, 10, mode="exp_range", gamma=0.9)(s) for s in (10, 30)] == pytest.approx([0.1 + 0.9**10, 0.1 + 0.9**30])


class OfOneStep(schedules.LearningRateSchedule):
    """What users write: it takes no arrays."""

    def __call__(self, step):
        return 1.0 if step < 3 else 1 / math.sqrt(step)


class OfArrays(schedules.LearningRateSchedule):
    def formula(self, steps):
        return 1.0 / (1.0 + steps)


def test_warm_up_then_any_schedule():
    assert Warmup(0.4, 4, start=0.2).rates(6) == pytest.approx([0.2, 0.25, 0.3, 0.35, 0.4, 0.4])
    assert Warmup(OfOneStep(), 2).rates(7) == pytest.approx([0, 0.5, 1, 1, 1, 3**-0.5, 4**-0.5])
    assert Warmup(CosineDecay(1.0, 100), 50)(80) == CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=50)(80)


every = pytest.mark.parametrize("member", schedules.schedules.members.values(), ids=lambda c: c.__name__)


@every
def test_catalogue_and_configuration(member):
    schedule = SCHEDULES[member.__name__]()
    again = schedules.get(json.loads(json.dumps({"class_name": member.__name__, "config": schedule.get_config()})))
    assert type(again) is member
    assert again.get_config() == schedule.get_config()
    assert [again(s) for s in STEPS] == [schedule(s) for s in STEPS]
    assert all(type(schedule(s)) is float and schedule(s) >= 0 for s in STEPS)
    assert type(SGD.from_config(SGD(schedule).get_config())._learning_rate) is member


@every
def test_arrays_have_the_bits_of_single_steps(member):
    """However the steps of a training are cut into slices, it sees the same rates."""
    schedule = SCHEDULES[member.__name__]()
    together = schedule.rates(1234)
    assert together.dtype == np.float64 and together.shape == (1234,)
    np.testing.assert_array_equal(together, [schedule(s) for s in range(1234)])
    np.testing.assert_array_equal(together, schedule(np.arange(1234)))
    np.testing.assert_array_equal(together[777:], schedule.rates(range(777, 1234)))
    np.testing.assert_array_equal(together.reshape(2, 617), schedule.rates(np.arange(1234).reshape(2, 617)))


@pytest.mark.parametrize("schedule", [OfOneStep(), OfArrays(), CosineDecay(0.1, 100)], ids=lambda s: type(s).__name__)
def test_an_optimizer_asks_for_many_steps_at_once(schedule):
    optimizer = SGD(schedule)
    optimizer.build([Parameter("w", np.zeros(3))])
    optimizer.iterations = 5
    rates = optimizer.scalar_table(20)[:, 1 + optimizer.op.scalars.index("learning_rate")]
    np.testing.assert_array_equal(rates, [schedule(s) for s in range(5, 25)])


def test_a_subclass_with_its_own_call_is_asked_by_it():
    class Halved(CosineDecay):
        def __call__(self, step):
            return 0.5 * super().__call__(step)

    np.testing.assert_array_equal(Halved(0.1, 10).rates(5), 0.5 * CosineDecay(0.1, 10).rates(5))


def test_plot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    ax = CosineDecay(0.1, 10).plot(20)
    assert Constant(0.05).plot(20, ax=ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), CosineDecay(0.1, 10).rates(20))
    assert [line.get_label() for line in ax.lines] == ["CosineDecay", "Constant"]
    pyplot.close(ax.figure)


def test_plot_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"fastnn\[plot\]"):
        Constant(0.1).plot(10)


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
        (lambda: PiecewiseConstantDecay([2], [0.1, "0.2"]), "values must be numbers"),
        (lambda: MultiStepDecay(0.1, [2, 1]), "milestones must be in order"),
        (lambda: StepDecay(0.1, True), "step_size"),
        (lambda: CosineDecayRestarts(0.1, 10, t_mul=0.5), "t_mul must be at least 1"),
        (lambda: OneCycle(0.1, 1), "total_steps must be at least 2"),
        (lambda: OneCycle(0.1, 10, pct_start=1.5), "pct_start must be at most 1,"),
        (lambda: OneCycle(0.1, 10, pct_start=0.6, three_phase=True), "pct_start must be at most 0.5 with three_phase"),
        (lambda: OneCycle(0.1, 10, anneal_strategy="sine"), "anneal_strategy must be one of cos, linear"),
        (lambda: Cyclic(0.1, 0.2, mode="square"), "mode must be one of triangular"),
        (lambda: Cyclic(0.1, 0.2, step_size_down=0), "step_size_down"),
        (lambda: Warmup(0.1, 0), "steps must be a number > 0"),
        (lambda: Warmup(-0.1, 5), "Constant: learning_rate"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_warm_up_of_something_else():
    with pytest.raises(TypeError, match="learning-rate schedule"):
        Warmup(math.sqrt, 5)


def test_a_schedule_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="must define __call__"):
        schedules.LearningRateSchedule()(0)
