"""Everything that has a name: activations, losses, metrics, optimizers, ... with formula, source, and what computes it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastnn import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers
from fastnn.activations import Activation
from fastnn.backend import Op, registry
from fastnn.configurable import Catalogue, snake_case
from fastnn.losses import LossFunction

__all__ = ["Entry", "entries", "kinds"]

_PARTS = (callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers)  # importing them fills their catalogues


@dataclass(frozen=True)
class Entry:
    """A thing of the catalogue.

    Attributes
    ----------
    kind, name : str
        ``"optimizer"``, ``"Adam"``.
    aliases : tuple of str
        Other names it is found by.
    summary : str
        What it is, in a sentence.
    formula : str
        The rule, where that isn't in the summary.
    source : str
        Where the formula comes from; empty for definitions that need none.
    ops : tuple of Op
        What computes it; empty where it is written in Python.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    summary: str
    formula: str
    source: str
    ops: tuple[Op, ...]

    @property
    def backends(self) -> str:
        """Which backends compute it: both, Python alone, or those of the ops it is made of where it has none of its own."""
        if self.ops:
            return "NumPy, compiled" if all(op.compiled for op in self.ops) else "NumPy"
        return "those of its parts" if self.kind in ("activation", "layer") and self.name != "Lambda" else "Python"


def kinds() -> dict[str, dict[str, Any]]:
    """The members by kind and name; those that users registered are theirs and left out."""
    public = [c for c in Catalogue.all if not c.base.__module__.startswith("fastnn.tables")]
    found = {
        c.kind.split()[-1]: {name: m for name, m in c.members.items() if _module(m).startswith("fastnn.")}
        for c in sorted(public, key=lambda c: c.kind)
    }
    own = {name: getattr(callbacks, name) for name in callbacks.__all__}
    return {**found, "callback": {name: c for name, c in own.items() if inspect.isclass(c) and c is not callbacks.Callback}}


def entries(kind: str | None = None) -> Iterator[Entry]:
    """All things, or those of a kind, in the order of their names.

    Parameters
    ----------
    kind : str, optional
        ``"activation"``, ``"loss"``, ...

    Raises
    ------
    ValueError
        For an unknown kind.
    """
    known = kinds()
    if kind is not None and kind not in known:
        raise ValueError(f"unknown kind {kind!r}: known are {', '.join(known)}")
    for each in known if kind is None else [kind]:
        aliases = _aliases(each)
        for name in sorted(known[each], key=str.lower):
            yield _entry(each, name, known[each][name], tuple(sorted(aliases.get(name, ()))))


def _aliases(kind: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for catalogue in Catalogue.all:
        if catalogue.kind.split()[-1] == kind:
            for alias in catalogue.names():
                found.setdefault(_name(catalogue.find(alias)), set()).add(alias)
    return {name: aliases - {name} for name, aliases in found.items()}


def _module(member: Any) -> str:
    """Where a member was written."""
    declared = member.forward.reference if isinstance(member, Activation) and member.forward else member
    return str(declared.__module__)


def _name(member: Any) -> str:
    return member.__name__


def _entry(kind: str, name: str, member: Any, aliases: tuple[str, ...]) -> Entry:
    ops = tuple(_ops(member))
    rules = [paragraph(rule) for rule in _rules(member, ops)]
    summary = paragraph(member)
    texts = [inspect.getdoc(each) or "" for each in (member, _function(member), *ops) if each is not None]
    source = next(filter(None, map(_references, texts)), "") or next(filter(None, map(_parenthesis, [summary, *rules])), "")
    return Entry(kind, name, aliases, summary, next((r for r in rules if r != summary), ""), source, ops)


def _ops(member: Any) -> list[Op]:
    """The ops behind a member: its own, those it names, else those that its module, or one of its bases', declares or takes."""
    if isinstance(member, Activation):
        return [op for op in (member.forward, member.gradient) if op is not None]
    if (function := _function(member)) is not None:
        return [op for op in (function.op, function.op_on_logits) if op is not None]
    if ops := getattr(member, "ops", ()):
        return list(ops)
    named = getattr(member, "op", None)
    if isinstance(named, Op):
        return [named]
    modules = [sys.modules[base.__module__] for base in member.__mro__ if base.__module__ in sys.modules]
    return list(dict.fromkeys(op for m in modules for op in registry.values() if op is m.__dict__.get(op.name)))  # its own first


def _function(member: Any) -> LossFunction | None:
    """The loss function behind a loss, or behind a metric that is the mean of one."""
    function = getattr(getattr(member, "of", member), "function", None)
    return function if isinstance(function, LossFunction) else None


def _rules(member: Any, ops: tuple[Op, ...]) -> list[Any]:
    """Whose documentation gives the formula where the member's own doesn't."""
    if (function := _function(member)) is not None:
        return [function]
    if isinstance(member, Activation):
        return [member]
    names = [name for base in member.__mro__ for name in (base.__name__.lower(), snake_case(base.__name__))]
    return [op for op in (getattr(member, "op", None), *ops) if isinstance(op, Op) and (op.name in names or len(ops) == 1)][:1]


def paragraph(thing: Any) -> str:
    """The first paragraph of the documentation, as Markdown on one line."""
    text = (inspect.getdoc(thing) or "").split("\n\n")[0]
    text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`")


def _references(text: str) -> str:
    """What stands under "References"."""
    found = re.search(r"^References\n-+\n(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""


def _parenthesis(text: str) -> str:
    """A source in parentheses, which has a year."""
    found = re.search(r"\(([^()]*\b(?:19|20)\d\d\b[^()]*)\)", text)
    return found.group(1) if found else ""


# ---------------------------------------------------------------------------------------------------- as a page


def markdown(deviations: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The whole catalogue as a page.

    Parameters
    ----------
    deviations : dict
        By kind, name and peer: the largest relative deviation found, or the reason why there is nothing to compare with.
    """
    lines = [_HEAD]
    for kind in kinds():
        found = list(entries(kind))
        lines += [
            f"\n## {kind[0].upper()}{kind[1:]}{'es' if kind[-1] == 's' else 's'} ({len(found)})\n",
            "| name | what it computes | source | backends | largest deviation |",
        ]
        lines += ["|---|---|---|---|---|", *(_row(entry, deviations.get(kind, {}).get(entry.name, {})) for entry in found)]
    return "\n".join(lines) + "\n"


_HEAD = """# Catalogue

Everything that has a name, its formula and its source, and how far it lies from PyTorch or Keras: the largest deviation in float64 over all
options and gradients that `tests/peers` compares, relative to the largest magnitude. Names after the first are aliases.

Made by `fastnn catalogue --markdown --deviations docs/deviations.json > docs/catalogue.md`, the deviations by
`FASTNN_DEVIATIONS=docs/deviations.json pytest tests/peers`."""


def _row(entry: Entry, deviations: Mapping[str, Any]) -> str:
    found = ", ".join(f"{peer} {value:.0e}" if isinstance(value, float) else f"{value}" for peer, value in sorted(deviations.items()))
    names = f"`{entry.name}`" + "".join(f", {alias}" for alias in entry.aliases)
    cells = names, f"{entry.summary} {entry.formula}".strip(), entry.source, entry.backends, found
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
