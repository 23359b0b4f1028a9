"""Derivatives of NumPy code: every rule against central differences, both modes and their nestings; what users meet when it goes wrong."""

import gc
import math
import weakref

import numpy as np
import pytest

import fastnn
from fastnn import autodiff, samples, special
from fastnn.autodiff import check_gradient, grad, hessian, jacobian, jvp, stop_gradient, value_and_grad, vjp
from fastnn.autodiff.primitive import Primitive
from fastnn.autodiff.rules import constants
from fastnn.autodiff.traced import name_of, primitives

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
V = RNG.normal(size=4)
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
BATCH = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)

DOMAIN = {
    **dict.fromkeys((np.arcsin, np.arccos, np.arctanh), (-0.9, 0.9)),
    **dict.fromkeys((np.log, np.log2, np.log10, np.sqrt, np.power, np.float_power, np.remainder), (0.5, 3.0)),
    np.log1p: (-0.5, 2.0),
    np.arccosh: (1.2, 3.0),
}
"""Where ufuncs are smooth, if not from -2 to 2."""

CALLS = {
    np.where: [lambda x, y: np.where(A > 0, x, y)],
    np.sum: [
        lambda x: np.sum(x),
        lambda x: x.sum(axis=1),
        lambda x: np.sum(x, axis=(0, 1), keepdims=True),
        lambda x: np.add.reduce(x, axis=0),
    ],
    np.add.reduce: [lambda x: np.add.reduce(x), lambda x: np.add.reduce(x, axis=1, keepdims=True), lambda x: np.add.reduce(x, None)],
    np.add.accumulate: [lambda x: np.add.accumulate(x), lambda x: np.add.accumulate(x, axis=1)],
    np.multiply.reduce: [lambda x: np.multiply.reduce(x)],
    np.maximum.reduce: [lambda x: np.maximum.reduce(x)],
    np.minimum.reduce: [lambda x: np.minimum.reduce(x, 1)],
    np.cumsum: [lambda x: np.cumsum(x), lambda x: x.cumsum(axis=1)],
    np.max: [lambda x: x.max(), lambda x: np.max(x, axis=0), lambda x: x.max(axis=1, keepdims=True, initial=0.3)],
    np.min: [lambda x: x.min(axis=1)],
    np.mean: [lambda x: np.mean(x), lambda x: x.mean(axis=0), lambda x: x.mean(axis=-1, keepdims=True)],
    np.nansum: [lambda x: np.nansum(np.where(A > 1, np.nan, x), axis=0)],
    np.nanmean: [lambda x: np.nanmean(np.where(A > 1, np.nan, x), axis=1), lambda x: np.nanmean(x)],
    np.diff: [lambda x: np.diff(x), lambda x: np.diff(x, 2, axis=0)],
    np.average: [lambda x: np.average(x, axis=1), lambda x, y: np.average(x, weights=np.exp(y), axis=0)],
    np.var: [lambda x: np.var(x), lambda x: x.var(axis=0, ddof=1)],
    np.std: [lambda x: np.std(x, axis=1, keepdims=True)],
    np.ptp: [lambda x: np.ptp(x, axis=0)],
    np.prod: [lambda x: np.prod(x), lambda x: x.prod(axis=1), lambda x: np.prod(x, axis=0, keepdims=True)],
    np.median: [lambda x: np.median(x), lambda x: np.median(x, axis=0), lambda x: np.median(x, axis=1, keepdims=True)],
    np.clip: [lambda x: np.clip(x, -0.5, 0.5), lambda x: x.clip(0.1, None), lambda x, y: np.clip(x, None, y)],
    np.logaddexp.reduce: [lambda x: np.logaddexp.reduce(x, axis=1), lambda x: np.logaddexp.reduce(100 * x, axis=0, keepdims=True)],
    np.reshape: [lambda x: x.reshape(4, 3), lambda x: np.reshape(x, (2, -1)), lambda x: x.reshape(-1, order="F")],
    np.transpose: [lambda x: x.T, lambda x: x.transpose(1, 0), lambda x: np.transpose(x.reshape(3, 2, 2), (2, 0, 1))],
    np.broadcast_to: [lambda x: np.broadcast_to(x[:, :1], (2, 3, 4))],
    np.ravel: [lambda x: x.ravel() ** 2],
    np.squeeze: [lambda x: x[:, :1].squeeze()],
    np.expand_dims: [lambda x: np.expand_dims(x, 1)],
    np.swapaxes: [lambda x: x.swapaxes(0, 1)],
    np.moveaxis: [lambda x: np.moveaxis(x, 0, 1)],
    np.rollaxis: [lambda x: np.rollaxis(x, 1)],
    np.flip: [lambda x: np.flip(x), lambda x: np.flip(x, 1)],
    np.fliplr: [np.fliplr],
    np.flipud: [np.flipud],
    np.rot90: [np.rot90],
    np.roll: [lambda x: np.roll(x, 2, axis=1)],
    np.tile: [lambda x: np.tile(x, (2, 1))],
    np.repeat: [lambda x: np.repeat(x, 2, axis=0), lambda x: x.repeat(3)],
    np.take: [lambda x: np.take(x, [0, 0, 3], axis=1), lambda x: x.take([5, 1])],
    np.take_along_axis: [lambda x: np.take_along_axis(x, np.array([[1], [0], [3]]), axis=1)],
    np.compress: [lambda x: np.compress([True, False, True], x, axis=0)],
    np.delete: [lambda x: np.delete(x, 1, axis=0)],
    np.diagonal: [lambda x: x.diagonal(1)],
    np.diag: [lambda x: np.diag(x), lambda x: np.diag(x[0], -1)],
    np.tril: [lambda x: np.tril(x)],
    np.triu: [lambda x: np.triu(x, 1)],
    np.resize: [lambda x: np.resize(x, (5, 5))],
    np.split: [lambda x: np.split(x, 2, axis=1)[1]],
    np.array_split: [lambda x: np.array_split(x, 2)[0]],
    np.hsplit: [lambda x: np.hsplit(x, 2)[0]],
    np.vsplit: [lambda x: np.vsplit(x, 3)[1]],
    np.atleast_1d: [lambda x: np.atleast_1d(x[0, 0])],
    np.atleast_2d: [lambda x: np.atleast_2d(x[0])],
    np.atleast_3d: [np.atleast_3d],
    np.sort: [lambda x: np.sort(x), lambda x: np.sort(x, axis=None)],
    np.append: [lambda x, y: np.append(x, y), lambda x, y: np.append(x, y, axis=1)],
    np.concatenate: [lambda x, y: np.concatenate([x, A, y]), lambda x, y: np.concatenate((x, y), axis=1)],
    np.stack: [lambda x, y: np.stack([x, y]), lambda x, y: np.stack([x, y], axis=-1), lambda x: np.stack([x.sum(), 2 * x[0, 0]])],
    np.vstack: [lambda x, y: np.vstack([x, y])],
    np.hstack: [lambda x, y: np.hstack([x, y])],
    np.dstack: [lambda x, y: np.dstack([x, y])],
    np.column_stack: [lambda x, y: np.column_stack([x, y])],
    np.full_like: [lambda x: np.full_like(x, 2.0) * x, lambda x: np.full_like(x, x.sum())],
    np.copy: [lambda x: np.copy(x) * x.copy()],
    np.matmul: [lambda x: x @ B.T, lambda x, y: x @ y.T, lambda x: V @ x.T, lambda x: x @ V],
    np.dot: [lambda x, y: np.dot(x, y.T), lambda x: x[0].dot(x[1]), lambda x: np.dot(2.0, x)],
    np.inner: [lambda x, y: np.inner(x, y), lambda x: np.inner(x[0], x[1])],
    np.outer: [lambda x, y: np.outer(x, y[0])],
    np.vdot: [lambda x, y: np.vdot(x, y)],
    np.trace: [lambda x: np.trace(x[:, :3])],
    np.einsum: [lambda x, y: np.einsum("ij,kj->ik", x, y), lambda x: np.einsum("ij->j", x), lambda x, y: np.einsum("ij,ij->", x, y)],
    np.linalg.norm: [
        lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, axis=1, keepdims=True),
        lambda x: np.linalg.norm(x, 1, axis=0),
        lambda x: np.linalg.norm(x, np.inf, axis=1),
        lambda x: np.linalg.norm(x[0], 3),
    ],
    np.sinc: [lambda x: np.sinc(x)],
    np.nan_to_num: [lambda x: np.nan_to_num(x)],
    special.erf_array: [special.erf_array],
    special.erfc_array: [lambda x: special.erfc_array(2 * x)],
    special.twice_normal_cdf: [special.twice_normal_cdf],
}
"""Calls of each function that isn't a ufunc, on one or two matrices (3, 4)."""

