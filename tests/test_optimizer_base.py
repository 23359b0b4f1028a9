"""What all optimizers share: accumulated gradients, averages of parameters, groups, constraints, steps on one's own arrays."""

import copy
import math
import pickle

import numpy as np
import pytest
from helpers import BACKENDS, bits, classifier, labels, model_of, regressor, samples

import fastnn
from fastnn import layers, optimizers
from fastnn.backend import op, registry
from fastnn.optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop
from fastnn.optimizers.optimizer import update
from fastnn.optimizers.schedules import ExponentialDecay
from fastnn.parameters import Parameter


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def gradients(count, *shape):
    return list(np.random.default_rng(0).normal(size=(count, *shape)))


def applied(optimizer, given, start):
    p = np.array(start)
    for g in given:
        optimizer.apply([g], [p])
    return p


# ------------------------------------------------------------------------------------------- accumulated gradients


def test_accumulated_gradients_are_averaged(each_backend):
    given = gradients(12, 5)
    means = [sum(given[i : i + 3]) / 3 for i in range(0, 12, 3)]
    for make in (lambda **o: SGD(0.1, momentum=0.9, **o), lambda **o: Adam(0.1, clipnorm=0.5, **o)):
        got = applied(make(gradient_accumulation_steps=3), given, np.ones(5))
        np.testing.assert_allclose(got, applied(make(), means, np.ones(5)), rtol=1e-12)


def test_nothing_moves_before_the_update_is_due(each_backend):
    o, p = Adam(0.1, weight_decay=0.5, use_ema=True, gradient_accumulation_steps=4), np.ones(3)
    for number, g in enumerate(gradients(7, 3)):
        before = p.copy(), {name: slot.copy() for name, slot in o.slots.items() if name != "gradient_sum"}
        o.apply([g], [p])
        assert (o.batches, o.iterations) == (number + 1, (number + 1) // 4)
        if number not in (0, 3):
            np.testing.assert_array_equal(p, before[0])
            for name, slot in before[1].items():
                np.testing.assert_array_equal(o.slots[name], slot)
    assert not (p == 1).any()


def test_a_schedule_counts_batches(each_backend):
    schedule = ExponentialDecay(0.5, 2, 0.5)
    p = applied(SGD(schedule, gradient_accumulation_steps=2), np.ones((4, 1)), [0.0])
    assert p[0] == pytest.approx(-schedule(1) - schedule(3))


def test_accumulating_in_fit_is_a_larger_batch(each_backend):
    """A linear layer without regularizer or dropout: the mean of means of batches of one size is the mean."""
    x, y = samples(24), samples(24, 1, seed=3)
    whole, parts = regressor(SGD(0.1, momentum=0.5)), regressor(SGD(0.1, momentum=0.5, gradient_accumulation_steps=3))
    for model, size in ((whole, 12), (parts, 4)):
        model.fit(x, y, batch_size=size, epochs=4, shuffle=False, verbose=0)
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert whole.optimizer.iterations == parts.optimizer.iterations == 8


FULL = {
    "gradient_accumulation_steps": 3,
    "use_ema": True,
    "ema_momentum": 0.8,
    "ema_overwrite_frequency": 2,
    "clipnorm": 1.0,
    "groups": {"bias": {"weight_decay": 0}, "hidden": {"learning_rate": 0.5}},
    "weight_decay": 0.01,
}


def fitted(model, epochs, start=0):
    model.fit(samples(), labels(), batch_size=5, epochs=start + epochs, initial_epoch=start, verbose=0)
    return model


def test_a_training_saved_amid_an_accumulation_goes_on_as_if_it_had_not_been(tmp_path, each_backend):
    kept, saved = (fitted(classifier(Adam(0.01, **FULL)), 1) for _ in range(2))
    assert kept.optimizer.batches % 3
    saved.save(tmp_path / "model.npz")
    loaded = fastnn.load_model(tmp_path / "model.npz")
    assert loaded.optimizer.get_config() == kept.optimizer.get_config()
    assert bits(fitted(loaded, 2, 1)) == bits(fitted(kept, 2, 1))


def test_one_fit_is_several_without_an_average():
    options = {k: v for k, v in FULL.items() if not k.startswith(("use_ema", "ema"))}
    whole, parts = fitted(classifier(Adam(0.01, **options)), 3), fitted(classifier(Adam(0.01, **options)), 1)
    assert bits(whole) == bits(fitted(parts, 2, 1))


class ByHand(Adam):
    """Steps made from Python, one at a time."""

    def step(self):
        super().step()


def test_steps_in_the_loop_are_those_made_by_hand(each_backend):
    loop, hand = fitted(classifier(Adam(0.01, **FULL)), 3), fitted(classifier(ByHand(0.01, **FULL)), 3)
    assert bits(loop) == bits(hand)


# --------------------------------------------------------------------------------------------------- averages


def test_the_average_begins_at_the_first_update_and_decays(each_backend):
    o, p = SGD(0.1, use_ema=True, ema_momentum=0.9), np.ones(2)
    path = []
    for g in gradients(6, 2):
        o.apply([g], [p])
        path.append(p.copy())
    average = path[0]
    for each in path[1:]:
        average = 0.9 * average + 0.1 * each
    np.testing.assert_allclose(o.slots["average"][:2], average, rtol=1e-12)
    np.testing.assert_array_equal(p, path[-1])
    o.finalize_variable_values()
    np.testing.assert_allclose(p, average, rtol=1e-12)  # the caller's own array, too


def test_the_average_takes_the_parameters_place_now_and_then(each_backend):
    o, p, average = SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3), np.zeros(1), 0.0
    plain = 0.0
    for step, g in enumerate(gradients(7, 1), start=1):
        o.apply([g], [p])
        plain -= 0.1 * g[0]
        average = plain if step == 1 else 0.5 * average + 0.5 * plain
        if step % 3 == 0:
            plain = average
        assert p[0] == pytest.approx(plain, rel=1e-12)


