"""Running a model: lowering it to programs for the batch sizes that come, and predicting."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np

from fastnn import backend
from fastnn.arrays import as_samples, positive_integer
from fastnn.callbacks import CallbackList
from fastnn.layers.layer import Layer, check_samples
from fastnn.layers.nested import every_layer
from fastnn.models.lowering import Lowered
from fastnn.models.predictor import frozen, predictor
from fastnn.models.stack import Stack
from fastnn.parameters import Arena, Parameter
from fastnn.program import Program

KEPT_PROGRAMS = 8
INFERENCE_BATCH = 1024
"""Samples a chunk where the caller names no batch size: large enough to amortise calls, small enough for the cache."""


_runners: weakref.WeakSet[Runner] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a forked child: a thread of the parent that held a lock, or ran a program, isn't there to release it."""
    for runner in list(_runners):
        runner._renew_lock()
        runner._changed()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class Runner(Stack):
    """A stack with programs bound to buffers; `predict` and calling it need no more."""

    def __init__(self, *arguments: Any):
        self._arena: Arena | None = None
        self._programs: OrderedDict[Any, tuple[int, Lowered]] = OrderedDict()
        self._predictors: dict[Any, tuple[int, Any]] = {}
        self._step = np.zeros(1, np.uint64)
        self._renew_lock()
        super().__init__(*arguments)

    def _renew_lock(self) -> None:
        """A lock that is held while a program's buffers are in use, because a server predicts from several threads."""
        self._buffers = threading.RLock()
        _runners.add(self)

    def _changed(self) -> None:
        self._programs.clear()
        self._predictors.clear()

    def _lowered(self, batch_size: int, training: bool, *more: Any) -> Lowered:
        """The model bound to buffers for `batch_size` samples; kept, and made again when parameters may have moved."""
        key = batch_size, training, *more
        moves, lowered = self._programs.get(key, (-1, None))
        if lowered is None or moves != Parameter.moves:
            lowered = self._lower(*key)
            self._programs[key] = Parameter.moves, lowered
        self._programs.move_to_end(key)
        if len(self._programs) > KEPT_PROGRAMS:
            self._programs.popitem(last=False)
        return lowered

    def _lower(self, batch_size: int, training: bool) -> Lowered:
        if training:
            self._ensure_arena()
        return Lowered(self.layers, self._require_built(), Program(batch_size, self.dtype, training, self._step))

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
        if not training or len(x) == 0:
            given = x if self.built else self._samples(x)
            return self._predictor()(given)
        samples = self._samples(x)
        with self._buffers:
            lowered = self._lowered(len(samples), True)
            self._step += 1
            lowered.x[...] = samples
            lowered.program.run_forward()
            return lowered.output.copy()

    def _predictor(self, batch_size: int | None = None) -> Any:
        """What computes outputs, bound to the parameters where they are now."""
        moves, predict = self._predictors.get((batch_size, backend.current()), (-1, None))
        if predict is None or moves != Parameter.moves:
            predict = self._checked(self._bound(self.layers, batch_size))
            if len(self._predictors) >= KEPT_PROGRAMS:
                self._predictors.clear()
            self._predictors[batch_size, backend.current()] = Parameter.moves, predict
        return predict

    def freeze(self, batch_size: int | None = None) -> Any:
        """The model as it is now, bound for inference: a function ``f(x)``, or ``f(x, out=y)``, of samples.

        It has its own copy of the parameters, so later training doesn't change it; batch normalization is folded into the
        dense layer before it, and dropout is gone. Any number of threads may call it at the same time. With `out` given, a
        call allocates nothing. It can be copied and pickled, and loaded where the other backend is in use.

        Parameters
        ----------
        batch_size : int, optional
            Samples computed at a time: it bounds the memory, not the number of samples in a call.

        Returns
        -------
        Predictor
            With ``input_shape`` and ``output_shape`` of one sample, ``dtype`` and ``batch_size``.

        Raises
        ------
        ValueError
            When the model isn't built, or `batch_size` isn't a positive integer.

        Examples
        --------
        >>> import fastnn, numpy as np
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, activation="softmax")])
        >>> f = model.freeze()
        >>> f(np.zeros((2, 4), "float32"))
        array([[0.33333334, 0.33333334, 0.33333334],
               [0.33333334, 0.33333334, 0.33333334]], dtype=float32)
        """
        self._require_built()
        size = None if batch_size is None else positive_integer("batch_size", batch_size)
        return self._bound(frozen(self.layers), size)

    def _bound(self, layers: list[Layer], batch_size: int | None) -> Any:
        """A predictor of `layers`, which knows nothing of the model: the two would keep each other alive."""
        features = self._require_built()
        convert = functools.partial(as_samples, features=features, dtype=self.dtype)
        return predictor(layers, features, self.dtype, convert, batch_size)

    def _checked(self, predict: Any) -> Any:
        """`predict`, after the samples' values were checked, where a layer can't take all numbers."""
        layers, features, dtype = self.layers, self._require_built(), self.dtype
        if not any(layer.checks_values for layer in every_layer(layers)):
            return predict

        def checked(x: Any) -> np.ndarray:
            samples = as_samples(x, features, dtype)
            check_samples(layers, samples)
            return predict(samples)

        return checked

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
        for parameter in self.weights:  # those of frozen layers are lowered like any other before their calls are left out
            if parameter.trainable:
                parameter.need_grad()
        return self._arena

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, which would cut the views into the arena: it and the programs are made again when needed."""
        return {**self.__dict__, "_arena": None, "_programs": OrderedDict(), "_predictors": {}, "_buffers": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._step = np.array(self._step)  # joblib may have mapped a file's arrays, which can't be written to
        for parameter in self.non_trainable_weights:
            parameter.value = np.require(parameter.value, requirements="W")
        self._renew_lock()

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto", *, callbacks: Any = None) -> np.ndarray:
        """The model's outputs for any number of samples.

        Parameters
        ----------
        x : array_like of shape (n, ...)
        batch_size : int, optional
            Samples computed at a time; changes memory use and speed, not the result.
        verbose : {"auto", 0, 1, 2}
            Accepted for Keras' sake; predicting prints nothing.
        callbacks : list of Callback, optional

        Returns
        -------
        ndarray of shape (n, ...)
        """
        size = None if batch_size is None else positive_integer("batch_size", batch_size)
        if callbacks is None:
            given = x if self.built else self._samples(x)
            return self._predictor(size)(given)
        samples = self._samples(x)
        hooks = CallbackList(callbacks, model=self)
        hooks.on_predict_begin()
        out = np.empty((len(samples), *self.output_shape[1:]), self.dtype)
        for step, start in enumerate(range(0, len(samples), size or INFERENCE_BATCH)):
            rows = slice(start, start + (size or INFERENCE_BATCH))
            hooks.on_predict_batch_begin(step)
            out[rows] = self._predictor(size)(samples[rows])
            hooks.on_predict_batch_end(step, {"outputs": out[rows]})
        hooks.on_predict_end()
        return out

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """The model's outputs for one batch."""
        return self(x)
