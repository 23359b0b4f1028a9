"""Losses: values against definitions, gradients against differences, both backends alike, targets checked."""

import math

import numpy as np
import pytest
from helpers import BACKENDS, compiled_only
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import backend, losses, samples
from fastnn.backend import registry
from fastnn.losses import Loss

OPS = [op for op in registry.values() if op.__module__.startswith("fastnn.losses") and "value" in [a.name for a in op.arrays]]
MEMBERS = list(losses.losses.members.values())
FUNCTIONS = [member.function for member in MEMBERS]
CLIP = 1e-7
by_name = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
by_sample = pytest.mark.parametrize("op", [op for op in OPS if op.split], ids=lambda op: op.name)
each_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    with backend.use(request.param):
        yield request.param


def sample(op, n, m, dtype="float64", seed=0, **scalars):
    """Arguments of a loss op; logits and other real numbers are spread, labels and shares as samples.py draws them."""
    rng = np.random.default_rng(seed)
    arguments = samples.arguments(op, {"n": n, "m": m}, dtype, rng)
    if samples.kind(op, op.arrays[0]) == "real" and op.arrays[0].shape[1] == "m":
        arguments[0] *= 3
    arguments[2][:] = rng.uniform(0.1, 2, n)
    arguments[3][:] = arguments[4][:] = np.nan
    names = [getattr(a, "name", a) for a in op.arguments]
    for name in scalars.keys() & set(op.scalars):
        arguments[names.index(name)] = scalars[name]
    return arguments


def run(op, arguments, kernel=None):
    """Value and dy."""
    fresh = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    (kernel or op)(*fresh)
    return fresh[3], fresh[4]


# ------------------------------------------------------------------------------ values against plain Python


def softmax(row):
    top = max(row)
    e = [math.exp(v - top) for v in row]
    return [v / sum(e) for v in e]


def sigmoid(v):
    return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))


def clip(p, high=1 - CLIP):
    return min(max(p, CLIP), high)


def within(p, epsilon):
    return min(max(p, epsilon), 1 - epsilon)


def mean(terms):
    terms = list(terms)
    return sum(terms) / len(terms)


def log_cosh(d):
    return math.log(math.cosh(d))


def smooth(s, ls, m):
    return s * (1 - ls) + ls / m


def binary(y, t, pos_weight, label_smoothing):
    ones = [smooth(s, label_smoothing, 2) for s in t]
    return mean(-c * s * math.log(clip(p)) - (1 - s) * math.log(1 - clip(p)) for p, s, c in zip(y, ones, pos_weight, strict=True))


def binary_focal(y, t, apply_class_balancing, alpha, gamma, label_smoothing):
    terms = []
    for p, s in zip(y, [smooth(s, label_smoothing, 2) for s in t], strict=True):
        entropy = -s * math.log(clip(p)) - (1 - s) * math.log(1 - clip(p))
        term = (1 - s * p - (1 - s) * (1 - p)) ** gamma * entropy
        terms.append(term * (alpha * s + (1 - alpha) * (1 - s)) if apply_class_balancing else term)
    return mean(terms)


def normal(y):
    return [clip(v / sum(y)) for v in y]


def categorical(y, t, class_weight, label_smoothing):
    aims = [c * smooth(s, label_smoothing, len(y)) for s, c in zip(t, class_weight, strict=True)]
    return -sum(s * math.log(p) for p, s in zip(normal(y), aims, strict=True))


def categorical_focal(y, t, alpha, gamma, label_smoothing):
    aims = [c * smooth(s, label_smoothing, len(y)) for s, c in zip(t, alpha, strict=True)]
    return -sum(s * (1 - p) ** gamma * math.log(p) for p, s in zip(normal(y), aims, strict=True))


def sparse(y, label, class_weight, ignore_class, label_smoothing):
    return 0.0 if label == ignore_class else categorical(y, [float(i == label) for i in range(len(y))], class_weight, label_smoothing)


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def tversky(y, t, alpha, beta):
    both = dot(y, t)
    return 1 - both / (both + alpha * (sum(t) - both) + beta * (sum(y) - both) + CLIP)


def gaussian(y, t, full, eps):
    means, variances = y[: len(t)], [max(v, eps) for v in y[len(t) :]]
    constant = math.log(2 * math.pi) if full else 0
    return mean(0.5 * (math.log(v) + (b - a) ** 2 / v + constant) for a, v, b in zip(means, variances, t, strict=True))


def each(term):
    """The mean over the outputs of a term of one y and one t."""
    return lambda y, t, **scalars: mean(term(a, b, **scalars) for a, b in zip(y, t, strict=True))


