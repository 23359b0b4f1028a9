"""Before a long training: learn a few samples by heart, search settings from coarse to fine, judge by folds (through scikit-learn).

1. A network that can't learn 20 samples by heart has a bug or is too small: the loss must go to zero.
2. Learning rate and penalty are drawn at random in log space, a few epochs each; then again where it went best.
3. The best settings are judged by five folds, which says how much a score is worth.
"""

from __future__ import annotations

import gallery
import numpy as np
from matplotlib.ticker import NullFormatter
from sklearn.model_selection import KFold

import fastnn
from fastnn import datasets, layers


def digits():
    x, y = datasets.digits.load_data()[0]
    return (x.reshape(len(x), -1) / x.max()).astype("float32"), y


def model_of(rate, penalty, seed=0):
    fastnn.utils.set_random_seed(seed)
    regularizer = fastnn.regularizers.L2(penalty) if penalty else None
    hidden = layers.Dense(50, activation="relu", kernel_regularizer=regularizer)
    model = fastnn.Sequential([fastnn.Input((64,)), hidden, layers.Dense(10, activation="softmax", kernel_regularizer=regularizer)])
    model.compile(fastnn.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def by_heart(epochs):
    x, y = digits()
    return model_of(0.05, 0.0).fit(x[:20], y[:20], epochs=epochs, verbose=0).history["loss"]


def search(count, epochs, rates, penalties, seed):
    """Rows of rate, penalty and validation accuracy."""
    (x, y), rng, rows = digits(), np.random.default_rng(seed), []
    half = len(x) // 2
    for _ in range(count):
        rate, penalty = (10 ** rng.uniform(*np.log10(bounds)) for bounds in (rates, penalties))
        history = model_of(rate, penalty).fit(x[:half], y[:half], validation_data=(x[half:], y[half:]), epochs=epochs, verbose=0).history
        rows.append((rate, penalty, history["val_accuracy"][-1]))
    return np.array(rows)


def around(rows):
    """The bounds of the best fifth of a search."""
    best = rows[np.argsort(rows[:, 2])[-max(3, len(rows) // 5) :]]
    return best[:, 0].min(), best[:, 0].max(), best[:, 1].min(), best[:, 1].max()


def folds(rate, penalty, epochs):
    x, y = digits()
    scores = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(x):
        model = model_of(rate, penalty)
        model.fit(x[train], y[train], epochs=epochs, verbose=0)
        scores.append(model.evaluate(x[test], y[test], verbose=0)[1])
    return scores


def run(short):
    count, epochs = (4, 1) if short else (60, 10)
    figure, ((a, b, c, d),) = gallery.axes_grid(1, 4, "Before a long training", size=(4.0, 3.4))
    losses = by_heart(20 if short else 300)
    a.semilogy(losses)
    a.set(title=f"20 samples by heart: loss {losses[-1]:.1e}", xlabel="epoch")
    coarse = search(count, epochs, (1e-5, 10), (1e-6, 1), seed=1)
    low, high, weak, strong = around(coarse)
    fine = search(count, epochs, (low, high), (weak, strong), seed=2)
    for axes, rows, name in ((b, coarse, "coarse"), (c, fine, "fine")):
        shades = axes.scatter(*rows[:, :2].T, c=rows[:, 2], cmap="viridis", vmin=0.5, vmax=1, s=30)
        axes.set(title=f"{name}: {rows[:, 2].max():.3f} at best", xlabel="learning rate", ylabel="L2 penalty", xscale="log", yscale="log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    b.add_patch(gallery.plt.Rectangle((low, weak), high - low, strong - weak, fill=False, color="tab:red"))
    figure.colorbar(shades, ax=[b, c], label="validation accuracy")
    rate, penalty, best = fine[fine[:, 2].argmax()]
    scores = folds(rate, penalty, epochs)
    d.bar(range(1, 6), scores, color="tab:blue", alpha=0.7)
    d.axhline(np.mean(scores), color="k", ls="--")
    d.set(title=f"five folds: {np.mean(scores):.3f} ± {np.std(scores):.3f}", xlabel="fold", ylim=(min(scores) - 0.05, 1))
    rows = [("coarse", float(coarse[:, 2].max())), ("fine", float(best)), ("five folds", float(np.mean(scores)))]
    return figure, gallery.table(("search", "accuracy"), rows) + f"\nrate {rate:.3g}, penalty {penalty:.2g}, loss by heart {losses[-1]:.1e}"


if __name__ == "__main__":
    gallery.main(run)
