"""Every activation and its slope; and why there must be one: a linear net stays a line, however deep it is."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import activations, layers
from fastnn.activations import activations as catalogue
from fastnn.optimizers.schedules import CosineDecay

X = np.linspace(-4, 4, 1601)
SEVERAL = {"softmax": "of (x, 0)", "log_softmax": "of (x, 0)", "softmin": "of (x, 0)", "sparsemax": "of (x, 0)"}
"""What ties several numbers together, and which they are here; gates have x on both sides."""


def curve(name):
    """The activation along the line, and what the numbers are."""
    if name in SEVERAL:
        return activations.get(name)(np.c_[X, np.zeros_like(X)])[:, 0], SEVERAL[name]
    y = activations.get(name)(np.c_[X, X] if name.endswith("glu") else X)
    return y.reshape(len(X), -1)[:, 0], "of (x, x)" if name.endswith("glu") else ""


def draw_activation(axes, name):
    y, of = curve(name)
    jumps = np.abs(np.diff(y)) > 0.3
    slope = np.where(jumps, np.nan, np.diff(y) / np.diff(X))
    axes.plot(X, np.where(np.append(jumps, False), np.nan, y), color="tab:blue")
    axes.plot((X[1:] + X[:-1]) / 2, slope, color="tab:orange", lw=1, ls="--")
    axes.set(ylim=(-1.7, 2.2), xlim=(-4, 4))
    axes.set_title(f"{name} {of}", fontsize=8, pad=3)
    axes.tick_params(labelsize=6)


def sine_fit(activation, depth, epochs):
    fastnn.utils.set_random_seed(0)
    x = np.linspace(-1, 1, 200, dtype="float32")[:, None]
    hidden = [layers.Dense(20, activation=activation) for _ in range(depth)]
    model = fastnn.Sequential([fastnn.Input((1,)), *hidden, layers.Dense(1)])
    model.compile(fastnn.optimizers.Adam(CosineDecay(0.01, 7 * epochs)), "mse")
    model.fit(x, np.sin(np.pi * x), epochs=epochs, verbose=0)
    return x, model.predict(x, verbose=0), model.evaluate(x, np.sin(np.pi * x), verbose=0)


def draw_fits(axes, epochs):
    rows = []
    x = np.linspace(-1, 1, 200)
    axes.plot(x, np.sin(np.pi * x), color="0.7", lw=4, label="sine")
    for activation, depth, style in (("linear", 1, "-"), ("linear", 5, "--"), ("tanh", 1, "-"), ("relu", 2, "-")):
        _, y, loss = sine_fit(activation, depth, epochs)
        axes.plot(x, y, style, label=f"{activation}, {depth} hidden: {loss:.2g}")
        rows.append((f"{activation}, {depth} hidden layers", loss))
    axes.set_title("linear nets stay linear", fontsize=9)
    axes.legend(fontsize=6, loc="upper left")
    return rows


def run(short):
    names = list(catalogue.members)
    columns = 7
    rows = -(-len(names) // columns)
    figure = gallery.plt.figure(figsize=(14.5, 1.75 * rows + 3.2), layout="constrained")
    figure.suptitle("Activations (blue) and their slopes (orange, dashed)", fontsize=12)
    grid = figure.add_gridspec(rows + 2, columns)
    for place, name in enumerate(names):
        draw_activation(figure.add_subplot(grid[place // columns, place % columns]), name)
    fits = draw_fits(figure.add_subplot(grid[rows:, 1:-1]), 5 if short else 300)
    return figure, gallery.table(("network", "mean squared error of sine"), fits)


if __name__ == "__main__":
    gallery.main(run)
