import csv
import inspect
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import bits, regressor, run_python, samples
from hypothesis import given
from hypothesis import strategies as st

from fastnn import callbacks, metrics, optimizers, progress
from fastnn.callbacks.callback import HOOKS


class FakeModel:
    """What callbacks use of a model; a "training" only plays given logs, its weight holds the number of epochs done."""

    def __init__(self, learning_rate=0.1):
        self.optimizer = SimpleNamespace(learning_rate=learning_rate, iterations=0)
        self.stop_training = False
        self.metrics = []
        self.weights = [np.zeros(1)]
        self.saved = []

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path):
        self.saved.append(str(path))

    def save_weights(self, path):
        self.saved.append(f"weights {path}")

    def play(self, members, epochs, batches=0, first=0, **params):
        """Epochs are dictionaries of logs; batches log half the loss. Returns the last epoch played."""
        every = callbacks.CallbackList(members, add_history=True, model=self, **{"epochs": len(epochs), "steps": batches, **params})
        self.stop_training = False
        every.on_train_begin()
        for epoch, logs in enumerate(epochs, first):
            every.on_epoch_begin(epoch)
            for batch in range(batches):
                every.on_train_batch_begin(batch)
                every.on_train_batch_end(batch, {"loss": logs.get("loss", 0.0) / 2})
                if self.stop_training:
                    break
            self.weights[0][:] = epoch + 1  # in place: callbacks must copy what they keep
            every.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        every.on_train_end(logs)
        return epoch


def losses(*values, name="val_loss"):
    return [{"loss": v, name: v} for v in values]


def test_every_hook_reaches_every_member_in_order():
    calls = []

    def recorder(tag):
        made = callbacks.Callback()
        for hook in HOOKS:
            setattr(made, hook, lambda *args, hook=hook: calls.append((tag, hook, *args)))
        return made

    every = callbacks.CallbackList([recorder("a"), [recorder("b")]])
    for hook in HOOKS:
        calls.clear()
        index = [3] if "epoch" in hook or "batch" in hook else []
        getattr(every, hook)(*index, {"loss": 1.0})
        assert calls == [("a", hook, *index, {"loss": 1.0}), ("b", hook, *index, {"loss": 1.0})]
        getattr(every, hook)(*index)
        assert calls[-1] == ("b", hook, *index, {})


def test_hooks_have_keras_names():
    modes = {f"on_{mode}_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end", "batch_begin", "batch_end")}
    assert set(HOOKS) == modes | {"on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"}


def test_logs_are_shared_and_reach_the_history():
    add = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=epoch))
    model = FakeModel()
    model.play([add], losses(1.0, 0.5))
    assert model.history.history == {"loss": [1.0, 0.5], "val_loss": [1.0, 0.5], "extra": [0, 1]}
    assert model.history.epoch == [0, 1]
    assert model.history.params["epochs"] == 2


def test_list_adds_only_what_is_missing():
    history = callbacks.History()
    every = callbacks.CallbackList(history, add_history=True, add_progbar=True)
    assert next(iter(every)) is history is every.history
    assert [type(c) for c in every] == [callbacks.History, callbacks.ProgbarLogger]
    assert list(callbacks.CallbackList(every)) == list(every)
    assert list(callbacks.CallbackList()) == []


@pytest.mark.parametrize("bad", [3, "EarlyStopping", [callbacks.EarlyStopping], [None, 3], {"a": callbacks.History()}])
def test_list_refuses_what_is_no_callback(bad):
    with pytest.raises(TypeError, match="callbacks"):
        callbacks.CallbackList(bad)


def test_list_names_the_way_out_for_a_class():
    with pytest.raises(TypeError, match=r"write EarlyStopping\(\)"):
        callbacks.CallbackList([callbacks.EarlyStopping])


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
def test_watching_batches(mode):
    quiet = [callbacks.History(), callbacks.EarlyStopping(), callbacks.ModelCheckpoint("m"), callbacks.CSVLogger("f")]
    assert not callbacks.CallbackList(quiet).watches_batches(mode)
    for hook in (f"on_{mode}_batch_begin", f"on_{mode}_batch_end"):
        watcher = type("Watcher", (callbacks.Callback,), {hook: lambda self, batch, logs=None: None})()
        assert callbacks.CallbackList([*quiet, watcher]).watches_batches(mode)
        assert callbacks.CallbackList(callbacks.LambdaCallback(**{hook: print})).watches_batches(mode)


