"""Layers, regularizers and constraints against Keras', torch's and scikit-learn's, forward and gradient, with their options."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")

from fastnn import constraints, layers, regularizers  # noqa: E402
from fastnn.layers.layer import layers as catalogue  # noqa: E402
from fastnn.layers.merging import merges  # noqa: E402
from fastnn.layers.noise import Noise  # noqa: E402
from fastnn.program import Program, run  # noqa: E402

pytestmark = pytest.mark.usefixtures("double")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 6)) + 0.3
CODES = RNG.integers(0, 5, (9, 3)).astype(np.float64)
STATISTICS = {"mean": RNG.normal(size=6), "variance": RNG.uniform(0.5, 2, 6)}
CENTERED = [{}, {"center": False}, {"scale": False}, {"center": False, "scale": False}]

CASES = {
    "Dense": [{"units": 4}, {"units": 4, "activation": "tanh"}, {"units": 1, "use_bias": False}],
    "BatchNormalization": [*({**flags, "epsilon": 1e-2, "momentum": 0.7} for flags in CENTERED), {"trainable": False}],
    "LayerNormalization": [{}, *({**flags, "epsilon": 1e-2} for flags in CENTERED)],
    "GroupNormalization": [{"groups": 2}, {"groups": 3, "epsilon": 1e-2, "scale": False}, {"groups": 1}],
    "RMSNormalization": [{}, {"epsilon": 1e-2}],
    "UnitNormalization": [{}],
    "Normalization": [STATISTICS, {**STATISTICS, "invert": True}],
    "Rescaling": [{"scale": 0.5}, {"scale": 2.0, "offset": -1.0}, {"scale": [0.5] * 6, "offset": [1.0] * 6}],
    "Flatten": [{}],
    "Reshape": [{"target_shape": (2, 3)}, {"target_shape": (-1, 2)}],
    "ActivityRegularization": [{"l1": 0.1, "l2": 0.2}],
    "CategoryEncoding": [{"num_tokens": 5, "output_mode": mode} for mode in ("multi_hot", "one_hot", "count")],
    "Embedding": [{"input_dim": 5, "output_dim": 2}],
}
ELSEWHERE = {
    "Parallel": "test_merges",
    "Residual": "test_merges",
    "MinMaxScaling": "test_scalings",
    "RobustScaling": "test_scalings",
    "PCAWhitening": "test_scalings",
    "Lambda": "test_lambda",
}
KIND = "layer"
NO_PEER = {
    "RBF": "neither has it",
    "Columns": "indexing in both",
    "InputLayer": "computes nothing",
    **{
        name: "draws other numbers; tests/test_noise.py has the definition" for name, c in catalogue.members.items() if issubclass(c, Noise)
    },
    **dict.fromkeys(
        ["Activation", "ActivationMix", "ELU", "LeakyReLU", "PReLU", "RReLU", "ReLU", "Softmax"], "tests/peers/test_activations.py"
    ),
}


def test_every_layer_has_a_peer_or_a_reason():
    assert set(catalogue.members) - set(CASES) - set(ELSEWHERE) - set(NO_PEER) == set()
    assert set(NO_PEER) <= set(catalogue.members)


def ours(layer, x, seed=1, training=True, learned=True):
    """Output, gradient by the input, and those by the parameters, for a random gradient of the output."""
    layer.build((None, *x.shape[1:]), "float64")
    for parameter in layer.weights:
        parameter.need_grad()
    program = Program(len(x), "float64", training, np.ones(1, np.uint64))
    source = program.tensor(*x.shape[1:], needs_grad=learned)
    source.value[...] = x
    y = layer.lower(program, source)
    program.run_forward()
    value = y.value.copy()
    if training and y.grad is not None:
        y.grad[...] = np.random.default_rng(seed).normal(size=y.value.shape)
        run(reversed(program.backward_calls))
    return value, source.grad if training else None, [p.grad for p in layer.trainable_weights] if training else []


def theirs(function, x, parameters=(), seed=1):
    """The same of a function of torch's tensors."""
    given = torch.tensor(x, requires_grad=True)
    y = function(given)
    for parameter in parameters:
        parameter.grad = None
    if y.requires_grad:
        y.backward(torch.tensor(np.random.default_rng(seed).normal(size=tuple(y.shape))))
    gradient = given.grad if given.grad is not None else torch.zeros_like(given)
    return y.detach().numpy(), gradient.numpy(), [p.grad.numpy() for p in parameters]


def randomised(layer, rng):
    layer.set_weights([rng.uniform(0.3, 1.5, w.shape) for w in layer.get_weights()])
    return layer


PAIRS = [pytest.param(name, options, id=f"{name}-{options}"[:60]) for name, each in CASES.items() for options in each]


