"""Layers that scale, whiten, choose and encode columns."""

import warnings

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import layers
from fastnn.backend import registry
from fastnn.layers.scaling import FeatureScaling


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def table(n=200):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3)) * [1, 10, 0.1] + [5, -1e3, 0.5]


def adapted(layer, data):
    layer.adapt(data)
    layer.build((None, *data.shape[1:]), "float64")
    return layer


EACH = {
    "Normalization": (layers.Normalization, lambda x: (x - x.mean(0)) / x.std(0)),
    "MinMaxScaling": (layers.MinMaxScaling, lambda x: (x - x.min(0)) / np.ptp(x, axis=0)),
    "MinMaxScaling(-1, 3)": (lambda **o: layers.MinMaxScaling(-1, 3, **o), lambda x: 4 * (x - x.min(0)) / np.ptp(x, axis=0) - 1),
    "RobustScaling": (
        layers.RobustScaling,
        lambda x: (x - np.median(x, axis=0)) / (np.percentile(x, 75, axis=0) - np.percentile(x, 25, axis=0)),
    ),
}
each = pytest.mark.parametrize(("make", "definition"), EACH.values(), ids=EACH)


@each
def test_scalings_by_their_definition(make, definition):
    np.testing.assert_allclose(adapted(make(), table())(table()), definition(table()), rtol=1e-9, atol=1e-9)


@each
def test_the_inverse_turns_back(make, definition):
    scaled, back = adapted(make(), table()), adapted(make(invert=True), table())
    np.testing.assert_allclose(back(scaled(table())), table(), rtol=1e-9)


@each
def test_adapting_before_or_after_building_is_the_same(make, definition):
    later = make()
    later.build((None, 3), "float64")
    later.adapt(table())
    np.testing.assert_array_equal(later(table()), adapted(make(), table())(table()))


@each
def test_constant_features_stay_finite(make, definition):
    data = np.column_stack([table()[:, 0], np.full(200, 7.0)])
    assert np.isfinite(adapted(make(), data)(data)).all()


def test_statistics_keep_their_digits_in_float32():
    data = (1e5 + samples(1000, 2)).astype(np.float32)
    layer = layers.Normalization()
    layer.adapt(data)
    assert abs(layer(data).std() - 1) < 1e-3 and abs(layer(data).mean()) < 0.02


def test_normalization_takes_its_statistics():
    given = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 0.0])
    given.build((None, 3), "float64")
    np.testing.assert_allclose(given(np.array([[2.0, 4.0, 3.0]])), [[1, 1, 0]])
    np.testing.assert_allclose(given.mean, [1, 2, 3])
    np.testing.assert_allclose(given.variance, [1, 4, 1e-14])
    one = layers.Normalization(mean=1.0, variance=4.0)
    np.testing.assert_allclose(one(np.full((2, 3), 5.0)), np.full((2, 3), 2.0))
    unknown = layers.Normalization()
    assert unknown.mean is None and unknown.variance is None
    np.testing.assert_array_equal(unknown(np.ones((2, 3))), np.ones((2, 3)))


def test_given_numbers_can_be_replaced():
    layer = layers.Normalization(mean=np.array([1.0, 2.0]), variance=np.array([1.0, 4.0]))
    layer.build((None, 2), "float64")
    layer.set_weights([np.array([5.0, 6.0]), np.array([1.0, 2.0])])
    np.testing.assert_array_equal(layer(np.array([[6.0, 8.0]])), [[1.0, 1.0]])


ADAPTED = [
    (layer, name) for name, layer in fastnn.layers.layer.layers.members.items() if issubclass(layer, FeatureScaling | layers.PCAWhitening)
]
each_adapted = pytest.mark.parametrize("make", [layer for layer, _ in ADAPTED], ids=[name for _, name in ADAPTED])


