"""BackupAndRestore: a training that was interrupted and resumed is the one that wasn't, to the last bit."""

import numpy as np
import pytest
from helpers import BACKENDS, CLASSES, bits, labels, model_of, regressor, samples

import fastnn
from fastnn import callbacks, layers, metrics, optimizers
from fastnn.state import packed, plain_state, put_back, unpacked

X, LABELS = samples(), labels()
Y = X[:, :1]
STEPS = 5  # batches an epoch


class BrokenOff(Exception):
    """What breaks off a training here."""


class Largest(metrics.Metric):
    """A metric written in Python, whose state is a number."""

    def reset_state(self):
        self.largest = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest = max(self.largest, float(np.max(y_pred)))

    def result(self):
        return self.largest


class Counting(callbacks.Callback):
    """Remembers all kinds of plain data."""

    def on_train_begin(self, logs=None):
        self.batches, self.seen, self.sums = 0, {"first": None}, np.zeros(2)

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        self.seen[batch] = (float(logs["loss"]), [np.float32(batch)])
        self.sums += 1, logs["loss"]


class Breaking(callbacks.Callback):
    def __init__(self, at, hook="on_train_batch_end"):
        self.left = at
        setattr(self, hook, self.count)

    def count(self, *_):
        self.left -= 1
        if not self.left:
            raise BrokenOff


def stack(seed):
    return model_of(
        lambda: layers.Dense(6, activation="tanh", kernel_regularizer="l2"),
        layers.BatchNormalization,
        lambda: layers.Dropout(0.2),  # whose seed is drawn
        lambda: layers.Dense(CLASSES, activation="softmax"),
        seed=seed,
        optimizer=fastnn.optimizers.Adam(0.02, amsgrad=True),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy", Largest()],
    )


def train(seed=1, more=(), x=X, y=LABELS, epochs=7, **options):
    """All that there is to see of a training: history, weights, and what callbacks remember."""
    model, counting = stack(seed), Counting()
    members = [
        *more,
        callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.7, min_delta=10),
        callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        counting,
    ]
    options = {"batch_size": 5, "validation_data": (X, LABELS), "verbose": 0, **options}
    history = model.fit(x, y, epochs=epochs, callbacks=members, **options)
    return history.history, history.epoch, bits(model), packed(counting.get_state(), {}), counting.seen, counting.sums.tolist()


def interrupted(folder, at, freq="epoch", hook="on_train_batch_end", **options):
    backup = callbacks.BackupAndRestore(folder, save_freq=freq)
    with pytest.raises(BrokenOff):
        train(1, [backup, Breaking(at, hook)], **options)


def resumed(folder, freq="epoch", **options):
    seed = 2 if folder.exists() else 1  # another process draws other weights and seeds: what matters is in the backup
    return train(seed, [callbacks.BackupAndRestore(folder, save_freq=freq)], **options)


@pytest.fixture(scope="module", params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


@pytest.fixture(scope="module")
def whole(backend):
    return train()


@pytest.mark.parametrize("freq", ["epoch", 3, 7])
@pytest.mark.parametrize("at", [1, STEPS + 1, STEPS * 2, STEPS * 3 + 3])
def test_interrupted_anywhere(whole, tmp_path, freq, at):
    folder = tmp_path / "backup"
    interrupted(folder, at, freq)
    assert folder.exists() == (at > (STEPS if freq == "epoch" else freq))
    assert resumed(folder, freq) == whole
    assert not folder.exists()


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_test_begin", "on_epoch_end"])
@pytest.mark.parametrize("freq", ["epoch", STEPS])
def test_interrupted_between_epochs(whole, tmp_path, hook, freq):
    interrupted(tmp_path / "backup", 3, freq, hook)
    assert resumed(tmp_path / "backup", freq) == whole


def test_interrupted_twice(whole, tmp_path):
    interrupted(tmp_path / "backup", 6)
    interrupted(tmp_path / "backup", 6)
    assert resumed(tmp_path / "backup") == whole


def test_interrupted_when_all_was_done(whole, tmp_path):
    """Early stopping had ended the training: nothing is run again, and the best weights come back."""
    interrupted(tmp_path / "backup", 1, hook="on_train_end")
    assert resumed(tmp_path / "backup") == whole


def test_another_number_of_epochs(tmp_path):
    """A backup can be trained on from for longer."""
    keep = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    train(1, [keep], epochs=2)
    assert resumed(tmp_path, epochs=4) == train(epochs=4)


@pytest.mark.parametrize("name", sorted(optimizers.optimizer.optimizers.members))
def test_every_optimizer(tmp_path, name):
    kind = optimizers.optimizer.optimizers.members[name]

    def run(seed, *members):
        options = {"use_ema": True, "gradient_accumulation_steps": 2} if name in ("Adam", "SGD") else {}
        model = model_of(lambda: layers.Dense(3, activation="tanh"), lambda: layers.Dense(1), seed=seed)
        model.compile(kind(**options), "mse")
        fastnn.utils.set_random_seed(seed)
        return model.fit(X, Y, epochs=3, batch_size=5, verbose=0, callbacks=members).history, bits(model)

    every, at = (1, 2) if kind.full_batch else (4, 10)  # an epoch is one batch then
    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=every)
    with pytest.raises(BrokenOff):
        run(1, backup, Breaking(at))
    assert run(2, backup) == run(1)


