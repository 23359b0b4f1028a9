"""What every layer is."""

from __future__ import annotations

import inspect
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.absent import advice
from fastnn.arrays import as_samples
from fastnn.config import standardize_dtype
from fastnn.configurable import Catalogue, Configurable, snake_case
from fastnn.layers.calling import inferred_shape, lower_call
from fastnn.layers.keywords import MORE, sample_shape
from fastnn.parameters import Parameter, assign_all
from fastnn.program import Program, Tensor

__all__ = ["Layer", "layers"]

Shape = tuple[int | None, ...]

_numbers: dict[str, itertools.count[int]] = defaultdict(itertools.count)


def automatic_name(kind: str) -> str:
    """``"dense"``, then ``"dense_1"``, ``"dense_2"``, ... as Keras numbers its layers."""
    number = next(_numbers[kind])
    return f"{kind}_{number}" if number else kind


def restart_names() -> None:
    """Number layers and models from the beginning again."""
    _numbers.clear()


class Layer(Configurable):
    """A step of a model: parameters, made by :meth:`build`, and the op calls it :meth:`lower` s to.

    To write one as in Keras, define ``call(x)``, or ``call(x, training)``, in NumPy; ``build(input_shape)``, which makes parameters by
    :meth:`add_weight`, where there are any; and ``backward(dy)``, unless it is to be found by differentiation. To have ops of its own,
    define :meth:`lower`, and :meth:`make_parameters` and :meth:`compute_output_shape` where there are any parameters or the shape changes.
    See ``docs/custom.md``.

    Parameters
    ----------
    name : str, optional
        Made from the class name when left out.
    input_shape : tuple of int, optional
        Shape of one sample; lets the first layer of a model stand without an ``Input``.
    trainable : bool
        Whether training changes the parameters.
    **keras
        ``input_dim``, ``batch_shape`` and ``batch_input_shape``: other ways to say `input_shape`; ``dtype``, which must be the one of new
        models; ``autocast``, which has no meaning here.

    Attributes
    ----------
    parameters : list of Parameter
        Its own, without those of layers inside.
    branches : list of list of Layer
        The layers inside a composite one: lists of layers that follow one another.
    loaded : dict of str to ndarray
        Numbers from a file that take the place of the initializers' when the layer is built, by ``"kernel"`` or, of a layer inside,
        ``"dense/kernel"``.
    """

    more_keywords: ClassVar[tuple[str, ...]] = MORE

    def __init__(self, name: str | None = None, input_shape: tuple[int, ...] | None = None, trainable: bool = True, **keras: Any):
        input_shape = sample_shape(type(self).__name__, input_shape, keras)
        if name is not None and (not isinstance(name, str) or not name or "/" in name or not name.isprintable()):
            raise ValueError(f"a layer's name must be non-empty, printable and without '/', as files name weights by it, got {name!r}")
        self.name = name or automatic_name(snake_case(type(self).__name__))
        self.input_shape = None if input_shape is None else check_shape(input_shape, f"layer {self.name!r}")
        self.parameters: list[Parameter] = []
        self.branches: list[list[Layer]] = []
        self.built_shape: tuple[int, ...] | None = None
        self.dtype = ""
        self.loaded: dict[str, np.ndarray] = {}
        self._complete = False
        self._trainable = bool(trainable)
        self._building = False
        self._calls = 0

    def __init_subclass__(cls) -> None:
        """Show the arguments that a subclass passes on as ``**options`` in its signature, and so in its configuration.

        A ``build(self, input_shape)`` written as in Keras becomes `make_parameters`, so that what a model calls stays the same.
        """
        super().__init_subclass__()
        if written := vars(cls).get("build"):
            cls.make_parameters = lambda self, features: written(self, (None, *features))  # type: ignore[method-assign]
            del cls.build
        own = dict(list(inspect.signature(cls.__init__).parameters.items())[1:])
        rest = [name for name, p in own.items() if p.kind is p.VAR_KEYWORD]
        if rest and own.pop(rest[0]):
            shared = inspect.signature(Layer.__init__).parameters
            own.update({k: p.replace(kind=p.KEYWORD_ONLY) for k, p in shared.items() if k not in (*own, "self", "keras")})
        cls.__signature__ = inspect.Signature(list(own.values()))  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and whether the layer is trainable."""
        return {**super().get_config(), "trainable": self.trainable}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Build the layer again from what :meth:`get_config` returned."""
        made = cls(**{key: value for key, value in config.items() if key != "trainable"})
        made._trainable = bool(config.get("trainable", True))  # of layers inside, each has its own
        return made

    if not TYPE_CHECKING:  # type checkers see what there is

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):
                return super().__getattribute__(name)  # a property's own error
            if "parameters" not in vars(self):
                raise AttributeError(f"{type(self).__name__}.__init__ must begin with super().__init__(**options), it has no {name!r} yet")
            way_out = None if name.startswith("_") else advice("Layer", name)
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}" + (f": {way_out}" if way_out else ""))

    # ---------------------------------------------------------------------------------------------- building

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self.built_shape is not None

    def build(self, input_shape: Shape, dtype: str | None = None) -> None:
        """Make the parameters for inputs of `input_shape` (batch axis first); once built, only check that it fits.

        Raises
        ------
        ValueError
            When the shape doesn't suit the layer, or differs from the one it was built for.
        """
        if self._building:  # a `build` as in Keras calls that of its base
            return
        features = tuple(input_shape[1:])
        if any(size is None for size in features):
            raise ValueError(f"layer {self.name!r} needs known sizes after the batch axis, got {tuple(input_shape)}")
        if self.built_shape not in (None, features):
            raise ValueError(f"layer {self.name!r} was built for inputs of shape {self.built_shape}, got {features}")
        if self.built and dtype not in (None, self.dtype):
            raise ValueError(f"layer {self.name!r} was built in {self.dtype}, the model is {dtype}")
        if not self.built:
            self._refuse_layers_in_call()
            self.dtype = standardize_dtype(dtype)
            for parameter in self.parameters:
                self._settle(parameter)
            load_each(self.children, self.loaded, self._complete)
            self._building = True
            try:
                self.make_parameters(features)
            finally:
                self._building = False
            for path, parameter in self.named_weights():
                parameter.path = path
            self.built_shape = features

    def load(self, weights: Mapping[str, np.ndarray], complete: bool = False) -> None:
        """Keep those of `weights` for :meth:`build` whose names begin with this layer's name and a slash, beside what it has adapted to.

        Where they are said to be `complete`, a parameter that isn't among them is an error: nothing is initialized.
        """
        start, self._complete = f"{self.name}/", complete
        self.loaded |= {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}

    def make_parameters(self, features: tuple[int, ...]) -> None:
        """Create the parameters for samples of shape `features` by :meth:`add_weight`; nothing by default."""

    def add_weight(
        self,
        shape: tuple[int, ...],
        initializer: Any = "glorot_uniform",
        name: str | None = None,
        regularizer: Any = None,
        trainable: bool = True,
        constraint: Any = None,
    ) -> Parameter:
        """A new parameter of this layer.

        Parameters
        ----------
        shape : tuple of int
        initializer : str or Initializer
        name : str, optional
            ``"variable"``, ``"variable_1"``, ... when left out.
        regularizer : str or Regularizer, optional
        trainable : bool
        constraint : str or Constraint, optional
        """
        shape = tuple(shape) or (1,)  # a number is an array of one entry
        name = name or (f"variable_{len(self.parameters)}" if self.parameters else "variable")
        value = self._from_file(name, shape)
        if value is None:
            dtype = self.dtype or standardize_dtype()  # of the constructor; the layer's own is known once it is built
            value = initializers.get(initializer).beside([p.shape for p in self.parameters])(shape, dtype)
        held = regularizers.get(regularizer), trainable, constraints.get(constraint)
        self.parameters.append(Parameter(name, np.require(value, self.dtype or None, ["C", "W"]), *held))
        self.parameters[-1].path = f"{self.name}/{name}"
        return self.parameters[-1]

    def _from_file(self, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """The numbers of a file for the parameter called `name`, if they were loaded."""
        value = self.loaded.pop(name, None)
        if value is None and self._complete:
            raise ValueError(f"layer {self.name!r}: there is no {name} of shape {shape}")
        if value is not None and value.shape != shape:
            raise ValueError(f"layer {self.name!r}: {name} has shape {value.shape}, expected {shape}")
        return value

    def _refuse_layers_in_call(self) -> None:
        """Their parameters would be neither trained nor saved."""
        held = {k: v if isinstance(v, (list, tuple)) else [v] for k, v in vars(self).items() if k not in ("branches", "children")}
        inside = [k for k, each in held.items() if any(hasattr(type(v), "trainable_weights") and v not in self.children for v in each)]
        if inside and hasattr(self, "call"):
            raise TypeError(
                f"layer {self.name!r} holds layers ({', '.join(inside)}), which can't be called within its call: list them in the model, "
                "with Residual and Parallel where they branch, or write what they compute in NumPy with parameters of add_weight"
            )

    def _settle(self, parameter: Parameter) -> None:
        """Give a parameter that was made before the layer was built, in its constructor, its numbers from a file and the layer's dtype."""
        value = self._from_file(parameter.name, parameter.shape)
        parameter.value = np.require(parameter.value if value is None else value, self.dtype, ["C", "W"])
        Parameter.moves += 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The output's shape, batch axis first, for an input's; by default the same, or what `call` makes of a sample."""
        return inferred_shape(self, input_shape) if hasattr(self, "call") else tuple(input_shape)

    # ----------------------------------------------------------------------------------------------- running

    def lower(self, program: Program, x: Tensor) -> Tensor:
        """Append this layer's op calls to `program` and return what it outputs."""
        if hasattr(self, "call"):
            return lower_call(self, program, x)
        raise NotImplementedError(f"{type(self).__name__} must define call(x), or lower(program, x)")

    checks_values: bool = False
    """Whether :meth:`check_samples` looks at each number, so that it is worth calling before predictions too."""

    def check_samples(self, x: np.ndarray) -> np.ndarray | None:
        """Refuse samples that the layer can't take when it comes first in a model, category codes out of range for instance.

        Returns
        -------
        ndarray or None
            What the next layer gets, where that is but a view of x or some of its columns.

        Raises
        ------
        ValueError
            For such samples.
        """
        for branch in self.branches:
            check_samples(branch, x)
        return None

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """The layer's output for a batch of its own, building the layer when that has not happened.

        Parameters
        ----------
        x : array_like of shape (n, ...)
        training : bool
            Whether dropout and batch statistics are in use.
        """
        if isinstance(x, Layer):
            raise TypeError(
                f"layer {self.name!r} is called on arrays, not on {x.name!r}: fastnn has no functional API; list the layers, "
                "Sequential([Input((8,)), Dense(3)]), and use Parallel and Residual for layers side by side"
            )
        given = as_samples(x, self.built_shape, self.dtype or standardize_dtype())
        self.check_samples(given)
        self.build((None, *given.shape[1:]), str(given.dtype))
        for parameter in self.weights if training else ():
            parameter.need_grad()
        self._calls += training  # each draws its own dropout mask
        program = Program(len(given), self.dtype, training, np.full(1, self._calls, np.uint64))
        source = program.tensor(*given.shape[1:], needs_grad=False)
        source.value[...] = given
        output = self.lower(program, source)
        program.run_forward()
        return output.value

    # -------------------------------------------------------------------------------------------- parameters

    @property
    def children(self) -> list[Layer]:
        """The layers right inside this one."""
        return [layer for branch in self.branches for layer in branch]

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters, and those of the layers inside when it is set.

        Set it before the model is compiled; what a training then needs is made anew, the optimizer's memory too. The parameters of a
        frozen layer are listed as non-trainable, its regularizers are off, nothing is computed for them, and batch normalization uses its
        running averages in training too.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for child in self.children:
            child.trainable = value
        Parameter.moves += 1  # programs are bound to what is trained

    def named_weights(self) -> Iterator[tuple[str, Parameter]]:
        """Each parameter with its path: ``"dense/kernel"``, ``"residual/dense/kernel"``.

        Own ones come first, and of these those that are made to be trained.
        """
        for parameter in sorted(self.parameters, key=lambda p: not p.trainable):
            yield f"{self.name}/{parameter.name}", parameter
        for child in self.children:
            for path, parameter in child.named_weights():
                yield f"{self.name}/{path}", parameter

    @property
    def weights(self) -> list[Parameter]:
        """All parameters, those made to be trained first; then those of the layers inside."""
        return [parameter for _, parameter in self.named_weights()]

    @property
    def trainable_weights(self) -> list[Parameter]:
        """Those that training changes: none of a frozen layer."""
        if not self.trainable:
            return []
        own = [p for p in self.parameters if p.trainable]
        return own + [p for child in self.children for p in child.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """All others."""
        trained = {id(p) for p in self.trainable_weights}
        return [p for p in self.weights if id(p) not in trained]

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the parameters' numbers."""
        return [p.numpy() for p in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Copy numbers into the parameters.

        Raises
        ------
        ValueError
            When their count or a shape differs; nothing is changed then.
        """
        assign_all(self.weights, weights, f"layer {self.name!r}")

    def count_params(self) -> int:
        """The number of numbers in the parameters."""
        return sum(p.value.size for p in self.weights)


layers: Catalogue[Layer] = Catalogue("layer", Layer)


def check_shape(shape: Any, who: str) -> tuple[int, ...]:
    """`shape` as a tuple of positive integers; an integer stands for one axis.

    Raises
    ------
    ValueError
        For anything else.
    """
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not sizes or not all(isinstance(s, (int, np.integer)) and s > 0 for s in sizes):
        raise ValueError(f"{who}: a sample's shape must be positive integers such as (784,), got {shape!r}")
    return tuple(int(s) for s in sizes)


def check_samples(layers: Iterable[Layer], x: np.ndarray) -> None:
    """Let layers that follow one another check the samples that come to them unchanged; a ValueError tells what is wrong."""
    given: np.ndarray | None = x
    for layer in layers:
        if given is not None:
            given = layer.check_samples(given)


def load_each(layers: Iterable[Layer], weights: Mapping[str, np.ndarray], complete: bool = False) -> None:
    """:meth:`Layer.load` of several layers: `weights` are gone through once, however many layers there are."""
    own: dict[str, dict[str, np.ndarray]] = {}
    for name, value in weights.items():
        own.setdefault(name.partition("/")[0], {})[name] = value
    for layer in layers:
        layer.load(own.get(layer.name, {}), complete)
