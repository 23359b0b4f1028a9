"""Sequential: a stack of layers."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastnn.arrays import as_samples
from fastnn.config import standardize_dtype
from fastnn.configurable import serialize
from fastnn.layers.input import InputLayer
from fastnn.layers.layer import Layer, Shape, assign_all, automatic_name, check_shape, layers
from fastnn.models import saving
from fastnn.models.lowering import Lowered
from fastnn.models.summary import summary_text
from fastnn.models.training import Trainer
from fastnn.parameters import Arena, Parameter
from fastnn.program import Program

_KEPT_PROGRAMS = 8


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
        Set by callbacks to end `fit` after the current batch's epoch.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, activation="softmax")])
    >>> model.count_params()
    15
    """

    def __init__(self, layers: Iterable[Layer] | None = None, *, name: str | None = None, dtype: Any = None):
        super().__init__()
        if not isinstance(name, (str, type(None))):
            raise TypeError(f"a model's name must be a string, got {name!r}")
        self.name = name or automatic_name("sequential")
        self.dtype = standardize_dtype(dtype)
        self.metadata: dict[str, Any] = {}
        self._layers: list[Layer] = []
        self._features: tuple[int, ...] | None = None
        self._arena: Arena | None = None
        self._programs: OrderedDict[Any, tuple[list[np.ndarray], Lowered]] = OrderedDict()
        self._step = np.zeros(1, np.uint64)
        for layer in layers or ():
            self._append(layer)
        self._build_if_known()

    # ------------------------------------------------------------------------------------------- structure

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input, as Keras lists them."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer) -> None:
        """Append a layer.

        Raises
        ------
        TypeError
            When it is no layer.
        ValueError
            When its name is taken, or an input doesn't come first.
        """
        self._append(layer)
        try:
            self._build_if_known()
        except ValueError:
            self._layers.pop()
            raise

    def _append(self, layer: Layer) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"model {self.name!r}: expected a layer such as Dense(10), got {layer!r}")
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(f"model {self.name!r} already has a layer named {layer.name!r}; names must differ")
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(f"model {self.name!r}: Input must come first, and once")
        self._layers.append(layer)
        self._programs.clear()

    def pop(self) -> Layer:
        """Take the last layer off and return it.

        Raises
        ------
        ValueError
            When there is none.
        """
        if not self.layers:
            raise ValueError(f"model {self.name!r} has no layers to pop")
        self._programs.clear()
        return self._layers.pop()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that index.

        Raises
        ------
        ValueError
            When there is none, or not exactly one argument is given.
        """
        if (name is None) == (index is None):
            raise ValueError("get_layer takes either a name or an index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"model {self.name!r} has {len(self.layers)} layers, no index {index}")
            return self.layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        raise ValueError(f"model {self.name!r} has no layer {name!r}; it has {', '.join(x.name for x in self.layers)}")

    # -------------------------------------------------------------------------------------------- building

    @property
    def built(self) -> bool:
        """Whether all layers have their parameters."""
        return self._features is not None and all(layer.built for layer in self.layers)

    @property
    def input_shape(self) -> Shape:
        """The shape of a batch, None for its size."""
        return (None, *self._require_built())

    @property
    def output_shape(self) -> Shape:
        """The shape of the model's output for a batch, None for its size."""
        return self._shapes()[-1]

    def _shapes(self, features: tuple[int, ...] | None = None) -> list[Shape]:
        """The shapes of what enters, and of what each layer puts out; `features` stand in for a model not built yet."""
        shapes: list[Shape] = [(None, *(self._require_built() if features is None else features))]
        for layer in self.layers:
            shapes.append(layer.compute_output_shape(shapes[-1]))
        return shapes

    def _require_built(self) -> tuple[int, ...]:
        if self._features is None or not self.built:
            raise ValueError(f"model {self.name!r} isn't built: begin with Input(shape=...), or call build((None, ...))")
        return self._features

    def build(self, input_shape: Shape) -> None:
        """Make all parameters for batches of `input_shape`.

        Parameters
        ----------
        input_shape : tuple of int
            Batch axis first: ``(None, 784)``.

        Raises
        ------
        ValueError
            When a layer can't take what comes to it, the model was built for another shape, or has no layers.
        """
        if not self.layers:
            raise ValueError(f"model {self.name!r} has no layers; add some before building")
        features = check_shape(tuple(input_shape)[1:], f"model {self.name!r}")
        declared = self._declared_features()
        if declared not in (None, features):
            raise ValueError(f"model {self.name!r} is declared for samples of shape {declared}, got {features}")
        shape: Shape = (None, *features)
        for layer in self.layers:
            layer.build(shape, self.dtype)
            shape = layer.compute_output_shape(shape)
        self._features = features

    def _declared_features(self) -> tuple[int, ...] | None:
        return self._features or (self._layers[0].input_shape if self._layers else None)

    def _build_if_known(self) -> None:
        declared = self._declared_features()
        if declared is not None and self.layers:
            self.build((None, *declared))

    # ------------------------------------------------------------------------------------------ parameters

    @property
    def weights(self) -> list[Parameter]:
        """All parameters, layer by layer."""
        return [p for layer in self._layers for p in layer.weights]

    @property
    def trainable_weights(self) -> list[Parameter]:
        return [p for layer in self._layers for p in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        return [p for layer in self._layers for p in layer.non_trainable_weights]

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters' numbers, in the order of `weights`."""
        return [p.numpy() for p in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Copy numbers into all parameters.

        Raises
        ------
        ValueError
            When their count or a shape differs; nothing is changed then.
        """
        self._require_built()
        assign_all(self.weights, weights, f"model {self.name!r}")

    def count_params(self) -> int:
        """The number of numbers in all parameters."""
        self._require_built()
        return sum(layer.count_params() for layer in self._layers)

    def summary(self, line_length: int | None = None, print_fn: Any = print) -> None:
        """Print the layers, their output shapes and parameter counts as a table.

        Parameters
        ----------
        line_length : int, optional
            Characters a line.
        print_fn : callable
            Called with the text.
        """
        print_fn(summary_text(self, line_length))

    # --------------------------------------------------------------------------------------------- running

    def _lowered(self, batch_size: int, training: bool, with_loss: bool) -> Lowered:
        """The model bound to buffers for `batch_size` samples; kept, and made again when a parameter has moved."""
        key = batch_size, training, with_loss
        arrays = [a for p in self.weights for a in (p.value, p.grad)]
        kept, lowered = self._programs.get(key, (None, None))
        if kept is None or len(kept) != len(arrays) or any(a is not b for a, b in zip(kept, arrays, strict=True)):
            lowered = self._lower(*key)
            self._programs[key] = arrays, lowered
        self._programs.move_to_end(key)
        while len(self._programs) > _KEPT_PROGRAMS:
            self._programs.popitem(last=False)
        return lowered  # type: ignore[return-value]

    def _lower(self, batch_size: int, training: bool, with_loss: bool) -> Lowered:
        if training:
            self._ensure_arena()
        lowered = Lowered(self.layers, self._require_built(), Program(batch_size, self.dtype, training, self._step))
        if with_loss:
            lowered.add_loss(self.loss)
            lowered.add_penalties(self.layers)
        return lowered

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """The model's output for a batch, as an array of the caller's own.

        Parameters
        ----------
        x : array_like of shape (n, ...)
        training : bool
            Whether dropout drops and batch normalization uses (and updates) batch statistics.

        Raises
        ------
        ValueError
            When x has another shape than the model expects.
        """
        samples = self._samples(x)
        if not training or len(samples) == 0:
            return self._outputs(samples)
        with self._buffers:
            lowered = self._lowered(len(samples), True, False)
            self._step += 1
            lowered.x[...] = samples
            lowered.program.run_forward()
            return lowered.output.copy()

    def _samples(self, x: Any) -> np.ndarray:
        """Bring x into the model's dtype and shape, building the model from it when that has not happened."""
        samples = as_samples(x, self._declared_features(), self.dtype)
        if not self.built:
            self.build((None, *samples.shape[1:]))
        return samples

    def _ensure_arena(self) -> Arena:
        """The flat vector of the trainable parameters, made when a layer was added, or taken over by another model."""
        if self._arena is None or not self._arena.holds(self.trainable_weights):
            self._arena = Arena(self.trainable_weights, self.dtype)
        return self._arena

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, which would cut the views into the arena: it and the programs are made again when needed."""
        return {**self.__dict__, "_arena": None, "_programs": OrderedDict(), "_buffers": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _buffers=threading.RLock())

    # ------------------------------------------------------------------------------ saving, configuration

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
        """Write the parameters alone, as arrays named ``weights/<layer>/<name>``; arguments and errors as in `save`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read parameters that `save_weights` or `save` wrote.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When it is damaged, or its layers' names or shapes are not the model's; nothing is changed then.
        """
        saving.load_weights(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """Name, dtype and layers, as :meth:`from_config` takes them."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "layers": [serialize(layer) for layer in self._layers],
            "build_input_shape": None if self._features is None else [None, *self._features],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], weights: Mapping[str, np.ndarray] | None = None) -> Sequential:
        """Build a model from what `get_config` returned.

        Parameters
        ----------
        config : dict
        weights : mapping of str to ndarray, optional
            Numbers by ``"<layer>/<parameter>"`` that take the place of new ones, where there are some.
        """
        made = [layers.get(layer) for layer in config["layers"]]
        for layer in made:
            names = [name for name in weights or () if name.rpartition("/")[0] == layer.name]
            layer.loaded = {name.rpartition("/")[2]: weights[name] for name in names}
        model = cls(made, name=config.get("name"), dtype=config.get("dtype"))
        if config.get("build_input_shape") and not model.built:
            model.build(tuple(config["build_input_shape"]))
        return model

    def to_json(self, **options: Any) -> str:
        """The architecture as JSON; `options` go to `json.dumps`."""
        return json.dumps({"class_name": "Sequential", "config": self.get_config()}, **options)
