"""Files that the command writes: checked before the work, replaced in one step after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["check_output", "replacing"]


def check_output(path: Path, option: str, *inputs: str | None) -> None:
    """Raise a ValueError unless `path` can be written and is none of the `inputs`."""
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"{option} {path}: there is no folder {folder}; make it first")
    if path.is_dir():
        raise ValueError(f"{option} {path}: this is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} {path}: this is no regular file, and would be replaced by one; choose another name")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{option} {path}: the folder {folder} isn't writable")
    if any(each and Path(each).exists() and path.exists() and path.samefile(each) for each in inputs):
        raise ValueError(f"{option} {path}: this would overwrite a file that is read; choose another name")


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A text file to write; it takes the place of `path` when all went well, and is removed when not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
