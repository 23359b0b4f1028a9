"""Layers written in Python as in Keras, and functions as layers."""

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import layers
from fastnn.layers.layer import layers as catalogue


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


class Differentiated(layers.Layer):
    """A dense layer with tanh, without a backward."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel", regularizer="l2")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias", constraint="non_neg")

    def call(self, x, training=False):
        return np.tanh(x @ self.kernel.value + self.bias.value)


class ByHand(Differentiated):
    def call(self, x):
        self.x, self.y = x, super().call(x)
        return self.y

    def backward(self, dy):
        dz = dy * (1 - self.y**2)
        self.kernel.grad[...] = self.x.T @ dz
        self.bias.grad = dz.sum(axis=0)  # replaced instead of filled: as good
        return dz @ self.kernel.value.T


KINDS = [Differentiated, ByHand]
each_kind = pytest.mark.parametrize("kind", KINDS)


def network(layer, **options):
    return model_of(lambda: layers.Dense(3), lambda: layer, lambda: layers.Dense(2), optimizer="adam", loss="mse", **options)


def twin():
    return layers.Dense(5, activation="tanh", kernel_regularizer="l2", bias_constraint="non_neg")


@each_kind
@pytest.mark.parametrize("frozen", [False, True])
def test_trains_as_the_built_in_layer_does(kind, frozen):
    made = []
    for layer in kind(5), twin():
        model = network(layer)
        layer.trainable = not frozen
        model.compile("adam", "mse")
        model.fit(samples(), samples(23, 2), epochs=4, batch_size=10, verbose=0)
        made.append((model.get_weights(), model.evaluate(samples(), samples(23, 2), verbose=0), model.freeze()(samples())))
    for a, b in zip(*(weights for weights, _, _ in made), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert made[0][1] == pytest.approx(made[1][1], rel=1e-9)
    np.testing.assert_allclose(made[0][2], made[1][2], rtol=1e-9)


@each_kind
def test_first_in_a_model_and_inside_another_layer(kind):
    model = model_of(lambda: layers.Residual(kind(4)), lambda: kind(2), optimizer="sgd", loss="mse")
    history = model.fit(samples(), samples(23, 2), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert [p.path.split("/")[-1] for p in model.weights] == ["kernel", "bias"] * 2
    assert model.weights[0].path.count("/") == 2


def test_a_model_without_a_shape_is_built_by_its_data():
    model = fastnn.Sequential([Differentiated(5), layers.Dense(1)])
    model.compile("sgd", "mse")
    fastnn.utils.set_random_seed(1)
    model.fit(samples(), samples(23, 1), epochs=1, verbose=0)
    assert model.layers[0].built_shape == (4,) and model.output_shape == (None, 1)


def test_saved_once_it_is_registered(tmp_path):
    class Registered(Differentiated):
        pass

    catalogue.register()(Registered)
    try:
        model = network(Registered(5))
        model.save(tmp_path / "model.fnn")
        again = fastnn.load_model(tmp_path / "model.fnn")
        assert type(again.layers[1]) is Registered and again.layers[1].units == 5
        np.testing.assert_array_equal(again.predict(samples()), model.predict(samples()))
    finally:
        del catalogue.members["Registered"]


class Tracker(layers.Layer):
    """Has a parameter that isn't trained, and is told whether it is training."""

    def build(self, input_shape):
        self.seen = self.add_weight((), "zeros", "seen", trainable=False)

    def call(self, x, training):
        if training:
            self.seen.value += len(x)
        return x

    def backward(self, dy):
        return dy


def test_is_told_about_training_and_keeps_numbers():
    layer = Tracker()
    model = network(layer)
    model.fit(samples(), samples(23, 2), epochs=2, batch_size=10, verbose=0)
    model.evaluate(samples(), samples(23, 2), verbose=0)
    assert layer.seen.value == 46


def test_other_shapes():
    class Outer(layers.Layer):
        def call(self, x):
            return x[:, :, None] * x[:, None, :]

    model = model_of(Outer, layers.Flatten, lambda: layers.Dense(1), optimizer="sgd", loss="mse", features=3)
    assert model._shapes()[1:3] == [(None, 3, 3), (None, 9)]
    np.testing.assert_allclose(model.layers[0](samples(5, 3)), np.einsum("ni,nj->nij", *[samples(5, 3)] * 2), rtol=1e-5)
    model.fit(samples(20, 3), samples(20, 1), epochs=1, verbose=0)


# ------------------------------------------------------------------------------------------------------------ Lambda


@pytest.mark.parametrize("gradient", [None, lambda x, y, dy: 2 * x * dy], ids=["differentiated", "given"])
def test_a_function_as_a_layer(gradient):
    model = network(layers.Lambda(lambda x: x**2, gradient=gradient, name="square"))
    x, y, start = samples(), samples(23, 2), model.get_weights()
    hidden = x @ start[0] + start[1]
    error = 2 / 46 * (hidden**2 @ start[2] + start[3] - y)
    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    np.testing.assert_allclose((start[0] - model.get_weights()[0]) / 0.01, x.T @ (error @ start[2].T * 2 * hidden), rtol=1e-9)
    np.testing.assert_allclose(model.freeze()(x), model.predict(x))


def test_arguments_and_output_shape():
    layer = layers.Lambda(lambda x, power: x**power, arguments={"power": 3}, output_shape=(4,))
    np.testing.assert_allclose(layer(samples()), samples() ** 3, rtol=1e-4)
    assert layer.compute_output_shape((None, 4)) == (None, 4)
    assert layers.Lambda(lambda x: x[:, :2].sum(axis=1, keepdims=True)).compute_output_shape((None, 4)) == (None, 1)


