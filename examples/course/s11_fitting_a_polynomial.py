"""Fitting y = x0^2 + 3 x0 x1 + x1^2 + 5 with a network of two hidden layers, and where it has seen no data."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.optimizers.schedules import CosineDecay


def polynomial(x):
    return (x[:, :1] ** 2 + 3 * x[:, :1] * x[:, 1:] + x[:, 1:] ** 2 + 5).astype("float32")


def run(short):
    epochs, rng = (5 if short else 200), np.random.default_rng(0)
    x, held_out = (rng.uniform(-2, 2, (n, 2)).astype("float32") for n in (2000, 500))
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential(
        [fastnn.Input((2,)), layers.Dense(32, activation="tanh"), layers.Dense(32, activation="tanh"), layers.Dense(1)]
    )
    model.compile(fastnn.optimizers.Adam(CosineDecay(0.01, epochs * 63)), "mse")
    history = model.fit(x, polynomial(x), validation_data=(held_out, polynomial(held_out)), epochs=epochs, verbose=0).history

    figure, ((left, middle, right),) = gallery.axes_grid(1, 3, "$y = x_0^2 + 3 x_0 x_1 + x_1^2 + 5$, network 2-32-32-1", size=(4.6, 3.6))
    left.semilogy(history["loss"], label="training")
    left.semilogy(history["val_loss"], label="held out")
    left.set(title=f"mean squared error: {history['val_loss'][-1]:.2g} at the end", xlabel="epoch")
    left.legend()
    line = np.linspace(-3, 3, 121)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype("float32")
    output, truth = (y.reshape(121, 121) for y in (model.predict(grid, verbose=0), polynomial(grid)))
    middle.contour(line, line, truth, levels=range(-6, 50, 4), colors="0.6", linewidths=1.5)
    middle.contour(line, line, output, levels=range(-6, 50, 4), colors="tab:blue", linewidths=0.9)
    middle.set(title="the network's contours over the true ones (grey)", xlabel="$x_0$", ylabel="$x_1$")
    shades = right.pcolormesh(line, line, np.log10(np.abs(output - truth) + 1e-6), cmap="viridis", shading="auto")
    figure.colorbar(shades, ax=right, label="log10 of the error")
    right.set(title="large outside of the data's square", xlabel="$x_0$", ylabel="$x_1$")
    for axes in (middle, right):
        axes.plot([-2, 2, 2, -2, -2], [-2, -2, 2, 2, -2], "r--", lw=1)
    inside = np.abs(grid).max(axis=1).reshape(121, 121) <= 2
    error = np.abs(output - truth)
    rows = [("inside [-2, 2]²", float(error[inside].mean()), float(error[inside].max()))]
    rows.append(("outside", float(error[~inside].mean()), float(error[~inside].max())))
    return figure, gallery.table(("where", "mean error", "largest"), rows)


if __name__ == "__main__":
    gallery.main(run)
