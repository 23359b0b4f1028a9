"""Learn handwritten digits in five lines, then look at the mistakes.

python examples/digits_in_five_lines.py [--out DIR]     writes digits.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from fastnn.datasets import digits
from fastnn.layers import Dense, Flatten
from fastnn.models import Sequential
from fastnn.utils import set_random_seed

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def train():
    (x, y), (x_test, y_test) = digits.load_data()
    model = Sequential([Flatten(), Dense(128, activation="relu"), Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x / 16, y, epochs=40, validation_data=(x_test / 16, y_test), verbose=0)
    return model, history.history, x_test, y_test


def draw(history, x_test, y_test, predicted, path):
    wrong = np.flatnonzero(predicted != y_test)[:8]
    figure = plt.figure(figsize=(9, 3.4), layout="constrained")
    curves, mistakes = figure.subfigures(1, 2)
    axes = curves.subplots()
    for name, label in (("accuracy", "training"), ("val_accuracy", "test")):
        axes.plot(np.arange(1, len(history[name]) + 1), history[name], label=label)
    axes.set(xlabel="epoch", ylabel="accuracy", ylim=(0.8, 1.005))
    axes.legend(loc="lower right")
    mistakes.suptitle("mistakes: predicted (true)")
    for i, each in zip(wrong, mistakes.subplots(2, 4).flat, strict=False):
        each.imshow(x_test[i], cmap="gray_r")
        each.set_title(f"{predicted[i]} ({y_test[i]})", fontsize=10)
    for each in mistakes.axes:
        each.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(), help="folder of digits.png (default: here)")
    folder = parser.parse_args(argv).out
    folder.mkdir(parents=True, exist_ok=True)
    set_random_seed(1)
    model, history, x_test, y_test = train()
    predicted = model.predict(x_test / 16, verbose=0).argmax(axis=1)
    print(f"accuracy on {len(y_test)} test digits: {np.mean(predicted == y_test):.4f}")
    draw(history, x_test, y_test, predicted, folder / "digits.png")
    print(f"drawn: {folder / 'digits.png'}")


if __name__ == "__main__":
    main()
