"""Regularizers: penalty and gradient against closed forms, on both backends."""

import math

import numpy as np
import pytest
from helpers import model_of, samples

import fastnn
from fastnn import backend, layers, losses, regularizers
from fastnn.backend import registry
from fastnn.regularizers import L1, L1L2, L2, BatchL2, OrthogonalRegularizer, Regularizer, l1_l2_penalty

compiled_only = pytest.mark.skipif(l1_l2_penalty.compiled is None, reason="the compiled kernels are not built")


@pytest.fixture(params=["numpy", pytest.param("compiled", marks=compiled_only)])
def each_backend(request):
    with backend.use(request.param):
        yield request.param


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-13), ("float32", 2e-6)])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1003])
def test_penalty_adds_value_and_gradient(size, dtype, rtol, each_backend):
    p = np.random.default_rng(0).normal(size=size).astype(dtype)
    g, value = np.ones(size, dtype), np.array([5.0], dtype)
    l1_l2_penalty(p, g, value, 0.3, 0.2)
    np.testing.assert_allclose(g, 1 + 0.3 * np.sign(p) + 0.4 * p, rtol=rtol, atol=rtol)
    exact = 5 + 0.3 * math.fsum(abs(float(x)) for x in p) + 0.2 * math.fsum(float(x) ** 2 for x in p)
    assert value[0] == pytest.approx(exact, rel=rtol)


def test_gradient_is_the_difference_quotient_of_the_penalty(each_backend):
    regularizer, p, g = L1L2(0.3, 0.2), np.array([-2.0, -0.1, 0.4, 3.0]), np.zeros(4)
    l1_l2_penalty(p, g, np.zeros(1), 0.3, 0.2)
    for i in range(4):
        h = np.eye(4)[i] * 1e-6
        assert g[i] == pytest.approx((regularizer(p + h) - regularizer(p - h)) / 2e-6, rel=1e-8)


def test_zero_has_no_l1_slope_and_nan_shows(each_backend):
    g, value = np.zeros(3), np.zeros(1)
    l1_l2_penalty(np.array([0.0, -0.0, np.nan]), g, value, 1.0, 0.0)
    np.testing.assert_array_equal(g, [0, 0, np.nan])
    assert np.isnan(value[0])


def test_calling_gives_the_penalty():
    x = [[1.0, -2.0], [0.0, 3.0]]
    assert L1(0.5)(x) == pytest.approx(3.0)
    assert L2(0.5)(x) == pytest.approx(7.0)
    assert L1L2(0.5, 0.1)(x) == pytest.approx(4.4)
    assert type(L2()(np.ones((2, 2), "float32"))) is float


def test_names_and_defaults():
    assert regularizers.get(None) is None
    for name, l1, l2 in [("l1", 0.01, 0), ("l2", 0, 0.01), ("l1_l2", 0.01, 0.01), ("L2", 0, 0.01)]:
        found = regularizers.get(name)
        assert (found.l1, found.l2) == (l1, l2)
    assert L1L2(l2=0.1).l1 == 0
    with pytest.raises(ValueError, match="unknown regularizer"):
        regularizers.get("l3")
    with pytest.raises(TypeError, match="expected regularizer"):
        regularizers.get(0.01)


@pytest.mark.parametrize("member", regularizers.regularizers.members.values(), ids=lambda c: c.__name__)
def test_configuration(member):
    regularizer = member(0.25)
    again = regularizers.get({"class_name": member.__name__, "config": regularizer.get_config()})
    assert type(again) is member
    assert again.get_config() == regularizer.get_config()
    assert 0.25 in again.get_config().values()


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, "0.1", True])
def test_bad_factors(bad):
    for member in (L1, L2, L1L2):
        with pytest.raises(ValueError, match="must be a number >= 0"):
            member(bad)


@compiled_only
def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="l1_l2_penalty: g has"):
        registry["l1_l2_penalty"].compiled(np.ones(3), np.ones(2), np.zeros(1), 0.1, 0.1)


# --------------------------------------------------------------------------------------------------- orthogonality


def mean_cosine(x):
    """The definition: the mean of |cos| over all pairs of rows."""
    unit = [row / math.sqrt(math.fsum(row**2)) for row in x]
    return np.mean([abs(float(a @ b)) for i, a in enumerate(unit) for b in unit[:i]])


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_the_orthogonal_penalty_is_the_mean_cosine(mode, each_backend):
    x = samples(5, 7)
    assert OrthogonalRegularizer(0.3, mode)(x) == pytest.approx(0.3 * mean_cosine(x if mode == "rows" else x.T), rel=1e-12)
    assert OrthogonalRegularizer(0.3, mode)(np.eye(4)) == 0


