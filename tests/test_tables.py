"""Reading tables, what columns and targets become, and splits: including everything that files get wrong."""

import csv
import gzip
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn.configurable import serialize
from fastnn.tables import ArrayEncoder, ClassTarget, NumberTarget, Table, TableEncoder, cells, encoders, read_table, split, targets
from fastnn.tables.columns import MOST_CATEGORIES

MISSING = ["", "NA", "na", "NaN", "nan", "NAN", "?", "null", "NULL", "None", "none", "N/A"]


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(**columns):
    columns = {name: np.array([str(cell) for cell in column], object) for name, column in columns.items()}
    rows = len(next(iter(columns.values())))
    return Table("data.csv", columns, np.arange(2, rows + 2))


def learn(**columns):
    data = table(**columns)
    encoder, notes = TableEncoder.learn(data, list(columns))
    return encoder, notes, encoder.encode(data, "float64")


# ------------------------------------------------------------------------------------------------------- reading


def test_quotes_commas_and_newlines_in_cells(tmp_path):
    read = read_table(write(tmp_path, 'name,age\n"Braund, Mr. ""Owen""",22\n"two\nlines",38\n\nlast,1\n'))
    assert read.columns["name"].tolist() == ['Braund, Mr. "Owen"', "two\nlines", "last"]
    assert read.lines.tolist() == [2, 3, 6]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a,b\n1,x\n", "data.csv"),
        ("a\tb\n1\tx\n", "data.tsv"),
        ("a;b\n1;x\n", "data.csv"),
        ("a\tb\n1\tx\n", "data.csv"),
        ("\ufeffa,b\r\n1,x\r\n", "data.csv"),
        ("a,b\r1,x\r", "data.csv"),
        (" a , b\n 1, x \n", "data.csv"),
        ("\na,b\n\n1,x\n\n", "data.csv"),
        ("a,b\n1,x", "adult.data"),
        (gzip.compress(b"a,b\n1,x\n"), "data.csv.gz"),
        (gzip.compress(b"a\tb\n1\tx\n"), "data.tsv.gz"),
    ],
)
def test_dialects(tmp_path, text, name):
    read = read_table(write(tmp_path, text, name))
    assert {key: column.tolist() for key, column in read.columns.items()} == {"a": ["1"], "b": ["x"]}


def test_commas_within_a_tsv_are_text(tmp_path):
    assert read_table(write(tmp_path, "a\tb, c\n1\tx, y\n", "data.tsv")).columns["b, c"].tolist() == ["x, y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", "line 3: 1 cells, expected 2"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4: 3 cells, expected 2"),
        ("a,b,a\n1,2,3\n", "two columns are called 'a' .columns 1 and 3"),
        ('a,b\n1,2\n3,"4\n', "line 3: .*end of data"),
        ("a,b\n1,2\n3,é\n".encode("latin-1"), "line 3: not text in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "not text in UTF-8"),
        (b"PK\x03\x04\x00\x00", "a binary file"),
        (gzip.compress(b"a,b\n1,2\n")[:-5], "damaged gzip"),
        ("5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n", "no header: '5.1' is a value"),
        ("6,148,72\n1,85,66\n", "no header"),
        ("39,77516,13,2174\n50,83311,13,0\n", "no header"),
        ("red,yes\nblue,no\nred,yes\n", "no header: 'red' is a value"),
    ],
)
def test_bad_files_say_what_and_where(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"data\.csv.*{message}"):
        read_table(write(tmp_path, text))


def test_numbers_that_count_up_may_be_names(tmp_path):
    assert list(read_table(write(tmp_path, "country,2019,2020\nA,1,2\n")).columns) == ["country", "2019", "2020"]


def test_columns_without_a_name_get_one(tmp_path):
    assert list(read_table(write(tmp_path, ",a\n0,1\n1,2\n")).columns) == ["unnamed 1", "a"]


def test_rows_of_missing_cells_are_kept(tmp_path):
    assert len(read_table(write(tmp_path, "a,b\n1,2\n,\n3,4\n"))) == 3


def test_absent_files_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")


@settings(deadline=None)
@given(st.lists(st.lists(st.text("ab,;\"'\n x1", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=2), min_size=1))
def test_what_the_csv_module_writes_is_read(tmp_path_factory, rows):
    text = io.StringIO()
    csv.writer(text).writerows([["first", "second"], *rows])
    read = read_table(write(tmp_path_factory.getbasetemp(), text.getvalue()))
    assert np.stack(list(read.columns.values()), 1).tolist() == rows


def test_an_unknown_column_offers_near_names():
    with pytest.raises(ValueError, match="no column 'Survivd': did you mean 'Survived'"):
        table(Survived=[1], age=[2]).column("Survivd")


# --------------------------------------------------------------------------------------------------------- cells


@pytest.mark.parametrize("text", MISSING)
def test_missing_values_in_any_case(text):
    values, words = cells.parse(np.array([text, "1"], object))
    assert cells.is_missing(np.array([text], object)).all()
    assert np.isnan(values[0]) and values[1] == 1 and not words.size


@pytest.mark.parametrize("text", ["x", "1,5", "1_000", "inf", "-Infinity", "1e999", "0x10", "12 kg"])
def test_what_is_no_number(text):
    assert cells.parse(np.array([text], object))[1].tolist() == [0]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value):
    assert cells.parse(np.array([repr(value)], object))[0][0] == value