@pytest.mark.parametrize(("name", "options"), PAIRS)
def test_layers(agree, name, options):
    coded = name in ("CategoryEncoding", "Embedding")
    x = CODES if coded else X
    mine = catalogue.members[name](**options)
    mine.build((None, *x.shape[1:]), "float64")
    peer = getattr(keras.layers, name)(**options)
    peer.build((None, *x.shape[1:]))
    if peer.weights and name != "Normalization":
        randomised(mine, np.random.default_rng(2))
        peer.set_weights(mine.get_weights())
    for training in False, True:
        accepts = {"training": training} if "Batch" in name else {}
        learned = [w.value for w in peer.trainable_weights]
        expected = theirs(lambda t: peer(t, **accepts), x, learned)  # noqa: B023
        got = ours(mine, x, training=training, learned=not coded)
        agree("layer", name, peer="keras", got=got[0], expected=expected[0])
        if training:
            if not coded and name != "ActivityRegularization":
                agree("layer", name, peer="keras", got=got[1], expected=expected[1])
            for a, b in zip(got[2], expected[2], strict=True):
                agree("layer", name, peer="keras", got=a, expected=b)
    if name == "BatchNormalization":
        for a, b in zip(mine.get_weights(), [w.value.detach().numpy() for w in peer.weights], strict=True):
            agree("layer", name, peer="keras", got=a, expected=b)


TORCH = {
    "Dense": ({"units": 4}, lambda: torch.nn.Linear(6, 4), lambda w: [w[0].T, w[1]], lambda g: [g[0].T, g[1]]),
    "LayerNormalization": ({"epsilon": 1e-5}, lambda: torch.nn.LayerNorm(6), None, None),
    "GroupNormalization": ({"groups": 2, "epsilon": 1e-5}, lambda: torch.nn.GroupNorm(2, 6), None, None),
    "RMSNormalization": ({"epsilon": 1e-6}, lambda: torch.nn.RMSNorm(6, eps=1e-6), None, None),
    "BatchNormalization": ({"epsilon": 1e-5}, lambda: torch.nn.BatchNorm1d(6), None, None),
}


@pytest.mark.parametrize("name", TORCH)
def test_layers_against_torch(agree, name):
    options, make, there, back = TORCH[name]
    mine, peer = catalogue.members[name](**options), make().double()
    mine.build((None, 6), "float64")
    randomised(mine, np.random.default_rng(2))
    weights = [p.numpy() for p in mine.trainable_weights]
    with torch.no_grad():
        for parameter, value in zip(peer.parameters(), there(weights) if there else weights, strict=True):
            parameter.copy_(torch.tensor(value))
    expected = theirs(peer, X, list(peer.parameters()))
    got = ours(mine, X)
    agree("layer", name, peer="torch", got=got[0], expected=expected[0])
    agree("layer", name, peer="torch", got=got[1], expected=expected[1])
    for a, b in zip(got[2], back(expected[2]) if back else expected[2], strict=True):
        agree("layer", name, peer="torch", got=a, expected=b)


