"""One sample through a model as C, and through ONNX Runtime and fastnn, in turn: ``python -m benchmarks.c_serving``.

The C is called from a loop in C, in a file of its own, as a program would; and from Python by ctypes. The others are called from Python:
ONNX Runtime with arrays, and with inputs and outputs bound before. Needs gcc, the extra `peers`, and about half a minute.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import workloads
from benchmarks.peers.environment import describe, pin
from benchmarks.peers.measure import Effort, check_agreement, interleave
from benchmarks.report import insert
from benchmarks.tables import machine_lines, number, table

NETWORKS = [workloads.Network((4, 16, 1)), workloads.Network((10, 64, 64, 1))]
FLAGS = {"C, gcc -O3 -march=native": ["-O3", "-march=native"], "C, gcc -O2": ["-O2"], "C, gcc -Os": ["-Os"]}
SIZE = ["-Os", "-DMODEL_FLOAT_ONLY"]
"""How what goes onto a board is compiled."""
BASE = "ONNX Runtime, bound"
CALLS = 1000
"""Predictions a call of the loop in C."""

_LOOP = """
#define MODEL_DECLARATIONS
#include "model.c"
void loop(float *x, float *y, long calls);
void loop(float *x, float *y, long calls) {
    for (long i = 0; i < calls; i++) {
        x[0] = (float)(i & 7);
        model_predict_float(x, y);
    }
}
"""


def compiled(folder: Path, flags: list[str]) -> ctypes.CDLL:
    """The model and the loop around it, each from a file of its own."""
    library = folder / ("".join(flags).replace("=", "") + ".so")
    _run("gcc", "-std=c99", *flags, "-fPIC", "-shared", folder / "model.c", folder / "loop.c", "-o", library, "-lm")
    return ctypes.CDLL(str(library))


def _run(*command: Any) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def object_bytes(folder: Path) -> int:
    """Code and constants of a float-only object."""
    _run("gcc", "-std=c99", *SIZE, "-c", folder / "model.c", "-o", folder / "model.o")
    text, data, *_ = _run("size", folder / "model.o").splitlines()[1].split()
    return int(text) + int(data)


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def entrants(network: workloads.Network, folder: Path) -> tuple[dict[str, Callable[[], Any]], dict[str, int]]:
    """What is called, by name, and how many predictions each call is. All have computed the same before."""
    from benchmarks.peers import fastnn_, onnxruntime_  # when the process is pinned

    model, x = fastnn_.model_of(network), network.inputs(1)
    model.to_c(folder / "model.c")
    (folder / "loop.c").write_text(_LOOP)
    y = np.empty((1, network.units[-1]), "float32")
    made: dict[str, Callable[[], Any]] = {}
    outputs = {"fastnn predict": model.predict(x)}
    for name, flags in FLAGS.items():
        library = compiled(folder, flags)
        library.model_predict_float(_pointer(x), _pointer(y))
        outputs[name] = y.copy()
        made[name] = partial(library.loop, _pointer(x.copy()), _pointer(y.copy()), ctypes.c_long(CALLS))
        made.setdefault("the first of these, by ctypes", partial(library.model_predict_float, _pointer(x), _pointer(y)))
    frozen, runtime = model.freeze(), onnxruntime_.predictor(workloads.Prediction(network, 1))
    made |= {
        "fastnn frozen, out": partial(frozen, x, out=y),
        "fastnn frozen": partial(frozen, x),
        "fastnn predict": partial(model.predict, x),
    }
    made |= {"ONNX Runtime, bound": bound(onnxruntime_.session(network), x, y), "ONNX Runtime": partial(runtime, x)}
    outputs |= {"fastnn frozen": frozen(x), "ONNX Runtime": runtime(x)}
    check_agreement(outputs, f"outputs of {network.name}")
    return made, {name: CALLS if name in FLAGS else 1 for name in made}


def bound(session: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    """ONNX Runtime with its input and output bound to arrays."""
    binding = session.io_binding()
    binding.bind_input(session.get_inputs()[0].name, "cpu", 0, np.float32, x.shape, x.ctypes.data)
    binding.bind_output(session.get_outputs()[0].name, "cpu", 0, np.float32, y.shape, y.ctypes.data)
    return partial(session.run_with_iobinding, binding)


def measure(network: workloads.Network, effort: Effort) -> dict[str, Any]:
    """Microseconds a prediction of each entrant, every round's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made, counts = entrants(network, folder)
        seconds = interleave(made, effort)
        bytes_of_object, bytes_of_file = object_bytes(folder), (folder / "model.c").stat().st_size
    times = {name: [1e6 * each / counts[name] for each in found] for name, found in seconds.items()}
    return {"network": network.name, "microseconds": times, "object": bytes_of_object, "file": bytes_of_file}


def runtime_bytes() -> int:
    """ONNX Runtime's compiled libraries."""
    import onnxruntime

    return sum(file.stat().st_size for file in Path(onnxruntime.__file__).parent.glob("capi/*.so*"))


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The tables as Markdown."""
    yield from machine_lines(found["machine"])
    yield f"\nMicroseconds for one sample, medians of {found['rounds']} rounds and the distance of their quartiles; ratios to {BASE}\n"
    names = [each["network"] for each in found["networks"]]
    rows = [["float32", *(cell for name in names for cell in (name, "spread", "ratio"))]]
    for entrant in found["networks"][0]["microseconds"]:
        rows.append([entrant, *(cell for each in found["networks"] for cell in _cells(each["microseconds"], entrant))])
    yield from table(rows)
    yield f"\nBytes, by `gcc {' '.join(SIZE)}` on the same machine\n"
    rows = [["", *names]]
    rows.append(["code and weights", *(f"{each['object']:,}" for each in found["networks"])])
    rows.append(["the C file", *(f"{each['file']:,}" for each in found["networks"])])
    rows.append(["ONNX Runtime's libraries", *[f"{found['runtime']:,}"] * len(names)])
    yield from table(rows)


def _cells(times: dict[str, list[float]], name: str) -> Iterator[str]:
    low, median, high = np.percentile(times[name], [25, 50, 75])
    yield number(median)
    yield f"{(high - low) / median:.0%}"
    yield number(np.median(times[BASE]) / median)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.c_serving", description=(__doc__ or "").partition("\n")[0])
    Effort.add_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's time")
    parser.add_argument("--into", type=Path, metavar="FILE", help="a Markdown document with the marks of c_serving")
    options = parser.parse_args()
    if not shutil.which("gcc") or not shutil.which("size"):
        parser.error("gcc and size (binutils) must be installed")
    pin()
    effort = Effort.of(options)
    machine = describe(["numpy", "onnxruntime"], effort.clock_name)
    machine["versions"]["gcc"] = _run("gcc", "-dumpfullversion").strip()
    found = {"machine": machine, "rounds": effort.rounds, "runtime": runtime_bytes()}
    found["networks"] = [measure(network, effort) for network in NETWORKS]
    print(*lines(found), sep="\n")
    if options.into:
        options.into.write_text(insert(options.into.read_text(), "c_serving", "\n".join(lines(found))))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
