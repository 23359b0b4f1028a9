"""Layers inside layers: branches side by side, and a shortcut around a block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastnn.layers.layer import Layer, Shape, layers
from fastnn.layers.merging import add_gradients, merges
from fastnn.memory import aligned_zeros
from fastnn.program import Program, Tensor

__all__ = ["Parallel", "Residual"]


@layers.register()
class Parallel(Layer):
    """Gives its input to several branches and merges what they put out: a wide and a deep one for instance.

    Parameters
    ----------
    branches : list of (Layer or list of Layer)
        Each a layer, or a list of layers that follow one another; an empty list passes the input on.
    merge : {"concat", "add", "subtract", "multiply", "average", "maximum", "minimum"}
        ``"concat"`` lays the outputs beside one another along the last axis; the others work entry by entry, on outputs of one shape.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        Without branches, for layers of one name, an unknown merge, or outputs that don't go together.
    TypeError
        For what is no layer.

    References
    ----------
    Cheng et al. 2016, "Wide & deep learning for recommender systems", arXiv:1606.07792.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.layers import Dense, Parallel
    >>> wide_and_deep = Parallel([[], [Dense(32, activation="relu"), Dense(8, activation="relu")]])
    >>> model = fastnn.Sequential([fastnn.Input((10,)), wide_and_deep, Dense(1)])
    >>> wide_and_deep.compute_output_shape((None, 10))
    (None, 18)
    """

    def __init__(self, branches: Iterable[Any], merge: Any = "concat", **options: Any):
        super().__init__(**options)
        if not isinstance(branches, Iterable) or isinstance(branches, str):
            raise TypeError(f"layer {self.name!r}: branches must be a list of layers or of lists of layers, got {branches!r}")
        self.branches = [self._as_layers(branch) for branch in branches]
        self.merge = merges.get(merge)
        if not self.branches:
            raise ValueError(f"layer {self.name!r} needs at least one branch")
        names = [child.name for child in self.children]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"layer {self.name!r} has several layers named {', '.join(twice)}; names must differ")
        if not self.trainable:
            self.trainable = False  # and so all inside

    def _as_layers(self, branch: Any) -> list[Layer]:
        given = list(branch) if isinstance(branch, (list, tuple)) else [branch]
        try:
            return [layers.get(layer) for layer in given]
        except TypeError:
            way_out = "; of a model pass its layers" if hasattr(branch, "layers") else ""
            raise TypeError(f"layer {self.name!r}: a branch must be a layer or a list of layers, got {branch!r}{way_out}") from None

    layers = property(lambda self: self.branches[0], doc="The layers of the first branch, which is the only one of a model within a model.")

    @property
    def _way_out(self) -> str:
        """What to do where outputs don't go together."""
        return self.merge.way_out

    def make_parameters(self, features: tuple[int, ...]) -> None:
        for branch in self.branches:
            shape: Shape = (None, *features)
            for layer in branch:
                layer.build(shape, self.dtype)
                shape = layer.compute_output_shape(shape)
        self.compute_output_shape((None, *features))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shapes = []
        for branch in self.branches:
            shape = tuple(input_shape)
            for layer in branch:
                shape = layer.compute_output_shape(shape)
            shapes.append(shape[1:])
        try:
            return (input_shape[0], *self.merge.features(shapes))  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(f"layer {self.name!r}: {error}; {self._way_out}") from error

    def lower(self, program: Program, x: Tensor) -> Tensor:
        if len(self.branches) == 1:
            return _lower_all(self.branches[0], program, x)
        program.kept.append(x.value)
        takers = [Tensor(x.value, None if x.grad is None else aligned_zeros(x.value.shape, program.dtype)) for _ in self.branches]
        add_gradients(program, x, takers)
        return self.merge.lower(program, [_lower_all(branch, program, taker) for branch, taker in zip(self.branches, takers, strict=True)])


def _lower_all(branch: list[Layer], program: Program, x: Tensor) -> Tensor:
    for layer in branch:
        x = layer.lower(program, x)
    return x


@layers.register()
class Residual(Parallel):
    """Adds what some layers make of the input to the input itself.

    Parameters
    ----------
    layers : Layer or list of Layer
        What makes the difference; it must put out the shape of the input, or of what the shortcut makes of it.
    shortcut : Layer or list of Layer
        What the input passes on its way around; nothing by default. ``Dense(units, use_bias=False)`` changes its width.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        When the two don't put out the same shape, or layers have one name.

    References
    ----------
    He et al. 2016, "Deep residual learning for image recognition", CVPR, equations 1 and 2; arXiv:1512.03385.
    """

    def __init__(self, layers: Any, shortcut: Any = (), **options: Any):
        super().__init__([layers, shortcut], "add", **options)

    @property
    def _way_out(self) -> str:
        return "give it a shortcut that changes the shape too, such as Dense(units, use_bias=False)"

    shortcut = property(lambda self: self.branches[1])
