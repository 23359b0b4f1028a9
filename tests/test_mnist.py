"""The promise on real data: 98 % of MNIST's test images with two hidden layers, on the backend in use."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("FASTNN_DATA") or ROOT.parent / "shared" / "data") / "mnist"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no MNIST in {DATA}; set FASTNN_DATA to the folder that holds mnist/")
def test_two_hidden_layers_reach_98_percent():
    spec = importlib.util.spec_from_file_location("mnist_example", ROOT / "examples" / "mnist.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.train(str(DATA)) >= 0.980
