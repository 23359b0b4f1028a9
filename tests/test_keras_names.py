"""What Keras scripts write is there under Keras' names, and does what it does there."""

import json
import math
import pickle
import zipfile

import numpy as np
import pytest
from helpers import CLASSES, classifier, labels, model_of, one_hot, regressor, samples

import fastnn
from fastnn import backend as K
from fastnn import callbacks, constraints, initializers, layers, losses, metrics, ops, optimizers, regularizers, saving, utils
from fastnn.configurable import Catalogue

# ------------------------------------------------------------------------------------------------- names of namespaces

PACKAGES = {
    "activation": fastnn.activations,
    "constraint": constraints,
    "initializer": initializers,
    "layer": layers,
    "loss": losses,
    "metric": metrics,
    "optimizer": optimizers,
    "regularizer": regularizers,
    "learning-rate schedule": optimizers.schedules,
}
CATALOGUES = [c for c in Catalogue.all if c.kind in PACKAGES]


def test_all_packages_have_a_catalogue():
    assert {c.kind for c in CATALOGUES} == PACKAGES.keys()


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda c: c.kind)
def test_serialize_and_deserialize(catalogue):
    """Whatever can be made without arguments comes back from plain JSON."""
    package, made = PACKAGES[catalogue.kind], 0
    for name in catalogue.members:
        try:
            thing = package.get(name)
            data = json.loads(json.dumps(package.serialize(thing)))
        except (TypeError, ValueError):  # it needs arguments, or can't be saved
            continue
        assert repr(package.deserialize(data)) == repr(thing)
        made += 1
    assert made >= 3 or package is optimizers.schedules  # each of which needs arguments: tests/test_schedules.py


@pytest.mark.parametrize("package", [initializers, regularizers, constraints], ids=lambda p: p.__name__)
def test_names_in_lower_case_are_classes(package):
    """Keras has ``he_normal`` for ``HeNormal``."""
    catalogue = next(c for c in CATALOGUES if PACKAGES[c.kind] is package)
    for name in catalogue.names():
        assert getattr(package, name) in (catalogue.find(name), getattr(package, "l1_l2", None))


def test_metrics_in_lower_case_are_functions():
    t, y = one_hot(), np.random.default_rng(0).dirichlet(np.ones(CLASSES), 23)
    np.testing.assert_array_equal(metrics.categorical_accuracy(t, y), t.argmax(1) == y.argmax(1))
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(labels(), y), labels() == y.argmax(1))
    np.testing.assert_array_equal(metrics.top_k_categorical_accuracy(t, y, 3), np.ones(23))
    np.testing.assert_array_equal(metrics.binary_accuracy([[1], [0]], [[0.7], [0.7]], threshold=0.8), [0, 1])
    np.testing.assert_allclose(metrics.mean_squared_error(t, y), np.mean((t - y) ** 2, axis=1))
    assert metrics.mse is losses.mse is losses.mean_squared_error
    assert isinstance(metrics.get(metrics.categorical_accuracy), metrics.CategoricalAccuracy)
    with pytest.raises(TypeError, match="BinaryAccuracy has no argument"):
        metrics.binary_accuracy([[1]], [[0.7]], treshold=0.8)


# ------------------------------------------------------------------------------------------------------- shapes of input


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": (4,)},
        {"input_shape": [4]},
        {"input_dim": 4},
        {"batch_input_shape": (None, 4)},
        {"batch_shape": (32, 4)},
    ],
    ids=str,
)
def test_ways_to_say_the_shape(options):
    model = fastnn.Sequential([layers.Dense(3, **options)])
    assert model.input_shape == (None, 4)
    assert layers.get(json.loads(json.dumps(model.layers[0].serialized()))).input_shape == (4,)


def test_a_shape_is_given_once():
    with pytest.raises(TypeError, match="input_shape and input_dim say the same"):
        layers.Dense(3, input_shape=(4,), input_dim=4)
    with pytest.raises(ValueError, match="say the same"):
        fastnn.Input((4,), batch_shape=(None, 4))
    with pytest.raises(ValueError, match="once"):
        layers.InputLayer((4,), input_shape=(4,))


def test_inputs():
    for first in (
        fastnn.Input((4,), batch_size=8, dtype="int32"),
        fastnn.Input(batch_shape=(None, 4)),
        layers.InputLayer(input_shape=(4,)),
        layers.InputLayer(shape=[4]),
        layers.InputLayer(batch_shape=(None, 4), dtype="float32", sparse=False, ragged=None, optional=False),
    ):
        assert first.shape == (4,)
        assert type(first).from_config(first.get_config()).shape == (4,)