DEFINITIONS = {
    "mean_squared_error": each(lambda y, t: (y - t) ** 2),
    "mean_absolute_error": each(lambda y, t: abs(y - t)),
    "mean_absolute_percentage_error": each(lambda y, t: 100 * abs((t - y) / max(abs(t), CLIP))),
    "mean_squared_logarithmic_error": each(lambda y, t: (math.log(max(t, CLIP) + 1) - math.log(max(y, CLIP) + 1)) ** 2),
    "huber": each(lambda y, t, delta: 0.5 * (y - t) ** 2 if abs(y - t) <= delta else delta * abs(y - t) - 0.5 * delta * delta),
    "smooth_l1": each(lambda y, t, beta: 0.5 * (y - t) ** 2 / beta if abs(y - t) < beta else abs(y - t) - 0.5 * beta),
    "log_cosh": each(lambda y, t: log_cosh(y - t)),
    "quantile": lambda y, t, quantiles: mean(max(q * (b - a), (q - 1) * (b - a)) for a, b, q in zip(y, t, quantiles, strict=True)),
    "poisson": each(lambda y, t: y - t * math.log(y + CLIP)),
    "gaussian_nll": gaussian,
    "gaussian_nll_from_log_variance": lambda y, t, **s: gaussian(y[: len(t)] + [math.exp(v) for v in y[len(t) :]], t, **s),
    "hinge": each(lambda y, t: max(1 - t * y, 0)),
    "squared_hinge": each(lambda y, t: max(1 - t * y, 0) ** 2),
    "categorical_hinge": lambda y, t: max(max((1 - b) * a for a, b in zip(y, t, strict=True)) - dot(y, t) + 1, 0),
    "multi_margin": lambda y, t, weight, p, margin: (
        weight[t] * sum(max(margin - y[t] + v, 0) ** p for i, v in enumerate(y) if i != t) / len(y)
    ),
    "cosine_similarity": lambda y, t: -dot(y, t) / (max(math.hypot(*y), CLIP) * max(math.hypot(*t), CLIP)),
    "kl_divergence": lambda y, t: sum(clip(b, 1) * math.log(clip(b, 1) / clip(a, 1)) for a, b in zip(y, t, strict=True)),
    "binary_crossentropy": binary,
    "binary_focal_crossentropy": binary_focal,
    "categorical_crossentropy": categorical,
    "categorical_focal_crossentropy": categorical_focal,
    "sparse_categorical_crossentropy": sparse,
    "dice_by_sample": lambda y, t: 1 - 2 * dot(y, t) / (sum(t) + sum(y) + CLIP),
    "tversky_by_sample": tversky,
    "half_squared_error": lambda y, t: sum(0.5 * (a - b) ** 2 for a, b in zip(y, t, strict=True)),
    "half_poisson_loss": lambda y, t: sum((b * math.log(b) if b else 0) - b * a - b + math.exp(a) for a, b in zip(y, t, strict=True)),
    "half_binomial_loss": lambda y, t, epsilon: (
        -sum(
            b * math.log(within(sigmoid(a), epsilon)) + (1 - b) * math.log(within(sigmoid(-a), epsilon)) for a, b in zip(y, t, strict=True)
        )
    ),
    "half_multinomial_loss": lambda y, label, epsilon: -math.log(within(softmax(y)[label], epsilon)),
    "dice": lambda y, t: 1 - 2 * dot(y, t) / (sum(t) + sum(y) + CLIP),
    "tversky": tversky,
}
ACTIVATIONS = {"sigmoid": lambda row: [sigmoid(v) for v in row], "softmax": softmax}
BENIGN = {name: f.function for f in MEMBERS for name in [f.function.op_on_logits.name if f.function.op_on_logits else ""] if name}


def defined(op, arguments):
    """The values that the definitions give."""
    y, t, w = (a.astype(float) if a.dtype.kind == "f" else a for a in arguments[:3])
    names = [getattr(a, "name", a) for a in op.arguments]
    parameters = {name: np.ravel(v).astype(float).tolist() if np.ndim(v) else v for name, v in zip(names[5:], arguments[5:], strict=True)}
    function = BENIGN.get(op.name)
    definition, turned = DEFINITIONS[function.name if function else op.name], ACTIVATIONS[function.activation] if function else list
    if op.split is None:
        return w * definition(y.ravel().tolist(), t.ravel().tolist(), **parameters)
    return [w[i] * definition(turned(y[i].tolist()), t[i].tolist(), **parameters) for i in range(len(y))]


