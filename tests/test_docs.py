"""What the documentation shows runs, and shows the truth."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from helpers import run_python

import fastnn

README = Path(__file__).parents[1] / "README.md"


def public_modules():
    names = [fastnn.__name__, *(m.name for m in pkgutil.walk_packages(fastnn.__path__, "fastnn."))]
    return [name for name in names if not any(part.startswith("_") for part in name.split("."))]


COMPARES = "fastnn.verification"
"""Compares the compiled kernels with NumPy: its example has nothing to show without them."""


@pytest.mark.parametrize("name", public_modules())
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    if name == COMPARES and fastnn.backend.why_not():
        pytest.skip("the compiled kernels are not built")
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_examples_were_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(t.examples) for name in public_modules() for t in finder.find(importlib.import_module(name))) > 10


def code_blocks():
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", code_blocks(), ids=lambda code: code.strip().splitlines()[-1][:40])
def test_the_readmes_python_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {"__name__": "readme"})


ELSEWHERE = {"custom.md", "onnx.md"}
"""Pages whose examples another test runs."""

PAGES = sorted(page for page in (README.parent / "docs").glob("*.md") if page.name not in ELSEWHERE)


def blocks(page, language):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for marked, text in fenced if marked == language]


def examples(page):
    return "\n".join(blocks(page, "python"))


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)], ids=lambda page: page.name)
def test_the_manuals_python_runs(page, tmp_path, monkeypatch):
    """In an interpreter and a folder of its own, as pages register things and save models; what a page shows as output is printed."""
    monkeypatch.chdir(tmp_path)
    status, printed = run_python(examples(page))
    assert status == 0, printed
    for shown in blocks(page, ""):
        for part in shown.strip().split("\n\n"):
            assert part in printed, f"the page shows what isn't printed:\n{part}"


def documented(module):
    """The classes and functions that the module exports; what it makes by calling has its maker's documentation."""
    exported = [getattr(module, name) for name in getattr(module, "__all__", ())]
    return [each for each in exported if "<locals>" not in getattr(each, "__qualname__", "<locals>")]


@pytest.mark.parametrize("name", public_modules())
def test_public_names_exist_and_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert [each for each in documented(module) if not each.__doc__] == []