def test_what_watches_training_batches():
    for watcher in (callbacks.ModelCheckpoint("m", save_freq=3), callbacks.LambdaCallback(on_batch_end=print)):
        assert watcher.watches_batches("train") and not watcher.watches_batches("test")


def test_what_needs_no_return_to_python_after_each_batch():
    stopper = callbacks.TerminateOnNaN()
    assert stopper.stops_at_nan and not stopper.watches_batches("train") and not callbacks.History().stops_at_nan
    assert callbacks.CallbackList([callbacks.History(), stopper]).stops_at_nan and not callbacks.CallbackList().stops_at_nan


def test_old_batch_hooks_are_called():
    seen = []
    old = callbacks.LambdaCallback(on_batch_begin=lambda b, logs: seen.append(b), on_batch_end=lambda b, logs: seen.append(logs["loss"]))
    FakeModel().play(old, losses(4.0), batches=2)
    assert seen == [0, 2.0, 1, 2.0]


def test_lambda_refuses():
    with pytest.raises(TypeError, match="on_epoch_end"):
        callbacks.LambdaCallback(on_epochs_end=print)
    with pytest.raises(TypeError, match="on_train_end"):
        callbacks.LambdaCallback(on_train_end=3)


def test_callbacks_without_super_init_work():
    class Bare(callbacks.Callback):
        def __init__(self):
            self.seen = []

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append((epoch, self.params["epochs"], self.model.stop_training))

    bare = Bare()
    FakeModel().play(bare, losses(1, 2))
    assert bare.seen == [(0, 2, False), (1, 2, False)]


EMPTY = inspect.Parameter.empty
KERAS_ARGUMENTS = {
    "BackupAndRestore": {"backup_dir": EMPTY, "save_freq": "epoch", "double_checkpoint": False, "delete_checkpoint": True},
    "SwapEMAWeights": {"swap_on_epoch": False},
    "EarlyStopping": {
        "monitor": "val_loss",
        "min_delta": 0,
        "patience": 0,
        "verbose": 0,
        "mode": "auto",
        "baseline": None,
        "restore_best_weights": False,
        "start_from_epoch": 0,
    },
    "ModelCheckpoint": {
        "filepath": EMPTY,
        "monitor": "val_loss",
        "verbose": 0,
        "save_best_only": False,
        "save_weights_only": False,
        "mode": "auto",
        "save_freq": "epoch",
        "initial_value_threshold": None,
    },
    "ReduceLROnPlateau": {
        "monitor": "val_loss",
        "factor": 0.1,
        "patience": 10,
        "verbose": 0,
        "mode": "auto",
        "min_delta": 1e-4,
        "cooldown": 0,
        "min_lr": 0.0,
    },
    "LearningRateScheduler": {"schedule": EMPTY, "verbose": 0},
    "CSVLogger": {"filename": EMPTY, "separator": ",", "append": False},
}


@pytest.mark.parametrize("name", KERAS_ARGUMENTS)
def test_keras_arguments(name):
    parameters = inspect.signature(getattr(callbacks, name)).parameters.values()
    assert [(p.name, p.default) for p in parameters if p.kind is not p.KEYWORD_ONLY] == list(KERAS_ARGUMENTS[name].items())


# --- early stopping


def stopped_after(values, **kwargs):
    """How many epochs are run."""
    return FakeModel().play(callbacks.EarlyStopping(**kwargs), losses(*values)) + 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 4), st.integers(0, 2))
def test_early_stopping_by_its_definition(values, patience, min_delta):
    best, waited, expected = math.inf, 0, len(values)
    for n, v in enumerate(values, 1):
        best, waited = (v, 0) if v < best - min_delta else (best, waited + 1)
        if waited == patience:
            expected = n
            break
    assert stopped_after(values, patience=patience, min_delta=min_delta) == expected
    upwards = [-v for v in values]
    assert stopped_after(upwards, patience=patience, min_delta=-min_delta, mode="max") == expected


def test_without_patience_the_first_epoch_never_stops():
    assert stopped_after([math.nan, 1.0, 2.0]) == 3
    assert stopped_after([1.0, 1.0, 0.0]) == 2


def test_nan_is_no_improvement():
    assert stopped_after([1.0, math.nan, math.nan, 0.5], patience=2) == 3


