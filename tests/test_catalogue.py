"""The list of everything that has a name: complete, documented, with formulas and sources, and the page made from it."""

import json
from pathlib import Path

import pytest
from helpers import compiled_only

from fastnn import catalogue
from fastnn.classic import Hebb
from fastnn.classic.catalogue import neurons
from fastnn.cli import main
from fastnn.configurable import Catalogue

DOCS = Path(__file__).parents[1] / "docs"
ENTRIES = list(catalogue.entries())


def deviations():
    return json.loads((DOCS / "deviations.json").read_text(encoding="utf-8"))


def test_every_member_of_every_catalogue_is_listed():
    listed = {(entry.kind, entry.name) for entry in ENTRIES}
    public = [c for c in Catalogue.all if not c.base.__module__.startswith("fastnn.tables")]
    members = {(c.kind.split()[-1], name) for c in public for name, m in c.members.items() if catalogue._module(m).startswith("fastnn.")}
    assert members <= listed
    assert len(listed) == len(ENTRIES) > 150


def test_what_users_register_is_not_listed():
    @neurons.register()
    class Mine(Hebb):
        """Not ours."""

    try:
        assert "Mine" not in catalogue.kinds()["neuron"]
    finally:
        del neurons.members["Mine"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.kind}-{e.name}")
def test_an_entry_says_what_it_is(entry):
    assert len(entry.summary) > 5 and entry.summary[-1] in ".`)"
    assert ":func:" not in entry.summary + entry.formula


@compiled_only
def test_the_page_is_up_to_date():
    """`fastnn catalogue --markdown --deviations docs/deviations.json > docs/catalogue.md` makes it again."""
    assert (DOCS / "catalogue.md").read_text(encoding="utf-8") == catalogue.markdown(deviations())


PEERLESS = {"callback"}
"""Kinds that are not compared number by number."""


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.kind not in PEERLESS], ids=lambda e: f"{e.kind}-{e.name}")
def test_an_entry_was_compared_with_a_peer_or_has_none(entry):
    found = deviations()[entry.kind][entry.name]
    assert found
    for peer, value in found.items():
        assert len(value) > 5 if peer == "no peer" else 0 <= value < 1e-5


def test_the_command_lists_names_kinds_and_things(capsys):
    assert main(["catalogue"]) == 0
    out = capsys.readouterr().out
    assert "optimizer: " in out and "AdamW" in out and max(map(len, out.splitlines())) <= 120
    assert main(["catalogue", "constraint"]) == 0
    assert "constraint MaxNorm (also " in capsys.readouterr().out
    assert main(["catalogue", "ADAM"]) == 0
    assert "sqrt(v)" in capsys.readouterr().out
    assert main(["catalogue", "nothing_like_it"]) == 2
    assert "nothing is called 'nothing_like_it'" in capsys.readouterr().err
    assert main(["catalogue", "optimizers"]) == 2
    assert "did you mean optimizer" in capsys.readouterr().err


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="unknown kind 'food'"):
        list(catalogue.entries("food"))
