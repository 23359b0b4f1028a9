"""End with the mean of the weights that a training went through."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from fastnn.arrays import as_samples, positive_integer
from fastnn.callbacks.callback import Callback, Logs, checked_count
from fastnn.layers.batch_normalization import BatchNormalization
from fastnn.layers.nested import every_layer

__all__ = ["StochasticWeightAveraging"]


class StochasticWeightAveraging(Callback):
    """Gives the model, at the end of the training, the mean of its weights at the ends of epochs (SWA).

    The learning rate should stay high, or go up and down, while weights are averaged: those of a training that has come to rest
    hardly differ.

    Parameters
    ----------
    start_from_epoch : int
        The first epoch, counted from 0, whose weights count.
    freq : int, default 1
        Of these epochs one in so many counts.
    x : array_like of shape (n, ...), optional
        Samples, those of the training or some thousand of them, of which batch normalization's moments are computed anew for the mean
        weights, as torch's ``update_bn`` does. Needed where a model has such layers.
    batch_size : int, default 1024
        Samples of `x` computed at a time; the moments are the mean of those of the batches.

    Attributes
    ----------
    averaged : int
        How many epochs' weights have been averaged.

    Raises
    ------
    ValueError
        For numbers out of range; at the beginning of a training, when `x` is missing or doesn't fit the model.

    References
    ----------
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018, algorithm 1 (arXiv:1803.05407).
    """

    def __init__(self, start_from_epoch: int, freq: int = 1, x: Any = None, batch_size: int = 1024):
        self.start_from_epoch = checked_count(self, "start_from_epoch", start_from_epoch)
        self.freq, self.batch_size = positive_integer("freq", freq), positive_integer("batch_size", batch_size)
        self.x = x
        self._forget()

    def _forget(self) -> None:
        self.averaged = 0
        self.means: list[np.ndarray] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self._forget()
        if self._normalizations and self.x is None:
            names = ", ".join(layer.name for layer in self._normalizations)
            raise ValueError(
                f"StochasticWeightAveraging: the moments of {names} don't suit the mean weights: pass samples as x to renew them"
            )
        if self.x is not None:
            as_samples(self.x, self.model.input_shape[1:], self.model.dtype)

    @property
    def _normalizations(self) -> list[BatchNormalization]:
        """Those whose moments move in training."""
        return [layer for layer in every_layer(self.model.layers) if isinstance(layer, BatchNormalization) and layer.trainable]

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        since = epoch - self.start_from_epoch
        if since < 0 or since % self.freq:
            return
        self.averaged += 1
        now = [p.value.astype(np.float64) for p in self.model.trainable_weights]
        if self.averaged == 1:
            self.means = now
        for mean, value in zip(self.means, now, strict=True):
            mean += (value - mean) / self.averaged

    def on_train_end(self, logs: Logs = None) -> None:
        if self.averaged:
            for parameter, mean in zip(self.model.trainable_weights, self.means, strict=True):
                parameter.assign(mean)
            self._renew_moments()
        elif self.params.get("epochs", 0) <= self.start_from_epoch:
            warnings.warn(
                f"StochasticWeightAveraging: the training ended before epoch {self.start_from_epoch} (counted from 0), start_from_epoch: "
                "the weights are the last ones, nothing was averaged",
                stacklevel=2,
            )

    def _renew_moments(self) -> None:
        """Give each batch normalization the mean of the moments of batches, weighted by their sizes."""
        layers = self._normalizations
        if not layers:
            return
        x = as_samples(self.x, self.model.input_shape[1:], self.model.dtype)
        moments = [[p, np.zeros(p.shape)] for layer in layers for p in (layer.moving_mean, layer.moving_variance)]
        momenta = [layer.momentum for layer in layers]
        try:
            self._set_momenta([0.0] * len(layers))  # a batch in training then leaves its own moments
            for start in range(0, len(x), self.batch_size):
                part = x[start : start + self.batch_size]
                self.model(part, training=True)
                for parameter, mean in moments:
                    mean += len(part) / len(x) * parameter.value
        finally:
            self._set_momenta(momenta)
        for parameter, mean in moments:
            parameter.assign(mean)

    def _set_momenta(self, momenta: list[float]) -> None:
        for layer, momentum in zip(self._normalizations, momenta, strict=True):
            layer.momentum = momentum
        self.model._changed()  # programs are bound to the old ones
