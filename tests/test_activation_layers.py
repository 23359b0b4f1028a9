"""Activations as layers, and those with parameters that are learned or drawn."""

import numpy as np
import pytest
from helpers import BACKENDS, assert_same_weights, bits, model_of, samples

import fastnn
from fastnn import activations, initializers, layers
from fastnn.activations.gated import GatedActivation
from fastnn.activations.gated import activations as catalogue

GATED = [name for name, member in catalogue.members.items() if isinstance(member, GatedActivation)]
LEARNED = {
    "PReLU": lambda: layers.PReLU(initializers.RandomUniform(0.1, 0.4, seed=1), alpha_constraint="non_neg"),
    "PReLU, one for all": lambda: layers.PReLU(initializers.Constant(0.3), shared_axes=[1]),
    "ActivationMix": lambda: layers.ActivationMix("tanh", initializers.RandomUniform(0.1, 0.9, seed=1)),
    "ActivationMix, linear": lambda: layers.ActivationMix("linear"),
    "ActivationMix, regularized": lambda: layers.ActivationMix("softmax", weight_regularizer="l2"),
    "RReLU": lambda: layers.RReLU(seed=3),
    "Activation, gated": lambda: layers.Activation("swiglu"),
    "ReLU": lambda: layers.ReLU(1.5, 0.2, 0.1),
}


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (layers.ELU(0.5), activations.elu.bind(alpha=0.5)),
        (layers.LeakyReLU(), activations.leaky_relu.bind(negative_slope=0.3)),
        (layers.ReLU(), activations.relu),
        (layers.ReLU(2, 0.1, 0.5), activations.relu.bind(max_value=2, negative_slope=0.1, threshold=0.5)),
        (layers.Softmax(), activations.softmax),
        (layers.Softmax(axis=1), activations.softmax),
    ],
    ids=repr,
)
def test_layer_is_the_function(layer, function):
    x = samples().astype(np.float32)
    np.testing.assert_array_equal(layer(x), function(x))


@pytest.mark.parametrize("name", GATED)
def test_gated_layers_halve_the_last_axis(name):
    x, dense = samples(5, 3), layers.Dense(8, activation=name)
    assert dense(x).shape == (5, 4) and dense.compute_output_shape((None, 3)) == (None, 4)
    z = x.astype(np.float32) @ dense.kernel.value
    np.testing.assert_allclose(dense(x), catalogue.find(name)(z), rtol=1e-4, atol=1e-6)
    model = model_of(lambda: layers.Dense(8, activation=name), lambda: layers.Dense(2))
    assert model.layers[0].kernel.shape == (4, 8) and model.layers[1].kernel.shape == (4, 2)
    deep = samples(5, 3, 6)
    np.testing.assert_array_equal(layers.Activation(name)(deep), catalogue.find(name)(deep.astype(np.float32)))


@pytest.mark.parametrize("name", GATED)
def test_odd_widths_are_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"layer 'wide': activation '{name}' halves the last axis, which must have an even length"):
        layers.Dense(5, activation=name, name="wide")
    with pytest.raises(ValueError, match=rf"layer 'gate': activation '{name}' halves"):
        layers.Activation(name, name="gate").build((None, 3))


def test_prelu_is_its_formula():
    x = samples(6, 2, 3)
    for shared, shape in ((None, (2, 3)), ([1], (1, 3)), ([1, 2], (1, 1)), (1, (1, 3))):
        layer = layers.PReLU(shared_axes=shared)
        layer.build((None, 2, 3), "float64")
        assert layer.alpha.shape == shape and not layer.alpha.numpy().any()
        alpha = np.random.default_rng(0).normal(size=shape)
        layer.set_weights([alpha])
        np.testing.assert_array_equal(layer(x), np.where(x > 0, x, alpha * x))


@pytest.mark.parametrize("shared", [[2], [1, 3], [1, 2, 3], [0]])
def test_prelu_refuses_other_axes(shared):
    with pytest.raises(ValueError, match=r"layer 'p': shared_axes must be the first axes of samples of shape \(2, 3\), counted from 1"):
        layers.PReLU(shared_axes=shared, name="p").build((None, 2, 3))


def test_mix_goes_from_the_identity_to_the_activation():
    x = samples()
    for weight, expected in ((0.0, x), (1.0, np.tanh(x)), (0.25, 0.75 * x + 0.25 * np.tanh(x))):
        layer = layers.ActivationMix("tanh", initializers.Constant(weight))
        layer.build((None, 4), "float64")
        np.testing.assert_allclose(layer(x), expected, rtol=1e-14, atol=1e-15)
    with pytest.raises(ValueError, match="'m' mixes x with an activation of its shape, 'glu' halves it"):
        layers.ActivationMix("glu", name="m")


def slopes_of(layer, n=200, m=50, training=True):
    layer.build((None, m), "float64")
    return -layer(np.full((n, m), -1.0), training=training)


