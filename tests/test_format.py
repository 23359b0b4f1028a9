"""docs/format.md: a reader that was written from that page alone, with `struct` in place of a zip library, reads what is written."""

import json
import re
import struct
import zipfile
import zlib

import format_tables
import numpy as np
import pytest
from helpers import assert_equal_models, classifier, labels, model_of, samples
from hypothesis import given, settings
from random_models import models

import fastnn
from fastnn import layers
from fastnn.models import archive

# --------------------------------------------------------------------------------------- a reader from the page


def unpack(layout, raw, offset):
    return struct.unpack_from("<" + layout, raw, offset)


def directory(raw):
    """The number of entries and where the directory begins."""
    signature, _, _, _, entries, _, start, comment = unpack("IHHHHIIH", raw, len(raw) - 22)
    assert signature == 0x06054B50 and comment == 0
    if entries == 0xFFFF or start == 0xFFFFFFFF:
        signature, _, large, _ = unpack("IIQI", raw, len(raw) - 22 - 20)
        assert signature == 0x07064B50
        signature, *_, entries, _, start = unpack("IQHHIIQQQQ", raw, large)
        assert signature == 0x06064B50
    return entries, start


def extras(raw):
    """The extra fields by id."""
    found, at = {}, 0
    while at < len(raw):
        kind, length = unpack("HH", raw, at)
        found[kind] = raw[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def member(raw, at):
    """Name, contents, and where the next entry of the directory begins."""
    signature, _, _, _, _, compression, _, _, crc, stored, size, n, m, k, _, _, _, start = unpack("IBBHHHHHIIIHHHHHII", raw, at)
    assert (signature, compression, k) == (0x02014B50, 0, 0)
    name, more = raw[at + 46 : at + 46 + n].decode(), extras(raw[at + 46 + n : at + 46 + n + m])
    wide = iter(unpack(f"{len(more.get(1, b'')) // 8}Q", more.get(1, b""), 0))
    size, stored, start = (next(wide) if value == 0xFFFFFFFF else value for value in (size, stored, start))
    signature, *_, local_n, local_m = unpack("IHHHHHIIIHH", raw, start)
    assert signature == 0x04034B50 and size == stored
    first = start + 30 + local_n + local_m
    contents = raw[first : first + size]
    assert first % 64 == 0 and len(contents) == size and zlib.crc32(contents) == crc
    return name, contents, at + 46 + n + m


def array(contents):
    assert contents[:8] == b"\x93NUMPY\x01\x00"
    (length,) = unpack("H", contents, 8)
    text, numbers = contents[10 : 10 + length].decode("ascii"), contents[10 + length :]
    descr, shape = re.fullmatch(r"\{'descr': '(<f[48])', 'fortran_order': False, 'shape': \((.*)\), \} *\n", text).groups()
    shape = tuple(int(size) for size in shape.split(",") if size.strip())
    assert (10 + length) % 64 == 0
    values = struct.unpack(f"<{len(numbers) // int(descr[2])}{'f' if descr[2] == '4' else 'd'}", numbers)
    return np.array(values, np.float32 if descr[2] == "4" else np.float64).reshape(shape)


def read(path):
    """The description, and all arrays by name."""
    raw, found = path.read_bytes(), {}
    count, at = directory(raw)
    for _ in range(count):
        name, contents, at = member(raw, at)
        assert name not in found
        found[name] = array(contents) if name.endswith(".npy") else contents
    return json.loads(found.pop("model.json", b"{}")), {name.removesuffix(".npy"): value for name, value in found.items()}


ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
}


def predict(description, arrays, x):
    """Of a model of dense layers, in plain NumPy."""
    for layer in description["config"]["layers"]:
        config, path = layer["config"], f"weights/{layer['config'].get('name')}"
        if layer["class_name"] == "Dense":
            z = x @ arrays[f"{path}/kernel"] + (arrays[f"{path}/bias"] if config["use_bias"] else 0)
            x = ACTIVATIONS[config["activation"]](z)
        elif layer["class_name"] == "BatchNormalization":
            scale = np.sqrt(arrays[f"{path}/moving_variance"] + config["epsilon"])
            gamma, beta = arrays[f"{path}/gamma"], arrays[f"{path}/beta"]
            x = gamma * (x - arrays[f"{path}/moving_mean"]) / scale + beta
        elif layer["class_name"] == "Flatten":
            x = x.reshape(len(x), -1)
        else:
            assert layer["class_name"] in ("InputLayer", "Dropout")
    return x


def test_a_reader_from_the_page_predicts(tmp_path):
    model = classifier(dtype="float64")
    model.fit(samples(), labels(), verbose=0)
    model.save(tmp_path / "model.fnn")
    description, arrays = read(tmp_path / "model.fnn")
    np.testing.assert_allclose(predict(description, arrays, samples()), model.predict(samples()), rtol=1e-12)
    np.testing.assert_allclose(predict(description, arrays, arrays["test/x"]), arrays["test/y"], rtol=1e-12)
    assert description["iterations"] == model.optimizer.iterations


