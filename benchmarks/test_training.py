"""An epoch of training, a step alone, and predictions, on both backends."""

import numpy as np
import pytest

import fastnn

WORKLOADS = {  # units, activation, loss, samples, batch size
    "tiny 2-10-1 sigmoid, batch 100": ([2, 10, 1], "sigmoid", "mse", 1000, 100),
    "tab 10-64-64-1 relu, batch 32": ([10, 64, 64, 1], "relu", "mse", 3200, 32),
    "mnist 784-256-128-10 relu, batch 128": ([784, 256, 128, 10], "relu", "sparse_categorical_crossentropy", 1280, 128),
}


def workload(name):
    (inputs, *hidden, outputs), activation, loss, n, batch = WORKLOADS[name]
    fastnn.utils.set_random_seed(0)
    layers = [fastnn.layers.Dense(units, activation) for units in hidden]
    last = fastnn.layers.Dense(outputs, "softmax" if outputs > 1 else None)
    model = fastnn.Sequential([fastnn.Input((inputs,)), *layers, last])
    model.compile("adam", loss)
    rng = np.random.default_rng(0)
    y = rng.integers(0, outputs, n) if outputs > 1 else rng.normal(size=(n, 1))
    return model, rng.normal(size=(n, inputs)).astype("float32"), y, batch


@pytest.mark.parametrize("backend", ["numpy", "compiled"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_epoch(benchmark, name, backend):
    with fastnn.backend.use(backend):
        model, x, y, batch = workload(name)
        benchmark.group = f"epoch of {name}"
        benchmark(model.fit, x, y, batch_size=batch, verbose=0)


@pytest.mark.parametrize("backend", ["numpy", "compiled"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_step(benchmark, name, backend):
    with fastnn.backend.use(backend):
        model, x, y, batch = workload(name)
        benchmark.group = f"train_on_batch of {name}"
        benchmark(model.train_on_batch, x[:batch], y[:batch])


@pytest.mark.parametrize("backend", ["numpy", "compiled"])
@pytest.mark.parametrize("rows", [1, 32, 1024])
@pytest.mark.parametrize("way", ["predict", "frozen"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_predict(benchmark, name, way, rows, backend):
    with fastnn.backend.use(backend):
        model, x, _, _ = workload(name)
        benchmark.group = f"{way} {rows} rows, {name.partition(',')[0]}"
        benchmark(model.predict if way == "predict" else model.freeze(), np.resize(x, (rows, x.shape[1])))
