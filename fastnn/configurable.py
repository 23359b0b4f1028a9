"""Objects that are rebuilt from their constructor's arguments, and found by the names Keras gives them."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from fastnn.custom_objects import custom_object_scope, get_custom_objects
from fastnn.keywords import explained

T = TypeVar("T")


class Configurable:
    """Keeps each constructor argument as an attribute of the same name, so that its configuration needs no code.

    Attributes
    ----------
    more_keywords : tuple of str
        Keywords that the constructor takes beyond those of its signature.
    """

    more_keywords: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = explained(cls.__init__)  # type: ignore[method-assign]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as a dictionary that JSON can hold.

        A subclass may add those that it doesn't keep under their names: ``{**super().get_config(), "units": ...}``.
        """
        kind = type(self)
        names = _arguments(kind)
        lost = [name for name in names if not hasattr(self, name)]
        if lost and not issubclass(_owner(kind, "get_config"), _owner(kind, "__init__")):
            who = f"{kind.__name__}: to be saved"
            raise TypeError(f"{who}, keep the constructor's argument {lost[0]!r} as self.{lost[0]}, or define get_config")
        return {name: serialize(getattr(self, name)) for name in names if name not in lost}

    def serialized(self) -> Any:
        """The object as plain data, which its catalogue's ``get`` turns into an object again."""
        return {"class_name": type(self).__name__, "config": self.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Build the object again from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _owner(kind: type, method: str) -> type:
    """The class that defines what `kind` has."""
    return next(each for each in kind.__mro__ if method in vars(each))


def _arguments(kind: type) -> list[str]:
    """The names of a constructor's arguments; ``**options`` are those of the class' parent."""
    given = inspect.signature(kind).parameters
    names = [name for name, p in given.items() if p.kind is not p.VAR_KEYWORD]
    parent = _owner(kind, "__init__").__base__
    if len(names) == len(given) or parent is None or not issubclass(parent, Configurable):
        return names
    return names + [name for name in _arguments(parent) if name not in names]


def serialize(value: Any) -> Any:
    """`value` as plain JSON data; an object that has the method is asked for its ``serialized()`` form.

    Raises
    ------
    TypeError
        For an object that has no configuration, a Python function for instance.
    """
    if hasattr(value, "serialized"):
        return value.serialized()
    if isinstance(value, (list, tuple)):
        return [serialize(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or isinstance(value, (str, bool, int, float, dict)):
        return value
    raise TypeError(f"{value!r} can't be saved: it has no configuration; use a fastnn object or a registered name")


def deserializer(get: Callable[[Any], T]) -> Callable[..., T]:
    """A package's ``deserialize``: what its `get` makes of a configuration, where custom objects are found by name too."""

    def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> T:
        """What :func:`get` makes of a name or configuration, where `custom_objects` are found by name too."""
        with custom_object_scope(custom_objects):
            return get(config)

    return deserialize


def snake_case(name: str) -> str:
    """``"HeNormal"`` -> ``"he_normal"``; ``"AUC"`` -> ``"auc"``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


@functools.lru_cache(maxsize=512)
def _without_default(member: Any) -> tuple[str, ...]:
    """The arguments of a class that have no default: asked for each thing that is made by its name, of which a layer has several."""
    arguments = inspect.signature(member).parameters.values()
    return tuple(a.name for a in arguments if a.default is a.empty and a.kind in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY))


class Catalogue(Generic[T]):
    """The classes of one kind (``"optimizer"``, ...), filled by decoration, found by any of their names.

    Parameters
    ----------
    kind : str
        What the members are, for error messages.
    base : type
        What an object must be to be accepted as it is.
    """

    all: ClassVar[list[Catalogue[Any]]] = []
    """Every catalogue there is."""

    def __init__(self, kind: str, base: type[T]):
        self.kind, self.base = kind, base
        Catalogue.all.append(self)
        self.members: dict[str, Any] = {}
        self._aliases: dict[str, Any] = {}

    def register(self, *aliases: str) -> Any:
        """Decorator: add a class under its name, its snake_case name and `aliases`."""

        def add(member: Any) -> Any:
            name = member.__name__
            self.members[name] = member
            for alias in (name, snake_case(name), *aliases):
                self._aliases[alias] = member
            return member

        return add

    def names(self) -> Iterable[str]:
        """All accepted names, sorted."""
        return sorted(self._aliases)

    def known(self, name: str) -> Any:
        """The member called `name`, or None."""
        return self._aliases.get(name)

    def find(self, name: str) -> Any:
        """The class called `name`: a custom object that is in force, or a member.

        Raises
        ------
        ValueError
            When there is none; the message offers near names.
        """
        custom = get_custom_objects().get(name)
        if isinstance(custom, type) and issubclass(custom, self.base):
            return custom
        if name in self._aliases:
            return self._aliases[name]
        near = difflib.get_close_matches(name, self._aliases, n=3)
        offer = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(sorted(self.members))}"
        raise ValueError(f"unknown {self.kind} {name!r}: {offer}")

    def get(self, identifier: Any) -> T:
        """An instance from a name, a class, a ``{"class_name", "config"}`` dictionary, or an instance (returned as it is).

        Raises
        ------
        ValueError
            For an unknown name.
        TypeError
            For anything else.
        """
        if isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, str):
            return self._made(self.find(identifier))
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return self._made(identifier)
        if isinstance(identifier, dict) and "class_name" in identifier:
            return self.find(identifier["class_name"]).from_config(identifier.get("config", {}))
        way_out = f"; write a subclass of {self.base.__name__}" if inspect.isroutine(identifier) else ""
        raise TypeError(f"expected {self.kind} as a name or a {self.base.__name__}, got {identifier!r}{way_out}")

    def _made(self, member: Any) -> T:
        """An instance with the defaults, of a class that has one for each argument."""
        if needed := _without_default(member):
            said = ", ".join(f"{name}=..." for name in needed)
            raise TypeError(f"{self.kind} {member.__name__} needs {', '.join(needed)}: pass {member.__name__}({said}) instead of its name")
        return member()
