"""How an op is written in C, and the table of all that are.

In a form's body, ``real`` is float or double, ``@exp(x)`` the function of libm for it (``expf`` or ``exp``), ``$sigmoid(x)`` the C form of
another op or of a helper, ``0.5`` a literal of it, and ``[[23||52]]`` what stands there in float and in double. Write conditions so that
NaN stays NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Form", "elementwise", "forms", "helper", "helpers", "rowwise"]

Prepare = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Form:
    """How an op is written in C.

    Attributes
    ----------
    body : str
        Of a function that returns an entry of the output, for one of each input; or, row by row, of one that takes pointers to a row.
        It is given those arguments, scalars and (row by row) sizes of the op's signature whose names stand in it.
    rowwise : bool
    prepare : callable, optional
        Turns what the op is given, by name, into what the body is given: constants that are better computed once.
    matrix : bool
        Whether the op goes through a matrix, ``x (n, k), w (k, m) -> z (n, m)``, so that its rows of input and output never overlap.
    """

    body: str
    rowwise: bool = False
    prepare: Prepare | None = None
    matrix: bool = False

    def uses(self, name: str) -> bool:
        """Whether the body has the argument or size of that name."""
        return re.search(rf"\b{name}\b", self.body) is not None


forms: dict[str, Form] = {}
"""The C form of each op, by the op's name."""


helpers: dict[str, Form] = {}
"""Functions of one number ``x`` that forms call."""


def helper(name: str, body: str) -> None:
    """Give forms a function to call: ``$name(...)`` of one number, which its body calls ``x``."""
    helpers[name] = Form(_lines(body))


def elementwise(op: str, body: str, prepare: Prepare | None = None) -> None:
    """Say what an op of entries is in C.

    Parameters
    ----------
    op : str
        Its name.
    body : str
        Of a C function that returns the output's entry, with the op's argument names for entries: ``"return z < 0 ? 0 : z;"``.
    prepare : callable, optional
        See :class:`Form`.
    """
    forms[op] = Form(_lines(body), False, prepare)


def rowwise(op: str, body: str, prepare: Prepare | None = None, matrix: bool = False) -> None:
    """Say what an op of rows is in C.

    Parameters
    ----------
    op : str
        Its name.
    body : str
        Of a C function, with the op's argument names for pointers to a row, or to a whole array that has no axis ``n``; sizes have the
        names that they have in the op's signature. Rows of input and output may be the same.
    prepare : callable, optional
    matrix : bool
        See :class:`Form`.
    """
    forms[op] = Form(_lines(body), True, prepare, matrix)


def _lines(body: str) -> str:
    return re.sub(r"\n+", "\n", body.strip())
