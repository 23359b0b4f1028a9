"""The three products of a dense layer against the processor's limit, which is measured here too."""

import importlib
import time

import numpy as np
import pytest

import fastnn
from fastnn import samples
from fastnn.backend import registry

SHAPES = [(32, 64, 64), (64, 64, 64), (128, 128, 128), (128, 784, 256), (512, 512, 512), (512, 1024, 2048), (2048, 2048, 2048)]
PRODUCTS = [op for op in registry.values() if op.family == "dense"]


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
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("op", PRODUCTS, ids=lambda op: op.name)
def test_product(benchmark, peak, op, shape, dtype):
    arguments = samples.arguments(op, dict(zip("nkm", shape, strict=True)), dtype, np.random.default_rng(0))
    benchmark.group = f"{op.name} {'x'.join(map(str, shape))} {dtype}"
    benchmark.extra_info.update(multiply_adds=int(np.prod(shape)), peak=peak[dtype])
    benchmark(op.compiled_for(dtype), *arguments)