OF_MATRICES = {
    np.linalg.inv: [np.linalg.inv],
    np.linalg.det: [np.linalg.det],
    np.linalg.solve: [lambda a: np.linalg.solve(a, a[..., :2] ** 2)],
}

PLAIN = {
    *constants.COMPARISONS,
    *constants.LOGIC,
    *constants.STEPS,
    *constants.PLACES,
    *constants.FACTS,
    np.zeros_like,
    np.empty_like,
    np.ones_like,
}


def identified(cases):
    return [pytest.param(*case, id=name_of(case[0]) + str(i)) for i, case in enumerate(cases)]


def ufunc_arguments(f, rng=RNG):
    return [rng.uniform(*DOMAIN.get(f, (-2, 2)), size=shape) for shape in [(2, 3), (3,)][: f.nin]]


def test_every_known_function_is_tested():
    untested = [f for f in primitives if f not in PLAIN and not isinstance(f, np.ufunc) and f not in CALLS and f not in OF_MATRICES]
    untested = [
        f for f in untested if (getattr(f, "__module__", "") or "numpy").startswith(("numpy", "fastnn")) and f.__name__ != "<lambda>"
    ]
    internal = {"_cast", "_getitem", "_scatter", "_assign"}
    assert [f for f in untested if f.__name__ not in internal] == []
    assert set(CALLS) <= set(primitives) and set(OF_MATRICES) <= set(primitives)


