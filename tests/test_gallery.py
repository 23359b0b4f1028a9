"""The course's scripts, each in its short form, and the numbers that two of them promise."""

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
COURSE = Path(__file__).parents[1] / "examples" / "course"
PAGES = COURSE.parents[1] / "docs" / "gallery"
SCRIPTS = sorted(path.stem for path in COURSE.glob("s[0-9]*.py"))
MNIST = Path(os.environ.get("FASTNN_DATA") or COURSE.parents[2] / "shared" / "data") / "mnist"


@pytest.fixture
def script(monkeypatch):
    """Imports a script by its name."""
    monkeypatch.syspath_prepend(str(COURSE))

    def load(name):
        if name == "s17_mnist":
            if not MNIST.is_dir():
                pytest.skip(f"MNIST's files are not in {MNIST}")
            monkeypatch.setenv("FASTNN_DATA", str(MNIST.parent))
        if name == "s16_finding_settings":
            pytest.importorskip("sklearn", exc_type=ImportError)
        return importlib.import_module(name)

    yield load
    for name in (*SCRIPTS, "gallery"):
        sys.modules.pop(name, None)


def test_all_seventeen_are_there():
    assert [name[1:3] for name in SCRIPTS] == [f"{i:02}" for i in range(1, 18)]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_and_draws(name, script):
    module = script(name)
    figure, text = module.run(short=True)
    drawn = [axes for axes in figure.axes if axes.has_data() or axes.texts]
    assert len(drawn) >= 2 and all(axes.get_title() or axes.get_ylabel() or axes.get_legend() or axes.texts for axes in drawn)
    assert len(text.splitlines()) >= 2
    figure.canvas.draw()
    module.gallery.plt.close(figure)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_what_it_shows_and_has_its_figure(name):
    first = (COURSE / f"{name}.py").read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith('"""') and len(first) > 40
    assert f"{name}.png" in (PAGES / "README.md").read_text(encoding="utf-8")
    if not list(PAGES.glob("*.png")):
        pytest.skip("the figures are not part of the source distribution")
    assert (PAGES / f"{name}.png").is_file()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("start", ["N(0, 0.01²)", "N(0, 1)", "Xavier", "He"])
def test_activation_statistics_are_those_of_theory(activation, start, script):
    """Within what 10 draws of the weights scatter: Student's t with 9 degrees of freedom passes 7 once in 15,000 times."""
    module = script("s03_activation_statistics")
    _, moments = module.measured(start, activation, 10)
    error = moments.std(axis=0, ddof=1) / 10**0.5
    away = (moments.mean(axis=0) - module.theory(start, activation)) / error
    assert np.abs(away).max() < 7
    assert np.median(np.abs(away)) < 2


def test_automatic_differentiation_is_exact(script):
    module = script("s10_autodiff")
    for (f, at), exact in zip(module.EXPRESSIONS.values(), module.by_hand(), strict=True):
        reverse, forward = module.gradients(f, at)
        assert reverse == forward == pytest.approx(exact, rel=1e-15)
    assert reverse == (12, 4.5, -9)
