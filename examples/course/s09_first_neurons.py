"""The first neurons: McCulloch and Pitts' gates, and Hebb's rule, which fails where a perceptron doesn't."""

from __future__ import annotations

import gallery
import numpy as np

from fastnn.classic import AND, NAND, NOR, OR, XOR, Hebb, Perceptron

BIPOLAR = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], float)
BINARY = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], float)
CASES = {
    "AND of -1 and 1: learned": (BIPOLAR, [1, -1, -1, -1], (-1, 1)),
    "AND of 0 and 1: a target 0 teaches nothing": (BINARY, [1, 0, 0, 0], (0, 1)),
    "XOR: no line will do": (BIPOLAR, [-1, 1, 1, -1], (-1, 1)),
}
THREE = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], float), np.array([1, -1, -1, -1])
"""A plane separates these, yet Hebb's sums are all zero."""


def draw_rule(axes, title, x, y, codes):
    neuron = Hebb(codes=codes).fit(x, y)
    (w1, w2), b = np.ravel(neuron.coef_), float(np.ravel(neuron.intercept_)[0])
    line = np.linspace(-1.6, 1.6, 101)
    net = w1 * line[None, :] + w2 * line[:, None] + b
    axes.contourf(line, line, np.sign(net), levels=[-2, -0.5, 0.5, 2], colors=["tab:blue", "white", "tab:red"], alpha=0.25)
    axes.scatter(*x.T, c=["tab:red" if t > 0 else "tab:blue" for t in y], s=60, edgecolors="k", zorder=3)
    wrong = int(np.sum(neuron.predict(x) != np.array(y)))
    axes.set(title=f"{title}\nw = ({w1:g}, {w2:g}), b = {b:g}: {wrong} wrong", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    return title.partition(":")[0], f"({w1:g}, {w2:g})", b, wrong


def draw_gates(axes):
    gates = {"AND": AND(), "OR": OR(), "NAND": NAND(), "NOR": NOR(), "XOR": XOR()}
    x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    outputs = np.array([np.ravel(gate.predict(x)) for gate in gates.values()])
    axes.imshow(outputs, cmap="coolwarm", alpha=0.6, aspect="auto")
    for i, j in np.ndindex(*outputs.shape):
        axes.text(j, i, int(outputs[i, j]), ha="center", va="center")
    axes.set(title="McCulloch and Pitts' gates", xticks=range(4), yticks=range(len(gates)))
    axes.set_xticklabels([str(tuple(row)) for row in x])
    axes.set_yticklabels(list(gates))
    axes.grid(visible=False)


def run(short):
    figure, ((first, *others),) = gallery.axes_grid(1, 4, "The first neurons", size=(3.7, 3.7))
    draw_gates(first)
    rows = [draw_rule(axes, title, *case) for axes, (title, case) in zip(others, CASES.items(), strict=True)]
    x, y = THREE
    hebb, perceptron = Hebb().fit(x, y), Perceptron().fit(x, y)
    rows.append(
        ("three inputs", str(tuple(np.ravel(hebb.coef_).tolist())), float(np.ravel(hebb.intercept_)[0]), int(np.sum(hebb.predict(x) != y)))
    )
    rows.append(("the same, perceptron", str(tuple(np.ravel(perceptron.coef_).tolist())), float(np.ravel(perceptron.intercept_)[0]), 0))
    steps = Hebb().fit_steps(BIPOLAR, [1, -1, -1, -1])
    return figure, f"{gallery.table(('rule on', 'w', 'b', 'wrong'), rows)}\n\n{steps}"


if __name__ == "__main__":
    gallery.main(run)
