"""Exploding and vanishing gradients in a deep linear net, and what helps: initial weights, clipping, batch normalization.

A net of L layers with the kernel c I computes c^L x, and its gradients are as large: with c = 1.5 they explode, with 0.5 they vanish.
"""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers, optimizers
from fastnn.initializers import Identity

WIDTH = 20


def net(depth, kernel, activation=None, norm=False, **compiled):
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((WIDTH,))], dtype="float64")
    for _ in range(depth):
        model.add(layers.Dense(WIDTH, activation=activation, kernel_initializer=kernel))
        if norm:
            model.add(layers.BatchNormalization())
    model.compile(compiled.get("optimizer", optimizers.SGD(0.0)), "mse")
    return model


def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, WIDTH))
    return x, x[:, ::-1].copy()


def gradient_norms(model):
    """The norm of each kernel's gradient, first layer first."""
    model.train_on_batch(*data())
    return [float(np.linalg.norm(layer.kernel.grad)) for layer in model.layers if isinstance(layer, layers.Dense)]


def draw_depth(axes, depth):
    for factor, colour in ((1.5, "tab:red"), (1.0, "tab:green"), (0.5, "tab:blue")):
        norms = gradient_norms(net(depth, Identity(gain=factor)))
        axes.semilogy(range(1, depth + 1), norms, "o-", ms=3, color=colour, label=f"kernel {factor} I")
    axes.set(title=f"{depth} linear layers", xlabel="layer", ylabel="norm of its gradient")
    axes.legend()


def draw_starts(axes, depth):
    kinds = {"N(0, 0.05)": fastnn.initializers.RandomNormal(stddev=0.05), "glorot_normal": "glorot_normal", "he_normal": "he_normal"}
    for name, kernel in kinds.items():
        axes.semilogy(range(1, depth + 1), gradient_norms(net(depth, kernel, "relu")), "o-", ms=3, label=name)
    axes.semilogy(
        range(1, depth + 1), gradient_norms(net(depth, kinds["N(0, 0.05)"], "relu", norm=True)), "s--", ms=3, label="N(0, 0.05), batch norm"
    )
    axes.set(title=f"cures: {depth} relu layers", xlabel="layer", ylabel="norm of its gradient")
    axes.legend()


def descent(rate, steps, **clip):
    """The weight of ``loss = (w^10 - 1)^2`` from 1.2, and its losses: a chain of ten layers of one unit that share their weight."""
    w, optimizer, path, losses = np.array([1.2]), optimizers.SGD(rate, **clip), [], []
    for _ in range(steps):
        with np.errstate(over="ignore"):
            output = w[0] ** 10
            losses.append((output - 1) ** 2)
        path.append(w[0])
        if not np.isfinite(losses[-1]):
            break
        optimizer.apply([np.array([2 * (output - 1) * 10 * w[0] ** 9])], [w])
    return path, losses


def draw_rates(axes, steps):
    for rate, clip in ((1e-4, {}), (1e-3, {}), (1e-2, {}), (1e-2, {"clipnorm": 1.0})):
        _, losses = descent(rate, steps, **clip)
        axes.semilogy(np.minimum(losses, 1e30), label=f"rate {rate:g}" + (", clipped" if clip else ""))
    axes.set(title="by learning rate: $(w^{10} - 1)^2$ from $w = 1.2$", xlabel="step", ylabel="loss", ylim=(1e-12, 1e30))
    axes.legend()


def clipped(gradient, **clip):
    moved = [np.zeros(2)]
    optimizers.SGD(1.0, **clip).apply([gradient], moved)
    return -moved[0]


def draw_clips(axes):
    gradient = np.array([3.0, 0.6])
    kinds = {"gradient (3, 0.6)": {}, "clipvalue=1": {"clipvalue": 1.0}, "clipnorm=1": {"clipnorm": 1.0}}
    for (name, clip), colour in zip(kinds.items(), gallery.COLOURS, strict=False):
        x, y = clipped(gradient, **clip)
        angle = np.degrees(np.arctan2(y, x))
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axes.plot([], [], color=colour, lw=2, label=f"{name}: {angle:.1f}°")
    axes.set(title="clipping by value turns the gradient, by norm not", xlim=(-0.2, 3.3), ylim=(-0.4, 1.6), aspect="equal")
    axes.legend(loc="upper left")


def run(short):
    depth = 10 if short else 30
    figure, ((a, b), (c, d)) = gallery.axes_grid(2, 2, "Exploding and vanishing gradients", size=(5.2, 3.4))
    draw_depth(a, depth)
    draw_starts(b, depth)
    draw_rates(c, 20 if short else 100)
    draw_clips(d)
    rows = []
    for factor in (1.5, 1.0, 0.5):
        norms = gradient_norms(net(depth, Identity(gain=factor)))
        output = float(np.abs(net(depth, Identity(gain=factor)).predict(data()[0], verbose=0)).max() / np.abs(data()[0]).max())
        rows.append((f"{factor} I", output, factor**depth, norms[0], norms[-1]))
    return figure, gallery.table(("kernel", "output / input", f"c^{depth}", "first gradient", "last gradient"), rows)


if __name__ == "__main__":
    gallery.main(run)
