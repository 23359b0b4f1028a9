"""Ops, and the choice of who computes them.

An **op** is declared by its NumPy reference: a function decorated with :func:`op`, whose name, argument
order and meaning a compiled twin (a kernel of the same name in one of ``fastnn._compiled``'s modules)
repeats. Decoration fills :data:`registry`, discovery attaches the twins, and everything else (the tests, the
benchmarks, the documentation) enumerates the registry: no op is ever listed by hand.

An op writes into arrays its caller owns and returns nothing. Its shape signature reads like
``"x (n, k), w (k, m), b (m) -> z (n, m)"``: inputs, an arrow, outputs; a name on both sides is updated in place;
a dtype may follow a shape (``labels (n) int64``), all other arrays share one floating dtype; an axis may have several
times a size (``y (n, 2m)``); parameters of the function that the signature doesn't mention are scalars.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastnn.arrays import foreign

__all__ = ["Argument", "Op", "current", "factor", "isa", "op", "registry", "use", "why_not"]

registry: dict[str, Op] = {}
"""Every op by name, in the order of declaration."""


@dataclass(frozen=True)
class Argument:
    """One array argument of an op: its name, symbolic shape, and dtype (``"real"`` unless fixed)."""

    name: str
    shape: tuple[str, ...]
    dtype: str
    read: bool
    written: bool


class Op:
    """A named computation with a NumPy reference and, usually, a compiled twin.

    Calling it runs whichever of the two the current backend says.

    Attributes
    ----------
    name, family : str
        The op's name, and the module stem it was declared in (``"dense"``, ``"activations"``, ...).
    split : str or None
        The axis along which a call may be cut into independent calls.
    draw : dict
        What to test it on, for arguments whose names don't say it.
    arguments : tuple of (Argument or str)
        In call order; a plain string names a scalar.
    reference, compiled, active : callable
        The NumPy function, its twin (or None), and the one that calls go to now.
    """

    def __init__(
        self,
        reference: Callable[..., None],
        signature: str,
        differentiable: bool = True,
        split: str | None = None,
        draw: Mapping[str, Any] | None = None,
    ):
        self.name = reference.__name__
        self.family = reference.__module__.rpartition(".")[2]
        self.signature = signature
        self.differentiable = differentiable
        self.split = split
        self.draw = dict(draw or {})
        self.reference = reference
        self.compiled: Callable[..., None] | None = None
        self.active = reference
        self.arguments = _arguments(reference, signature)
        self.__doc__ = reference.__doc__
        self.__name__ = self.name
        self.__module__ = reference.__module__

    @functools.cached_property
    def arrays(self) -> list[Argument]:
        """The array arguments, in call order."""
        return [a for a in self.arguments if isinstance(a, Argument)]

    @functools.cached_property
    def scalars(self) -> list[str]:
        """The names of the scalar arguments, in call order."""
        return [a for a in self.arguments if isinstance(a, str)]

    def __call__(self, *args: Any) -> None:
        try:
            self.active(*args)
        except TypeError:
            if not any(map(foreign, args)):
                raise
            self.reference(*args)  # kernels take NumPy's arrays alone

    def __repr__(self) -> str:
        return f"<op {self.name}: {self.signature}>"

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        if registry.get(self.name) is not self:
            raise TypeError(f"{self!r} isn't declared by @op, so a copy of it can't be found by its name")
        return _declared, (self.name,)


def _declared(name: str) -> Op:
    """What a copy or a pickle of an op is: the op itself."""
    return registry[name]


def op(
    signature: str, *, differentiable: bool = True, split: str | None = None, draw: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., None]], Op]:
    """Declare the decorated NumPy function as an op.

    Parameters
    ----------
    signature : str
        The shapes of its array arguments, see the module's docstring.
    differentiable : bool
        Whether the op must have a backward (an op called ``<name>_backward...`` or, for losses, an output
        ``d<input>``). Tests hold every op to it; False is for updates, gathers and inference-only forms.
    split : str, optional
        A symbol of the signature that every output has, such that a call on slices along it computes the same numbers:
        large calls are then shared among threads.
    draw : mapping, optional
        What tests and benchmarks run it on, for arguments whose names don't say it (``fastnn/samples.py``): the kind of an array's
        contents, ``{"t": "signs"}``, and values of scalars.
    """

    def declare(reference: Callable[..., None]) -> Op:
        declared = Op(reference, signature, differentiable, split, draw)
        if declared.name in registry:
            raise ValueError(f"the op {declared.name!r} is declared twice")
        registry[declared.name] = declared
        return declared

    return declare


def factor(symbol: str) -> tuple[int, str]:
    """How often a size is taken along an axis, and its name: ``"2m"`` is (2, "m"), ``"m"`` (1, "m"), ``"2"`` (2, "")."""
    digits, name = re.fullmatch(r"(\d*)(\D?\w*)", symbol).groups()  # type: ignore[union-attr]
    return int(digits or 1), name


_ARGUMENT = re.compile(r"\s*(\w+)\s*(?:\(([\w\s,]*)\))?\s*(\w+)?\s*(?:,|$)")


def _parse(text: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    position = 0
    while position < len(text):
        match = _ARGUMENT.match(text, position)
        if match is None:
            raise ValueError(f"can't read the signature {text!r} at {text[position:]!r}")
        name, shape, dtype = match.groups()
        yield name, tuple(re.findall(r"\w+", shape or "")), dtype or "real"
        position = match.end()


def _arguments(reference: Callable[..., None], signature: str) -> tuple[Argument | str, ...]:
    inputs, _, outputs = signature.partition("->")
    read = {name: (shape, dtype) for name, shape, dtype in _parse(inputs.strip())}
    written = {name: (shape, dtype) for name, shape, dtype in _parse(outputs.strip())}
    known = {**written, **read}
    names = list(inspect.signature(reference).parameters)
    if missing := known.keys() - set(names):
        raise ValueError(f"{reference.__name__}: the signature names {sorted(missing)}, the function doesn't")
    return tuple(Argument(n, *known[n], n in read, n in written) if n in known else n for n in names)


def __getattr__(name: str) -> Any:
    """What Keras has in a module of this name, for scripts that ``import backend as K``; nothing in fastnn uses it."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("fastnn.keras_backend"), name)


