"""Models from and to torch: equal outputs, equal training, and refusals by name."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers import any_layer, samples_for  # noqa: E402
from hypothesis import HealthCheck, assume, given, settings  # noqa: E402
from random_models import inputs, models  # noqa: E402
from torch import nn  # noqa: E402

import fastnn  # noqa: E402
from fastnn import activations, layers  # noqa: E402
from fastnn.activations import activations as activation_catalogue  # noqa: E402
from fastnn.exchange.torch.activations import NAMES, TWINS  # noqa: E402
from fastnn.exchange.torch.layers import readers, writers  # noqa: E402
from fastnn.layers.layer import layers as layer_catalogue  # noqa: E402

X = np.random.default_rng(0).normal(size=(9, 4)) * 2
NO_MODULE = {"step", "squareplus", "sparse_plus", "sparse_sigmoid", "exponential", "sparsemax", "reglu", "geglu", "swiglu"}
"""The activations that torch has no module for."""
NO_LAYER = {
    *("ActivationMix", "CategoryEncoding", "Columns", "GaussianDropout", "GaussianNoise", "Lambda", "MinMaxScaling", "Normalization"),
    *("PCAWhitening", "Parallel", "RBF", "Rescaling", "Residual", "RobustScaling", "UnitNormalization"),
}
"""The layers that torch has no module for."""


def theirs(model, x):
    with torch.no_grad():
        given = torch.tensor(x)
        return model(given.long() if isinstance(next(iter(model)), nn.Embedding) else given).numpy()


def assert_equal(a, b):
    assert a.shape == b.shape
    tolerance = 1e-6 if a.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(np.abs(b).max(initial=0), 1))


def assert_carried(model, x):
    """There and back, each with the outputs of the model."""
    x = x.astype(model.dtype)
    there = model.to_torch()
    assert not there.training
    assert {p.dtype for p in there.parameters()} <= {getattr(torch, model.dtype)}
    assert_equal(theirs(there, x), model.predict(x))
    back = fastnn.from_torch(there, model.input_shape[1:])
    if any(True for _ in there.parameters()):
        assert back.dtype == model.dtype
    assert_equal(back.predict(x), model.predict(x))
    return there, back


def test_every_activation_and_layer_is_carried_or_refused():
    assert set(TWINS) | NO_MODULE == set(activation_catalogue.members) and not set(TWINS) & NO_MODULE
    carried = {name for name, kind in layer_catalogue.members.items() if name in writers or issubclass(kind, layers.Activation)}
    assert carried | NO_LAYER | {"InputLayer"} == set(layer_catalogue.members) and not carried & NO_LAYER


VALUES = {
    "relu": [{"negative_slope": 0.3}, {"max_value": 2.0}, {"threshold": 0.7}],
    "leaky_relu": [{"negative_slope": 0.4}],
    "threshold": [{"threshold": 0.5, "default_value": -2.0}],
    "hard_tanh": [{"min_value": -0.5, "max_value": 2.0}],
    "hard_shrink": [{"threshold": 0.3}],
    "soft_shrink": [{"threshold": 0.3}],
    "elu": [{"alpha": 0.4}],
    "celu": [{"alpha": 0.5}],
    "gelu": [{"approximate": True}],
}


@pytest.mark.parametrize("name", sorted(TWINS))
def test_activations(name):
    for values in [{}, *VALUES.get(name, [])]:
        activation = activations.get(name).bind(**values)
        for layer in layers.Activation(activation), layers.Dense(6, activation=activation):
            _, back = assert_carried(fastnn.Sequential([fastnn.Input(4), layer], dtype="float64"), X)
            if not values or name != "relu":
                assert back.layers[-1].activation == activation
    assert set().union(*VALUES.get(name, [{}])) == set(activations.get(name).parameters), "each parameter is tried"


@pytest.mark.parametrize("name", sorted(NO_MODULE))
def test_activations_that_torch_lacks(name):
    for layer in layers.Activation(name, name="mine"), layers.Dense(4, activation=name, name="mine"):
        with pytest.raises(ValueError, match=rf"to_torch: layer 'mine' \(\w+\): torch.nn has no activation '{name}'"):
            fastnn.Sequential([fastnn.Input(4), layer]).to_torch()


def test_a_relu_with_two_parameters_is_refused():
    with pytest.raises(ValueError, match=r"layer 'r' \(ReLU\): .*no relu with negative_slope and max_value"):
        fastnn.Sequential([fastnn.Input(4), layers.ReLU(2.0, 0.1, name="r")]).to_torch()


@pytest.mark.filterwarnings("ignore:to_torch. torch has no regularizers")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(layer_catalogue.members.keys() - NO_LAYER - {"InputLayer", "ReLU"}))
def test_layers(name, dtype):
    layer = any_layer(name)
    model = fastnn.Sequential([fastnn.Input(4), layer], dtype=dtype)
    model.set_weights([np.random.default_rng(1).uniform(0.3, 1.5, w.shape) for w in model.get_weights()])
    assert_carried(model, samples_for(layer, 7, 4))


@pytest.mark.parametrize("name", sorted(NO_LAYER - {"Lambda"}))
def test_layers_that_torch_lacks(name):
    layer = any_layer(name)
    with pytest.raises(ValueError, match=rf"to_torch: layer '{layer.name}' \({name}\): .*to_onnx or to_c"):
        fastnn.Sequential([fastnn.Input(4), layer]).to_torch()


class Halves(layers.Dense):
    def lower(self, program, x):
        return x


@pytest.mark.parametrize("layer", [layers.Lambda(lambda x: x, name="own"), Halves(4, name="own")])
def test_python_code_is_refused(layer):
    with pytest.raises(ValueError, match="layer 'own'"):
        fastnn.Sequential([fastnn.Input(4), layer]).to_torch()


@pytest.mark.parametrize("kind", ["BatchNormalization", "LayerNormalization", "GroupNormalization"])
@pytest.mark.parametrize(("center", "scale"), [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("trainable", [True, False])
def test_center_and_scale(kind, center, scale, trainable):
    more = {"groups": 2} if kind == "GroupNormalization" else {}
    layer = layer_catalogue.members[kind](center=center, scale=scale, epsilon=0.01, trainable=trainable, **more)
    model = fastnn.Sequential([fastnn.Input(4), layer], dtype="float64")
    model.set_weights([np.random.default_rng(1).uniform(0.3, 1.5, w.shape) for w in model.get_weights()])
    there, back = assert_carried(model, X)
    assert back.layers[0].trainable == (trainable or not (center or scale))
    if trainable:
        assert (back.layers[0].center, back.layers[0].scale) == (center, scale)
        assert len(back.trainable_weights) == sum(p.requires_grad for p in there.parameters()) == center + scale


MODULES = {
    "Linear": [lambda: nn.Linear(4, 3), lambda: nn.Linear(4, 3, bias=False)],
    "BatchNorm1d": [lambda: nn.BatchNorm1d(4, 0.1, 0.3), lambda: nn.BatchNorm1d(4, affine=False)],
    "LayerNorm": [
        lambda: nn.LayerNorm(4),
        lambda: nn.LayerNorm(4, 0.1, bias=False),
        lambda: nn.LayerNorm([4], elementwise_affine=False),
    ],
    "GroupNorm": [lambda: nn.GroupNorm(2, 4), lambda: nn.GroupNorm(4, 4, 0.1, affine=False)],
    "RMSNorm": [lambda: nn.RMSNorm(4), lambda: nn.RMSNorm(4, 0.1)],
    "Dropout": [lambda: nn.Dropout(0.3), lambda: nn.Dropout(0.0, inplace=True)],
    "AlphaDropout": [lambda: nn.AlphaDropout(0.3)],
    "RReLU": [lambda: nn.RReLU(0.2, 0.6)],
    "PReLU": [lambda: nn.PReLU(), lambda: nn.PReLU(4)],
    "Embedding": [lambda: nn.Embedding(5, 3)],
    "Flatten": [lambda: nn.Flatten()],
    "Unflatten": [lambda: nn.Unflatten(1, (2, 2)), lambda: nn.Unflatten(-1, (2, -1))],
    "Threshold": [lambda: nn.Threshold(0.5, -2.0)],
    "Softplus": [lambda: nn.Softplus()],
    "Softmax": [lambda: nn.Softmax(1), lambda: nn.Softmax(-1)],
    "LogSoftmax": [lambda: nn.LogSoftmax(-1)],
    "Softmin": [lambda: nn.Softmin(1)],
    "GELU": [lambda: nn.GELU(), lambda: nn.GELU("tanh")],
    "LeakyReLU": [lambda: nn.LeakyReLU(0.2)],
}


def shaken(module, seed=3):
    """With other numbers than those it begins with."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.tensor(rng.uniform(0.3, 1.5, tuple(tensor.shape))))
    return module.eval()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(readers.keys() | NAMES.keys()))