@by_name
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
def test_values_follow_the_definition(op, dtype, rtol, each_backend):
    for n, m in [(1, 2), (5, 1), (7, 10), (3, 33)]:
        if m == 1 and op.name.endswith("from_logits") and "categorical" in op.name:
            continue  # a probability of 1, which only the form on probabilities clips
        arguments = sample(op, n, m, dtype, label_smoothing=0.1, full=1.0, delta=0.7, beta=0.6, alpha=0.3, p=2.0, margin=0.8)
        value, _ = run(op, arguments)
        np.testing.assert_allclose(value, defined(op, arguments), rtol=rtol, atol=1e-7 if dtype == "float32" else 1e-14)


# ----------------------------------------------------------------------------------- gradients by differences


def differences(op, arguments, h):
    """Central differences of sum(value) by y, on the reference in float64."""
    numeric = np.zeros_like(arguments[0])
    for index in np.ndindex(numeric.shape):
        for sign in (1, -1):
            moved = [arguments[0].copy(), *arguments[1:]]
            moved[0][index] += sign * h
            numeric[index] += sign * run(op, moved, op.reference)[0].sum() / (2 * h)
    return numeric


FORMS = [{}, {"label_smoothing": 0.3, "gamma": 0.0}, {"gamma": 0.5, "full": 1.0, "p": 2.0, "apply_class_balancing": 0.0}, {"beta": 0.2}]


@pytest.mark.parametrize(("op", "form"), [(o, form) for o in OPS for form in FORMS if not form or form.keys() & set(o.scalars)], ids=str)
@pytest.mark.parametrize("m", [1, 4])
def test_gradient_matches_central_differences(op, form, m, each_backend):
    arguments = sample(op, 6, m, seed=5, **form)
    np.testing.assert_allclose(run(op, arguments)[1], differences(op, arguments, 1e-6), rtol=1e-6, atol=1e-8)


CLIPPED = [op for op in OPS if op.name.endswith("crossentropy") or op.name == "kl_divergence"]


@pytest.mark.parametrize("op", CLIPPED, ids=lambda op: op.name)
def test_clipped_probabilities_have_the_gradient_of_the_clipped_function(op, each_backend):
    arguments = sample(op, 4, 3)
    arguments[0][:] = [[1e-9, 0.3, 0.7], [1 - 1e-9, 3e-10, 7e-10], [0.2, 1e-8, 0.8], [0.5, 0.25, 0.25]]
    if arguments[1].ndim == 1:
        arguments[1][:] = [0, 0, 1, 2]
    _, dy = run(op, arguments)
    # The divergence is clipped at 1 and not at 1 - 1e-7: only a shorter step, with more rounding, stays on one side.
    step, relative, absolute = (1e-10, 1e-4, 1e-4) if op.name == "kl_divergence" else (1e-8, 1e-5, 1e-6)
    np.testing.assert_allclose(dy, differences(op, arguments, step), rtol=relative, atol=absolute)
    clipped = (arguments[0] < CLIP) | (arguments[0] > 1 - CLIP)
    if op.name in ("binary_crossentropy", "kl_divergence"):
        assert not dy[clipped & (arguments[0] < 0.5)].any()


def test_gradient_of_soft_targets_that_do_not_sum_to_one(each_backend):
    for name in ("categorical_crossentropy_from_logits", "categorical_focal_crossentropy_from_logits"):
        arguments = sample(registry[name], 3, 4)
        arguments[1][:] = 0.9
        np.testing.assert_allclose(run(registry[name], arguments)[1], differences(registry[name], arguments, 1e-6), rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------------------------------- extremes, NaN


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_logits_of_ten_thousand(dtype, each_backend):
    y = np.array([[1e4], [1e4], [-1e4], [-1e4], [0.0], [40.0]], dtype)
    t = np.array([[1], [0], [1], [0], [1], [1]], dtype)
    value, dy = np.empty(6, dtype), np.empty((6, 1), dtype)
    registry["binary_crossentropy_from_logits"](y, t, np.ones(6, dtype), value, dy, np.ones(1, dtype), 0.0)
    np.testing.assert_allclose(value, [0, 1e4, 1e4, 0, math.log(2), math.log1p(math.exp(-40))], rtol=1e-6)
    np.testing.assert_allclose(dy[:, 0], [0, 1, -1, 0, -0.5, -math.exp(-40)], rtol=1e-6)
    registry["binary_focal_crossentropy_from_logits"](y, t, np.ones(6, dtype), value, dy, 0.0, 0.25, 2.0, 0.0)
    np.testing.assert_allclose(value[:5], [0, 1e4, 1e4, 0, math.log(2) / 4], rtol=1e-6)
    np.testing.assert_allclose(dy[:5, 0], [0, 1, -1, 0, -0.125 - math.log(2) / 4], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy"])
def test_categorical_logits_of_ten_thousand(dtype, name, each_backend):
    y = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, 1e4]], dtype)
    labels = np.array([0, 1, 2, 2])
    value, dy = np.empty(4, dtype), np.empty((4, 3), dtype)
    t = labels if name.startswith("sparse") else np.eye(3, dtype=dtype)[labels]
    scalars = {"sparse_categorical_crossentropy": [math.nan, 0.0], "categorical_crossentropy": [0.0]}.get(name, [0.0, 0.0])
    registry[f"{name}_from_logits"](y, t, np.ones(4, dtype), value, dy, np.ones(3, dtype), *scalars)
    np.testing.assert_allclose(value, [0, 2e4, math.log(3), 0], rtol=1e-6)
    third = 1 / 3
    np.testing.assert_allclose(dy, [[0, 0, 0], [1, -1, 0], [third, third, third - 1], [0, 0, 0]], rtol=1e-5, atol=1e-7)


