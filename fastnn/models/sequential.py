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
from fastnn.layers.layer import Layer, layers
from fastnn.models import saving
from fastnn.models.training import Trainer


class Sequential(Trainer):
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

    def to_onnx(
        self,
        path: Any = None,
        *,
        opset: int = 17,
        batch_size: int | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Write what the model computes in inference as ONNX, for ONNX Runtime and others; `fastnn.from_onnx` reads it.

        Parameters
        ----------
        path : str or path-like, optional
            Where to; nothing is written when left out.
        opset : int
            Version of ONNX's operators, from 17 to the newest that the package onnx knows.
        batch_size : int, optional
            A fixed number of samples; any number when left out.
        name : str, optional
            The graph's; the model's when left out.
        metadata : dict, optional
            Text, or what JSON can hold, for the file's ``metadata_props``; the model's `metadata` when left out.

        Returns
        -------
        onnx.ModelProto
            From ``input`` to ``output``, in the model's dtype. The checker of the package onnx has passed it.

        Raises
        ------
        ValueError
            When the model isn't built, a layer has no form in ONNX (the message names it), or an argument is out of range. Nothing
            is written then.
        TypeError
            For metadata that isn't plain data.
        ImportError
            When the package onnx is missing.
        OSError
            When the file can't be written; one that was there before is untouched.

        References
        ----------
        docs/onnx.md says what each layer becomes.
        """
        from fastnn.exchange.onnx.writing import write

        return write(self, path, opset, batch_size, name, metadata)

    def to_torch(self) -> Any:
        """The model as a ``torch.nn.Sequential``, with copies of all parameters; `fastnn.from_torch` is the way back.

        Returns
        -------
        torch.nn.Sequential
            In evaluation mode: call its ``train()`` to go on training. Its modules have the layers' names; a layer with an activation
            becomes two.

        Raises
        ------
        ValueError
            For a layer that torch has no module for, which is named; when the model isn't built.
        ImportError
            When torch isn't installed.

        Notes
        -----
        Regularizers and constraints aren't carried, of which a warning tells. A part that one of center and scale was switched off of
        has zeros or ones there which aren't trained. `Embedding` takes integers in torch: pass ``x.long()``.
        """
        from fastnn.exchange.torch import to_torch

        return to_torch(self)

    def to_keras(self) -> Any:
        """The model as a ``keras.Sequential``, with copies of all parameters; `fastnn.from_keras` is the way back.

        Returns
        -------
        keras.Sequential
            With the layers' names, initializers, regularizers and constraints, compiled as the model is. The optimizer begins anew.

        Raises
        ------
        ValueError
            For a layer that Keras doesn't have, which is named; when the model isn't built.
        ImportError
            When Keras isn't installed.

        Notes
        -----
        Where Keras lacks the optimizer, the loss or a metric, the model isn't compiled, and a warning says why.
        """
        from fastnn.exchange.keras import to_keras

        return to_keras(self)

    def to_sklearn(self, classes: Any = None) -> Any:
        """The model as a fitted estimator of scikit-learn's, with copies of all parameters; `fastnn.from_sklearn` is the way back.

        It is made of `Dense` layers whose hidden activations are alike: linear, sigmoid, tanh or relu. The last activation says what it
        becomes: with softmax or sigmoid an ``MLPClassifier``, linear an ``MLPRegressor``, exponential one of Poisson's loss.

        Parameters
        ----------
        classes : array_like, optional
            The labels of a classifier, in the order of the outputs; ``metadata["classes"]`` or 0, 1, ... when left out.

        Returns
        -------
        MLPClassifier or MLPRegressor
            In a ``Pipeline`` behind a ``StandardScaler`` where the model begins with a layer that scales features. A classifier's outputs
            are in the order of its sorted labels, as always there. Dropout and noise are left out.

        Raises
        ------
        ValueError
            For a layer or an activation that isn't there, which is named, or another number of classes; when the model isn't built.
        ImportError
            When scikit-learn isn't installed.
        """
        from fastnn.exchange.sklearn import to_sklearn

        return to_sklearn(self, classes)

    def to_c(self, filepath: Any, *, name: str = "model", overwrite: bool = True) -> None:
        """Write the model as one self-contained C99 file, for programs and boards without Python; see ``docs/c.md``.

        It computes one sample, or several one after the other, in float and in double, with the weights as constants, scratch memory on the
        stack, and nothing but libm. Batch normalization is folded into the dense layer before it, as in `freeze`. The file has a
        self-test: ``cc -DMODEL_MAIN model.c -lm && ./a.out``.

        Parameters
        ----------
        filepath : str or path-like
            Any name; ``.c`` is customary, and ``.cpp`` compiles too.
        name : str
            What all names in the file begin with: ``model_predict_float``, ``model_predict_double``, ...
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        ValueError
            When the model isn't built, has a layer without C form (which is named) or parameters that aren't finite, `name` is no
            identifier, or the file exists and may not be replaced.
        OSError
            When the file can't be written; a file that was there before is untouched.
        """
        from fastnn.exchange.c import to_c

        to_c(self, filepath, name, overwrite)

    if not TYPE_CHECKING:  # type checkers see what there is

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(explanation("Sequential", name, [each for each in dir(type(self)) if not each.startswith("_")]))

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
        for layer in made:
            layer.load(weights or {}, complete=weights is not None)
        model = cls(made, name=config.get("name"), dtype=config.get("dtype"))
        if config.get("build_input_shape") and not model.built:
            model.build(tuple(config["build_input_shape"]))
        return model

    def to_json(self, **options: Any) -> str:
        """The architecture as JSON; `options` go to `json.dumps`."""
        return json.dumps({"class_name": "Sequential", "config": self.get_config()}, **options)