def test_a_function_is_not_saved(tmp_path):
    model = network(layers.Lambda(lambda x: x**2, name="square"))
    with pytest.raises(TypeError, match="layer 'square': a Python function can't be saved; subclass"):
        model.save(tmp_path / "model.fnn")
    assert "Lambda(function=" in repr(model.layers[1])


def trained(layer):
    return network(layer).train_on_batch(samples(), samples(23, 2))


class Forgetful(Differentiated):
    def backward(self, dy):
        return None


class Constant(Differentiated):
    def call(self, x):
        return np.tanh(x @ np.asarray(self.kernel))


class Shifty(layers.Layer):
    def call(self, x):
        return x[:, :2] if len(x) == 1 else x


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: layers.Lambda(3), TypeError, "function must be a Python function"),
        (lambda: layers.Lambda(abs, gradient=3), TypeError, "gradient must be a Python function"),
        (lambda: layers.Lambda(abs, mask=3), ValueError, "mask"),
        (lambda: trained(layers.Lambda(np.sum, name="all")), ValueError, "'all': call must keep the batch axis"),
        (lambda: trained(Forgetful(5, name="f")), ValueError, r"'f': backward must return the gradient of x, shape \(23, 3\), got None"),
        (lambda: trained(Constant(5)), TypeError, r"write kernel.value"),
        (lambda: trained(Shifty(name="s")), ValueError, r"'s': call made an array of shape \(23, 3\), \(23, 2\) was announced"),
    ],
)
def test_refuses(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_what_a_layer_of_ones_own_forgot_is_told(tmp_path):
    class WithoutBase(layers.Layer):
        def __init__(self, factor):
            self.factor = factor

    class WithoutAttribute(layers.Layer):
        def __init__(self, factor, **options):
            super().__init__(**options)

        def call(self, x):
            return 2 * x

    class Unregistered(layers.Layer):
        def call(self, x):
            return 2 * x

    with pytest.raises(TypeError, match=r"WithoutBase\.__init__ must begin with super\(\)\.__init__"):
        fastnn.Sequential([WithoutBase(2)])
    with pytest.raises(TypeError, match=r"WithoutAttribute: .* 'factor' as self.factor, or define get_config"):
        fastnn.Sequential([fastnn.Input((2,)), WithoutAttribute(2)]).save(tmp_path / "m.fnn")
    fastnn.Sequential([fastnn.Input((2,)), Unregistered()]).save(tmp_path / "m.fnn")
    with pytest.raises(ValueError, match=r"unknown layer 'Unregistered'.*register what is your own before"):
        fastnn.load_model(tmp_path / "m.fnn")


class MadeAtOnce(layers.Layer):
    """Parameters made in the constructor, as the guide of Keras begins."""

    def __init__(self, units, inputs, **options):
        super().__init__(**options)
        self.units, self.inputs = units, inputs
        self.w = self.add_weight(shape=(inputs, units), initializer="random_normal")
        self.b = self.add_weight(shape=(units,), initializer="zeros", name="b")

    def call(self, x):
        return x @ self.w + self.b


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_made_in_the_constructor(dtype, tmp_path):
    x = samples(20, 3)
    model = fastnn.Sequential([fastnn.Input((3,)), MadeAtOnce(4, 3), layers.Dense(1)], dtype=dtype)
    assert [p.dtype for p in model.layers[0].weights] == [dtype] * 2
    model.compile("adam", "mse")
    before = model.layers[0].w.numpy()
    model.fit(x, x[:, :1], verbose=0)
    assert not np.array_equal(before, model.layers[0].w.value)
    model.save(tmp_path / "model.fnn")
    again = fastnn.load_model(tmp_path / "model.fnn", custom_objects={"MadeAtOnce": MadeAtOnce})
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    with pytest.raises(ValueError, match=r"variable has shape \(3, 4\), expected \(2, 4\)"):
        fastnn.Sequential.from_config(
            {**model.get_config(), "layers": [{"class_name": "MadeAtOnce", "config": {"units": 4, "inputs": 2, "name": "made_at_once"}}]},
            {"MadeAtOnce": MadeAtOnce},
            {f"made_at_once/{p.name}": p.value for p in model.layers[0].weights},
        )


def test_a_call_may_write_into_its_inputs():
    class Centred(layers.Layer):
        def call(self, x):
            x -= np.mean(x, axis=-1, keepdims=True)
            return x

    x = samples(20, 3)
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(4, "tanh"), Centred(), layers.Dense(1)], dtype="float64")
    hidden = fastnn.Sequential(model.layers[:1], dtype="float64").predict(x)
    kernel, bias = model.layers[2].get_weights()
    np.testing.assert_allclose(model.predict(x), (hidden - hidden.mean(axis=1, keepdims=True)) @ kernel + bias, rtol=1e-12)
    model.compile("sgd", "mse")
    losses = model.fit(x, x[:, :1], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_layers_within_a_call_are_refused():
    class Block(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner, self.more = fastnn.Sequential([layers.Dense(4)]), [layers.Dense(1)]

        def call(self, x):
            return self.more[0](self.inner(x))

    with pytest.raises(TypeError, match=r"layer 'block\w*' holds layers \(inner, more\)"):
        fastnn.Sequential([fastnn.Input((3,)), Block()])
    with pytest.raises(TypeError, match="with Residual and Parallel"):
        Block()(samples(2, 3))


def test_parameters_need_the_layer_to_be_there():
    class Late(layers.Layer):
        def __init__(self):
            self.w = self.add_weight((2, 2))
            super().__init__()

    with pytest.raises(AttributeError, match=r"Late.__init__ must begin with super\(\).__init__\(\*\*options\)"):
        Late()
