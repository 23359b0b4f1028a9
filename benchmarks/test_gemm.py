"""The three products of a dense layer against the processor's limit, which is measured here too; called from C, without Python."""

import importlib
import time

import numpy as np
import pytest

import fastnn
from fastnn import samples
from fastnn.backend import registry

SHAPES = {  # n, k, m: the layers of the networks that matter, and cubes
    "tabular": [(32, 10, 64), (32, 64, 64), (32, 64, 1)],
    "tiny": [(100, 2, 10), (100, 10, 1)],
    "mnist": [(128, 784, 256), (128, 256, 128), (128, 128, 10)],
    "wide": [(512, 1024, 2048), (512, 2048, 2048), (512, 2048, 10)],
    "one": [(1, 10, 64), (1, 64, 64), (1, 64, 1), (1, 784, 256), (1, 256, 128), (1, 128, 10), (1, 4, 16), (1, 16, 1)],
    "many": [(1024, 10, 64), (1024, 64, 64), (1024, 64, 1), (1024, 784, 256), (1024, 256, 128), (1024, 128, 10)],
    "cube": [(size, size, size) for size in (64, 128, 256, 512, 1024, 2048)],
}
INFERENCE = {"one", "many"}  # of these only the forward product matters
PRODUCTS = [op for op in registry.values() if op.family == "dense" and op.name != "dense_backward_bias"]
CASES = [
    pytest.param(op, name, shape, id=f"{op.name}-{name}-{'x'.join(map(str, shape))}")
    for op in PRODUCTS
    for name, shapes in SHAPES.items()
    for shape in shapes
    if op.name == "dense" or name not in INFERENCE
]


@pytest.fixture(scope="module")
def peak():
    """Multiply-adds a second on registers alone, by dtype: the best of ten runs of some milliseconds."""
    kernel = importlib.import_module(f"fastnn._compiled.{fastnn.backend.isa()}.peak")._multiply_add
    rates = {}
    for dtype in ("float32", "float64"):
        sums, steps, best = np.ones(384, dtype), 200_000, np.inf
        for _ in range(10):
            start = time.perf_counter()
            width = kernel(sums, 0.999, 0.001, steps)
            best = min(best, time.perf_counter() - start)
        rates[dtype] = steps * width / best
    return rates


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("op", "network", "shape"), CASES)
def test_product(benchmark, peak, op, network, shape, dtype):
    arguments = samples.arguments(op, dict(zip("nkm", shape, strict=True)), dtype, np.random.default_rng(0))
    multiply_adds = int(np.prod(shape))
    times = max(1, 2_000_000 // multiply_adds)  # some tens of microseconds a round, in which the call from Python doesn't count
    benchmark.group = f"{op.name} {network} {'x'.join(map(str, shape))} {dtype}"
    benchmark.extra_info.update(multiply_adds=times * multiply_adds, peak=peak[dtype])
    benchmark(op.compiled.repeat, times, *arguments)
