"""Losses: values against closed forms, gradients against differences, both backends alike, targets checked."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import backend, losses
from fastnn.backend import registry
from fastnn.losses import Loss

OPS = [op for op in registry.values() if op.__module__.startswith("fastnn.losses")]
MEMBERS = list(losses.losses.members.values())
FUNCTIONS = [member.function for member in MEMBERS]
CLIP = 1e-7
compiled_only = pytest.mark.skipif(not any(op.compiled for op in OPS), reason="the compiled kernels are not built")
by_name = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


@pytest.fixture(params=["numpy", pytest.param("compiled", marks=compiled_only)])
def each_backend(request):
    with backend.use(request.param):
        yield request.param


def scalars_of(op, **values):
    known = {"delta": 0.7, "label_smoothing": 0.1, **values}
    return [known[a] for a in op.arguments if isinstance(a, str)]


def sample(op, n, m, dtype="float64", seed=0):
    """y, t or labels, w, and empty outputs; predictions are probabilities where the op wants them."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, m)) * 3
    if "crossentropy" in op.name and "logits" not in op.name:
        y = rng.uniform(0.02, 0.98, (n, m))
    if op.arrays[1].dtype == "int64":
        t = rng.integers(0, m, n)
    else:
        t = rng.uniform(0, 1, (n, m)).astype(dtype)
    w = rng.uniform(0.1, 2, n)
    return [y.astype(dtype), t, w.astype(dtype), np.full(n, np.nan, dtype), np.full((n, m), np.nan, dtype)]


def run(op, arrays, kernel=None, **values):
    fresh = [a.copy() for a in arrays]
    (kernel or op)(*fresh, *scalars_of(op, **values))
    return fresh[3], fresh[4]


# ------------------------------------------------------------------------------ values against plain Python


def softmax(row):
    top = max(row)
    e = [math.exp(v - top) for v in row]
    return [v / sum(e) for v in e]


def sigmoid(v):
    return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))


def clip(p):
    return min(max(p, CLIP), 1 - CLIP)


def binary(p, s):
    return -s * math.log(p) - (1 - s) * math.log(1 - p)


def plain(name, y, t, delta, smoothing):
    """The loss of one sample, written from the definitions; `t` is a row, or a label for sparse losses."""
    m = len(y)
    if name == "mean_squared_error":
        return sum((a - b) ** 2 for a, b in zip(y, t, strict=True)) / m
    if name == "mean_absolute_error":
        return sum(abs(a - b) for a, b in zip(y, t, strict=True)) / m
    if name == "huber":
        d = [abs(a - b) for a, b in zip(y, t, strict=True)]
        return sum(0.5 * e * e if e <= delta else delta * e - 0.5 * delta * delta for e in d) / m
    logits = name.endswith("_from_logits")
    if name.startswith("binary"):
        p = [sigmoid(v) for v in y] if logits else [clip(v) for v in y]
        return sum(binary(a, s * (1 - smoothing) + smoothing / 2) for a, s in zip(p, t, strict=True)) / m
    p = softmax(y) if logits else [clip(v / sum(y)) for v in y]
    if name.startswith("sparse"):
        return -math.log(p[t])
    return -sum((s * (1 - smoothing) + smoothing / m) * math.log(a) for a, s in zip(p, t, strict=True))


@by_name
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-5)])
def test_values_follow_the_definition(op, dtype, rtol, each_backend):
    for n, m in [(1, 1), (5, 1), (7, 10), (3, 33)]:
        arrays = sample(op, n, m, dtype)
        value, _ = run(op, arrays)
        y, t, w = arrays[:3]
        expected = [w[i] * plain(op.name, y[i].astype(float).tolist(), t[i].tolist(), 0.7, 0.1) for i in range(n)]
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=1e-7 if dtype == "float32" else 1e-14)


@by_name
def test_every_loss_has_a_plain_definition(op):
    assert plain(op.name, [0.25, 0.5], 1 if op.name.startswith("sparse") else [0.0, 1.0], 1.0, 0.0) > 0


# ----------------------------------------------------------------------------------- gradients by differences


def differences(op, arrays, h, **values):
    """Central differences of sum(value) by y, on the reference in float64."""
    numeric = np.zeros_like(arrays[0])
    for index in np.ndindex(numeric.shape):
        for sign in (1, -1):
            moved = [a.copy() for a in arrays]
            moved[0][index] += sign * h
            numeric[index] += sign * run(op, moved, op.reference, **values)[0].sum() / (2 * h)
    return numeric


