"""Graphs of small expressions, printed and drawn, and how many operations their derivatives take."""

import re

import matplotlib
import numpy as np
import pytest

from fastnn.autodiff import count_operations, graph

matplotlib.use("Agg")


def quotient(x, y, z):
    return x**2 * y / z


def nested(x):
    return np.sqrt(x**2 + np.exp(x**2))


def test_every_step_of_the_quotient():
    made = graph(quotient, 3, 4, 2)
    assert made["node"] == ["x", "y", "z", "v1", "v2", "v3"]
    assert made["inputs"] == ["", "", "", "x", "v1, y", "v2, z"]
    assert [float(v) for v in made["value"]] == [3, 4, 2, 9, 36, 18]
    assert [float(g) for g in made["gradient"]] == [12, 4.5, -9, 2, 0.5, 1]
    assert [node.expression for node in made.nodes[3:]] == ["square(x)", "v1 * y", "v2 / z"]


@pytest.mark.parametrize(("seed", "slopes"), [((1, 0, 0), [6, 24, 12]), ((0, 1, 0), [0, 9, 4.5]), ((0, 0, 1), [0, 0, -9])])
def test_forward_mode_carries_the_change_along(seed, slopes):
    table = graph(quotient, 3, 4, 2).forward(*seed)
    assert [float(t) for t in table["tangent"]] == [*seed, *slopes]


def test_shared_parts_add_up():
    e = np.e
    made = graph(nested, 1.0)
    by_name = {node.name: node for node in made.nodes}
    assert by_name["x"].gradient == pytest.approx((1 + e) / np.sqrt(1 + e), rel=1e-15)
    assert by_name["v4"].parents == ("v1", "v3") and by_name["v5"].op == "sqrt"


def test_what_the_text_form_says():
    text = str(graph(lambda x, w: np.sum(np.tanh(x @ w), axis=0)[0] * 2.5 + np.zeros(2)[0], np.ones((2, 3)), np.ones((3, 1))))
    for words in ("matmul", "x, w", "v1", "axis=0", "index=0", "2.5", r"\[\[3\.\] \[3\.\]\]"):
        assert re.search(words, text), words
    assert str(graph(np.exp, 0.0)).splitlines()[-1].split() == ["v1", "exp", graph(np.exp, 0.0)["node"][0], "1", "1"]


def test_unused_inputs_have_no_gradient():
    made = graph(lambda x, y: 2 * x, 1.0, 5.0)
    assert made["node"] == ["x", "y", "v1"] and made["gradient"][1] == 0
    assert made.plot() is not None


def test_names():
    assert graph(quotient, 3, 4, 2, names=["a", "b", "c"])["inputs"][-2:] == ["v1, b", "v2, c"]
    assert graph(lambda *xs: xs[0] * xs[1], 1.0, 2.0)["node"][:2] == ["x0", "x1"]
    for names in (["a"], ["a", "a", "b"]):
        with pytest.raises(ValueError, match="names"):
            graph(quotient, 3, 4, 2, names=names)


def test_dot_names_every_node_and_edge():
    dot = graph(quotient, 3, 4, 2).to_dot()
    assert dot.startswith("digraph {") and dot.rstrip().endswith("}")
    assert re.findall(r'^  "(\w+)" -> "(\w+)"$', dot, re.M) == [("x", "v1"), ("v1", "v2"), ("y", "v2"), ("v2", "v3"), ("z", "v3")]
    assert r'label="v3 = v2 / z\nvalue 18\ngradient 1"' in dot
    assert r"\"odd\"" in graph(np.exp, 0.0, names=['"odd"']).to_dot()


def test_drawing_has_a_box_a_node_and_none_overlap():
    figure = graph(lambda x: nested(x) * x + np.sin(x) / nested(x), 1.0).plot()
    figure.canvas.draw()
    texts = figure.axes[0].texts
    boxes = [t.get_window_extent() for t in texts if t.get_text()]
    assert len(boxes) == 15
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_drawing_into_given_axes():
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    assert graph(nested, 1.0).plot(axes) is figure and axes.texts


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"fastnn\[plot\]"):
        graph(nested, 1.0).plot()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: graph(lambda x: x, np.ones(2)), ValueError, "one number"),
        (lambda: graph(lambda x: 3.0, 1.0), ValueError, "doesn't depend"),
        (lambda: graph(nested, "x"), TypeError, "argument 0"),
        (lambda: graph(quotient, 3, 4, 2).forward(1), ValueError, "a tangent for each input"),
        (lambda: graph(quotient, 3, 4, 2)["nonsense"], KeyError, "columns?|node"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --------------------------------------------------------------------------------------------------- counts


def counted(f, *arrays):
    table = count_operations(f, *arrays)
    return {row[0]: {k: v for k, v in zip(table.columns[1:], row[1:], strict=True) if v} for row in table}


def test_counts_of_the_lecture_examples():
    """By hand. Backwards through x^2 y / z: g/z; -g v3/z; g y; g v1; g (2 x)."""
    assert counted(quotient, 3, 4, 2) == {
        "value": {"square": 1, "multiply": 1, "divide": 1, "total": 3},
        "forward mode": {"square": 3, "multiply": 8, "divide": 6, "negative": 1, "total": 18},
        "reverse mode": {"square": 1, "multiply": 6, "divide": 3, "negative": 1, "total": 11},
    }
    both = {"square": 1, "exp": 1, "multiply": 3, "total": 5}
    assert counted(lambda x: np.exp(x**2), 1.0) == {
        "value": {"square": 1, "exp": 1, "total": 2},
        "forward mode": both,
        "reverse mode": both,
    }


def test_a_product_of_matrices():
    n, k = 5, 3
    x, w = np.ones((n, k)), np.ones((k, 1))
    found = counted(lambda w: np.sum(x @ w), w)
    assert found["value"] == {"multiply": n * k, "add": n * (k - 1) + n - 1, "total": n * k + n * (k - 1) + n - 1}
    reverse = {"multiply": 2 * n * k, "add": found["value"]["add"] + k * (n - 1)}
    assert found["reverse mode"] == {**reverse, "total": sum(reverse.values())}


def test_reverse_mode_stays_cheap_where_forward_mode_grows():
    """Griewank and Walther (2008), section 3.2: a gradient takes a small multiple of the value, whatever the number of inputs."""
    ratios = {}
    for n in (5, 50):
        found = counted(lambda x: np.sum(np.exp(x) * x), np.ones(n))
        ratios[n] = [found[mode]["total"] / found["value"]["total"] for mode in ("forward mode", "reverse mode")]
    assert ratios[50][1] < 4 and ratios[50][1] == pytest.approx(ratios[5][1], rel=0.1)
    assert ratios[50][0] > 8 * ratios[5][0]