def test_baseline():
    assert stopped_after([5.0, 4.0, 3.0, 2.0], patience=2, baseline=1.0) == 4
    assert stopped_after([5.0, 4.0, 0.9, 2.0, 3.0, 4.0], patience=2, baseline=1.0) == 5
    assert stopped_after([5.0, 5.0, 4.0, 5.0], patience=2, baseline=1.0) == 2


def test_start_from_epoch():
    assert stopped_after([1.0, 2.0, 3.0, 4.0, 5.0], patience=1, start_from_epoch=2) == 4


@pytest.mark.parametrize("patience", [2, 9])
def test_best_weights_come_back(patience, capsys):
    model, stopping = FakeModel(), callbacks.EarlyStopping(patience=patience, restore_best_weights=True, verbose=1)
    model.play(stopping, losses(3.0, 1.0, 2.0, 4.0))
    assert model.weights[0] == 2 and stopping.best_epoch == 1 and stopping.best == 1.0
    expected = "Restoring model weights from the end of the best epoch: 2.\n"
    assert capsys.readouterr().out == ("Epoch 4: early stopping\n" if patience == 2 else "") + expected


def test_weights_stay_without_restoring():
    model, stopping = FakeModel(), callbacks.EarlyStopping(patience=2)
    model.play(stopping, losses(3.0, 1.0, 2.0, 4.0))
    assert model.weights[0] == 4 and stopping.best_epoch == 1 and stopping.stopped_epoch == 3


def test_weights_return_when_no_value_was_better():
    model = FakeModel()
    model.play(callbacks.EarlyStopping(patience=2, restore_best_weights=True), losses(math.nan, math.nan, math.nan))
    assert model.weights[0] == 1


def test_early_stopping_starts_anew_in_each_training():
    stopping = callbacks.EarlyStopping(patience=1)
    for _ in range(2):
        assert FakeModel().play(stopping, losses(1.0, 2.0, 3.0)) == 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 3), st.integers(1, 4))
def test_early_stopping_on_a_moving_average(values, patience, rounds):
    means = [float(np.mean(values[max(0, i - rounds + 1) : i + 1])) for i in range(len(values))]
    assert stopped_after(values, patience=patience, rounds=rounds) == stopped_after(means, patience=patience)


def test_nan_leaves_the_moving_average_again():
    assert stopped_after([4.0, math.nan, 3.0, 1.0, 0.5, 0.2], patience=3, rounds=2) == 6
    assert stopped_after([4.0, math.nan, 3.0, 1.0, 0.5, 0.2], patience=2, rounds=2) == 3


def test_early_stopping_by_shares_of_the_best():
    assert stopped_after([100.0, 95.0, 90.0, 85.0], patience=1, min_delta=0.1, relative=True) == 2
    assert stopped_after([100.0, 89.0, 80.0, 71.0, 65.0], patience=1, min_delta=0.1, relative=True) == 5
    assert stopped_after([0.5, 0.54, 0.56, 0.7], patience=2, min_delta=0.1, relative=True, mode="max") == 4
    assert stopped_after([-10.0, -10.5, -12.0, -12.1], patience=1, min_delta=0.1, relative=True) == 2


# --- divergence


@pytest.mark.parametrize(
    ("values", "epochs"),
    [
        ([1.0, 2.9, 3.0, 3.1, 1.0], 4),
        ([-1.0, 0.9, 1.1, 0.0], 3),
        ([1.0, math.nan, 1.0], 2),
        ([1.0, math.inf, 1.0], 2),
        ([math.nan, 1.0], 1),
        ([0.0, 0.1, 0.0], 2),
        ([1.0, 0.5, 2.0], 3),
    ],
)
def test_divergence_stops(values, epochs, capsys):
    model = FakeModel()
    assert model.play(callbacks.TerminateOnDivergence(), [{"loss": v} for v in values]) + 1 == epochs
    assert capsys.readouterr().out.startswith(f"Epoch {epochs}: terminating training, loss is") == model.stop_training


def test_divergence_options():
    stop = callbacks.TerminateOnDivergence("val_loss", factor=1.5, raise_error=True)
    with pytest.raises(RuntimeError, match=r"val_loss is 1.6 after epoch 2, above 1.5; lower the learning rate"):
        FakeModel().play(stop, losses(1.0, 1.6))
    with pytest.warns(UserWarning, match="'val_loss'"):
        FakeModel().play(stop, [{"loss": 1.0}])
    assert FakeModel().play(stop, losses(9.0, 10.0)) == 1  # each training has its own first epoch