def test_embedding_keeps_its_input_dim():
    assert layers.Embedding(input_dim=10, output_dim=3, input_shape=(2,)).get_config()["input_dim"] == 10


# ---------------------------------------------------------------------------------------------------------- learning rates


def test_a_learning_rate_is_a_number_that_can_be_assigned():
    adam = optimizers.Adam(0.1)
    rate = adam.learning_rate
    assert rate == 0.1 and float(rate) == 0.1 and repr(rate) == "0.1" and rate.value == 0.1 and rate.numpy() == 0.1
    assert json.dumps({"rate": rate}) == '{"rate": 0.1}'
    rate.assign(0.01)
    assert adam.learning_rate == adam.lr == 0.01
    adam.lr = 0.001
    assert adam.learning_rate == 0.001
    adam.learning_rate = adam.learning_rate
    assert type(adam._learning_rate) is float
    assert type(pickle.loads(pickle.dumps(adam.learning_rate))) is float
    with pytest.raises(ValueError, match="learning_rate"):
        rate.assign(-1.0)


def test_a_schedule_can_be_assigned_and_not_overruled():
    adam = optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    assert adam.learning_rate == 0.1
    with pytest.raises(TypeError, match="follows"):
        adam.learning_rate.assign(0.3)


def test_get_and_set_value():
    model = regressor()
    K.set_value(model.optimizer.lr, 0.25)
    assert K.get_value(model.optimizer.learning_rate) == 0.25
    kernel = model.layers[0].kernel
    K.set_value(kernel, np.ones((4, 1)))
    np.testing.assert_array_equal(K.get_value(kernel), np.ones((4, 1)))
    with pytest.raises(TypeError, match="set_value assigns to"):
        K.set_value(3.0, 1.0)


def test_parameters_can_be_added_to():
    bias = regressor().layers[0].bias
    bias.assign_add(2.0)
    bias.assign_sub([0.5])
    assert bias.numpy() == [1.5] and bias.ndim == 1
    with pytest.raises(ValueError, match="broadcast"):
        bias.assign_add(np.ones(3))


# ------------------------------------------------------------------------------------------------------ backend, ops, config


def test_backend_has_keras_functions_and_its_own():
    assert K.epsilon() == fastnn.config.epsilon() == 1e-7 and K.floatx() == "float32"
    K.set_floatx("float64")
    try:
        assert fastnn.config.floatx() == "float64"
    finally:
        K.set_floatx("float32")
    assert K.mean is np.mean and K.current() in ("numpy", "compiled")
    with pytest.raises(AttributeError, match=r"fastnn\.backend has no 'zebra'"):
        _ = K.zebra


@pytest.mark.parametrize(
    ("ours", "by_hand"),
    [
        (lambda x: ops.logsumexp(x, axis=-1), lambda x: np.log(np.exp(x).sum(-1))),
        (lambda x: ops.logsumexp(x), lambda x: np.log(np.exp(x).sum())),
        (lambda x: ops.logsumexp(x, axis=0, keepdims=True), lambda x: np.log(np.exp(x).sum(0, keepdims=True))),
        (lambda x: ops.rsqrt(ops.square(x)), lambda x: 1 / abs(x)),
        (lambda x: ops.norm(x, axis=1), lambda x: np.sqrt((x * x).sum(1))),
        (lambda x: ops.cast(x, "float32").dtype.itemsize, lambda x: 4),
        (lambda x: ops.convert_to_tensor([1, 2], "float32").dtype.itemsize, lambda x: 4),
        (lambda x: ops.shape(x), lambda x: (5, 3)),
        (lambda x: ops.one_hot([0, 2], 3), lambda x: np.eye(3)[[0, 2]]),
        (lambda x: ops.relu(x), lambda x: np.maximum(x, 0)),
        (lambda x: ops.convert_to_numpy(ops.concatenate([x, x])), lambda x: np.vstack([x, x])),
        (lambda x: ops.is_tensor(x) and not ops.is_tensor(3.0), lambda x: True),
        (lambda x: ops.erf(x), lambda x: np.vectorize(math.erf)(x)),
    ],
)
def test_ops(ours, by_hand):
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(ours(x), by_hand(x), rtol=1e-12)


