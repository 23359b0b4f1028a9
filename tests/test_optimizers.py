"""Optimizers: every option against plain-Python transcriptions, clipping, learning rates, both backends alike."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import backend, optimizers, samples
from fastnn.backend import registry
from fastnn.configurable import snake_case
from fastnn.memory import ALIGNMENT
from fastnn.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from fastnn.optimizers.schedules import CosineDecay, ExponentialDecay, LearningRateSchedule
from fastnn.parameters import Parameter

OPS = [op for op in registry.values() if op.__module__.startswith("fastnn.optimizers")]
MEMBERS = [member for member in optimizers.optimizers.members.values() if not member.full_batch]  # those are in test_full_batch.py
compiled_only = pytest.mark.skipif(not any(op.compiled for op in OPS), reason="the compiled kernels are not built")
every_class = pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)


@pytest.fixture(params=["numpy", pytest.param("compiled", marks=compiled_only)])
def each_backend(request):
    with backend.use(request.param):
        yield request.param


# ------------------------------------------------- one parameter at a time, in plain Python, from Keras' formulas


def plain_sgd(o, gradients, p):
    m = 0.0
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        if not o.momentum:
            p -= lr * g
            continue
        step = lr * (1 - o.dampening) * g
        m = o.momentum * m - step
        p += o.momentum * m - step if o.nesterov else m
    return p


def plain_rmsprop(o, gradients, p):
    v = a = m = 0.0
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        v = o.rho * v + (1 - o.rho) * g * g
        a = o.rho * a + (1 - o.rho) * g
        step = lr * g / math.sqrt((v - a * a if o.centered else v) + o.epsilon)
        m = o.momentum * m + step
        p -= m if o.momentum else step
    return p


def plain_adagrad(o, gradients, p):
    total = o.initial_accumulator_value
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        total += g * g
        p -= lr * g / math.sqrt(total + o.epsilon)
    return p


def plain_adam(o, gradients, p):
    m = v = largest = 0.0
    for t, (lr, g) in enumerate(gradients, start=1):
        p -= lr * (o.weight_decay or 0) * p
        m = o.beta_1 * m + (1 - o.beta_1) * g
        v = o.beta_2 * v + (1 - o.beta_2) * g * g
        largest = max(largest, v)
        alpha = lr * math.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
        p -= alpha * m / (math.sqrt(largest if o.amsgrad else v) + o.epsilon)
    return p


def plain_adadelta(o, gradients, p):
    v = u = 0.0
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        v = o.rho * v + (1 - o.rho) * g * g
        d = math.sqrt(u + o.epsilon) / math.sqrt(v + o.epsilon) * g
        u = o.rho * u + (1 - o.rho) * d * d
        p -= lr * d
    return p


def plain_adamax(o, gradients, p):
    m = u = 0.0
    for t, (lr, g) in enumerate(gradients, start=1):
        p -= lr * (o.weight_decay or 0) * p
        m = o.beta_1 * m + (1 - o.beta_1) * g
        u = max(o.beta_2 * u, abs(g))
        p -= lr * m / (1 - o.beta_1**t) / (u + o.epsilon)
    return p


def plain_nadam(o, gradients, p):
    m, v, product = 0.0, 0.0, 1.0
    for t, (lr, g) in enumerate(gradients, start=1):
        u, following = (o.beta_1 * (1 - 0.5 * 0.96 ** (o.momentum_decay * i)) for i in (t, t + 1))
        product *= u
        p -= lr * (o.weight_decay or 0) * p
        m = o.beta_1 * m + (1 - o.beta_1) * g
        v = o.beta_2 * v + (1 - o.beta_2) * g * g
        m_hat = following * m / (1 - product * following) + (1 - u) * g / (1 - product)
        p -= lr * m_hat / (math.sqrt(v / (1 - o.beta_2**t)) + o.epsilon)
    return p


def plain_radam(o, gradients, p):
    m = v = 0.0
    infinite = 2 / (1 - o.beta_2) - 1
    for t, (lr, g) in enumerate(gradients, start=1):
        p -= lr * (o.weight_decay or 0) * p
        m = o.beta_1 * m + (1 - o.beta_1) * g
        v = o.beta_2 * v + (1 - o.beta_2) * g * g
        m_hat, rho = m / (1 - o.beta_1**t), infinite - 2 * t * o.beta_2**t / (1 - o.beta_2**t)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * infinite / ((infinite - 4) * (infinite - 2) * rho))
            p -= lr * r * m_hat * math.sqrt(1 - o.beta_2**t) / (math.sqrt(v) + o.epsilon)
        else:
            p -= lr * m_hat
    return p


def plain_adabelief(o, gradients, p):
    m = s = 0.0
    for t, (lr, g) in enumerate(gradients, start=1):
        p -= lr * (o.weight_decay or 0) * p
        m = o.beta_1 * m + (1 - o.beta_1) * g
        s = o.beta_2 * s + (1 - o.beta_2) * (g - m) ** 2 + o.epsilon
        p -= lr * m / (1 - o.beta_1**t) / (math.sqrt(s / (1 - o.beta_2**t)) + o.epsilon)
    return p


def plain_lion(o, gradients, p):
    m = 0.0
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        p -= lr * math.copysign(1, o.beta_1 * m + (1 - o.beta_1) * g)
        m = o.beta_2 * m + (1 - o.beta_2) * g
    return p


def plain_ftrl(o, gradients, p):
    n, z = o.initial_accumulator_value, 0.0
    l1, l2 = o.l1_regularization_strength, o.l2_regularization_strength
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        old, n = n**-o.learning_rate_power, n + g * g
        new = n**-o.learning_rate_power
        z += g + 2 * o.l2_shrinkage_regularization_strength * p - (new - old) / lr * p
        p = (min(max(z, -l1), l1) - z) / (new / lr + 2 * (l2 + o.beta / (2 * lr)))
    return p


def plain_rprop(o, gradients, p):
    before, size = 0.0, gradients[0][0]
    for lr, g in gradients:
        p -= lr * (o.weight_decay or 0) * p
        if g * before > 0:
            size = min(size * o.etas[1], o.step_sizes[1])
        elif g * before < 0:
            size, g = max(size * o.etas[0], o.step_sizes[0]), 0.0
        p -= size * (math.copysign(1, g) if g else 0)
        before = g
    return p


def plain_asgd(o, gradients, p):
    for t, (lr, g) in enumerate(gradients):
        p -= lr * (o.weight_decay or 0) * p
        eta = lr / (1 + o.lambd * lr * t) ** o.alpha
        p -= eta * (o.lambd * p + g)
    return p


def plain_schedule_free_sgd(o, gradients, p):
    """The paper's three sequences: y, where the gradient is taken, is what a step leaves in the parameters."""
    x = z = p
    total, beta = 0.0, o.momentum
    for t, (lr, g) in enumerate(gradients, start=1):
        y, lr = (1 - beta) * z + beta * x, lr * min(1, t / max(o.warmup_steps, 1))
        total += lr**2
        z = z - lr * (g + (o.weight_decay or 0) * y)
        x = (1 - lr**2 / total) * x + lr**2 / total * z
    return (1 - beta) * z + beta * x