def test_modules(name, dtype):
    for make in MODULES.get(name, [getattr(nn, name, None)]):
        module = shaken(nn.Sequential(make()).to(getattr(torch, dtype)))
        x = (np.arange(12).reshape(3, 4) % 5 if name == "Embedding" else X).astype(dtype)
        before = fastnn.config.floatx()
        fastnn.config.set_floatx(dtype)
        try:
            model = fastnn.from_torch(module, (4,))
        finally:
            fastnn.config.set_floatx(before)
        assert model.dtype == dtype
        assert_equal(model.predict(x), theirs(module, x))


AXES = {
    "Flatten": (nn.Sequential(nn.Flatten(2), nn.Linear(12, 3), nn.Flatten()), (2, 3, 4)),
    "Unflatten": (nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Flatten(-2, -1), nn.Linear(6, 3)), (4, 3)),
    "Linear, LayerNorm, PReLU": (nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.PReLU(), nn.GLU(), nn.Softmax(dim=2)), (3, 4)),
}


@pytest.mark.parametrize("name", AXES)
def test_samples_with_several_axes(name):
    module, shape = AXES[name]
    module = shaken(module.double())
    x = np.random.default_rng(4).normal(size=(5, *shape))
    model = fastnn.from_torch(module, shape)
    assert_equal(model.predict(x), theirs(module, x))


