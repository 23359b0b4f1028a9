"""A hypothesis strategy of random models over the whole layer catalogue, trained for a few steps so that all their numbers have moved."""

import warnings

import numpy as np
from hypothesis import strategies as st

import fastnn
from fastnn import activations, layers
from fastnn.layers.adapting import Adapted
from fastnn.layers.categories import CodeLayer
from fastnn.layers.layer import layers as layer_catalogue
from fastnn.layers.merging import merges
from fastnn.optimizers.optimizer import optimizers as optimizer_catalogue

LAYERS = sorted(layer_catalogue.members.keys() - {"InputLayer", "Lambda"})
"""All but the input, which every model has, and functions, which no file holds."""
ACTIVATIONS = sorted(activations.activations.members)
OPTIMIZERS = sorted(optimizer_catalogue.members)
CODES = 5
"""How many codes there are where a model takes category codes."""

rates = st.sampled_from([0.1, 0.5])
slopes = st.sampled_from([0.0, 0.05, 0.3])
booleans = st.booleans()
regularizers = st.sampled_from([None, "l2", {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.02}}])


def _units(activation):
    """Even numbers for a gated activation, which halves them."""
    gated = activations.get(activation).compute_output_shape((2,)) != (2,)
    return st.integers(1, 6).map(lambda n: 2 * n if gated else n)


def _dense(draw, shape, known):
    activation = draw(st.sampled_from(known))
    options = {"units": draw(_units(activation)), "activation": activation, "use_bias": draw(booleans)}
    return {**options, "kernel_regularizer": draw(regularizers), "kernel_constraint": draw(st.sampled_from([None, None, "max_norm"]))}


def _branch(draw, shape, known):
    """Layers that keep all axes but the last."""
    names = draw(st.lists(st.sampled_from(["Dense", "BatchNormalization", "LayerNormalization", "ReLU", "Dropout"]), max_size=2))
    return [_make(draw, name, shape, known) for name in names]


def _parallel(draw, shape, known):
    merge, n = draw(st.sampled_from(sorted(merges.members))), draw(st.integers(1, 3))
    if merge in ("Concatenate", "Subtract"):
        n = 2
    branches = [_branch(draw, shape, known) for _ in range(n)]
    for branch in branches if merge != "Concatenate" else ():
        branch.append(layers.Dense(3))
    return {"branches": branches, "merge": merge}


def _divisors(n):
    return st.sampled_from([d for d in range(1, n + 1) if n % d == 0])


OPTIONS = {
    "Activation": lambda draw, shape, known: {"activation": draw(st.sampled_from(known))},
    "ActivationMix": lambda draw, shape, known: {"activation": draw(st.sampled_from(known))},
    "ActivityRegularization": lambda draw, shape, known: {"l1": 0.01, "l2": 0.02},
    "AlphaDropout": lambda draw, shape, known: {"rate": draw(rates)},
    "BatchNormalization": lambda draw, shape, known: {"momentum": 0.7, "center": draw(booleans), "scale": draw(booleans)},
    "CategoryEncoding": lambda draw, shape, known: {
        "num_tokens": CODES,
        "output_mode": draw(st.sampled_from(["multi_hot", "one_hot", "count"])),
    },
    "Columns": lambda draw, shape, known: {"indices": draw(st.lists(st.integers(0, shape[-1] - 1), min_size=1, max_size=4))},
    "Dense": _dense,
    "Dropout": lambda draw, shape, known: {"rate": draw(rates)},
    "ELU": lambda draw, shape, known: {"alpha": draw(st.sampled_from([0.5, 1.0]))},
    "Embedding": lambda draw, shape, known: {"input_dim": CODES, "output_dim": draw(st.integers(1, 4))},
    "GaussianDropout": lambda draw, shape, known: {"rate": draw(rates)},
    "GaussianNoise": lambda draw, shape, known: {"stddev": 0.1},
    "GroupNormalization": lambda draw, shape, known: {
        "groups": draw(_divisors(shape[-1])),
        "center": draw(booleans),
        "scale": draw(booleans),
    },
    "LayerNormalization": lambda draw, shape, known: {"epsilon": 0.01, "center": draw(booleans), "scale": draw(booleans)},
    "LeakyReLU": lambda draw, shape, known: {"negative_slope": draw(slopes)},
    "MinMaxScaling": lambda draw, shape, known: {"low": -1.0, "invert": draw(booleans)},
    "Normalization": lambda draw, shape, known: {"invert": draw(booleans)},
    "Parallel": _parallel,
    "PCAWhitening": lambda draw, shape, known: {"n_components": draw(st.none() | st.integers(1, shape[-1]))},
    "PReLU": lambda draw, shape, known: {"alpha_initializer": "uniform", "shared_axes": draw(st.sampled_from([None, [1]]))},
    "RBF": lambda draw, shape, known: {"units": draw(st.integers(1, 4))},
    "ReLU": lambda draw, shape, known: {
        "max_value": draw(st.sampled_from([None, 2.0])),
        "negative_slope": draw(slopes),
        "threshold": draw(st.sampled_from([0.0, 0.5])),
    },
    "Reshape": lambda draw, shape, known: {"target_shape": (-1, draw(_divisors(int(np.prod(shape)))))},
    "Rescaling": lambda draw, shape, known: {"scale": 0.5, "offset": draw(st.sampled_from([0.0, [0.25] * shape[-1]]))},
    "Residual": lambda draw, shape, known: {"layers": [*_branch(draw, shape, known), layers.Dense(shape[-1])]},
    "RobustScaling": lambda draw, shape, known: {"invert": draw(booleans)},
}
"""By a layer's name, the arguments it needs or whose defaults would leave something out."""


