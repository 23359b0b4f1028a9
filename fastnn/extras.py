"""Optional dependencies: imported where they are first needed, with an error that says how to get them."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["require"]


def require(module: str, what: str, extra: str | None = None) -> ModuleType:
    """Import an optional dependency.

    Parameters
    ----------
    module : str
        Its name in an import statement: ``"onnx"``.
    what : str
        Who needs it, as the error says: ``"to_onnx"``.
    extra : str, optional
        fastnn's extra that installs it; the module's own name, as a package, where there is none.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        When it isn't installed. The message names the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # it is there, and misses something of its own
        target = f"'fastnn[{extra}]'" if extra else package
        raise ImportError(f"{what} needs {package}: install it with pip install {target}", name=error.name) from error
