"""``fastnn catalogue``: everything that has a name."""

from __future__ import annotations

import argparse
import difflib
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastnn.catalogue import Entry, entries, kinds, markdown
from fastnn.cli.arguments import HelpFormatter

__all__ = ["add_parser", "run"]


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "catalogue",
        help="list activations, losses, optimizers and all else that has a name",
        description="List everything that has a name, or what is found under a name or a kind, with its formula and source.",
        epilog="examples:\n  fastnn catalogue\n  fastnn catalogue optimizer\n  fastnn catalogue adam huber",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("names", metavar="NAME", nargs="*", help="a kind such as optimizer, or a thing such as adam (default: all names)")
    parser.add_argument("--markdown", action="store_true", help="all as the page docs/catalogue.md")
    parser.add_argument("--deviations", metavar="FILE", type=Path, help="with --markdown: what tests/peers measured")


def run(options: argparse.Namespace) -> int:
    """Print names, entries, or the page."""
    if options.markdown:
        print(markdown(json.loads(options.deviations.read_text(encoding="utf-8")) if options.deviations else {}), end="")
        return 0
    if not options.names:
        for kind, members in kinds().items():
            print(textwrap.fill(", ".join(sorted(members, key=str.lower)), 120, initial_indent=f"{kind}: ", subsequent_indent="    "))
    for name in options.names:
        print("\n\n".join("\n".join(_lines(entry)) for entry in _found(name)))
    return 0


def _found(name: str) -> list[Entry]:
    found = (
        list(entries(name)) if name in kinds() else [e for e in entries() if name.lower() in (e.name.lower(), *map(str.lower, e.aliases))]
    )
    if not found:
        near = difflib.get_close_matches(name, [*kinds(), *(word for e in entries() for word in (e.name, *e.aliases))], n=3)
        offer = f"did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
        raise ValueError(f"nothing is called {name!r}: {offer}`fastnn catalogue` lists all names")
    return found


def _lines(entry: Entry) -> Iterator[str]:
    yield f"{entry.kind} {entry.name}" + (f" (also {', '.join(entry.aliases)})" if entry.aliases else "")
    for text in (entry.summary, entry.formula, entry.source and f"Source: {entry.source}", f"Computed by: {entry.backends}"):
        if text:
            yield textwrap.fill(text.replace("`", ""), 120, initial_indent="    ", subsequent_indent="    ")