@by_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_saturated_outputs_never_give_nan(op, dtype, gamma, each_backend):
    """Probabilities of 0 and 1, logits and numbers of 1e4: right and wrong ones."""
    arguments = sample(op, 6, 2, dtype, gamma=gamma)
    kind = samples.kind(op, op.arrays[0])
    large = 1e4 if kind == "real" else 1.0
    arguments[0][:, :2] = [[large, 0], [0, large], [large, -large if kind == "real" else 0], [0, large], [large, 0], [0, large]]
    if op.name.endswith("_hinge"):
        arguments[0] /= 1e3
    for got in run(op, arguments):
        assert np.isfinite(got).all()


def test_log_cosh_keeps_the_digits_of_small_and_large_differences(each_backend):
    d = np.array([[1e-9], [1e-3], [0.999], [1.0], [20.0], [1e4], [-1e300]])
    value, dy = run(registry["log_cosh"], [d, np.zeros_like(d), np.ones(7), np.empty(7), np.empty_like(d)])
    expected = [5e-19, 5e-7 - 1e-12 / 12 + 1e-18 / 45, log_cosh(0.999), log_cosh(1.0), log_cosh(20.0), 1e4 - math.log(2), 1e300]
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(dy[:, 0], np.tanh(d[:, 0]), rtol=1e-14)


@by_name
def test_a_nan_stays_in_its_row(op, each_backend):
    arguments = sample(op, 5, 20)
    arguments[0][2] = np.nan
    value, dy = run(op, arguments)
    assert np.isnan(dy[2]).any()
    np.testing.assert_array_equal(np.isnan(value), [op.split is None, op.split is None, True, op.split is None, op.split is None])
    assert np.isfinite(dy[[0, 1, 3, 4]]).all() == (op.split is not None)


@by_sample
def test_weight_zero_silences_a_sample(op, each_backend):
    arguments = sample(op, 4, 5)
    arguments[2][1] = 0
    value, dy = run(op, arguments)
    assert value[1] == 0
    assert not dy[1].any()


# ------------------------------------------------------------------------------------------- both backends

SHAPES = [(0, 4), (1, 1), (2049, 1), (5000, 1), (205, 10), (700, 3), (9, 2), (65, 31), (40, 32), (17, 127), (3, 2047), (3, 2048), (2, 2049)]


@compiled_only
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("shape", [*SHAPES, (2, 6000)], ids=str)
@by_name
def test_twin_agrees_around_its_tile_size(op, shape, dtype, rtol):
    arguments = sample(op, *shape, dtype)
    for got, expected in zip(run(op, arguments, op.compiled), run(op, arguments, op.reference), strict=True):
        scale = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale * shape[1] ** 0.5)


@compiled_only
@by_name
@settings(max_examples=12, deadline=None)
@given(n=st.integers(1, 40), m=st.integers(1, 90), exponent=st.integers(-4, 4), seed=st.integers(0, 1000))
def test_twin_agrees_for_any_shape_and_scale(op, n, m, exponent, seed):
    arguments = sample(op, n, m, seed=seed)
    if samples.kind(op, op.arrays[0]) == "real":
        arguments[0] *= 10.0**exponent
    for got, expected in zip(run(op, arguments, op.compiled), run(op, arguments, op.reference), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@compiled_only
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(333, 1), (333, 3), (333, 10), (90, 31), (40, 67), (5, 2500)], ids=str)
@by_sample
def test_rows_computed_apart_have_the_same_bits(op, shape, dtype):
    """What threads rely on."""
    arguments = sample(op, *shape, dtype)
    whole = run(op, arguments, op.compiled)
    for cut in (1, 3, shape[0] - 2):
        parts = [run(op, rows_of(op, arguments, rows), op.compiled) for rows in (slice(cut), slice(cut, None))]
        for expected, *pieces in zip(whole, *parts, strict=True):
            np.testing.assert_array_equal(np.concatenate(pieces), expected)