def plain_schedule_free_adamw(o, gradients, p):
    x = z = p
    v, total, beta = 0.0, 0.0, o.beta_1
    for t, (lr, g) in enumerate(gradients, start=1):
        y, lr = (1 - beta) * z + beta * x, lr * min(1, t / max(o.warmup_steps, 1))
        total += lr**2
        v = o.beta_2 * v + (1 - o.beta_2) * g * g
        z = z - lr * (g / (math.sqrt(v / (1 - o.beta_2**t)) + o.epsilon) + (o.weight_decay or 0) * y)
        x = (1 - lr**2 / total) * x + lr**2 / total * z
    return (1 - beta) * z + beta * x


PLAIN = {SGD: plain_sgd, RMSprop: plain_rmsprop, Adagrad: plain_adagrad, Adam: plain_adam, AdamW: plain_adam}
PLAIN |= {optimizers.Adadelta: plain_adadelta, optimizers.Adamax: plain_adamax, optimizers.Nadam: plain_nadam}
PLAIN |= {optimizers.NAdamW: plain_nadam, optimizers.RAdam: plain_radam, optimizers.AdaBelief: plain_adabelief}
PLAIN |= {optimizers.Lion: plain_lion, optimizers.Ftrl: plain_ftrl, optimizers.Rprop: plain_rprop, optimizers.ASGD: plain_asgd}
PLAIN |= {optimizers.ScheduleFreeSGD: plain_schedule_free_sgd, optimizers.ScheduleFreeAdamW: plain_schedule_free_adamw}
OPTIONS = [
    (SGD, {}),
    (SGD, {"weight_decay": 0.1}),
    (SGD, {"momentum": 0.9}),
    (SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    (SGD, {"momentum": 0.8, "nesterov": True}),
    (SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    (SGD, {"nesterov": True}),
    (RMSprop, {}),
    (RMSprop, {"rho": 0.5, "epsilon": 1e-3, "weight_decay": 0.1}),
    (RMSprop, {"momentum": 0.7, "weight_decay": 0.1}),
    (RMSprop, {"centered": True, "weight_decay": 0.1}),
    (RMSprop, {"centered": True, "momentum": 0.7, "weight_decay": 0.1}),
    (Adagrad, {}),
    (Adagrad, {"initial_accumulator_value": 0.0, "epsilon": 1e-2, "weight_decay": 0.1}),
    (Adam, {}),
    (Adam, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "weight_decay": 0.1}),
    (Adam, {"amsgrad": True, "beta_2": 0.5, "weight_decay": 0.1}),
    (AdamW, {}),
    (AdamW, {"weight_decay": 0.5, "amsgrad": True}),
    (SGD, {"momentum": 0.8, "dampening": 0.8, "weight_decay": 0.1}),
    (SGD, {"momentum": 0.8, "dampening": 0.3, "nesterov": True}),
    (optimizers.Adadelta, {}),
    (optimizers.Adadelta, {"rho": 0.5, "epsilon": 1e-3, "weight_decay": 0.1}),
    (optimizers.Adamax, {}),
    (optimizers.Adamax, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "weight_decay": 0.1}),
    (optimizers.Nadam, {}),
    (optimizers.Nadam, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "weight_decay": 0.1, "momentum_decay": 0.004}),
    (optimizers.Nadam, {"beta_1": 0.0}),
    (optimizers.NAdamW, {"weight_decay": 0.5}),
    (optimizers.RAdam, {}),
    (optimizers.RAdam, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "weight_decay": 0.1}),
    (optimizers.AdaBelief, {}),
    (optimizers.AdaBelief, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "weight_decay": 0.1}),
    (optimizers.Lion, {}),
    (optimizers.Lion, {"beta_1": 0.5, "beta_2": 0.7, "weight_decay": 0.1}),
    (optimizers.Ftrl, {}),
    (optimizers.Ftrl, {"l1_regularization_strength": 0.5, "l2_regularization_strength": 0.5, "beta": 1.0}),
    (optimizers.Ftrl, {"l2_shrinkage_regularization_strength": 0.1, "learning_rate_power": -0.3, "weight_decay": 0.1}),
    (optimizers.Ftrl, {"learning_rate_power": 0.0, "initial_accumulator_value": 0.0}),
    (optimizers.Rprop, {}),
    (optimizers.Rprop, {"etas": (0.1, 3.0), "step_sizes": (0.01, 0.2), "weight_decay": 0.1}),
    (optimizers.ASGD, {}),
    (optimizers.ASGD, {"lambd": 0.3, "alpha": 0.5, "t0": 4, "weight_decay": 0.1}),
    (optimizers.ScheduleFreeSGD, {}),
    (optimizers.ScheduleFreeSGD, {"momentum": 0.5, "warmup_steps": 7, "weight_decay": 0.1}),
    (optimizers.ScheduleFreeAdamW, {}),
    (optimizers.ScheduleFreeAdamW, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "warmup_steps": 7, "weight_decay": 0.1}),
]