def test_batches_by_number(tmp_path):
    options = {"x": [(X[i : i + 5], LABELS[i : i + 5]) for i in range(0, 23, 5)], "y": None, "batch_size": None}
    interrupted(tmp_path / "backup", 13, 3, **options)
    assert resumed(tmp_path / "backup", 3, **options) == train(**options)


def test_an_untouched_folder_keeps_what_else_is_in_it(tmp_path):
    (tmp_path / "notes").write_text("mine")
    train(1, [callbacks.BackupAndRestore(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_a_backup_of_something_else_is_refused_and_kept(tmp_path):
    interrupted(tmp_path, 6)
    backup = callbacks.BackupAndRestore(tmp_path)
    other = regressor("adam")
    before = bits(other)[0]
    with pytest.raises(ValueError, match=r"the backup '.*training.npz' doesn't fit: it has weights of shapes .*; delete it"):
        other.fit(X, Y, callbacks=[backup], verbose=0)
    assert bits(other)[0][: len(before)] == before
    model = stack(1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"trained by Adam with the memory .* by SGD"):
        model.fit(X, LABELS, callbacks=[backup], verbose=0)
    assert (tmp_path / "training.npz").exists()


def test_a_damaged_backup(tmp_path):
    (tmp_path / "training.npz").write_bytes(b"not this")
    with pytest.raises(ValueError, match=r"training.npz.*damaged"):
        regressor().fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path)], verbose=0)
    np.savez(tmp_path / "training.npz", training=np.array("{}"))
    with pytest.raises(ValueError, match=r"training.npz' doesn't fit"):
        regressor().fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path)], verbose=0)


@pytest.mark.parametrize("options", [{"backup_dir": ""}, {"backup_dir": "b", "save_freq": 0}, {"backup_dir": "b", "save_freq": "batch"}])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=r"BackupAndRestore: (backup_dir|save_freq)"):
        callbacks.BackupAndRestore(**options)


def test_plain_data_comes_back_as_it_was():
    tree = {
        "a": [1, (2.5, None), {3: "x", (1, 2): True}],
        "nan": np.float32("nan"),
        "inf": -np.inf,
        "m": np.arange(6).reshape(2, 3).T,
        "e": [],
    }
    arrays = {}
    text = packed(tree, arrays)
    again = unpacked(text, arrays)
    assert repr(again) == repr(tree) and all(a.flags.c_contiguous for a in arrays.values())


def test_put_back_keeps_arrays_where_they_are_and_objects_alone():
    class Thing:
        def __init__(self, given=1):
            self.given, self.kept, self.slots, self.other = given, np.zeros(2), {"m": np.zeros(3)}, object()

    thing = Thing()
    kept, slot = thing.kept, thing.slots["m"]
    assert plain_state(thing).keys() == {"kept", "slots"}
    put_back(thing, {"kept": np.ones(2), "slots": {"m": np.ones(3)}, "other": 3.0, "new": [1]})
    assert kept.tolist() == [1, 1] and slot.tolist() == [1, 1, 1] and thing.kept is kept
    assert type(thing.other) is object and thing.new == [1]
    put_back(thing, {"kept": np.ones(3)})
    assert thing.kept.shape == (3,)