@pytest.mark.parametrize("make", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau])
def test_missing_monitor_warns(make):
    with pytest.warns(UserWarning, match="'val_loss'.*available: loss"):
        FakeModel().play(make(), [{"loss": 1.0}])


@pytest.mark.parametrize(
    ("monitor", "values", "epochs"),
    [
        ("val_accuracy", [1.0, 2.0, 1.0], 3),
        ("accuracy", [1.0, 2.0, 1.0], 3),
        ("val_auc", [1.0, 2.0, 1.0], 3),
        ("val_r2_score", [1.0, 2.0, 1.0], 3),
        ("loss", [1.0, 2.0, 1.0], 2),
        ("val_mse", [1.0, 2.0, 1.0], 2),
        ("mean_absolute_error", [1.0, 2.0, 1.0], 2),
    ],
)
def test_auto_knows_the_direction(monitor, values, epochs):
    model = FakeModel()
    assert model.play(callbacks.EarlyStopping(monitor=monitor), losses(*values, name=monitor)) + 1 == epochs


def test_auto_asks_the_models_metrics():
    model = FakeModel()
    model.metrics = [metrics.AUC(name="area")]
    assert model.play(callbacks.EarlyStopping("val_area"), losses(1.0, 2.0, 1.0, name="val_area")) == 2


def test_auto_gives_up_before_training():
    with pytest.raises(ValueError, match="mode='max' or mode='min'"):
        FakeModel().play(callbacks.EarlyStopping("val_wonder"), losses(1.0))


# --- checkpoints


def test_checkpoint_every_epoch(tmp_path):
    model = FakeModel()
    model.play(callbacks.ModelCheckpoint(tmp_path / "sub" / "{epoch:02d}-{val_loss:.2f}.fnn"), losses(0.5, 0.25))
    assert model.saved == [str(tmp_path / "sub" / name) for name in ("01-0.50.fnn", "02-0.25.fnn")]
    assert (tmp_path / "sub").is_dir()


def test_checkpoint_of_the_best(tmp_path, capsys):
    model, path = FakeModel(), str(tmp_path / "{epoch}.fnn")
    model.play(callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True, verbose=1), losses(3.0, 4.0, 2.0))
    assert model.saved == [f"weights {tmp_path / '1.fnn'}", f"weights {tmp_path / '3.fnn'}"]
    out = capsys.readouterr().out
    assert "Epoch 2: val_loss did not improve from 3.00000" in out
    assert f"Epoch 3: val_loss improved from 3.00000 to 2.00000, saving model to {tmp_path / '3.fnn'}" in out


def test_checkpoint_remembers_the_best_of_earlier_trainings(tmp_path):
    model, checkpoint = FakeModel(), callbacks.ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True)
    model.play(checkpoint, losses(3.0))
    model.play(checkpoint, losses(4.0, 2.0), first=1)
    assert model.saved == [str(tmp_path / "1"), str(tmp_path / "3")]


def test_checkpoint_threshold(tmp_path):
    model = FakeModel()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}", "val_accuracy", save_best_only=True, initial_value_threshold=0.5)
    model.play(checkpoint, losses(0.4, 0.6, 0.55, name="val_accuracy"))
    assert model.saved == [str(tmp_path / "2")]


def test_checkpoint_without_the_monitored_value_warns_and_saves(tmp_path):
    model = FakeModel()
    with pytest.warns(UserWarning, match="'val_loss'.*available: loss"):
        model.play(callbacks.ModelCheckpoint(tmp_path / "m", save_best_only=True), [{"loss": 1.0}])
    assert model.saved == [str(tmp_path / "m")]


def test_checkpoint_by_batches_counts_across_epochs(tmp_path):
    model = FakeModel()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}-{loss:.1f}", save_freq=3)
    model.play(checkpoint, losses(2.0, 4.0), batches=4)
    assert model.saved == [str(tmp_path / name) for name in ("1-3-1.0", "2-2-2.0")]


def test_checkpoint_path_of_unknown_name():
    with pytest.raises(ValueError, match=r"'val_acc'.*epoch, loss, val_loss"):
        FakeModel().play(callbacks.ModelCheckpoint("{val_acc}"), losses(1.0))


# --- backups (tests/test_backup.py has the rest)