@each_adapted
@pytest.mark.parametrize(
    "wrap", [lambda layer: layers.Parallel([layer]), lambda layer: layers.Parallel([[layers.Parallel([[layer], []])]])]
)
def test_what_was_adapted_is_kept_by_the_layers_around(make, wrap):
    inner, alone = make(), adapted(make(), table())
    inner.adapt(table())
    wrap(inner).build((None, 3), "float64")
    assert len(inner.get_weights()) == 2
    for found, expected in zip(inner.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@each_adapted
@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: layers.Parallel([[layers.Columns([0, 1, 2]), layer], []])])
@pytest.mark.parametrize("known", [(), ((3,),)])
def test_a_forgotten_adapt_is_told(make, wrap, known):
    for remembered in False, True:
        layer = make()
        if remembered:
            layer.adapt(table())
        model = fastnn.Sequential([*map(fastnn.Input, known), wrap(layer), layers.Dense(1)])
        model.compile("sgd", "mse")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.fit(table(), table()[:, 0], verbose=0)
        said = [str(each.message) for each in told if "adapt(x)" in str(each.message)]
        assert [layer.name in message for message in said] == ([] if remembered else [True])


def test_an_adapted_normalization_is_told_by_its_configuration():
    layer = layers.Normalization()
    layer.adapt(table())
    again = layers.get(layer.serialized())
    np.testing.assert_allclose(again(table()), layer(table()), rtol=1e-6)


def test_whitened_components_are_uncorrelated_and_of_variance_one():
    layer = adapted(layers.PCAWhitening(epsilon=0), table())
    y = layer(table())
    np.testing.assert_allclose(y.T @ y / len(y), np.eye(3), atol=1e-8)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-9)


def test_whitening_by_singular_values():
    x = table() - table().mean(0)
    _, sizes, directions = np.linalg.svd(x, full_matrices=False)
    layer = adapted(layers.PCAWhitening(2, epsilon=1e-3), table())
    expected = x @ directions[:2].T / np.sqrt(sizes[:2] ** 2 / len(x) + 1e-3)
    got = layer(table())
    np.testing.assert_allclose(np.abs(got), np.abs(expected), rtol=1e-7, atol=1e-9)
    largest = np.abs(layer.kernel.value).argmax(axis=0)
    assert layer.compute_output_shape((None, 3)) == (None, 2) and (layer.kernel.value[largest, [0, 1]] > 0).all()


def test_whitening_of_what_does_not_vary():
    data = np.column_stack([table()[:, 0], np.full(200, 7.0)])
    assert np.isfinite(adapted(layers.PCAWhitening(epsilon=0), data)(data)).all()


@pytest.mark.parametrize("kind", [*FeatureScaling.__subclasses__(), layers.PCAWhitening], ids=lambda c: c.__name__)
def test_a_model_learns_behind_and_in_front_of_them(kind, tmp_path):
    first, middle = kind(name="first"), kind(name="middle")
    model = model_of(lambda: first, lambda: layers.Dense(4, activation="tanh"), lambda: middle, lambda: layers.Dense(3), features=3)
    first.adapt(table(23))
    middle.adapt(samples(23, 4))
    model.compile("sgd", "mse")
    x, y, start = table(23), samples(23, 3), model.get_weights()
    trained = [any(p is q for q in model.trainable_weights) for p in model.weights]
    direction = [t * np.random.default_rng(7).normal(size=w.shape) for t, w in zip(trained, start, strict=True)]
    losses = []
    for sign in 1, -1:
        model.set_weights([w + sign * 1e-6 * d for w, d in zip(start, direction, strict=True)])
        losses.append(model.evaluate(x, y, verbose=0))
    model.set_weights(start)
    model.train_on_batch(x, y)
    step = sum(float(np.sum((a - b) / 0.01 * d)) for a, b, d in zip(start, model.get_weights(), direction, strict=True))
    assert step == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5)
    model.save(tmp_path / "model.fnn")
    np.testing.assert_array_equal(fastnn.load_model(tmp_path / "model.fnn").predict(x), model.predict(x))


# ------------------------------------------------------------------------------------------------------- categories


CODES = np.array([[0, 2, 2], [3, 1, 0]])


