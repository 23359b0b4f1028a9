"""MNIST beyond 98 % with two hidden layers: learning curves, the confusions, and the digits it takes for others.

Needs the four MNIST files: set ``FASTNN_DATA`` to the folder that holds ``mnist/``.
"""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import datasets, layers
from fastnn.optimizers.schedules import CosineDecay


def images(short):
    (x, y), (x_test, y_test) = datasets.mnist.load_data()
    every = 60 if short else 1
    return [(a[::every].reshape(-1, 784).astype("float32") / 255, b[::every]) for a, b in ((x, y), (x_test, y_test))]


def draw_confusion(axes, truth, guess):
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (truth, guess), 1)
    axes.imshow(np.where(np.eye(10, dtype=bool), 0, counts), cmap="Reds")
    for i, j in np.argwhere(counts):
        axes.text(j, i, counts[i, j], ha="center", va="center", fontsize=6, color="0.4" if i == j else "w" if counts[i, j] > 7 else "k")
    axes.set(title="true digit down, network's across", xticks=range(10), yticks=range(10))
    axes.grid(visible=False)


def run(short):
    (x, y), (x_test, y_test) = images(short)
    epochs = 2 if short else 10
    fastnn.utils.set_random_seed(1)
    hidden = [layers.Dense(units, activation="relu") for units in (256, 128)]
    model = fastnn.Sequential([fastnn.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile(
        fastnn.optimizers.Adam(CosineDecay(0.001, epochs * -(-len(x) // 128))), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(x, y, batch_size=128, epochs=epochs, validation_data=(x_test, y_test), verbose=0).history
    probability = model.predict(x_test, verbose=0)
    guess = probability.argmax(axis=1)

    figure, ((left, middle, right),) = gallery.axes_grid(1, 3, f"MNIST, 784-256-128-10: {np.mean(guess == y_test):.2%}", size=(4.6, 4.0))
    left.plot(range(1, epochs + 1), history["accuracy"], "o-", ms=3, label="training")
    left.plot(range(1, epochs + 1), history["val_accuracy"], "s-", ms=3, label="test")
    left.axhline(0.98, color="k", ls=":", lw=1)
    left.set(title="accuracy", xlabel="epoch")
    left.legend()
    draw_confusion(middle, y_test, guess)
    wrong = np.flatnonzero(guess != y_test)
    worst = wrong[np.argsort(-probability[wrong, guess[wrong]])][:25]
    tiles = np.ones((5 * 30, 5 * 30))
    for place, number in enumerate(worst):
        row, column = 30 * (place // 5), 30 * (place % 5)
        tiles[row : row + 28, column : column + 28] = 1 - x_test[number].reshape(28, 28)
        right.text(column + 1, row + 6, f"{guess[number]}", color="tab:red", fontsize=8)
    right.imshow(tiles, cmap="gray")
    right.set(title="its surest mistakes, and what it took them for", xticks=[], yticks=[])
    right.grid(visible=False)
    rows = [("training", history["accuracy"][-1]), ("test", float(np.mean(guess == y_test)))]
    return figure, gallery.table(("images", "accuracy"), rows)


if __name__ == "__main__":
    gallery.main(run)