def test_a_backup_survives_a_killed_process(tmp_path):
    """Not even Python gets a word in."""
    code = f"""
import os, fastnn
fastnn.utils.set_random_seed(int(os.environ["SEED"]))
model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3), fastnn.layers.Dropout(0.5), fastnn.layers.Dense(1)])
model.compile("rmsprop", "mse")
kill = fastnn.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: os._exit(9) if epoch == int(os.environ["KILL"]) else None)
backup = fastnn.callbacks.BackupAndRestore({str(tmp_path / "backup")!r})
history = model.fit([[0.0, 1.0], [1.0, 0.5]] * 20, [0.0, 1.0] * 20, epochs=4, callbacks=[backup, kill], verbose=0)
print(history.history["loss"], [w.tolist() for w in model.get_weights()])
"""
    expected = run_python(code, SEED="1", KILL="-1")
    assert expected[0] == 0
    assert run_python(code, SEED="1", KILL="2")[0] == 9
    (tmp_path / "backup" / ".training.npz.x7y").write_bytes(b"half a file")
    assert run_python(code, SEED="3", KILL="-1") == expected
    assert not (tmp_path / "backup").exists()


# --- learning rates


def rates(values, **kwargs):
    model = FakeModel(1.0)
    model.play(callbacks.ReduceLROnPlateau(factor=0.5, **kwargs), losses(*values))
    return [*model.history.history["learning_rate"], model.optimizer.learning_rate]


def test_plateau():
    assert rates([1, 1, 1, 1, 1], patience=2) == [1, 1, 1, 0.5, 0.5, 0.25]
    assert rates([5, 4, 3, 2, 1], patience=1) == [1] * 6


def test_plateau_cooldown():
    assert rates([1, 1, 1, 1, 1, 1], patience=1, cooldown=2) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert rates([1] * 6, patience=1, cooldown=1) == [1, 1, 0.5, 0.25, 0.125, 0.0625, 0.03125]


def test_plateau_lower_bound_and_least_change(capsys):
    assert rates([1, 1, 1, 1], patience=1, min_lr=0.4, verbose=1) == [1, 1, 0.5, 0.4, 0.4]
    assert capsys.readouterr().out == "".join(
        f"\nEpoch {n}: ReduceLROnPlateau reducing learning rate to {rate}.\n" for n, rate in ((2, 0.5), (3, 0.4))
    )
    assert rates([1, 0.95, 0.9], patience=1, min_delta=0.2) == [1, 1, 0.5, 0.25]


def test_plateau_starts_anew():
    model, plateau = FakeModel(1.0), callbacks.ReduceLROnPlateau(patience=2, factor=0.5)
    for _ in range(2):
        model.play(plateau, losses(1.0, 1.0))
    assert model.optimizer.learning_rate == 1.0


def test_scheduler(capsys):
    model = FakeModel(1.0)
    model.play(callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5 if epoch else lr, verbose=1), losses(1, 1, 1))
    assert model.history.history["learning_rate"] == [1.0, 0.5, 0.25]
    assert "\nEpoch 3: LearningRateScheduler setting learning rate to 0.25.\n" in capsys.readouterr().out


def test_scheduler_of_the_epoch_alone():
    model = FakeModel(1.0)
    model.play(callbacks.LearningRateScheduler(lambda epoch: 1 / (epoch + 1)), losses(1, 1))
    assert model.optimizer.learning_rate == 0.5


def test_scheduler_lets_the_schedules_own_errors_through():
    def broken(epoch, lr):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        FakeModel().play(callbacks.LearningRateScheduler(broken), losses(1))


@pytest.mark.parametrize("value", [None, "0.1", True, np.zeros(2)])
def test_scheduler_refuses(value):
    with pytest.raises(ValueError, match="must give a number"):
        FakeModel().play(callbacks.LearningRateScheduler(lambda epoch, lr: value), losses(1))


# --- tables


def read(path, delimiter=","):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    epochs = [{"loss": 0.1, "accuracy": 1 / 3}, {"loss": np.float32(0.5), "new": 1.0}]
    FakeModel().play(callbacks.CSVLogger(path, separator=";"), epochs)
    assert read(path, ";") == [["epoch", "accuracy", "loss"], ["0", str(1 / 3), "0.1"], ["1", "NA", "0.5"]]
    FakeModel().play(callbacks.CSVLogger(path), [{"loss": np.array([1.0, 2.0])}])
    assert read(path) == [["epoch", "loss"], ["0", "[1.0, 2.0]"]]