def gradient_of(step, size, dtype="float64"):
    return np.random.default_rng(step).normal(size=size).astype(dtype)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize(("member", "options"), OPTIONS, ids=lambda v: getattr(v, "__name__", None) or "-".join(v) or "plain")
def test_twenty_steps_follow_the_formulas(member, options, scheduled, dtype, rtol, each_backend):
    schedule = ExponentialDecay(0.05, 7, 0.5)
    o = member(schedule if scheduled else 0.05, **options)
    size = 5
    p = np.random.default_rng(99).normal(size=size).astype(dtype)
    start = p.astype(float).tolist()
    for step in range(20):
        o.apply([gradient_of(step, size, dtype)], [p])
    rates = [schedule(step) if scheduled else 0.05 for step in range(20)]
    for i in range(size):
        gradients = [(rates[step], float(gradient_of(step, size, dtype)[i])) for step in range(20)]
        assert p[i] == pytest.approx(PLAIN[member](o, gradients, start[i]), rel=rtol, abs=rtol)
    assert o.iterations == 20


def test_every_update_op_is_reached_by_an_option():
    reached = {member(**options).op.name for member, options in OPTIONS}
    around = {op.name for op in OPS if op.family in ("clipping", "averaging")}
    moving = {"leave_training_point", "return_to_training_point"}
    assert {op.name for op in OPS if op.split} == (reached | around | moving) - {"clip_by_norm"}