def test_encodings_by_their_definition():
    multi, one, count = (layers.CategoryEncoding(4, mode)(CODES) for mode in ("multi_hot", "one_hot", "count"))
    np.testing.assert_array_equal(multi, [[1, 0, 1, 0], [1, 1, 0, 1]])
    np.testing.assert_array_equal(one, np.eye(4)[CODES])
    np.testing.assert_array_equal(count, [[1, 0, 2, 0], [1, 1, 0, 1]])
    assert layers.CategoryEncoding(4, "one_hot")(CODES[:, :1]).shape == (2, 4)


def embedded():
    layer = layers.Embedding(4, 3)
    layer.build((None, 3), "float64")
    return layer


def test_an_embedding_looks_rows_up():
    layer = embedded()
    np.testing.assert_array_equal(layer(CODES), layer.embeddings.value[CODES])


@pytest.mark.parametrize("threads", [1, 3])
def test_an_embedding_learns_by_scattered_sums(threads):
    model = model_of(lambda: layers.Embedding(50, 70, "ones"), layers.Flatten, lambda: layers.Dense(1), features=5, dtype="float32")
    model.compile(fastnn.optimizers.SGD(1.0), "mse")
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 40, (300, 5)), rng.normal(size=(300, 1))
    w, (kernel, bias) = model.get_weights()[0].astype(np.float64), (v.astype(np.float64) for v in model.get_weights()[1:])
    error = 2 / 300 * (w[x].reshape(300, -1) @ kernel + bias - y)
    expected = w.copy()
    np.subtract.at(expected, x, (error @ kernel.T).reshape(300, 5, 70))
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        model.train_on_batch(x, y)
    finally:
        fastnn.set_num_threads(before)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0][40:], np.ones((10, 70)))


@pytest.mark.parametrize("bad", [-1, 4, 1.5, np.inf])
@pytest.mark.parametrize("name", ["count_tokens", "multi_hot", "embedding"])
def test_kernels_answer_other_numbers_with_nan(name, bad):
    x, w = np.array([[0.0, 1.0], [2.0, bad], [3.0, 3.0]]), np.ones((4, 2))
    if name == "embedding":
        y = np.empty((6, 2))
        registry[name](x.reshape(-1), w, y)
        assert np.isnan(y).all(axis=1).tolist() == [False, False, False, True, False, False]
        dw = np.empty((4, 2))
        registry["embedding_backward"](x.reshape(-1), np.ones((6, 2)), dw)
        np.testing.assert_array_equal(dw[:, 0], [1, 1, 1, 2])
    else:
        y = np.empty((3, 4))
        registry[name](x, y)
        assert np.isnan(y).any(axis=1).tolist() == np.isnan(y).all(axis=1).tolist() == [False, True, False]


