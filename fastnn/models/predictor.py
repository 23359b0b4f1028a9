"""Predictors: models bound for inference, as `freeze` returns and `predict` uses."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fastnn import backend, threads
from fastnn.executors import CompiledExecutor
from fastnn.layers import BatchNormalization, Dense, Dropout
from fastnn.layers.layer import Layer
from fastnn.models.lowering import Lowered
from fastnn.program import Program

CHUNK_BYTES = 1 << 18
"""What a chunk of samples takes in all layers together: a part of the second-level cache, whose rest the weights need."""
MOST, FEWEST = 1024, 32
"""Samples a chunk."""

Convert = Callable[[Any], np.ndarray]


def predictor(layers: Iterable[Layer], features: tuple[int, ...], dtype: str, convert: Convert, batch_size: int | None = None) -> Any:
    """Bind layers for inference on the current backend.

    Parameters
    ----------
    layers : iterable of Layer
        Built. The predictor reads their parameters where they are.
    features : tuple of int
        Shape of one sample.
    dtype : {"float32", "float64"}
    convert : callable
        Makes a C-contiguous array of `dtype` of what a caller gave, or raises.
    batch_size : int, optional
        Samples computed at a time; what fits the cache by default.

    Returns
    -------
    Predictor or NumpyPredictor
    """
    given = list(layers)
    one = _lowered(given, features, dtype, 1)
    size = batch_size or min(MOST, max(FEWEST, CHUNK_BYTES // max(1, _bytes(one))))
    if backend.current() == "numpy":
        return NumpyPredictor(given, features, dtype, convert, size)
    from fastnn._compiled.engine import Predictor

    def make(batch_size: int) -> Any:
        lowered = _lowered(given, features, dtype, batch_size)
        plan = CompiledExecutor(lowered.program, max(1, batch_size // size)).plan
        plan.attach(lowered.x, lowered.output)
        return plan

    work = sum(array.size for call in one.program.forward_calls for _, array in call.arrays)
    return Predictor(make, convert, np.empty, threads.get_num_threads, features, one.output.shape[1:], dtype, size, work)


def _lowered(layers: list[Layer], features: tuple[int, ...], dtype: str, batch_size: int) -> Lowered:
    return Lowered(layers, features, Program(batch_size, dtype, False, np.zeros(1, np.uint64), in_place=True))


def _bytes(lowered: Lowered) -> int:
    """What the buffers take, each counted once."""
    buffers = {a.ctypes.data: a.nbytes for call in lowered.program.forward_calls for kind, a in call.arrays if "n" in kind.shape}
    return sum(buffers.values())


class NumpyPredictor:
    """What `fastnn.Sequential.freeze` returns on the NumPy backend; the same in use as the compiled one.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one sample.
    dtype : str
    batch_size : int
    """

    def __init__(self, layers: list[Layer], features: tuple[int, ...], dtype: str, convert: Convert, batch_size: int):
        self._lowered = _lowered(layers, features, dtype, batch_size)
        self._convert = convert
        self._lock = threading.Lock()
        self.input_shape, self.output_shape, self.dtype, self.batch_size = features, self._lowered.output.shape[1:], dtype, batch_size

    def __call__(self, x: Any, *, out: np.ndarray | None = None) -> np.ndarray:
        """The outputs of any number of samples; see the compiled predictor."""
        samples = self._convert(x)
        shape = len(samples), *self.output_shape
        if out is None:
            out = np.empty(shape, self.dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != self.dtype or not out.flags.carray:
            raise ValueError(f"out must be a C-contiguous {self.dtype} array of shape {shape}")
        lowered = self._lowered
        with self._lock, np.errstate(all="ignore"):
            for start in range(0, len(samples), self.batch_size):
                rows = samples[start : start + self.batch_size]
                lowered.x[: len(rows)] = rows
                for call in lowered.program.forward_calls:
                    call.op.reference(*call.of(len(rows), self.batch_size))
                out[start : start + len(rows)] = lowered.output[: len(rows)]
        return out


def frozen(layers: Iterable[Layer]) -> list[Layer]:
    """Copies of the layers for inference alone: batch normalization folded into the dense layer before it, dropout gone."""
    kept: list[Layer] = []
    for layer in layers:
        before = kept[-1] if kept else None
        if isinstance(layer, Dropout):
            continue
        if type(layer) is BatchNormalization and type(before) is Dense and before.activation.forward is None:
            _fold(before, layer)
        else:
            kept.append(copy.deepcopy(layer))
    return kept


def _fold(dense: Dense, norm: BatchNormalization) -> None:
    """Let `dense` do what `norm` did after it: ``gamma (z - mean) / sqrt(variance + epsilon) + beta`` is linear in the kernel."""
    kernel, mean, variance = (p.value.astype(np.float64) for p in (dense.kernel, norm.moving_mean, norm.moving_variance))
    gamma, beta, bias = ((p.value.astype(np.float64) if p else default) for p, default in ((norm.gamma, 1.0), (norm.beta, 0.0), (dense.bias, 0.0)))
    scale = gamma / np.sqrt(variance + norm.epsilon)
    dense.kernel.assign(kernel * scale)
    if dense.bias is None:
        dense.bias = dense.add_weight((dense.units,), "zeros", "bias")
    dense.bias.assign((bias - mean) * scale + beta)