def test_fit_ends_with_the_average(each_backend):
    model = regressor(SGD(0.1, use_ema=True, ema_momentum=0.5))
    model.fit(samples(), samples(23, 1), epochs=3, verbose=0)
    average = model.optimizer.slots["average"]
    for parameter, mean in zip(model.trainable_weights, model._arena.values.split(average), strict=True):
        np.testing.assert_array_equal(parameter.value, mean)


def test_an_average_switched_on_later_begins_at_the_parameters(each_backend):
    o, p = SGD(0.1), np.full(2, 5.0)
    o.apply([np.zeros(2)], [p])
    o.use_ema = True
    o.apply([np.zeros(2)], [p])
    np.testing.assert_array_equal(o.slots["average"][:2], 5)


# ----------------------------------------------------------------------------------------------------- groups


def network(optimizer):
    stack = [lambda: layers.Dense(6, activation="tanh", name="first"), lambda: layers.Dense(5, activation="tanh", name="second")]
    return model_of(*stack, lambda: layers.Dense(1, name="last"), optimizer=optimizer, loss="mse")


def changes(optimizer):
    """How far one step moves each parameter."""
    model = network(optimizer)
    before = {p.path: p.numpy() for p in model.trainable_weights}
    model.train_on_batch(samples(), samples(23, 1))
    return {p.path: p.value - before[p.path] for p in model.trainable_weights}


FACTORS = {
    "first": {"first/kernel": 0.5, "first/bias": 0.5},
    "bias": {"first/bias": 0.5, "second/bias": 0.5, "last/bias": 0.5},
    "second/kernel": {"second/kernel": 0.5},
    "*st/bias": {"first/bias": 0.5, "last/bias": 0.5},
    "*": dict.fromkeys(["first/kernel", "first/bias", "second/kernel", "second/bias", "last/kernel", "last/bias"], 0.5),
}