@pytest.mark.parametrize("f", [f for f in primitives if isinstance(f, np.ufunc) and f not in PLAIN], ids=name_of)
def test_ufunc_by_central_differences(f):
    arguments = ufunc_arguments(f)
    check_gradient(f, *arguments)
    np.testing.assert_array_equal(vjp(f, *arguments)[0], f(*arguments))


@pytest.mark.parametrize(("f", "call"), identified([(f, call) for f, calls in CALLS.items() for call in calls]))
def test_function_by_central_differences(f, call):
    two = hasattr(call, "__code__") and call.__code__.co_varnames[:2] == ("x", "y")
    arguments = (A, B) if two else (A,)
    check_gradient(call, *arguments)
    np.testing.assert_allclose(vjp(call, *arguments)[0], call(*arguments), rtol=1e-14)


@pytest.mark.parametrize("matrix", [SQUARE, BATCH], ids=["one", "several"])
@pytest.mark.parametrize(("f", "call"), identified([(f, call) for f, calls in OF_MATRICES.items() for call in calls]))
def test_linear_algebra_by_central_differences(f, call, matrix):
    check_gradient(call, matrix)


def test_solving_for_vectors_and_constants():
    check_gradient(lambda a, b: np.linalg.solve(a, b), SQUARE, SQUARE[0])
    check_gradient(lambda a: np.linalg.solve(a, A), SQUARE)


SECOND = [
    *[(f, f) for f in primitives if isinstance(f, np.ufunc) and f not in PLAIN and f.nin == 1],
    *[(f, lambda x, f=f: f(x, x[::-1] * 1.5)) for f in primitives if isinstance(f, np.ufunc) and f not in PLAIN and f.nin == 2],
    *[(f, call) for f, calls in CALLS.items() for call in calls[:1]],
    *[(f, call) for f, calls in OF_MATRICES.items() for call in calls[:1]],
]


@pytest.mark.parametrize(("f", "call"), identified(SECOND))
def test_second_derivatives_of_both_nestings(f, call):
    """Forward over reverse against reverse over reverse, and central differences of the gradient."""
    x = RNG.uniform(*DOMAIN.get(f, (-2, 2)), size=4) if isinstance(f, np.ufunc) else SQUARE if f in OF_MATRICES else A
    if not isinstance(f, np.ufunc) and f in CALLS and hasattr(call, "__code__") and call.__code__.co_argcount == 2:
        call, two = lambda x: two(x, np.tanh(x)), call

    def number(x):
        return np.sum(np.sin(call(x)))

    once = hessian(number)(x)
    np.testing.assert_allclose(once, jacobian(grad(number))(x), rtol=1e-10, atol=1e-10)
    check_gradient(grad(number), x, atol=1e-6)