MERGES = {"Concatenate": "Concatenate", **{name: name for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")}}


@pytest.mark.parametrize("merge", sorted(merges.members))
def test_merges(agree, merge):
    branches = [layers.Dense(4, activation="tanh", name=f"branch_{i}") for i in range(2 if merge == "Subtract" else 3)]
    mine = layers.Parallel(branches, merges.members[merge]().name)
    mine.build((None, 6), "float64")
    kernels = [torch.tensor(b.kernel.numpy(), requires_grad=True) for b in branches]
    biases = [torch.tensor(b.bias.numpy(), requires_grad=True) for b in branches]
    joined = getattr(keras.layers, MERGES[merge])()
    every = [p for pair in zip(kernels, biases, strict=True) for p in pair]
    expected = theirs(lambda t: joined([torch.tanh(t @ k + b) for k, b in zip(kernels, biases, strict=True)]), X, every)
    got = ours(mine, X)
    for a, b in zip([got[0], got[1], *got[2]], [expected[0], expected[1], *expected[2]], strict=True):
        agree("layer", "Parallel", peer="keras", got=a, expected=b)
        agree("merge", merge, peer="keras", got=a, expected=b)
    if merge == "Add":
        inner = layers.Dense(6, activation="tanh")
        got = ours(layers.Residual(inner), X)
        k, b = (torch.tensor(p.numpy(), requires_grad=True) for p in inner.weights)
        expected = theirs(lambda t: t + torch.tanh(t @ k + b), X, [k, b])
        for a, e in zip([got[0], got[1], *got[2]], [expected[0], expected[1], *expected[2]], strict=True):
            agree("layer", "Residual", peer="torch", got=a, expected=e)


def test_normalization_adapts_as_keras_does(agree):
    mine, peer = layers.Normalization(), keras.layers.Normalization()
    data = 5 + 3 * RNG.normal(size=(200, 6))
    mine.adapt(data)
    peer.adapt(data)
    mine.build((None, 6), "float64")
    agree(
        "layer", "Normalization", peer="keras", got=mine(X), expected=np.asarray(peer(X)), tolerance=2e-6
    )  # Keras' statistics are float32


def test_scalings(agree):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    decomposition = pytest.importorskip("sklearn.decomposition")
    data = 5 + 3 * RNG.normal(size=(200, 6)) @ RNG.normal(size=(6, 6))
    pairs = [
        (layers.MinMaxScaling(), preprocessing.MinMaxScaler()),
        (layers.MinMaxScaling(-1, 2), preprocessing.MinMaxScaler((-1, 2))),
        (layers.RobustScaling(), preprocessing.RobustScaler()),
        (layers.RobustScaling((10, 90)), preprocessing.RobustScaler(quantile_range=(10, 90))),
    ]
    for mine, peer in pairs:
        mine.adapt(data)
        mine.build((None, 6), "float64")
        agree("layer", type(mine).__name__, peer="scikit-learn", got=mine(X), expected=peer.fit(data).transform(X))
    mine, peer = layers.PCAWhitening(4, epsilon=0), decomposition.PCA(4, whiten=True, svd_solver="full").fit(data)
    mine.adapt(data)
    mine.build((None, 6), "float64")
    expected = peer.transform(X) * np.sqrt(200 / 199)  # scikit-learn's variance is the unbiased one
    signs = np.sign((expected * mine(X)).sum(axis=0))
    agree("layer", "PCAWhitening", peer="scikit-learn", got=mine(X), expected=expected * signs, tolerance=1e-8)


def test_lambda(agree):
    got = ours(layers.Lambda(lambda x: np.tanh(x) * x), X)
    expected = theirs(keras.layers.Lambda(lambda x: torch.tanh(x) * x), X)
    agree("layer", "Lambda", peer="keras", got=got[0], expected=expected[0])
    agree("layer", "Lambda", peer="keras", got=got[1], expected=expected[1])


# ---------------------------------------------------------------------------------------- regularizers, constraints


REGULARIZERS = {
    "L1": [{"l1": 0.3}, {}],
    "L2": [{"l2": 0.3}, {}],
    "L1L2": [{"l1": 0.3, "l2": 0.2}],
    "BatchL2": [{"alpha": 0.3}],
    "OrthogonalRegularizer": [{}, {"factor": 0.3}, {"factor": 0.3, "mode": "columns"}],
}


@pytest.mark.parametrize("name", sorted(regularizers.regularizers.members))
def test_regularizers(agree, name):
    for options in REGULARIZERS[name]:
        mine = regularizers.regularizers.members[name](**options)
        weights = torch.tensor(X, requires_grad=True)
        of_seven = keras.regularizers.L2(options["alpha"] / 2 / 7) if name == "BatchL2" else None
        expected = (of_seven or getattr(keras.regularizers, name)(**options))(weights)
        expected.backward()
        g, value = np.zeros_like(X), np.zeros(1)
        for op, arguments in mine.batch_calls(X.copy(), g, value, np.full(1, 7.0)):
            op(*arguments)
        # Keras makes a tensor of some factors in float32
        agree("regularizer", name, peer="keras", got=value[0], expected=expected.item(), tolerance=1e-7)
        agree("regularizer", name, peer="keras", got=g, expected=weights.grad.numpy(), tolerance=1e-7)


def test_activity_regularization(agree):
    peer = keras.layers.Dense(4, activation="tanh", activity_regularizer=keras.regularizers.L1L2(0.25, 0.5))
    model = keras.Sequential([keras.layers.Input((6,)), peer])
    model.compile("sgd", "mse")
    from fastnn import Input, Sequential

    mine = Sequential([Input((6,)), layers.Dense(4, activation="tanh", activity_regularizer=regularizers.L1L2(0.25, 0.5))], dtype="float64")
    mine.set_weights([w.value.detach().numpy() for w in peer.weights])
    mine.compile("sgd", "mse")
    y = np.zeros((9, 4))
    for _ in range(2):
        got, expected = mine.train_on_batch(X, y), model.train_on_batch(X, y)
        agree("layer", "ActivityRegularization", peer="keras", got=got, expected=expected, tolerance=1e-6)
    for a, b in zip(mine.get_weights(), [w.value.detach().numpy() for w in peer.weights], strict=True):  # Keras' learning rate is a float32
        agree("layer", "ActivityRegularization", peer="keras", got=a, expected=b, tolerance=1e-6)


CONSTRAINTS = {
    "MaxNorm": [{}, {"max_value": 1.5, "axis": 1}, {"max_value": 2.5, "axis": [0, 1]}],
    "MinMaxNorm": [{}, {"min_value": 1.5, "max_value": 2.0, "rate": 0.25, "axis": 1}],
    "NonNeg": [{}],
    "UnitNorm": [{}, {"axis": 1}, {"axis": [0, 1]}],
}


@pytest.mark.parametrize("name", sorted(constraints.constraints.members))
def test_constraints(agree, name):
    for options in CONSTRAINTS[name]:
        expected = getattr(keras.constraints, name)(**options)(torch.tensor(X))
        got = constraints.constraints.members[name](**options)(X)
        agree("constraint", name, peer="keras", got=got, expected=expected.numpy())