def _make(draw, name, shape, known):
    return layer_catalogue.members[name](**(OPTIONS[name](draw, shape, known) if name in OPTIONS else {}))


def _fitting(draw, name, shape, known, dtype):
    """A layer and the shape of what it puts out; None where it doesn't take samples of this shape."""
    try:
        layer = _make(draw, name, shape, known)
        layer.build((None, *shape), dtype)
        return layer, tuple(layer.compute_output_shape((None, *shape))[1:])
    except ValueError:
        return None


@st.composite
def models(draw, names=None, activations=None, dtypes=("float32", "float64"), optimizers=None, max_layers=5, steps=3, rank=None):
    """Built and compiled models, trained a few steps. Their weights are finite.

    Parameters
    ----------
    names, activations, optimizers : list of str, optional
        The layers, activations and optimizers that are drawn from; by default all of the catalogue.
    dtypes : sequence of str
    max_layers : int
    steps : int
        Batches of 8 samples to train on, by a small learning rate; 0 leaves everything as initialised.
    rank : int, optional
        Axes of a sample; by default 1, and sometimes 2.
    """
    dtype = draw(st.sampled_from(dtypes))
    known_layers, known = sorted(names or LAYERS), sorted(activations or ACTIVATIONS)
    axes = rank or draw(st.sampled_from([1, 1, 2]))
    features = shape = tuple(draw(st.integers(2, 6)) for _ in range(axes))
    fastnn.random._generator = np.random.default_rng(draw(st.integers(0, 2**16)))  # Python's own generator is hypothesis' affair
    stack = []
    first = [name for name in known_layers if issubclass(layer_catalogue.members[name], CodeLayer)]
    further = st.sampled_from([name for name in known_layers if name not in first] or ["Flatten"])
    chosen = [draw(st.sampled_from(first))] if first and draw(st.sampled_from([False, False, False, True])) else []
    for name in chosen + draw(st.lists(further, min_size=1, max_size=max_layers - len(chosen))):
        if not (made := _fitting(draw, name, shape, known, dtype)):
            continue
        if int(np.prod(made[1])) <= 200:
            stack.append(made[0])
            shape = made[1]
    if len(shape) > 1 and "Flatten" in known_layers:
        stack.append(layers.Flatten())
    model = fastnn.Sequential([fastnn.Input(features), *(stack or [layers.Flatten()])], dtype=dtype)
    optimizer = optimizer_catalogue.members[draw(st.sampled_from(sorted(optimizers or OPTIMIZERS)))]
    if optimizer.full_batch and any(p.constraint for p in model.trainable_weights):
        optimizer = optimizer_catalogue.members["SGD"]  # a line search can't keep a constraint
    model.compile(optimizer(learning_rate=1e-3), draw(st.sampled_from(["mse", "mae"])))
    if len(model.output_shape) == 2:  # a loss needs vectors
        _train(model, steps)
    return model


def _train(model, steps):
    """Train, unless that ends in numbers that aren't finite."""
    for layer in model.layers[:1]:
        if isinstance(layer, Adapted):
            layer.adapt(inputs(model, 20, seed=5))
    before = model.get_weights()
    if steps and model.trainable_weights:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(inputs(model, 8 * steps), targets(model, 8 * steps), batch_size=8, epochs=1, verbose=0)
    if not all(np.isfinite(w).all() for w in model.get_weights()):
        model.set_weights(before)


def inputs(model, n=7, seed=0):
    """Samples that a model takes, in its dtype: category codes where it takes these."""
    rng, shape = np.random.default_rng(seed), (n, *model.input_shape[1:])
    codes = bool(model.layers) and isinstance(model.layers[0], CodeLayer)
    return (rng.integers(0, CODES, shape) if codes else rng.normal(size=shape)).astype(model.dtype)


def targets(model, n=7, seed=1):
    """Numbers in the shape of a model's outputs."""
    return np.random.default_rng(seed).normal(size=(n, *model.output_shape[1:])).astype(model.dtype)