class Net(nn.Module):
    def forward(self, x):
        return x


class Mirrored(nn.Sequential):
    def forward(self, x):
        return super().forward(-x)


def hooked():
    module = nn.Linear(4, 4)
    module.register_forward_hook(lambda module, x, y: -y)
    return module


def half_frozen():
    module = nn.Linear(4, 4)
    module.bias.requires_grad_(False)
    return module


REFUSED = {
    "layer 1.1 (Conv2d): fastnn has no such layer": lambda: nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 3)),
    "layer 1 (Net): its Python code can't be read": Net,
    "layer 1 (Mirrored): its Python code": lambda: Mirrored(nn.Linear(4, 4)),
    "layer 1 (ParametrizedLinear)": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
    "layer 1 (LazyLinear)": lambda: nn.LazyLinear(4),
    "layer 1 (Linear): it has hooks": hooked,
    "layer 1 (Linear): some of its parameters require gradients": half_frozen,
    "layer 1 (BatchNorm1d): with track_running_stats=False": lambda: nn.BatchNorm1d(4, track_running_stats=False),
    "layer 1 (BatchNorm1d): momentum=None": lambda: nn.BatchNorm1d(4, momentum=None),
    "layer 1 (BatchNorm1d): layer 'batch": lambda: nn.BatchNorm1d(4, eps=0),
    "layer 1 (Softplus): fastnn's has beta=1": lambda: nn.Softplus(2.0),
    "layer 1 (Softmax): it works along axis 0": lambda: nn.Softmax(0),
    "layer 1 (Softmax2d)": lambda: nn.Softmax2d(),
    "layer 1 (Flatten): it changes axis 0": lambda: nn.Flatten(0),
    "layer 1 (Unflatten): it changes axis 0": lambda: nn.Unflatten(0, (1, -1)),
    "layer 1 (Dropout): layer 'dropout": lambda: nn.Dropout(1.0),
    "layer 1 (Embedding): fastnn has no padding_idx": lambda: nn.Embedding(4, 4, padding_idx=0),
    "layer 1 (Embedding): fastnn has no max_norm": lambda: nn.Embedding(4, 4, max_norm=1.0),
    "layer 1 (RMSNorm): fastnn's has a factor": lambda: nn.RMSNorm(4, elementwise_affine=False),
    "layer 1.2 (BatchNorm1d): statistics belong to axis 1": lambda: nn.Sequential(nn.ReLU(), nn.Unflatten(1, (2, 2)), nn.BatchNorm1d(2)),
    "layer 1.1 (PReLU): slopes belong to axis 1": lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.PReLU(2)),
    "layer 1.1 (LayerNorm): it normalises axes of shape (2, 2)": lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.LayerNorm((2, 2))),
    "must all be float32 or all float64, not bfloat16": lambda: nn.Linear(4, 4).bfloat16(),
    "must all be float32 or all float64, not float32, float64": lambda: nn.Linear(4, 4).double(),
    "layer 1 (Linear) is on the device 'meta'": lambda: nn.Linear(4, 4, device="meta"),
}


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("said", REFUSED)
def test_what_is_refused(said):
    first = nn.Linear(4, 4) if "not float32, float64" in said or "meta" in said else nn.ReLU()
    with pytest.raises(ValueError) as error:
        fastnn.from_torch(nn.Sequential(first, REFUSED[said]()), (4,))
    assert str(error.value).startswith("from_torch: ") and said in str(error.value)


