"""Activations and their layers against torch's and Keras', forward and gradient, with every parameter."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")

from torch.nn import functional as F  # noqa: E402

from fastnn import activations, layers  # noqa: E402
from fastnn.activations import activations as catalogue  # noqa: E402
from fastnn.layers.activation import Activation  # noqa: E402
from fastnn.layers.layer import layers as layer_catalogue  # noqa: E402

RANDOM = np.random.default_rng(0).normal(size=(40, 10)) * 3
KINKS = np.array([-6.0, -3, -2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 1.5, 2, 3, 6]).repeat(2)[:, None].repeat(2, 1)
FAR = np.array([-700.0, -90, -30, -20, 20, 30, 90, 700])[:, None].repeat(2, 1)
X = {"random": RANDOM, "kinks": KINKS, "far": FAR}

TORCH = {
    "linear": [({}, lambda x: x)],
    "relu": [({}, F.relu), ({"max_value": 6}, F.relu6), ({"threshold": 1}, lambda x: F.threshold(x, 1, 0))],
    "relu6": [({}, F.relu6)],
    "leaky_relu": [({"negative_slope": 0.01}, F.leaky_relu)],
    "threshold": [({"threshold": 0.5, "default_value": -2}, lambda x: F.threshold(x, 0.5, -2))],
    "hard_sigmoid": [({}, F.hardsigmoid)],
    "hard_tanh": [({}, F.hardtanh), ({"min_value": -0.25, "max_value": 2}, lambda x: F.hardtanh(x, -0.25, 2))],
    "hard_silu": [({}, F.hardswish)],
    "hard_shrink": [({}, F.hardshrink), ({"threshold": 1.5}, lambda x: F.hardshrink(x, 1.5))],
    "soft_shrink": [({}, F.softshrink), ({"threshold": 1.5}, lambda x: F.softshrink(x, 1.5))],
    "sigmoid": [({}, torch.sigmoid)],
    "tanh": [({}, torch.tanh)],
    "softsign": [({}, F.softsign)],
    "elu": [({}, F.elu), ({"alpha": 0.3}, lambda x: F.elu(x, 0.3))],
    "selu": [({}, F.selu)],
    "celu": [({}, F.celu), ({"alpha": 0.25}, lambda x: F.celu(x, 0.25))],
    "softplus": [({}, lambda x: F.softplus(x, threshold=1e4))],
    "log_sigmoid": [({}, F.logsigmoid)],
    "silu": [({}, F.silu)],
    "gelu": [({}, F.gelu), ({"approximate": True}, lambda x: F.gelu(x, approximate="tanh"))],
    "mish": [({}, F.mish)],
    "tanh_shrink": [({}, F.tanhshrink)],
    "exponential": [({}, torch.exp)],
    "softmax": [({}, lambda x: F.softmax(x, -1))],
    "softmin": [({}, lambda x: F.softmin(x, -1))],
    "log_softmax": [({}, lambda x: F.log_softmax(x, -1))],
    "glu": [({}, F.glu)],
    "reglu": [({}, lambda x: x.chunk(2, -1)[0] * F.relu(x.chunk(2, -1)[1]))],
    "geglu": [({}, lambda x: x.chunk(2, -1)[0] * F.gelu(x.chunk(2, -1)[1]))],
    "swiglu": [({}, lambda x: x.chunk(2, -1)[0] * F.silu(x.chunk(2, -1)[1]))],
}
NO_TORCH = {
    "step": "torch.heaviside has no gradient",
    "squareplus": "torch lacks it",
    "sparse_plus": "torch lacks it",
    "sparse_sigmoid": "torch lacks it",
    "sparsemax": "torch lacks it",
}
NO_KERAS = {
    "step": "Keras lacks it",
    "softmin": "Keras lacks it",
    "reglu": "Keras lacks it",
    "geglu": "Keras lacks it",
    "swiglu": "Keras lacks it",
    "sparsemax": "on torch, Keras 3.15 sums the cumulative sums, and its rows don't sum to 1; tests/test_activations.py has the definition",
}
KIND = "activation"
NO_PEER = {name: f"{NO_TORCH[name]}; {why}" for name, why in NO_KERAS.items() if name in NO_TORCH}
PARAMETERS = {
    "relu": [{"negative_slope": 0.3}, {"max_value": 2.2}, {"threshold": 0.7, "max_value": 2.2, "negative_slope": 0.3}],
    "leaky_relu": [{"negative_slope": 0.4}],
    "elu": [{"alpha": 0.4}],
    "celu": [{"alpha": 0.5}],
    "threshold": [{"threshold": 0.4, "default_value": -2.0}],
    "hard_shrink": [{"threshold": 0.3}],
    "soft_shrink": [{"threshold": 0.3}],
    "squareplus": [{"b": 0.5}],
    "gelu": [{"approximate": True}],
}
"""For Keras, besides its defaults, which are ours."""
NOT_OURS = {
    ("relu", "kinks"): "Keras' slope at max_value is 1, but 0 where that is 6; here it is 0, as relu6's",
    ("softplus", "far"): "Keras on torch returns x itself beyond 20",
}


ROUNDED = {"hard_sigmoid": 5e-8}
"""Tolerances where torch has a constant, 1/6 in the slope, in single precision only; so has celu's alpha, hence powers of 2 above."""


def ours(activation, x, da):
    a = activation(x)
    if activation.forward is None:
        return a, da
    dz = np.empty_like(x)
    if a.shape == x.shape:
        activation.gradient(x, a, da, dz, *activation.arguments)
    else:
        half = a.shape[1]
        activation.gradient(x[:, :half].copy(), x[:, half:].copy(), da, dz[:, :half], dz[:, half:])
    return a, dz


