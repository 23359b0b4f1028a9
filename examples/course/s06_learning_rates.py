"""A learning rate that is too small, good and too large; and rates that fall with time."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.optimizers import SGD
from fastnn.optimizers.schedules import CosineDecay, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay

RATES = {"too small, 0.0005": 0.0005, "good, 0.05": 0.05, "too large, 0.4": 0.4, "far too large, 0.9": 0.9}


def decays(steps):
    """Rates that all begin at 0.15, for so many steps."""
    return {
        "constant": 0.15,
        "exponential": ExponentialDecay(0.15, steps, 0.02),
        "1/t": InverseTimeDecay(0.15, steps, 20.0),
        "piecewise": PiecewiseConstantDecay([steps // 3, 2 * steps // 3], [0.15, 0.03, 0.006]),
        "linear": PolynomialDecay(0.15, steps, 0.0),
        "cosine": CosineDecay(0.15, steps),
    }


def noisy_wave(n=400):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, 1))
    return x, np.sin(5 * x) + rng.normal(scale=0.2, size=x.shape)


def losses(rate, epochs):
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((1,)), layers.Dense(30, activation="tanh"), layers.Dense(1)])
    model.compile(SGD(rate), "mse")
    return model.fit(*noisy_wave(), batch_size=20, epochs=epochs, verbose=0).history["loss"]


def run(short):
    epochs = 10 if short else 150
    steps = epochs * 20
    figure, ((left, middle, right),) = gallery.axes_grid(1, 3, "Learning rates", size=(4.6, 3.4))
    rows = []
    for name, rate in RATES.items():
        found = losses(rate, epochs)
        left.semilogy(np.clip(found, 0, 1e3), label=name + ("" if np.isfinite(found[-1]) else ": diverges"))
        rows.append((name, found[0], found[-1]))
    for name, rate in decays(steps).items():
        found = losses(rate, epochs)
        middle.plot([rate(step) if callable(rate) else rate for step in range(0, steps, 20)], label=name)
        right.semilogy(found, label=f"{name}: {found[-1]:.4f}")
        rows.append((f"0.15, {name}", found[0], found[-1]))
    left.set(title="constant rates", xlabel="epoch", ylabel="loss")
    middle.set(title="rates that fall", xlabel="epoch", ylabel="learning rate")
    right.set(title="what they come to (noise: 0.04)", xlabel="epoch", ylabel="loss")
    for axes in (left, middle, right):
        axes.legend()
    return figure, gallery.table(("rate", "first loss", "last loss"), rows)


if __name__ == "__main__":
    gallery.main(run)
