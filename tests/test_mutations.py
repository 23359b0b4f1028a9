"""Damaged, altered and hostile files: each loads equal or is refused with a ValueError. None crashes, fills the memory or runs code."""

import io
import json
import math
import os
import pickle
import sys
import warnings
import zipfile

import numpy as np
import pytest
from helpers import CLASSES, FEATURES, assert_equal_models, bits, labels, model_of, regressor, samples
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import described, header, members_of, npy, rewritten, with_description, with_text, zipped

import fastnn
from fastnn import layers
from fastnn.configurable import Catalogue

MUTATIONS = int(os.environ.get("FASTNN_MUTATIONS", "2000"))
"""How many random mutations of a file are tried; CI tries 10,000 once."""
X = samples()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small trained model, its file's bytes, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp("files")
    model = regressor("adam")
    model.fit(X, X[:, :1], verbose=0)
    model.save(folder / "model.fnn")
    return model, (folder / "model.fnn").read_bytes(), folder / "damaged.fnn"


def loads_equal_or_refuses(model, path, contents):
    """Whether it was loaded."""
    path.write_bytes(contents)
    try:
        loaded = fastnn.load_model(path)
    except ValueError as error:
        assert str(path) in str(error)
        return False
    assert_equal_models(model, loaded)
    return True


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated_anywhere(original, share):
    model, contents, path = original
    assert not loads_equal_or_refuses(model, path, contents[: int(share * len(contents))])


def flipped(contents, at, bit):
    damaged = bytearray(contents)
    damaged[at] ^= 1 << bit
    return bytes(damaged)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_bit_flipped(original, share, bit):
    model, contents, path = original
    loads_equal_or_refuses(model, path, flipped(contents, int(share * len(contents)), bit))


def test_every_byte_of_the_directory_flipped(original):
    """Where the zip format keeps offsets, sizes and names."""
    model, contents, path = original
    for at in range(contents.index(b"PK\x01\x02"), len(contents)):
        loads_equal_or_refuses(model, path, flipped(contents, at, at % 8))


