"""Losses, metrics and layers of one's own."""

import tempfile
from pathlib import Path

import numpy as np

from keras_habits import data
from keras_habits.start import begin


def own_loss_and_metric(keras):
    """Functions of y_true and y_pred, written with ``keras.ops``."""
    ops = keras.ops
    x, y = data.housing()

    def asymmetric(y_true, y_pred):
        error = y_pred - y_true
        return ops.mean(ops.where(error > 0, 2.0 * ops.square(error), ops.square(error)), axis=-1)

    def within_ten_percent(y_true, y_pred):
        return ops.mean(ops.cast(ops.abs(y_true - y_pred) < 0.1 * ops.abs(y_true), "float32"), axis=-1)

    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    begin(model)
    model.compile(optimizer="adam", loss=asymmetric, metrics=[within_ten_percent, "mae"])
    history = model.fit(x, y, epochs=3, batch_size=32, verbose=0, shuffle=False)
    return {"history": history.history}


def own_metric_class(keras):
    """A metric with a state."""
    x, y = data.pima()

    class Flagged(keras.metrics.Metric):
        def __init__(self, threshold=0.5, name="flagged", **kwargs):
            super().__init__(name=name, **kwargs)
            self.threshold = threshold
            self.count = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count += float(np.sum(keras.ops.convert_to_numpy(y_pred) > self.threshold))

        def result(self):
            return self.count

        def reset_state(self):
            self.count = 0.0

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, activation="sigmoid")])
    begin(model)
    model.compile("sgd", "binary_crossentropy", metrics=[Flagged(0.6)])
    history = model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    return {"history": history.history}


def own_layer(keras):
    """A layer with weights of its own, in a model that is saved and loaded."""
    x, y = data.pima()

    class Scale(keras.layers.Layer):
        def __init__(self, start=1.0, **kwargs):
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.start), name="scale")

        def call(self, x):
            return x * self.scale

        def get_config(self):
            return {**super().get_config(), "start": self.start}

    model = keras.Sequential([keras.Input((8,)), Scale(0.5), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
    begin(model)
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    path = Path(tempfile.mkdtemp()) / "model.keras"
    model.save(path)
    again = keras.saving.load_model(path, custom_objects={"Scale": Scale})
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    return {"history": history.history, "start": again.layers[0].start}


def own_activation_and_initializer(keras):
    """Functions in the places of names."""
    x, y = data.pima()

    def capped(z):
        return keras.ops.minimum(keras.ops.maximum(z, 0.1 * z), 2.0)

    def halves(shape, dtype=None):
        return keras.ops.ones(shape, dtype=dtype) / 2

    model = keras.Sequential(
        [
            keras.layers.Dense(6, activation=capped, bias_initializer=halves, input_shape=(8,)),
            keras.layers.Activation(keras.ops.tanh),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    begin(model)
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return {"history": model.fit(x, y, epochs=3, verbose=0, shuffle=False).history}