# -------------------------------------------------------------------------------------------------------- numbers


def test_numbers_are_standardised():
    values = np.random.default_rng(0).normal(1e6, 3, 200)
    _, notes, x = learn(a=values)
    np.testing.assert_allclose(x[:, 0], (values - values.mean()) / values.std(), rtol=1e-6)
    assert not notes and x.shape == (200, 1)


@pytest.mark.parametrize("text", MISSING)
def test_missing_numbers_become_the_median_and_a_flag(text):
    encoder, _, x = learn(a=[1, 2, text, 30, 4], b=[1, 2, 3, 4, 5])
    assert encoder.width == 3
    np.testing.assert_array_equal(x[:, 1], [0, 0, 1, 0, 0])
    filled = np.array([1, 2, 3, 30, 4])
    np.testing.assert_allclose(x[:, 0], (filled - filled.mean()) / filled.std())


def test_a_value_missing_only_later_becomes_the_median():
    encoder, _, _ = learn(a=[1, 2, 9], b=[1, 2, 3])
    x = encoder.encode(table(a=["", "2"], b=[1, 1]), "float64")
    assert x[0, 0] == x[1, 0] and x.shape == (2, 2)


def test_heavy_tails_are_spread_out():
    wide = np.exp(np.random.default_rng(0).normal(0, 4, 500))
    _, _, x = learn(a=wide)
    np.testing.assert_array_equal(np.argsort(x[:, 0]), np.argsort(wide))
    assert np.percentile(x, 75) - np.percentile(x, 25) > 0.5


def test_a_text_among_numbers_is_an_error_with_its_place():
    with pytest.raises(ValueError, match=r"data\.csv, line 4: 'x' in the number column 'a'"):
        learn(a=[1, 2, "x", *range(20)], b=range(23))
    encoder, _, _ = learn(a=[1, 2, 3], b=[3, 2, 1])
    with pytest.raises(ValueError, match=r"line 3: 'many' in the number column 'b'"):
        encoder.encode(table(a=[1, 2], b=[1, "many"]))


@pytest.mark.parametrize(
    ("column", "note"),
    [
        ([5] * 4, "always 5"),
        (["x"] * 4, "always 'x'"),
        (["", "NA", "?", "null"], "empty"),
    ],
)
def test_columns_without_information_are_left_out(column, note):
    encoder, notes, _ = learn(a=column, b=[1, 2, 3, 4])
    assert [c.name for c in encoder.columns] == ["b"]
    assert len(notes) == 1 and "'a' left out" in notes[0] and note in notes[0]


def test_only_useless_columns_is_an_error():
    with pytest.raises(ValueError, match="no column to learn from"):
        learn(a=[1, 1, 1])


@pytest.mark.parametrize(
    ("name", "dropped"), [("PassengerId", True), ("id", True), ("user_id", True), ("unnamed 1", True), ("paid", False), ("x", False)]
)
def test_row_numbers_are_left_out_if_called_so(name, dropped):
    encoder, _, _ = learn(**{name: range(10), "b": np.arange(10) ** 2})
    assert (name not in [c.name for c in encoder.columns]) == dropped


# ------------------------------------------------------------------------------------------------------ categories


