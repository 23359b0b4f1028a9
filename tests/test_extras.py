"""Optional dependencies, and the errors where they are missing."""

import math
import sys

import pytest

from fastnn.extras import require


def test_an_installed_module_is_returned():
    assert require("math", "nobody") is math


@pytest.mark.parametrize(("extra", "command"), [("onnx", "pip install 'fastnn[onnx]'"), (None, "pip install no_such_package")])
def test_a_missing_one_names_the_command(extra, command):
    with pytest.raises(ImportError, match="to_nowhere needs no_such_package") as caught:
        require("no_such_package.part", "to_nowhere", extra)
    assert command in str(caught.value)


def test_a_broken_one_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import something_it_lacks")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="something_it_lacks"):
        require("broken_package", "to_nowhere", "onnx")
    assert "broken_package" not in sys.modules
