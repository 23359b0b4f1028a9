"""Data in all the ways scripts give it: class weights, generators, datasets, batch by batch."""

import numpy as np

from keras_habits import data
from keras_habits.start import begin


def class_weights(keras):
    """Few of one class: weights, a bias that begins at the odds, precision and recall.

    Without counts such as `TruePositives`: in Keras on torch a log of training changes with the validation that follows it.
    """
    x, y = data.imbalanced()
    odds = np.log([y.sum() / (len(y) - y.sum())])
    model = keras.Sequential(
        [
            keras.layers.Dense(16, activation="relu", input_shape=(x.shape[-1],)),
            keras.layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(odds[0])),
        ]
    )
    begin(model)
    metrics = [
        keras.metrics.BinaryAccuracy(name="accuracy"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
        keras.metrics.AUC(name="prc", curve="PR"),
    ]
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-2), loss=keras.losses.BinaryCrossentropy(), metrics=metrics)
    weight = {0: len(y) / (2 * (len(y) - y.sum())), 1: len(y) / (2 * y.sum())}
    history = model.fit(x, y, batch_size=50, epochs=4, class_weight=weight, validation_data=(x, y), verbose=0, shuffle=False)
    named = model.evaluate(x, y, verbose=0, return_dict=True)
    return {"history": history.history, "names": sorted(named), "evaluated": [named[name] for name in sorted(named)]}


def sample_weights(keras):
    """A weight a sample, in training and evaluation."""
    x, y = data.housing()
    weights = np.linspace(0.5, 2.0, len(x)).astype("float32")
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    begin(model)
    model.compile("adagrad", "huber", metrics=["mae"], weighted_metrics=["mse"])
    history = model.fit(x, y, sample_weight=weights, epochs=2, verbose=0, shuffle=False)
    return {"history": history.history, "evaluated": model.evaluate(x, y, sample_weight=weights, verbose=0)}


def generator(keras):
    """A function that yields batches for ever."""
    x, y = data.pima()

    def batches(size):
        while True:
            for start in range(0, 768, size):
                yield x[start : start + size], y[start : start + size, None]

    model = keras.Sequential([keras.Input(shape=(8,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")])
    begin(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(batches(32), steps_per_epoch=24, epochs=3, validation_data=(x, y[:, None]), validation_batch_size=64, verbose=0)
    evaluated = model.evaluate(batches(64), steps=12, verbose=0)
    predicted = model.predict(batches(64), steps=2, verbose=0)
    return {"history": history.history, "evaluated": evaluated, "shape": predicted.shape}


def dataset(keras):
    """A class that makes a batch by its number."""
    x, y = data.digits()

    class Images(keras.utils.PyDataset):
        def __init__(self, x, y, batch_size, **kwargs):
            super().__init__(**kwargs)
            self.x, self.y, self.batch_size, self.order = x, y, batch_size, np.arange(len(x))
            self.epochs = 0

        def __len__(self):
            return int(np.ceil(len(self.x) / self.batch_size))

        def __getitem__(self, index):
            rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
            return self.x[rows].reshape(-1, 64), self.y[rows]

        def on_epoch_end(self):
            self.epochs += 1  # Keras calls it once before the first epoch, too, so that mixing here would give other batches

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    begin(model)
    model.compile("nadam", "sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"])
    images = Images(x, y, 100, workers=1)
    history = model.fit(images, epochs=3, verbose=0, shuffle=False)
    return {"history": history.history, "evaluated": model.evaluate(Images(x, y, 100), verbose=0), "batches": len(images)}


def batch_by_batch(keras):
    """A loop of one's own around train_on_batch."""
    x, y = data.pima()
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, activation="elu"), keras.layers.Dense(1, activation="sigmoid")])
    begin(model)
    model.compile(optimizer="adamax", loss="binary_crossentropy", metrics=["accuracy"])
    losses = []
    for _ in range(4):
        for start in range(0, 768, 96):
            model.reset_metrics()
            losses.append(model.train_on_batch(x[start : start + 96], y[start : start + 96, None])[0])
    tested = model.test_on_batch(x, y[:, None], return_dict=True)
    predicted = np.asarray(model.predict_on_batch(x[:5]))
    return {"history": {"loss": losses}, "tested": tested["loss"], "names": sorted(tested), "shape": predicted.shape}
