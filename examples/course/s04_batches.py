"""Gradient descent, stochastic and in mini-batches: the paths of two weights over the cost's contours, and the costs."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers, optimizers

KINDS = {"all 200 samples a step": (200, "tab:blue"), "mini-batches of 20": (20, "tab:green"), "one sample a step": (1, "tab:red")}


def line(n=200):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, 1))
    return x, 1.5 * x + 0.5 + rng.normal(scale=0.4, size=x.shape)


def trained(batch_size, epochs):
    """Slope and intercept after each step, and the cost of all samples after each epoch."""
    x, y = line()
    fastnn.utils.set_random_seed(2)
    model = fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1)], dtype="float64")
    model.set_weights([[[-1.0]], [-1.0]])
    model.compile(optimizers.SGD(0.1), "mse")
    path, costs = [(-1.0, -1.0)], [model.evaluate(x, y, verbose=0)]

    def step(batch, logs):
        path.append(tuple(float(w.ravel()[0]) for w in model.get_weights()))

    watch = fastnn.callbacks.LambdaCallback(
        on_train_batch_end=step, on_epoch_end=lambda epoch, logs: costs.append(model.evaluate(x, y, verbose=0))
    )
    model.fit(x, y, batch_size=batch_size, epochs=epochs, callbacks=[watch], verbose=0)
    return np.array(path), costs


def draw_contours(axes):
    x, y = line()
    w, b = np.meshgrid(np.linspace(-1.3, 2.3, 80), np.linspace(-1.3, 1.3, 80))
    cost = np.mean((w[..., None] * x[:, 0] + b[..., None] - y[:, 0]) ** 2, axis=-1)
    axes.contour(w, b, cost, levels=np.geomspace(cost.min() * 1.02, cost.max(), 14), colors="0.7", linewidths=0.8)


def run(short):
    epochs = 5 if short else 30
    figure, axes = gallery.axes_grid(1, 4, "Gradient descent, in mini-batches, and stochastic; rate 0.1")
    rows = []
    for place, (name, (batch_size, colour)) in zip(axes[0], KINDS.items(), strict=False):
        path, costs = trained(batch_size, epochs)
        draw_contours(place)
        place.plot(*path.T, ".-", ms=2, lw=0.7, color=colour)
        place.plot(*path[-1], "k*", ms=9)
        place.set(title=f"{name}: {len(path) - 1} steps", xlabel="slope", ylabel="intercept", xlim=(-1.3, 2.3), ylim=(-1.3, 1.3))
        axes[0, -1].semilogy(costs, color=colour, label=name)
        rows.append((name, len(path) - 1, costs[0], costs[1], costs[-1]))
    axes[0, -1].set(title="cost of all samples", xlabel="epoch")
    axes[0, -1].legend()
    return figure, gallery.table(("batches", "steps", "cost at first", "after 1 epoch", "at the end"), rows)


if __name__ == "__main__":
    gallery.main(run)
