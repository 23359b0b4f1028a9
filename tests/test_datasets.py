"""The bundled digits, and the readers of others' files: what they return, where they look, what they download, and what they refuse."""

import gzip
import hashlib
import io
import os
import struct
import threading
import tracemalloc
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fastnn.datasets import california_housing, digits, fashion_mnist, idx, mnist, storage

DATA = Path(os.environ.get("FASTNN_DATA") or Path(__file__).parents[2] / "shared" / "data")


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory, monkeypatch):
    """Nothing is found outside a test's own folders, and nothing downloaded but from a test's own server."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    monkeypatch.setenv("FASTNN_OFFLINE", "1")
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    monkeypatch.setattr(storage.sys, "platform", "linux")
    return home


@pytest.fixture
def small(tmp_path):
    """A folder with four small IDX files, their records, and the arrays in them."""
    rng = np.random.default_rng(0)
    shapes = {"train-images": (5, 3, 4), "train-labels": (5,), "test-images": (2, 3, 4), "test-labels": (2,)}
    arrays = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in shapes.items()}
    files = [idx.File(name, a.shape, hashlib.md5(idx_bytes(a)).hexdigest()) for name, a in arrays.items()]
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return tmp_path, idx.Dataset("any", files, npz="any.npz"), list(arrays.values())


def assert_parts(parts, arrays):
    for got, expected in zip((array for part in parts for array in part), arrays, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert got.flags.writeable and got.dtype == expected.dtype


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
    folder, dataset, arrays = small
    assert_parts(idx.load(dataset, folder), arrays)


def test_idx_files_may_be_unzipped_or_in_a_folder_of_the_name(small):
    folder, dataset, arrays = small
    (folder / "any").mkdir()
    for file, array in zip(dataset.files, arrays, strict=True):
        (folder / f"{file.name}.gz").unlink()
        (folder / "any" / file.name).write_bytes(idx_bytes(array))
    assert_parts(idx.load(dataset, folder), arrays)


def test_data_is_found_by_the_environment_variable(small, monkeypatch):
    folder, dataset, arrays = small
    monkeypatch.setenv("FASTNN_DATA", str(folder.parent))
    assert_parts(idx.load(dataset._replace(name=folder.name)), arrays)


def npz(arrays):
    file = io.BytesIO()
    np.savez(file, **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)))
    return file.getvalue()


def test_files_of_keras(small, elsewhere):
    folder, dataset, arrays = small
    (elsewhere / "keras" / "datasets").mkdir(parents=True)
    (elsewhere / "keras" / "datasets" / "any.npz").write_bytes(npz(arrays))
    for path in (None, "any.npz", elsewhere / "keras" / "datasets" / "any.npz"):
        assert_parts(idx.load(dataset, path), arrays)
    arrays[2][0, 0, 0] ^= 1
    (folder / "own.npz").write_bytes(npz(arrays))
    with pytest.raises(ValueError, match=r"own\.npz, x_test: its content isn't the original"):
        idx.load(dataset, folder / "own.npz")
    for wrong in (b"", b"PK\x03\x04", npz([arrays[0]] * 4), npz([np.array([object()])] * 4)):
        (folder / "own.npz").write_bytes(wrong)
        with pytest.raises(ValueError, match=r"own\.npz"):
            idx.load(dataset, folder / "own.npz")


def test_small_files_that_unzip_to_much_take_no_memory(small):
    folder, dataset, arrays = small
    much = np.zeros((2**26,), np.uint8)
    with open(folder / "own.npz", "wb") as file:
        np.savez_compressed(file, **dict(zip(("x_train", "y_train", "x_test", "y_test"), [much, *arrays[1:]], strict=True)))
    (folder / f"{dataset.files[0].name}.gz").write_bytes(gzip.compress(idx_bytes(arrays[0]) + much.tobytes()))
    del much
    tracemalloc.start()
    for path, message in ((folder / "own.npz", "own.npz.*an array of more than"), (folder, "damaged")):
        with pytest.raises(ValueError, match=message):
            idx.load(dataset, path)
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


@pytest.mark.parametrize("reader", [mnist, fashion_mnist])
def test_missing_files_say_what_to_put_where(reader, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path.name}.*put train-images-idx3-ubyte.gz, .*t10k-labels-idx1-ubyte.gz there"):
        reader.load_data(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"FASTNN_OFFLINE is set.*put it at .*fastnn/(fashion-)?mnist/train-images"):
        reader.load_data()
    with pytest.raises(FileNotFoundError, match="nothing at"):
        reader.load_data(tmp_path / "absent")


def test_one_missing_file_is_named(small):
    folder, dataset, _ = small
    (folder / f"{dataset.files[3].name}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=dataset.files[3].name):
        idx.load(dataset, folder)


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
    folder, dataset, arrays = small
    name = dataset.files[0].name
    (folder / f"{name}.gz").write_bytes(damage(idx_bytes(arrays[0])))
    with pytest.raises(ValueError, match=rf"{name}.*{message}"):
        idx.load(dataset, folder)


# ------------------------------------------------------------------------------------------------- downloads


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder that this computer serves, its address, and what was asked for."""
    (tmp_path / "served").mkdir()
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path / "served"))

        def log_message(self, *arguments):
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.delenv("FASTNN_OFFLINE")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield tmp_path / "served", f"http://127.0.0.1:{served.server_port}/", asked
        served.shutdown()
        thread.join()


