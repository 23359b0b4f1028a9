"""Comparisons with torch and Keras; `pip install -e '.[test,peers]'` and `pytest tests/peers` run them.

Each test hands its numbers to `agree`, which holds them to a tolerance and keeps the largest deviation of each thing of the catalogue.
With ``FASTNN_DEVIATIONS=docs/deviations.json`` they are written there, for the table in docs/catalogue.md.
"""

import json
import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")

found: dict[str, dict[str, dict[str, float | str]]] = {}
"""The largest deviation by kind of thing, name, and peer; or the reason why there is none."""


@pytest.fixture
def agree():
    """``agree("activation", "gelu", peer="torch", got=ours, expected=theirs)``, relative to the largest magnitude of what is expected."""

    def check(kind, name, *, peer, got, expected, tolerance=1e-10):
        got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
        assert got.shape == expected.shape, f"{kind} {name}: shape {got.shape}, {peer}'s {expected.shape}"
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected), err_msg=f"{kind} {name} against {peer}")
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(got[~finite], expected[~finite], err_msg=f"{kind} {name} against {peer}")
        scale = np.abs(expected[finite]).max(initial=0)
        deviation = float(np.abs(got[finite] - expected[finite]).max(initial=0) / max(scale, np.finfo(np.float64).tiny))
        assert deviation <= tolerance, f"{kind} {name} deviates from {peer} by {deviation:.2g}, allowed {tolerance:.2g}"
        peers = found.setdefault(kind, {}).setdefault(name, {})
        peers[peer] = max(peers.get(peer, 0.0), deviation)

    return check


@pytest.fixture
def double(monkeypatch):
    """Keras in double precision, also where its torch backend makes float32 of two float64 arrays."""
    keras = pytest.importorskip("keras")
    from keras.src.backend.common import dtypes

    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    with monkeypatch.context() as patch:
        patch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
        forget_dtypes(dtypes)
        yield
    forget_dtypes(dtypes)
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def forget_dtypes(dtypes):
    """Let Keras find anew what dtype results have."""
    for member in vars(dtypes).values():
        if hasattr(member, "cache_clear"):
            member.cache_clear()


def pytest_collection_finish(session):
    """Note which things have no peer, and why: each file says so of its kind in `NO_PEER`."""
    for module in {item.module for item in session.items}:
        for name, reason in getattr(module, "NO_PEER", {}).items():
            found.setdefault(module.KIND, {})[name] = {"no peer": reason}


def pytest_sessionfinish():
    if path := os.environ.get("FASTNN_DEVIATIONS"):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1, sort_keys=True)
            file.write("\n")
