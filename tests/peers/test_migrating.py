"""The examples of docs/migrating.md that need Keras or torch, marked ``py``; tests/test_docs.py runs the others."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("keras")

from helpers import run_python

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"^```py\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    status, printed = run_python("import warnings\nwarnings.simplefilter('ignore', DeprecationWarning)\n" + code)
    assert status == 0, printed
