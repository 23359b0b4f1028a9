"""Predictors: models bound for inference, as `freeze` returns and `predict` uses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fastnn import backend, threads
from fastnn.executors import CompiledExecutor
from fastnn.layers import BatchNormalization, Dense, Noise, Parallel
from fastnn.layers.layer import Layer
from fastnn.memory import aligned_zeros
from fastnn.models.lowering import Lowered
from fastnn.program import Program

CHUNK_BYTES = 1 << 18
"""What a chunk of samples takes in all layers together: a part of the second-level cache, whose rest the weights need."""
MOST, FEWEST = 1024, 128
"""Samples a chunk, a multiple of the least: fewer would read the weights of wide layers too often."""

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
    source = Source(list(layers), features, dtype, convert, batch_size)
    if backend.current() == "numpy":
        return NumpyPredictor(source)
    from fastnn._compiled.engine import Predictor

    return Predictor(source)


class Source:
    """What a predictor is made of, and how it meets what callers give it.

    Parameters are those of `predictor`.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one sample.
    dtype : str
    batch_size : int
    work : int
        Multiply-adds a sample, about.
    """

    ndarray, empty, threads = np.ndarray, staticmethod(np.empty), staticmethod(threads.get_num_threads)

    def __init__(self, layers: list[Layer], features: tuple[int, ...], dtype: str, convert: Convert, batch_size: int | None):
        self._recipe = layers, features, dtype, convert, batch_size
        self.layers, self.input_shape, self.dtype, self.real, self._convert = layers, features, dtype, np.dtype(dtype), convert
        one = self.lowered(1)
        self.output_shape = one.output.shape[1:]
        self.batch_size = batch_size or min(MOST, max(1, CHUNK_BYTES // max(1, _bytes(one)) // FEWEST) * FEWEST)
        self.work = sum(array.size for call in one.program.forward_calls for _, array in call.arrays)

    def lowered(self, batch_size: int) -> Lowered:
        """The layers bound to buffers."""
        return Lowered(self.layers, self.input_shape, Program(batch_size, self.dtype, False, np.zeros(1, np.uint64), in_place=True))

    def plan(self, batch_size: int, count: int) -> Any:
        """The same, for the engine, with `count` threads."""
        lowered = self.lowered(batch_size)
        plan = CompiledExecutor(lowered.program, count).plan
        plan.attach(lowered.x, lowered.output)
        return plan

    def convert(self, x: Any) -> np.ndarray:
        """What a caller gave, as the kernels take it."""
        return np.require(self._convert(x), requirements="CA")

    def refusal(self, out: Any, n: int) -> Exception:
        """What is wrong with the array that a caller wants the outputs of n samples in."""
        expected = f"out must be a writable, C-contiguous {self.dtype} array of shape {(n, *self.output_shape)}"
        if not isinstance(out, np.ndarray):
            return TypeError(f"{expected}, got {type(out).__name__}")
        flags = {"read-only": out.flags.writeable, "not contiguous": out.flags.c_contiguous, "not aligned": out.flags.aligned}
        flaws = "".join(f", {flaw}" for flaw, fine in flags.items() if not fine)
        return ValueError(f"{expected}, got {out.dtype} of shape {out.shape}{flaws}")

    def __reduce__(self) -> tuple[Any, ...]:
        return predictor, self._recipe

    def __repr__(self) -> str:
        def shape(features: tuple[int, ...]) -> str:
            return f"({', '.join(map(str, ('n', *features)))})"

        return f"<Predictor {shape(self.input_shape)} -> {shape(self.output_shape)}, {self.dtype}>"


def _bytes(lowered: Lowered) -> int:
    """What the buffers take, each counted once."""
    buffers = {a.ctypes.data: a.nbytes for call in lowered.program.forward_calls for kind, a in call.arrays if "n" in kind.shape}
    return sum(buffers.values())


class NumpyPredictor:
    """A model bound for inference: call it with samples, from any number of threads.

    Made by :meth:`fastnn.Sequential.freeze` on the NumPy backend; in use the same as the compiled one.

    Parameters
    ----------
    x : array_like of shape (n, ...)
        Any number of samples.
    out : ndarray of shape (n, ...), optional
        Where to write the outputs; C-contiguous, of the model's dtype.

    Returns
    -------
    ndarray of shape (n, ...)
        `out`, or a new array.

    Raises
    ------
    ValueError, TypeError
        When x has another shape than the model expects, or `out` another than the result.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one sample.
    dtype : str
    batch_size : int
        Samples computed at a time.
    """

    input_shape = property(lambda self: self._source.input_shape)
    output_shape = property(lambda self: self._source.output_shape)
    dtype = property(lambda self: self._source.dtype)
    batch_size = property(lambda self: self._source.batch_size)

    def __init__(self, source: Source):
        self._source = source
        self._idle = [source.lowered(source.batch_size)]  # those that no thread uses

    def __call__(self, x: Any, *, out: np.ndarray | None = None) -> np.ndarray:
        samples = self._source.convert(x)
        shape = len(samples), *self.output_shape
        if out is None:
            out = np.empty(shape, self.dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != self.dtype or not out.flags.carray:
            raise self._source.refusal(out, len(samples))
        if np.may_share_memory(samples, out):
            samples = samples.copy()
        try:
            lowered = self._idle.pop()
        except IndexError:
            lowered = self._source.lowered(self.batch_size)
        try:
            with np.errstate(all="ignore"):
                for start in range(0, len(samples), self.batch_size):
                    self._compute(lowered, samples[start : start + self.batch_size], out[start : start + self.batch_size])
        finally:
            self._idle.append(lowered)
        return out

    def _compute(self, lowered: Lowered, x: np.ndarray, y: np.ndarray) -> None:
        lowered.x[: len(x)] = x
        for call in lowered.program.forward_calls:
            call.op.reference(*call.of(len(x), self.batch_size))
        y[...] = lowered.output[: len(y)]

    def __reduce__(self) -> tuple[Any, ...]:
        return self._source.__reduce__()

    def __repr__(self) -> str:
        return repr(self._source)


def frozen(layers: Iterable[Layer]) -> list[Layer]:
    """Copies of the layers for inference alone: batch normalization folded into the dense layer before it, dropout gone."""
    kept: list[Layer] = []
    for layer in layers:
        before = kept[-1] if kept else None
        if type(layer).lower is Noise.lower:  # what one with its own does in inference is its business
            continue
        if type(layer) is BatchNormalization and type(before) is Dense and before.activation.forward is None:
            _fold(before, layer)
        else:
            kept.append(copy.deepcopy(layer))
            if type(layer).lower is Parallel.lower:  # another may count on each layer in its place
                kept[-1].branches = [frozen(branch) for branch in layer.branches]
    _align(kept)
    return kept


def _align(layers: Iterable[Layer]) -> None:
    """Move each parameter to the start of a cache line, for full-width loads."""
    parameters = [parameter for layer in layers for parameter in layer.weights]
    for parameter in parameters:
        given, parameter.grad = parameter.value, None
        parameter.value = aligned_zeros(given.shape, given.dtype)
        parameter.value[...] = given


def _fold(dense: Dense, norm: BatchNormalization) -> None:
    """Let `dense` do what `norm` did after it: ``gamma (z - mean) / sqrt(variance + epsilon) + beta`` is linear in the kernel."""
    kernel, mean, variance = (p.value.astype(np.float64) for p in (dense.kernel, norm.moving_mean, norm.moving_variance))
    optional = (norm.gamma, 1.0), (norm.beta, 0.0), (dense.bias, 0.0)
    gamma, beta, bias = (p.value.astype(np.float64) if p else default for p, default in optional)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    dense.kernel.assign(kernel * scale)
    if dense.bias is None:
        dense.bias = dense.add_weight((dense.units,), "zeros", "bias")
    dense.bias.assign((bias - mean) * scale + beta)