def rows_of(op, arguments, rows):
    return [v[rows] if getattr(a, "shape", "")[:1] == ("n",) else v for a, v in zip(op.arguments, arguments, strict=True)]


@pytest.mark.parametrize("label", [-1, 3, 2**40, -(2**62)])
@pytest.mark.parametrize("op", [op for op in OPS if op.arrays[1].dtype == "int64"], ids=lambda op: op.name)
def test_a_label_out_of_range_gives_nan_in_its_row_alone(op, label, each_backend):
    arguments = sample(op, 40, 3)
    expected = run(op, arguments)
    arguments[1][[2, 39]] = label
    rest = np.delete(np.arange(40), [2, 39])
    for got, right in zip(run(op, arguments), expected, strict=True):
        assert np.isnan(got[[2, 39]]).all()
        np.testing.assert_array_equal(got[rest], right[rest])


@pytest.mark.parametrize("label", [-1, 3, 1])
@pytest.mark.parametrize("op", [op for op in OPS if "ignore_class" in op.scalars], ids=lambda op: op.name)
def test_an_ignored_label_gives_zeros_even_beside_nan(op, label, each_backend):
    arguments = sample(op, 6, 3, ignore_class=float(label))
    arguments[1][:] = [0, 2, label, 0, label, 2]
    expected = run(op, [arguments[0], np.array([0, 2, 0, 0, 0, 2]), *arguments[2:]])
    arguments[0][4] = np.nan
    for got, right in zip(run(op, arguments), expected, strict=True):
        assert not got[[2, 4]].any()
        np.testing.assert_array_equal(got[[0, 1, 3, 5]], right[[0, 1, 3, 5]])


@compiled_only
@by_name
def test_float32_error_does_not_grow_with_the_row(op):
    arguments = sample(op, 2, 100_000)
    exact = run(op, arguments, op.reference)[0]
    single = [a.astype("float32") if getattr(a, "dtype", None) == np.float64 else a for a in arguments]
    np.testing.assert_allclose(run(op, single, op.compiled)[0], exact, rtol=3e-6)


# ------------------------------------------------------------------------------------------- public functions


@each_member
def test_functions_take_lists_integers_and_more_axes(member):
    rng, function = np.random.default_rng(0), member.function
    y = rng.uniform(0.1, 0.9, (2, 3, 4))
    columns = 4 // function.outputs_per_target
    t = rng.integers(0, 4, (2, 3)) if function.sparse else rng.integers(0, 2, (2, 3, columns))
    whole = function(t, y)
    assert whole.shape == (() if member().whole else (2, 3))
    assert whole.dtype == np.float64
    for i in () if member().whole else range(2):
        np.testing.assert_allclose(function(t[i].tolist(), y[i].tolist()), whole[i], rtol=1e-5)
    assert function(t, y.astype("float32")).dtype == np.float32
    frozen = y[:, :, ::-1]
    frozen.flags.writeable = False
    assert np.isfinite(function(t, frozen)).all()


def test_function_parameters_have_keras_names_order_and_defaults():
    assert losses.huber([0.0], [3.0]) == pytest.approx(2.5)
    assert losses.huber([0.0], [3.0], delta=2.0) == pytest.approx(4.0)
    assert losses.binary_crossentropy([1], [0.0], from_logits=True) == pytest.approx(math.log(2))
    assert losses.binary_crossentropy([[1]], [[0.9]], label_smoothing=0.2) == pytest.approx(
        -0.9 * math.log(0.9) - 0.1 * math.log(0.1), rel=1e-5
    )
    assert losses.sparse_categorical_crossentropy([2], [[0.1, 0.1, 0.8]]) == pytest.approx(-math.log(0.8), rel=1e-5)
    with pytest.raises(TypeError, match="no parameter alpha; it has delta"):
        losses.huber([0.0], [3.0], alpha=2.0)
    assert losses.huber([0.0], [3.0], 2.0) == pytest.approx(4.0)
    assert losses.binary_crossentropy([1], [0.0], True, 0.5) == pytest.approx(math.log(2))
    with pytest.raises(TypeError, match="no parameter from_logits; it has none"):
        losses.mean_squared_error([0.0], [3.0], from_logits=True)
    with pytest.raises(TypeError, match="no parameter 3"):
        losses.huber([0.0], [3.0], 2.0, 3)


def test_functions_refuse_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"y_true must have shape \(3, 2\), got \(3,\)"):
        losses.mean_squared_error(np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"labels in \[0, 1\], got 5 in row 1"):
        losses.sparse_categorical_crossentropy([0, 5], np.full((2, 2), 0.5))
    with pytest.raises(ValueError, match="at least one output"):
        losses.mean_squared_error(np.zeros((3, 0)), np.zeros((3, 0)))
    assert losses.mean_squared_error(np.zeros(3), np.ones((3, 1))).shape == (3,)
    with pytest.raises(ValueError, match="2 outputs for each target, the model has 3"):
        losses.gaussian_nll(np.zeros((2, 1)), np.zeros((2, 3)))