def test_csv_append(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        FakeModel().play(callbacks.CSVLogger(path, append=True), losses(1.0))
    assert read(path) == [["epoch", "loss", "val_loss"], ["0", "1.0", "1.0"], ["0", "1.0", "1.0"]]


def test_csv_append_keeps_the_columns_of_the_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,val_loss,loss\n", encoding="utf-8")
    FakeModel().play(callbacks.CSVLogger(path, append=True), [{"loss": 1.0, "val_loss": 2.0}])
    assert read(path)[1] == ["0", "2.0", "1.0"]
    with pytest.raises(ValueError, match="epoch, val_loss, loss"):
        FakeModel().play(callbacks.CSVLogger(path, append=True), [{"loss": 1.0}])


def test_csv_fails_before_training(tmp_path):
    with pytest.raises(FileNotFoundError):
        callbacks.CSVLogger(tmp_path / "no" / "log.csv").on_train_begin()


# --- not a number


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_nan_stops_at_the_batch(bad, capsys):
    model, seen = FakeModel(), []
    count = callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: seen.append(b))
    assert model.play([callbacks.TerminateOnNaN(), count], [{"loss": 1.0}, {"loss": bad}, {"loss": 1.0}], batches=3) == 1
    assert seen == [0, 1, 2, 0]
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"


def test_nan_raises_on_wish():
    with pytest.raises(RuntimeError, match="batch 0 is nan"):
        FakeModel().play(callbacks.TerminateOnNaN(raise_error=True), [{"loss": math.nan}], batches=1)


# --- progress


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr(callbacks.progbar_logger, "is_live", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    now = iter(range(10**6))
    monkeypatch.setattr(progress, "perf_counter", lambda: next(now))


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_one_line_an_epoch_without_a_terminal(verbose, capsys, monkeypatch):
    now = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress, "perf_counter", lambda: next(now))
    bar = callbacks.ProgbarLogger()
    FakeModel().play(bar, [{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5, "val_loss": 1e-5}], steps=4, verbose=verbose)
    assert not bar.follows_batches("train")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
    assert lines[0].endswith("s 500ms/step - loss: 1.0000 - val_loss: 2.0000")
    assert lines[1].endswith("val_loss: 1.0000e-05")


def test_bar_on_a_terminal(terminal, capsys):
    bar = callbacks.ProgbarLogger()
    FakeModel().play(bar, [{"loss": 1.0, "accuracy": 0.25}], batches=4, verbose=1)
    assert bar.follows_batches("train") and not bar.watches_batches("train")
    head, *updates = capsys.readouterr().out.split("\r")
    assert head == "Epoch 1/1\n" and len(updates) == 5
    assert updates[0].startswith("1/4 [=====>..............] ETA ") and "loss: 0.5000" in updates[0]
    assert updates[-1].startswith("4/4 [====================] ") and updates[-1].endswith("loss: 1.0000 - accuracy: 0.2500\n")


def test_silent(terminal, capsys):
    bar = callbacks.ProgbarLogger()
    FakeModel().play(bar, losses(1.0), batches=2, verbose=0)
    assert capsys.readouterr().out == "" and not bar.watches_batches("train")


@pytest.mark.parametrize("mode", ["test", "predict"])
def test_progress_of_evaluation_and_prediction(mode, terminal, capsys):
    every = callbacks.CallbackList(add_progbar=True, verbose=1, steps=2)
    getattr(every, f"on_{mode}_begin")()
    for batch in range(2):
        getattr(every, f"on_{mode}_batch_end")(batch, {"loss": 1.0})
    getattr(every, f"on_{mode}_end")({"loss": 3.0})
    assert capsys.readouterr().out.rstrip(" \n").endswith(" - loss: 3.0000")


def test_validation_within_a_training_writes_nothing(terminal, capsys):
    every = callbacks.CallbackList(add_progbar=True, verbose=1, steps=2, epochs=1)
    every.on_train_begin()
    every.on_epoch_begin(0)
    before = capsys.readouterr().out
    every.on_test_begin()
    every.on_test_batch_end(0, {"loss": 1.0})
    every.on_test_end({"loss": 1.0})
    assert before == "Epoch 1/1\n" and capsys.readouterr().out == ""


