"""Every op of the registry at three sizes and both dtypes, on both backends."""

import numpy as np
import pytest

from fastnn import samples
from fastnn.backend import registry

SIZES = {
    "small": {"n": 32, "k": 10, "m": 10, "s": 1_000},
    "medium": {"n": 128, "k": 256, "m": 128, "s": 100_000},
    "large": {"n": 512, "k": 1024, "m": 1024, "s": 4_000_000},
}


@pytest.mark.parametrize("backend", ["numpy", "compiled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("op", [op for op in registry.values() if op.compiled], ids=lambda op: op.name)
def test_op(benchmark, op, size, dtype, backend):
    arguments = samples.arguments(op, SIZES[size], dtype, np.random.default_rng(0))
    benchmark.group = f"{op.name} {size} {dtype}"
    benchmark(op.reference if backend == "numpy" else op.compiled, *arguments)
