"""Every op's backward against its reference run on traced arrays: on the tape, and on dual numbers."""

import numpy as np
import pytest

from fastnn import samples
from fastnn.autodiff.forward import Forward
from fastnn.autodiff.reverse import Reverse, gradients
from fastnn.autodiff.traced import Traced, raw
from fastnn.backend import Argument, registry

SIZES = {"n": 6, "k": 4, "m": 5, "s": 7}

NOT_THE_DERIVATIVE: dict[str, str] = {}
"""Ops whose backward is on purpose another function than the derivative of the reference, or whose reference can't be traced: and why."""


def name_of(argument):
    return getattr(argument, "name", argument)


def backwards(forward):
    """Each op that computes a gradient of `forward`'s inputs, with the names of these inputs."""
    inputs = [a.name for a in forward.arrays if a.read and not a.written]
    family = [forward, *(o for o in registry.values() if samples.forward_of(o) is forward)]
    named = [(o, [x for x in inputs if f"d{x}" in [a.name for a in o.arrays if a.written]]) for o in family]
    return [(o, names) for o, names in named if names]


CASES = [
    pytest.param(forward, backward, names, id=backward.name)
    for forward in registry.values()
    if forward.differentiable and forward.name not in NOT_THE_DERIVATIVE
    for backward, names in backwards(forward)
]


def traced_run(forward, arguments, trace, start):
    """The arguments after running the reference on traced copies; `start(name, value)` makes an input's mark."""
    given = [
        Traced(trace, v.copy(), start(a.name, v)) if isinstance(a, Argument) and v.dtype.kind == "f" else v
        for a, v in zip(forward.arguments, arguments, strict=True)
    ]
    forward.reference(*given)
    return {name_of(a): v for a, v in zip(forward.arguments, given, strict=True)}


def own_backward(forward, backward, names, arguments, rng):
    """The gradients that the op's own backward computes, and those of the outputs that it was given."""
    ran = [v.copy() if isinstance(v, np.ndarray) else v for v in arguments]
    forward.reference(*ran)
    values = {name_of(a): v for a, v in zip(forward.arguments, ran, strict=True)}
    if backward is forward:
        return {x: values[f"d{x}"] for x in names}, {"value": np.ones_like(values["value"])}
    written = [a.name for a in forward.arrays if a.written]
    seeds = {a.name[1:]: rng.normal(size=values[a.name[1:]].shape) for a in backward.arrays if a.read and a.name[1:] in written}
    known = {**values, **{f"d{output}": seed for output, seed in seeds.items()}}
    given = [known.get(name_of(a), samples.scalar(backward, a) if isinstance(a, str) else None) for a in backward.arguments]
    given = [np.zeros(samples.shape_of(a, SIZES)) if v is None else v for a, v in zip(backward.arguments, given, strict=True)]
    given = [v.copy() if isinstance(v, np.ndarray) else v for v in given]
    backward.reference(*given)
    after = {name_of(a): v for a, v in zip(backward.arguments, given, strict=True)}
    return {x: after[f"d{x}"] for x in names}, seeds


@pytest.mark.parametrize(("forward", "backward", "names"), CASES)
def test_the_tape_finds_what_the_backward_computes(forward, backward, names):
    rng = np.random.default_rng(7)
    arguments = samples.arguments(forward, SIZES, "float64", rng)
    expected, seeds = own_backward(forward, backward, names, arguments, rng)
    trace, leaves = Reverse(), {}

    def start(name, value):
        leaves[name] = trace.leaf(value).mark
        return leaves[name]

    made = traced_run(forward, arguments, trace, start)
    total = dict.fromkeys(names, 0.0)
    for output, seed in seeds.items():
        found = gradients(made[output].mark, seed)
        for x in names:
            total[x] = total[x] + found.get(leaves[x], 0.0)
    for x in names:
        np.testing.assert_allclose(total[x], expected[x], rtol=1e-10, atol=1e-12, err_msg=f"{backward.name}: d{x}")


@pytest.mark.parametrize(("forward", "backward", "names"), CASES)
def test_dual_numbers_find_what_the_backward_computes(forward, backward, names):
    rng = np.random.default_rng(8)
    arguments = samples.arguments(forward, SIZES, "float64", rng)
    expected, seeds = own_backward(forward, backward, names, arguments, rng)
    directions = {x: rng.normal(size=expected[x].shape) for x in names}
    made = traced_run(forward, arguments, Forward(), lambda name, value: directions.get(name))
    change = sum(np.sum(seed * made[output].mark) for output, seed in seeds.items())
    predicted = [np.sum(expected[x] * directions[x]) for x in names]
    np.testing.assert_allclose(change, sum(predicted), rtol=1e-10, atol=1e-11 * sum(map(abs, predicted)), err_msg=backward.name)


@pytest.mark.parametrize(("forward", "backward", "names"), CASES)
def test_a_traced_reference_computes_what_the_plain_one_does(forward, backward, names):
    arguments = samples.arguments(forward, SIZES, "float64", np.random.default_rng(9))
    made = traced_run(forward, arguments, Forward(), lambda name, value: None)
    forward.reference(*arguments)
    for a, expected in zip(forward.arguments, arguments, strict=True):
        if isinstance(a, Argument) and a.written:
            np.testing.assert_allclose(raw(made[a.name]), expected, rtol=1e-14, atol=1e-14, err_msg=a.name)


def test_exceptions_are_few_real_and_explained():
    differentiable = {o.name for o in registry.values() if o.differentiable}
    assert set(NOT_THE_DERIVATIVE) <= differentiable, "an exception names no differentiable op: take it out"
    assert all(len(reason) > 20 for reason in NOT_THE_DERIVATIVE.values())
    assert len(NOT_THE_DERIVATIVE) <= 5, "too many backwards go unchecked"
    assert len(CASES) >= len(differentiable) - len(NOT_THE_DERIVATIVE)
