"""Why symmetry must break: the same network from zero, constant and random initial weights.

Units of a layer that begin alike get the same gradient, so they stay alike for ever: four hidden units that are one. With zeros not
even that one learns, as its gradient is multiplied with weights that are zero.
"""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers
from fastnn.initializers import Constant, RandomNormal

STARTS = {"zeros": "zeros", "constant 0.5": Constant(0.5), "random N(0, 1)": RandomNormal(stddev=1.0, seed=3)}


def rings(n, seed=0):
    """Points of a disc, and whether they lie in its inner part."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    return x, (np.hypot(*x.T) < 0.65).astype(float)


def trained(start, epochs):
    """The losses, and the hidden kernel after each epoch, ``(epochs, 2, 4)``."""
    fastnn.utils.set_random_seed(1)
    first, last = (layers.Dense(n, activation=a, kernel_initializer=start) for n, a in ((4, "tanh"), (1, "sigmoid")))
    model = fastnn.Sequential([fastnn.Input((2,)), first, last])
    model.compile(fastnn.optimizers.SGD(0.5), "binary_crossentropy")
    kernels = []
    keep = fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kernels.append(first.kernel.numpy()))
    losses = model.fit(*rings(400), batch_size=20, epochs=epochs, callbacks=[keep], verbose=0).history["loss"]
    return losses, np.array(kernels)


def run(short):
    figure, axes = gallery.axes_grid(2, 3, "Why symmetry must break: points of a disc inside a ring, network 2-4-1", sharex=True)
    rows = []
    for (above, below), (name, start) in zip(axes.T, STARTS.items(), strict=True):
        losses, kernels = trained(start, 20 if short else 200)
        above.plot(losses, color="k")
        above.set(title=f"{name}: loss {losses[-1]:.3f} at the end", ylim=(0, 0.75), ylabel="loss")
        for unit in range(4):
            below.plot(kernels[:, 0, unit], color=gallery.COLOURS[unit], lw=4 - unit, label=f"unit {unit + 1}")
        below.set(xlabel="epoch", ylabel="weight from $x_1$ to a hidden unit")
        below.legend(loc="lower left", ncols=2)
        rows.append((name, losses[0], losses[-1], float(np.ptp(kernels[-1], axis=1).max())))
    return figure, gallery.table(("start", "first loss", "last loss", "units differ by"), rows)


if __name__ == "__main__":
    gallery.main(run)
