"""Training and evaluating: the part of a model that Keras calls its trainer."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import losses, optimizers, random
from fastnn.arrays import as_array, as_samples, check_finite, positive_integer
from fastnn.callbacks import CallbackList, History
from fastnn.models.data import Data, as_weights
from fastnn.models.lowering import Lowered
from fastnn.models.running import INFERENCE_BATCH, Runner
from fastnn.models.scores import Scores
from fastnn.optimizers.optimizer import Optimizer, check_number
from fastnn.parameters import Parameter

LONGEST_SLICE = 4096
"""Steps between two returns to Python: those of the smallest networks would need a long table of scalars otherwise."""

_USED_OPTIMIZER = "this {} has trained another model, and remembers it: make a new one for each model"


class Trainer(Runner):
    """A model that can be compiled, fitted and evaluated."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: History | None = None
        self.stop_training = False
        self._scores: Scores | None = None
        self._test_scores: Scores | None = None
        self._shuffle_seed: int | None = None
        self._epochs_seen = 0
        self._stepped: list[Parameter] | None = None  # what the optimizer's slots belong to

    # ------------------------------------------------------------------------------------------ compiling

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, *, metrics: Any = None, weighted_metrics: Any = None) -> None:
        """Choose how to train. A loss takes outputs of shape (n, m): end with `Flatten` where there are more axes.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str or Loss
            Needed to train and to evaluate.
        metrics : list of (str, Metric or function), optional
            Computed without sample weights; ``"accuracy"`` takes the form that suits targets and outputs.
        weighted_metrics : list, optional
            The same, with sample and class weights.

        Raises
        ------
        ValueError, TypeError
            For unknown names, objects of the wrong kind, and an optimizer that has trained another model; the model keeps
            what it had.
        """
        chosen = optimizers.get(optimizer), None if loss is None else losses.get(loss), Scores(metrics, weighted_metrics)
        if chosen[0].built and chosen[0] is not self.optimizer:
            raise ValueError(_USED_OPTIMIZER.format(type(chosen[0]).__name__))
        self.optimizer, self.loss, self._scores = chosen
        self._test_scores = chosen[2].fresh()
        self._programs.clear()

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._scores is not None

    @property
    def metrics_names(self) -> list[str]:
        """``"loss"`` and the names of the metrics."""
        return ["loss", *self._require_compiled().names]

    @property
    def metrics(self) -> list[Any]:
        """The metrics chosen in `compile`, as objects."""
        return [] if self._scores is None else self._scores.metrics

    def _require_compiled(self) -> Scores:
        if self._scores is None:
            raise ValueError(f"model {self.name!r} isn't compiled: call compile(optimizer=..., loss=...) first")
        if self.loss is None:
            raise ValueError(f"model {self.name!r} was compiled without a loss: call compile(loss=...) to train or evaluate it")
        return self._scores

    def _prepare(self, x: Any, y: Any, sample_weight: Any = None, who: str = "x") -> Data:
        """Check and convert everything before anything changes."""
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
        check_finite(samples, who)
        targets = self.loss.prepare_targets(y_true, self._output_features(samples), self.dtype)
        weights = as_weights(sample_weight, len(samples), self.dtype)
        if not self.built:
            self.build((None, *samples.shape[1:]))
        return Data(samples, targets, weights, y_true)

    def _output_features(self, samples: np.ndarray) -> tuple[int, ...]:
        """The shape of one output; known before the model is built, so that wrong targets don't build it."""
        features = self._shapes(samples.shape[1:])[-1][1:]
        if len(features) != 1:
            raise ValueError(f"model {self.name!r} puts out samples of shape {features}, a loss needs vectors: add Flatten()")
        return features

    # ------------------------------------------------------------------------------------------- training

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
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
    ) -> History:
        """Train for a number of passes over the data.

        Parameters
        ----------
        x : array_like of shape (n, ...)
        y : array_like of shape (n,) or (n, m)
        batch_size : int, optional
            32 when left out.
        epochs : int
            Index of the epoch to stop before.
        verbose : {"auto", 0, 1, 2}
            Silent, a progress bar, or a line an epoch.
        callbacks : list of Callback, optional
        validation_split : float
            Share of the samples, the last ones before any shuffling, kept for validation; in [0, 1).
        validation_data : (x, y) or (x, y, sample_weight), optional
            Takes the place of `validation_split`.
        shuffle : bool
            Whether each epoch visits the samples in a new order.
        class_weight : dict of int to float, optional
            Factor on the loss of each class's samples, those of the validation excepted.
        sample_weight : array_like of shape (n,), optional
            Factor on each sample's loss.
        initial_epoch : int
            Index of the first epoch, to resume.

        Returns
        -------
        History
            Its ``history`` maps ``"loss"``, each metric, and both with ``"val_"`` before them, to a value an epoch.

        Raises
        ------
        ValueError, TypeError
            For data, weights or numbers that don't fit; the model is unchanged then.
        """
        batch_size = positive_integer("batch_size", 32 if batch_size is None else batch_size)
        epochs, initial_epoch = positive_integer("epochs", epochs), positive_integer("initial_epoch", initial_epoch, 0)
        if not isinstance(shuffle, (bool, np.bool_)):
            raise ValueError(f"shuffle must be True or False, got {shuffle!r}")
        validation_split = check_number("validation_split", validation_split, high=1.0)
        _check_verbose(verbose)
        data, held_out = self._training_data(self._prepare(x, y, sample_weight), validation_split, validation_data)
        data = data.weighted(class_weight)
        steps = -(-len(data) // batch_size)
        hooks = CallbackList(callbacks, True, verbose != 0, self, verbose=verbose, epochs=epochs, steps=steps)
        self._start_training(data)
        return self._run_epochs(data, held_out, range(initial_epoch, epochs), batch_size, shuffle, hooks)

    def _training_data(self, data: Data, share: float, given: Any) -> tuple[Data, Data | None]:
        """What to train on, and what to validate on."""
        if given is None:
            return data.split(share) if share else (data, None)
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight)")
        return data, self._prepare(*given, who="validation x")

    def _start_training(self, data: Data) -> None:
        """The last checks, those of loss and metrics on a sample, then what a first training makes."""
        self._check_scores(self._require_compiled(), data)
        self._build_optimizer()
        if self._shuffle_seed is None:
            self._shuffle_seed = int(random.generator().integers(2**63))
        self.stop_training = False

    def _check_scores(self, scores: Scores, data: Data) -> None:
        self.loss.batch_scale(len(data))
        if not scores.suit(data.y_true.shape[1:], self.output_shape[1:]) and scores.prepare(data, self.predict(data.x[:1])):
            self._programs.clear()

    def _build_optimizer(self) -> None:
        size = self._ensure_arena().values.data.size
        if self.optimizer.built and self._stepped is None:
            raise ValueError(_USED_OPTIMIZER.format(type(self.optimizer).__name__))
        if not self.optimizer.built or list(map(id, self._stepped or ())) != list(map(id, self.trainable_weights)):
            self.optimizer.build(size, self.dtype)
            self._stepped = self.trainable_weights
            self._programs.clear()

    def _counters(self) -> dict[str, Any]:
        """What makes a resumed training go on as if it had never stopped, besides weights and optimizer."""
        return {"shuffle_seed": self._shuffle_seed, "epochs_seen": self._epochs_seen, "step": int(self._step[0])}

    def _restore_counters(self, counters: dict[str, Any]) -> None:
        seed = counters["shuffle_seed"]
        self._shuffle_seed = None if seed is None else positive_integer("shuffle_seed", seed, 0)
        self._epochs_seen = positive_integer("epochs_seen", counters["epochs_seen"], 0)
        self._step[0] = positive_integer("step", counters["step"], 0)

    def _run_epochs(self, data: Data, held_out: Data | None, epochs: range, batch_size: int, shuffle: bool, hooks: Any) -> History:
        logs: dict[str, float] = {}
        hooks.on_train_begin()
        try:
            for epoch in epochs:
                hooks.on_epoch_begin(epoch)
                logs = self._train_epoch(data, self._order(len(data), shuffle), batch_size, hooks)
                if held_out is not None:
                    logs.update({f"val_{k}": v for k, v in self._evaluate(held_out, INFERENCE_BATCH, hooks).items()})
                hooks.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
        finally:
            hooks.on_train_end(logs)
        return self.history  # type: ignore[return-value]

    def _order(self, n: int, shuffle: bool) -> np.ndarray:
        """The samples' order this epoch: a function of the model's seed and of how many epochs it has seen."""
        self._epochs_seen += 1
        if not shuffle:
            return np.arange(n)
        return np.random.default_rng([self._shuffle_seed, self._epochs_seen]).permutation(n)  # type: ignore[list-item]

    def _train_epoch(self, data: Data, order: np.ndarray, batch_size: int, hooks: Any) -> dict[str, float]:
        scores = self._require_compiled()
        self._run_batches(True, data, order, batch_size, scores, hooks)
        return scores.results()

    def _run_batches(self, training: bool, data: Data, order: np.ndarray, batch_size: int, scores: Scores, hooks: CallbackList) -> None:
        """Run the batches of `order`, as many at a time as nothing written in Python comes between."""
        mode = "train" if training else "test"
        begin, end = getattr(hooks, f"on_{mode}_batch_begin"), getattr(hooks, f"on_{mode}_batch_end")
        watched, followed = hooks.watches_batches(mode), hooks.follows_batches(mode)
        steps, done = -(-len(order) // batch_size), 0
        batch_size = min(batch_size, len(order))
        scores.reset()
        while done < steps and not (training and done and self.stop_training):
            if watched:
                begin(done)
            done += self._run_slice(training, data, order, batch_size, done, 1 if watched else min(steps - done, LONGEST_SLICE), scores, hooks)
            if watched or followed or (hooks.stops_at_nan and not np.isfinite(scores.batch[0])):
                end(done - 1, scores.results())

    def _run_slice(
        self, training: bool, data: Data, order: np.ndarray, batch_size: int, first: int, steps: int, scores: Scores, hooks: CallbackList
    ) -> int:
        """Run some batches without a return to Python; how many it were."""
        by_hand = training and type(self.optimizer).apply is not Optimizer.apply
        with self._buffers:
            lowered = self._lowered(batch_size, training, data.weights is not None, self._clips() if training else None)
            executor = lowered.feed(data)
            steps = 1 if by_hand or scores.in_python else steps
            table = self.optimizer.scalar_table(steps) if training and not by_hand else None
            try:
                executor.run(order, first, steps, table, scores.batch if hooks.stops_at_nan else None)
            finally:
                if table is not None:
                    self.optimizer.iterations += executor.done
                lowered.release()
            if by_hand:
                self.optimizer.apply(self._arena.values.data, self._arena.gradients.data, self._arena.gradients.views)
            if scores.in_python:
                rows = order[first * batch_size :][:batch_size]
                scores.update(data, rows, lowered.output[: len(rows)])
            return executor.done

    def _clips(self) -> tuple[Any, ...]:
        return self.optimizer.clipnorm, self.optimizer.clipvalue, self.optimizer.global_clipnorm

    def _lower(self, batch_size: int, training: bool, weighted: bool | None = None, clips: Any = None) -> Lowered:
        """As for any runner; with the loss where it is known whether samples have weights, and with the update in training."""
        lowered = super()._lower(batch_size, training)
        if weighted is not None:
            lowered.add_loss(self.loss, self.layers, self._scores if training else self._test_scores, weighted)
            if training and type(self.optimizer).apply is Optimizer.apply:
                lowered.add_update(self.optimizer, self._arena)
        return lowered

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

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        *,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, without training.

        Parameters
        ----------
        x, y, sample_weight : array_like
            As in `fit`.
        batch_size : int, optional
            Samples computed at a time.
        verbose : {"auto", 0, 1, 2}
        callbacks : list of Callback, optional
        return_dict : bool
            Return a dictionary of names and values.

        Returns
        -------
        float, list of float or dict
            The loss, or the loss and the metrics in the order of `metrics_names`.
        """
        _check_verbose(verbose)
        data = self._prepare(x, y, sample_weight)
        size = positive_integer("batch_size", INFERENCE_BATCH if batch_size is None else batch_size)
        hooks = CallbackList(callbacks, False, verbose != 0, self, verbose=verbose, steps=-(-len(data) // size))
        return _as_asked(self._evaluate(data, size, hooks), return_dict)

    def _evaluate(self, data: Data, batch_size: int, hooks: Any) -> dict[str, float]:
        self._require_compiled()
        self._check_scores(self._test_scores, data)
        hooks.on_test_begin()
        self._run_batches(False, data, np.arange(len(data)), batch_size, self._test_scores, hooks)
        results = self._test_scores.results()
        hooks.on_test_end(results)
        return results

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch, without training."""
        data = self._prepare(x, y, sample_weight)
        return _as_asked(self._evaluate(data, len(data), CallbackList(model=self)), return_dict)


def _as_asked(results: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return results
    values = list(results.values())
    return values[0] if len(values) == 1 else values


def _check_verbose(verbose: Any) -> None:
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}")