def test_ops_are_differentiated():
    x = np.random.default_rng(0).normal(size=6)
    for f in (
        lambda x: ops.logsumexp(x),
        lambda x: ops.sum(ops.sigmoid(x) * ops.rsqrt(1 + ops.square(x))),
        lambda x: ops.norm(x),
        lambda x: ops.sum(ops.erf(x) + ops.cast(x > 0, "float64") * x),
        lambda x: ops.mean(ops.where(x > 0, ops.exp(x), ops.convert_to_tensor(x))),
    ):
        fastnn.autodiff.check_gradient(f, x)


def test_what_differentiation_cannot_do_names_the_layer_or_the_loss():
    x = samples()
    bad = fastnn.Sequential([fastnn.Input((4,)), layers.Lambda(lambda x: np.linalg.svd(x)[0], (4,), name="strange"), layers.Dense(1)])
    bad.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"^layer 'strange': there is no derivative of np\.linalg\.svd; write it"):
        bad.fit(x, x[:, 0], verbose=0)

    def odd(t, y):
        return np.mean(np.interp(t - y, [0, 1], [0, 1]), axis=-1)

    model = regressor(loss=odd)
    with pytest.raises(TypeError, match=r"^loss 'odd': there is no derivative of np\.interp"):
        model.fit(x, x[:, 0], verbose=0)


def test_clear_session_restarts_names():
    utils.clear_session()
    assert layers.Dense(3).name == "dense" and layers.Dense(3).name == "dense_1"
    assert fastnn.Sequential().name == "sequential"
    K.clear_session()
    assert layers.Dense(3).name == "dense" and fastnn.Sequential().name == "sequential"


# ---------------------------------------------------------------------------------------------------------------- models


def test_compile_takes_keras_arguments_in_order():
    model = regressor()
    model.compile(optimizers.SGD(), "mse", None, ["mae"], ["mse"], False, 1, "auto", True)
    assert model.metrics_names == ["loss", "mae", "mse"]
    model.compile(loss=["mse"], optimizer="sgd")
    assert model.loss.name == "mean_squared_error"


def test_history():
    model = regressor(metrics=["mae"])
    history = model.fit(samples(), samples()[:, 0], batch_size=5, epochs=2, verbose=0)
    assert history.epoch == [0, 1] and history.params["epochs"] == 2 and history.params["steps"] == 5
    assert isinstance(history.history, dict) and json.loads(json.dumps(history.history)) == history.history
    with pytest.raises(KeyError, match="the history has no 'val_loss', it has loss, mae"):
        _ = history.history["val_loss"]
    history.history["accuracy"] = [1.0]
    with pytest.raises(KeyError, match="'acc' is what older Keras called 'accuracy'"):
        _ = history.history["acc"]
    assert history.history.get("acc") is None and "acc" not in history.history


def test_reset_metrics():
    model = classifier(metrics=["accuracy"])
    model.fit(samples(), labels(), verbose=0)
    model.reset_metrics()
    assert model.metrics[0].result() == 0


def test_the_summary_counts_what_the_optimizer_remembers():
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2), layers.Dropout(0.5)], name="small")
    model.layers[0].trainable = False
    model.add(layers.Dense(1))
    lines = []
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 3)), np.zeros(4), verbose=0)
    model.summary(print_fn=lines.append, show_trainable=True)
    text = lines[0]
    assert text.startswith('Model: "small"\n┏━')
    table = [[cell.strip() for cell in line.strip("│┃").split(line[0])] for line in text.splitlines() if line[0] in "│┃"]
    assert table[0] == ["Layer (type)", "Output Shape", "Param #", "Trainable"]
    assert [row[1:] for row in table[1:]] == [["(None, 2)", "8", "N"], ["(None, 2)", "0", "-"], ["(None, 1)", "3", "Y"]]
    assert " Total params: 17 (68.00 B)\n Trainable params: 3 (12.00 B)\n Non-trainable params: 8 (32.00 B)\n Optimizer params: 6 (" in text


def test_the_summary_of_some_layers():
    model = model_of(*(lambda i=i: layers.Dense(3, name=f"d{i}") for i in range(5)))
    lines = []
    model.summary(print_fn=lines.append, layer_range=["d1", "d3"])
    assert [f"d{i} " in lines[0] for i in range(5)] == [False, True, True, True, False]
    for wrong in (["d3", "d1"], ["d1"], ["d1", "zebra"]):
        with pytest.raises(ValueError, match="layer_range must name"):
            model.summary(layer_range=wrong)


