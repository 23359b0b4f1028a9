"""Every op of the registry, on both backends: nothing here names an op."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import samples
from fastnn.backend import Argument, registry

OPS = list(registry.values())
TOLERANCE = {"float64": 1e-12, "float32": 2e-6}
SIZES = [
    {"n": 32, "k": 10, "m": 10, "s": 1000},
    {"n": 1, "k": 1, "m": 1, "s": 1},
    {"n": 33, "k": 70, "m": 65, "s": 4097},
    {"n": 3, "k": 5, "m": 300, "s": 17},
    {"n": 130, "k": 400, "m": 1, "s": 64},
    {"n": 2, "k": 9, "m": 7, "s": 0},
]
compiled_only = pytest.mark.skipif(not any(op.compiled for op in OPS), reason="the compiled kernels are not built")


def outputs(op, arguments):
    return {a.name: v for a, v in zip(op.arguments, arguments, strict=True) if isinstance(a, Argument) and a.written}


def copies(arguments):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def magnitude(array):
    return np.abs(array[np.isfinite(array)]).max(initial=0)


def assert_close(got, expected, dtype, terms, what):
    """Equal up to rounding of numbers as large as the largest result; sums are allowed the square root of their number of terms."""
    bound = TOLERANCE[dtype] * max(1, terms) ** 0.5 * magnitude(expected)
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=bound, err_msg=what)


@compiled_only
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_has_a_twin(op):
    assert op.compiled is not None, f"{op.name} has no compiled twin"


@compiled_only
def test_no_kernel_is_left_without_its_op():
    assert set(fastnn.backend._twins) <= set(registry)


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_twin_agrees_with_reference(op, sizes, dtype):
    arguments = samples.arguments(op, sizes, dtype, np.random.default_rng(1))
    expected, got = copies(arguments), copies(arguments)
    op.reference(*expected)
    op.compiled(*got)
    terms = max(sizes["n"], sizes["k"], sizes["m"])
    for (name, e), g in zip(outputs(op, expected).items(), outputs(op, got).values(), strict=True):
        assert_close(g, e, dtype, terms, f"{op.name}: {name}")
    for a, before, after in zip(op.arguments, arguments, got, strict=True):
        if isinstance(a, Argument) and not a.written:
            np.testing.assert_array_equal(before, after, err_msg=f"{op.name} changed its input {a.name}")


@compiled_only
@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_twin_agrees_on_any_shape(op, data):
    sizes = {symbol: data.draw(st.integers(1, 70), label=symbol) for symbol in "nkm"} | {"s": data.draw(st.integers(0, 300), label="s")}
    test_twin_agrees_with_reference(op, sizes, "float64")


def wrong_shapes(op):
    """Argument lists with one array longer than the others, or the signature, say."""
    sizes = {"n": 4, "k": 3, "m": 5, "s": 6}
    for i, argument in enumerate(op.arguments):
        others = {symbol for a in op.arrays if a is not argument for symbol in a.shape}
        if isinstance(argument, Argument) and any(symbol in others or symbol.isdigit() for symbol in argument.shape):
            arguments = samples.arguments(op, sizes, "float64", np.random.default_rng(0))
            grown = tuple(size + 1 for size in arguments[i].shape)
            arguments[i] = np.ones(grown, arguments[i].dtype)
            yield argument.name, arguments


@compiled_only
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_twin_refuses_wrong_shapes_before_touching_memory(op):
    for name, arguments in wrong_shapes(op):
        before = copies(arguments)
        with pytest.raises(ValueError, match=op.name):
            op.compiled(*arguments)
        for a, b in zip(before, arguments, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{op.name} wrote although {name} was wrong")


@compiled_only
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_twin_refuses_none_and_other_dtypes(op):
    arguments = samples.arguments(op, {"n": 4, "k": 3, "m": 5, "s": 6}, "float64", np.random.default_rng(0))
    with pytest.raises(TypeError):
        op.compiled(None, *arguments[1:])
    with pytest.raises((TypeError, ValueError)):
        op.compiled(arguments[0].astype(np.float16), *arguments[1:])


@compiled_only
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_twin_takes_read_only_inputs(op):
    arguments = samples.arguments(op, SIZES[0], "float32", np.random.default_rng(2))
    for a, value in zip(op.arguments, arguments, strict=True):
        if isinstance(a, Argument) and not a.written:
            value.flags.writeable = False
    op.compiled(*arguments)


def gradients(forward):
    """(backward op, name of the input it differentiates by) for each gradient that `forward` has."""
    inputs = [a.name for a in forward.arrays if a.read and not a.written]
    family = [forward, *(o for o in OPS if samples.forward_of(o) is forward)]
    return [(o, name) for o in family for name in inputs if f"d{name}" in [a.name for a in o.arrays if a.written]]


DIFFERENTIABLE = [op for op in OPS if op.differentiable]


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=lambda op: op.name)
def test_differentiable_op_has_a_gradient(op):
    assert gradients(op), f"{op.name} has no {op.name}_backward and no output d<input>; declare differentiable=False if it needs none"


def scalar_function(forward, arguments, seeds):
    """Sum of the outputs that have a gradient, weighted by it; for a loss the sum of its values."""
    fresh = copies(arguments)
    forward.reference(*fresh)
    made = outputs(forward, fresh)
    if not seeds:
        return float(np.sum(made["value"]))
    return sum(float(np.sum(made[name] * seed)) for name, seed in seeds.items())


@pytest.mark.parametrize("forward", DIFFERENTIABLE, ids=lambda op: op.name)
def test_backward_matches_central_differences(forward):
    sizes = {"n": 5, "k": 4, "m": 3, "s": 6}
    for backward, name in gradients(forward):
        rng = np.random.default_rng(3)
        arguments = samples.arguments(forward, sizes, "float64", rng)
        ran = copies(arguments)
        forward.reference(*ran)
        values = {getattr(a, "name", a): v for a, v in zip(forward.arguments, ran, strict=True)}
        seeds = {
            a.name[1:]: rng.normal(size=values[a.name[1:]].shape)
            for a in backward.arrays
            if backward is not forward and a.read and a.name.startswith("d") and a.name[1:] in outputs(forward, ran)
        }
        given = {**values, **{f"d{k}": v for k, v in seeds.items()}}
        if backward is not forward:
            ran = [given.get(getattr(a, "name", a)) for a in backward.arguments]
            ran = [np.zeros(samples.shape_of(a, sizes)) if v is None else v for a, v in zip(backward.arguments, ran, strict=True)]
            backward.reference(*ran)
        analytic = outputs(backward, ran)[f"d{name}"]
        position = [getattr(a, "name", a) for a in forward.arguments].index(name)
        numeric = np.zeros_like(analytic)
        for index in np.ndindex(analytic.shape):
            for sign in (1, -1):
                moved = copies(arguments)
                moved[position][index] += sign * 1e-6
                numeric[index] += sign * scalar_function(forward, moved, seeds) / 2e-6
        np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-8, err_msg=f"{backward.name}: d{name}")


def test_registry_holds_every_public_kernel():
    """A compiled function without a reference would never be tested."""
    assert set(fastnn.backend._twins) <= set(registry)


@compiled_only
@pytest.mark.parametrize("op", [op for op in OPS if op.family == "dense"], ids=lambda op: op.name)
def test_dense_takes_any_strides(op):
    """Transposed, reversed and every second row or column: all as NumPy computes them."""
    views = [
        lambda a: np.asfortranarray(a),
        lambda a: a[::-1],
        lambda a: a[:, ::-1],
        lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    ]
    for view in views:
        arguments = samples.arguments(op, SIZES[2], "float64", np.random.default_rng(4))
        given = [view(v) if isinstance(a, Argument) and a.read and v.ndim == 2 else v for a, v in zip(op.arguments, arguments, strict=True)]
        expected = copies(given)
        op.reference(*expected)
        op.compiled(*given)
        for name, e in outputs(op, expected).items():
            np.testing.assert_allclose(outputs(op, given)[name], e, rtol=1e-12, atol=1e-12, err_msg=name)


@compiled_only
@pytest.mark.parametrize("op", [op for op in OPS if op.family == "dense"], ids=lambda op: op.name)
def test_dense_refuses_strides_of_broken_entries(op):
    """The field of a structured array may lie 28 bytes from row to row, which is no number of float64s."""
    arguments = samples.arguments(op, {"n": 3, "k": 3, "m": 3}, "float64", np.random.default_rng(0))
    for i, a in enumerate(op.arguments):
        if isinstance(a, Argument) and len(a.shape) == 2:
            broken = list(arguments)
            broken[i] = np.zeros(3, [("a", "f8", (3,)), ("b", "f4")])["a"]
            with pytest.raises(ValueError, match=f"{op.name}: the strides of {a.name}"):
                op.compiled(*broken)


def non_finite_cases():
    """Each differentiable op with NaN in each of its floating inputs in turn."""
    for op in OPS:
        if op.differentiable:
            for a in op.arrays:
                if a.read and a.dtype == "real":
                    yield pytest.param(op, a.name, id=f"{op.name}-{a.name}")


@compiled_only
@pytest.mark.parametrize(("op", "name"), list(non_finite_cases()))
def test_nan_shows_in_the_same_places_on_both_backends(op, name):
    arguments = samples.arguments(op, {"n": 5, "k": 4, "m": 3, "s": 6}, "float64", np.random.default_rng(0))
    position = [getattr(a, "name", a) for a in op.arguments].index(name)
    arguments[position].reshape(-1)[1] = np.nan
    expected, got = copies(arguments), copies(arguments)
    with np.errstate(all="ignore"):
        op.reference(*expected)
    op.compiled(*got)
    for output, e in outputs(op, expected).items():
        np.testing.assert_array_equal(np.isnan(outputs(op, got)[output]), np.isnan(e), err_msg=output)