@pytest.mark.parametrize("shape", [(5, 7), (4, 2), (1, 3), (3, 1)], ids=str)
@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_its_gradient_is_the_difference_quotient(mode, shape, each_backend):
    regularizer, p = OrthogonalRegularizer(0.3, mode), samples(*shape)
    g, value = np.zeros(shape), np.zeros(1)
    for op, arguments in regularizer.calls(p, g, value):
        op(*arguments)
    assert value[0] == pytest.approx(regularizer(p), rel=1e-12)
    for i in np.ndindex(shape):
        h = np.zeros(shape)
        h[i] = 1e-6
        assert g[i] == pytest.approx((regularizer(p + h) - regularizer(p - h)) / 2e-6, rel=1e-6, abs=1e-9)


def test_a_zero_row_has_a_finite_penalty(each_backend):
    p, g = np.zeros((3, 2)), np.zeros((3, 2))
    for op, arguments in OrthogonalRegularizer(1.0).calls(p, g, np.zeros(1)):
        op(*arguments)
    np.testing.assert_array_equal(g, 0)


def test_orthogonal_refuses():
    with pytest.raises(ValueError, match="mode must be 'rows' or 'columns', got 'both'"):
        OrthogonalRegularizer(mode="both")
    with pytest.raises(ValueError, match=r"needs a matrix such as a kernel, got an array of shape \(3,\)"):
        OrthogonalRegularizer()(np.ones(3))


# ------------------------------------------------------------------------------------------------------ in a model


class Cubes(Regularizer):
    """One written in Python."""

    def __call__(self, x):
        return float(np.abs(np.asarray(x) ** 3).sum())

    def gradient(self, x):
        return 3 * x * np.abs(x)


EVERY = [*(member() for member in regularizers.regularizers.members.values()), OrthogonalRegularizer(0.1, "columns"), Cubes()]


@pytest.mark.parametrize("regularizer", EVERY, ids=str)
def test_penalties_count_in_loss_and_gradient(regularizer, each_backend):
    """One step of plain descent on a loss that is 0: what is left is the penalty's gradient."""
    model = model_of(lambda: layers.Dense(3, kernel_regularizer=regularizer, name="dense"), optimizer="sgd", loss="mse")
    kernel, x = model.get_weights()[0], samples()
    g, value = np.zeros_like(kernel), np.zeros(1)
    for op, arguments in regularizer.batch_calls(kernel, g, value, np.full(1, float(len(x)))):
        op(*arguments)
    y = model.predict(x)
    assert value[0] * (len(x) if isinstance(regularizer, BatchL2) else 1) == pytest.approx(regularizer(kernel), rel=1e-12)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(value[0], rel=1e-12)
    assert model.train_on_batch(x, y) == pytest.approx(value[0], rel=1e-12)
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.01 * g, rtol=1e-10, atol=1e-14)


def penalised(where, **compiled):
    activity = L1L2(0.03, 0.02)
    hidden = [lambda: layers.Dense(5, activation="tanh", activity_regularizer=activity)]
    if where == "layer":
        hidden = [lambda: layers.Dense(5, activation="tanh"), lambda: layers.ActivityRegularization(0.03, 0.02)]
    return model_of(*hidden, lambda: layers.Dense(2), lambda: layers.Activation("sigmoid"), optimizer="sgd", loss="mse", **compiled)