def test_categories_are_one_hot_and_unknown_ones_zero():
    encoder, _, x = learn(a=["b", "a", "c", "a"])
    np.testing.assert_array_equal(x, [[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(encoder.encode(table(a=["new", ""])), np.zeros((2, 3)))


def test_missing_categories_have_a_flag():
    _, _, x = learn(a=["b", "?", "a", ""])
    np.testing.assert_array_equal(x, [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]])


def test_names_of_things_do_not_explode():
    encoder, notes, _ = learn(name=[f"person {i}" for i in range(500)], b=range(500))
    assert [c.name for c in encoder.columns] == ["b"] and "500 different texts in 500 rows" in notes[0]


def test_names_that_are_often_missing_leave_a_flag():
    _, _, x = learn(cabin=[f"C{i}" if i % 4 == 0 else "" for i in range(400)])
    np.testing.assert_array_equal(x[:, 0], np.arange(400) % 4 != 0)


def test_the_most_frequent_of_many_categories_are_kept():
    words = [f"w{i % 100 if i < 2000 else i}" for i in range(2050)]
    encoder, notes, x = learn(city=words)
    assert encoder.width == MOST_CATEGORIES and len(notes) == 1
    assert set(np.unique(x.sum(1))) == {0.0, 1.0}


# ---------------------------------------------------------------------------------------------------- whole tables


def test_what_is_learned_comes_only_from_the_rows_given():
    data = table(a=[1, 2, 3, 1000], c=["x", "y", "x", "z"])
    encoder, _ = TableEncoder.learn(data.take(np.arange(3)), ["a", "c"])
    x = encoder.encode(data, "float64")
    np.testing.assert_allclose(x[:3, 0].mean(), 0, atol=1e-12)
    np.testing.assert_array_equal(x[3, 1:], [0, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_encoder_survives_json(dtype):
    encoder, _, _ = learn(a=[1, 2, "", 1e9, *range(50)], c=["x", "y", "?", "x"] * 13 + ["y", "y"])
    again = encoders.get(json.loads(json.dumps(serialize(encoder))))
    data = table(a=["", -5], c=["x", "q"])
    x = again.encode(data, dtype)
    assert x.dtype == dtype and x.flags.c_contiguous
    np.testing.assert_array_equal(x, encoder.encode(data, dtype))


def test_columns_are_found_by_name_in_any_order():
    encoder, _, x = learn(a=[1, 2, 3], b=["x", "y", "x"])
    np.testing.assert_array_equal(encoder.encode(table(extra=[0, 0, 0], b=["x", "y", "x"], a=[1, 2, 3]), "float64"), x)


def test_missing_columns_are_named():
    encoder, _, _ = learn(a=[1, 2, 3], b=[1, 3, 2], c=[1, 1, 2])
    with pytest.raises(ValueError, match="no column 'a', 'c'"):
        encoder.encode(table(b=[1]))


def test_titanic():
    path = Path(os.environ.get("FASTNN_DATA") or Path(__file__).parents[2] / "shared" / "data") / "titanic" / "titanic.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    data = read_table(path)
    encoder, notes = TableEncoder.learn(data, [name for name in data.columns if name != "Survived"])
    kept = {column.name for column in encoder.columns}
    assert len(data) == 891 and {"Sex", "Age", "Fare", "Embarked"} <= kept and not {"PassengerId", "Name", "Ticket"} & kept
    assert np.isfinite(encoder.encode(data)).all() and len(notes) == 4


# ---------------------------------------------------------------------------------------------------------- arrays


def test_bytes_are_standardised_all_alike():
    x = np.random.default_rng(0).integers(0, 17, (20, 3, 4), np.uint8)
    encoder = encoders.get(json.loads(json.dumps(serialize(ArrayEncoder.learn(x)))))
    np.testing.assert_allclose(encoder.encode(x, "float64"), (x.reshape(20, 12) - x.mean()) / x.std())


def test_other_numbers_are_standardised_and_constants_safe():
    x = np.random.default_rng(0).normal(5, 2, (30, 3))
    x[:, 1] = 7
    encoded = ArrayEncoder.learn(x).encode(x, "float64")
    np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(encoded.std(0), [1, 0, 1], atol=1e-12)


def test_arrays_and_tables_are_not_mixed_up():
    with pytest.raises(ValueError, match=r"an array of shape \(2,\)"):
        ArrayEncoder.learn(np.zeros((3, 2))).encode(table(a=[1]))
    with pytest.raises(ValueError, match="a table with the columns 'a'"):
        learn(a=[1, 2, 3])[0].encode(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"rows of shape \(3,\), the model takes \(2,\)"):
        ArrayEncoder.learn(np.zeros((3, 2))).encode(np.zeros((3, 3)))


# --------------------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.array([10.0, 9.0, 10.0]), ["9", "10"]),
        (np.array([0.5, 2.0]), ["0.5", "2"]),
        (np.array(["yes", "no", "yes"], object), ["no", "yes"]),
    ],
)
def test_classes(values, labels):
    target = targets.get(json.loads(json.dumps(serialize(ClassTarget.learn(values)))))
    assert target.labels == labels and target.units == len(labels)
    codes = target.encode(values)
    assert target.decode(np.eye(target.units)[codes]).tolist() == [labels[code] for code in codes]
    assert target.encode(np.array(["new", "no"], object)).tolist() == [-1, labels.index("no") if "no" in labels else -1]


def test_number_targets_come_back():
    values = np.random.default_rng(0).normal(2e5, 1e5, 50)
    target = targets.get(json.loads(json.dumps(serialize(NumberTarget.learn(values)))))
    encoded = target.encode(values)
    assert encoded.shape == (50, 1) and abs(encoded.mean()) < 1e-12 and abs(encoded.std() - 1) < 1e-12
    np.testing.assert_allclose(target.decode(encoded), values)


# ----------------------------------------------------------------------------------------------------------- splits


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.floats(0, 0.99), st.integers(0, 100))
def test_splits_are_stratified_and_complete(classes, fraction, seed):
    classes = np.array(classes)
    large, small = split(classes, fraction, np.random.default_rng(seed))
    assert np.array_equal(np.sort(np.concatenate([large, small])), np.arange(len(classes)))
    for each in np.unique(classes):
        total, moved = (classes == each).sum(), (classes[small] == each).sum()
        assert moved < total and (abs(moved - fraction * total) <= 0.5 + 1e-9 or moved == total - 1)


def test_splits_follow_their_seed():
    first, again, other = (split(np.zeros(100, int), 0.2, np.random.default_rng(seed))[1].tolist() for seed in (1, 1, 2))
    assert first == again != other and len(first) == 20