def test_shared_parameters_are_refused_and_modules_without_any_are_not():
    shared, relu = nn.Linear(4, 4), nn.ReLU()
    with pytest.raises(ValueError, match=r"layer 2 \(Linear\) shares parameters with layer 0 \(Linear\)"):
        fastnn.from_torch(nn.Sequential(shared, relu, shared))
    tied = nn.Linear(4, 4)
    tied.weight = shared.weight
    with pytest.raises(ValueError, match=r"layer 1 \(Linear\) shares parameters with layer 0"):
        fastnn.from_torch(nn.Sequential(shared, tied))
    assert len(fastnn.from_torch(nn.Sequential(shared, relu, nn.Linear(4, 4), relu)).layers) == 4


def test_input_shape():
    assert fastnn.from_torch(nn.Sequential(nn.Dropout(0.1), nn.BatchNorm1d(4))).input_shape == (None, 4)
    assert fastnn.from_torch(nn.Linear(4, 3)).output_shape == (None, 3)
    with pytest.raises(ValueError, match=r"layer 0 \(Flatten\) takes samples of many shapes: say which, input_shape="):
        fastnn.from_torch(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    with pytest.raises(ValueError, match="no module tells how many features"):
        fastnn.from_torch(nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match="input_shape: a sample's shape must be positive integers"):
        fastnn.from_torch(nn.Linear(4, 3), (0,))
    with pytest.raises(ValueError, match=r"layer 0 \(Linear\): .*kernel has shape \(4, 3\), expected \(5, 3\)"):
        fastnn.from_torch(nn.Linear(4, 3), (5,))
    with pytest.raises(ValueError, match="the model has no layers"):
        fastnn.from_torch(nn.Sequential(), (4,))
    with pytest.raises(TypeError, match=r"expects a torch\.nn\.Sequential, got str; build the module"):
        fastnn.from_torch("x.pt")


def test_a_class_of_ones_own_is_refused():
    with pytest.raises(ValueError, match=r"layer 0 \(Net\): its Python code can't be read; pass a torch\.nn\.Sequential"):
        fastnn.from_torch(Net())


def test_an_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="isn't built"):
        fastnn.Sequential([layers.Dense(3)]).to_torch()


def test_names_go_both_ways():
    inner = nn.Sequential()
    inner.add_module("hidden", nn.Linear(3, 3))
    module = nn.Sequential()
    module.add_module("first", nn.Linear(4, 3))
    module.add_module("block", inner)
    module.append(nn.ReLU())
    model = fastnn.from_torch(module)
    assert [layer.name for layer in model.layers][:2] == ["first", "block_hidden"]
    stack = [layers.Dense(4, activation="relu", name=name) for name in ("a.b", "a_b", "forward", "a_b_relu")]
    there = fastnn.Sequential([fastnn.Input(4), *stack]).to_torch()
    made = [name for name, _ in there.named_children()]
    assert made == ["a_b", "a_b_relu", "a_b_1", "a_b_relu_1", "forward_", "forward_relu", "a_b_relu_2", "a_b_relu_relu"]