# -------------------------------------------------------------------------------------------------- classes


def targets_for(member, n, m, seed=0):
    """Targets for m outputs."""
    rng, function = np.random.default_rng(seed), member.function
    return rng.integers(0, m, n) if function.sparse else np.eye(m)[rng.integers(0, m, n)][:, : m // function.outputs_per_target]


def outputs_for(n, m, seed=1):
    return np.random.default_rng(seed).uniform(0.1, 0.9, (n, m))


by_samples = pytest.mark.parametrize("member", [c for c in MEMBERS if not c().whole], ids=lambda c: c.__name__)
of_batches = pytest.mark.parametrize("member", [c for c in MEMBERS if c().whole], ids=lambda c: c.__name__)


@by_samples
def test_reductions(member):
    y, t, weights = outputs_for(6, 4), targets_for(member, 6, 4), np.array([1, 0, 3, 2, 0.5, 0.25])
    value = member(reduction="none")(t, y)
    assert value.shape == (6,)
    np.testing.assert_array_equal(value, member(reduction=None)(t, y))
    for reduction in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        np.testing.assert_allclose(member(reduction=reduction)(t, y), value.mean())
    np.testing.assert_allclose(member(reduction="mean")(t, y, weights), (value * weights).mean())
    np.testing.assert_allclose(member(reduction="mean_with_sample_weight")(t, y, weights), (value * weights).sum() / weights.sum())
    assert member(reduction="mean_with_sample_weight")(t, y, np.zeros(6)) == 0
    np.testing.assert_allclose(member(reduction="sum")(t, y), value.sum())
    assert member().batch_scale(4) == 0.25
    assert member(reduction="sum").batch_scale(4) == 1.0


@of_batches
def test_reductions_of_a_batch(member):
    """As in Keras: one value, which weights scale by their mean."""
    y, t, weights = outputs_for(6, 4), targets_for(member, 6, 4), np.array([1, 0, 3, 2, 0.5, 0.25])
    value = member(reduction=None)(t, y)
    assert value.shape == ()
    for reduction in ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum"):
        assert member(reduction=reduction)(t, y) == pytest.approx(float(value))
    assert member()(t, y, weights) == pytest.approx(value * weights.mean())
    each = member(axis=-1, reduction=None)(t, y)
    assert each.shape == (6,)
    assert each[2] == pytest.approx(float(member(reduction=None)(t[2:3], y[2:3])))
    with pytest.raises(ValueError, match="axis must be None"):
        member(axis=0)


@each_member
def test_bad_reductions(member):
    with pytest.raises(ValueError, match="reduction='sum_over_batch_size'"):
        member(reduction=None).batch_scale(4)
    with pytest.raises(ValueError, match="reduction must be"):
        member(reduction="average")


@by_samples
def test_weights_count_as_repetitions(member):
    y, t = outputs_for(4, 4), targets_for(member, 4, 4)
    times = [1, 0, 3, 2]
    repeated = member(reduction="sum")(np.repeat(t, times, axis=0), np.repeat(y, times, axis=0))
    np.testing.assert_allclose(member(reduction="sum")(t, y, sample_weight=times), repeated)
    np.testing.assert_allclose(member()(t, y, sample_weight=np.array(times)[:, None]), repeated / 4)
    with pytest.raises(ValueError, match="one weight a sample"):
        member()(t, y, sample_weight=[1.0, 2.0])


@each_member
def test_the_op_with_batch_scale_gives_the_batch_loss(member, each_backend):
    loss, y, t = member(), outputs_for(5, 4), targets_for(member, 5, 4)
    value, dy = np.empty(5), np.empty((5, 4))
    prepared = loss.prepare_targets(t, (4,), "float64")
    loss.op(y, prepared, np.full(5, loss.batch_scale(5)), value, dy, *loss.arguments(4, "float64"))
    assert value.sum() == pytest.approx(loss(t, y))


@each_member
def test_catalogue_and_configuration(member):
    loss = member(reduction="sum")
    for identifier in (member.__name__, member.function.name, member, member.function, loss, {"class_name": member.__name__, "config": {}}):
        assert type(losses.get(identifier)) is member
    again = losses.get(losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.reduction == "sum"
    assert isinstance(again, Loss)


@each_member
def test_everything_is_exported(member):
    assert member.__name__ in losses.__all__
    assert member.function.name in losses.__all__
    assert getattr(losses, member.function.name) is member.function


def test_vectors_are_kept_in_the_configuration():
    for loss in (losses.Quantile([0.1, 0.9]), losses.CategoricalFocalCrossentropy(np.array([1.0, 2.0])), losses.MultiMargin(weight=[1, 2])):
        again = losses.get(losses.serialize(loss))
        np.testing.assert_array_equal(again.arguments(2, "float64")[0], loss.arguments(2, "float64")[0])


def test_keras_aliases_and_unknown_names():
    aliases = {
        "mean_squared_error": "mse MSE",
        "mean_absolute_error": "mae MAE",
        "mean_absolute_percentage_error": "mape MAPE",
        "mean_squared_logarithmic_error": "msle MSLE",
        "binary_crossentropy": "bce BCE",
        "kl_divergence": "kld KLD kullback_leibler_divergence",
        "log_cosh": "logcosh",
        "quantile": "pinball",
        "smooth_l1": "SmoothL1Loss",
    }
    for name, known in aliases.items():
        assert all(losses.get(alias).name == name for alias in known.split())
    with pytest.raises(ValueError, match="did you mean"):
        losses.get("mean_squared_eror")
    with pytest.raises(TypeError, match="expected loss"):
        losses.get(3)


@pytest.mark.parametrize("member", [c for c in MEMBERS if c.function.op_on_logits], ids=lambda c: c.__name__)
def test_fused_form_equals_the_activation_followed_by_the_loss(member, each_backend):
    z = np.random.default_rng(2).normal(size=(6, 4)) * 3
    activation = member.function.activation
    p = 1 / (1 + np.exp(-z)) if activation == "sigmoid" else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    t = targets_for(member, 6, 4)
    np.testing.assert_allclose(member(from_logits=True)(t, z), member()(t, p), rtol=1e-10)
    assert member().logits_form(activation) is member(from_logits=True).op
    assert member().logits_form("relu") is None
    assert member(from_logits=True).logits_form(activation) is None


def test_bad_arguments():
    for delta in (0, -1.0, math.nan, math.inf, "1", True):
        with pytest.raises(ValueError, match="delta must be"):
            losses.Huber(delta)
    for member in (losses.BinaryCrossentropy, losses.CategoricalCrossentropy):
        with pytest.raises(ValueError, match="label_smoothing must be"):
            member(label_smoothing=1.5)
        with pytest.raises(ValueError, match="axis=-1"):
            member(axis=0)
        assert member(label_smoothing=0.1).arguments(3, "float64")[1:] == (0.1,)
    for made, message in [
        (lambda: losses.SmoothL1(-1), "beta must be a number of at least 0, got -1"),
        (lambda: losses.Quantile([0.5, 1.0]), "quantiles"),
        (lambda: losses.Quantile([]), "quantiles must be numbers above 0 and below 1"),
        (lambda: losses.MultiMargin(p=3), "p must be 1 or 2, got 3"),
        (lambda: losses.MultiMargin(weight=[-1.0]), "weight must be a number or a list"),
        (lambda: losses.CategoricalCrossentropy(class_weight="balanced"), "class_weight must be a number or a list"),
        (lambda: losses.BinaryCrossentropy(pos_weight=[[1.0]]), "pos_weight must be a number or a list"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=2.0), r"alpha must be a number in \[0, 1\], got 2.0"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1.0), "gamma must be a number of at least 0"),
        (lambda: losses.GaussianNLL(eps=0), "eps must be a number above 0, got 0"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), "ignore_class must be a whole number or None"),
        (lambda: losses.Tversky(beta=math.nan), "beta must be a number"),
    ]:
        with pytest.raises(ValueError, match=message):
            made()
    with pytest.raises(ValueError, match=r"class_weight must be a number, or one for each of the 3 columns, got shape \(2,\)"):
        losses.CategoricalCrossentropy(class_weight=[1, 2]).prepare_targets(np.eye(3), (3,), "float32")


