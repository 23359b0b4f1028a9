"""Parameters that an estimator passes on: ``model__units=32`` is what ``model_fn(units=32)`` gets."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

__all__ = ["RoutingEstimator"]


class RoutingEstimator(BaseEstimator):
    """An estimator with dictionaries of arguments for other things, whose entries can be set like parameters.

    For each route, ``"model"`` for instance, there is a parameter ``model_params``, a dictionary or None. ``model__units`` stands for
    its entry ``"units"`` in `set_params`, in searches, and in the constructor, if that hands what it doesn't know to `_keep`. A
    subclass whose constructor passes ``**options`` on to its base's has the base's parameters, too.

    Attributes
    ----------
    routes : tuple of str
    """

    routes: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the constructor's signature show all parameters, and nothing but these: there scikit-learn looks for them."""
        super().__init_subclass__(**options)
        if "__init__" not in vars(cls):
            return
        own = inspect.signature(cls.__init__).parameters
        base = inspect.signature(super(cls, cls).__init__).parameters if "options" in own else {}
        shown = [p for p in {**own, **{k: p for k, p in base.items() if k not in own}}.values() if p.kind is not p.VAR_KEYWORD]
        cls.__init__.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]

    def _keep(self, routed: dict[str, Any]) -> None:
        """Put ``model__units`` and the like into their dictionaries, which aren't changed but replaced.

        Raises
        ------
        TypeError
            For a name that is no route's.
        """
        for name, value in routed.items():
            route, _, entry = name.partition("__")
            if not self._is_routed(name):
                known = [*self._get_param_names(), *(f"{each}__..." for each in self.routes)]
                raise TypeError(f"{type(self).__name__} has no parameter {name!r}; there are {', '.join(known)}")
            setattr(self, f"{route}_params", {**self.routed(route), entry: value})

    def _is_routed(self, name: str) -> bool:
        route, _, entry = name.partition("__")
        return route in self.routes and bool(entry)

    def routed(self, route: str) -> dict[str, Any]:
        """The arguments for a thing.

        Raises
        ------
        TypeError
            When they are no dictionary.
        """
        given = getattr(self, f"{route}_params")
        if given is not None and not isinstance(given, dict):
            raise TypeError(f"{type(self).__name__}: {route}_params must be a dictionary of arguments, got {given!r}")
        return dict(given or {})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; if `deep`, the entries of dictionaries among them, as ``model__units``."""
        params = super().get_params(deep)
        found = {route: params[f"{route}_params"] for route in self.routes} if deep else {}
        return {**params, **{f"{route}__{k}": v for route, of in found.items() if isinstance(of, dict) for k, v in of.items()}}

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name, ``model__units=32`` as well, whether there was such an entry or not."""
        routed = {name: value for name, value in params.items() if self._is_routed(name)}
        super().set_params(**{name: value for name, value in params.items() if name not in routed})
        self._keep(routed)
        return self
