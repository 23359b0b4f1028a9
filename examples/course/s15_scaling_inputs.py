"""Bringing inputs to scale: z-score, min-max, whitening by principal components; the data, the cost's shape, and how fast it learns."""

from __future__ import annotations

import gallery
import numpy as np

import fastnn
from fastnn import layers

KINDS = {
    "as they are": None,
    "z-score": layers.Normalization,
    "min-max": layers.MinMaxScaling,
    "robust": layers.RobustScaling,
    "PCA whitening": layers.PCAWhitening,
}


def samples(n=400):
    """Two features that go together, of different size, far from zero; and a line to be learned from them."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, 2)) @ [[1.0, 0.8], [0.0, 0.3]]
    x = a * [3.0, 0.5] + [8.0, -2.0]
    return x, (a @ [[1.0], [-2.0]] + rng.normal(scale=0.05, size=(n, 1)))


def scaled(kind):
    x, _ = samples()
    if kind is None:
        return x
    layer = kind()
    layer.adapt(x)
    return layer(x)


def condition(z):
    """How much longer than wide the bowl of the squared error is: the ratio of the Hessian's eigenvalues, bias included."""
    eigenvalues = np.linalg.eigvalsh(np.cov(np.c_[z, np.ones(len(z))].T, bias=True) + np.outer(*[np.append(z.mean(axis=0), 1.0)] * 2))
    return float(eigenvalues[-1] / eigenvalues[0])


def losses(z, epochs):
    """Full gradient descent at nine tenths of the largest rate that doesn't diverge."""
    _, y = samples()
    inputs = np.c_[z, np.ones(len(z))]
    largest = float(np.linalg.eigvalsh(2 * inputs.T @ inputs / len(z))[-1])
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(1, kernel_initializer="zeros")], dtype="float64")
    model.compile(fastnn.optimizers.SGD(0.9 * 2 / largest), "mse")
    return model.fit(z, y, batch_size=len(z), epochs=epochs, verbose=0).history["loss"]


def run(short):
    figure, axes = gallery.axes_grid(2, 3, "Bringing inputs to scale", size=(4.2, 3.2))
    rows = []
    for place, (name, kind), colour in zip(axes.ravel(), KINDS.items(), gallery.COLOURS, strict=False):
        z = scaled(kind)
        found, stretched = losses(z, 10 if short else 300), condition(z)
        place.scatter(*z.T, s=5, color=colour, alpha=0.6)
        place.set(title=f"{name}\ncondition {stretched:.3g}", aspect="equal")
        place.axhline(0, color="k", lw=0.6)
        place.axvline(0, color="k", lw=0.6)
        axes[-1, -1].semilogy(found, color=colour, label=name)
        correlation = float(np.corrcoef(z.T)[0, 1])
        rows.append((name, *map(float, z.mean(axis=0)), *map(float, z.std(axis=0)), round(correlation, 12), stretched, found[-1]))
    axes[-1, -1].set(title="loss by epoch,\neach at its best rate", xlabel="epoch")
    axes[-1, -1].legend(fontsize=7)
    head = ("inputs", "mean 1", "mean 2", "deviation 1", "deviation 2", "correlation", "condition", "last loss")
    return figure, gallery.table(head, rows)


if __name__ == "__main__":
    gallery.main(run)
