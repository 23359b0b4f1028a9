"""The loops of training and evaluation: epochs, batches, and the slices that run without Python."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from time import perf_counter
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.callbacks import CallbackList, History
from fastnn.executors import SLICE
from fastnn.layers.layer import Layer
from fastnn.models.data import Data
from fastnn.models.feeds import Arrays, Order, Piece, Stream, given_order, shuffled
from fastnn.models.lowering import Lowered
from fastnn.models.objective import Objective
from fastnn.models.running import Runner
from fastnn.models.scores import Scores
from fastnn.optimizers.optimizer import Optimizer
from fastnn.optimizers.stepping import HERE
from fastnn.parameters import Parameter

LONGEST_SLICE = 4096
"""Steps between two returns to Python: those of the smallest networks would need a long table of scalars otherwise."""

Feed = Arrays | Stream


class Validation:
    """What is evaluated after an epoch, and after which ones.

    Parameters
    ----------
    feed : Arrays or Stream, optional
        Without it there is nothing to evaluate.
    epochs : int or frozenset of int
        Every so many epochs, or after these, counted from 1.
    """

    def __init__(self, feed: Feed | None, epochs: int | frozenset[int]):
        self.feed, self._epochs = feed, epochs

    def follows(self, epoch: int) -> bool:
        """Whether there is an evaluation after an epoch, which counts from 0."""
        number, when = epoch + 1, self._epochs
        return self.feed is not None and (number % when == 0 if isinstance(when, int) else number in when)


def checked_epochs(given: Any) -> int | frozenset[int]:
    """A ``validation_freq``, if it is one."""
    if isinstance(given, Collection) and not isinstance(given, (str, bytes, dict)):
        return frozenset(positive_integer("validation_freq", epoch) for epoch in given)
    return positive_integer("validation_freq", given)


class Watch:
    """What callbacks want to know of batches, asked once.

    Attributes
    ----------
    hooks : CallbackList
    training : bool
        Of a training's batches, or of an evaluation's.
    begin, end : callable
        The hooks before and after a batch.
    each, sometimes, nan : bool
        Whether they are called for each batch, now and then to show progress, or after a batch whose loss is no finite number.
    objective : Objective or None
        What an optimizer that works on all batches at once has evaluated.
    """

    def __init__(self, hooks: CallbackList, training: bool):
        mode = "train" if training else "test"
        self.hooks, self.training = hooks, training
        self.begin, self.end = getattr(hooks, f"on_{mode}_batch_begin"), getattr(hooks, f"on_{mode}_batch_end")
        self.each, self.sometimes, self.nan = hooks.watches_batches(mode), hooks.follows_batches(mode), hooks.stops_at_nan
        self.objective: Objective | None = None


class Looper(Runner):
    """A model with the loops that train and evaluate it."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: History | None = None
        self.stop_training = False
        self.interrupted = False
        self._fitting = False
        self._resumed: tuple[int, int] | None = None
        self._scores: Scores | None = None
        self._test_scores: Scores | None = None
        self._shuffle_seed: int | None = None
        self._epochs_seen = 0
        self._stepped: list[Parameter] | None = None  # what the optimizer's slots belong to

    def __getstate__(self) -> dict[str, Any]:
        """A copy that a callback makes isn't being fitted."""
        return {**super().__getstate__(), "_fitting": False, "_resumed": None}

    def _has_stepped(self) -> bool:
        """Whether the optimizer remembers steps of just these parameters: layers may have been added or taken off since."""
        stepped, now = self._stepped or (), self.trainable_weights
        return self.optimizer.built and len(stepped) == len(now) and all(p is q for p, q in zip(stepped, now, strict=True))

    def _counters(self) -> dict[str, Any]:
        """What makes a resumed training go on as if it had never stopped, besides weights and optimizer."""
        return {"shuffle_seed": self._shuffle_seed, "epochs_seen": self._epochs_seen, "step": int(self._step[0])}

    def _restore_counters(self, counters: dict[str, Any]) -> None:
        seed = counters["shuffle_seed"]
        self._shuffle_seed = None if seed is None else positive_integer("shuffle_seed", seed, 0)
        self._epochs_seen = positive_integer("epochs_seen", counters["epochs_seen"], 0)
        self._step[0] = positive_integer("step", counters["step"], 0)

    def _run_epochs(self, feed: Feed, validation: Validation, epochs: range, shuffle: bool | Order, hooks: CallbackList) -> History:
        self._fitting, self.interrupted, self._resumed = True, True, None
        try:
            hooks.on_train_begin()
            self._run_each(feed, validation, epochs, shuffle, hooks)
        finally:
            self._fitting = False
        return self.history  # type: ignore[return-value]

    def _run_each(self, feed: Feed, validation: Validation, epochs: range, shuffle: bool | Order, hooks: CallbackList) -> None:
        """The epochs; however they end, data is let go of and callbacks told."""
        logs: dict[str, float] = {}
        order = np.arange if not shuffle or self.optimizer.full_batch else given_order(shuffle) if callable(shuffle) else self._order()
        train, test = Watch(hooks, True), Watch(hooks, False)
        try:
            for epoch in self._remaining(epochs):
                hooks.on_epoch_begin(epoch)
                self._epochs_seen += 1
                if not self._run_batches(feed.pieces(order), train, self._done_of(epoch)):
                    break  # an iterator had no more
                logs = self._scores.results()  # type: ignore[union-attr]
                if validation.feed is not None and validation.follows(epoch):
                    logs.update({f"val_{k}": v for k, v in self._evaluate(validation.feed, test).items()})
                hooks.on_epoch_end(epoch, logs)
                if self.stop_training or feed.over:
                    break
            self.optimizer.finalize_variable_values(self.trainable_weights)
            self.interrupted = False
        finally:
            self._release()
            hooks.on_train_end(logs)

    def resume(self, epoch: int, batch: int) -> None:
        """Let the training that is beginning start later; called by callbacks that have put the model into the state of that moment.

        Parameters
        ----------
        epoch : int
            The first epoch to run, from 0.
        batch : int
            How many batches of it are done; the scores then hold what these gave.
        """
        self._resumed = epoch, batch

    def _remaining(self, epochs: range) -> range:
        if self._resumed is None:
            return epochs
        epoch, batch = self._resumed
        return range(epochs.stop if self.stop_training and not batch else max(epochs.start, epoch), epochs.stop)

    def _done_of(self, epoch: int) -> int:
        """How many batches of an epoch were done before the training was resumed."""
        return self._resumed[1] if self._resumed is not None and self._resumed[0] == epoch else 0

    def add(self, layer: Layer) -> None:
        self._refuse_in_fit("add a layer")
        super().add(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        self._refuse_in_fit("pop a layer")
        return super().pop(rebuild)

    def _refuse_in_fit(self, what: str) -> None:
        if self._fitting:
            raise RuntimeError(
                f"model {self.name!r} is being fitted: a callback can't {what}, as the optimizer's memory and the step belong to "
                "the layers there are; set model.stop_training = True, change the model after fit, and fit again"
            )

    def _order(self) -> Order:
        """The samples' order in an epoch: a function of the model's seed and of how many epochs it has seen."""
        return lambda n: shuffled(self._shuffle_seed, self._epochs_seen, n)  # type: ignore[arg-type]

    def _train_epoch(self, data: Data, order: np.ndarray, batch_size: int, hooks: CallbackList) -> dict[str, float]:
        try:
            self._run_batches([(data, order, batch_size)], Watch(hooks, True))
        finally:
            self._release()
        return self._scores.results()  # type: ignore[union-attr]

    def _release(self) -> None:
        """Let go of the data that programs were fed, those excepted that are running, of which one may have called."""
        with self._buffers:
            for _, lowered in self._programs.values():
                if not lowered.running:
                    lowered.release()

    def _run_batches(self, pieces: Iterable[Piece], watch: Watch, done: int = 0) -> int:
        """Run the batches of `pieces`, as many at a time as nothing written in Python comes between; how many they are.

        The first `done` ones have been run before, and the scores know of them.
        """
        if watch.training and self.optimizer.full_batch:
            return done or self._run_iteration(list(pieces), watch)
        scores: Any = self._scores if watch.training else self._test_scores
        stop, told, ahead, due = 0, done, LONGEST_SLICE, perf_counter() + SLICE
        if not done:
            scores.reset()
        for piece in pieces:
            start, stop = stop, stop - (-len(piece[1]) // piece[2])
            while done < stop and not (watch.training and done and self.stop_training):
                if watch.each:
                    watch.begin(done)
                ran = self._run_slice(piece, done - start, 1 if watch.each else min(stop - done, ahead), watch)
                done, ahead = done + ran, min(LONGEST_SLICE, 2 * ran)  # scalars of more steps than fit the time would be made in vain
                shown = watch.sometimes and perf_counter() >= due
                if watch.each or shown or (watch.nan and not math.isfinite(scores.batch[0])):
                    watch.end(done - 1, scores.results())
                    told, due = done, perf_counter() + SLICE
                if scores is not (self._scores if watch.training else self._test_scores):
                    raise RuntimeError(f"model {self.name!r} was compiled anew within an epoch; do that between calls of fit")
            if watch.training and self.stop_training:
                break
        if watch.sometimes and told < done:
            watch.end(done - 1, scores.results())
        return done

    def _run_iteration(self, pieces: list[Piece], watch: Watch) -> int:
        """Make one iteration of an optimizer that works on all batches at once; to callbacks it is one batch. How many they were."""
        if not pieces:
            return 0
        if watch.each:
            watch.begin(0)
        scores: Any = self._scores
        watch.objective = watch.objective or Objective(self, Watch(CallbackList(model=self), True))
        watch.objective.iterate(pieces)
        self.stop_training = self.stop_training or self.optimizer.stopped is not None
        if watch.each or watch.sometimes or (watch.nan and not math.isfinite(scores.batch[0])):
            watch.end(0, scores.results())
        return len(pieces)

    def _run_slice(self, piece: Piece, first: int, steps: int, watch: Watch) -> int:
        """Run some batches without a return to Python; how many it were."""
        (data, order, batch_size), training = piece, watch.training
        scores: Any = self._scores if training else self._test_scores
        by_hand = training and type(self.optimizer).step is not Optimizer.step
        with self._buffers:
            lowered = self._lowered(batch_size, training, data.weights is not None, self.optimizer.form if training else None)
            if lowered.running:
                raise RuntimeError(
                    f"model {self.name!r} is in the middle of a step: its own ops can't train or evaluate the model that calls it"
                )
            executor = lowered.feed(data)
            steps = 1 if by_hand or scores.in_python else steps
            table = self.optimizer.scalar_table(steps) if training and not by_hand else None
            with self.optimizer.training_point() if training else HERE:
                try:
                    lowered.running = True
                    executor.run(order, first, steps, table, scores.batch if watch.nan else None)
                finally:
                    lowered.running = False
                    if table is not None:
                        self.optimizer.batches += executor.done
                if by_hand and not self.optimizer.full_batch:
                    self.optimizer.step()
            if scores.in_python:
                rows = order[first * batch_size :][:batch_size]
                scores.update(data, rows, lowered.output[: len(rows)].copy())  # which a metric may keep
            return executor.done

    def _lower(self, batch_size: int, training: bool, weighted: bool | None = None, form: Any = None) -> Lowered:
        """As for any runner; with the loss where it is known whether samples have weights, and with the update in training."""
        lowered = super()._lower(batch_size, training)
        if weighted is not None:
            lowered.add_loss(self.loss, self.layers, self._scores if training else self._test_scores, weighted)
            if training and type(self.optimizer).step is Optimizer.step:
                lowered.add_update(self.optimizer, self._arena)
            elif training:
                self.optimizer.bind(self._arena)
        return lowered

    def _tested(self, feed: Feed, hooks: CallbackList) -> dict[str, float]:
        try:
            return self._evaluate(feed, Watch(hooks, False))
        finally:
            self._release()

    def _evaluate(self, feed: Feed, watch: Watch) -> dict[str, float]:
        self._check_scores(self._test_scores, feed.first)  # type: ignore[arg-type]
        watch.hooks.on_test_begin()
        if not self._run_batches(feed.pieces(np.arange), watch):
            raise ValueError("there were no batches left to evaluate; an iterator needs steps batches for each evaluation")
        results = self._test_scores.results()  # type: ignore[union-attr]
        watch.hooks.on_test_end(results)
        return results

    def _check_scores(self, scores: Scores, data: Data) -> None:
        """Make loss and metrics sure of their data, by a sample, and of all targets."""
        self.loss.batch_scale(len(data))
        if not scores.suit(data.y_true.shape[1:], self.output_shape[1:]) and scores.prepare(data, self.predict(data.x[:1])):
            self._programs.clear()
        scores.check(data)