@pytest.mark.parametrize("pattern", FACTORS)
def test_a_group_has_a_rate_of_its_own(pattern, each_backend):
    plain, grouped = changes(SGD(0.1)), changes(SGD(0.1, groups={pattern: {"learning_rate": 0.5}}))
    for path, change in plain.items():
        np.testing.assert_allclose(grouped[path], FACTORS[pattern].get(path, 1.0) * change, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", [name for name, member in optimizers.optimizers.members.items() if not member.full_batch])
def test_a_group_of_rate_zero_stays_where_it_is(name, each_backend):
    moved = changes(optimizers.optimizers.find(name)(weight_decay=0.1, groups={"first": {"learning_rate": 0}}))
    assert {path for path, change in moved.items() if not change.any()} == {"first/kernel", "first/bias"}


@pytest.mark.parametrize("pattern", ["inner", "block/inner", "inner/kernel", "block/inner/kernel", "block", "kernel", "i*r/k*"])
def test_a_group_finds_layers_inside_others(pattern):
    parameter = Parameter("kernel", np.ones((2, 2)))
    parameter.path = "block/inner/kernel"
    groups = {pattern: {"learning_rate": 0.5}}
    assert SGD(groups=groups).group_of(parameter).learning_rate == 0.5


@pytest.mark.parametrize("pattern", ["inn", "ock/inner", "block/kernel", "inner/", ""])
def test_a_group_goes_by_whole_names(pattern):
    parameter = Parameter("kernel", np.ones((2, 2)))
    parameter.path = "block/inner/kernel"
    assert SGD(groups={pattern: {"learning_rate": 0.5}}).group_of(parameter).learning_rate == 1


def test_factors_of_several_groups_multiply(each_backend):
    groups = {"first": {"learning_rate": 0.5}, "bias": {"learning_rate": 0.0}, "first/kernel": {"learning_rate": 0.5}}
    plain, grouped = changes(SGD(0.1)), changes(SGD(0.1, groups=groups))
    for path, factor in {"first/kernel": 0.25, "first/bias": 0.0, "second/kernel": 1.0, "last/bias": 0.0}.items():
        np.testing.assert_allclose(grouped[path], factor * plain[path], rtol=1e-9, atol=1e-14)


def test_weight_decay_of_a_group(each_backend):
    without, with_, grouped = (
        changes(SGD(0.1, weight_decay=decay, groups=groups))
        for decay, groups in ((None, None), (0.5, None), (0.5, {"kernel": {"weight_decay": 0}, "last": {"weight_decay": 0.5}}))
    )
    excluded = SGD(0.1, weight_decay=0.5)
    excluded.exclude_from_weight_decay(var_names=["kernel$"])
    excluded = changes(excluded)
    for path in without:
        np.testing.assert_array_equal(grouped[path], without[path] if "kernel" in path else with_[path])
        np.testing.assert_array_equal(excluded[path], without[path] if "kernel" in path else with_[path])
    assert (with_["first/kernel"] != without["first/kernel"]).any()


def test_exclude_from_weight_decay_by_parameter():
    model, o = network("sgd"), SGD(0.1, weight_decay=0.5)
    model.compile(o, "mse")
    chosen = model.trainable_weights[2]
    o.exclude_from_weight_decay(var_list=[chosen])
    model.train_on_batch(samples(), samples(23, 1))
    assert [p.path for p in model.trainable_weights if o.group_of(p).weight_decay == 0] == [chosen.path]
    with pytest.raises(ValueError, match="before the first step"):
        o.exclude_from_weight_decay(var_list=[chosen])


def test_groups_can_be_changed_between_steps(each_backend):
    model = network(SGD(0.1))
    model.train_on_batch(samples(), samples(23, 1))
    model.optimizer.groups = {"first": {"learning_rate": 0.0}}
    before = [p.numpy() for p in model.trainable_weights]
    model.train_on_batch(samples(), samples(23, 1))
    moved = {p.path: (p.value != b).any() for p, b in zip(model.trainable_weights, before, strict=True)}
    assert not moved["first/kernel"] and not moved["first/bias"] and moved["second/kernel"]


@pytest.mark.parametrize(
    ("groups", "error", "match"),
    [
        ({"bias": {"momentum": 0}}, ValueError, "may hold learning_rate and weight_decay, got 'momentum'"),
        ({"bias": {"learning_rate": -1}}, ValueError, r"groups\['bias'\]: learning_rate must be a finite number >= 0"),
        ({"bias": 0.5}, TypeError, "groups must map names"),
        ({3: {}}, TypeError, "groups must map names"),
        ([("bias", {})], TypeError, "groups must be a dictionary"),
    ],
)
def test_bad_groups(groups, error, match):
    with pytest.raises(error, match=match):
        SGD(groups=groups)


def test_a_group_that_fits_nothing_is_named():
    model = network(SGD(groups={"frist": {"learning_rate": 0.5}}))
    with pytest.raises(ValueError, match="'frist' fits no parameter; there are first/kernel"):
        model.train_on_batch(samples(), samples(23, 1))


@pytest.mark.parametrize("name", ["ema_overwrite_frequency", "gradient_accumulation_steps"])
@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True])
def test_bad_counts(name, bad):
    with pytest.raises(ValueError, match=name):
        SGD(**{name: bad})


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_bad_ema_momentum(bad):
    with pytest.raises(ValueError, match="ema_momentum"):
        SGD(ema_momentum=bad)