STACKS = {
    "first": [lambda: layers.Embedding(4, 2, name="codes"), layers.Flatten],
    "reshaped": [lambda: layers.Reshape((3, 1)), layers.Flatten, lambda: layers.CategoryEncoding(4, name="codes")],
    "in a branch": [
        lambda: layers.Parallel(
            [
                [layers.Columns([0, 1]), layers.Normalization(mean=0, variance=1)],
                [layers.Columns([-1]), layers.Embedding(4, 2, name="codes"), layers.Flatten()],
            ]
        )
    ],
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_arrays_with_other_numbers_are_refused_before_anything_changes(stack):
    model = model_of(*stack, lambda: layers.Dense(3), features=3, optimizer="sgd", loss="mse")
    x, y = np.tile(CODES, (4, 1)).astype(float), np.zeros((8, 3))
    model.fit(x, y, epochs=1, verbose=0)
    before = model.get_weights()
    x[5, 2] = 4
    calls = lambda: model.fit(x, y, verbose=0), lambda: model.evaluate(x, y, verbose=0), lambda: model.predict(x), lambda: model(x)
    for call in calls:
        with pytest.raises(ValueError, match=r"layer 'codes' takes whole numbers from 0 to 3, got 4.0 at row 5"):
            call()
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isnan(model.freeze()(x)[5]).all()  # which only computes


def test_a_table_of_numbers_and_categories_learns():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=200), rng.integers(0, 5, 200)])
    y = x[:, 0] + np.array([3.0, -1, 0, 2, 5])[x[:, 1].astype(int)]
    model = model_of(
        lambda: layers.Parallel([layers.Columns([0]), [layers.Columns([1]), layers.Embedding(5, 1), layers.Flatten()]]),
        lambda: layers.Dense(1),
        features=2,
        optimizer=fastnn.optimizers.Adam(0.1),
        loss="mse",
    )
    model.fit(x, y, epochs=60, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 1e-3


# -------------------------------------------------------------------------------------------- reshaping and columns


def test_reshape_keeps_the_numbers():
    x = samples(5, 12)
    np.testing.assert_array_equal(layers.Reshape((3, -1))(x), x.reshape(5, 3, 4).astype(np.float32))
    assert layers.Reshape(12).compute_output_shape((None, 3, 4)) == (None, 12)


def test_columns_are_chosen_and_their_gradients_summed():
    model = model_of(lambda: layers.Dense(3), lambda: layers.Columns([2, 0, -1]), optimizer="sgd", loss="mse")
    x, y = samples(), samples(23, 3)
    hidden = model.layers[0](x)
    np.testing.assert_array_equal(model.predict(x), hidden[:, [2, 0, 2]])
    error = 2 / 69 * (hidden[:, [2, 0, 2]] - y)
    expected = x.T @ np.column_stack([error[:, 1], 0 * error[:, 0], error[:, 0] + error[:, 2]])
    before = model.get_weights()[0]
    model.train_on_batch(x, y)
    np.testing.assert_allclose((before - model.get_weights()[0]) / 0.01, expected, rtol=1e-9, atol=1e-12)


# --------------------------------------------------------------------------------------------- radial basis functions


def rbf(units=5):
    layer = layers.RBF(units)
    layer.build((None, 4), "float64")
    return layer


def test_rbf_by_its_definition():
    layer, x = rbf(), samples()
    layer.widths.assign(np.linspace(0.5, 2, 5))
    distance = np.square(x[:, :, None] - layer.centers.value).sum(axis=1)
    np.testing.assert_allclose(layer(x), np.exp(-distance / (2 * layer.widths.value**2)), rtol=1e-12)


def test_rbf_adapts_to_samples():
    layer, x = rbf(), samples()
    fastnn.utils.set_random_seed(1)
    layer.adapt(x)
    rows = [np.flatnonzero((x == center).all(axis=1)) for center in layer.centers.value.T]
    assert len({int(row[0]) for row in rows}) == 5
    chosen = layer.centers.value.T
    largest = max(np.linalg.norm(a - b) for a in chosen for b in chosen)
    np.testing.assert_allclose(layer.widths.value, largest / np.sqrt(10), rtol=1e-12)
    before = layers.RBF(5)
    fastnn.utils.set_random_seed(1)
    before.adapt(x)
    np.testing.assert_allclose(before(x), layer(x), rtol=1e-4)


def test_rbf_gradients_match_differences():
    model = model_of(lambda: layers.Dense(4), lambda: layers.RBF(5), lambda: layers.Dense(1), optimizer="sgd", loss="mse")
    x, y, start = samples(), samples(23, 1), model.get_weights()
    for seed in range(3):
        direction = [np.random.default_rng(seed).normal(size=w.shape) for w in start]
        losses = []
        for sign in 1, -1:
            model.set_weights([w + sign * 1e-6 * d for w, d in zip(start, direction, strict=True)])
            losses.append(model.evaluate(x, y, verbose=0))
        model.set_weights(start)
        model.train_on_batch(x, y)
        step = sum(float(np.sum((a - b) / 0.01 * d)) for a, b, d in zip(start, model.get_weights(), direction, strict=True))
        assert step == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5)


