"""The stack of layers: what a model is made of, before it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn.config import standardize_dtype
from fastnn.layers.input import InputLayer
from fastnn.layers.layer import Layer, Shape, automatic_name, check_shape
from fastnn.layers.nested import every_layer
from fastnn.layers.parallel import Parallel
from fastnn.models.summary import summary_text
from fastnn.parameters import Parameter, assign_all


class Stack:
    """Layers that follow one another, their shapes and parameters.

    Parameters
    ----------
    layers : list of Layer, optional
        A model among them becomes a layer, see `add`.
    name : str, optional
    dtype : {"float32", "float64"}, optional
    """

    def __init__(self, layers: Iterable[Layer] | None, name: str | None, dtype: Any):
        if not isinstance(name, (str, type(None))):
            raise TypeError(f"a model's name must be a string, got {name!r}")
        self.name = name or automatic_name("sequential")
        self.dtype = standardize_dtype(dtype)
        self._layers: list[Layer] = []
        self._features: tuple[int, ...] | None = None
        self._append(*(layers or ()))
        self._build_if_known()

    def _changed(self) -> None:
        """Called when a layer was added or taken off; whoever keeps something made from the layers forgets it."""

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input, as Keras lists them."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer) -> None:
        """Append a layer; or a model, whose layers then stand in both models, as a layer of its name.

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

    def _append(self, *layers: Layer) -> None:
        names, known = {layer.name for layer in self._layers}, {id(inner) for inner in every_layer(self._layers)}
        for given in layers:
            layer = given._as_layer() if isinstance(given, Stack) else given
            self._check_new(layer, names, known)
            names.add(layer.name)
            known.update(id(inner) for inner in every_layer([layer]))
            self._layers.append(layer)
        self._changed()

    def _as_layer(self) -> Layer:
        """The model as a layer of another one: its layers, not copies of them."""
        return Parallel([self.layers], name=self.name, input_shape=self._declared_features())

    def _check_new(self, layer: Layer, names: set[str], known: set[int]) -> None:
        if not isinstance(layer, Layer):
            call = f"; write {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise TypeError(f"model {self.name!r}: expected a layer such as Dense(10), got {layer!r}{call}")
        if not hasattr(layer, "name"):
            raise TypeError(f"model {self.name!r}: {type(layer).__name__}.__init__ must begin with super().__init__(**options)")
        if layer.name in names:
            raise ValueError(f"model {self.name!r} already has a layer named {layer.name!r}; names must differ")
        if twice := [inner for inner in every_layer([layer]) if id(inner) in known]:
            raise ValueError(f"model {self.name!r} already has layer {twice[0].name!r}; a layer can stand in one place only")
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(f"model {self.name!r}: Input must come first, and once")

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off and return it.

        Parameters
        ----------
        rebuild : bool
            Without meaning: what remains is built.

        Raises
        ------
        ValueError
            When there is none.
        """
        if not self.layers:
            raise ValueError(f"model {self.name!r} has no layers to pop")
        self._changed()
        return self._layers.pop()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, ``"residual/dense"`` of one inside another, or at that index.

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
        return self._inside(str(name), self._layers)

    def _inside(self, path: str, layers: list[Layer]) -> Layer:
        """The layer at a path such as ``"residual/dense"``."""
        first, _, rest = path.partition("/")
        for layer in layers:
            if layer.name == first:
                return self._inside(rest, layer.children) if rest else layer
        raise ValueError(f"model {self.name!r} has no layer {first!r}; there are {', '.join(x.name for x in layers) or 'none inside'}")

    # -------------------------------------------------------------------------------------------- building

    @property
    def built(self) -> bool:
        """Whether all layers have their parameters."""
        return self._features is not None

    @property
    def input_shape(self) -> Shape:
        """The shape of a batch, None for its size."""
        return (None, *self._require_built())

    @property
    def output_shape(self) -> Shape:
        """The shape of the model's output for a batch, None for its size."""
        return self._shapes()[-1]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape, batch axis first, for an input's; for the model as it is, whether it is built or not."""
        return (input_shape[0], *self._shapes(check_shape(tuple(input_shape)[1:], f"model {self.name!r}"))[-1][1:])

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
    def trainable(self) -> bool:
        """Whether any layer is trained; setting it sets it of all layers, see `Layer.trainable`."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = value

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

    def summary(
        self,
        line_length: int | None = None,
        positions: None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their output shapes and parameter counts as a table.

        Parameters
        ----------
        line_length : int, optional
            Characters a line.
        positions : None
            Without meaning: columns are as wide as what stands in them.
        print_fn : callable, optional
            Called with the text; `print` by default.
        expand_nested : bool
            Whether the layers inside composite ones have lines too.
        show_trainable : bool
            Whether a column says which layers are trained.
        layer_range : pair of str, optional
            Names of the first and last layer to show, or regular expressions that they match.

        Raises
        ------
        ValueError
            When `layer_range` is no pair of names of layers.
        """
        (print_fn or print)(summary_text(self, line_length, expand_nested, show_trainable, layer_range))
