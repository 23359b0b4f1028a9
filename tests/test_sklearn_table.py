"""The program that compares with scikit-learn: what it times are equal steps, and what it prints. No test looks at a time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

import fastnn

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not in this copy")


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    backend, threads = fastnn.backend.current(), fastnn.get_num_threads()
    from benchmarks import sklearn_table

    yield sklearn_table
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]
    fastnn.backend.use(backend)
    fastnn.set_num_threads(threads)


def test_it_runs_from_end_to_end(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "benchmarks.sklearn_table", "--quick", "--rounds", "2", "--no-checks"]
    command += ["--only", "digits", "--json", str(tmp_path / "sklearn.json")]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| digits | 1437 x 64" in done.stdout
    ((task,), rounds) = (json.loads((tmp_path / "sklearn.json").read_text())[key] for key in ("tasks", "rounds"))
    assert rounds == 2 and all(len(each["seconds"]) == len(each["scores"]) == 2 for each in task["found"].values())
    np.testing.assert_allclose(task["found"]["fastnn, float64"]["scores"], task["found"]["scikit-learn, float64"]["scores"], atol=1e-9)


def test_the_table(program):
    def found(seconds, score):
        return {"seconds": seconds, "scores": [score] * 3}

    libraries = {"scikit-learn": [2.0, 3.0, 4.0], "fastnn": [0.1, 0.1, 0.1]}
    task = {"data": "moons", "rows": 10, "columns": 2, "epochs": 5}
    task["found"] = {f"{name}, {dtype}": found(seconds, 0.9) for name, seconds in libraries.items() for dtype in program.DTYPES}
    machine = program.describe(program.PACKAGES)
    checks = {"Mine": {"passed": ["a", "b"], "skipped": ["check_c"], "failed": ["check_d", "check_d"]}}
    text = "\n".join(program.lines({"machine": machine, "rounds": 3, "tasks": [task], "checks": checks}))
    assert "| moons | 10 x 2         |      5 | float32 |    3 ±33.3 % | 0.1 ±0 % |            30 |" in text
    assert "| Mine      |      2 |       1 |      2 | c, d (2) |" in text


def test_the_report_of_checks(program):
    class Broken(LinearRegression):
        def predict(self, X):
            return super().predict(X)[:-1]

    fine, broken = program.report(LinearRegression()), program.report(Broken())
    assert len(fine["passed"]) > 40 and not fine["failed"]
    assert "check_regressors_train" in broken["failed"] and "check_regressors_train" in fine["passed"]
    assert all(isinstance(estimator, BaseEstimator) for estimator in program.checked().values())


@pytest.mark.parametrize("name", ["breast cancer", "digits", "California housing", "Adult"])
def test_the_data(program, name):
    from benchmarks.sklearn_data import LOADERS

    assert set(LOADERS) == {task.data for task in program.TASKS}
    try:
        parts = LOADERS[name]()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert len(parts.x) == len(parts.y) > 400 and parts.x.shape[1] == parts.x_test.shape[1]
    assert parts.x.dtype == "float64" and np.isfinite(parts.x).all() and np.abs(parts.x[:1000]).mean() < 2
    assert parts.of("float32").x.dtype == "float32" and len(parts.first(100).x_test) == 100