# -------------------------------------------------------------------------------------- ops of one parameter each


@update("p (s), g (s), seen (s) -> p, seen", split=None)
def unit_step(p, g, seen, learning_rate, trust, step):
    """Moves each parameter by the same length."""
    p -= learning_rate * trust * g / max(np.linalg.norm(g), 1e-30)
    seen[...] = step


del registry[unit_step.name]  # those that enumerate the ops mustn't find this file's


class UnitStep(Optimizer):
    op, slot_names = unit_step, ("seen",)

    def __init__(self, learning_rate=0.1, **options):
        super().__init__(learning_rate, **options)

    def trust(self, steps):
        """A scalar that changes from step to step."""
        return 1.0 / steps.step


def test_an_op_without_split_takes_each_parameter_alone(each_backend):
    model = network(UnitStep(0.1, groups={"bias": {"learning_rate": 0.5}}))
    for step in (1, 2):
        before = [p.numpy() for p in model.trainable_weights]
        model.train_on_batch(samples(), samples(23, 1))
        for p, b in zip(model.trainable_weights, before, strict=True):
            assert np.linalg.norm(p.value - b) == pytest.approx((0.05 if p.name == "bias" else 0.1) / step, rel=1e-9)


# --------------------------------------------------------------------------------------------------- constraints


@op("p (s) -> p", differentiable=False)
def unit_length(p, length):
    p *= length / np.linalg.norm(p)


del registry[unit_length.name]


class Sphere:
    def calls(self, parameter):
        return [(unit_length, (parameter.value.reshape(-1), 2.0))]


def test_constraints_hold_after_each_update_and_before_the_average_is_not_touched(each_backend):
    model = network(SGD(0.5, momentum=0.9, gradient_accumulation_steps=2))
    model.layers[0].trainable_weights[0].constraint = Sphere()
    start = np.linalg.norm(model.trainable_weights[0].value)
    for step in range(1, 5):
        model.train_on_batch(samples(), samples(23, 1))
        length = np.linalg.norm(model.trainable_weights[0].value)
        assert length == pytest.approx(start if step == 1 else 2.0, rel=1e-12)
        assert np.linalg.norm(model.trainable_weights[2].value) != pytest.approx(2.0)


# ------------------------------------------------------------------------------------- numbers assigned in between


def moved(model):
    before = [p.numpy() for p in model.trainable_weights]
    model.train_on_batch(samples(), samples(23, 1))
    return np.concatenate([(p.value - b).ravel() for p, b in zip(model.trainable_weights, before, strict=True)])


def test_a_clip_can_be_set_and_taken_off_again(each_backend):
    """Each form of the step has a program of its own, which is kept: the table of scalars must be that one's."""
    model = network(SGD(0.1))
    for limit in (None, 1e-3, None, 2e-3, 1e-3):
        model.optimizer.clipvalue = limit
        largest = np.abs(moved(model)).max()
        assert largest == pytest.approx(0.1 * limit) if limit else largest > 1e-3


def test_momentum_and_its_like_can_be_set_between_steps(each_backend):
    for first, name, value in (
        (SGD(0.1), "momentum", 0.9),
        (SGD(0.1, momentum=0.9), "nesterov", True),
        (RMSprop(0.1), "momentum", 0.9),
        (RMSprop(0.1), "centered", True),
        (Adam(0.1), "amsgrad", True),
        (Adam(0.1), "beta_1", 0.5),
        (Adam(0.1), "weight_decay", 0.5),
        (Adam(0.1), "gradient_accumulation_steps", 2),
    ):
        given = gradients(6, 3)
        p, q = np.ones(3), np.ones(3)
        for number, g in enumerate(given):
            if number == 2:
                setattr(first, name, value)
                second = type(first)(**{**first.get_config(), name: value})
                q[...] = p
                second.build([q])
                for slot in first.slots:
                    second.slots[slot][...] = first.slots[slot]
                second.batches = 2
            first.apply([g], [p])
            if number >= 2:
                second.apply([g], [q])
        np.testing.assert_array_equal(p, q, err_msg=f"{first.name}: {name}")
        assert not (p == 1).any()