def test_every_class_has_a_transcription():
    """Those that work entry by entry here; those that don't in tests/test_optimizers_of_parameters.py."""
    assert set(PLAIN) == {member for member in MEMBERS if member().op.split}


def test_defaults_are_those_of_keras():
    def defaults(member):
        return {k: p.default for k, p in inspect.signature(member).parameters.items()}

    base = {"weight_decay": None, "clipnorm": None, "clipvalue": None, "global_clipnorm": None}
    adam = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}
    assert base.items() <= defaults(SGD).items()
    assert list(defaults(SGD))[:3] == ["learning_rate", "momentum", "nesterov"]
    assert defaults(SGD)["learning_rate"] == 0.01
    assert list(defaults(RMSprop))[:5] == ["learning_rate", "rho", "momentum", "epsilon", "centered"]
    assert list(defaults(Adam).items())[:5] == list(adam.items())
    assert list(defaults(AdamW))[:2] == ["learning_rate", "weight_decay"]
    assert defaults(AdamW)["weight_decay"] == 0.004
    assert (defaults(Adagrad)["learning_rate"], defaults(Adagrad)["initial_accumulator_value"]) == (0.001, 0.1)


# -------------------------------------------------------------------------------------------- slots and state


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (SGD(), []),
        (SGD(momentum=0.9), ["momentum"]),
        (RMSprop(), ["velocity"]),
        (RMSprop(centered=True, momentum=0.5), ["velocity", "average_gradient", "momentum"]),
        (Adagrad(), ["accumulator"]),
        (Adam(), ["momentum", "velocity"]),
        (AdamW(amsgrad=True), ["momentum", "velocity", "velocity_hat"]),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_slots_have_stable_names_and_aligned_vectors(optimizer, names):
    assert not optimizer.built
    optimizer.build([Parameter("w", np.zeros(13, "float32"))])
    assert optimizer.built
    assert list(optimizer.slots) == names
    for slot in optimizer.slots.values():
        assert slot.shape == (16,)  # whole cache lines
        assert slot.dtype == np.float32
        assert slot.ctypes.data % ALIGNMENT == 0
        assert (slot[:13] == (np.float32(0.1) if names == ["accumulator"] else 0)).all() and not slot[13:].any()


@every_class
def test_resuming_from_slots_numbers_and_iterations_repeats_the_run(member, each_backend):
    def steps(o, p, which):
        for step in which:
            o.apply([gradient_of(step, 50)], [p])
        return p

    whole = member(0.1)
    p = steps(whole, np.ones(50), range(3))
    resumed = optimizers.get(optimizers.serialize(whole))
    resumed.build([Parameter("w", p.copy())])
    for name, slot in whole.slots.items():
        resumed.slots[name][:] = slot
    for name, number in whole.numbers.items():
        resumed.number(name)[:] = number
    resumed.iterations = whole.iterations
    np.testing.assert_array_equal(steps(whole, p.copy(), range(3, 6)), steps(resumed, p.copy(), range(3, 6)))


