"""Writes model files of the present version for `tests/test_files.py`, those that aren't there yet: `python tests/files/make.py`.

A file that was released is never written again: it must stay readable for ever.
"""

import sys
from pathlib import Path

import numpy as np

import fastnn
from fastnn import layers, optimizers
from fastnn.layers import Activation, BatchNormalization, Columns, Dense, Embedding, Flatten, Input, Parallel, Residual
from fastnn.optimizers import schedules

HERE = Path(__file__).parent
SAMPLES = 12


def numbers(*features, seed=0):
    return np.random.default_rng(seed).normal(size=(SAMPLES, *features))


def codes(*features):
    return np.random.default_rng(0).integers(0, 4, (SAMPLES, *features)).astype(float)


def one_hot(classes):
    return np.eye(classes)[np.arange(SAMPLES) % classes]


def dense():
    """Dense layers and the usual classification."""
    stack = [Input((4,)), Dense(5, "relu"), Dense(4, "tanh", use_bias=False), Dense(3, "softmax")]
    model = fastnn.Sequential(stack, name="dense", dtype="float32")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, numbers(4), np.arange(SAMPLES) % 3


def normalizations():
    stack = [Input((4,)), Dense(6, kernel_regularizer="l2"), BatchNormalization(momentum=0.8), layers.LayerNormalization(epsilon=0.01)]
    stack += [layers.RMSNormalization(), layers.GroupNormalization(3), layers.UnitNormalization(), Dense(2, "sigmoid")]
    model = fastnn.Sequential(stack, name="normalizations", dtype="float64")
    rate = schedules.CosineDecay(0.02, 20, warmup_target=0.05, warmup_steps=3)
    model.compile(optimizers.SGD(rate, momentum=0.9, nesterov=True), "binary_crossentropy", metrics=["binary_accuracy", "auc"])
    return model, numbers(4), one_hot(2)


def composites():
    deep = [Dense(6, "gelu", kernel_constraint="max_norm", name="first"), Dense(3, name="second")]
    stack = [
        Input((3,)),
        Parallel([[], deep], name="wide and deep"),
        Residual([Dense(6, "silu"), layers.ActivationMix("tanh")], name="around"),
    ]
    stack += [
        Parallel([[Dense(4)], [Dense(4), BatchNormalization()]], "maximum", name="more"),
        Dense(1, activity_regularizer="l1", name="out"),
    ]
    model = fastnn.Sequential(stack, name="composites", dtype="float32")
    groups = {"bias": {"weight_decay": 0.0}, "out": {"learning_rate": 0.5}}
    model.compile(optimizers.AdamW(0.01, use_ema=True, global_clipnorm=1.0, groups=groups), "huber", metrics=["mae"])
    return model, numbers(3), numbers(1, seed=1)


def categories():
    number = [Columns([0, 1], name="numbers"), layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.25], name="scaled")]
    kind = [Columns([2], name="kind"), Embedding(4, 3, name="vector"), Flatten(name="flat")]
    shade = [Columns([3], name="shade"), layers.CategoryEncoding(4, "one_hot", name="encoded")]
    model = fastnn.Sequential(
        [Input((4,)), Parallel([number, kind, shade], name="columns"), Dense(2, "swish")], name="categories", dtype="float32"
    )
    model.compile(optimizers.RMSprop(0.01, centered=True, momentum=0.5), "mse", weighted_metrics=["mse"])
    return model, codes(4), numbers(1, seed=1)[:, [0, 0]]


def scalings():
    stack = [Input((4,)), *(kind() for kind in (layers.MinMaxScaling, layers.RobustScaling, layers.PCAWhitening))]
    for layer in stack[1:]:
        layer.adapt(numbers(4) * [1, 2, 3, 4])
    stack += [layers.RBF(5), Dense(3), layers.PReLU(), layers.ELU(0.5), Dense(1)]
    model = fastnn.Sequential(stack, name="scalings", dtype="float64")
    model.compile(optimizers.LBFGS(history_size=2), "mse")
    return model, numbers(4), numbers(1, seed=1)


def noises():
    stack = [Input((2, 3)), layers.GaussianNoise(0.1, seed=1), layers.Reshape((3, 2)), Dense(4), layers.RReLU(seed=2), layers.LeakyReLU()]
    stack += [
        layers.GaussianDropout(0.1, seed=3),
        layers.AlphaDropout(0.1, seed=4),
        layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.1),
    ]
    stack += [layers.Dropout(0.2, seed=5), layers.ActivityRegularization(l2=0.01), Flatten(), Dense(3, trainable=False), layers.Softmax()]
    model = fastnn.Sequential(stack, name="noises", dtype="float32")
    model.compile(optimizers.ScheduleFreeAdamW(0.01, warmup_steps=3), "categorical_focal_crossentropy")
    return model, numbers(2, 3), one_hot(3)


def names():
    """Not compiled, never trained; names and metadata beyond ASCII."""
    stack = [Input((2,), name="Eingänge"), Dense(2, "selu", name="größe \\ x.npy"), Activation("log_softmax", name="重み")]
    model = fastnn.Sequential(stack, name="ünï 🦊", dtype="float64")
    model.metadata = {
        "classes": ["ä", "🦊"],
        "nested": {"none": None, "true": True, "list": [1, 2.5, "x"]},
        "large": 2**60,
        "infinite": float("inf"),
    }
    return model, numbers(2), None


MODELS = dense, normalizations, composites, categories, scalings, noises, names


def make(build):
    """A model, trained for three epochs."""
    fastnn.utils.set_random_seed(1)
    model, x, y = build()
    if y is not None:
        model.fit(x, y, batch_size=5, epochs=3, verbose=0)
    return model, x, y


def main():
    expected = dict(np.load(HERE / "expected.npz")) if (HERE / "expected.npz").exists() else {}
    for build in MODELS:
        path = HERE / f"{build.__name__}.v{fastnn.models.saving.FORMAT_VERSION}.fnn"
        if path.exists():
            continue
        model, x, y = make(build)
        model.save(path)
        expected |= {f"{path.stem}/x": x, f"{path.stem}/outputs": model.predict(x)}
        if build is dense:
            model.save_weights(HERE / "dense.v1.npz")
            model.save_weights(HERE / "dense.v1.safetensors")
        if y is not None:
            model.fit(x, y, batch_size=5, epochs=2, verbose=0)
            expected |= {f"{path.stem}/y": y, f"{path.stem}/outputs after two more epochs": model.predict(x)}
        print(f"{path.name}: {path.stat().st_size} bytes")
    np.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    sys.exit(main())
