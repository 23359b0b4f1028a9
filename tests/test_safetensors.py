"""Weights in the safetensors format: what its own library reads and writes, and files that aren't right."""

import json

import numpy as np
import pytest
from helpers import assert_same_weights, bits, classifier, model_of, samples

import fastnn
from fastnn import layers
from fastnn.exchange import safetensors

library = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def named(model):
    return {name: p.value for layer in model.layers for name, p in layer.named_weights()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_library_reads_what_is_written(path, dtype):
    model = classifier(dtype=dtype)
    model.save_weights(path)
    found = library.load_file(path)
    assert set(found) == set(named(model)) and "hidden/kernel" in found
    for name, value in named(model).items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == dtype
    with pytest.importorskip("safetensors").safe_open(path, "np") as file:
        assert file.metadata()["format"] == "fastnn" and file.metadata()["fastnn"] == fastnn.__version__


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_the_library_writes_is_read(path, dtype):
    model, other = classifier(dtype=dtype), classifier(seed=3, dtype=dtype)
    library.save_file(named(model), path, metadata={"format": "np"})
    other.load_weights(path)
    assert_same_weights(model, other)
    library.save_file(named(model), path)
    safetensors.read(path)


def test_layers_inside_others_and_the_same_bytes_each_time(path, tmp_path):
    model = model_of(lambda: layers.Residual([layers.Dense(4, name="inner")], name="around"), lambda: layers.Dense(2, name="größe"))
    model.save_weights(path)
    assert set(library.load_file(path)) == {"around/inner/kernel", "around/inner/bias", "größe/kernel", "größe/bias"}
    model.save_weights(tmp_path / "again.safetensors")
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_the_data_begin_at_a_multiple_of_eight(path):
    for width in range(1, 9):
        model_of(lambda width=width: layers.Dense(2, name="x" * width)).save_weights(path)
        assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


@pytest.mark.parametrize("dtype", ["float16", "int64", "int8", "bool", "uint32"])
def test_other_dtypes_are_converted(path, dtype):
    model = model_of(lambda: layers.Dense(2, name="out"))
    values = {"out/kernel": np.array([[0, 1], [1, 0], [1, 1], [0, 0]], dtype), "out/bias": np.array([1, 0], dtype)}
    library.save_file(values, path)
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], values["out/kernel"])


def raw(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), start=0, end=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def test_bfloat16_is_the_upper_half_of_float32(path):
    exact = np.array([1.0, -2.5, 0.15625, np.inf], np.float32)
    path.write_bytes(raw({"x": entry("BF16", (4,))}, (exact.view(np.uint32) >> 16).astype("<u2").tobytes()))
    np.testing.assert_array_equal(safetensors.read(path)["x"], exact)


def test_empty_arrays(path):
    safetensors.write(path, {"x": np.zeros((0, 3), np.float32), "y": np.ones(2)})
    assert library.load_file(path)["x"].shape == safetensors.read(path)["x"].shape == (0, 3)


def test_metadata(path):
    safetensors.write(path, {}, {"title": "mine"})
    with pytest.importorskip("safetensors").safe_open(path, "np") as file:
        assert file.metadata()["title"] == "mine"


WRONG = {
    "empty": b"",
    "cut in the length": b"\x08\x00",
    "a header longer than the file": (10**9).to_bytes(8, "little") + b"{}",
    "a length of 64 bits": b"\xff" * 8 + b"{}",
    "no JSON": raw(b"{x"),
    "no object": raw(b"[1]"),
    "another encoding": raw(b'{"\xff": 1}'),
    "too deep": raw(b'{"x":' + b"[" * 100_000),
    "an entry that is none": raw({"x": 3}, bytes(8)),
    "an entry without a shape": raw({"x": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)),
    "an unknown dtype": raw({"x": entry("F8_E4M3", (8,))}, bytes(8)),
    "a dtype that is none": raw({"x": entry(["F32"])}, bytes(8)),
    "another shape": raw({"x": entry(shape=(3,))}, bytes(8)),
    "a negative shape": raw({"x": entry(shape=(-2,))}, bytes(8)),
    "a shape of fractions": raw({"x": entry(shape=(2.0,))}, bytes(8)),
    "a huge shape": raw({"x": entry(shape=(2**62, 2**62))}, bytes(8)),
    "offsets beyond the file": raw({"x": entry()}, bytes(4)),
    "offsets that go back": raw({"x": entry(end=-8)}, bytes(8)),
    "offsets of another type": raw({"x": {**entry(), "data_offsets": [0.0, 8.0]}}, bytes(8)),
    "three offsets": raw({"x": {**entry(), "data_offsets": [0, 4, 8]}}, bytes(8)),
    "a gap": raw({"x": entry(start=4, end=12)}, bytes(12)),
    "an overlap": raw({"x": entry(), "y": entry(start=4, end=12)}, bytes(12)),
    "more data than arrays": raw({"x": entry()}, bytes(9)),
    "a name twice": raw(b'{"x":' + json.dumps(entry()).encode() + b',"x":' + json.dumps(entry(start=8, end=16)).encode() + b"}", bytes(16)),
    "a wrong checksum": raw({"__metadata__": {"crc32": "00000000"}, "x": entry()}, bytes(8)),
    "metadata that are none": raw({"__metadata__": 3, "x": entry()}, bytes(8)),
    "a zip file": b"PK\x03\x04" + bytes(40),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_change_nothing(path, name):
    model = classifier()
    before = bits(model)
    path.write_bytes(WRONG[name])
    with pytest.raises(ValueError, match=r"weights\.safetensors"):
        model.load_weights(path)
    assert bits(model) == before


def test_numbers_that_changed_on_the_way_are_noticed(path):
    model = classifier()
    model.save_weights(path)
    damaged = bytearray(path.read_bytes())
    damaged[-3] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="checksum"):
        model.load_weights(path)


def test_weights_of_another_model(path):
    model_of(lambda: layers.Dense(5, name="other")).save_weights(path)
    model = classifier()
    with pytest.raises(ValueError, match="doesn't fit model"):
        model.load_weights(path)
    twin = model_of(lambda: layers.Dense(5, name="another name"))
    twin.load_weights(path)
    np.testing.assert_array_equal(twin.predict(samples()), model_of(lambda: layers.Dense(5)).predict(samples()))


def test_missing_files_and_overwriting(path, tmp_path):
    model = classifier()
    with pytest.raises(FileNotFoundError, match="weights"):
        model.load_weights(path)
    model.save_weights(path)
    with pytest.raises(ValueError, match="overwrite=True"):
        model.save_weights(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match="folder"):
        model.save_weights(tmp_path / "none" / "x.safetensors")


def test_a_failing_write_leaves_the_old_file(path, monkeypatch):
    classifier(seed=1).save_weights(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        classifier(seed=2).save_weights(path)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == [path.name]


def test_whole_models_are_refused(path):
    model = classifier()
    with pytest.raises(ValueError, match="call save_weights"):
        model.save(path)
    assert not path.exists()
    model.save_weights(path)
    with pytest.raises(ValueError, match="call load_weights"):
        fastnn.load_model(path)
