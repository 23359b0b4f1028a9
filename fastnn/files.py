"""Files that hold either their old contents or all of the new ones, whatever happens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_KEPT = 40
"""So much of a file's name its temporary one has: with more, long names that the system takes wouldn't leave room for the rest."""


@contextmanager
def replacing(path: Path, mode: str, **options: Any) -> Iterator[IO[Any]]:
    """A new file to write, which takes the place of `path` in one step when all went well, and vanishes when not.

    Parameters
    ----------
    path : Path
        A link stays; what it points to is replaced.
    mode : {"w", "wb"}
    **options
        Further arguments of `open`.

    Raises
    ------
    OSError
        When the folder is missing, full, or not writable; a FileExistsError when `path` is there and no ordinary file, a device for
        instance, which a file would take the place of.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise FileExistsError(f"can't write to {str(path)!r}: it is no ordinary file")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_KEPT]}.")
    try:
        with open(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def target_path(filepath: Any, overwrite: bool = True) -> Path:
    """Where a file is to be written.

    Raises
    ------
    FileNotFoundError
        When it is a folder, or its folder doesn't exist.
    ValueError
        When there is a file already that may not be replaced.
    """
    path = Path(filepath)
    if path.is_dir() or not path.parent.is_dir():
        raise FileNotFoundError(
            f"can't save to {str(path)!r}: " + ("it is a folder" if path.is_dir() else "its folder doesn't exist; make it first")
        )
    if not overwrite and path.exists():
        raise ValueError(f"{str(path)!r} exists; pass overwrite=True to replace it")
    return path
