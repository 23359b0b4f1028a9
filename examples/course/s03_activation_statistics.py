"""Mean and deviation of the activations, layer by layer, in a net of 10 layers of 500 units.

Theory (mean field): if a layer's inputs have the mean square q and its weights the variance v, its pre-activations are normal with
variance s = 500 v q, and its outputs have the moments of f(sqrt(s) X), X standard normal. Weights are drawn several times: the table says
how far measured means and mean squares lie from theory in standard errors of these draws.
"""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.initializers import GlorotNormal, HeNormal, RandomNormal

UNITS, LAYERS, SAMPLES = 500, 10, 200
STARTS = {
    "N(0, 0.01²)": (RandomNormal, 0.01),
    "N(0, 1)": (RandomNormal, 1.0),
    "Xavier": (GlorotNormal, UNITS**-0.5),
    "He": (HeNormal, (2 / UNITS) ** 0.5),
}
FUNCTIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}
GRID = np.linspace(-12, 12, 200_001)
DENSITY = np.exp(-GRID * GRID / 2) / np.sqrt(2 * np.pi) * (GRID[1] - GRID[0])


def start(name, seed):
    kind, deviation = STARTS[name]
    return kind(stddev=deviation, seed=seed) if kind is RandomNormal else kind(seed=seed)


def outputs_of(name, activation, draw):
    """The outputs of each layer for normal samples."""
    model = fastnn.Sequential([fastnn.Input((UNITS,))])
    for number in range(LAYERS):
        model.add(layers.Dense(UNITS, activation=activation, kernel_initializer=start(name, 1 + number + LAYERS * draw)))
    a, outputs = np.random.default_rng(draw).normal(size=(SAMPLES, UNITS)).astype("float32"), []
    for layer in model.layers:
        a = layer(a)
        outputs.append(a)
    return outputs


def theory(name, activation):
    """Mean and mean square of each layer's outputs."""
    square, moments = 1.0, []
    for _ in range(LAYERS):
        values = FUNCTIONS[activation](np.sqrt(UNITS * STARTS[name][1] ** 2 * square) * GRID)
        mean, square = float(values @ DENSITY), float(values**2 @ DENSITY)
        moments.append((abs(round(mean, 12)), square))  # tanh: 0
    return np.array(moments)


def measured(name, activation, draws):
    """The outputs of the first draw of weights, and of all draws each layer's mean and mean square, ``(draws, layers, 2)``."""
    made = [outputs_of(name, activation, draw) for draw in range(draws)]
    return made[0], np.array([[(a.mean(dtype=float), np.square(a, dtype=float).mean()) for a in outputs] for outputs in made])


def draw_deviations(axes, moments, expected):
    layer = np.arange(1, LAYERS + 1)
    deviations = np.sqrt(moments[..., 1] - moments[..., 0] ** 2)
    axes.semilogy(layer, deviations.T, ".", ms=4, color="tab:blue", alpha=0.5)
    axes.semilogy(layer, np.sqrt(expected[:, 1] - expected[:, 0] ** 2), "k-", lw=1, label="deviation in theory")
    low, high = axes.get_ylim()
    axes.set(xlabel="layer", ylim=(min(low, high / 10), max(high, low * 10)))
    axes.legend(fontsize=6)


def draw_histograms(axes, outputs):
    for depth, colour in ((1, "tab:blue"), (5, "tab:orange"), (10, "tab:red")):
        a = outputs[depth - 1].ravel()
        spread = float(np.abs(a).max()) or 1.0
        counts, edges = np.histogram(a / spread, bins=40, range=(-1, 1))
        axes.stairs(counts / counts.max(), edges, color=colour, label=f"layer {depth}, ±{spread:.2g}")
    axes.set(ylim=(0, 1.9), yticks=[])
    axes.legend(fontsize=6, loc="upper right")


def run(short):
    cases = [(name, activation) for activation in FUNCTIONS for name in STARTS]
    figure, axes = gallery.axes_grid(4, 4, "Activations of 10 layers of 500 units", size=(3.6, 2.3))
    rows = []
    for number, (name, activation) in enumerate(cases):
        (outputs, moments), expected = measured(name, activation, 3 if short else 16), theory(name, activation)
        above, below = axes[2 * (number // 4) : 2 * (number // 4) + 2, number % 4]
        above.set_title(f"{activation}, {name}")
        draw_deviations(above, moments, expected)
        draw_histograms(below, outputs)
        found, error = moments.mean(axis=0), moments.std(axis=0, ddof=1) / len(moments) ** 0.5
        away = (found - expected) / np.maximum(error, 1e-30)
        for i in (0, 1, 4, 9):
            rows.append((f"{activation} {name}", i + 1, found[i, 0], expected[i, 0], away[i, 0], found[i, 1], expected[i, 1], away[i, 1]))
    head = ("start", "layer", "mean", "theory", "errors away", "mean square", "theory", "errors away")
    return figure, gallery.table(head, rows)


if __name__ == "__main__":
    gallery.main(run)