@by_name
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("m", [1, 4])
def test_gradient_matches_central_differences(op, smoothing, m, each_backend):
    arrays = sample(op, 6, m, seed=5)
    _, dy = run(op, arrays, label_smoothing=smoothing)
    np.testing.assert_allclose(dy, differences(op, arrays, 1e-6, label_smoothing=smoothing), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_clipped_probabilities_have_the_gradient_of_the_clipped_function(name, each_backend):
    op = registry[name]
    arrays = sample(op, 4, 3)
    arrays[0][:] = [[1e-9, 0.3, 0.7], [1 - 1e-9, 3e-10, 7e-10], [0.2, 1e-8, 0.8], [0.5, 0.25, 0.25]]
    if arrays[1].ndim == 1:
        arrays[1][:] = [0, 0, 1, 2]
    _, dy = run(op, arrays)
    np.testing.assert_allclose(dy, differences(op, arrays, 1e-8), rtol=1e-5, atol=1e-6)
    clipped = (arrays[0] < CLIP) | (arrays[0] > 1 - CLIP)
    if name.startswith("binary"):
        assert not dy[clipped].any()


def test_gradient_of_soft_targets_that_do_not_sum_to_one(each_backend):
    op = registry["categorical_crossentropy_from_logits"]
    arrays = sample(op, 3, 4)
    arrays[1][:] = 0.9
    np.testing.assert_allclose(run(op, arrays)[1], differences(op, arrays, 1e-6), rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------------------------ extreme logits, NaN


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_logits_of_ten_thousand(dtype, each_backend):
    y = np.array([[1e4], [1e4], [-1e4], [-1e4], [0.0], [40.0]], dtype)
    t = np.array([[1], [0], [1], [0], [1], [1]], dtype)
    value, dy = np.empty(6, dtype), np.empty((6, 1), dtype)
    registry["binary_crossentropy_from_logits"](y, t, np.ones(6, dtype), value, dy, 0.0)
    np.testing.assert_allclose(value, [0, 1e4, 1e4, 0, math.log(2), math.log1p(math.exp(-40))], rtol=1e-6)
    np.testing.assert_allclose(dy[:, 0], [0, 1, -1, 0, -0.5, -math.exp(-40)], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sparse", [True, False])
def test_categorical_logits_of_ten_thousand(dtype, sparse, each_backend):
    y = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, 1e4]], dtype)
    labels = np.array([0, 1, 2, 2])
    value, dy = np.empty(4, dtype), np.empty((4, 3), dtype)
    if sparse:
        registry["sparse_categorical_crossentropy_from_logits"](y, labels, np.ones(4, dtype), value, dy)
    else:
        registry["categorical_crossentropy_from_logits"](y, np.eye(3, dtype=dtype)[labels], np.ones(4, dtype), value, dy, 0.0)
    np.testing.assert_allclose(value, [0, 2e4, math.log(3), 0], rtol=1e-6)
    third = 1 / 3
    np.testing.assert_allclose(dy, [[0, 0, 0], [1, -1, 0], [third, third, third - 1], [0, 0, 0]], rtol=1e-5, atol=1e-7)


@by_name
def test_a_nan_stays_in_its_row(op, each_backend):
    arrays = sample(op, 5, 20)
    arrays[0][2] = np.nan
    value, dy = run(op, arrays)
    np.testing.assert_array_equal(np.isnan(value), [False, False, True, False, False])
    assert np.isnan(dy[2]).any()
    assert np.isfinite(dy[[0, 1, 3, 4]]).all()


@by_name
def test_weight_zero_silences_a_sample(op, each_backend):
    arrays = sample(op, 4, 5)
    arrays[2][1] = 0
    value, dy = run(op, arrays)
    assert value[1] == 0
    assert not dy[1].any()


# ------------------------------------------------------------------------------------------- both backends


@compiled_only
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize(
    "shape",
    [
        (0, 4),
        (1, 1),
        (2049, 1),
        (5000, 1),
        (205, 10),
        (700, 3),
        (9, 2),
        (65, 31),
        (40, 32),
        (17, 127),
        (3, 2047),
        (3, 2048),
        (2, 2049),
        (2, 6000),
    ],
)
@by_name
def test_twin_agrees_around_its_tile_size(op, shape, dtype, rtol):
    arrays = sample(op, *shape, dtype)
    for got, expected in zip(run(op, arrays, op.compiled), run(op, arrays, op.reference), strict=True):
        scale = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale * shape[1] ** 0.5)


@compiled_only
@by_name
@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 40), m=st.integers(1, 90), exponent=st.integers(-4, 4), seed=st.integers(0, 1000))
def test_twin_agrees_for_any_shape_and_scale(op, n, m, exponent, seed):
    arrays = sample(op, n, m, seed=seed)
    if "crossentropy" not in op.name or "logits" in op.name:
        arrays[0] *= 10.0**exponent
    for got, expected in zip(run(op, arrays, op.compiled), run(op, arrays, op.reference), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@compiled_only
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(333, 1), (333, 3), (333, 10), (90, 31), (40, 67), (5, 2500)])
@by_name
def test_rows_computed_apart_have_the_same_bits(op, shape, dtype):
    """What threads rely on."""
    arrays = sample(op, *shape, dtype)
    whole = run(op, arrays, op.compiled)
    for cut in (1, 3, shape[0] - 2):
        parts = [run(op, [a[rows] for a in arrays], op.compiled) for rows in (slice(cut), slice(cut, None))]
        for expected, *pieces in zip(whole, *parts, strict=True):
            np.testing.assert_array_equal(np.concatenate(pieces), expected)


