"""Files that the command writes, checked before the work."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["check_output"]


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
