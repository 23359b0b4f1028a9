"""Model files: nothing is lost, nothing damaged is taken, nothing in a file can run or fill the memory."""

import json
import os

import numpy as np
import pytest
from helpers import (
    BACKENDS,
    CLASSES,
    EVERY_LAYER,
    SCHEDULES,
    any_layer,
    assert_equal_models,
    assert_same_weights,
    bits,
    classifier,
    labels,
    model_of,
    regressor,
    samples,
    samples_for,
)
from metric_cases import make as make_metric

import fastnn
from fastnn import activations, layers, losses, metrics, optimizers
from fastnn.layers.adapting import Adapted
from fastnn.models.archive import read_archive, write_archive
from fastnn.optimizers.optimizer import optimizers as optimizer_catalogue

X, LABELS = samples(), labels()


def saved(model, path):
    model.save(path)
    return fastnn.load_model(path)


def train(model, epochs, y=LABELS, **options):
    return model.fit(X, y, epochs=epochs, batch_size=7, verbose=0, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.fnn"


# ----------------------------------------------------------------------------------------------- round trip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", sorted(optimizer_catalogue.members))
def test_training_resumes_to_the_same_bits(path, backend, dtype, optimizer):
    """With dropout, batch normalization, regularizers, shuffling, metrics, and a fresh process-wide generator."""
    with fastnn.backend.use(backend):
        model = classifier(optimizer=optimizer, dtype=dtype, metrics=["accuracy"])
        train(model, 2)
        again = saved(model, path)
        assert_equal_models(model, again)
        fastnn.utils.set_random_seed(99)
        expected = train(model, 4, initial_epoch=2).history
        assert train(again, 4, initial_epoch=2).history == expected
        assert_equal_models(model, again)


def test_saving_in_between_changes_nothing(path):
    whole, halves = classifier(), classifier()
    fastnn.utils.set_random_seed(3)
    train(whole, 4)
    fastnn.utils.set_random_seed(3)
    train(halves, 2)
    again = saved(halves, path)
    train(again, 2)
    assert_equal_models(whole, again)


def test_a_learning_rate_that_was_changed_is_kept(path):
    model = regressor("adam")
    model.optimizer.learning_rate = 0.125
    assert saved(model, path).optimizer.learning_rate == 0.125


@pytest.mark.parametrize("name", sorted(optimizers.schedules.schedules.members))
def test_schedules_go_on(path, name):
    model = classifier(optimizer=optimizers.SGD(SCHEDULES[name](), momentum=0.9))
    train(model, 1)
    again = saved(model, path)
    assert again.optimizer.learning_rate == model.optimizer.learning_rate
    train(model, 1)
    train(again, 1)
    assert_equal_models(model, again)


@EVERY_LAYER
def test_every_layer(path, name):
    stack = [] if name == "InputLayer" else [lambda: any_layer(name)]
    out = [layers.Flatten, lambda: layers.Dense(CLASSES, activation="softmax")]
    model = model_of(*stack, *out, optimizer="adam", loss="sparse_categorical_crossentropy")
    x = samples_for(model.layers[0])
    for layer in model.layers:
        if isinstance(layer, Adapted):
            layer.adapt(x)
    model.fit(x, LABELS, epochs=1, batch_size=7, verbose=0)
    again = saved(model, path)
    assert_equal_models(model, again, x)
    assert np.isfinite(again.predict(x)).all()


@pytest.mark.parametrize("name", sorted(activations.activations.members))
def test_every_activation(path, name):
    model = model_of(lambda: layers.Dense(4, activation=name), optimizer="sgd", loss="mse")
    assert_equal_models(model, saved(model, path))


def test_an_activations_parameters(path):
    model = model_of(lambda: layers.Dense(3, activation=activations.leaky_relu.bind(negative_slope=0.4)))
    assert saved(model, path).layers[0].activation.parameters == {"negative_slope": 0.4}


@pytest.mark.parametrize("name", sorted(losses.losses.members))
def test_every_loss(path, name):
    loss = losses.losses.members[name](reduction="sum")
    again = saved(regressor(loss=loss), path).loss
    assert type(again) is type(loss) and again.get_config() == loss.get_config()


@pytest.mark.parametrize("name", sorted(metrics.metrics.members))
def test_every_metric(path, name):
    one = make_metric(name)
    model = regressor(metrics=[one], weighted_metrics=[make_metric(name, name="object")])
    assert saved(model, path).metrics_names == ["loss", one.name, "object"]


def test_functions_as_metrics_are_left_out_with_a_warning(path):
    model = regressor(metrics=[lambda t, y: 0.0, "mae"])
    with pytest.warns(UserWarning, match="functions"):
        model.save(path)
    assert fastnn.load_model(path).metrics_names == ["loss", "mae"]


def test_a_model_that_was_not_compiled(path):
    model = model_of(lambda: layers.Dense(2))
    again = saved(model, path)
    assert not again.compiled
    assert_same_weights(model, again)


def test_a_model_without_parameters_or_input(path):
    model = fastnn.Sequential([layers.Flatten()])
    model.predict(samples(5, 2, 2))
    assert saved(model, path).predict(samples(5, 2, 2)).shape == (5, 4)


def test_metadata(path):
    model = regressor()
    model.metadata = {"classes": ["ä", "b"], "nested": {"mean": [1.5, None]}}
    assert saved(model, path).metadata == model.metadata
    model.metadata = {"mean": np.float32(0.5), "scale": np.arange(2)}
    assert saved(model, path).metadata == {"mean": 0.5, "scale": [0, 1]}
    before = path.read_bytes()
    for wrong, where in (({"a": {"b": [1, object()]}}, r"metadata\['a'\]\['b'\]\[1\]"), ({1: 2}, "keys must be strings")):
        model.metadata = wrong
        with pytest.raises(TypeError, match=where):
            model.save(path)
    assert path.read_bytes() == before


def test_a_diverged_model_can_be_looked_at(path):
    model = regressor()
    model.set_weights([np.full((4, 1), np.nan), [np.inf]])
    np.testing.assert_array_equal(saved(model, path).get_weights()[0], np.full((4, 1), np.nan))


def test_one_backend_reads_what_the_other_wrote(path):
    for writer in BACKENDS:
        for reader in BACKENDS:
            with fastnn.backend.use(writer):
                model = classifier(dtype="float32")
                train(model, 2)
                model.save(path)
            with fastnn.backend.use(reader):
                assert_same_weights(model, fastnn.load_model(path))


def test_models_inside_a_program_read_as_arrays(path):
    model = classifier()
    train(model, 1)
    model.save(path)
    with np.load(path, allow_pickle=False) as file:
        names = set(file.files)
        np.testing.assert_array_equal(file["weights/hidden/kernel"], model.get_weights()[0])
        np.testing.assert_array_equal(file["test/y"], model.predict(file["test/x"]))
        assert json.loads(file["model.json"])["format"] == "fastnn model"
    assert {"weights/norm/moving_mean", "weights/out/bias", "model.json", "test/x"} <= names
    assert sum(name.startswith("optimizer/") and name.endswith("/hidden/kernel") for name in names) == 2


# ------------------------------------------------------------------------------------------------- weights


def test_weights_files(path):
    model, other = classifier(seed=1), classifier(seed=2)
    model.save_weights(path)
    other.load_weights(path)
    assert_same_weights(model, other)
    with pytest.raises(ValueError, match="load_weights"):
        fastnn.load_model(path)


def test_load_weights_reads_model_files(path):
    model, other = classifier(seed=1), classifier(seed=2)
    model.save(path)
    other.load_weights(path)
    assert_same_weights(model, other)


def test_load_weights_goes_by_order_where_only_names_differ(path):
    model, twin = (fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3), layers.Dense(3)]) for _ in range(2))
    assert model.layers[0].name != twin.layers[0].name
    model.save_weights(path)
    twin.load_weights(path)
    assert_same_weights(model, twin)