@settings(max_examples=20, deadline=None)
@given(contents=st.binary(max_size=300), prefix=st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04"]))
def test_foreign_bytes(original, contents, prefix):
    assert not loads_equal_or_refuses(original[0], original[2], prefix + contents)


class Evil:
    """Ends the process when it is unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


FOREIGN = {
    "empty": b"",
    "text": b"hello",
    "pickle": pickle.dumps(Evil()),
    "an array": header((2,)) + bytes(16),
    "another zip": zipped({"readme.txt": b"hello"}),
    "an empty zip": zipped({}),
    "another npz": zipped({"x.npy": npy(np.zeros(3))}),
    "a pickled npz": zipped({"model.npy": npy(np.array([Evil()], dtype=object), allow_pickle=True)}),
    "compressed": zipped({"model.npy": header((1000,)) + bytes(8000)}, zipfile.ZIP_DEFLATED),
    "a huge declared shape": zipped({"model.npy": header((2**40, 2**20)) + bytes(8)}),
    "a shape that overflows": zipped({"model.npy": header((2**63, 2**63)) + bytes(8)}),
    "a negative shape": zipped({"model.npy": header((-1,)) + bytes(8)}),
    "a huge itemsize": zipped({"model.npy": header((1,), f"|V{2**31 - 1}")}),
    "text that is no JSON": zipped({"model.json": "{"}),
    "JSON of another kind": zipped({"model.json": "[1, 2]"}),
    "JSON of another program": zipped({"model.json": '{"format": "other"}'}),
    "JSON too deep": zipped({"model.json": "[" * 100_000}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files(original, name):
    assert not loads_equal_or_refuses(original[0], original[2], FOREIGN[name])
    with pytest.raises(ValueError, match=r"damaged\.fnn"):
        original[0].load_weights(original[2])


def test_members_that_share_their_bytes(original):
    """The other kind of zip bomb: a thousand entries of the directory for one large member."""
    model, contents, path = original
    start = contents.index(b"PK\x01\x02")
    end = contents.index(b"PK\x05\x06")
    directory = contents[start:end] * 1000
    count = (contents[start:end].count(b"PK\x01\x02") * 1000) % 2**16
    tail = bytearray(contents[end:])
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = len(directory).to_bytes(4, "little")
    crowded = contents[:start] + directory + bytes(tail)
    assert sum(i.file_size for i in zipfile.ZipFile(io.BytesIO(crowded)).infolist()) > len(crowded)
    assert not loads_equal_or_refuses(model, path, crowded)


@pytest.mark.parametrize(
    "change",
    [
        {"weights/linear/kernel": np.zeros((4, 1))},
        {"weights/linear/bias": np.array([5.0])},
        {"weights/linear/kernel": np.zeros((4, 2))},
        {"weights/linear/kernel": np.full((4, 1), "a")},
        {"weights/linear/kernel": None},
        {"weights/other/kernel": np.zeros(1)},
        {"test/x": None},
        {"test/y": np.zeros((4, 1))},
        {"test/x": np.zeros((4, FEATURES + 1))},
        {"test/y": np.full((4, 1), "a")},
        {"optimizer/momentum/linear/kernel": None},
        {"optimizer/momentum/linear/kernel": np.zeros(9)},
        {"optimizer/momentum/linear/kernel": np.full((4, 1), "a")},
        {"model": np.zeros(3)},
        {"optimizer/momentum/linear/kernel": np.zeros((4, 1), np.float32)},
        {"optimizer/momentum/linear/kernel": np.full((4, 1), np.nan)},
        {"weights/linear/kernel": np.zeros((4, 1), np.float32)},
        {"weights/linear/kernel": np.full((4, 1), np.nan)},
        {"test/x": np.zeros((0, FEATURES)), "test/y": np.zeros((0, 1))},
        {"test/x": None, "test/y": None},
    ],
    ids=lambda change: " ".join(f"{k} {getattr(v, 'dtype', v)} {getattr(v, 'shape', '')}" for k, v in change.items()),
)
def test_altered_arrays_are_noticed(original, change):
    assert not loads_equal_or_refuses(original[0], original[2], rewritten(original[1], **change))


@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": {"layers": []}},
        {"config": {"layers": [{"class_name": "Nothing", "config": {}}]}},
        {"config": {"layers": [{"class_name": ["Dense"], "config": {}}]}},
        {"config": {"layers": [{"class_name": "Dense", "config": {"units": 10**30}}], "build_input_shape": [None, 10**30]}},
        {"config": {"layers": [{"class_name": "Dense", "config": {"cells": 3}}]}},
        {"compile": {"optimizer": "nothing"}},
        {"compile": 3},
        {"counters": {}},
        {"counters": {"shuffle_seed": 1, "epochs_seen": 1, "step": -1}},
        {"iterations": float("inf")},
        {"iterations": "many"},
        {"metadata": 3},
        {"version": "new"},
        {"version": None},
    ],
    ids=str,
)
def test_altered_descriptions_are_noticed(original, change):
    assert not loads_equal_or_refuses(original[0], original[2], with_description(original[1], **change))


def test_rewriting_without_a_change_is_no_damage(original):
    model, contents, path = original
    assert loads_equal_or_refuses(model, path, rewritten(contents))
    assert loads_equal_or_refuses(model, path, with_description(contents))


def test_files_from_a_newer_fastnn_say_so(original):
    _, contents, path = original
    path.write_bytes(with_description(contents, version=99, fastnn="7.0"))
    with pytest.raises(ValueError, match=r"fastnn 7\.0.*update"):
        fastnn.load_model(path)


# ----------------------------------------------------------------------------------------- thousands of mutations


def _cut(raw, rng):
    """Without some of its bytes."""
    start, end = sorted(rng.integers(0, len(raw) + 1, 2))
    return raw[:start] + raw[end:]


def _flip(raw, rng):
    damaged = bytearray(raw)
    for at in rng.integers(0, len(raw), rng.integers(1, 9)):
        damaged[at] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _overwrite(raw, rng):
    """With some bytes all zero, all one, or random."""
    start, end = sorted(rng.integers(0, len(raw) + 1, 2))
    end = min(end, start + 40)
    filling = [bytes(end - start), b"\xff" * (end - start), rng.bytes(end - start)][rng.integers(3)]
    return raw[:start] + filling + raw[end:]


def _swap(raw, rng):
    """With two pieces exchanged."""
    a, b, c, d = sorted(rng.integers(0, len(raw) + 1, 4))
    return raw[:a] + raw[c:d] + raw[b:c] + raw[a:b] + raw[d:]


def _repeat(raw, rng):
    """With a piece put in again at another place."""
    start, end, at = rng.integers(0, len(raw) + 1, 3)
    return raw[:at] + raw[min(start, end) : max(start, end)] + raw[at:]


def _insert(raw, rng):
    at = rng.choice([0, len(raw), rng.integers(len(raw))])
    return raw[:at] + rng.bytes(rng.integers(1, 30)) + raw[at:]


NUMBERS = [0, 1, 2**15, 2**31 - 1, 2**31, 2**63 - 1, 2**64 - 1]


def _number(raw, rng):
    """With another number of 2, 4 or 8 bytes, as lengths and offsets are: at the end, in a zip file's directory, or anywhere."""
    width = (2, 4, 8)[rng.integers(3)]
    start = (0, max(0, raw.find(b"PK\x01\x02")), max(0, len(raw) - 22))[rng.integers(3)]
    at = rng.integers(start, len(raw) - width)
    return raw[:at] + NUMBERS[rng.integers(len(NUMBERS))].to_bytes(8, "little")[:width] + raw[at + width :]


BYTES = [_cut, _flip, _overwrite, _swap, _repeat, _insert, _number]
"""What happens to files, of any format."""


def _one(members, rng, suffix=""):
    return str(rng.choice([name for name in members if name.endswith(suffix)]))


def _array_changed(members, rng):
    """Some numbers of an array replaced, its checksum right."""
    name = _one(members, rng, ".npy")
    array = np.load(io.BytesIO(members[name])).copy()
    array.reshape(-1)[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -1e308, 0.0, 5.0])
    return {**members, name: npy(array)}


