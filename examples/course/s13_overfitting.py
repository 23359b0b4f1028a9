"""Overfitting, and what helps: L1, L2, dropout, early stopping; 60 noisy points and a network that can learn them by heart."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.regularizers import L1, L2

CURES = {
    "nothing": {},
    **{f"L1, lambda {value}": {"regularizer": (L1, value)} for value in (0.001, 0.01, 0.1)},
    **{f"L2, lambda {value}": {"regularizer": (L2, value)} for value in (0.001, 0.01, 0.1)},
    "dropout 0.3": {"dropout": 0.3},
    "early stopping": {"patience": 30},
}


def moons(n, seed):
    """Two half circles in each other's arms, with noise."""
    rng = np.random.default_rng(seed)
    angle, label = rng.uniform(0, np.pi, n), np.arange(n) % 2
    x = np.where(label[:, None], np.c_[1 - np.cos(angle), 0.5 - np.sin(angle)], np.c_[np.cos(angle), np.sin(angle)])
    return (x + rng.normal(scale=0.3, size=x.shape)).astype("float32"), label.astype("float32")


def trained(epochs, regularizer=None, dropout=0.0, patience=0):
    fastnn.utils.set_random_seed(0)
    penalty = regularizer[0](regularizer[1]) if regularizer else None
    model = fastnn.Sequential([fastnn.Input((2,))])
    for _ in range(2):
        model.add(layers.Dense(100, activation="relu", kernel_regularizer=penalty))
        if dropout:
            model.add(layers.Dropout(dropout, seed=1))
    model.add(layers.Dense(1, activation="sigmoid", kernel_regularizer=penalty))
    model.compile(fastnn.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy", "binary_crossentropy"])
    stop = [fastnn.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)] if patience else []
    history = model.fit(*moons(60, 0), validation_data=moons(1000, 1), batch_size=20, epochs=epochs, callbacks=stop, verbose=0)
    return model, history.history


def draw_boundary(axes, model):
    line = np.linspace(-2, 3, 100), np.linspace(-1.7, 2.2, 100)
    grid = np.stack(np.meshgrid(*line), axis=-1).reshape(-1, 2)
    axes.contourf(*line, model.predict(grid, verbose=0).reshape(100, 100), levels=[0, 0.1, 0.5, 0.9, 1], cmap="coolwarm", alpha=0.5)
    x, label = moons(60, 0)
    axes.scatter(*x.T, c=label, cmap="coolwarm", s=12, edgecolors="k", linewidths=0.4)
    axes.set(xticks=[], yticks=[])


def run(short):
    figure, axes = gallery.axes_grid(3, 6, "Overfitting 60 points with 2-100-100-1, and what helps", size=(3.0, 2.5))
    rows = []
    for number, (name, cure) in enumerate(CURES.items()):
        curves, boundary = axes[number // 3, 2 * (number % 3) : 2 * (number % 3) + 2]
        model, history = trained(10 if short else 400, **cure)
        scores = [model.evaluate(*moons(*which), verbose=0, return_dict=True) for which in ((60, 0), (1000, 1))]
        curves.semilogy(history["binary_crossentropy"], label="training")
        curves.semilogy(history["val_binary_crossentropy"], label="held out")
        curves.set(title=name, ylim=(1e-3, 5))
        draw_boundary(boundary, model)
        boundary.set_title(f"accuracy {scores[0]['accuracy']:.2f} / {scores[1]['accuracy']:.3f}")
        rows.append((name, *(score[key] for key in ("accuracy", "binary_crossentropy") for score in scores)))
    axes[0, 0].legend()
    return figure, gallery.table(("cure", "accuracy", "held out", "crossentropy", "held out"), rows)


if __name__ == "__main__":
    gallery.main(run)
