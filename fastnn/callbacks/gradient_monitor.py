"""Watch gradients vanish or explode, and units die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.activations import activations
from fastnn.activations.rowwise import RowActivation
from fastnn.arrays import as_samples
from fastnn.backend import registry
from fastnn.callbacks.callback import Callback, Logs
from fastnn.program import Call, Program, Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GradientMonitor"]

SATURATED = 0.01
"""A slope below this share of the activation's steepest counts as flat."""


class GradientMonitor(Callback):
    """Records of each layer, at the ends of epochs, how large gradients and weights are and how many units have stopped learning.

    The gradients are those of the epoch's last batch, as the optimizer saw them. It costs a look at them an epoch, and a pass of `x`.

    Parameters
    ----------
    x : array_like of shape (n, ...), optional
        Samples, some hundred of them, on which units are looked at; without them only norms are recorded.

    Attributes
    ----------
    history : dict of str to dict of str to list of float
        By the layer's name, then:

        * ``"gradient_norm"``, ``"weight_norm"``: Euclidean norms over the layer's trained parameters;
        * ``"dead"``: the share of units whose activation has the slope 0 at each sample, so that no gradient comes through;
        * ``"saturated"``: the share of all activations, of units and samples, whose slope is below 1 % of the steepest one. Of a relu these
          are the ones that are switched off.

        Only layers with parameters have the former, only those that end with an activation, entry by entry, the latter.

    Raises
    ------
    ValueError, TypeError
        At the beginning of a training, when `x` doesn't fit the model.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, sections 3 and 4.
    """

    def __init__(self, x: Any = None):
        self.x = x
        self.history: dict[str, dict[str, list[float]]] = {}

    def on_train_begin(self, logs: Logs = None) -> None:
        self.history = {}
        if self.x is not None:
            self._samples()

    def _samples(self) -> np.ndarray:
        return as_samples(self.x, self.model.input_shape[1:], self.model.dtype)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        for layer in self.model.layers:
            self._record(layer.name, _norms(layer))
        if self.x is not None:
            for name, slopes, steepest in _slopes(self.model, self._samples()):
                self._record(name, _flatness(slopes, steepest))

    def _record(self, layer: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.history.setdefault(layer, {}).setdefault(name, []).append(value)

    def table(self) -> str:
        """The last epoch's numbers, a line a layer."""
        columns = _names(self.history)
        width = max([len("layer"), *map(len, self.history)])
        lines = [" ".join(["layer".ljust(width), *(name.rjust(13) for name in columns)])]
        for layer, values in self.history.items():
            cells = [f"{values[name][-1]:.4g}" if name in values else "-" for name in columns]
            lines.append(" ".join([layer.ljust(width), *(cell.rjust(13) for cell in cells)]))
        return "\n".join(lines)

    def plot(self, axes: Any = None) -> list[Axes]:
        """Draw each quantity over the epochs, a line a layer.

        Parameters
        ----------
        axes : sequence of matplotlib.axes.Axes, optional
            One for each quantity recorded; those of a new figure by default.

        Returns
        -------
        list of matplotlib.axes.Axes

        Raises
        ------
        ImportError
            When matplotlib, of the extra ``plot``, isn't installed.
        ValueError
            When nothing has been recorded, or there are fewer axes than quantities.
        """
        names = _names(self.history)
        if not names:
            raise ValueError("GradientMonitor: nothing has been recorded yet; pass it to fit first")
        drawn = list(_new_axes(len(names)) if axes is None else axes)
        for ax, name in zip(drawn, names, strict=True):
            for layer, values in self.history.items():
                if name in values:
                    ax.plot(range(1, len(values[name]) + 1), values[name], label=layer)
            ax.set(xlabel="epoch", ylabel=name.replace("_", " "), yscale="log" if name.endswith("norm") else "linear")
        drawn[0].legend()
        return drawn


def _names(history: dict[str, dict[str, list[float]]]) -> list[str]:
    return list(dict.fromkeys(name for values in history.values() for name in values))


def _new_axes(count: int) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plot needs matplotlib: install it with pip install 'fastnn[plot]'") from error
    return pyplot.subplots(1, count, figsize=(4 * count, 3.6), layout="constrained", squeeze=False)[1][0]


def _norms(layer: Any) -> dict[str, float]:
    trained = [p for p in layer.trainable_weights if p.grad is not None]
    if not trained:
        return {}
    arrays = {"gradient_norm": [p.grad for p in trained], "weight_norm": [p.value for p in trained]}
    return {name: float(np.sqrt(sum(np.square(a, dtype=np.float64).sum() for a in each))) for name, each in arrays.items()}


def _flatness(slopes: np.ndarray, steepest: float) -> dict[str, float]:
    return {"dead": float((slopes == 0).all(axis=0).mean()), "saturated": float((slopes < SATURATED * steepest).mean())}


def _slopes(model: Any, x: np.ndarray) -> list[tuple[str, np.ndarray, float]]:
    """Layers that end with an activation: name, magnitudes (n, m) of the slopes at samples and units, and the steepest slope."""
    program = Program(len(x), model.dtype, False, np.zeros(1, np.uint64))
    tensor = program.source = program.tensor(*x.shape[1:], needs_grad=False)
    tensor.value[...] = x
    ends: list[tuple[str, Call]] = []
    for layer in model.layers:
        before = len(program.forward_calls)
        tensor = layer.lower(program, tensor)
        if len(program.forward_calls) > before and _is_activation(tensor, program.forward_calls[-1]):
            ends.append((layer.name, program.forward_calls[-1]))
    program.run_forward()
    return [(name, _slope(call, call.arguments[0]), float(_slope(call, _everywhere(model.dtype)).max())) for name, call in ends]


def _is_activation(tensor: Tensor, call: Call) -> bool:
    """Whether a layer's output is its last call's, of an activation that works entry by entry and has a slope."""
    name = tensor.source.name if tensor.source else ""
    known = name in activations.members and not isinstance(activations.find(name), RowActivation)
    return known and len(call.arrays) == 2 and f"{call.op.name}_backward" in registry


def _everywhere(dtype: str) -> np.ndarray:
    return np.linspace(-10, 10, 2001, dtype=dtype)[None]


def _slope(call: Call, z: np.ndarray) -> np.ndarray:
    """The magnitudes of an activation's slopes at `z`: its gradient where that of its output is one."""
    a, dz, scalars = np.empty_like(z), np.empty_like(z), call.arguments[2:]
    call.op(z, a, *scalars)
    registry[f"{call.op.name}_backward"](z, a, np.ones_like(z), dz, *scalars)
    return np.abs(dz)
