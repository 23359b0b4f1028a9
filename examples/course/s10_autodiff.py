"""Automatic differentiation on paper: exp(x^2), sqrt(x^2 + exp(x^2)), and x^2 y / z at (3, 4, 2), in both modes, with what they cost."""

from __future__ import annotations

import gallery
import numpy as np

from fastnn.autodiff import count_operations, grad, graph, jvp

EXPRESSIONS = {
    "exp(x²) at 1.5": (lambda x: np.exp(x**2), (1.5,)),
    "sqrt(x² + exp(x²)) at 1.5": (lambda x: np.sqrt(x**2 + np.exp(x**2)), (1.5,)),
    "x² y / z at (3, 4, 2)": (lambda x, y, z: x**2 * y / z, (3.0, 4.0, 2.0)),
}


def gradients(f, at):
    """The gradient by reverse mode, in one pass back, and by forward mode, in one pass for each input."""
    reverse = grad(f, argnums=tuple(range(len(at))))(*at)
    units = np.eye(len(at))
    forward = tuple(jvp(f, at, tuple(unit))[1] for unit in units)
    return tuple(map(float, reverse)), tuple(map(float, forward))


def by_hand():
    """The same derivatives from the formulas."""
    x = 1.5
    e = np.exp(x * x)
    return [(float(2 * x * e),), (float((x + x * e) / np.sqrt(x * x + e)),), (12.0, 4.5, -9.0)]


def run(short):
    figure, ((a, b), (c, costs)) = gallery.axes_grid(2, 2, "Automatic differentiation", size=(7.0, 3.2))
    texts, bars = [], []
    for place, (name, (f, at)), exact in zip((a, b, c), EXPRESSIONS.items(), by_hand(), strict=True):
        shown, (reverse, forward) = graph(f, *at), gradients(f, at)
        shown.plot(ax=place)
        place.set_title(name)
        counts = count_operations(f, *at)
        bars.append((name, counts))
        texts += [name, str(shown), f"reverse mode {reverse}\nforward mode {forward}\nby hand      {exact}", str(counts), ""]
    totals = {name: [row[-1] for row in counts.rows] for name, counts in bars}
    for number, (name, total) in enumerate(totals.items()):
        costs.bar(np.arange(3) + 0.27 * (number - 1), total, 0.25, color=gallery.COLOURS[number], label=name)
    costs.set(title="operations", xticks=range(3))
    costs.set_xticklabels(["value", "forward mode", "reverse mode"])
    costs.legend(fontsize=7)
    return figure, "\n".join(texts)


if __name__ == "__main__":
    gallery.main(run)
