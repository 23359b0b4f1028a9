"""ONNX without the package onnx; all else is in tests/peers."""

import sys

import pytest
from helpers import regressor

import fastnn


@pytest.fixture(autouse=True)
def no_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)


def test_writing_names_the_extra(tmp_path):
    with pytest.raises(ImportError, match=r"to_onnx needs onnx: install it with pip install 'fastnn\[onnx\]'"):
        regressor().to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_reading_names_the_extra():
    with pytest.raises(ImportError, match=r"from_onnx needs onnx: install it with pip install 'fastnn\[onnx\]'"):
        fastnn.from_onnx(b"")
