"""Schedules value by value against Keras' and torch's."""

import warnings

import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")

from fastnn.optimizers import schedules  # noqa: E402

STEPS = 200
KIND = "schedule"
NO_PEER = {
    "CosLog4": "neither has it",
    "NaturalExponentialDecay": "only TensorFlow 1 has it; tests/test_schedules.py holds it against ExponentialDecay",
}

# What to pass, the same here and there.
KERAS = {
    "CosineDecay": [(0.1, 100), (0.1, 100, 0.2), (0.01, 50, 0.1, "x", 0.2, 30)],
    "CosineDecayRestarts": [(0.1, 17), (0.1, 17, 1.0), (0.1, 17, 1.5, 0.8, 0.1), (0.1, 20, 3.0, 0.5)],
    "ExponentialDecay": [(0.1, 30, 0.5), (0.1, 30, 0.5, True)],
    "InverseTimeDecay": [(0.1, 30, 0.5), (0.1, 30, 0.5, True)],
    "PiecewiseConstantDecay": [([50, 100], [0.1, 0.05, 0.01])],
    "PolynomialDecay": [(0.1, 70), (0.1, 70, 0.01, 2.0), (0.1, 70, 0.01, 0.5, True)],
}


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def test_every_schedule_has_a_peer():
    assert set(schedules.schedules.members) == set(KERAS) | {name for name, _, _ in TORCH} | set(NO_PEER)


@pytest.mark.parametrize("name", KERAS)
def test_keras(name, agree):
    for arguments in KERAS[name]:
        theirs = getattr(keras.optimizers.schedules, name)(*arguments)
        expected = [float(theirs(step)) for step in range(STEPS)]
        ours = schedules.schedules.find(name)(*arguments)
        agree("schedule", name, peer="keras", got=ours.rates(STEPS), expected=expected)


def followed(make, rate, steps=STEPS):
    """The rates that torch's schedulers give an optimizer."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: the optimizer makes no steps here
        scheduler = make(optimizer)
        rates = []
        for _ in range(steps):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            scheduler.step()
    return rates


lr = torch.optim.lr_scheduler
s = schedules
TORCH = [
    ("Constant", s.Constant(0.1), lambda o: lr.ConstantLR(o, 1.0)),
    ("StepDecay", s.StepDecay(0.1, 30, 0.5), lambda o: lr.StepLR(o, 30, 0.5)),
    ("StepDecay", s.StepDecay(0.1, 7), lambda o: lr.StepLR(o, 7)),
    ("MultiStepDecay", s.MultiStepDecay(0.1, [10, 50, 50, 90], 0.5), lambda o: lr.MultiStepLR(o, [10, 50, 50, 90], 0.5)),
    ("ExponentialDecay", s.ExponentialDecay(0.1, 1, 0.97), lambda o: lr.ExponentialLR(o, 0.97)),
    ("InverseTimeDecay", s.InverseTimeDecay(0.1, 3, 0.5), lambda o: lr.LambdaLR(o, lambda t: 1 / (1 + 0.5 * t / 3))),
    ("PolynomialDecay", s.PolynomialDecay(0.1, 70, 0.0, 2.0), lambda o: lr.PolynomialLR(o, 70, 2.0)),
    ("PiecewiseConstantDecay", s.PiecewiseConstantDecay([9, 49], [0.1, 0.05, 0.025]), lambda o: lr.MultiStepLR(o, [10, 50], 0.5)),
    ("CosineDecay", s.CosineDecay(0.1, STEPS, 0.1), lambda o: lr.CosineAnnealingLR(o, STEPS, 0.01)),
    ("CosineDecayRestarts", s.CosineDecayRestarts(0.1, 17, 2.0, 1.0, 0.1), lambda o: lr.CosineAnnealingWarmRestarts(o, 17, 2, 0.01)),
    ("CosineDecayRestarts", s.CosineDecayRestarts(0.1, 17, 1.0), lambda o: lr.CosineAnnealingWarmRestarts(o, 17)),
    ("Warmup", s.Warmup(0.1, 20, start=0.01), lambda o: lr.LinearLR(o, 0.1, 1.0, 20)),
    (
        "Warmup",
        s.Warmup(s.CosineDecay(0.1, 180), 20, start=0.01),
        lambda o: lr.SequentialLR(o, [lr.LinearLR(o, 0.1, 1.0, 20), lr.CosineAnnealingLR(o, 180)], [20]),
    ),
    *[
        ("OneCycle", s.OneCycle(0.1, STEPS, *given), lambda o, given=given: one_cycle(o, *given))
        for given in [(), (0.25, "linear"), (0.1, "cos", 10.0, 50.0), (0.3, "cos", 25.0, 1e4, True), (0.2, "linear", 5.0, 10.0, True)]
    ],
    *[
        ("Cyclic", s.Cyclic(0.1, 0.5, 20, down, mode, gamma), lambda o, given=(20, down, mode, gamma): cyclic(o, *given))
        for down, mode, gamma in [(None, "triangular", 1.0), (31, "triangular2", 1.0), (10, "exp_range", 0.99)]
    ],
]


def one_cycle(optimizer, pct=0.3, anneal="cos", div=25.0, final=1e4, three=False):
    options = {"pct_start": pct, "anneal_strategy": anneal, "div_factor": div, "final_div_factor": final, "three_phase": three}
    return lr.OneCycleLR(optimizer, 0.1, STEPS, cycle_momentum=False, **options)


def cyclic(optimizer, up, down, mode, gamma):
    return lr.CyclicLR(optimizer, 0.1, 0.5, up, down, mode, gamma, cycle_momentum=False)


@pytest.mark.parametrize(("name", "ours", "make"), TORCH, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(TORCH)])
def test_torch(name, ours, make, agree):
    agree("schedule", name, peer="torch", got=ours.rates(STEPS), expected=followed(make, 0.1))