@settings(max_examples=20, deadline=None)
@given(model=models())
def test_the_reader_reads_every_model(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.fnn"
    model.save(path)
    description, arrays = read(path)
    named = {f"weights/{name}": p.value for layer in model.layers for name, p in layer.named_weights()}
    for name, value in named.items():
        assert arrays[name].dtype == model.dtype
        np.testing.assert_array_equal(arrays[name], value)
    assert {name for name in arrays if name.startswith("weights/")} == named.keys()
    assert description["config"] == json.loads(json.dumps(model.get_config()))
    assert description.keys() == set(re.findall(r"^\| `(\w+)` \| (?:string|integer|object|array)", table(), re.M))


def table():
    """That of the description's fields."""
    page = format_tables.PAGE.read_text(encoding="utf-8")
    return page.partition("## The description")[2].partition("`config`:")[0]


def test_forms_of_64_bits(tmp_path, monkeypatch):
    """Of files beyond 4 GB: smaller limits stand in for size."""
    monkeypatch.setattr(archive, "_LARGE", 300)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 500)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    model = model_of(lambda: layers.Dense(40, name="wide"), lambda: layers.Dense(2))
    model.save(tmp_path / "model.fnn")
    description, arrays = read(tmp_path / "model.fnn")
    raw = (tmp_path / "model.fnn").read_bytes()
    assert b"PK\x06\x06" in raw and b"PK\x06\x07" in raw
    np.testing.assert_allclose(predict(description, arrays, samples()), model.predict(samples()), rtol=1e-12)
    assert_equal_models(model, fastnn.load_model(tmp_path / "model.fnn"))


def test_the_same_model_makes_the_same_bytes(tmp_path):
    model = classifier()
    model.fit(samples(), labels(), verbose=0)
    for name in ("a", "b"):
        model.save(tmp_path / name)
    fastnn.load_model(tmp_path / "b").save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_numbers_can_be_mapped_into_memory(tmp_path):
    model = classifier()
    model.save(tmp_path / "model.fnn")
    raw = (tmp_path / "model.fnn").read_bytes()
    for value in model.get_weights():
        assert any(raw.find(value.tobytes(), start) == start for start in range(0, len(raw), 64))


def test_files_of_weights(tmp_path):
    model = classifier(dtype="float32")
    model.save_weights(tmp_path / "weights")
    description, arrays = read(tmp_path / "weights")
    assert description == {} and all(name.startswith("weights/") for name in arrays)


def test_what_numpy_writes_is_read(tmp_path):
    model = classifier()
    named = {f"weights/{name}": p.value for layer in model.layers for name, p in layer.named_weights()}
    np.savez(tmp_path / "weights.npz", **named)
    other = classifier(seed=5)
    other.load_weights(tmp_path / "weights.npz")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("change", [{"new": 1}, {"counters": "and a new one"}, {"config": "and a new one"}, {"another file": b"1"}])
def test_what_later_versions_may_add_is_passed_over(tmp_path, change):
    from model_files import described, members_of, with_text, zipped

    model, path = classifier(), tmp_path / "model.fnn"
    model.save(path)
    contents = path.read_bytes()
    if "another file" in change:
        path.write_bytes(zipped({**members_of(contents), "notes.txt": b"hello", "more.npy/": b"", "later.json": b"{"}))
    else:
        description = described(contents)
        name = next(iter(change))
        description[name] = {**description[name], "later": 1} if name in description else 1
        path.write_bytes(with_text(contents, json.dumps(description)))
    assert_equal_models(model, fastnn.load_model(path))


def test_a_missing_argument_has_its_default(tmp_path):
    from model_files import described, with_text

    model, path = model_of(lambda: layers.Dense(2, name="out")), tmp_path / "model.fnn"
    model.save(path)
    description = described(path.read_bytes())
    del description["config"]["layers"][1]["config"]["bias_constraint"]
    path.write_bytes(with_text(path.read_bytes(), json.dumps(description)))
    assert_equal_models(model, fastnn.load_model(path))


def test_names_that_no_zip_file_holds(tmp_path):
    model = model_of(lambda: layers.Dense(2, name="a" * 70_000))
    with pytest.raises(ValueError, match="65535"):
        model.save(tmp_path / "model.fnn")
    assert not list(tmp_path.iterdir())


def test_the_tables_are_those_of_the_catalogues():
    page = format_tables.PAGE.read_text(encoding="utf-8")
    assert page.partition(format_tables.MARK)[1:] == ("## All classes\n", format_tables.tables().partition(format_tables.MARK)[2]), (
        "out of date: python tests/format_tables.py"
    )
