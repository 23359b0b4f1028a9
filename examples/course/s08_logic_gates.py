"""OR, AND and XOR by linear regression, logistic regression, a perceptron, and a network with a hidden layer."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.classic import Perceptron

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
GATES = {"OR": [0, 1, 1, 1], "AND": [0, 0, 0, 1], "XOR": [0, 1, 1, 0]}


def network(hidden, activation, loss, epochs):
    """A function that fits a network to a gate and returns its outputs for any points."""

    def fit(y):
        fastnn.utils.set_random_seed(5)
        stack = [layers.Dense(hidden, activation="tanh")] if hidden else []
        model = fastnn.Sequential([fastnn.Input((2,)), *stack, layers.Dense(1, activation=activation)], dtype="float64")
        model.compile(fastnn.optimizers.Adam(0.05), loss)
        model.fit(X, y, batch_size=4, epochs=epochs, verbose=0)
        return lambda points: model.predict(points, verbose=0)[:, 0]

    return fit


def perceptron(y):
    neuron = Perceptron(max_iter=50).fit(X, y)
    return lambda points: neuron.predict(points).astype(float)


def models(short):
    epochs = 20 if short else 1000
    return {
        "linear regression": network(0, None, "mse", epochs),
        "logistic regression": network(0, "sigmoid", "binary_crossentropy", epochs),
        "perceptron": perceptron,
        "network 2-3-1": network(3, "sigmoid", "binary_crossentropy", epochs),
    }


def run(short):
    found = models(short)
    figure, axes = gallery.axes_grid(3, 4, "Logic gates: XOR needs a hidden layer", size=(2.9, 2.6))
    line, rows = np.linspace(-0.5, 1.5, 81), []
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    for places, (gate, y) in zip(axes, GATES.items(), strict=True):
        for place, (name, fit) in zip(places, found.items(), strict=True):
            output = fit(np.array(y, float))
            place.contourf(line, line, output(grid).reshape(81, 81), levels=np.linspace(-1, 2, 31), cmap="coolwarm", alpha=0.6)
            place.contour(line, line, output(grid).reshape(81, 81), levels=[0.5], colors="k", linewidths=1.2)
            place.scatter(*X.T, c=y, cmap="coolwarm", s=60, edgecolors="k", zorder=3)
            right = int(np.sum((output(X) > 0.5) == y))
            place.set(title=f"{gate}, {name}: {right} of 4", xticks=[0, 1], yticks=[0, 1])
            rows.append((f"{gate}, {name}", *(float(v) for v in output(X)), f"{right} of 4"))
    return figure, gallery.table(("gate", "(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)", "right"), rows)


if __name__ == "__main__":
    gallery.main(run)