@every_class
def test_a_parameter_without_gradient_stays(member, each_backend):
    """The gaps of a flat vector are such: zero, with gradient zero."""
    o = member(0.1, weight_decay=0.1)
    p = np.zeros(4, "float32")
    for _ in range(3):
        o.apply([np.zeros(4, "float32")], [p])
    assert not p.any()


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [16, 48, 64, 80, 240, 1008, 4112])
@pytest.mark.parametrize("op", [op for op in OPS if op.split], ids=lambda op: op.name)
def test_a_vector_cut_at_cache_lines_gives_the_same_bits(op, size, dtype):
    """Threads share a flat vector in pieces of whole 64 entries; parameters fill whole 16."""
    whole = samples.arguments(op, {"s": size}, dtype, np.random.default_rng(size))
    for step in (64, 192):
        cut, scalars = [a.copy() for a in whole[: len(op.arrays)]], whole[len(op.arrays) :]
        expected = [a.copy() for a in cut]
        op.compiled(*expected, *scalars)
        for start in range(0, size, step):
            pieces = (a[start : start + step] if argument.shape == ("s",) else a for argument, a in zip(op.arrays, cut, strict=True))
            op.compiled(*pieces, *scalars)
        assert [a.tobytes() for a in cut] == [a.tobytes() for a in expected]


# --------------------------------------------------------------------------------------------------- clipping


def clip(op, g, limit):
    g = np.array(g)
    registry[op](g, limit)
    return g


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clip_by_value(dtype, each_backend):
    g = np.array([-2, -0.5, 0, 0.5, 2, math.inf, -math.inf, math.nan], dtype)
    np.testing.assert_array_equal(clip("clip_by_value", g, 0.5), [-0.5, -0.5, 0, 0.5, 0.5, 0.5, -0.5, math.nan])


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("float32", 1.0), ("float32", 1e30), ("float32", 1e-38), ("float64", 1e200), ("float64", 1e308), ("float64", 1e-310)],
)
@pytest.mark.parametrize("size", [2, 100])
def test_clip_by_norm_over_the_whole_range(dtype, scale, size, each_backend):
    g = np.zeros(size, dtype)
    g[[0, -1]] = 0.75 * scale, -scale
    expected = np.zeros(size)
    expected[[0, -1]] = 0.6, -0.8
    limit = scale / 1024
    np.testing.assert_allclose(clip("clip_by_norm", g, limit) / limit, expected, rtol=2e-3 if scale < 1e-37 else 1e-6)


def test_clip_by_norm_leaves_small_gradients_as_they_are(each_backend):
    g = gradient_of(0, 1000)
    np.testing.assert_array_equal(clip("clip_by_norm", g, np.linalg.norm(g) * 1.001), g)
    np.testing.assert_array_equal(clip("clip_by_norm", np.zeros(5), 1.0), np.zeros(5))
    assert clip("clip_by_norm", np.zeros(0), 1.0).size == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_clip_by_norm_shows_a_broken_gradient(bad, each_backend):
    assert np.isnan(clip("clip_by_norm", np.array([1.0, bad, 2.0]), 0.5)).all()


def test_each_clip_does_its_own_thing(each_backend):
    def clipped(**option):
        g = np.array([3.0, 4.0, 0.0, 12.0])
        o = SGD(1.0, **option)
        p = [np.zeros((1, 2)), np.zeros(2)]
        o.apply([g[:2].reshape(1, 2), g[2:]], p)
        return -np.concatenate([p[0][0], p[1]])

    np.testing.assert_allclose(clipped(), [3, 4, 0, 12])
    np.testing.assert_allclose(clipped(clipvalue=3.5), [3, 3.5, 0, 3.5])
    np.testing.assert_allclose(clipped(clipnorm=10), [3, 4, 0, 10])
    np.testing.assert_allclose(clipped(global_clipnorm=6.5), [1.5, 2, 0, 6])


def test_at_most_one_clip():
    with pytest.raises(ValueError, match="at most one of clipnorm"):
        Adam(clipnorm=1.0, clipvalue=1.0)
    for bad in (0, -1.0, math.nan, "1", True):
        with pytest.raises(ValueError, match="clipnorm must be"):
            SGD(clipnorm=bad)