def theirs(function, x, da):
    tensor = torch.tensor(x, requires_grad=True)
    a = function(tensor)
    a.backward(torch.tensor(da))
    return a.detach().numpy(), tensor.grad.numpy()


def compare(agree, kind, name, peer, activation, function, x):
    da = np.random.default_rng(1).normal(size=activation.compute_output_shape(x.shape))
    for got, expected in zip(ours(activation, x, da), theirs(function, x, da), strict=True):
        agree(kind, name, peer=peer, got=got, expected=expected, tolerance=ROUNDED.get(name, 1e-10))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("where", X)
@pytest.mark.parametrize("name", [name for name in catalogue.members if name not in NO_TORCH])
def test_torch(name, where, agree):
    for parameters, function in TORCH[name]:
        if (name, where) != ("exponential", "far"):  # gradients of e^700 have no scale to compare on
            compare(agree, "activation", name, "torch", activations.get(name).bind(**parameters), function, X[where])


@pytest.mark.parametrize("where", X)
@pytest.mark.parametrize("name", [name for name in catalogue.members if name not in NO_KERAS])
def test_keras(name, where, agree):
    function = getattr(keras.activations, name)
    for parameters in [*([{}] if name != "threshold" else []), *PARAMETERS.get(name, [])]:
        if ((name, where) not in NOT_OURS or not parameters) and (name, where) not in (("exponential", "far"), ("softplus", "far")):
            activation = activations.get(name).bind(**parameters)
            compare(agree, "activation", name, "keras", activation, lambda x, p=parameters: function(x, **p), X[where])


def test_every_parameter_is_compared():
    for name, member in catalogue.members.items():
        compared = {key for parameters, _ in TORCH.get(name, []) for key in parameters}
        compared |= {key for parameters in PARAMETERS.get(name, []) for key in parameters}
        assert compared == set(member.parameters), name


def test_those_without_a_peer_have_none():
    assert [name for name in NO_KERAS if hasattr(keras.activations, name)] == ["sparsemax"]
    assert not [name for name in NO_TORCH if name != "step" and hasattr(F, name.replace("_", ""))]


@pytest.fixture
def float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


LAYERS = {
    "Activation": [{"activation": "gelu"}],
    "ELU": [{"alpha": 0.7}],
    "LeakyReLU": [{}, {"negative_slope": 0.2}],
    "PReLU": [{}, {"alpha_initializer": "ones"}, {"shared_axes": [1]}],
    "ReLU": [{}, {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}],
    "Softmax": [{}],
}
NO_KERAS_LAYER = {"RReLU": "Keras lacks it; torch's draws other numbers", "ActivationMix": "neither has it"}


def test_every_layer_of_an_activation_is_compared():
    own = {
        name
        for name, member in layer_catalogue.members.items()
        if issubclass(member, Activation) or name in ("PReLU", "RReLU", "ActivationMix")
    }
    assert own == {*LAYERS, *NO_KERAS_LAYER}


def gradient(layer, x, dy):
    """The gradient by x and by the parameters of our layer, from the program it lowers to."""
    from fastnn.program import Program, run

    program = Program(len(x), "float64", True, np.zeros(1, np.uint64))
    source = program.tensor(*x.shape[1:])
    source.value[...] = x
    for parameter in layer.trainable_weights:
        parameter.need_grad()
    y = layer.lower(program, source)
    program.run_forward()
    y.grad[...] = dy
    run(reversed(program.backward_calls))
    return y.value, source.grad, *[parameter.grad for parameter in layer.trainable_weights]


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, agree, float64):
    dy = np.random.default_rng(2).normal(size=RANDOM.shape)
    for options in LAYERS[name]:
        mine, peer = getattr(layers, name)(**options), getattr(keras.layers, name)(**options, dtype="float64")
        mine.build((None, 10), "float64")
        peer.build((None, 10))
        weights = [np.random.default_rng(3).normal(size=p.shape) for p in mine.weights]
        mine.set_weights(weights)
        peer.set_weights(weights)
        tensor = torch.tensor(RANDOM, requires_grad=True)
        y = peer(tensor)
        y.backward(torch.tensor(dy))
        expected = [y.detach().numpy(), tensor.grad.numpy(), *[v.value.grad.numpy() for v in peer.trainable_variables]]
        for got, e in zip(gradient(mine, RANDOM, dy), expected, strict=True):
            agree("layer", name, peer="keras", got=got, expected=e)
        assert set(options) <= set(mine.get_config()), "Keras' names"


@pytest.mark.parametrize("shared", [False, True])
def test_prelu_against_torch(shared, agree):
    mine = layers.PReLU(shared_axes=[1] if shared else None)
    mine.build((None, 10), "float64")
    alpha = np.random.default_rng(3).normal(size=mine.alpha.shape)
    mine.set_weights([alpha])
    dy = np.random.default_rng(2).normal(size=RANDOM.shape)
    x, slopes = torch.tensor(RANDOM, requires_grad=True), torch.tensor(alpha, requires_grad=True)
    y = F.prelu(x, slopes)
    y.backward(torch.tensor(dy))
    for got, e in zip(gradient(mine, RANDOM, dy), (y.detach(), x.grad, slopes.grad), strict=True):
        agree("layer", "PReLU", peer="torch", got=got, expected=e.numpy())


def test_rrelu_in_inference_against_torch(agree):
    mine = layers.RReLU(0.2, 0.7)
    mine.build((None, 10), "float64")
    agree("layer", "RReLU", peer="torch", got=mine(RANDOM), expected=F.rrelu(torch.tensor(RANDOM), 0.2, 0.7).numpy())