def test_rbf_separates_a_ring():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)
    model = model_of(lambda: layers.RBF(12), lambda: layers.Dense(1, activation="sigmoid"), features=2)
    model.layers[0].adapt(x)
    model.compile(fastnn.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, epochs=25, verbose=0).history["accuracy"][-1] > 0.93


def behind_a_dense_layer(*stack):
    return model_of(lambda: layers.Dense(3), *stack, optimizer="sgd", loss="mse").train_on_batch(samples(), samples(23, 2))


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: layers.Normalization(axis=0), ValueError, "axis"),
        (lambda: layers.Normalization(mean=1.0), ValueError, "both mean and variance"),
        (lambda: layers.Normalization(mean=1.0, variance=-1.0), ValueError, "negative"),
        (lambda: layers.Normalization(mean=np.nan, variance=1.0), ValueError, "finite"),
        (lambda: layers.Normalization(mean=[1.0, 2.0], variance=1.0)(samples()), ValueError, "4 entries"),
        (lambda: layers.Normalization().adapt([[1.0, np.nan]]), ValueError, "impute"),
        (lambda: layers.Normalization().adapt(np.zeros((0, 2))), ValueError, "no samples"),
        (lambda: layers.Normalization().adapt([["a"]]), TypeError, "real numbers"),
        (lambda: adapted(layers.Normalization(), samples()).adapt(samples(5, 3)), ValueError, "3 features, the layer was built for 4"),
        (lambda: layers.Rescaling("a"), TypeError, "scale must hold real numbers"),
        (lambda: layers.Rescaling(1.0, np.inf), ValueError, "offset must be a finite number"),
        (lambda: layers.Rescaling([1.0, 2.0])(samples(5, 3)), ValueError, "2 entries, samples have 3"),
        (lambda: layers.MinMaxScaling(1, 1), ValueError, "low"),
        (lambda: layers.RobustScaling((75, 25)), ValueError, "quantile_range"),
        (lambda: layers.PCAWhitening(0), ValueError, "n_components"),
        (lambda: layers.PCAWhitening(5).adapt(samples()), ValueError, "5 components of 4 features"),
        (lambda: layers.PCAWhitening(epsilon=-1), ValueError, "epsilon"),
        (lambda: layers.CategoryEncoding(0), ValueError, "num_tokens"),
        (lambda: layers.CategoryEncoding(3, "hot"), ValueError, "output_mode"),
        (lambda: layers.CategoryEncoding(3, sparse=True), ValueError, "sparse"),
        (lambda: layers.CategoryEncoding(2**25).build((None, 1), "float32"), ValueError, "use float64"),
        (lambda: layers.Embedding(3, 0), ValueError, "output_dim"),
        (lambda: layers.Embedding(3, 2, mask_zero=True), ValueError, "mask_zero"),
        (lambda: layers.Embedding(3, 2)(np.full((2, 1), 3)), ValueError, "from 0 to 2, got 3.0 at row 0"),
        (lambda: behind_a_dense_layer(lambda: layers.CategoryEncoding(2)), ValueError, "put it first"),
        (lambda: layers.Reshape((-1, -1)), ValueError, "target_shape"),
        (lambda: layers.Reshape(()), ValueError, "target_shape"),
        (lambda: layers.Reshape((5, -1))(samples()), ValueError, "can't become"),
        (lambda: layers.Columns([]), ValueError, "indices"),
        (lambda: layers.Columns([0.5]), ValueError, "indices"),
        (lambda: layers.Columns([4])(samples()), ValueError, "no feature 4"),
        (lambda: layers.RBF(0), ValueError, "units"),
        (lambda: layers.RBF(5).adapt(samples(4)), ValueError, "4 rows, 5 units"),
    ],
)
def test_refuses(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_weights_can_be_set_where_the_statistics_were_given():
    layer = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])
    layer.build((None, 2), "float64")
    layer.set_weights([np.array([3.0, 4.0]), np.array([5.0, 6.0])])
    np.testing.assert_array_equal(layer.get_weights()[0], [3.0, 4.0])
