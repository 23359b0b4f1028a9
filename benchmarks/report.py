"""The Markdown tables of measurements that were written as JSON: ``peers.json``, ``profile.json``, ``scaling.json``, ``contention.json``,
``sklearn.json``.

What ``examples/mnist_sprint.py`` printed is taken as it is, from ``sprint.txt``. Prints them, or puts each between the lines
``<!-- NAME -->`` and ``<!-- end of NAME -->`` of a document.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import contention, profile, scaling, sklearn_table
from benchmarks.peers import report as peers


def _peers(data: dict[str, Any]) -> Iterator[str]:
    return peers.lines(peers.from_json(data))


TABLES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "peers": _peers,
    "profile": profile.lines,
    "scaling": scaling.lines,
    "contention": contention.lines,
    "sklearn": sklearn_table.lines,
}


def tables(folder: Path) -> dict[str, str]:
    """The Markdown of each measurement that has a file in the folder."""
    files = {name: folder / f"{name}.json" for name in TABLES}
    found = {name: "\n".join(TABLES[name](json.loads(file.read_text()))) for name, file in files.items() if file.is_file()}
    sprint = folder / "sprint.txt"
    return found | ({"sprint": f"```\n{sprint.read_text().strip()}\n```"} if sprint.is_file() else {})


def insert(text: str, name: str, content: str) -> str:
    """`text` with `content` between the two marks of `name`.

    Raises
    ------
    ValueError
        When the marks aren't there.
    """
    start, stop = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(stop)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the document has no lines {start!r} and {stop!r}: add them where the tables of {name} belong")
    return pattern.sub(lambda _: f"{start}\n{content}\n{stop}", text)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.report", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--into", type=Path, metavar="FILE", help="a Markdown document with marks")
    options = parser.parse_args()
    found = tables(options.folder)
    if not found:
        parser.error(f"{options.folder} holds none of {', '.join(f'{name}.json' for name in TABLES)}")
    if options.into is None:
        print("\n\n".join(f"## {name}\n\n{content}" for name, content in found.items()))
        return
    text = options.into.read_text()
    for name, content in found.items():
        text = insert(text, name, content)
    options.into.write_text(text)


if __name__ == "__main__":
    main()
