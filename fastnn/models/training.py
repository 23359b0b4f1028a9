"""Training and evaluating: the part of a model that Keras calls its trainer."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from fastnn import random
from fastnn.arrays import as_array, as_samples, check_finite, positive_integer
from fastnn.callbacks import CallbackList, History
from fastnn.keywords import explained
from fastnn.layers.adapting import warn_of_forgotten
from fastnn.layers.layer import check_samples
from fastnn.models.compiling import USED_OPTIMIZER, Compiled
from fastnn.models.data import Data, as_weights
from fastnn.models.feeds import Arrays, Order, Stream, batches, gives_batches, ran_out, unpacked
from fastnn.models.looping import Feed, Validation, checked_epochs
from fastnn.models.running import INFERENCE_BATCH
from fastnn.optimizers.optimizer import check_number

BATCH = 32
"""Samples a training batch where the caller says nothing, as in Keras."""


class Trainer(Compiled):
    """A model that can be compiled, fitted and evaluated."""

    def _prepare(self, x: Any, y: Any, sample_weight: Any = None, who: str = "x", search: bool = True) -> Data:
        """Check and convert everything before anything changes; `search`: also each number, for NaN and infinity."""
        self._require_compiled()
        samples = as_samples(x, self._declared_features(), self.dtype, who)
        if y is None:
            raise ValueError("y is missing: pass the targets")
        y_true = as_array(y, "y")
        if y_true.ndim == 0 or len(y_true) != len(samples):
            count = "a single number" if y_true.ndim == 0 else f"{len(y_true)} targets"
            raise ValueError(f"{who} has {len(samples)} samples, y {count}")
        if len(samples) == 0:
            raise ValueError(f"{who} has no samples")
        if search:
            check_finite(samples, who)
            check_samples(self.layers, samples)
        targets = self.loss.prepare_targets(y_true, self._output_features(samples), self.dtype, search)
        weights = as_weights(sample_weight, len(samples), self.dtype)
        if not self.built:
            self.build((None, *samples.shape[1:]))
        return Data(samples, targets, weights, y_true)

    def _arrays(self, x: Any, y: Any, sample_weight: Any, batch_size: int | None, steps: int | None) -> Arrays:
        """What `evaluate` and its kin go through: everything checked, batches larger than in training."""
        return Arrays(self._prepare(x, y, sample_weight), batch_size, steps, INFERENCE_BATCH)

    def _stream(self, x: Any, y: Any, sample_weight: Any, steps: int | None, class_weight: Any = None, who: str = "x") -> Stream:
        """The batches that `x` makes, each checked as it comes, its numbers excepted: they'd all be read twice."""
        for name, given in ("y", y), ("sample_weight", sample_weight):
            if given is not None:
                raise ValueError(f"{who} gives batches: {name} must not be passed as well, put it into them as (x, y, sample_weight)")
        if class_weight is not None and hasattr(x, "__next__"):
            raise ValueError(f"class_weight can't go with an iterator: let {who} give (x, y, sample_weight)")

        def prepare(x: Any, y: Any, sample_weight: Any = None) -> Data:
            return self._prepare(x, y, sample_weight, who, search=False).weighted(class_weight, whole=False)

        self._require_compiled()
        return Stream(x, prepare, steps)

    def _output_features(self, samples: np.ndarray) -> tuple[int, ...]:
        """The shape of one output; known before the model is built, so that wrong targets don't build it."""
        features = self._shapes(samples.shape[1:])[-1][1:]
        if len(features) != 1:
            raise ValueError(f"model {self.name!r} puts out samples of shape {features}, a loss needs vectors: add Flatten()")
        return features

    # ------------------------------------------------------------------------------------------- training

    @explained
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | Order = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> History:
        """Train for a number of passes over the data.

        NaN and infinity in arrays are refused. In what a generator makes they aren't searched for: they show in that epoch's loss, and
        :class:`~fastnn.callbacks.TerminateOnNaN` stops the training at that batch. The same holds for those that arise in training.

        Parameters
        ----------
        x : array_like of shape (n, ...), or iterable of (x, y) or (x, y, sample_weight)
            An iterable gives whole batches, of any sizes. An object with ``__len__`` and ``__getitem__``, as a ``keras.utils.PyDataset``
            or a list, is gone through once an epoch, in a new order where `shuffle` says so; any other one as it comes. Its methods
            ``on_epoch_begin`` and ``on_epoch_end`` are called if there are such. An iterator, as a generator, can't be gone through twice:
            with more than one epoch it needs `steps_per_epoch`, and the training ends with a warning when it has no more.
        y : array_like of shape (n,) or (n, m)
            None when x is an iterable.
        batch_size : int, optional
            32 when left out. Without meaning when x is an iterable.
        epochs : int
            Index of the epoch to stop before.
        verbose : {"auto", 0, 1, 2}
            Silent, a progress bar, or a line an epoch.
        callbacks : list of Callback, optional
        validation_split : float
            Share of the samples, the last ones before any shuffling, kept for validation; in [0, 1). Arrays only.
        validation_data : (x, y) or (x, y, sample_weight), or iterable of such batches, optional
            Takes the place of `validation_split`. An iterable as for `x`.
        shuffle : bool or callable
            Whether each epoch visits the samples in a new order; or a function of their number that is called before each epoch and
            returns the indices of those to visit, in order.
        class_weight : dict of int to float, optional
            Factor on the loss of each class's samples, those of the validation excepted. Not with an iterator.
        sample_weight : array_like of shape (n,), optional
            Factor on each sample's loss. None when x is an iterable.
        initial_epoch : int
            Index of the first epoch, to resume.
        steps_per_epoch : int, optional
            Batches an epoch; all there are by default. The next epoch goes on in an iterable where the last one ended. Of arrays an
            epoch takes so many batches from the beginning of its order; `batch_size` is then chosen to visit all samples if left out.
        validation_steps : int, optional
            The same for a validation.
        validation_batch_size : int, optional
            Samples computed at a time in a validation, as many as suit the cache by default: it changes speed, not the result. Arrays only.
        validation_freq : int or collection of int
            Validate after every so many epochs, or after these, counted from 1.

        Returns
        -------
        History
            Its ``history`` maps ``"loss"``, each metric, and both with ``"val_"`` before them, to a value for each epoch that had one.

        Raises
        ------
        ValueError, TypeError
            For data, weights or numbers that don't fit; the model is unchanged then, unless it is a later batch of an iterable, which the
            message numbers: what was learned from those before stays.

        Warns
        -----
        RuntimeWarning
            When the loss has become NaN or infinite, unless a callback stops at that.
        """
        size, steps = _optional_count("batch_size", batch_size), _optional_count("steps_per_epoch", steps_per_epoch)
        validation_steps = _optional_count("validation_steps", validation_steps)
        validation_size, when = _optional_count("validation_batch_size", validation_batch_size), checked_epochs(validation_freq)
        epochs, initial_epoch = positive_integer("epochs", epochs), positive_integer("initial_epoch", initial_epoch, 0)
        if not isinstance(shuffle, (bool, np.bool_)) and not callable(shuffle):
            raise ValueError(f"shuffle must be True, False or a function that gives an epoch's order, got {shuffle!r}")
        validation_split = check_number("validation_split", validation_split, high=1.0)
        _check_verbose(verbose)
        self._require_compiled()
        several = epochs - initial_epoch > 1
        _check_iterator("x", x, "steps_per_epoch", steps, several)
        _check_iterator("validation_data", validation_data, "validation_steps", validation_steps, several)
        feed: Feed
        held_out: Feed | None = None
        if gives_batches(x):
            if validation_split and validation_data is None:
                raise ValueError("validation_split cuts arrays, and x gives batches: pass validation_data")
            feed = self._stream(x, y, sample_weight, steps, class_weight)
        else:
            data = self._prepare(x, y, sample_weight)
            if validation_split and validation_data is None:
                data, rest = data.split(validation_split)
                held_out = Arrays(rest, validation_size, validation_steps, INFERENCE_BATCH)
            feed = Arrays(data.weighted(class_weight), size, steps, INFERENCE_BATCH if self.optimizer.full_batch else BATCH)
        if validation_data is not None:
            held_out = self._held_out(validation_data, validation_size, validation_steps)
        shown = 1 if self.optimizer.full_batch else feed.steps
        hooks = CallbackList(callbacks, True, verbose != 0, self, verbose=verbose, epochs=epochs, steps=shown, validation_freq=when)
        self._start_training(feed.first)
        history = self._run_epochs(feed, Validation(held_out, when), range(initial_epoch, epochs), shuffle, hooks)
        if not hooks.stops_at_nan:
            self._warn_of_divergence(history)
        return history

    def _warn_of_divergence(self, history: History) -> None:
        """Say so where the loss is no number any more; a callback that looks for it has said it already."""
        broken = [epoch for epoch, loss in zip(history.epoch, history.history.get("loss", ()), strict=False) if not math.isfinite(loss)]
        if broken:
            warnings.warn(
                f"model {self.name!r}: the loss isn't finite from epoch {broken[0] + 1} on; lower the learning rate, clip gradients "
                "(clipnorm=1.0), or stop at that batch by callbacks.TerminateOnNaN()",
                RuntimeWarning,
                stacklevel=3,
            )

    def _held_out(self, given: Any, size: int | None, steps: int | None) -> Feed:
        """What to validate on."""
        if gives_batches(given):
            return self._stream(given, None, None, steps, who="validation x")
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight), or an iterable of such batches")
        return Arrays(self._prepare(*given, who="validation x"), size, steps, INFERENCE_BATCH)

    def _start_training(self, data: Data) -> None:
        """The last checks, those of loss and metrics on a sample, then what a first training makes."""
        self._check_scores(self._require_compiled(), data)
        warn_of_forgotten(self.layers)
        self._build_optimizer()
        if self._shuffle_seed is None:
            self._shuffle_seed = int(random.generator().integers(2**63))
        self.stop_training = False

    def _build_optimizer(self) -> None:
        arena = self._ensure_arena()
        if self.optimizer.built and self._stepped is None:
            raise ValueError(USED_OPTIMIZER.format(type(self.optimizer).__name__))
        if not self._has_stepped():
            self.optimizer.build(arena)
            self._stepped = self.trainable_weights

    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False) -> Any:
        """One step of the optimizer on one batch.

        Returns
        -------
        float, list of float or dict
            This batch's loss (before the step) and metrics; the loss alone when there are no metrics.
        """
        data = self._prepare(x, y, sample_weight).weighted(class_weight)
        self._start_training(data)
        return _as_asked(self._train_epoch(data, np.arange(len(data)), len(data), CallbackList(model=self)), return_dict)

    # ----------------------------------------------------------------------------------------- evaluating

    @explained
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, without training.

        Parameters
        ----------
        x, y, sample_weight : array_like
            As in `fit`; x may be an iterable of batches.
        batch_size : int, optional
            Samples computed at a time.
        verbose : {"auto", 0, 1, 2}
        steps : int, optional
            Batches to evaluate; all there are by default.
        callbacks : list of Callback, optional
        return_dict : bool
            Return a dictionary of names and values.

        Returns
        -------
        float, list of float or dict
            The loss, or the loss and the metrics in the order of `metrics_names`.
        """
        _check_verbose(verbose)
        size, steps = _optional_count("batch_size", batch_size), _optional_count("steps", steps)
        feed: Feed = self._stream(x, y, sample_weight, steps) if gives_batches(x) else self._arrays(x, y, sample_weight, size, steps)
        hooks = CallbackList(callbacks, False, verbose != 0, self, verbose=verbose, steps=feed.steps)
        return _as_asked(self._tested(feed, hooks), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch, without training."""
        return _as_asked(self._tested(self._arrays(x, y, sample_weight, None, 1), CallbackList(model=self)), return_dict)

    # ----------------------------------------------------------------------------------------- predicting

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None, callbacks: Any = None
    ) -> np.ndarray:
        """The model's outputs for any number of samples.

        Parameters
        ----------
        x : array_like of shape (n, ...), or iterable of such batches
            The batches may also be ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
        batch_size : int, optional
            Samples computed at a time; changes memory use and speed, not the result.
        verbose : {"auto", 0, 1, 2}
            Accepted for Keras' sake; predicting prints nothing.
        steps : int, optional
            Batches to predict; all there are by default.
        callbacks : list of Callback, optional

        Returns
        -------
        ndarray of shape (n, ...)
        """
        if type(x) is not np.ndarray and gives_batches(x):
            return self._predict_stream(x, _optional_count("steps", steps), CallbackList(callbacks, model=self))
        if steps is not None:
            x = as_samples(x, self._declared_features(), self.dtype)
            batch_size = batch_size or -(-len(x) // positive_integer("steps", steps))
            x = x[: steps * positive_integer("batch_size", batch_size)]
        return super().predict(x, batch_size, verbose, callbacks=callbacks)

    def _predict_stream(self, x: Iterable[Any], steps: int | None, hooks: CallbackList) -> np.ndarray:
        made: list[np.ndarray] = []
        hooks.on_predict_begin()
        for number, item in zip(range(steps) if steps else itertools.count(), batches(x), strict=False):
            hooks.on_predict_batch_begin(number)
            try:
                made.append(super().predict(unpacked(item, number)))
            except (ValueError, TypeError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"batch {number}: {error}") from error
            hooks.on_predict_batch_end(number, {"outputs": made[-1]})
        if steps and len(made) < steps:
            ran_out(len(made), steps)
        if not made:
            raise ValueError(f"x, a {type(x).__name__}, gave no batches")
        hooks.on_predict_end()
        return np.concatenate(made)


def _as_asked(results: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return results
    values = list(results.values())
    return values[0] if len(values) == 1 else values


def _check_verbose(verbose: Any) -> None:
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}")


def _optional_count(name: str, value: Any) -> int | None:
    return None if value is None else positive_integer(name, value)


def _check_iterator(name: str, x: Any, steps_name: str, steps: int | None, several: bool) -> None:
    """Refuse what only the first of several epochs would get something from."""
    if several and steps is None and hasattr(x, "__next__"):
        raise ValueError(
            f"{name}, a {type(x).__name__}, can be gone through once: give {steps_name} to share it among the epochs, "
            "or an object whose __iter__ starts anew"
        )