@pytest.mark.parametrize("label", [-1, 3, 2**40, -(2**62)])
@pytest.mark.parametrize("op", [op for op in OPS if op.arrays[1].dtype == "int64"], ids=lambda op: op.name)
def test_a_label_out_of_range_gives_nan_in_its_row_alone(op, label, each_backend):
    arrays = sample(op, 40, 3)
    expected = run(op, arrays)
    arrays[1][[2, 39]] = label
    rest = np.delete(np.arange(40), [2, 39])
    for got, right in zip(run(op, arrays), expected, strict=True):
        assert np.isnan(got[[2, 39]]).all()
        np.testing.assert_array_equal(got[rest], right[rest])


@compiled_only
@by_name
def test_float32_error_does_not_grow_with_the_row(op):
    arrays = sample(op, 2, 100_000)
    if arrays[1].ndim == 2:
        arrays[1] /= arrays[1].sum(axis=1, keepdims=True) if "categorical" in op.name else 1
    exact = run(op, arrays, op.reference)[0]
    single = [a.astype("float32") if a.dtype == np.float64 else a for a in arrays]
    np.testing.assert_allclose(run(op, single, op.compiled)[0], exact, rtol=3e-6)


# ------------------------------------------------------------------------------------------- public functions


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_functions_take_lists_integers_and_more_axes(function):
    rng = np.random.default_rng(0)
    y = rng.uniform(0.1, 0.9, (2, 3, 4))
    t = rng.integers(0, 4, (2, 3)) if function.sparse else rng.integers(0, 2, (2, 3, 4))
    whole = function(t, y)
    assert whole.shape == (2, 3)
    assert whole.dtype == np.float64
    for i in range(2):
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


# -------------------------------------------------------------------------------------------------- classes


def targets_for(member, n, m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, m, n) if member.function.sparse else np.eye(m)[rng.integers(0, m, n)]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)
def test_reductions(member):
    y = np.random.default_rng(1).uniform(0.1, 0.9, (6, 3))
    t = targets_for(member, 6, 3)
    each = member(reduction="none")(t, y)
    assert each.shape == (6,)
    np.testing.assert_array_equal(each, member(reduction=None)(t, y))
    np.testing.assert_allclose(member()(t, y), each.mean())
    np.testing.assert_allclose(member(reduction="sum")(t, y), each.sum())
    assert member().batch_scale(4) == 0.25
    assert member(reduction="sum").batch_scale(4) == 1.0
    with pytest.raises(ValueError, match="reduction='sum_over_batch_size'"):
        member(reduction=None).batch_scale(4)
    with pytest.raises(ValueError, match="reduction must be"):
        member(reduction="average")


@pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)
def test_weights_count_as_repetitions(member):
    y = np.random.default_rng(1).uniform(0.1, 0.9, (4, 3))
    t = targets_for(member, 4, 3)
    times = [1, 0, 3, 2]
    repeated = member(reduction="sum")(np.repeat(t, times, axis=0), np.repeat(y, times, axis=0))
    np.testing.assert_allclose(member(reduction="sum")(t, y, sample_weight=times), repeated)
    np.testing.assert_allclose(member()(t, y, sample_weight=np.array(times)[:, None]), repeated / 4)
    with pytest.raises(ValueError, match="one weight a sample"):
        member()(t, y, sample_weight=[1.0, 2.0])


@pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)
def test_the_op_with_batch_scale_gives_the_batch_loss(member, each_backend):
    loss = member()
    y = np.random.default_rng(1).uniform(0.1, 0.9, (5, 3))
    t = targets_for(member, 5, 3)
    value, dy = np.empty(5), np.empty((5, 3))
    loss.op(y, loss.prepare_targets(t, (3,), "float64"), np.full(5, loss.batch_scale(5)), value, dy, *loss.scalars)
    assert value.sum() == pytest.approx(loss(t, y))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda c: c.__name__)
def test_catalogue_and_configuration(member):
    loss = member(reduction="sum")
    for identifier in (member.__name__, member.function.name, member, member.function, loss, {"class_name": member.__name__, "config": {}}):
        assert type(losses.get(identifier)) is member
    again = losses.get(losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.reduction == "sum"
    assert isinstance(again, Loss)


def test_keras_aliases_and_unknown_names():
    for alias, name in [("mse", "mean_squared_error"), ("MAE", "mean_absolute_error"), ("bce", "binary_crossentropy")]:
        assert losses.get(alias).name == name
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
    op, scalars = member().logits_form(activation)
    assert (op, scalars) == (member(from_logits=True).op, member(from_logits=True).scalars)
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
        assert member(label_smoothing=0.1).scalars == (0.1,)


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
        ("sparse_categorical_crossentropy", [], 3, "there are no targets"),
    ],
)
def test_bad_targets_are_named(loss, targets, outputs, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss).prepare_targets(targets, (outputs,), "float32")


def test_outputs_with_more_axes_are_refused():
    with pytest.raises(ValueError, match="add Flatten"):
        losses.MeanSquaredError().prepare_targets(np.zeros((2, 3, 4)), (3, 4), "float32")