# -------------------------------------------------------------------------------------------------- targets


def test_dense_targets_become_a_matrix():
    mse = losses.MeanSquaredError()
    for given_targets in ([1, 2, 3], [[1], [2], [3]], np.array([1.0, 2, 3], "float32")):
        t = mse.prepare_targets(given_targets, (1,), "float32")
        assert t.shape == (3, 1)
        assert t.dtype == np.float32
        assert t.flags.c_contiguous
    assert mse.prepare_targets(np.zeros((3, 4)).T, (3,), "float64").flags.c_contiguous
    assert mse.prepare_targets(np.array([1, 2.5], object), (1,), "float64").tolist() == [[1.0], [2.5]]


def test_labels_become_int64():
    sparse = losses.SparseCategoricalCrossentropy()
    for labels in ([0, 2, 1], [[0], [2], [1]], np.array([0.0, 2.0, 1.0]), np.array([0, 2, 1], np.uint8)):
        t = sparse.prepare_targets(labels, (3,), "float32")
        assert t.tolist() == [0, 2, 1]
        assert t.dtype == np.int64


@pytest.mark.parametrize(
    ("loss", "targets", "outputs", "message"),
    [
        ("mse", np.zeros((4, 2)), 3, r"the model gives 3 outputs, so targets must have shape \(n, 3\), got \(4, 2\)"),
        ("mse", [1.0, np.nan, 2.0], 1, "finite targets, got nan in row 1"),
        ("mae", [[1.0], [2.0], [np.inf]], 1, "finite targets, got inf in row 2"),
        ("mse", [], 1, "there are no targets"),
        ("mse", ["cat", "dog"], 1, "needs numbers as targets"),
        ("mse", np.array([None, "a"], object), 1, "needs numbers as targets"),
        ("mse", [1e300], 1, "finite targets"),
        ("categorical_crossentropy", [0, 1, 2], 3, "use sparse_categorical_crossentropy or utils.to_categorical"),
        ("categorical_crossentropy", [[1.0], [0.0]], 1, "use binary_crossentropy"),
        ("binary_crossentropy", [0, 1, -1], 1, r"targets in \[0, 1\], got -1.0 in row 2"),
        ("sparse_categorical_crossentropy", [0, 1, 3], 3, r"labels in \[0, 2\], got 3 in row 2"),
        ("sparse_categorical_crossentropy", [0, -1], 3, "got -1 in row 1"),
        ("sparse_categorical_crossentropy", [0, 1.5], 3, "whole numbers as labels, got 1.5 in row 1"),
        ("sparse_categorical_crossentropy", [0, np.nan], 3, "whole numbers as labels, got nan in row 1"),
        ("sparse_categorical_crossentropy", np.eye(3), 3, "for one-hot targets use categorical_crossentropy"),
        ("multi_margin", np.eye(3), 3, r"np.argmax\(y, axis=1\) makes them of one-hot targets"),
        ("categorical_hinge", [0, 1, 2], 3, "for integer labels use utils.to_categorical"),
        ("sparse_categorical_crossentropy", [], 3, "there are no targets"),
        (losses.SparseCategoricalCrossentropy(ignore_class=-1), [0, -2], 3, r"labels in \[0, 2\] or -1, got -2 in row 1"),
        ("gaussian_nll", [0.0, 1.0], 3, "2 outputs for each target, the model has 3"),
        ("gaussian_nll", np.zeros((2, 2)), 2, r"the model gives 2 outputs, so targets must have shape \(n, 1\), got \(2, 2\)"),
        (losses.Quantile([0.1, 0.9]), np.zeros((2, 3)), 2, r"targets must have shape \(n, 2\), got \(2, 3\)"),
        (losses.Quantile([0.1, 0.9]), np.zeros(2), 3, "quantiles must be a number, or one for each of the 3 columns"),
        ("hinge", [0.0, 0.5], 1, "targets -1 and 1, or 0 and 1, got 0.5 in row 1"),
        ("poisson", [1.0, -1.0], 1, "targets that are not negative, got -1.0 in row 1"),
        ("kl_divergence", [[0.5, 1.5]], 2, r"targets in \[0, 1\], got 1.5 in row 0"),
        ("dice", [[0.5, 1.5]], 2, r"targets in \[0, 1\], got 1.5 in row 0"),
        ("categorical_focal_crossentropy", [[1.0], [0.0]], 1, "use binary_focal_crossentropy"),
    ],
)
def test_bad_targets_are_named(loss, targets, outputs, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss).prepare_targets(targets, (outputs,), "float32")


def test_outputs_with_more_axes_are_refused():
    with pytest.raises(ValueError, match="add Flatten"):
        losses.MeanSquaredError().prepare_targets(np.zeros((2, 3, 4)), (3, 4), "float32")


def test_one_column_of_targets_serves_all_quantiles():
    loss = losses.Quantile([0.1, 0.5, 0.9])
    for given_targets in ([1.0, 2.0], [[1.0], [2.0]], [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]):
        t = loss.prepare_targets(given_targets, (3,), "float32")
        assert t.tolist() == [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
        assert t.flags.c_contiguous
    assert losses.Quantile(0.3).prepare_targets(np.zeros((4, 2)), (2,), "float64").shape == (4, 2)


def test_hinges_take_zero_for_the_other_side():
    for name in ("hinge", "squared_hinge"):
        y = [[0.3, -2.0], [0.4, 1.5]]
        np.testing.assert_array_equal(losses.get(name)([[1, 0], [0, 1]], y), losses.get(name)([[1, -1], [-1, 1]], y))
