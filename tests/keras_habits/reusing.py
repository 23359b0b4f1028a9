"""Models that are kept, copied, frozen, and tried by the dozen."""

import tempfile
from pathlib import Path

import numpy as np

from keras_habits import data
from keras_habits.start import begin


def classifier(keras):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(32, activation="relu", name="first"),
            keras.layers.Dense(16, activation="relu", name="second"),
            keras.layers.Dense(10, activation="softmax", name="classes"),
        ]
    )
    begin(model)
    return model


def save_and_load(keras):
    """The whole model, its weights, and its architecture; training goes on where it was."""
    x, y = data.digits()
    x, folder = x.reshape(-1, 64), Path(tempfile.mkdtemp())
    model = classifier(keras)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    first = model.fit(x, y, epochs=2, batch_size=100, verbose=0, shuffle=False).history
    model.save(folder / "model.keras")
    again = keras.models.load_model(folder / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    second = again.fit(x, y, epochs=1, batch_size=100, verbose=0, shuffle=False).history
    model.save_weights(folder / "model.weights.h5")
    same = keras.models.model_from_json(model.to_json())
    same.load_weights(folder / "model.weights.h5")
    np.testing.assert_allclose(same.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    new = keras.Sequential.from_config(model.get_config())
    return {
        "history": {f"{key} {i}": values for i, each in enumerate((first, second)) for key, values in each.items()},
        "names": [layer.name for layer in new.layers],
        "uncompiled": keras.models.load_model(folder / "model.keras", compile=False).count_params(),
    }


def transfer_of_weights(keras):
    """Weights go from one model to another, layer by layer and all at once."""
    x, y = data.digits()
    x = x.reshape(-1, 64)
    first = classifier(keras)
    first.compile("adam", "sparse_categorical_crossentropy")
    first.fit(x, y, epochs=1, verbose=0, shuffle=False)
    copy = keras.models.clone_model(first)
    copy.set_weights(first.get_weights())
    np.testing.assert_array_equal(copy.predict(x, verbose=0), first.predict(x, verbose=0))
    second = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2, activation="softmax")])
    begin(second, 1)
    second.layers[0].set_weights(first.get_layer("first").get_weights())
    kernel, bias = second.layers[0].get_weights()
    np.testing.assert_array_equal(kernel, np.asarray(first.get_layer(index=0).kernel))
    second.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = second.fit(x, y % 2, epochs=2, verbose=0, shuffle=False)
    return {"history": history.history, "shapes": [kernel.shape, bias.shape]}


def fine_tuning(keras):
    """The first layers are frozen while new ones learn, then everything at a small rate."""
    x, y = data.digits()
    x = x.reshape(-1, 64)
    base = classifier(keras)
    base.compile("adam", "sparse_categorical_crossentropy")
    base.fit(x[y < 5], y[y < 5], epochs=1, verbose=0, shuffle=False)
    model = keras.Sequential([keras.Input((64,)), *base.layers[:-1], keras.layers.Dense(5, activation="softmax", name="new")])
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    model.layers[-1].set_weights([np.random.default_rng(5).normal(size=kernels[-1].shape, scale=0.2), np.zeros(5)])
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    counts = [len(model.trainable_weights), len(model.non_trainable_weights)]
    frozen = model.fit(x[y >= 5], y[y >= 5] - 5, epochs=2, verbose=0, shuffle=False).history
    for before, after in zip(kernels[:-1], model.get_weights()[::2], strict=False):
        np.testing.assert_array_equal(before, after)
    model.trainable = True
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    tuned = model.fit(x[y >= 5], y[y >= 5] - 5, epochs=1, verbose=0, shuffle=False).history
    return {"history": {**frozen, **{f"tuned {k}": v for k, v in tuned.items()}}, "counts": counts, "all": len(model.trainable_weights)}


def models_in_models(keras):
    """An autoencoder of two models; then its encoder, frozen, below a new layer."""
    x, y = data.digits()
    x = x.reshape(-1, 64)
    encoder = keras.Sequential([keras.Input((64,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4, "relu")], name="encoder")
    decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(64, "sigmoid")], name="decoder")
    autoencoder = keras.Sequential([encoder, decoder])
    begin(autoencoder)
    autoencoder.compile("adam", "mse")
    first = autoencoder.fit(x, x, epochs=2, verbose=0, shuffle=False).history
    np.testing.assert_allclose(autoencoder.predict(x, verbose=0), decoder.predict(encoder.predict(x, verbose=0), verbose=0), atol=1e-6)
    encoder.trainable = False
    before = encoder.get_weights()
    model = keras.Sequential([encoder, keras.layers.Dense(10, "softmax")])
    model.build((None, 64))
    model.layers[-1].set_weights([np.random.default_rng(5).normal(size=(4, 10)), np.zeros(10)])
    model.compile("adam", "sparse_categorical_crossentropy")
    second = model.fit(x, y, epochs=2, verbose=0, shuffle=False).history
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    history = {**first, **{f"second {k}": v for k, v in second.items()}}
    names = [layer.name for layer in autoencoder.layers]
    return {"history": history, "names": names, "inside": len(autoencoder.layers[0].layers), "trained": len(model.trainable_weights)}


def search(keras):
    """A grid of settings, each tried from nothing."""
    x, y = data.iris()
    y = np.unique(y, return_inverse=True)[1]
    results = {}
    for units in (4, 8):
        for activation in ("relu", "tanh"):
            keras.backend.clear_session()
            keras.utils.set_random_seed(7)
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation), keras.layers.Dense(3, "softmax")])
            begin(model)
            model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(x, y, validation_split=0.3, epochs=3, batch_size=10, verbose=0, shuffle=False)
            results[f"{units} {activation}"] = history.history["val_loss"]
    return {"history": results, "names": [layer.name for layer in model.layers], "model": model.name}
