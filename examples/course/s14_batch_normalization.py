"""Batch normalization: in training (the batch's moments), in inference (moving averages), and what it does for training."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers


def moving_averages(steps):
    """One layer that sees batches of N(3, 2^2): its moving mean and variance after each."""
    layer, rng, found = layers.BatchNormalization(momentum=0.9), np.random.default_rng(0), []
    for _ in range(steps):
        layer(rng.normal(3, 2, (32, 1)), training=True)
        found.append((float(layer.moving_mean.numpy()[0]), float(layer.moving_variance.numpy()[0])))
    return layer, np.array(found)


def losses(norm, rate, epochs):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 10)) * np.geomspace(0.03, 30, 10)
    y = np.sin(x[:, :1] / 0.03) + x[:, 9:] / 30
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((10,))])
    for _ in range(4):
        if norm:
            model.add(layers.BatchNormalization())
        model.add(layers.Dense(50, activation="tanh"))
    model.add(layers.Dense(1))
    model.compile(fastnn.optimizers.SGD(rate), "mse")
    return model.fit(x, y, batch_size=50, epochs=epochs, verbose=0).history["loss"]


def run(short):
    steps, epochs = (20, 5) if short else (80, 60)
    figure, ((left, middle, right),) = gallery.axes_grid(1, 3, "Batch normalization in training and in inference", size=(4.8, 3.4))
    layer, moments = moving_averages(steps)
    left.plot(moments[:, 0], label="moving mean (3)")
    left.plot(moments[:, 1], label="moving variance (4)")
    left.axhline(3, color="tab:blue", ls=":", lw=1)
    left.axhline(4, color="tab:orange", ls=":", lw=1)
    left.set(title="batches of 32 from N(3, 2²), momentum 0.9", xlabel="step")
    left.legend()

    batch, rows = np.random.default_rng(5).normal(5, 1, (200, 1)), []
    for name, output in (("training", layer(batch, training=True)), ("inference", moving_averages(steps)[0](batch))):
        middle.hist(output.ravel(), bins=30, alpha=0.6, label=f"{name}: mean {output.mean():.2f}, deviation {output.std():.2f}")
        rows.append((name, float(output.mean()), float(output.std())))
    middle.set(title="the same batch from N(5, 1), in both modes")
    middle.legend()

    for norm, colour in ((False, "tab:red"), (True, "tab:blue")):
        for rate, style in ((0.003, ":"), (0.03, "-"), (0.1, "--")):
            found = losses(norm, rate, epochs)
            right.semilogy(
                np.minimum(found, 1e2),
                style,
                color=colour,
                label=f"{'with' if norm else 'without'}, {rate:g}{'' if np.isfinite(found[-1]) else ': diverges'}",
            )
    right.set(title="10 inputs of very different size, 4 layers", xlabel="epoch", ylabel="loss")
    right.legend(ncols=2)
    return figure, gallery.table(("mode", "mean", "deviation"), rows)


if __name__ == "__main__":
    gallery.main(run)