def test_clones():
    model = classifier()
    model.layers[0].trainable = False
    copy = fastnn.models.clone_model(model)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert copy.dtype == model.dtype and not copy.compiled and not copy.layers[0].trainable
    assert not np.array_equal(copy.get_weights()[0], model.get_weights()[0])
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(samples()), model.predict(samples()))
    widened = fastnn.models.clone_model(
        model, clone_function=lambda layer: layers.Dense(8) if layer.name == "hidden" else type(layer).from_config(layer.get_config())
    )
    assert widened.layers[0].units == 8
    keep = fastnn.Sequential([layers.Dense(3), layers.Lambda(lambda x: x * 2)])
    assert not fastnn.models.clone_model(keep).built
    keep.build((None, 4))
    assert fastnn.models.clone_model(keep).input_shape == (None, 4)
    with pytest.raises(TypeError, match="Sequential"):
        fastnn.models.clone_model(layers.Dense(3))
    with pytest.raises(ValueError, match="functional API"):
        fastnn.models.clone_model(model, input_tensors=[1])


def test_models_from_json():
    model = classifier()
    for again in (
        fastnn.models.model_from_json(model.to_json(indent=1)),
        fastnn.models.model_from_config(model.get_config()),
        saving.deserialize_keras_object({"class_name": "Sequential", "config": model.get_config()}),
    ):
        assert again.to_json() == model.to_json()
    for wrong in ("{}", '{"class_name": "Functional", "config": {"layers": []}}', "[]"):
        with pytest.raises(ValueError, match="to_json"):
            fastnn.models.model_from_json(wrong)


# --------------------------------------------------------------------------------------------------------- custom objects


class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


@pytest.fixture
def own_names():
    """Whatever a test registers is gone afterwards."""
    before = {c: (dict(c.members), dict(c._aliases)) for c in Catalogue.all}
    objects = dict(saving.get_custom_objects())
    yield
    saving.get_custom_objects().clear()
    saving.get_custom_objects().update(objects)
    for catalogue, (members, aliases) in before.items():
        catalogue.members.clear()
        catalogue.members.update(members)
        catalogue._aliases.clear()
        catalogue._aliases.update(aliases)


def test_custom_objects_of_a_file(tmp_path):
    model = fastnn.Sequential([fastnn.Input((4,)), Twice(name="twice"), layers.Dense(1)])
    path = tmp_path / "m.fnn"
    model.save(path)
    with pytest.raises(ValueError, match=r"unknown layer 'Twice'.*custom_objects"):
        fastnn.models.load_model(path)
    again = fastnn.models.load_model(path, custom_objects={"Twice": Twice})
    np.testing.assert_array_equal(again.predict(samples()), model.predict(samples()))
    assert fastnn.Sequential.from_config(model.get_config(), {"Twice": Twice}).layers[0].name == "twice"
    with utils.custom_object_scope({"Twice": Twice}):
        assert fastnn.models.model_from_json(model.to_json()).layers[0].name == "twice"
    with pytest.raises(ValueError, match="unknown layer"):
        layers.get("Twice")
    with pytest.raises(TypeError, match="dictionary"):
        fastnn.models.load_model(path, custom_objects=[Twice])


def test_load_without_compiling(tmp_path):
    model = classifier(metrics=["accuracy"])
    model.fit(samples(), labels(), verbose=0)
    model.save(tmp_path / "m.fnn")
    again = fastnn.models.load_model(tmp_path / "m.fnn", compile=False, safe_mode=True)
    assert not again.compiled
    np.testing.assert_array_equal(again.predict(samples()), model.predict(samples()))


