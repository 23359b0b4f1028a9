"""Tables as text, CSV and data frames."""

import csv
import io
import sys
import types

import numpy as np
import pytest

from fastnn.text_table import TextTable

TABLE = TextTable(["name", "x", "w"], [("a, b", 0.1, np.array([1.0, 2.5])), ("c", 2, np.array([0.0, -1.0]))])


def test_prints_aligned():
    assert str(TABLE).splitlines() == ["name    x          w", "a, b  0.1   [1. 2.5]", "c       2  [ 0. -1.]"]
    assert repr(TABLE) == str(TABLE)


def test_rows_and_columns():
    assert TABLE["x"] == [0.1, 2] and TABLE[1][0] == "c" and len(TABLE) == 2 and [row[1] for row in TABLE] == [0.1, 2]
    with pytest.raises(KeyError, match="no column 'y'; there are name, x, w"):
        TABLE["y"]


def test_csv_reads_back_exactly():
    table = TextTable(["x", "y"], [(1 / 3, "a,b"), (np.float64(1e-300), 'c"'), (np.float32(0.1), None)])
    read = list(csv.reader(io.StringIO(table.to_csv())))
    assert read[0] == ["x", "y"] and [float(r[0]) for r in read[1:]] == [1 / 3, 1e-300, np.float32(0.1)]
    assert [r[1] for r in read[1:]] == ["a,b", 'c"', ""]


def test_pandas(monkeypatch):
    frames = types.SimpleNamespace(DataFrame=lambda rows, columns: (rows, columns))
    monkeypatch.setitem(sys.modules, "pandas", frames)
    assert TABLE.to_pandas() == (TABLE.rows, TABLE.columns)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        TABLE.to_pandas()


def test_long_tables_and_arrays_are_cut():
    lines = str(TextTable(["i"], [(i,) for i in range(1000)])).splitlines()
    assert len(lines) == 62 and "940 rows" in lines[31] and lines[-1].strip() == "999"
    assert len(str(TextTable(["a"], [(np.arange(10_000.0),)]))) < 100


def test_empty_and_wrong():
    assert str(TextTable(["a", "b"], [])) == "a  b"
    with pytest.raises(ValueError, match="row 1 has 1 values for 2"):
        TextTable(["a", "b"], [(1, 2), (1,)])
    with pytest.raises(ValueError, match="different names"):
        TextTable(["a", "a"], [])