def test_rrelu_draws_uniform_slopes_and_takes_their_mean_in_inference():
    drawn = slopes_of(layers.RReLU(0.2, 0.6, seed=1))
    assert drawn.min() >= 0.2 and drawn.max() < 0.6
    for moment, expected in ((drawn.mean(), 0.4), (drawn.var(), 0.4**2 / 12)):
        assert abs(moment - expected) < 5 * 0.2 / np.sqrt(drawn.size)
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.05
    np.testing.assert_allclose(slopes_of(layers.RReLU(0.2, 0.6), training=False), 0.4)
    np.testing.assert_array_equal(layers.RReLU(seed=1)(np.ones((2, 3)), training=True), 1)


def test_rrelu_depends_on_seed_and_step_alone():
    layer = layers.RReLU(seed=1)
    first, second = slopes_of(layer), slopes_of(layer)
    np.testing.assert_array_equal(first, slopes_of(layers.RReLU(seed=1)))
    assert (first != second).mean() > 0.99 and (first != slopes_of(layers.RReLU(seed=2))).mean() > 0.99


@pytest.mark.parametrize("bounds", [(-0.1, 0.2), (0.4, 0.2), (0.1, np.inf), ("a", 0.2), (True, 2.0), (np.nan, 0.2), (0.1, None)])
def test_rrelu_refuses_other_bounds(bounds):
    with pytest.raises(ValueError, match="layer 'r': slopes must be numbers with 0 <= lower_slope <= upper_slope"):
        layers.RReLU(*bounds, name="r")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.LeakyReLU(-0.1, name="l"), "layer 'l': negative_slope must not be negative"),
        (lambda: layers.ReLU(-1), "must not be negative"),
        (lambda: layers.RReLU(seed=-1), "seed must be an integer"),
        (lambda: layers.Softmax(axis=1, name="s").build((None, 2, 3)), r"layer 's': axis must be the last one, -1 or 2, got 1"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def stack(name, units=6):
    return lambda: layers.Dense(units, activation="tanh"), LEARNED[name], lambda: layers.Dense(2)


@pytest.mark.parametrize("name", LEARNED)
def test_gradient_of_a_whole_model(name):
    """By central differences of the loss, through the layer to its own parameters and to those before it."""
    x, y = samples(7), samples(7, 2, seed=1)
    model = model_of(*stack(name), optimizer=fastnn.optimizers.SGD(1.0), loss="mse")
    before = model.get_weights()

    def loss():
        model._step[0] = 0
        kept = model.get_weights()
        value = model.train_on_batch(x, y)
        model.set_weights(kept)
        return value

    model._step[0] = 0
    model.train_on_batch(x, y)
    gradients = [a - b for a, b in zip(before, model.get_weights(), strict=True)]
    model.set_weights(before)
    for parameter, gradient in zip(model.trainable_weights, gradients, strict=True):
        for index in list(np.ndindex(gradient.shape))[::3]:
            differences = []
            for sign in (1, -1):
                moved = parameter.numpy()
                moved[index] += sign * 1e-6
                kept = parameter.numpy()
                parameter.assign(moved)
                differences.append(loss())
                parameter.assign(kept)
            numeric = (differences[0] - differences[1]) / 2e-6
            np.testing.assert_allclose(gradient[index], numeric, rtol=1e-5, atol=1e-8, err_msg=parameter.name)


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("first", [False, True], ids=["inside", "first"])
def test_training_agrees_with_numpy_on_any_number_of_threads(name, first, monkeypatch):
    monkeypatch.setattr(fastnn.regions, "SHARED_WORK", 1)
    x, y = samples(40, 140), samples(40, 2, seed=1)
    layers_of = stack(name, 140)[1:] if first else stack(name, 140)

    def trained(backend, threads=1):
        with fastnn.backend.use(backend):
            before = fastnn.get_num_threads()
            fastnn.set_num_threads(threads)
            try:
                model = model_of(*layers_of, features=140, optimizer="sgd", loss="mse")
                model.fit(x, y, batch_size=16, epochs=2, verbose=0)
                model.predictions = model.predict(x, verbose=0), np.asarray(model.freeze()(x))
            finally:
                fastnn.set_num_threads(before)
        return model

    reference = trained("numpy")
    np.testing.assert_allclose(*reference.predictions, rtol=1e-13)
    if "compiled" in BACKENDS:
        one, three = trained("compiled"), trained("compiled", 3)
        assert bits(one) == bits(three)
        for a, b in zip(one.get_weights(), reference.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        for got, expected in zip((*one.predictions, *three.predictions), reference.predictions * 2, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LEARNED)
def test_saved_and_loaded_it_trains_on_with_the_same_bits(name, tmp_path):
    model = model_of(*stack(name), optimizer="adam", loss="mse")
    model.fit(samples(20), samples(20, 2, seed=1), epochs=2, verbose=0)
    model.save(tmp_path / "model.npz")
    again = fastnn.load_model(tmp_path / "model.npz")
    for each in (model, again):
        each.fit(samples(20), samples(20, 2, seed=1), epochs=2, verbose=0)
    assert_same_weights(model, again)


def test_softmax_layer_fuses_with_the_loss():
    model = model_of(lambda: layers.Dense(3), layers.Softmax, optimizer="sgd", loss="sparse_categorical_crossentropy")
    model.fit(samples(9), np.arange(9) % 3, verbose=0)
    program = next(lowered.program for _, lowered in model._programs.values() if lowered.program.training)
    assert "softmax_backward" not in [call.op.name for call in program.backward_calls]