def test_what_was_assigned_after_the_last_step_is_saved(tmp_path):
    model = fitted(classifier(SGD(0.1)), 1)
    model.optimizer.momentum = 0.9
    model.save(tmp_path / "m.npz")
    assert fastnn.load_model(tmp_path / "m.npz").optimizer.momentum == 0.9


# ------------------------------------------------------------------------------------------- arrays of one's own


def test_apply_takes_arrays_of_both_dtypes_and_keeps_them(each_backend):
    p, q = np.ones(3, "float32"), np.ones((2, 2))
    o = Adagrad(0.5)
    o.apply([np.full(3, 2.0), np.full((2, 2), 2.0)], [p, q])
    np.testing.assert_allclose(p, 1 - 0.5 * 2 / math.sqrt(4.1), rtol=1e-6)
    np.testing.assert_allclose(q, 1 - 0.5 * 2 / math.sqrt(4.1 + 1e-7), rtol=1e-12)
    assert o.apply_gradients([(np.zeros(3), p), (np.zeros((2, 2)), q)]) == 2


def test_variables_given_to_build_need_not_be_given_again(each_backend):
    for variable in (np.ones(3), Parameter("w", np.ones(3))):
        o = SGD(0.5)
        o.build([variable])
        o.apply([np.ones(3)])
        np.testing.assert_array_equal(np.asarray(variable), 0.5)


def test_arrays_may_be_changed_between_steps(each_backend):
    o, p = SGD(0.5), np.ones(3)
    o.apply([np.ones(3)], [p])
    p[...] = 7
    o.apply([np.ones(3)], [p])
    np.testing.assert_array_equal(p, 6.5)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copy", "pickle"])
def test_a_copy_goes_on_as_the_original_would(duplicate, each_backend):
    given = gradients(6, 3)
    o, p = Adam(0.1), np.ones(3)
    for g in given[:3]:
        o.apply([g], [p])
    twin, q = duplicate(o), p.copy()
    with pytest.raises(ValueError, match="built"):
        duplicate(o).step()
    for g in given[3:]:
        o.apply([g], [p])
        twin.apply([g], [q])
    np.testing.assert_array_equal(p, q)


def test_wrong_gradients_change_nothing(each_backend):
    o, p = SGD(0.5, momentum=0.5), np.ones(3)
    with pytest.raises(ValueError, match="a gradient of the same shape is needed"):
        o.apply([np.ones(3)])
    for bad in ([np.ones(4)], [np.ones(3), np.ones(3)], []):
        with pytest.raises(ValueError, match="a gradient of the same shape is needed"):
            o.apply(bad, [p])
    assert not o.built and (p == 1).all()
    o.apply([np.ones(3)], [p])
    q = np.ones(5)
    for other in (o, copy.deepcopy(o)):
        with pytest.raises(ValueError, match="built for other variables"):
            other.apply([np.ones(50)], [np.ones(50)])
        assert (q == 1).all() and o.batches == 1
    for bad in ([1.0, 2.0], np.ones(3, int), "w"):
        with pytest.raises(TypeError, match="variable 0 must be a Parameter or a float32 or float64 array"):
            SGD().build([bad])
    with pytest.raises(ValueError, match="at least one variable"):
        SGD().build([])


def test_stepping_before_building_says_what_to_do():
    with pytest.raises(ValueError, match=r"sgd isn't built: call build"):
        SGD(name="sgd").step()


def test_every_optimizer_can_be_made_from_its_own_configuration_with_all_shared_options():
    shared = {**FULL, "groups": {"bias": {"learning_rate": 0.5}}}
    for member in (each for each in optimizers.optimizers.members.values() if not each.full_batch):
        o = member(**shared)
        assert optimizers.get(optimizers.serialize(o)).get_config() == o.get_config()