# ----------------------------------------------------------------------------------------------- closed forms


def test_the_lecture_examples_are_exact():
    gradient = grad(lambda x, y, z: x**2 * y / z, argnums=(0, 1, 2))(3, 4, 2)
    assert [float(g) for g in gradient] == [12.0, 4.5, -9.0]
    forward = [jvp(lambda x, y, z: x**2 * y / z, (3, 4, 2), seed)[1] for seed in np.eye(3)]
    assert [float(t) for t in forward] == [12.0, 4.5, -9.0]


@pytest.mark.parametrize("x", [-1.5, -0.3, 0.0, 0.7, 1.2])
def test_exponential_of_a_square(x):
    slope = 2 * x * math.exp(x * x)
    assert grad(lambda x: np.exp(x**2))(x) == pytest.approx(slope, rel=1e-15)
    assert jvp(lambda x: np.exp(x**2), (x,), (1.0,))[1] == pytest.approx(slope, rel=1e-15)


@pytest.mark.parametrize("x", [-1.5, 0.7, 1.2])
def test_root_of_a_sum(x):
    def f(x):
        return np.sqrt(x**2 + np.exp(x**2))

    slope = (x + x * math.exp(x * x)) / math.sqrt(x * x + math.exp(x * x))
    assert grad(f)(x) == pytest.approx(slope, rel=1e-15)
    assert jvp(f, (x,), (1.0,))[1] == pytest.approx(slope, rel=1e-15)


def test_third_derivative():
    assert grad(grad(grad(lambda x: x**4)))(2.0) == 48.0
    assert grad(grad(grad(np.sin)))(0.3) == pytest.approx(-math.cos(0.3), rel=1e-14)