# ---------------------------------------------------------------------------------------------------------
# The compiled backend: one package an instruction-set level, the best one this processor runs is imported.

_LEVELS = ("v4", "v3", "baseline")
_twins: dict[str, Callable[[Op], Callable[..., None]]] = {}
_isa: str | None = None
_why_not: str | None = None
_current = "numpy"


def _load_twins() -> None:
    """Import the compiled kernels of the best instruction set, or note why there are none."""
    global _isa, _why_not
    try:
        cpu = importlib.import_module("fastnn._compiled.cpu")
        _isa = _choose_level(cpu.levels())
        engine = importlib.import_module("fastnn._compiled.engine")
        package = importlib.import_module(f"fastnn._compiled.{_isa}")
        for module in pkgutil.iter_modules(package.__path__):
            kernels = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "kernels", {})
            _twins.update({name: functools.partial(engine.Kernel, entries=entries) for name, entries in kernels.items()})
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=engine.after_fork)
    except ImportError as error:
        _isa, _why_not = None, str(error)


def _choose_level(supported: list[str]) -> str:
    folder = Path(importlib.import_module("fastnn._compiled").__path__[0])
    usable = [level for level in _LEVELS if level in supported and any(pkgutil.iter_modules([str(folder / level)]))]
    if not usable:
        raise ImportError(f"no kernels were compiled for {' or '.join(supported)}")
    asked = os.environ.get("FASTNN_ISA") or usable[0]
    if asked not in usable:
        raise ValueError(f"FASTNN_ISA={asked}: this machine and build have {', '.join(usable)}")
    return asked


def _select(name: str) -> None:
    global _current
    if name not in ("compiled", "numpy"):
        raise ValueError(f"unknown backend {name!r}: use 'compiled' or 'numpy'")
    if name == "compiled" and not _twins:
        raise ImportError(
            f"the compiled backend is not built ({_why_not}); "
            "reinstall with 'pip install .', or choose FASTNN_BACKEND=numpy; in fastnn's source folder Python finds the source, not what "
            "is installed: build it there with 'pip install -e .', or work elsewhere"
        )
    _current = name
    for each in registry.values():
        each.active = (each.compiled if name == "compiled" else None) or each.reference


class use:
    """Choose the backend: ``use("numpy")`` from now on, or only within ``with use("numpy"):``.

    Parameters
    ----------
    name : {"compiled", "numpy"}

    Raises
    ------
    ValueError
        For another name.
    ImportError
        When the compiled kernels are asked for and not built.

    Examples
    --------
    >>> import fastnn
    >>> with fastnn.backend.use("numpy"):
    ...     fastnn.backend.current()
    'numpy'
    """

    def __init__(self, name: str):
        self._before = _current
        _select(name)

    def __enter__(self) -> use:
        return self

    def __exit__(self, *exception: object) -> None:
        _select(self._before)


def current() -> str:
    """The backend in use: ``"compiled"`` or ``"numpy"``."""
    return _current


def isa() -> str | None:
    """The instruction-set level of the compiled kernels: ``"v4"`` (AVX-512), ``"v3"`` (AVX2), ``"baseline"``; None without them."""
    return _isa


def why_not() -> str | None:
    """Why there are no compiled kernels; None when there are."""
    return _why_not


def attach() -> None:
    """Give every declared op its twin and start the backend that ``FASTNN_BACKEND`` names (``auto`` by default)."""
    _load_twins()
    for name, each in registry.items():
        each.compiled = _twins[name](each) if name in _twins else None
    asked = os.environ.get("FASTNN_BACKEND") or "auto"
    if asked not in ("auto", "compiled", "numpy"):
        raise ValueError(f"FASTNN_BACKEND={asked}: use auto, compiled or numpy")
    _select(("compiled" if _twins else "numpy") if asked == "auto" else asked)
