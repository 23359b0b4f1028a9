"""Layers inside layers: what they compute, their gradients, names, files, and frozen forms."""

import json

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import layers
from fastnn.layers import Activation, BatchNormalization, Dense, Dropout, Parallel, Residual
from fastnn.layers.merging import merges

EACH = sorted(merges.members)


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def wide_and_deep():
    return Parallel([[], [Dense(6, activation="tanh", name="one"), Dense(3, name="two")]], name="both")


def block():
    return Residual([Dense(4, name="inner"), BatchNormalization(name="norm"), Activation("tanh", name="act"), Dense(4)], name="block")


def nested():
    return Residual(Parallel([Dense(2, activation="relu"), [Dense(3), Activation("tanh")]], name="inside"), Dense(5), name="outer")


STACKS = {
    "wide and deep": [wide_and_deep],
    "residual": [block],
    "behind a layer": [lambda: Dense(4, activation="relu"), block, lambda: Activation("sigmoid")],
    "nested": [lambda: Dense(3), nested],
    "three with an elementwise head": [
        lambda: Dense(4),
        lambda: Parallel([Activation("tanh", name="t"), [Activation("sigmoid"), Dense(4)], []], "add"),
    ],
    **{
        merge: [lambda: Dense(4), lambda merge=merge: Parallel([Activation("tanh"), [Dense(4), Activation("relu")], Dense(4)], merge)]
        for merge in EACH
    },
    "of the input alone": [lambda: Parallel([[], Activation("tanh")], "multiply")],
    "one branch": [lambda: Parallel([[Dense(3), Activation("tanh")]])],
}
each_stack = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)


def network(stack, features=4, **options):
    return model_of(*stack, lambda: Dense(2, name="out"), optimizer="sgd", loss="mse", features=features, **options)


def parts(n=9):
    rng = np.random.default_rng(3)
    return [rng.normal(size=(n, 3)) for _ in range(3)]


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ("add", lambda a, b, c: a + b + c),
        ("sum", lambda a, b, c: a + b + c),
        ("subtract", lambda a, b, c: a - b - c),
        ("average", lambda a, b, c: (a + b + c) / 3),
        ("multiply", lambda a, b, c: a * b * c),
        ("maximum", lambda a, b, c: np.maximum(np.maximum(a, b), c)),
        ("minimum", lambda a, b, c: np.minimum(np.minimum(a, b), c)),
        ("concat", lambda a, b, c: np.concatenate([a, b, c], axis=1)),
    ],
)
def test_merges_by_their_definition(merge, expected):
    x = samples(9, 4)
    branches = [Dense(3) for _ in range(3)]
    layer = Parallel(branches, merge)
    layer.build((None, 4), "float64")
    np.testing.assert_allclose(layer(x), expected(*(x @ b.kernel.value for b in branches)), rtol=1e-13)


def test_every_merge_is_tested_above():
    assert {"Add", "Subtract", "Average", "Multiply", "Maximum", "Minimum", "Concatenate"} == set(EACH)


@each_stack
def test_gradients_match_differences(stack):
    model, x, y = network(stack), samples(7), samples(7, 2)
    start = model.get_weights()
    trained = [any(p is q for q in model.trainable_weights) for p in model.weights]

    def loss(weights):
        model.set_weights(weights)
        with np.errstate(all="ignore"):
            return float(np.mean((model(x, training=True) - y) ** 2))

    directions = [[t * np.random.default_rng(k).normal(size=w.shape) for t, w in zip(trained, start, strict=True)] for k in range(4)]
    numeric = [
        sum(sign * loss([w + sign * 1e-6 * d for w, d in zip(start, direction, strict=True)]) for sign in (1, -1)) / 2e-6
        for direction in directions
    ]
    model.set_weights(start)
    model.train_on_batch(x, y)
    steps = [(before - after) / 0.01 for before, after in zip(start, model.get_weights(), strict=True)]
    along = [sum(float(np.sum(g * d)) for g, d in zip(steps, direction, strict=True)) for direction in directions]
    np.testing.assert_allclose(along, numeric, rtol=1e-6, atol=1e-8)