def test_registered_objects(own_names, tmp_path):
    @saving.register_keras_serializable(package="mine")
    class Thrice(layers.Layer):
        def call(self, x):
            return 3 * x

    @saving.register_keras_serializable()
    def absolute(t, y):
        return np.mean(np.abs(t - y), axis=-1)

    @saving.register_keras_serializable(name="Lots")
    class Strong(regularizers.L2):
        pass

    assert saving.get_registered_name(Thrice) == "mine>Thrice" and saving.get_registered_object("mine>Thrice") is Thrice
    assert saving.get_registered_name(Twice) == "Twice" and saving.get_registered_object("Twice") is None
    assert isinstance(layers.get("mine>Thrice"), Thrice) and isinstance(regularizers.get("Lots"), Strong)
    model = fastnn.Sequential([fastnn.Input((4,)), Thrice(), layers.Dense(1, kernel_regularizer=Strong(0.1))])
    model.save(tmp_path / "m.fnn")
    assert isinstance(fastnn.models.load_model(tmp_path / "m.fnn").layers[0], Thrice)
    assert losses.get("absolute").name == "absolute"
    assert saving.deserialize_keras_object(saving.serialize_keras_object(absolute)) is absolute
    with pytest.raises(TypeError, match="class or a function"):
        saving.register_keras_serializable()(3)


def test_functions_among_custom_objects():
    def fourth(t, y):
        return np.mean((t - y) ** 4, axis=-1)

    with saving.custom_object_scope({"fourth": fourth}):
        assert losses.get("fourth").fn is fourth and metrics.get("fourth").fn is fourth
    assert losses.deserialize("fourth", custom_objects={"fourth": fourth}).fn is fourth


def test_objects_as_plain_data():
    for thing in (optimizers.Adam(0.1), layers.Dense(3), regularizers.L2(0.3)):
        again = saving.deserialize_keras_object(json.loads(json.dumps(saving.serialize_keras_object(thing))))
        assert type(again) is type(thing)
    with pytest.raises(ValueError, match="it is a loss and a metric"):
        saving.deserialize_keras_object("mse")
    with pytest.raises(ValueError, match="nothing has this name"):
        saving.deserialize_keras_object({"class_name": "Zebra", "config": {}})


# ----------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".hdf5"])
def test_suffixes_of_keras_are_warned_of(tmp_path, suffix):
    """The script runs, and says what the file is."""
    model = regressor()
    path = tmp_path / f"m{suffix}"
    for save in model.save, model.save_weights, lambda p: saving.save_model(model, p):
        with pytest.warns(UserWarning, match=f"a {suffix} file that fastnn writes is in fastnn's own format"):
            save(path)
    np.testing.assert_array_equal(saving.load_model(path).get_weights()[0], model.get_weights()[0])
    saving.load_weights(model, path)


def test_files_of_keras_are_told_from_damaged_ones(tmp_path):
    h5, new, folder = tmp_path / "a.h5", tmp_path / "a.keras", tmp_path / "saved"
    h5.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with zipfile.ZipFile(new, "w") as archive:
        for name in "metadata.json", "config.json", "model.weights.h5":
            archive.writestr(name, "{}")
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    for path, kind in (h5, "an HDF5 file"), (new, "a .keras file of Keras"), (folder, "a TensorFlow SavedModel"):
        for read in fastnn.models.load_model, regressor().load_weights:
            with pytest.raises(ValueError, match=rf"is {kind}.*fastnn\.from_keras"):
                read(path)
    (tmp_path / "b.keras").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(ValueError, match="no fastnn model file"):
        fastnn.models.load_model(tmp_path / "b.keras")


# ------------------------------------------------------------------------------------------------------------------ data


def test_a_pydataset_must_be_finished():
    class Nothing(utils.PyDataset):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define __len__"):
        len(Nothing(workers=4, use_multiprocessing=True, max_queue_size=3))
    with pytest.raises(NotImplementedError, match=r"Nothing must define __getitem__"):
        Nothing()[0]
    assert utils.Sequence is utils.PyDataset