def _array_shaped(members, rng):
    """An array of another shape, dtype, order or form."""
    name = _one(members, rng, ".npy")
    array = np.load(io.BytesIO(members[name]))
    made = [array.ravel(), array[..., None], array[:0], array.astype("f4"), array.astype("c16"), array.astype(">f8"), array.astype("U9")]
    return {**members, name: npy(made[rng.integers(len(made))])}


def _array_header(members, rng):
    """An array that says it is another."""
    name = _one(members, rng, ".npy")
    raw = members[name]
    start = raw.index(b"\n") + 1
    shapes = [(2**40,), (2**62, 2**62), (0, 2**62), (1,) * 40, (), (4,)]
    made = header(shapes[rng.integers(len(shapes))], str(rng.choice(["<f8", "<f4", "|V8", "<U2", "|O", "|b1", "<M8[s]", "<c16"])))
    return {**members, name: made + raw[start:]}


def _members_exchanged(members, rng):
    a, b = _one(members, rng), _one(members, rng)
    return {**members, a: members[b], b: members[a]}


def _member_gone(members, rng):
    gone = _one(members, rng)
    return {name: value for name, value in members.items() if name != gone}


def _member_renamed(members, rng):
    name, old = (
        str(rng.choice(["../../x.npy", "/etc/passwd", "C:\\x.npy", "weights/.npy", "a" * 9999, "model.npy", "x"])),
        _one(members, rng),
    )
    return {name if each == old else each: value for each, value in members.items()}


def _member_added(members, rng):
    return {**members, str(rng.choice(["../x.npy", "weights/x/kernel.npy", "optimizer/x.npy", "other.json", "x"])): rng.bytes(50)}


def _text_changed(members, rng):
    """A letter of the description replaced, or some taken out."""
    text = members["model.json"].decode()
    at, width = int(rng.integers(len(text))), int(rng.integers(0, 9))
    return {**members, "model.json": (text[:at] + str(rng.choice(list('"{}[],:0e9-\\ nN'))) + text[at + width :]).encode()}


def _value_changed(members, rng):
    description = json.loads(members["model.json"])
    paths = list(every_path(description))
    made = changed_at(description, paths[rng.integers(len(paths))], VALUES[rng.integers(len(VALUES))])
    return {**members, "model.json": as_text(made).encode()}


MEMBERS = [
    *(_array_changed, _array_shaped, _array_header, _members_exchanged, _member_gone, _member_renamed, _member_added),
    *(_text_changed, _value_changed),
]
"""What somebody may do on purpose: the file stays a whole zip with the right checksums."""