def served(small, server):
    """The data set as that server has it."""
    folder, dataset, arrays = small
    for file in folder.glob("*.gz"):
        file.rename(server[0] / file.name)
    return dataset._replace(mirrors=(server[1],)), arrays


def test_files_are_downloaded_once_and_kept(small, server, elsewhere, capsys):
    dataset, arrays = served(small, server)
    assert_parts(idx.load(dataset), arrays)
    assert len(server[2]) == 4 and f"downloading {server[1]}" in capsys.readouterr().err
    assert sorted(f.name for f in (elsewhere / "cache" / "fastnn" / "any").iterdir()) == sorted(f"{f.name}.gz" for f in dataset.files)
    assert_parts(idx.load(dataset, "any.npz"), arrays)  # Keras' argument names a file in its own folder
    assert len(server[2]) == 4


def test_a_download_that_broke_off_goes_on(small, server, elsewhere):
    dataset, arrays = served(small, server)
    idx.load(dataset)
    (elsewhere / "cache" / "fastnn" / "any" / "test-images.gz").unlink()
    assert_parts(idx.load(dataset), arrays)
    assert len(server[2]) == 5


def test_the_next_mirror_is_asked_where_one_has_another_file(small, server):
    dataset, arrays = served(small, server)
    (server[0] / "wrong").mkdir()
    for file in dataset.files:
        (server[0] / "wrong" / f"{file.name}.gz").write_bytes(b"something else")
    mirrors = "http://127.0.0.1:1/", f"{server[1]}absent/", f"{server[1]}wrong/", server[1]
    assert_parts(idx.load(dataset._replace(mirrors=mirrors)), arrays)
    with pytest.raises(
        FileNotFoundError, match=r"127.0.0.1:1/train-images.gz: .*refused.*not an IDX file.*put it at .*train-images\.gz by hand"
    ):
        idx.load(dataset._replace(name="other", mirrors=mirrors[:3]))


def test_nothing_is_downloaded_where_a_folder_was_given(small, server, tmp_path):
    dataset, _ = served(small, server)
    with pytest.raises(FileNotFoundError):
        idx.load(dataset, tmp_path)
    assert not server[2]


def test_a_folder_that_cant_be_written_to(small, server, elsewhere, capsys):
    dataset, arrays = served(small, server)
    (elsewhere / "cache").write_text("no folder")
    assert_parts(idx.load(dataset), arrays)
    assert "can't be written" in capsys.readouterr().err


def test_a_file_without_end(small, server, monkeypatch):
    dataset, _ = served(small, server)
    monkeypatch.setattr(storage, "_LARGEST", 10)
    with pytest.raises(FileNotFoundError, match="more than 10 bytes"):
        idx.load(dataset)