def test_packed_batches():
    x, y, w = np.ones(1), np.ones(2), np.ones(3)
    for given in (x,), (x, y), (x, y, w):
        packed = utils.pack_x_y_sample_weight(*given)
        assert utils.unpack_x_y_sample_weight(packed)[: len(given)] == given
    assert utils.unpack_x_y_sample_weight([x]) == (x, None, None)
    with pytest.raises(ValueError, match="4 parts"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_the_old_names_of_utils():
    assert utils.np_utils.to_categorical is utils.to_categorical
    assert utils.register_keras_serializable is saving.register_keras_serializable
    assert callbacks.LambdaCallback and utils.standardize_dtype(None) == "float32"


# ----------------------------------------------------------------------------------------------- functions as activations


def swish_like(z):
    return z * ops.sigmoid(z)


@pytest.mark.parametrize("make", [lambda: layers.Dense(3, activation=swish_like), lambda: layers.Activation(swish_like)])
def test_a_function_as_an_activation(make):
    """The same numbers as the activation of the catalogue, in training, prediction and a frozen form."""

    def trained(layer):
        model = model_of(lambda: layers.Dense(3, name="first"), lambda: layer, lambda: layers.Dense(1), optimizer="adam", loss="mse")
        model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
        losses = model.fit(samples(), samples()[:, 0], epochs=3, batch_size=5, verbose=0, shuffle=False).history["loss"]
        return losses, model.predict(samples()), model.freeze()(samples())

    layer = make()
    built_in = layers.Dense(3, activation="silu") if isinstance(layer, layers.Dense) else layers.Activation("silu")
    for got, expected in zip(trained(layer), trained(built_in), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_a_function_named_like_an_activation_is_none(own_names, tmp_path):
    @saving.register_keras_serializable(package="mine")
    def softmax(z):
        return z + 1

    chosen = fastnn.activations.get(softmax)
    assert chosen.name not in fastnn.activations.activations.names() and chosen != fastnn.activations.softmax
    assert chosen == fastnn.activations.get(softmax) and hash(chosen) == hash(fastnn.activations.get("mine>softmax"))
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, activation=softmax)])
    model.save(tmp_path / "m.fnn")
    np.testing.assert_array_equal(fastnn.models.load_model(tmp_path / "m.fnn").predict(samples()), model.predict(samples()))


def test_functions_that_cannot_be_activations():
    with pytest.raises(ValueError, match=r"activation 'mean' must keep the shape \(23, 3\), it made an array of shape \(23,\)"):
        fastnn.activations.get(_named("mean", lambda z: np.mean(z, axis=-1)))(np.zeros((23, 3)))
    model = model_of(
        lambda: layers.Dense(3, activation=_named("odd", lambda z: np.interp(z, [0, 1], [0, 1]))),
        lambda: layers.Dense(1),
        optimizer="sgd",
        loss="mse",
    )
    with pytest.raises(TypeError, match=r"^activation 'odd': there is no derivative of np\.interp"):
        model.fit(samples(), samples()[:, 0], verbose=0)
    with pytest.raises(TypeError, match="activation '<lambda>' is a Python function, which can't be saved: decorate"):
        layers.Dense(3, activation=lambda z: z).serialized()


def _named(name, function):
    def call(z):
        return function(z)

    call.__name__ = name
    return call


# ------------------------------------------------------------------------------------------------------- what frames give


def test_numbers_among_objects():
    """A data frame with columns of numbers and of truth values becomes an array of objects."""
    model = regressor()
    x = samples().astype(object)
    x[:, 3] = samples()[:, 3] > 0
    np.testing.assert_array_equal(model.predict(x), model.predict(x.astype(float)))
    x[4, 2] = "text"
    with pytest.raises(TypeError, match=r"x must hold real numbers, got the object 'text' at row 4, position \(2,\)"):
        model.predict(x)
    with pytest.raises(ValueError, match="not a list of it"):
        model.predict([samples()])


def test_sparse_matrices_are_named():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"sparse csr_matrix; pass x\.toarray\(\)"):
        regressor().predict(sparse.csr_matrix(samples()))


def test_parameters_show_their_numbers():
    layer = layers.Dense(1, kernel_initializer="ones", name="out")
    layer.build((None, 2))
    assert repr(layer.kernel) == "<Parameter out/kernel, shape=(2, 1), dtype=float32, value=[[1.]\n [1.]]>"


# ----------------------------------------------------------------------------------------------- parameters in a layer's call


class Affine(layers.Layer):
    """As Keras' guide to layers writes it: parameters without ``.value``, and ``keras.ops``."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b


class Odd(Affine):
    """The same by other ways: the parameter on the left, in functions of NumPy, in lists, and by index."""

    def call(self, inputs):
        both = np.concatenate([self.w, 2 * self.w], axis=0)
        return np.dot(inputs, both[: len(self.w)]) + np.stack([self.b, -self.b, self.b[:]]).sum(axis=0) + 0.0 * np.sum(self.w)


@pytest.mark.parametrize("kind", [Affine, Odd])
def test_parameters_stand_for_their_numbers(kind):
    """The same training as `Dense`'s."""

    def trained(layer):
        model = model_of(lambda: layers.Dense(4, "tanh"), lambda: layer, lambda: layers.Dense(1), optimizer="adam", loss="mse")
        model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
        losses = model.fit(samples(), samples()[:, 0], epochs=3, batch_size=5, verbose=0, shuffle=False).history["loss"]
        return [*losses, *model.predict(samples())[:, 0]]

    np.testing.assert_allclose(trained(kind(3)), trained(layers.Dense(3)), rtol=1e-9)