class FakeTqdm:
    """What the callback uses of tqdm: bars that count, with numbers beside them."""

    made = ()

    def __init__(self, total=None, unit="it", **options):
        self.total, self.unit, self.options = total, unit, options
        self.n, self.counts, self.postfixes, self.closed = 0, [], [], False
        FakeTqdm.made = (*FakeTqdm.made, self)

    def set_postfix(self, values, refresh=True):
        self.postfixes.append(dict(values))

    def update(self, steps):
        self.n += steps
        self.counts.append(self.n)

    def close(self):
        self.closed = True


@pytest.fixture
def tqdm(monkeypatch):
    FakeTqdm.made = ()
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(auto=SimpleNamespace(tqdm=FakeTqdm)))
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=FakeTqdm))


def test_tqdm_counts_epochs_and_batches(tqdm):
    bar = callbacks.TqdmCallback(desc="digits")
    assert bar.follows_batches("train") and not bar.follows_batches("test") and not bar.watches_batches("train")
    FakeModel().play(bar, [{"loss": 1.0}, {"loss": 0.5}], batches=3)
    epochs, *batches = FakeTqdm.made
    assert (epochs.total, epochs.unit, epochs.counts[-1], epochs.options) == (2, "epoch", 2, {"desc": "digits"})
    assert epochs.postfixes == [{"loss": 1.0}, {"loss": 0.5}]
    assert [(b.total, b.unit, b.counts, b.options["leave"]) for b in batches] == [(3, "batch", [1, 2, 3], False)] * 2
    assert all(b.closed for b in FakeTqdm.made) and batches[0].postfixes[-1] == {"loss": 0.5}


def test_tqdm_of_epochs_alone(tqdm):
    FakeModel().play(callbacks.TqdmCallback(verbose=0), losses(1.0))
    assert [bar.unit for bar in FakeTqdm.made] == ["epoch"]


def test_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"fastnn\[progress\]"):
        callbacks.TqdmCallback()


@pytest.mark.parametrize(
    ("make", "kwargs", "word"),
    [
        (callbacks.TerminateOnDivergence, {"factor": 1.0}, "factor"),
        (callbacks.TerminateOnDivergence, {"factor": math.nan}, "factor"),
        (callbacks.TerminateOnDivergence, {"factor": "3"}, "factor"),
        (callbacks.EarlyStopping, {"rounds": 0}, "EarlyStopping: rounds"),
        (callbacks.EarlyStopping, {"mode": "maximum"}, "mode"),
        (callbacks.EarlyStopping, {"patience": -1}, "patience"),
        (callbacks.EarlyStopping, {"patience": 1.5}, "patience"),
        (callbacks.EarlyStopping, {"start_from_epoch": -1}, "start_from_epoch"),
        (callbacks.EarlyStopping, {"monitor": None}, "monitor"),
        (callbacks.ModelCheckpoint, {"filepath": "m", "save_freq": 0}, "save_freq"),
        (callbacks.ModelCheckpoint, {"filepath": "m", "save_freq": "batch"}, "save_freq"),
        (callbacks.ModelCheckpoint, {"filepath": "m", "mode": "best"}, "mode"),
        (callbacks.ModelCheckpoint, {"filepath": 3}, "int"),
        (callbacks.ReduceLROnPlateau, {"factor": 1.0}, "factor"),
        (callbacks.ReduceLROnPlateau, {"factor": math.nan}, "factor"),
        (callbacks.ReduceLROnPlateau, {"min_lr": -0.1}, "min_lr"),
        (callbacks.ReduceLROnPlateau, {"cooldown": -1}, "cooldown"),
        (callbacks.ReduceLROnPlateau, {"patience": "3"}, "patience"),
        (callbacks.LearningRateScheduler, {"schedule": 0.1}, "schedule"),
        (callbacks.CSVLogger, {"filename": "f", "separator": ""}, "separator"),
    ],
)
def test_bad_arguments(make, kwargs, word):
    with pytest.raises((TypeError, ValueError), match=word):
        make(**kwargs)


def test_a_plateau_and_a_schedule_exclude_each_other_from_the_start():
    model = regressor(optimizers.SGD(optimizers.schedules.Constant(0.1)))
    before = bits(model)[:2]
    with pytest.raises(TypeError, match="the learning rate follows Constant"):
        model.fit(samples(), np.zeros(len(samples())), callbacks=[callbacks.ReduceLROnPlateau("loss")], verbose=0)
    assert bits(model)[:2] == before
