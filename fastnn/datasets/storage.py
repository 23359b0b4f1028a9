"""Where data sets lie on this computer, and how they get there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastnn.files import replacing

__all__ = ["cache_folder", "download", "folders", "given_folder", "keras_file"]

_TIMEOUT = 20.0  # seconds without an answer
_LARGEST = 2**27  # bytes, far above what any of the data sets takes
_PIECE = 2**18


def cache_folder() -> Path:
    """Where downloads go: ``fastnn`` in the user's folder for caches, as the system has it."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "fastnn"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "fastnn"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "fastnn"


def folders(dataset: str) -> list[Path]:
    """Where a data set is looked for: in ``$FASTNN_DATA``, then among earlier downloads."""
    own = os.environ.get("FASTNN_DATA")
    return [*([Path(own) / dataset] if own else []), cache_folder() / dataset]


def keras_file(name: str) -> Path:
    """Where Keras puts what it downloads."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets" / name


def given_folder(dataset: str, path: str | os.PathLike[str] | None) -> Path | None:
    """What the argument `path` of a ``load_data`` means: a file or a folder; None where the usual places are meant.

    That is when it is left out, or a mere file name, as Keras' argument is one in its own folder.

    Raises
    ------
    FileNotFoundError
        For another path at which there is nothing.
    """
    if path is None or (not Path(path).exists() and Path(path).name == str(path) and str(path).endswith(".npz")):
        return None
    if not Path(path).exists():
        raise FileNotFoundError(f"{dataset}: there is nothing at {str(path)!r}; leave path out to download the data")
    return Path(path)


def download(name: str, urls: Sequence[str], target: Path, check: Callable[[bytes], Any]) -> Any:
    """Get a file from the first of some addresses that has the right one, and keep it.

    Parameters
    ----------
    name : str
        What it is, for messages.
    urls : sequence of str
    target : Path
        Where to put it; its folder is made.
    check : callable
        What makes of the contents what is returned, with a ValueError for a file that isn't the right one.

    Raises
    ------
    FileNotFoundError
        When none of them has it, there is no network, or the environment variable ``FASTNN_OFFLINE`` is set. The message says where to
        put the file by hand.
    """
    from http.client import HTTPException  # a tenth of the time to import all of fastnn, for what happens once

    reasons = []
    for url in () if os.environ.get("FASTNN_OFFLINE") else urls:
        try:
            contents = _contents(url)
            made = check(contents)
        except (OSError, ValueError, HTTPException) as error:
            reasons.append(f"{url}: {getattr(error, 'reason', error)}")
            continue
        _keep(contents, target)
        return made
    why = "; ".join(reasons) or "FASTNN_OFFLINE is set"
    raise FileNotFoundError(f"{name} can't be downloaded ({why}): put it at {target} by hand, or give load_data the path where it is")


def _contents(url: str) -> bytes:
    from urllib.request import Request, urlopen

    print(f"fastnn: downloading {url}", file=sys.stderr)
    request = Request(url, headers={"User-Agent": "fastnn"})
    with urlopen(request, timeout=_TIMEOUT) as response:
        size, pieces, live = int(response.headers.get("Content-Length") or 0), bytearray(), sys.stderr.isatty()
        while piece := response.read(_PIECE):
            pieces += piece
            if len(pieces) > _LARGEST:
                raise ValueError(f"more than {_LARGEST} bytes")
            if live and size:
                print(f"\r{len(pieces) / size:4.0%} of {size / 1e6:.1f} MB", end="\n" if len(pieces) == size else "", file=sys.stderr)
    if size and len(pieces) != size:
        raise ValueError(f"it ended after {len(pieces)} of {size} bytes")
    return bytes(pieces)


def _keep(contents: bytes, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, "wb") as file:
            file.write(contents)
    except OSError as error:  # a home that can't be written to: the data are there all the same
        print(f"fastnn: {target} can't be written ({error}), so it will be downloaded again", file=sys.stderr)