def test_parameters_in_arithmetic():
    layer = layers.Dense(1, kernel_initializer="ones")
    layer.build((None, 2))
    kernel = layer.kernel
    np.testing.assert_array_equal(2 * kernel - 1, np.ones((2, 1)))
    np.testing.assert_array_equal(np.ones((1, 2)) @ kernel, [[2.0]])
    np.testing.assert_array_equal(kernel[0], [1.0])
    assert np.sum(kernel) == 2 and len(kernel) == 2 and kernel in [kernel] and kernel != layer.bias and len({kernel, kernel}) == 1
    kernel[0][...] = 5.0  # a copy
    assert kernel.numpy().max() == 1
    for write in (lambda: np.add(kernel, 1, out=kernel), lambda: kernel.__iadd__(1)):
        with pytest.raises(TypeError, match=r"kernel' can't be written to by NumPy; use assign"):
            write()


# --------------------------------------------------------------------------------------------------------- neutral keywords


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.MeanSquaredError(name="mine", dtype="float32"),
        lambda: metrics.AUC(num_thresholds=7, dtype=None),
        lambda: metrics.Mean(dtype="float64"),
        lambda: optimizers.Adam(0.1, loss_scale_factor=None),
        lambda: layers.Dense(3, lora_rank=None, quantization_config=None, input_dim=3),
        lambda: layers.BatchNormalization(renorm=False, synchronized=True),
        lambda: layers.Embedding(3, 4, input_length=10, mask_zero=False),
        lambda: initializers.GlorotUniform(seed=3, input_axes=None),
    ],
)
def test_keywords_that_change_nothing_are_passed_over(make):
    assert "dtype" not in make().get_config()


def test_keywords_that_would_change_something_are_refused():
    for make in (
        lambda: optimizers.Adam(0.1, loss_scale_factor=2.0),
        lambda: layers.Dense(3, lora_rank=4),
        lambda: layers.BatchNormalization(renorm=True),
        lambda: layers.Embedding(3, 4, weights=[np.ones((3, 4))]),
    ):
        with pytest.raises(TypeError, match="has no argument"):
            make()


def test_a_users_metric_passes_keywords_on():
    class Mine(metrics.Metric):
        def __init__(self, name="mine", **kwargs):
            super().__init__(name=name, **kwargs)

        def reset_state(self):
            self.total = 0.0

    assert Mine(dtype="float32").name == "mine"
    with pytest.raises(TypeError, match="zebra"):
        Mine(zebra=1)


def test_registered_functions_are_saved_with_a_model(own_names, tmp_path):
    @saving.register_keras_serializable(package="mine")
    def cubic(t, y):
        return np.mean(np.abs(t - y) ** 3, axis=-1)

    chosen = [cubic, metrics.mean_squared_error, metrics.MeanAbsoluteError, "mape", metrics.RootMeanSquaredError(name="root")]
    model = regressor(loss=cubic, metrics=chosen)
    model.fit(samples(), samples()[:, 0], verbose=0)
    model.save(tmp_path / "m.fnn")
    again = fastnn.models.load_model(tmp_path / "m.fnn")
    assert again.loss.fn is cubic and again.metrics_names == model.metrics_names
    data = samples(), samples()[:, 0]
    assert again.evaluate(*data, verbose=0) == model.evaluate(*data, verbose=0)
    saving.get_custom_objects().clear()
    with pytest.raises(ValueError, match=r"unknown (loss|metric) 'mine>cubic'.*or pass custom_objects"):
        fastnn.models.load_model(tmp_path / "m.fnn")
    assert fastnn.models.load_model(tmp_path / "m.fnn", {"cubic": cubic}).loss.fn is cubic


def test_functions_that_are_not_registered_are_left_out(tmp_path):
    model = regressor(metrics=[lambda t, y: 0.0, "mae"])
    with pytest.warns(UserWarning, match="metrics that are Python functions aren't saved: decorate"):
        model.save(tmp_path / "m.fnn")
    assert fastnn.models.load_model(tmp_path / "m.fnn").metrics_names == ["loss", "mae"]