def test_parameters_are_copied():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    model = fastnn.from_torch(module)
    before = model.get_weights()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.zero_()
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))
    there = model.to_torch()
    with torch.no_grad():
        for tensor in there.state_dict().values():
            tensor.zero_()
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


def test_no_random_number_is_drawn():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    fastnn.utils.set_random_seed(0)
    state, theirs_ = fastnn.random.generator().bit_generator.state, torch.get_rng_state()
    fastnn.from_torch(module).to_torch()
    assert fastnn.random.generator().bit_generator.state == state
    assert torch.equal(torch.get_rng_state(), theirs_)


def test_penalties_are_warned_of():
    held = layers.Dense(3, kernel_regularizer="l2", name="a"), layers.Dense(3, bias_constraint="non_neg", name="b")
    model = fastnn.Sequential([fastnn.Input(4), *held, layers.Dense(2)])
    with pytest.warns(UserWarning, match=r"regularizers or constraints, those of 'a', 'b' aren't carried; .*weight_decay"):
        model.to_torch()


def targets(n, outputs=1):
    return np.random.default_rng(7).normal(size=(n, outputs))


def torch_losses(module, x, y, steps, **sgd):
    module.train()
    optimizer, found = torch.optim.SGD(module.parameters(), **sgd), []
    for _ in range(steps):
        loss = nn.functional.mse_loss(module(torch.tensor(x)), torch.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def our_losses(model, x, y, steps, **sgd):
    model.compile(fastnn.SGD(**sgd), "mse")
    return [model.train_on_batch(x, y) for _ in range(steps)]


def trunk():
    parts = nn.Linear(4, 6), nn.Tanh(), nn.LayerNorm(6), nn.Linear(6, 6), nn.PReLU(6), nn.GroupNorm(2, 6), nn.Linear(6, 1)
    return shaken(nn.Sequential(*parts).double())


def test_training_goes_on_equally():
    y, module = targets(9), trunk()
    model = fastnn.from_torch(module)
    losses = torch_losses(module, X, y, 5, lr=0.01)
    np.testing.assert_allclose(our_losses(model, X, y, 5, learning_rate=0.01), losses, rtol=1e-10)
    assert losses[-1] < losses[0]
    assert_equal(model.predict(X), theirs(module.eval(), X))
    there = model.to_torch()
    ours = our_losses(model, X, y, 5, learning_rate=0.01)
    np.testing.assert_allclose(torch_losses(there, X, y, 5, lr=0.01), ours, rtol=1e-10)


def test_batch_normalization_trains_equally_but_for_the_running_variance():
    y, module = targets(9), shaken(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=0.2), nn.Linear(3, 1)).double())
    model = fastnn.from_torch(module)
    before = model.layers[1].moving_variance.numpy()
    losses = torch_losses(module, X, y, 1, lr=0.0)
    np.testing.assert_allclose(our_losses(model, X, y, 1, learning_rate=0.0), losses, rtol=1e-10)
    norm, other = model.layers[1], module[1]
    np.testing.assert_allclose(norm.moving_mean.numpy(), other.running_mean.numpy(), rtol=1e-12)
    biased, unbiased = (v - 0.8 * before for v in (norm.moving_variance.numpy(), other.running_var.numpy()))
    np.testing.assert_allclose(biased * 9 / 8, unbiased, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:to_torch. torch has no regularizers")
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(model=models(sorted(layer_catalogue.members.keys() - NO_LAYER - {"InputLayer"}), sorted(TWINS), dtypes=["float64"], max_layers=4))
def test_round_trips_of_random_models(model):
    try:
        model.to_torch()
    except ValueError as error:
        assert "belong to axis 1" in str(error) or "no relu with" in str(error)
        assume(False)
    _, back = assert_carried(model, inputs(model))
    assert sorted(w.size for w in back.get_weights()) == sorted(w.size for w in model.get_weights())
