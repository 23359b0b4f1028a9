"""Universal approximation: one hidden layer comes as near to a function as it has units for (Cybenko 1989; Hornik 1991)."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.optimizers.schedules import CosineDecay

WIDTHS = (1, 2, 4, 8, 32, 128)


def function(x):
    return np.sin(6 * x) * np.exp(-x) + 2 * np.abs(x)


def fitted(width, epochs):
    x = np.linspace(-1, 1, 400, dtype="float32")[:, None]
    best, best_loss = None, np.inf
    for seed in range(3):  # small nets may get stuck: the best of three
        fastnn.utils.set_random_seed(seed)
        spread = fastnn.initializers.RandomUniform(-8, 8, seed=seed)
        hidden = layers.Dense(
            width, activation="tanh", kernel_initializer=spread, bias_initializer=fastnn.initializers.RandomUniform(-6, 6, seed=seed + 9)
        )
        model = fastnn.Sequential([fastnn.Input((1,)), hidden, layers.Dense(1)])
        model.compile(fastnn.optimizers.Adam(CosineDecay(0.02, epochs * 13)), "mse")
        model.fit(x, function(x), epochs=epochs, verbose=0)
        loss = model.evaluate(x, function(x), verbose=0)
        if loss < best_loss:
            best, best_loss = model.predict(x, verbose=0), loss
    return x, best, best_loss


def run(short):
    figure, axes = gallery.axes_grid(2, 4, "Universal approximation: one hidden layer of tanh", size=(3.6, 2.9))
    places, rows = [*axes[:, :3].ravel()], []
    for place, width in zip(places, WIDTHS, strict=True):
        x, y, loss = fitted(width, 10 if short else 1000)
        place.plot(x, function(x), color="0.6", lw=3, label="function")
        place.plot(x, y, color="tab:blue", label="network")
        place.set(title=f"{width} unit{'s' if width > 1 else ''}: mse {loss:.2g}")
        rows.append((width, loss, float(np.abs(y - function(x)).max())))
    places[0].legend()
    curve = axes[0, 3]
    curve.loglog(*np.array(rows)[:, :2].T, "o-", label="mean squared error")
    curve.loglog(*np.array(rows)[:, ::2].T, "s--", label="largest error")
    curve.set(title="error by width", xlabel="units")
    curve.legend()
    axes[1, 3].axis("off")
    return figure, gallery.table(("units", "mse", "largest error"), rows)


if __name__ == "__main__":
    gallery.main(run)