def test_perturbations_are_not_confused():
    """The example of Siskind and Pearlmutter (2005): d/dx (x * d/dy (x + y)) at 1 is 1, not 2."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1] == 1.0


def test_every_nesting_of_the_modes_agrees():
    def forward(f):
        return lambda x: jvp(f, (x,), (np.ones_like(x),))[1]

    for inner in (grad, forward):
        for outer in (grad, forward):
            assert outer(inner(lambda x: np.exp(x**2)))(1.0) == pytest.approx(6 * math.e, rel=1e-14)


def test_jacobian_by_rows_and_by_columns():
    wide, tall = RNG.normal(size=(2, 5)), RNG.normal(size=(5, 2))
    np.testing.assert_array_equal(jacobian(lambda x: wide @ x)(np.ones(5)), wide)
    np.testing.assert_array_equal(jacobian(lambda x: tall @ x)(np.ones(2)), tall)
    dx, dy = jacobian(lambda x, y: x * y, (0, 1))(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert dx.tolist() == [[3, 0], [0, 4]] and dy.tolist() == [[1, 0], [0, 2]]
    assert jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3) and jacobian(lambda x: x.sum())(np.ones(0)).shape == (0,)


def test_hessian_of_a_quadratic_form():
    np.testing.assert_allclose(hessian(lambda x: 0.5 * x @ SQUARE @ x)(np.ones(3)), (SQUARE + SQUARE.T) / 2, rtol=1e-14)
    assert hessian(lambda x, y: (y**3).sum() + x, 1)(1.0, np.array([2.0])).tolist() == [[12.0]]
    assert hessian(lambda x: x.sum())(np.ones(3)).tolist() == np.zeros((3, 3)).tolist()


# ------------------------------------------------------------------------------------------- ordinary programs


def test_loops_and_branches():
    def newton(x):
        y = x
        for _ in range(20):
            y = y - (y * y - x) / (2 * y)
        return y if y > 0 else -y

    assert grad(newton)(2.0) == pytest.approx(0.5 / math.sqrt(2), rel=1e-12)


def test_writing_into_arrays_is_differentiated():
    def f(x):
        out = np.zeros_like(x, shape=(3, 2))
        out[0] = x
        out[1, 0] = x[1] ** 2
        out[[2, 2], [0, 1]] = np.exp(x)
        out *= 3
        out[0] += out[1]
        np.multiply(out, 2, out=out)
        out[:, 1] = 0
        return out

    check_gradient(f, [0.3, -0.7])
    check_gradient(lambda x: f(x)[0] * x, [0.3, -0.7])


def test_values_can_be_looked_at_on_the_way(capsys):
    def f(x):
        print(f"{x.sum():.1f}", x)
        return x.sum()

    assert grad(f)(np.ones(2)).tolist() == [1, 1] and capsys.readouterr().out == "2.0 traced(array([1., 1.]))\n"


def test_threads_dont_disturb_each_other():
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: float(grad(grad(lambda x: np.sin(k * x)))(0.3)), np.arange(1.0, 41.0)))
    np.testing.assert_allclose(found, [-k * k * math.sin(0.3 * k) for k in range(1, 41)], rtol=1e-12)


def test_what_was_written_over_has_no_gradient():
    def f(x):
        y = x * 2
        y[0] = 7.0
        return y.sum()

    assert grad(f)(np.ones(3)).tolist() == [0, 2, 2]


def test_indexing_an_entry_several_times_adds_up():
    assert grad(lambda x: x[[0, 0, 2]].sum() + x[x > 0].sum())(np.array([1.0, -1.0, 2.0])).tolist() == [3, 0, 2]


def test_broadcasting_sums_the_gradient():
    dx, db = grad(lambda x, b: np.sum(x * b), (0, 1))(A, np.ones((1, 4)))
    assert dx.shape == A.shape and db.shape == (1, 4)
    np.testing.assert_allclose(db[0], A.sum(axis=0), rtol=1e-15)


def test_dtype_is_kept():
    for f in (lambda x: x * 2.5, lambda x: np.exp(x) * np.float32(2), lambda x: x.astype(np.float64) * 2, lambda x: x @ np.ones((4, 2))):
        value, pullback = vjp(f, A.astype(np.float32))
        assert pullback(np.ones_like(value))[0].dtype == np.float32
        assert jvp(f, [A.astype(np.float32)], [B])[1].dtype == value.dtype
    assert vjp(np.exp, A.astype(np.float32))[0].dtype == np.float32
    assert vjp(np.exp, np.float16(1.0))[1](1.0)[0].dtype == np.float16


def test_a_function_that_ignores_its_argument():
    value, pullback = vjp(lambda x, y: 2 * y, A, B)
    assert not pullback(np.ones_like(value))[0].any()
    assert grad(lambda x: 3)(1.0) == 0 and jvp(lambda x: 3.0, (1.0,), (1.0,)) == (3.0, 0.0)


def test_results_share_no_memory_with_anything():
    x, seed = np.ones(3), np.ones(3)
    value, pullback = vjp(lambda x, y: x + y, x, x)
    dx, dy = pullback(seed)
    arrays = [x, seed, value, dx, dy]
    assert not any(np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    assert not np.may_share_memory(vjp(lambda x: x, x)[0], x)


def test_later_changes_of_the_inputs_dont_matter():
    x = np.array([3.0])
    _, pullback = vjp(lambda x: x**2, x)
    x[:] = 100
    assert pullback(np.ones(1))[0].tolist() == [6.0] == pullback(np.ones(1))[0].tolist()


def test_the_graph_goes_with_the_pullback():
    seen = []

    def f(x):
        y = np.exp(x)
        seen.append(weakref.ref(y.mark))
        return y * y

    gc.disable()
    try:
        _, pullback = vjp(f, A)
        assert seen[0]() is not None
        del pullback, _
        assert seen[0]() is None  # without the garbage collector
    finally:
        gc.enable()


def test_a_long_chain_needs_no_recursion():
    def f(x):
        for _ in range(5_000):
            x = x + 1
        return x

    assert grad(f)(1.0) == 1.0


def test_nan_and_infinity_show():
    nan = np.array([np.nan, 1.0])
    for f in (np.abs, np.exp, lambda x: np.maximum(x, 0), lambda x: np.max(x), lambda x: np.sort(x) ** 2):
        assert np.isnan(grad(lambda x, f=f: np.sum(f(x)))(nan)[0]), f
    with np.errstate(divide="ignore"):
        assert grad(np.sqrt)(0.0) == np.inf and grad(np.log)(0.0) == np.inf
    assert grad(lambda x: np.max(x))(np.array([np.inf, 1.0])).tolist() == [1, 0]
    assert grad(lambda x: np.sum(np.maximum(x, 0)))(np.array([np.inf, -np.inf])).tolist() == [1, 0]


def test_kinks():
    assert grad(np.abs)(0.0) == 0 and grad(lambda x: np.maximum(x, 0))(0.0) == 0.5
    assert grad(np.max)(np.array([2.0, 2.0, 1.0])).tolist() == [0.5, 0.5, 0]
    assert grad(lambda x: np.clip(x, 0, 1))(1.0) == 1
    assert grad(lambda x: x**0)(0.0) == 0 and grad(lambda x: 0.0**x)(2.0) == 0
    assert grad(np.prod)(np.array([0.0, 2.0, 3.0])).tolist() == [6, 0, 0]


def test_stop_gradient():
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    plain = np.ones(2)
    assert stop_gradient(plain) is plain


def test_own_rule():
    softplus = autodiff.elementwise(lambda x: np.log1p(np.exp(x)), lambda g, y, x: g / (1 + np.exp(-x)))
    assert isinstance(softplus, Primitive)
    check_gradient(softplus, A)
    assert grad(grad(softplus))(0.0) == 0.25
    assert softplus(0.0) == math.log(2)
    del primitives[next(f for f, made in primitives.items() if made is softplus)]


# ------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad(lambda x: np.fft.fft(x))(A), TypeError, "np.fft.fft.*known"),
        (lambda: grad(lambda x: np.frexp(x))(1.0), TypeError, "np.frexp"),
        (lambda: grad(lambda x: np.add.at(x, 0, x))(A), TypeError, "np.add.at"),
        (lambda: grad(lambda x: math.exp(x))(1.0), TypeError, "np.exp, not math.exp"),
        (lambda: grad(lambda x: np.asarray(x))(A), TypeError, "stop_gradient"),
        (lambda: grad(lambda x: np.array([x[0], x[1]]))(V), TypeError, r"np.stack\(\[a, b\]\)"),
        (lambda: grad(lambda x: np.exp(x, out=np.empty(2)))(np.ones(2)), TypeError, "empty_like"),
        (lambda: grad(lambda x: x.item())(1.0), TypeError, "stop_gradient"),
        (lambda: grad(lambda x: x.real)(1.0), AttributeError, "real"),
        (lambda: grad(lambda x: np.abs(np.exp(1j * x)))(1.0), TypeError, "complex"),
        (lambda: grad(lambda x: x.sum())(np.ma.masked_array(A, A > 0)), ValueError, "masked"),
        (lambda: grad(lambda x: np.zeros(2).__setitem__(slice(None), x))(np.ones(2)), TypeError, "zeros_like"),
        (lambda: grad(lambda x: x)(A), ValueError, r"one number.*\(3, 4\).*jacobian"),
        (lambda: grad(lambda x: None)(1.0), TypeError, "return a value"),
        (lambda: grad(lambda x: (x, x))(1.0), TypeError, "tuple"),
        (lambda: grad(lambda x: x)(np.arange(3)), TypeError, "int64.*astype"),
        (lambda: grad(lambda x: x)("no"), TypeError, "argument 0"),
        (lambda: grad(lambda x: x, 1)(1.0), ValueError, "argument 1.*called with 1"),
        (lambda: grad(lambda x: x, 0.5)(1.0), TypeError, "argnums"),
        (lambda: grad(lambda x: x, (0, 0))(1.0), ValueError, "twice"),
        (lambda: vjp(np.exp, A)[1](np.ones(3)), ValueError, r"\(3, 4\), got \(3,\)"),
        (lambda: jvp(np.exp, (A,), (np.ones(3),)), ValueError, "tangent 0"),
        (lambda: jvp(np.exp, (A,), ()), ValueError, "1 primals and 0 tangents"),
        (lambda: hessian(np.sum, (0, 1)), TypeError, "one integer"),
        (lambda: grad(lambda x: np.sum(x, where=A > 0))(A), TypeError, "np.sum.*where"),
        (lambda: grad(lambda x: np.exp(x, where=A > 0).sum())(A), TypeError, "where"),
        (lambda: grad(lambda x: x.nonsense)(A), AttributeError, "nonsense"),
        (lambda: grad(lambda x: np.einsum("ij,jk", x, x))(A), TypeError, "arrow"),
        (lambda: check_gradient(np.exp, A, gradient=lambda g, x: g), ValueError, "given gradient by argument 0"),
        (lambda: check_gradient(np.exp, A, gradient=lambda g, x: g[0]), ValueError, r"shape \(3, 4\)"),
    ],
)
def test_errors_say_what_to_do(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_writing_into_a_view_writes_through():
    def f(x):
        y = x * 1
        y[0][1] = 5.0
        y.T[0] *= 3
        y.reshape(2, 6)[1, 3:] += np.exp(x[0, :3])
        np.split(y, 2, axis=1)[1][2] = x[0, :2] ** 2
        y.swapaxes(0, 1)[0, 0] -= y[2, 2]
        return y

    plain = A.copy()
    np.testing.assert_array_equal(vjp(f, A)[0], f(plain))
    check_gradient(f, A)


def test_views_of_what_was_written_to_are_refused():
    def stale(x):
        y = x * 1
        row = y[0]
        y[0, 0] = 5.0
        return row.sum()

    def broadcast(x):
        y = np.broadcast_to(x, (2, 3, 4))
        y[0] = 0
        return y.sum()

    with pytest.raises(TypeError, match=r"view.*written to since"):
        grad(stale)(A)
    with pytest.raises(ValueError, match="broadcast"):
        grad(broadcast)(A)

    def copied(x):
        y = x * 1
        row = y[0].copy()
        y[0] = 5.0
        return row.sum()

    assert grad(copied)(A)[0].tolist() == [1, 1, 1, 1]


def test_checks_find_a_wrong_gradient_and_take_a_right_one():
    check_gradient(np.tanh, A, gradient=lambda g, x: g * (1 - np.tanh(x) ** 2))
    check_gradient(lambda a, b: a * b, 2.0, 3.0, gradient=lambda g, a, b: (g * b, g * a))
    wrong = autodiff.elementwise(lambda x: np.sin(x), lambda g, y, x: g * y)
    with pytest.raises(ValueError, match=r"reverse mode by argument 0.*central differences"):
        check_gradient(wrong, A)
    del primitives[next(f for f, made in primitives.items() if made is wrong)]


def test_value_and_grad_takes_other_arguments():
    value, (dx, dy) = value_and_grad(lambda x, name, y, power=1: (x * y) ** power, (0, 2))(2.0, "anything", 3.0, power=2)
    assert (value, dx, dy) == (36, 36, 24)
    assert grad(lambda x, y: x * y, -1)(2.0, 3.0) == 2.0


def test_known_functions_are_listed_by_name():
    assert {"np.exp", "np.matmul", "np.linalg.inv", "np.where", "np.argmax"} <= set(autodiff.known())


# ------------------------------------------------------------------------------ fastnn's own functions within others


@pytest.mark.parametrize("name", sorted(fastnn.activations.activations.members))
def test_activations_within_a_function(name):
    activation = fastnn.activations.get(name)
    z = RNG.normal(size=(3, 4)) * 2
    check_gradient(lambda z: np.sin(activation(z * 1.5)), z)
    np.testing.assert_allclose(vjp(activation, z)[0], activation(z), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("name", sorted(fastnn.losses.losses.members))
def test_losses_within_a_function(name):
    loss = fastnn.losses.losses.members[name]()
    y, t = drawn(loss)
    value, pullback = vjp(lambda y: 2.0 * loss(t, y), y)
    assert value == pytest.approx(2.0 * loss(t, y), rel=1e-13)
    assert pullback(1.0)[0].shape == y.shape
    check_gradient(lambda y: 2.0 * loss(t, y), y, rtol=1e-4)


def drawn(loss):
    """Predictions and targets that suit the loss."""
    arguments = samples.arguments(loss.op, {"n": 5, "k": 4, "m": 3, "s": 6}, "float64", np.random.default_rng(3))
    return arguments[0], arguments[1]


@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
def test_whole_numbers_have_no_slope(dtype):
    x = np.array([1.5, 2.5])
    f = lambda x: (x.astype(dtype) * x).sum()  # noqa: E731
    np.testing.assert_array_equal(grad(f)(x), x.astype(dtype))
    assert jvp(f, [x], [np.array([1.0, 0.0])])[1] == 1
    assert value_and_grad(lambda x: 1.0 * x.astype(dtype).sum() + 0 * x.sum())(x)[1].tolist() == [0, 0]
