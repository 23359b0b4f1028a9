"""The first models of every tutorial: two classes, several classes, a number, images."""

import numpy as np

from keras_habits import data
from keras_habits.start import begin


def binary_classification(keras):
    """The 2018 way: `input_dim`, old names of initializers, everything as strings."""
    x, y = data.pima()
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(12, input_dim=8, kernel_initializer="uniform", activation="relu"))
    model.add(keras.layers.Dense(8, kernel_initializer="normal", activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    begin(model)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(x, y, epochs=4, batch_size=16, verbose=0, shuffle=False)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    rounded = [round(p[0]) for p in model.predict(x, verbose=0)]
    assert accuracy == np.float32(np.mean(rounded == y)) or abs(accuracy - np.mean(rounded == y)) < 1e-6
    return {"history": history.history, "evaluated": [loss, accuracy], "shape": np.shape(model.predict(x, verbose=0))}


def multi_class_classification(keras):
    """Names of classes become one-hot rows."""
    x, names = data.iris()
    classes, numbers = np.unique(names, return_inverse=True)
    one_hot = keras.utils.to_categorical(numbers, num_classes=3)
    model = keras.Sequential(
        [
            keras.layers.Input(shape=(4,)),
            keras.layers.Dense(8, activation=keras.activations.relu, kernel_initializer=keras.initializers.HeNormal(seed=1)),
            keras.layers.Dense(3, activation="softmax"),
        ],
        name="iris",
    )
    begin(model)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=["acc", keras.metrics.TopKCategoricalAccuracy(k=2, name="top2"), keras.metrics.AUC(name="auc")],
    )
    history = model.fit(x, one_hot, batch_size=20, epochs=3, validation_split=0.2, verbose=0, shuffle=False)
    found = classes[np.argmax(model.predict(x, verbose=0), axis=1)]
    assert set(found) <= set(classes) and model.name == "iris"
    return {"history": history.history, "evaluated": model.evaluate(x, one_hot, verbose=0), "params": model.count_params()}


def regression(keras):
    """A price; the best epoch is looked up in the history afterwards."""
    x, y = data.housing()
    model = keras.Sequential()
    model.add(keras.layers.Dense(16, input_shape=[13], activation="relu", kernel_regularizer=keras.regularizers.l2(0.01)))
    model.add(keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L1L2(l1=1e-4, l2=1e-3)))
    model.add(keras.layers.Dense(1))
    begin(model)
    model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss="mse", metrics=["mae", "mse"])
    history = model.fit(x[:400], y[:400], epochs=3, batch_size=40, validation_data=(x[400:], y[400:]), verbose=0, shuffle=False)
    best = int(np.argmin(history.history["val_mae"]))
    predicted = model.predict(x[400:], verbose=0).flatten()
    mae = float(np.mean(np.abs(predicted - y[400:])))
    assert abs(mae - history.history["val_mae"][-1]) < 1e-3
    return {"history": history.history, "best": best, "epochs": history.epoch, "shape": predicted.shape}


def mlp_on_images(keras):
    """What follows 'import mnist': scaling, Flatten, two hidden layers, sparse labels, logits."""
    x, y = data.digits()
    model = keras.models.Sequential(
        [
            keras.layers.Flatten(input_shape=(8, 8)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    begin(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    history = model.fit(x[:1500], y[:1500], epochs=3, batch_size=128, verbose=0, shuffle=False)
    probability = keras.Sequential([*model.layers, keras.layers.Softmax()])
    p = np.asarray(probability.predict(x[1500:], verbose=0))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    return {"history": history.history, "evaluated": model.evaluate(x[1500:], y[1500:], verbose=0), "shape": p.shape}


def normalization_and_dropout(keras):
    """Batch normalization before the activation, and dropout, which is 0 so that losses can be compared."""
    x, y = data.digits()
    model = keras.Sequential([keras.Input(shape=(8, 8)), keras.layers.Flatten()])
    for units in (32, 16):
        model.add(keras.layers.Dense(units, use_bias=False))
        model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.Activation("relu"))
        model.add(keras.layers.Dropout(rate=0.0))
    model.add(keras.layers.Dense(10, activation="softmax"))
    begin(model)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[:960], y[:960], epochs=3, batch_size=64, validation_data=(x[960:], y[960:]), verbose=0, shuffle=False)
    return {"history": history.history, "frozen": len(model.non_trainable_weights), "trained": len(model.trainable_weights)}


def autoencoder(keras):
    """Two models that share their layers with a third."""
    x = data.digits()[0].reshape(-1, 64)
    encoder = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(8, activation="relu")])
    decoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(64, activation="sigmoid")])
    both = keras.Sequential([keras.Input((64,)), *encoder.layers, *decoder.layers])
    begin(both)
    both.compile(optimizer="adam", loss="binary_crossentropy")
    history = both.fit(x, x, epochs=3, batch_size=64, verbose=0, shuffle=False)
    codes = encoder.predict(x[:10], verbose=0)
    again = decoder.predict(codes, verbose=0)
    np.testing.assert_allclose(again, both.predict(x[:10], verbose=0), rtol=1e-4, atol=1e-6)
    return {"history": history.history, "codes": codes.shape, "again": again.shape, "values": float(np.mean(again))}
