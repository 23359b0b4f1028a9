"""Gradient descent, momentum, Nesterov, Adagrad, RMSprop and Adam: costs of a network at alpha = 0.001, and paths on a valley.

The valley is f = x1^2 + x1 x2 + 4 x2^2 from (3, 3), whose gradient is (2 x1 + x2, x1 + 8 x2).
"""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.optimizers import SGD, Adagrad, Adam, RMSprop

KINDS = {
    "gradient descent": lambda rate: SGD(rate),
    "momentum 0.9": lambda rate: SGD(rate, momentum=0.9),
    "Nesterov 0.9": lambda rate: SGD(rate, momentum=0.9, nesterov=True),
    "Adagrad": lambda rate: Adagrad(rate),
    "RMSprop": lambda rate: RMSprop(rate),
    "Adam": lambda rate: Adam(rate),
}
RATES = {"gradient descent": 0.1, "momentum 0.9": 0.02, "Nesterov 0.9": 0.02, "Adagrad": 1.0, "RMSprop": 0.1, "Adam": 0.5}
"""On the valley; with 0.001 nobody would get anywhere in 60 steps."""


def f(x1, x2):
    return x1 * x1 + x1 * x2 + 4 * x2 * x2


def path(optimizer, steps):
    x, points = np.array([3.0, 3.0]), [(3.0, 3.0)]
    for _ in range(steps):
        optimizer.apply([np.array([2 * x[0] + x[1], x[0] + 8 * x[1]])], [x])
        points.append(tuple(x))
    return np.array(points)


def costs(optimizer, epochs):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (500, 2))
    y = np.sin(3 * x[:, :1]) * x[:, 1:]
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(32, activation="tanh"), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model.fit(x, y, batch_size=50, epochs=epochs, verbose=0).history["loss"]


def run(short):
    epochs, steps = (20, 10) if short else (300, 60)
    figure, axes = gallery.axes_grid(2, 4, "Optimizers", size=(3.8, 3.2))
    left, places = axes[0, 0], [*axes[0, 1:], *axes[1, 1:]]
    x1, x2 = np.meshgrid(np.linspace(-3.5, 3.5, 90), np.linspace(-3.5, 3.5, 90))
    rows = []
    for (name, make), place, colour in zip(KINDS.items(), places, gallery.COLOURS, strict=False):
        losses, points = costs(make(0.001), epochs), path(make(RATES[name]), steps)
        left.semilogy(losses, color=colour, label=name)
        axes[1, 0].semilogy(np.maximum(f(*points.T), 1e-16), color=colour, label=f"{name}, {RATES[name]:g}")
        place.contour(x1, x2, f(x1, x2), levels=np.geomspace(0.1, 70, 10), colors="0.7", linewidths=0.8)
        place.plot(*points.T, ".-", ms=4, lw=1, color=colour)
        place.set(title=f"{name}, rate {RATES[name]:g}", xlabel="$x_1$", ylabel="$x_2$")
        rows.append((name, losses[0], losses[-1], RATES[name], float(f(*points[-1]))))
    left.set(title="cost of a network 2-32-1, alpha = 0.001", xlabel="epoch")
    axes[1, 0].set(title="$f = x_1^2 + x_1 x_2 + 4 x_2^2$ from (3, 3)", xlabel="step")
    left.legend()
    axes[1, 0].legend()
    head = ("optimizer", "first cost", f"cost after {epochs} epochs", "rate on f", f"f after {steps} steps")
    return figure, gallery.table(head, rows)


if __name__ == "__main__":
    gallery.main(run)