@pytest.mark.parametrize(("system", "folder"), [("linux", "c/fastnn"), ("darwin", "Library/Caches/fastnn"), ("win32", "local/fastnn")])
def test_the_folder_of_downloads(monkeypatch, system, folder):
    monkeypatch.setattr(storage.sys, "platform", system)
    monkeypatch.setenv("XDG_CACHE_HOME", "c")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert storage.cache_folder().as_posix().endswith(folder)


# ----------------------------------------------------------------------------------------------- real files


def test_every_address_is_secure():
    for url in (*mnist.DATASET.mirrors, *fashion_mnist.DATASET.mirrors, *california_housing._MIRRORS):
        assert url.startswith("https://") and url.endswith("/")


@pytest.mark.parametrize(("reader", "name"), [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")])
def test_real_files(reader, name):
    if not (DATA / name).is_dir():
        pytest.skip(f"no {name} in {DATA}; set FASTNN_DATA to the folder that holds it")
    (x_train, y_train), (x_test, y_test) = reader.load_data(DATA)
    assert [a.shape for a in (x_train, y_train, x_test, y_test)] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert x_train.max() == 255 and set(y_test.tolist()) == set(range(10))


@pytest.fixture
def districts():
    if not (DATA / "california-housing").is_dir():
        pytest.skip(f"no california-housing in {DATA}; set FASTNN_DATA to the folder that holds it")
    return DATA / "california-housing" / "cal_housing.data"


def test_california_housing_as_keras_gives_it(districts):
    """What Keras 3 prints of the first targets, for either version."""
    (x, y), (x_test, y_test) = california_housing.load_data(path=DATA)
    assert x.shape == (16512, 8) and x_test.shape == (4128, 8) and x.dtype == y.dtype == np.float32 and len(y_test) == 4128
    np.testing.assert_array_equal(y[:3], [252300, 146900, 290900])
    (x, y), (x_test, _) = california_housing.load_data("small", districts)
    assert x.shape == (480, 8) and x_test.shape == (120, 8) and len(california_housing.FEATURES) == 8
    np.testing.assert_array_equal(y[[0, 1, 2, 3, 4, -2, -1]], [228400, 132900, 60000, 95200, 107000, 140500, 217100])
    columns = dict(zip(california_housing.FEATURES, x.T, strict=True))
    assert columns["longitude"].min() > -125 and columns["latitude"].max() < 43 and columns["median_income"].max() < 16


def test_california_housing_without_its_line_of_names(districts, tmp_path):
    rows = districts.read_bytes().split(b"\n", 1)[1]
    (tmp_path / "cal_housing.data").write_bytes(rows)
    assert len(california_housing.load_data(path=tmp_path)[0][0]) == 16512
    for wrong in (rows[:-20], rows.replace(b"1", b"x", 1), rows.replace(b"880", b"881", 1), b"", b"PK\x03\x04"):
        (tmp_path / "cal_housing.data").write_bytes(wrong)
        with pytest.raises(ValueError, match=r"cal_housing\.data"):
            california_housing.load_data(path=tmp_path)


def test_california_housing_says_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="version must be"):
        california_housing.load_data("medium")
    with pytest.raises(ValueError, match="test_split"):
        california_housing.load_data(test_split=1.0)
    with pytest.raises(FileNotFoundError, match=r"put one of them there"):
        california_housing.load_data(path=tmp_path)
    with pytest.raises(FileNotFoundError, match="put it at"):
        california_housing.load_data()


def test_california_housing_is_downloaded(server, monkeypatch):
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    np.savez(file, x=rng.normal(size=(1000, 8)).astype("f4"), y=np.arange(1000, dtype="f4"))
    (server[0] / "california_housing.npz").write_bytes(file.getvalue())
    monkeypatch.setattr(california_housing, "_MIRRORS", (server[1],))
    with pytest.raises(FileNotFoundError, match="not the original file"):
        california_housing.load_data()
    monkeypatch.setattr(california_housing, "_NPZ_SHA256", hashlib.sha256(file.getvalue()).hexdigest())
    for _ in range(2):
        (x, y), (x_test, y_test) = california_housing.load_data(test_split=0.3, seed=5)
        assert x.shape == (700, 8) and x_test.shape == (300, 8) and set(y) | set(y_test) == set(range(1000))
    assert len(server[2]) == 2