# ---------------------------------------------------------------------------------------------- learning rate


def test_learning_rate_is_a_float_that_can_be_set():
    o = SGD(0.1)
    o.learning_rate = 0.05
    assert o.learning_rate == 0.05
    assert o.get_config()["learning_rate"] == 0.05
    o.learning_rate = np.float32(0.25)
    assert isinstance(o.learning_rate, float) and not isinstance(o.learning_rate, np.floating)


@every_class
@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, "0.1", None, True, [0.1]])
def test_bad_learning_rates(member, bad):
    with pytest.raises(ValueError, match="learning_rate must be"):
        member(bad)
    o = member(0.2)
    with pytest.raises(ValueError, match="learning_rate must be"):
        o.learning_rate = bad
    assert o.learning_rate == 0.2


def test_a_schedule_gives_the_rate_and_stays_in_the_configuration():
    schedule = ExponentialDecay(0.1, 10, 0.5)
    o = Adam(schedule)
    assert o.learning_rate == 0.1
    for _ in range(10):
        o.apply([np.ones(1)], [np.ones(1)])
    assert o.learning_rate == pytest.approx(0.05)
    again = optimizers.get(optimizers.serialize(o))
    assert again.get_config() == o.get_config()
    again.iterations = 20
    assert again.learning_rate == pytest.approx(0.025)
    with pytest.raises(TypeError, match="follows ExponentialDecay"):
        o.learning_rate = 0.3
    o.learning_rate = ExponentialDecay(0.4, 10, 0.5)
    assert o.learning_rate == pytest.approx(0.2)


@pytest.mark.parametrize("learning_rate", [0.05, ExponentialDecay(0.05, 7, 0.5), CosineDecay(0.1, 5, warmup_target=0.3, warmup_steps=3)])
@pytest.mark.parametrize(("member", "options"), OPTIONS, ids=lambda v: getattr(v, "__name__", None) or "-".join(v) or "plain")
def test_the_table_of_scalars_holds_those_of_each_step(member, options, learning_rate):
    o = member(learning_rate, **options)
    o.build([Parameter("w", np.zeros(3))])
    o.iterations = 4
    table = o.scalar_table(9, [update for update in o.updates if update.op is o.op])
    assert table.dtype == np.float64 and table.flags.c_contiguous and table.shape == (9, 1 + len(o.op.scalars))
    warmup = getattr(o, "warmup_steps", 0) or 1
    for row in table:
        known = {
            "learning_rate": o.learning_rate * min(1, (o.iterations + 1) / warmup),
            "step": o.iterations + 1,
            "weight_decay": o.weight_decay or 0,
        }
        known |= {name: made(o.steps(1))[0] for name in o.op.scalars if name not in known and callable(made := getattr(o, name))}
        assert row.tolist() == [1, *(known[name] if name in known else getattr(o, name) for name in o.op.scalars)]
        o.iterations += 1
    assert o.scalar_table(0).shape == (0, sum(1 + len(update.op.scalars) for update in o.updates))


def test_the_table_of_scalars_asks_a_schedule_once_a_step():
    class Noted(LearningRateSchedule):
        def __init__(self):
            self.steps = []

        def __call__(self, step):
            self.steps.append(step)
            return 0.1

    o = SGD(Noted())
    o.build([Parameter("w", np.zeros(3))])
    o.iterations = 3
    o.scalar_table(4)
    assert o._learning_rate.steps == [3, 4, 5, 6] and type(o._learning_rate.steps[0]) is int


def test_own_schedules_work_and_plain_functions_are_refused():
    class Warm(LearningRateSchedule):
        def __init__(self, top):
            self.top = top

        def __call__(self, step):
            return self.top * (step + 1)

    o = SGD(Warm(0.1))
    p = np.zeros(1)
    for _ in range(3):
        o.apply([np.ones(1)], [p])
    assert p[0] == pytest.approx(-0.6)
    with pytest.raises(TypeError, match="subclass LearningRateSchedule"):
        SGD(lambda: 0.1)


# --------------------------------------------------------------------------- arguments, catalogue, configuration


