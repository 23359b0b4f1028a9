"""The bundled digits, and the readers of MNIST's files: what they return, and what they say of wrong files."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from fastnn.datasets import digits, fashion_mnist, idx, mnist

DATA = Path(os.environ.get("FASTNN_DATA") or Path(__file__).parents[2] / "shared" / "data")


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def small(tmp_path):
    """A folder with four small IDX files, their records, and the arrays in them."""
    rng = np.random.default_rng(0)
    shapes = {"train-images": (5, 3, 4), "train-labels": (5,), "test-images": (2, 3, 4), "test-labels": (2,)}
    arrays = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    files = [idx.File(name, a.shape, hashlib.md5(idx_bytes(a)).hexdigest()) for name, a in arrays.items()]
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return tmp_path, files, list(arrays.values())


def test_digits_are_complete_and_split_by_class():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1442, 8, 8) and x_test.shape == (355, 8, 8)
    assert x_train.dtype == np.uint8 and x_train.min() == 0 and x_train.max() == 16
    train, test = np.bincount(y_train), np.bincount(y_test)
    assert len(train) == len(test) == 10 and np.all(np.abs(test - (train + test) / 5) <= 1)


def test_digits_parts_are_all_the_digits():
    x, y = digits.load_all()
    assert x.shape == (1797, 8, 8) and y.shape == (1797,)
    (x_train, _), (x_test, _) = digits.load_data()
    rows = np.concatenate([x_train, x_test]).reshape(1797, -1)
    assert np.array_equal(np.sort(rows, axis=0), np.sort(x.reshape(1797, -1), axis=0))
    assert {row.tobytes() for row in rows} == {image.tobytes() for image in x}


def test_digits_name_their_source():
    assert "Alpaydin" in digits.__doc__ and "Attribution 4.0" in digits.__doc__


def test_idx_files_come_back(small):
    folder, files, arrays = small
    (x_train, y_train), (x_test, y_test) = idx.load("any", files, folder)
    for got, expected in zip((x_train, y_train, x_test, y_test), arrays, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_idx_files_may_be_unzipped_or_in_a_folder_of_the_name(small):
    folder, files, arrays = small
    (folder / "any").mkdir()
    for file, array in zip(files, arrays, strict=True):
        (folder / f"{file.name}.gz").unlink()
        (folder / "any" / file.name).write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(idx.load("any", files, folder)[0][0], arrays[0])


def test_data_is_found_by_the_environment_variable(small, monkeypatch):
    folder, files, arrays = small
    monkeypatch.setenv("FASTNN_DATA", str(folder.parent))
    np.testing.assert_array_equal(idx.load(folder.name, files)[1][0], arrays[2])


@pytest.mark.parametrize("reader", [mnist, fashion_mnist])
def test_missing_files_say_what_to_put_where(reader, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path.name}.*put train-images-idx3-ubyte.gz, .*t10k-labels-idx1-ubyte.gz there"):
        reader.load_data(tmp_path)
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"\$FASTNN_DATA/(fashion-)?mnist"):
        reader.load_data()


def test_one_missing_file_is_named(small):
    folder, files, _ = small
    (folder / f"{files[3].name}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=files[3].name):
        idx.load("any", files, folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-1], "damaged: .* bytes, expected"),
        (lambda raw: raw + b"0", "damaged: .* bytes, expected"),
        (lambda raw: b"\0\0\x0d" + raw[3:], "not an IDX file of bytes"),
        (lambda raw: b"", "not an IDX file of bytes"),
        (lambda raw: raw[:6], "damaged"),
        (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "content isn't the original"),
        (lambda raw: idx_bytes(np.zeros((4, 3, 4))), r"shape \(4, 3, 4\), expected \(5, 3, 4\)"),
        (lambda raw: gzip.compress(raw)[:-9], "damaged gzip file"),
    ],
)
def test_wrong_files_are_refused_by_name(small, damage, message):
    folder, files, arrays = small
    (folder / f"{files[0].name}.gz").write_bytes(damage(idx_bytes(arrays[0])))
    with pytest.raises(ValueError, match=rf"{files[0].name}.*{message}"):
        idx.load("any", files, folder)


@pytest.mark.parametrize(("reader", "name"), [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")])
def test_real_files(reader, name):
    if not (DATA / name).is_dir():
        pytest.skip(f"no {name} in {DATA}; set FASTNN_DATA to the folder that holds it")
    (x_train, y_train), (x_test, y_test) = reader.load_data(DATA)
    assert [a.shape for a in (x_train, y_train, x_test, y_test)] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert x_train.max() == 255 and set(y_test.tolist()) == set(range(10))