@pytest.mark.parametrize("where", ["argument", "layer"])
def test_activities_are_penalised_by_the_batch_s_mean(where, each_backend):
    model, x = penalised(where), samples(9)
    hidden, y = model.layers[0](x), np.zeros((9, 2))
    expected = np.mean(model.predict(x) ** 2) + (0.03 * np.abs(hidden).sum() + 0.02 * np.square(hidden).sum()) / 9
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-12)
    assert model.train_on_batch(x, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("where", ["argument", "layer"])
def test_the_gradient_of_activities_matches_differences(where, each_backend):
    model, x, y = penalised(where), samples(9), np.zeros((9, 2))
    start = model.get_weights()

    def loss(weights):
        model.set_weights(weights)
        return model.evaluate(x, y, verbose=0)

    numeric = np.zeros_like(start[0])
    for i in np.ndindex(numeric.shape):
        for sign in 1, -1:
            moved = [w.copy() for w in start]
            moved[0][i] += sign * 1e-6
            numeric[i] += sign * loss(moved) / 2e-6
    model.set_weights(start)
    model.train_on_batch(x, y)
    np.testing.assert_allclose((start[0] - model.get_weights()[0]) / 0.01, numeric, rtol=1e-6, atol=1e-9)


def test_activities_of_the_last_layer_and_smaller_batches(each_backend):
    """The loss doesn't fuse with an activation that is penalised; the last batch of 23 in tens divides by its 3 samples."""
    model = model_of(
        lambda: layers.Dense(3, activation="softmax", activity_regularizer="l2"), optimizer="sgd", loss="categorical_crossentropy"
    )
    x, y = samples(), np.eye(3)[np.arange(23) % 3]
    p = model.predict(x)
    expected = -np.log(p[y == 1]).mean() + 0.01 * np.square(p).sum() / 23
    assert model.evaluate(x, y, batch_size=10, verbose=0) == pytest.approx(expected, rel=1e-12)
    before = model.get_weights()[1]
    model.fit(x, y, batch_size=10, epochs=1, verbose=0)
    assert not np.array_equal(before, model.get_weights()[1])


def test_activities_take_sums_over_samples_only():
    with pytest.raises(ValueError, match="penalises arrays of parameters"):
        model_of(lambda: layers.Dense(3, activity_regularizer="orthogonal"), optimizer="sgd", loss="mse").train_on_batch(
            samples(), np.zeros((23, 3))
        )


def test_a_batch_s_penalty_is_divided_as_its_loss_is(each_backend):
    """Of the last, smaller batch by its own number; with weights that count in the mean, by their sum."""
    x, y, weights = samples(10), np.zeros((10, 3)), np.random.default_rng(0).uniform(0.1, 2, 10)
    for reduction, totals in ("sum_over_batch_size", [4, 4, 2]), ("mean_with_sample_weight", [weights[i : i + 4].sum() for i in (0, 4, 8)]):
        model = model_of(
            lambda: layers.Dense(3, kernel_regularizer=BatchL2(0.3, 2.0)), optimizer="sgd", loss=losses.MeanSquaredError(reduction)
        )
        plain = model_of(lambda: layers.Dense(3), optimizer="sgd", loss=losses.MeanSquaredError(reduction))
        plain.set_weights(model.get_weights())
        penalty = 2.0 * 0.15 * np.square(model.get_weights()[0]).sum()
        extra = sum(penalty / total * size for total, size in zip(totals, (4, 4, 2), strict=True)) / 10
        results = [each.evaluate(x, y, batch_size=4, sample_weight=weights, verbose=0) for each in (model, plain)]
        assert results[0] - results[1] == pytest.approx(extra, rel=1e-10)
        kernel = model.get_weights()[0]
        for each in model, plain:
            each.fit(x[:4], y[:4], sample_weight=weights[:4], batch_size=4, shuffle=False, verbose=0)
        np.testing.assert_allclose(plain.get_weights()[0] - model.get_weights()[0], 0.01 * 0.3 * kernel / totals[0], rtol=1e-8)


def squares(w):
    return 0.01 * np.sum(np.square(w))


class Squares(Regularizer):
    def __call__(self, w):
        return squares(w)


@pytest.mark.parametrize("written", [squares, Squares()])
def test_a_penalty_in_python_is_differentiated(written, each_backend):
    histories = []
    for penalty in written, L2(0.01):
        fastnn.utils.set_random_seed(0)
        model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2, kernel_regularizer=penalty)], dtype="float64")
        model.compile("adam", "mse")
        histories.append(model.fit(samples(20, 3), samples(20, 2), epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-12)


def test_functions_are_saved_by_the_name_they_are_registered_by():
    with pytest.raises(TypeError, match=r"'squares' is a Python function.*register_keras_serializable"):
        regularizers.serialize(regularizers.get(squares))
    with fastnn.saving.custom_object_scope({"squares": squares}):
        name = regularizers.serialize(regularizers.get(squares))
        assert name == "squares" and regularizers.get(name).fn is squares
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2, kernel_regularizer=np.abs)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"regularizer 'absolute' must give one number, got shape \(3, 2\)"):
        model.fit(samples(4, 3), samples(4, 2), verbose=0)
