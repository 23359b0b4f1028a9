"""The comparison with other libraries: what it times, what it checks before, and what it reports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import compiled_only

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks/peers").is_dir(), reason="the benchmarks are not in this copy")


@pytest.fixture
def peers(monkeypatch):
    """The parts that load no rival."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.peers import environment, measure, report, rivals, workloads

    yield {"environment": environment, "measure": measure, "report": report, "rivals": rivals, "workloads": workloads}
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


def run(*arguments):
    command = [sys.executable, "-W", "error", "-m", "benchmarks.peers", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120)


@compiled_only
def test_numpy_and_fastnn_agree_and_are_measured(tmp_path):
    done = run("--quick", "--only", "tiny", "4-16-1", "--rivals", "numpy", "fastnn", "--json", tmp_path / "r.json")
    assert done.returncode == 0, done.stderr
    assert "| tiny: 2-10-1 sigmoid, MSE, batch 100 |" in done.stdout and "| 4-16-1, 1024 " in done.stdout
    assert "no JAX loop" in done.stdout
    found = json.loads((tmp_path / "r.json").read_text())
    (training,) = found["training"]
    assert set(training["microseconds"]) == {"NumPy", "fastnn"} and [p["batch"] for p in found["prediction"]] == [1, 32, 1024]
    numpy, fastnn = (training["microseconds"][name]["median"] for name in ("NumPy", "fastnn"))
    assert training["ratio"] == pytest.approx(fastnn / numpy) and training["targets"][0]["factor"] is None


@pytest.mark.parametrize("arguments", [["--only", "huge"], ["--rivals", "abacus"]])
def test_unknown_names_are_refused(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and "invalid choice" in done.stderr


def test_a_library_that_cannot_be_imported_is_listed(peers, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    missing = peers["rivals"].load(["onnxruntime"])
    assert list(missing) == ["onnxruntime"]
    results = peers["report"].Results(
        {"versions": {}, **dict.fromkeys(("date", "processor", "pinned to", "processors", "load", "system"))}, missing
    )
    assert any(line.startswith("not installed: onnxruntime") for line in peers["report"].lines(results))


@pytest.mark.parametrize("bad", [[1.0, 2.0003], [1.0, np.nan], [1.0]])
def test_entrants_that_compute_different_things_are_not_timed(peers, bad):
    check = peers["measure"].check_agreement
    check({"a": [1.0, 2.0], "b": [1.0, 2.0001]}, "outputs")
    with pytest.raises(ValueError, match="outputs: b"):
        check({"a": [1.0, 2.0], "b": bad}, "outputs")


def test_entrants_take_turns(peers):
    turns = []
    calls = {name: lambda name=name: turns.append(name) for name in "ABC"}
    samples = peers["measure"].interleave(calls, peers["measure"].Effort(rounds=4, turn=0.0))
    assert "".join(turns[-12:]) == "ABC" * 4
    assert [len(times) for times in samples.values()] == [4, 4, 4]


def test_targets_are_judged_by_medians(peers):
    timing, target, judge = peers["measure"].Timing, peers["workloads"].Target, peers["report"].judge
    timings = {"fastnn": timing((2.0, 3.0, 100.0), 0.0), "JAX loop": timing((4.0, 4.0, 4.0), 0.0)}
    assert judge(target("fastnn", 0.5, "JAX loop"), timings)["factor"] == pytest.approx(1.5)
    assert judge(target("fastnn", 6.0), timings)["factor"] == pytest.approx(0.5)
    assert judge(target("fastnn", 0.5, "abacus"), timings)["factor"] is None
    assert peers["report"].ratio(timings) == pytest.approx(0.75)
    assert timings["JAX loop"].spread == 0.0


def test_an_epoch_visits_every_sample_once(peers):
    for workload in peers["workloads"].TRAININGS:
        order = workload.order(True)
        assert order.shape == (workload.steps, workload.batch)
        np.testing.assert_array_equal(np.sort(order, axis=None), workload.order(False).ravel())