@pytest.mark.parametrize(
    ("member", "name", "bad"),
    [
        (Adam, "beta_1", 1.0),
        (Adam, "beta_2", -0.1),
        (AdamW, "beta_2", math.nan),
        (Adam, "epsilon", 0.0),
        (Adam, "epsilon", "small"),
        (AdamW, "weight_decay", -1.0),
        (SGD, "momentum", 1.5),
        (SGD, "momentum", "0.9"),
        (SGD, "weight_decay", math.inf),
        (RMSprop, "rho", 1.0),
        (RMSprop, "momentum", -0.1),
        (Adagrad, "initial_accumulator_value", -0.1),
    ],
)
def test_bad_hyperparameters_are_named(member, name, bad):
    with pytest.raises(ValueError, match=f"{name} must be a finite number"):
        member(**{name: bad})


@every_class
def test_what_is_not_implemented_is_not_accepted(member):
    for name in ("loss_scale_factor", "decay"):
        with pytest.raises(TypeError, match=name):
            member(**{name: 1})


@every_class
def test_catalogue_and_configuration(member):
    for identifier in (
        member.__name__,
        snake_case(member.__name__),
        member.__name__.lower(),
        member,
        {"class_name": member.__name__, "config": {}},
    ):
        assert type(optimizers.get(identifier)) is member
    o = member(learning_rate=0.3, weight_decay=0.2, clipnorm=2.0, name="mine")
    again = optimizers.get(optimizers.serialize(o))
    assert again.get_config() == o.get_config()
    assert (again.weight_decay, again.clipnorm, again.name, again.op) == (0.2, 2.0, "mine", o.op)
    assert optimizers.get(o) is o


def test_unknown_optimizers():
    with pytest.raises(ValueError, match="did you mean"):
        optimizers.get("adan")
    with pytest.raises(TypeError, match="expected optimizer"):
        optimizers.get(3)


def test_own_optimizers_get_a_configuration():
    class Slow(SGD):
        def __init__(self, learning_rate=0.1, factor=0.5, **options):
            super().__init__(learning_rate * factor, **options)
            self.factor = factor

    assert Slow(clipvalue=2.0).get_config()["clipvalue"] == 2.0
    assert isinstance(Slow(), Optimizer)


# ------------------------------------------------------------------------------------------ both backends alike


@compiled_only
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize(("member", "options"), OPTIONS, ids=lambda v: getattr(v, "__name__", None) or "-".join(v) or "plain")
def test_backends_agree_after_ten_steps(member, options, dtype, tolerance):
    def trained(name):
        with backend.use(name):
            o = member(0.01, **options, global_clipnorm=20.0)
            p = gradient_of(99, 1003, dtype)
            for step in range(10):
                o.apply([gradient_of(step, p.size, dtype)], [p])
            return [p, *o.slots.values()]

    for got, expected in zip(trained("compiled"), trained("numpy"), strict=True):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@compiled_only
@settings(max_examples=50, deadline=None)
@given(size=st.integers(0, 200), exponent=st.integers(-150, 150), limit=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_clipping_agrees(size, exponent, limit, seed):
    g = gradient_of(seed, size) * 10.0**exponent
    for name in ("clip_by_value", "clip_by_norm"):
        got, expected = g.copy(), g.copy()
        registry[name].compiled(got, limit)
        registry[name].reference(expected, limit)
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_centered_rmsprop_survives_a_constant_gradient(each_backend):
    """The variance is 0 then, and rounding must not make it negative."""
    o = RMSprop(0.01, centered=True)
    p = np.zeros(64, "float32")
    for _ in range(300):
        o.apply([np.linspace(1, 3e3, 64, dtype="float32")], [p])
    assert np.isfinite(p).all()


@pytest.mark.parametrize("member", PLAIN, ids=lambda c: c.__name__)
@pytest.mark.parametrize("huge", [1e30, math.inf, math.nan])
def test_broken_gradients_warn_nobody_and_nan_stays_visible(member, huge, each_backend):
    o = member(0.01)
    p = np.ones(3, "float32")
    o.apply([np.array([1, huge, -1], "float32")], [p])
    assert np.isfinite(p[[0, 2]]).all()
    assert not (math.isnan(huge) and np.isfinite(p[1]))
