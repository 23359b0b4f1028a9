"""GradientMonitor, on networks whose gradients and slopes are known."""

import math
import sys

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import callbacks, layers, optimizers

X = samples(40)
Y = X[:, :1]


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def watched(*stack, x=X, epochs=1, rate=0.0, batch_size=40, **options):
    model = model_of(*stack, optimizer=optimizers.SGD(rate), loss="mse", **options)
    monitor = callbacks.GradientMonitor(x)
    fastnn.utils.set_random_seed(3)
    model.fit(X, Y, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[monitor])
    return model, monitor


def test_norms_are_those_of_the_last_batch():
    model, monitor = watched(lambda: layers.Dense(1, name="linear"), x=None)
    error = 2 * (model.predict(X) - Y) / len(X)
    gradients = [X.T @ error, error.sum(axis=0)]
    linear = monitor.history["linear"]
    assert linear["gradient_norm"] == [pytest.approx(math.sqrt(sum(np.square(g).sum() for g in gradients)))]
    assert linear["weight_norm"] == [pytest.approx(math.sqrt(sum(np.square(w).sum() for w in model.get_weights())))]
    assert set(linear) == {"gradient_norm", "weight_norm"} and set(monitor.history) == {"linear"}


def biased(bias, activation, name="hidden"):
    """Three units that see one feature, with these biases."""
    kernel = np.zeros((4, len(bias)))
    kernel[0] = 1
    return lambda: layers.Dense(
        len(bias),
        activation=activation,
        name=name,
        kernel_initializer=fastnn.initializers.Constant(kernel),
        bias_initializer=fastnn.initializers.Constant(bias),
    )


@pytest.mark.parametrize(
    ("activation", "slope", "steepest"),
    [
        ("relu", lambda z: z > 0, 1),
        ("tanh", lambda z: 1 - np.tanh(z) ** 2, 1),
        ("sigmoid", lambda z: 1 / (np.exp(z / 2) + np.exp(-z / 2)) ** 2, 0.25),
        (fastnn.activations.leaky_relu.bind(negative_slope=0.001), lambda z: np.where(z > 0, 1, 0.001), 1),
    ],
    ids=["relu", "tanh", "sigmoid", "leaky_relu"],
)
def test_dead_and_saturated_units(activation, slope, steepest):
    bias = np.array([0.0, -1e5, 3.0])
    _, monitor = watched(biased(bias, activation), lambda: layers.Dense(1, name="out"))
    slopes = slope(np.clip(X[:, :1] + bias, -700, 700))
    hidden = monitor.history["hidden"]
    assert hidden["saturated"] == [pytest.approx((slopes < 0.01 * steepest).mean())]
    assert hidden["dead"] == [0.0 if getattr(activation, "name", "") == "leaky_relu" else pytest.approx(1 / 3)]
    assert "dead" not in monitor.history["out"]


def test_what_has_no_slope_of_its_own_is_left_out():
    _, monitor = watched(
        lambda: layers.Dense(3, activation="softmax", name="rows"),
        lambda: layers.Activation("gelu", name="alone"),
        lambda: layers.Dropout(0.5, name="drop"),
        lambda: layers.Flatten(name="flat"),
        lambda: layers.BatchNormalization(name="norm"),
        lambda: layers.Dense(1, activation="linear", name="out"),
    )
    assert {name for name, values in monitor.history.items() if "dead" in values} == {"alone"}
    assert set(monitor.history) == {"rows", "alone", "norm", "out"}


def test_it_changes_nothing():
    def train(*members):
        model = model_of(lambda: layers.Dense(5, "relu"), layers.BatchNormalization, lambda: layers.Dense(1), optimizer="adam", loss="mse")
        fastnn.utils.set_random_seed(3)
        return model.fit(X, Y, epochs=3, verbose=0, callbacks=members).history, [w.tobytes() for w in model.get_weights()]

    assert train(callbacks.GradientMonitor(X)) == train()


def test_vanishing_gradients_show():
    stack = [lambda i=i: layers.Dense(8, activation="sigmoid", name=f"layer_{i}") for i in range(6)]
    _, monitor = watched(*stack, lambda: layers.Dense(1, name="out"), epochs=2)
    norms = [monitor.history[f"layer_{i}"]["gradient_norm"][-1] for i in range(6)]
    assert norms[0] < 1e-2 * norms[-1] and all(len(values["weight_norm"]) == 2 for values in monitor.history.values())


def test_table_and_plot():
    _, monitor = watched(lambda: layers.Dense(5, activation="relu", name="hidden"), lambda: layers.Dense(1, name="out"), epochs=3)
    head, *rows = monitor.table().splitlines()
    assert head.split() == ["layer", "gradient_norm", "weight_norm", "dead", "saturated"]
    assert rows[1].split()[0] == "out" and rows[1].split()[3:] == ["-", "-"]
    assert float(rows[0].split()[1]) == pytest.approx(monitor.history["hidden"]["gradient_norm"][-1], rel=1e-3)
    pyplot = pytest.importorskip("matplotlib.pyplot")
    axes = monitor.plot()
    assert [ax.get_ylabel() for ax in axes] == ["gradient norm", "weight norm", "dead", "saturated"]
    assert [len(ax.lines) for ax in axes] == [2, 2, 1, 1]
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), monitor.history["hidden"]["gradient_norm"])
    pyplot.close(axes[0].figure)


def test_plot_without_matplotlib_or_a_training(monkeypatch):
    with pytest.raises(ValueError, match="nothing has been recorded"):
        callbacks.GradientMonitor().plot()
    _, monitor = watched(lambda: layers.Dense(1))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"fastnn\[plot\]"):
        monitor.plot()


def test_samples_that_dont_fit_are_refused_before_the_training():
    with pytest.raises(ValueError, match="expects"):
        watched(lambda: layers.Dense(1), x=X[:, :2])