@each_stack
def test_in_inference_nothing_is_overwritten_that_is_read_later(stack):
    model, x = network(stack), samples(7)
    np.testing.assert_allclose(model.predict(x), layer_by_layer(model.layers, x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(model.freeze()(x), model.predict(x), rtol=1e-12, atol=1e-13)


def layer_by_layer(stack, x):
    """The same by the layers' own calls, branch by branch."""
    for layer in stack:
        if layer.branches:
            made = [layer_by_layer(branch, x) for branch in layer.branches]
            x = merged(layer, made)
        else:
            x = layer(x)
    return x


def merged(layer, made):
    name = layer.merge.name
    if name == "concat":
        return np.concatenate(made, axis=-1)
    if name == "average":
        return np.mean(made, axis=0)
    rules = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
    result = made[0]
    for each in made[1:]:
        result = rules[name](result, each)
    return result


@each_stack
def test_saved_and_loaded_and_rebuilt_from_its_configuration(stack, tmp_path):
    model = network(stack)
    model.fit(samples(), samples(23, 2), epochs=1, verbose=0)
    model.save(tmp_path / "model.fnn")
    again = fastnn.load_model(tmp_path / "model.fnn")
    np.testing.assert_array_equal(model.predict(samples()), again.predict(samples()))
    for each in model, again:
        each.fit(samples(), samples(23, 2), epochs=1, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    clone = fastnn.Sequential.from_config(json.loads(json.dumps(model.get_config())))
    assert [p.shape for p in clone.weights] == [p.shape for p in model.weights]


def test_names_and_paths(tmp_path):
    model = network([block, nested])
    names = [name for layer in model.layers for name, _ in layer.named_weights()]
    assert names[:4] == ["block/inner/kernel", "block/inner/bias", "block/norm/gamma", "block/norm/beta"]
    assert "outer/inside/" in names[8] and len(set(names)) == len(names)
    model.save_weights(tmp_path / "weights")
    with np.load(tmp_path / "weights") as file:
        assert sorted(file) == sorted(f"weights/{name}" for name in names)
    assert model.get_layer("block/inner").units == 4 and model.get_layer("outer/inside").name == "inside"
    with pytest.raises(ValueError, match="has no layer 'nothing'; there are inner, norm, act"):
        model.get_layer("block/nothing")
    with pytest.raises(ValueError, match="none inside"):
        model.get_layer("out/nothing")


def test_summary_counts_and_shows_what_is_inside(capsys):
    model = network([block])
    assert model.count_params() == sum(w.size for w in model.get_weights()) == 4 * 4 + 4 + 16 + 4 * 4 + 4 + 4 * 2 + 2
    model.summary(expand_nested=True)
    shown = capsys.readouterr().out
    assert "  norm (BatchNormalization) │ (None, 4)" in shown and "block (Residual)" in shown
    model.summary()
    assert "norm" not in capsys.readouterr().out


def test_frozen_inside():
    model = network([block])
    model.get_layer("block").trainable = False
    assert not model.get_layer("block/norm").trainable and len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(samples(), samples(23, 2), epochs=1, verbose=0)
    for a, b in zip(before[:-2], model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not Parallel([Dense(2, name="a")], trainable=False).get_config()["branches"][0][0]["config"]["trainable"]


def test_one_frozen_layer_inside_stays_so_in_a_file(tmp_path):
    model = network([block])
    model.get_layer("block/norm").trainable = False
    model.save(tmp_path / "model.fnn")
    again = fastnn.load_model(tmp_path / "model.fnn")
    assert [child.trainable for child in again.get_layer("block").children] == [True, False, True, True]


def test_batch_normalization_inside_is_folded():
    model = network([block])
    model.set_weights([np.abs(w) + 0.1 for w in model.get_weights()])
    frozen = fastnn.models.predictor.frozen(model.layers)
    assert [type(child).__name__ for child in frozen[0].branches[0]] == ["Dense", "Activation", "Dense"]
    np.testing.assert_allclose(model.freeze()(samples()), model.predict(samples()), rtol=1e-12)


class ByPlace(layers.Layer):
    """A composite of one's own, which takes the layers inside by their places."""

    def __init__(self, **options):
        super().__init__(**options)
        self.branches = [[Dense(4, name="a"), BatchNormalization(name="b"), Dropout(0.5, name="c")]]

    def make_parameters(self, features):
        for layer in self.children:
            layer.build((None, *features), self.dtype)

    def lower(self, program, x):
        a, b, c = self.children
        return c.lower(program, b.lower(program, a.lower(program, x)))


def test_a_frozen_composite_of_ones_own_keeps_its_layers():
    model = network([ByPlace])
    model.set_weights([np.abs(w) + 0.1 for w in model.get_weights()])
    np.testing.assert_allclose(model.freeze()(samples()), model.predict(samples()), rtol=1e-12)


def test_more_axes_than_one():
    model = model_of(lambda: Parallel([[], Dense(3)]), lambda: Residual(Dense(5)), layers.Flatten, features=(3, 2))
    assert model.output_shape == (None, 15)
    x = samples(6, 3, 2)
    model.compile("sgd", "mse")
    model.fit(x, samples(6, 15), epochs=1, verbose=0)
    a, b = model.layers[0].children[0], model.layers[1].children[0]
    h = np.concatenate([x, x @ a.kernel.value + a.bias.value], axis=-1)
    np.testing.assert_allclose(model.predict(x), (h + h @ b.kernel.value + b.bias.value).reshape(6, -1), rtol=1e-12)


def test_dropout_and_penalties_inside():
    inner = [Dense(4, kernel_regularizer="l2", activity_regularizer="l1"), Dropout(0.5, seed=1)]
    model = model_of(lambda: Residual(inner), optimizer="sgd", loss="mse")
    y = model.predict(samples())
    assert model.evaluate(samples(), y, verbose=0) > 0.01 * np.square(inner[0].kernel.value).sum()


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: Parallel([]), ValueError, "at least one branch"),
        (lambda: Parallel([3]), TypeError, "a branch must be a layer or a list of layers, got 3"),
        (lambda: Parallel(Dense(3)), TypeError, "branches must be a list of layers or of lists of layers"),
        (lambda: Parallel([fastnn.Sequential([Dense(2)])]), TypeError, "of a model pass its layers"),
        (lambda: Parallel([Dense(3), []], "add").build((None, 4)), ValueError, "use merge='concat'"),
        (lambda: Parallel([Dense(2, name="a"), Dense(2, name="a")]), ValueError, "several layers named a"),
        (lambda: Parallel([Dense(2)], merge="concatt"), ValueError, "unknown merge 'concatt': did you mean 'concat'"),
        (
            lambda: Residual(Dense(3), name="r").build((None, 4)),
            ValueError,
            r"'r': merge='add' needs branches of one shape, got \(3,\), \(4,\); give it a shortcut",
        ),
        (
            lambda: Parallel([layers.Flatten(), []], name="p").build((None, 2, 2)),
            ValueError,
            "differ in their last axis only.*; flatten or reshape",
        ),
    ],
)
def test_refuses(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_a_layer_stands_in_one_place():
    shared = Dense(4)
    with pytest.raises(ValueError, match="can stand in one place only"):
        fastnn.Sequential([fastnn.Input((4,)), shared, Residual(shared)])


def test_a_model_in_a_model_shares_its_layers(tmp_path):
    inner = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)], name="inner")
    outer = fastnn.Sequential([inner, layers.Dense(1)], name="outer")
    assert [layer.name for layer in outer.layers[0].layers] == [layer.name for layer in inner.layers]
    x = np.random.default_rng(0).normal(size=(8, 4))
    np.testing.assert_array_equal(outer.layers[1](inner.predict(x)), outer.predict(x))
    outer.compile("sgd", "mse")
    outer.fit(x, x[:, :1], epochs=1, verbose=0)
    np.testing.assert_array_equal(outer.layers[1](inner.predict(x)), outer.predict(x))
    outer.save(tmp_path / "outer.fnn")
    np.testing.assert_array_equal(fastnn.load_model(tmp_path / "outer.fnn").predict(x), outer.predict(x))
    with pytest.raises(ValueError, match="names must differ"):
        outer.add(inner)
    with pytest.raises(ValueError, match="one place only"):
        fastnn.Sequential([*inner.layers, inner])
