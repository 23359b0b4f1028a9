"""Training that is watched and steered: callbacks, schedules, learning rates set by hand."""

import csv
import tempfile
from pathlib import Path

import numpy as np

from keras_habits import data
from keras_habits.start import begin


def classifier(keras, **layer):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
    begin(model)
    return model


def callbacks(keras):
    """All that a Kaggle notebook has: early stopping, the best model kept, a log, a learning rate that falls."""
    x, y = data.pima()
    folder = Path(tempfile.mkdtemp())
    model = classifier(keras)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    watch = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(str(folder / "best.keras"), monitor="val_accuracy", save_best_only=True, mode="max"),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=2, min_lr=1e-5, min_delta=0.05),
        keras.callbacks.CSVLogger(str(folder / "log.csv"), append=False),
        keras.callbacks.TerminateOnNaN(),
    ]
    history = model.fit(x, y, validation_split=0.3, epochs=8, batch_size=32, callbacks=watch, verbose=0, shuffle=False)
    best = keras.models.load_model(folder / "best.keras")
    with open(folder / "log.csv", encoding="utf-8") as file:
        logged = list(csv.DictReader(file))
    return {
        "history": history.history,
        "columns": list(logged[0]),
        "logged": [float(row["val_loss"]) for row in logged],
        "best": best.evaluate(x, y, verbose=0),
        "lowered": history.history["learning_rate"][-1] < history.history["learning_rate"][0],
    }


def scheduled_by_epoch(keras):
    """A function of the epoch sets the learning rate."""
    x, y = data.pima()
    model = classifier(keras)
    model.compile(keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True), "binary_crossentropy")

    def step_decay(epoch, lr):
        return lr if epoch < 2 else lr * 0.5

    steps = keras.callbacks.LearningRateScheduler(step_decay)
    history = model.fit(x, y, epochs=5, batch_size=32, callbacks=[steps], verbose=0, shuffle=False)
    return {"history": history.history, "rate": float(model.optimizer.learning_rate)}


def scheduled_by_step(keras):
    """Schedule objects in the optimizer."""
    x, y = data.pima()
    losses = {}
    for schedule in (
        keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=20, decay_rate=0.9, staircase=True),
        keras.optimizers.schedules.CosineDecay(0.01, 100, alpha=0.1, warmup_target=0.02, warmup_steps=10),
        keras.optimizers.schedules.PiecewiseConstantDecay([30, 60], [0.01, 0.005, 0.001]),
        keras.optimizers.schedules.InverseTimeDecay(0.01, 1, 1e-3),
    ):
        model = classifier(keras)
        model.compile(optimizer=keras.optimizers.Adam(learning_rate=schedule, clipnorm=1.0), loss="binary_crossentropy")
        losses[type(schedule).__name__] = model.fit(x, y, epochs=3, verbose=0, shuffle=False).history["loss"]
    return {"history": losses}


def learning_rate_by_hand(keras):
    """Assigned between two calls of fit."""
    x, y = data.pima()
    model = classifier(keras)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    first = model.fit(x, y, epochs=2, verbose=0, shuffle=False).history["loss"]
    model.optimizer.learning_rate = 0.001
    second = model.fit(x, y, epochs=2, verbose=0, shuffle=False).history["loss"]
    model.optimizer.learning_rate.assign(float(model.optimizer.learning_rate) / 10)
    third = model.fit(x, y, epochs=2, verbose=0, shuffle=False).history["loss"]
    return {"history": {"first": first, "second": second, "third": third}, "rate": float(model.optimizer.learning_rate)}


def own_callback(keras):
    """Every hook there is, and a training that stops itself."""
    x, y = data.pima()
    called = []

    class Diary(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            called.append("train begins")

        def on_epoch_begin(self, epoch, logs=None):
            called.append(f"epoch {epoch}")

        def on_train_batch_begin(self, batch, logs=None):
            called.append(f"batch {batch}")

        def on_train_batch_end(self, batch, logs=None):
            called.append(sorted(logs))

        def on_epoch_end(self, epoch, logs=None):
            called.append(sorted(logs))
            if epoch == 1:
                self.model.stop_training = True

        def on_test_begin(self, logs=None):
            called.append("test begins")

        def on_test_batch_end(self, batch, logs=None):
            called.append(f"tested {batch}")

        def on_test_end(self, logs=None):
            called.append(sorted(logs))

        def on_predict_begin(self, logs=None):
            called.append("prediction begins")

        def on_predict_batch_end(self, batch, logs=None):
            called.append([f"predicted {batch}", np.shape(logs["outputs"])])

        def on_train_end(self, logs=None):
            called.append(["train ends", self.params["epochs"]])

    model = classifier(keras)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    diary = Diary()
    held_out = x[600:], y[600:]
    history = model.fit(
        x[:600], y[:600], epochs=5, batch_size=200, validation_data=held_out, validation_batch_size=84, callbacks=[diary], verbose=0
    )
    model.evaluate(*held_out, batch_size=100, callbacks=[diary], verbose=0)
    model.predict(x[:64], batch_size=32, callbacks=[diary], verbose=0)
    lines = []
    model.fit(
        x, y, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: lines.append([epoch, sorted(logs)]))]
    )
    return {"called": called, "epochs": history.epoch, "lines": lines, "keys": sorted(history.history)}