@pytest.mark.parametrize("other", [layers.Dense(CLASSES + 1, name="linear"), layers.Dense(CLASSES, use_bias=False, name="other")])
def test_weights_of_another_model_change_nothing(path, other):
    model_of(lambda: other).save_weights(path)
    model = regressor(units=CLASSES)
    before = bits(model)
    with pytest.raises(ValueError, match="model"):
        model.load_weights(path)
    assert bits(model) == before


def test_unbuilt_models_have_no_weights_to_save_or_load(path):
    model = fastnn.Sequential([layers.Dense(3)])
    for call in (model.save, model.save_weights, model.load_weights):
        with pytest.raises(ValueError, match="built"):
            call(path)
    assert not path.exists()


# ------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_overwrite(path, method):
    getattr(classifier(seed=1), method)(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="overwrite=True"):
        getattr(classifier(seed=2), method)(path, overwrite=False)
    assert path.read_bytes() == before
    getattr(classifier(seed=2), method)(str(path))
    assert path.read_bytes() != before


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_no_other(path, monkeypatch, function):
    classifier(seed=1).save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="no space"):
        classifier(seed=2).save(path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_link_stays_a_link(path):
    link = path.with_name("latest.fnn")
    link.symlink_to(path)
    model = saved(classifier(), link)
    assert link.is_symlink() and not path.is_symlink()
    assert_same_weights(model, fastnn.load_model(path))


@pytest.mark.parametrize("name", ["ä ö", "..", "a\\b", "x.npy", "file", "model", "self"])
def test_any_printable_name_of_a_layer(path, name):
    model = model_of(lambda: layers.Dense(2, name=name), optimizer="adam", loss="mse")
    model.train_on_batch(X, X[:, :2])
    assert_equal_models(model, saved(model, path))


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        classifier().save(tmp_path / "none" / "model.fnn")
    with pytest.raises(FileNotFoundError, match="none"):
        fastnn.load_model(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        fastnn.load_model(tmp_path)


@pytest.mark.parametrize("units", [CLASSES, 5])
def test_after_layers_were_exchanged_the_optimizer_begins_anew_also_in_the_file(units, tmp_path):
    model = classifier()
    train(model, 2)
    model.pop()
    model.add(layers.Dense(units, activation="softmax", name="new"))
    loaded = saved(model, tmp_path / "model.fnn")
    train(model, 2)
    train(loaded, 2)
    assert_same_weights(model, loaded)


class Shift(layers.Layer):
    """Adds a number that is learned."""

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(), initializer="ones", name="shift")

    def call(self, x):
        return x + self.shift.value


def test_a_number_as_parameter_comes_back(path, monkeypatch):
    monkeypatch.setitem(layers.layers.members, "Shift", Shift)
    monkeypatch.setitem(layers.layers._aliases, "Shift", Shift)
    model = model_of(Shift, optimizer="adam", loss="mse")
    model.fit(X, X, verbose=0)
    assert_equal_models(model, saved(model, path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are folders' entries on Unix alone")
def test_what_is_no_ordinary_file_stays(tmp_path):
    """Root would otherwise replace a device, /dev/null for instance, by the file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(FileExistsError, match="pipe': it is no ordinary file"):
            regressor().save(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()


def test_names_may_be_as_long_as_the_system_takes(tmp_path):
    for name in ("x" * 251 + ".fnn", "é" * 125 + ".fnn"):
        regressor().save(tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


def test_a_shape_that_is_not_the_first_layers(tmp_path):
    """What another reader would go by must be what is computed."""
    model = regressor()
    model.save(tmp_path / "model.fnn")
    members = read_archive(tmp_path / "model.fnn")
    for shape in ([None, -3], [None, 10**9], [None], "n", [None, *model.input_shape[1:], 1]):
        description = json.loads(members["model"])
        description["config"]["build_input_shape"] = shape
        write_archive(tmp_path / "other.fnn", {**members, "model": json.dumps(description)})
        with pytest.raises(ValueError, match="other"):
            fastnn.load_model(tmp_path / "other.fnn")