DEEP = "a list a thousand deep"
VALUES = [None, -1, 0, 1, 3, 10**30, 1e308, math.nan, "", "relu", "x" * 1000, [], {}, [1, 2], True, False, DEEP, {"class_name": "Dense"}]
"""What the fields of a description are replaced with."""


def as_text(tree):
    """JSON data as text; one that is deep can't be made by `json` itself."""
    return json.dumps(tree).replace(json.dumps(DEEP), "[" * 1000 + "]" * 1000)


def every_path(tree, path=()):
    """The paths of all values in JSON data."""
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from every_path(value, (*path, key))


def changed_at(tree, path, value):
    """JSON data with another value at a path."""
    if not path:
        return value
    made = tree.copy()
    made[path[0]] = changed_at(tree[path[0]], path[1:], value)
    return made


watched = {"on": False, "seen": []}
FORBIDDEN = ("exec", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class", "socket.connect", "ctypes.dlopen")


def _watch(event, arguments):
    if watched["on"] and (event in FORBIDDEN or (event == "open" and arguments[1] not in ("r", "rb", None))):
        watched["seen"].append((event, arguments))


sys.addaudithook(_watch)


def peak_memory():
    """In bytes; 0 where the system doesn't tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture
def harmless():
    """Nothing is executed or written meanwhile, and memory doesn't grow by more than some hundred MB."""
    before = peak_memory()
    yield
    assert not watched["seen"]
    assert peak_memory() - before < 400e6


def attempt(load, path, contents):
    """What `load` makes of a file of these contents; None where it is refused."""
    path.write_bytes(contents)
    watched["on"] = True
    try:
        return load(path)
    except ValueError as error:
        watched["on"] = False
        assert str(path) in str(error)
        return None
    finally:
        watched["on"] = False


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model with a bit of everything, its file's bytes, and a place for mutated ones."""
    folder = tmp_path_factory.mktemp("mutations")
    model = model_of(
        lambda: layers.Dense(3, "tanh", kernel_regularizer="l2", kernel_constraint="max_norm", name="a"),
        lambda: layers.BatchNormalization(name="b"),
        lambda: layers.Parallel([[], layers.ReLU(max_value=2.0, name="c")], name="d"),
        lambda: layers.Dense(CLASSES, "softmax", name="e"),
        optimizer=fastnn.optimizers.SGD(fastnn.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5), momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy", fastnn.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    model.metadata = {"classes": ["x", "y"], "best": 0.5}
    model.fit(X, labels(), verbose=0)
    model.save(folder / "model.fnn")
    return model, (folder / "model.fnn").read_bytes(), folder / "mutated.fnn"


def mutated(how, contents, rng):
    if how in BYTES:
        return how(contents, rng)
    return zipped(how(members_of(contents), rng))


def same_function(model, loaded, x):
    """As far as the test case tells."""
    return loaded.input_shape == model.input_shape and np.allclose(loaded.predict(x), model.predict(x), rtol=1e-6, atol=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", BYTES + MEMBERS, ids=lambda how: how.__name__)
def test_random_mutations_of_model_files(trained, harmless, how):
    model, contents, path = trained
    x = np.load(io.BytesIO(members_of(contents)["test/x.npy"]))
    for number in range(MUTATIONS // len(BYTES + MEMBERS)):
        loaded = attempt(fastnn.load_model, path, mutated(how, contents, np.random.default_rng(number)))
        if loaded is not None and how in BYTES:
            assert_equal_models(model, loaded)
            assert loaded.metadata == model.metadata
        elif loaded is not None:
            assert same_function(model, loaded, x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["model.fnn", "weights.npz", "weights.safetensors"])
def test_random_mutations_of_weights(trained, harmless, name, tmp_path):
    """All weights come as they were, or none changes."""
    model, path = trained[0], tmp_path / name
    (model.save if name == "model.fnn" else model.save_weights)(path)
    contents, before = path.read_bytes(), bits(model)
    for number in range(MUTATIONS // 20):
        rng = np.random.default_rng(number)
        attempt(model.load_weights, path, BYTES[number % len(BYTES)](contents, rng))
        assert bits(model) == before


def test_every_field_of_every_type(request, harmless):
    """Each value of the description, replaced by one of each kind."""
    model, contents, path = request.getfixturevalue("trained" if MUTATIONS >= 10_000 else "original")
    x = np.load(io.BytesIO(members_of(contents)["test/x.npy"]))
    description = described(contents)
    kept = 0
    for where in every_path(description):
        for value in VALUES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = attempt(fastnn.load_model, path, with_text(contents, as_text(changed_at(description, where, value))))
            assert loaded is None or same_function(model, loaded, x), (where, value)
            kept += loaded is not None
    assert kept  # a seed, an initializer: not all of it matters to what the model computes


# ------------------------------------------------------------------------------------------------------ bombs


def nested(depth):
    """Each layer doubles the number of features, and the last takes one of them."""
    return [*(layers.Parallel([[], []], name=f"p{i}") for i in range(depth)), layers.Columns([0], name="one")]


def described_layers(*made):
    config = {"name": "m", "dtype": "float64", "layers": [layer.serialized() for layer in made], "build_input_shape": [None, 4]}
    return {"config": config, "compile": None, "iterations": 0}


def without_weights(contents):
    return zipped({name: value for name, value in members_of(contents).items() if not name.startswith(("weights/", "optimizer/"))})


def compiled(**parts):
    return {"compile": {"optimizer": "sgd", "loss": "mse", "metrics": [], "weighted_metrics": [], **parts}}


def made(class_name, **config):
    return {"class_name": class_name, "config": config}


BOMBS = {
    "weights that aren't there": described_layers(layers.Dense(10**5, name="linear"), layers.Dense(10**5, name="more")),
    "codes": described_layers(layers.CategoryEncoding(10**9, name="codes"), layers.Columns([0], name="one")),
    "doubled features": described_layers(*nested(40)),
    "large inputs": described_layers(layers.InputLayer((10**10,)), layers.Flatten()),
    "a long history": compiled(optimizer=made("LBFGS", history_size=10**9)),
    "a large history": compiled(optimizer=made("LBFGS", history_size=10_000)),
    "thresholds": compiled(metrics=[made("AUC", num_thresholds=10**9)]),
    "other thresholds": compiled(metrics=[made("PrecisionAtRecall", recall=0.5, num_thresholds=10**9)]),
    "classes": compiled(metrics=[made("MeanIoU", num_classes=10**9)]),
    "many metrics": compiled(metrics=[made("AUC", num_thresholds=10**6, name=f"m{i}") for i in range(100)]),
    "deep layers": {"config": "["},
    "a long number": {"iterations": 10**4000},
}


@pytest.mark.parametrize("name", BOMBS)
def test_small_files_dont_take_much_memory(original, harmless, name):
    _, contents, path = original
    for each in (contents, without_weights(contents)):
        assert attempt(fastnn.load_model, path, with_description(each, **BOMBS[name])) is None


def test_layers_nested_too_deep_to_be_made(original, harmless):
    _, contents, path = original
    for depth in (100, 1000, 100_000):
        opening, closing = '{"class_name": "Residual", "config": {"layers": [' * depth, "]}}" * depth
        text = json.dumps(described(contents)).replace('"layers": [', '"layers": [' + opening + closing + ", ", 1)
        assert attempt(fastnn.load_model, path, with_text(contents, text)) is None


def test_only_members_of_the_catalogues_are_made(original, harmless):
    """Whatever class a file names, in whatever place: it is known by this name in that place's catalogue, or refused."""
    _, contents, path = original
    elsewhere = {name for catalogue in Catalogue.all for name in sorted(catalogue.members)[:3]}
    for name in sorted(elsewhere | {"Layer", "Sequential", "object", "type", "__class__", "os.system", "Callback", "Op", "Parameter"}):
        for fields in (
            {"config": {"name": "m", "dtype": "float64", "layers": [made(name)], "build_input_shape": [None, 4]}},
            {"compile": {"optimizer": made(name), "loss": "mse", "metrics": [], "weighted_metrics": []}},
            compiled(loss=made(name, function="print")),
            {"config": described_layers(layers.Dense(1, name="linear"))["config"] | {"class_name": name}},
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaded = attempt(fastnn.load_model, path, with_description(contents, **fields))
            assert loaded is None or isinstance(loaded, fastnn.Sequential)
