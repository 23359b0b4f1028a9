"""Sequential: the model that users see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.absent import explanation
from fastnn.configurable import serialize
from fastnn.custom_objects import custom_object_scope
from fastnn.keywords import explained
from fastnn.layers.layer import Layer, layers, load_each
from fastnn.models import saving
from fastnn.models.exporter import Exporter


class Sequential(Exporter):
    """A model whose layers follow one another, with Keras' interface.

    Parameters
    ----------
    layers : list of Layer, optional
        May begin with `Input`; without one (and without ``input_shape`` in the first layer) the model is built when
        it first sees data.
    name : str, optional
    dtype : {"float32", "float64"}, optional
        ``fastnn.config.floatx()`` by default.

    Attributes
    ----------
    metadata : dict
        Anything JSON can hold; saved and loaded with the model.
    stop_training : bool
        Set by callbacks to end `fit` after the current batch.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, activation="softmax")])
    >>> model.count_params()
    15
    """

    @explained
    def __init__(self, layers: Iterable[Layer] | None = None, *, name: str | None = None, dtype: Any = None):
        super().__init__(layers, name, dtype)
        self.metadata: dict[str, Any] = {}

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the model to one file: architecture, weights, optimizer state, metadata and a test case.

        Parameters
        ----------
        filepath : str or path-like
            Any name; ``.fnn`` is customary. `fastnn.models.load_model` reads it, and ``np.load`` opens it.
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        ValueError
            When the model isn't built, or the file exists and may not be replaced.
        TypeError
            When a part of the model can't be described, a Python function as metric for instance.
        OSError
            When the file can't be written; a file that was there before is untouched.
        """
        saving.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the parameters alone; arguments and errors as in `save`.

        A name that ends with ``.safetensors`` makes a file in that format, with arrays named ``<layer>/<name>``; any other an ``.npz``
        with arrays named ``weights/<layer>/<name>``, see ``docs/format.md``.
        """
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read parameters that `save_weights` or `save` wrote, or a ``.safetensors`` file with the same names and shapes.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When it is damaged, or its layers' names or shapes are not the model's; nothing is changed then.
        """
        saving.load_weights(self, filepath)

    if not TYPE_CHECKING:  # type checkers see what there is

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or hasattr(type(self), name):
                return super().__getattribute__(name)  # says what is missing, within a property too
            raise AttributeError(explanation("Sequential", name, [each for each in dir(self) if not each.startswith("_")]))

    def get_config(self) -> dict[str, Any]:
        """Name, dtype and layers, as :meth:`from_config` takes them."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "layers": [serialize(layer) for layer in self._layers],
            "build_input_shape": None if self._features is None else [None, *self._features],
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None, weights: Mapping[str, np.ndarray] | None = None
    ) -> Sequential:
        """Build a model from what `get_config` returned.

        Parameters
        ----------
        config : dict
        custom_objects : dict of str to class, optional
            Classes of your own that the configuration names and that aren't registered.
        weights : mapping of str to ndarray, optional
            Numbers of all parameters by ``"<layer>/<parameter>"``, which take the place of new ones.
        """
        with custom_object_scope(custom_objects):
            made = [layers.get(layer) for layer in config["layers"]]
        load_each(made, weights or {}, complete=weights is not None)
        model = cls(made, name=config.get("name"), dtype=config.get("dtype"))
        if config.get("build_input_shape") and not model.built:
            model.build(tuple(config["build_input_shape"]))
        return model

    def to_json(self, **options: Any) -> str:
        """The architecture as JSON; `options` go to `json.dumps`."""
        return json.dumps({"class_name": "Sequential", "config": self.get_config()}, **options)
