"""JAX: one jitted step called from Python, and a whole epoch in one jitted loop that gathers its batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.rivals import predicts, trains
from benchmarks.peers.workloads import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Network, Prediction, Training

# With one processor, handing each call to another thread only costs: a step of tiny 34 us instead of 26, a prediction 17 instead of 8.
jax.config.update("jax_cpu_enable_async_dispatch", False)

_ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def _forward(network: Network, weights: Any, x: jax.Array) -> jax.Array:
    """The logits."""
    for w, b in weights[:-1]:
        x = _ACTIVATIONS[network.activation](x @ w + b)
    return x @ weights[-1][0] + weights[-1][1]


def _loss(network: Network, weights: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    out = _forward(network, weights, x)
    if not network.classifies:
        return jnp.mean((out - y) ** 2)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))


def _adam(p: jax.Array, g: jax.Array, m: jax.Array, v: jax.Array, rate: jax.Array) -> tuple[jax.Array, ...]:
    m = BETA_1 * m + (1.0 - BETA_1) * g
    v = BETA_2 * v + (1.0 - BETA_2) * g * g
    return p - rate * m / (jnp.sqrt(v) + EPSILON), m, v


def _step(network: Network, state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
    weights, m, v, t = state
    loss, gradients = jax.value_and_grad(partial(_loss, network))(weights, x, y)
    t = t + 1
    rate = LEARNING_RATE * jnp.sqrt(1.0 - BETA_2**t) / (1.0 - BETA_1**t)
    updated = jax.tree.map(partial(_adam, rate=rate), weights, gradients, m, v)
    weights, m, v = jax.tree.transpose(jax.tree.structure(weights), jax.tree.structure((0, 0, 0)), updated)
    return (weights, m, v, t), loss


def _take(array: jax.Array, rows: jax.Array) -> jax.Array:
    return array.at[rows].get(mode="promise_in_bounds")


class _Trainer:
    def __init__(self, workload: Training):
        self.workload, self.x, self.y = workload, jnp.asarray(workload.x), jnp.asarray(workload.y)
        weights = jax.tree.map(jnp.asarray, workload.network.weights)
        self.state = weights, jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights), jnp.float32(0.0)


@trains("JAX step")
class Step(_Trainer):
    def __init__(self, workload: Training):
        super().__init__(workload)

        @partial(jax.jit, donate_argnums=0)
        def step(state: Any, rows: jax.Array, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
            state, total = state
            state, loss = _step(workload.network, state, _take(x, rows), _take(y, rows))
            return (state, total + loss)

        self.step = step

    def epoch(self, shuffle: bool) -> float:
        carried = self.state, jnp.float32(0.0)
        for rows in self.workload.order(shuffle).astype("int32"):
            carried = self.step(carried, rows, self.x, self.y)
        self.state, total = carried
        return float(total) / self.workload.steps


@trains("JAX loop")
class Loop(_Trainer):
    def __init__(self, workload: Training):
        super().__init__(workload)

        @partial(jax.jit, donate_argnums=0)
        def run(state: Any, order: jax.Array, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
            def step(state: Any, rows: jax.Array) -> tuple[Any, jax.Array]:
                return _step(workload.network, state, _take(x, rows), _take(y, rows))

            state, losses = jax.lax.scan(step, state, order, unroll=2)  # 1 to 5 % faster than 1 and 4
            return state, losses.mean()

        self.run = run

    def epoch(self, shuffle: bool) -> float:
        self.state, loss = self.run(self.state, self.workload.order(shuffle).astype("int32"), self.x, self.y)
        return float(loss)


@predicts("JAX")
def predictor(workload: Prediction) -> Callable[[np.ndarray], np.ndarray]:
    network = workload.network
    weights = jax.tree.map(jnp.asarray, network.weights)

    @jax.jit
    def outputs(weights: Any, x: jax.Array) -> jax.Array:
        out = _forward(network, weights, x)
        return jax.nn.softmax(out) if network.classifies else out

    return lambda x: np.asarray(outputs(weights, x))
