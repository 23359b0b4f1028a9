"""The promise on real data: 98 % of MNIST's test images with two hidden layers, on the backend in use."""

import importlib.util
import os
import re
from pathlib import Path

import pytest
from helpers import run_python

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("FASTNN_DATA") or ROOT.parent / "shared" / "data") / "mnist"


pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no MNIST in {DATA}; set FASTNN_DATA to the folder that holds mnist/")


def test_two_hidden_layers_reach_98_percent():
    spec = importlib.util.spec_from_file_location("mnist_example", ROOT / "examples" / "mnist.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.train(str(DATA)) >= 0.980


def test_the_sprint_reaches_98_percent():
    """In a process of its own, which it pins to one processor."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r}); import mnist_sprint; mnist_sprint.main(['--data-dir', {str(DATA)!r}])"
    )
    status, out = run_python(code)
    assert status == 0, out
    assert float(re.search(r"test accuracy (\S+)", out)[1]) >= 0.980
