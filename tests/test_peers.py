"""The benchmark programs: what they time, what they check before, and what they report. No test looks at a time."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import compiled_only

import fastnn

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


@pytest.fixture
def programs(peers):
    """The programs, which set backend and threads when they are imported."""
    backend, threads = fastnn.backend.current(), fastnn.get_num_threads()
    from benchmarks import contention, profile, report, scaling

    yield {"contention": contention, "profile": profile, "report": report, "scaling": scaling}
    fastnn.backend.use(backend)
    fastnn.set_num_threads(threads)


def run(*arguments, program="peers"):
    command = [sys.executable, "-W", "error", "-m", f"benchmarks.{program}", *map(str, arguments)]
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


def test_an_array_of_the_callers_own_is_no_advantage_over_rivals(peers):
    timing, report = peers["measure"].Timing, peers["report"]
    timings = {name: timing((value,), 0.0) for name, value in [("NumPy", 4.0), ("fastnn frozen", 2.0), ("fastnn frozen, out", 1.0)]}
    assert report.best(timings, True) == "fastnn frozen" and report.ratio(timings) == 0.5


@pytest.mark.parametrize("arguments", [["--only", "huge"], ["--rivals", "abacus"]])
def test_unknown_names_are_refused(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and "invalid choice" in done.stderr


def test_a_library_that_cannot_be_imported_is_listed(peers, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    missing = peers["rivals"].load(["onnxruntime"])
    assert list(missing) == ["onnxruntime"]
    results = peers["report"].Results(
        {"versions": {}, **dict.fromkeys(("date", "processor", "pinned to", "processors", "load", "system", "clock"))}, missing
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


def results(peers):
    measure, workloads = peers["measure"], peers["workloads"]
    machine = peers["environment"].describe(["numpy"], "processor")
    timings = {name: measure.Timing((1.0, 2.0, 4.0), 0.5) for name in ("fastnn", "fastnn frozen", "JAX loop", "ONNX Runtime")}
    trainings, predictions = ([(w, timings) for w in found] for found in (workloads.TRAININGS, workloads.PREDICTIONS))
    return peers["report"].Results(machine, {"torch": "not there"}, {"float32": 250.0}, trainings, predictions)


def test_tables_can_be_made_again_from_json(peers):
    report, found = peers["report"], results(peers)
    again = report.from_json(json.loads(json.dumps(report.as_json(found))))
    assert list(report.lines(again)) == list(report.lines(found))
    assert any("processor time" in line for line in report.lines(found))


@pytest.mark.parametrize(
    ("asked", "rounds", "clock"), [([], 15, "wall"), (["--quick"], 5, "wall"), (["--processor-time"], 15, "processor")]
)
def test_effort_is_what_the_command_line_asks_for(peers, asked, rounds, clock):
    effort, parser = peers["measure"].Effort, argparse.ArgumentParser()
    effort.add_options(parser)
    chosen = effort.of(parser.parse_args(asked))
    assert chosen.rounds == rounds and chosen.clock_name == clock


@compiled_only
def test_the_profile_covers_the_program(tmp_path):
    done = run("tiny", "--quick", "--processor-time", "--json", tmp_path / "p.json", program="profile")
    assert done.returncode == 0, done.stderr
    assert "tiny, batch 100: microseconds of a step" in done.stdout
    (found,) = json.loads((tmp_path / "p.json").read_text())["profiles"]
    assert found["microseconds"]["calls"] == pytest.approx(sum(call["microseconds"] for call in found["calls"]))
    products = [call for call in found["calls"] if call["GFLOP/s"]]
    assert {call["arrays"].split(", ")[0] for call in products} >= {"100x2", "100x10"}
    assert any("adam" in call["op"] for call in found["calls"])
    assert run("huge", program="profile").returncode == 2


@compiled_only
def test_operations_of_a_scaling_point_are_those_of_its_program(peers, programs):
    profile, point = programs["profile"], programs["scaling"].Point(batch=4, width=8, depth=3)
    trainer = profile.Trainer(peers["workloads"].Training("", point.network, point.batch, 2))
    table, effort = trainer.model.optimizer.scalar_table, peers["measure"].Effort(1, 0.0)
    calls = [profile._Repeated(node, table(1)[0], effort) for node in profile._nodes(trainer)]
    assert sum(call._operations() for call in calls) == point.batch * point.operations[0]


@compiled_only
def test_scaling_is_measured_tabulated_and_drawn(peers, programs, tmp_path):
    scaling, effort = programs["scaling"], peers["measure"].Effort(rounds=2, turn=0.0)
    points = [scaling.Point(8, 16, depth) for depth in (1, 2)]
    axes = {"depth": [{"point": vars(point), "microseconds": scaling.measure(point, [1, 2], effort)} for point in points]}
    times = axes["depth"][0]["microseconds"]
    assert set(times) == {f"{work}, {n}" for work in ("training", "prediction") for n in ("1 thread", "2 threads")}
    assert min(times.values()) > 0
    machine = peers["environment"].describe([])
    found = {"machine": machine, "peak GFLOP/s": 250.0, "axes": {**axes, "width": axes["depth"]}}
    assert sum(line.startswith("|     2 |") for line in scaling.lines(found)) == 1
    scaling.plot(found, tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 10_000


@compiled_only
def test_contention_is_measured_against_the_quiet_time(peers, programs, monkeypatch):
    """With a trainer that counts, and one process that spins and is gone afterwards."""
    contention, epochs, started = programs["contention"], [], []

    class Counting:
        def __init__(self, workload):
            self.workload = workload

        def epoch(self, shuffle):
            epochs.append((fastnn.get_num_threads(), len(started)))

    real = subprocess.Popen
    monkeypatch.setattr(contention.subprocess, "Popen", lambda *args: started.append(real(*args)) or started[-1])
    monkeypatch.setattr(contention.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(contention.rivals, "trainers", {"fastnn": Counting})
    monkeypatch.setattr(contention, "EPOCH", 1e-4)
    each = contention.measure(peers["workloads"].TRAININGS[0], [1, 2], 0.0)
    processes = len(started)
    assert processes >= 1 and all(process.poll() is not None for process in started)
    assert {(1, 0), (2, 0), (1, processes), (2, processes)} == set(epochs)
    assert set(each["microseconds"]["fastnn"]["busy"]) == {"1", "2"}


@pytest.mark.parametrize(("busy", "verdict"), [(5.0, "met"), (10.0, "missed by 2.00 x")])
@compiled_only
def test_contention_is_judged_by_the_worst_number_of_threads(peers, programs, busy, verdict):
    times = {"quiet": {"1": 2.0, "2": 1.0}, "busy": {"1": 4.0, "2": busy}}
    found = {"machine": peers["environment"].describe([]), "threads": [1, 2]}
    found["workloads"] = [{"workload": "tiny", "microseconds": {"torch eager": times, "fastnn": times}}]
    torch, ours = list(programs["contention"].lines(found))[-2:]
    assert verdict in ours and "met" not in torch and "missed" not in torch and f"({busy / 2:.3g} x)" in ours


@compiled_only
def test_tables_are_put_between_their_marks(peers, programs, tmp_path):
    (tmp_path / "peers.json").write_text(json.dumps(peers["report"].as_json(results(peers))))
    (tmp_path / "sprint.txt").write_text("total 1 s\n")
    content, sprint = programs["report"].tables(tmp_path).values()
    assert sprint == "```\ntotal 1 s\n```"
    text = programs["report"].insert("a\n<!-- peers -->\nold\n<!-- end of peers -->\nb\n", "peers", content)
    assert text == f"a\n<!-- peers -->\n{content}\n<!-- end of peers -->\nb\n"
    assert programs["report"].insert(text, "peers", content) == text
    with pytest.raises(ValueError, match="<!-- profile -->"):
        programs["report"].insert(text, "profile", content)


@compiled_only
def test_a_folder_without_measurements_is_refused(tmp_path):
    done = run(tmp_path, program="report")
    assert done.returncode == 2 and "peers.json" in done.stderr


@compiled_only
def test_the_manual_has_a_place_for_each_measurement(peers, programs):
    text = (ROOT / "docs/performance.md").read_text()
    for name in (*programs["report"].TABLES, "sprint"):
        assert "a new table" in programs["report"].insert(text, name, "a new table")
