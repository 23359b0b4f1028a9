"""`verify`: the compiled executor against NumPy on a model and its data, and proof that it can fail."""

import copy
from unittest import mock

import numpy as np
import pytest
from helpers import CLASSES, bits, classifier, compiled_only, labels, model_of, regressor, samples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_parity import run, settled, trainings

import fastnn
from fastnn import backend, executors, layers, random, regions
from fastnn.verification import Record, Report, verify


def wrong(name, array, factor=1 + 1e-6):
    """The op `name` with a reference whose result `array` is off by `factor`."""
    op = backend.registry[name]
    position = [getattr(a, "name", a) for a in op.arguments].index(array)
    right = op.reference

    def reference(*arguments):
        right(*arguments)
        arguments[position][...] *= factor

    return mock.patch.object(op, "reference", reference)


def failed(report):
    return {record.name for record in report.records if not record.passed}


# --------------------------------------------------------------------------------------------- what it finds


@compiled_only
@settings(max_examples=40, deadline=None)
@given(training=trainings(searches=False), dtype=st.sampled_from(["float32", "float64"]), steps=st.integers(1, 5))
def test_random_models_pass(training, dtype, steps):
    assume(settled(*run(training, "numpy", dtype)))
    build, arguments = training
    model = build(dtype, seed=3)
    report = verify(model, arguments["x"], arguments["y"], arguments.get("sample_weight"), steps=steps, batch_size=arguments["batch_size"])
    assert report.passed, report


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_op_parameter_and_result_is_reported(dtype):
    model = classifier(dtype=dtype, metrics=["accuracy"])
    report = verify(model, samples(), labels(), batch_size=8, steps=7)
    assert {"gather", "dense", "tanh", "batch_norm", "dropout", "adam", "l1_l2_penalty"} <= {record.name for record in report.ops}
    assert [(p.where, p.name) for p in report.parameters] == [(layer.name, p.name) for layer in model.layers for p in layer.weights]
    assert [(r.where, r.name) for r in report.loss] == [(f"pass {i}", name) for i in (1, 2, 3) for name in ("loss", "accuracy")]
    calls = {record.name: record.calls for record in report.ops}
    assert calls["adam"] == 7 and calls["dense"] == 14
    assert report.passed and 0 < report.largest.excess <= 1


@compiled_only
@pytest.mark.parametrize(
    ("name", "array", "where"),
    [
        ("gather", "x", ["batch"]),
        ("dense", "z", ["hidden", "out"]),
        ("batch_norm", "rstd", ["norm"]),
        ("sparse_categorical_crossentropy_from_logits", "dy", ["loss"]),
        ("dropout_backward", "dx", ["drop"]),
        ("tanh_backward", "dz", ["hidden"]),
        ("dense_backward_kernel", "dw", ["hidden", "out"]),
        ("adam", "v", ["update"]),
    ],
)
def test_a_wrong_op_is_named(name, array, where):
    with wrong(name, array):
        report = verify(classifier(), samples(), labels())
    assert not report.passed
    assert {record.name for record in report.ops if not record.passed} == {name}
    found = next(record for record in report.ops if record.name == name)
    assert found.array == array and found.where in where
    assert 1e-7 < found.relative < 1.01e-6 and found.ulp > 1e9
    lines = str(report).splitlines()
    assert lines[0].endswith("FAILED") and [line for line in lines if line.startswith(f"{name} ") and line.endswith("FAILED")]


@compiled_only
def test_nan_on_one_side_only_fails():
    with wrong("tanh", "a", np.nan):
        assert "tanh" in failed(verify(classifier(), samples(), labels()))


@compiled_only
def test_what_only_the_executor_gets_wrong_shows_in_parameters_and_loss():
    """Each op is right, but the compiled executor leaves out the first layer's activation."""

    def without_tanh(program, threads):
        made = regions.regions(program, threads)
        for each, _ in made:
            for group in each if isinstance(each, list) else ():
                group.nodes = [node for node in group.nodes if node.call.op.name != "tanh"]
        return made

    with mock.patch.object(executors, "regions", without_tanh):
        report = verify(classifier(), samples(), labels())
    assert all(record.passed for record in report.ops)
    assert {"kernel", "loss"} <= failed(report)


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_terms_that_cancel_are_no_failure(dtype):
    """A bias before batch normalization has a gradient that is zero but for rounding, which Adam divides by its own size."""
    model = model_of(
        lambda: layers.Dense(30), layers.BatchNormalization, lambda: layers.Dense(1), dtype=dtype, optimizer="adam", loss="mse"
    )
    report = verify(model, samples(200), samples(200, 1), steps=10)
    assert report.passed, report
    assert next(r for r in report.ops if r.name == "dense_backward_bias").ulp > 1


@compiled_only
def test_a_custom_tolerance():
    model = classifier()
    assert verify(model, samples(), labels(), steps=5).passed
    strict = verify(model, samples(), labels(), steps=5, tolerance=0.0)
    assert all(record.limit < 1e-10 for record in strict.parameters + strict.loss)
    with wrong("dense", "z"):
        tolerant = verify(model, samples(), labels(), tolerance=1e-3)
    assert failed(tolerant) == {"dense"}


@compiled_only
def test_an_op_without_a_twin_is_reported_as_numpy_only():
    op = backend.registry["tanh"]
    with mock.patch.object(op, "compiled", None):
        report = verify(classifier(), samples(), labels())
    found = next(record for record in report.ops if record.name == "tanh")
    assert found.ulp is None and found.passed and report.passed
    assert next(line for line in str(report).splitlines() if line.startswith("tanh ")).endswith("NumPy only")


@compiled_only
def test_metrics_and_optimizers_written_in_python_take_part():
    class Halving(fastnn.SGD):
        def step(self):
            self.arena.values.data[...] -= 0.5 * self.arena.gradients.data
            self.batches += 1

    def spread(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=-1)

    model = regressor(optimizer=Halving(), metrics=[spread])
    report = verify(model, samples(), samples(23, 1))
    assert report.passed and "spread" in {record.name for record in report.loss}
    assert "sgd" not in {record.name for record in report.ops}


@compiled_only
def test_diverging_to_infinity_on_both_sides_is_alike():
    model = regressor(optimizer=fastnn.SGD(1e200))
    report = verify(model, samples(), samples(23, 1), steps=6)
    assert report.passed, report
    assert report.parameters[0].ulp == 0


# ------------------------------------------------------------------------------------------- what it leaves alone


@compiled_only
@pytest.mark.parametrize("trained", [False, True])
def test_the_model_is_left_alone(trained):
    model, untouched = (classifier(metrics=["accuracy"]) for _ in range(2))
    for each in (model, untouched) if trained else ():
        fastnn.utils.set_random_seed(5)
        each.fit(samples(), labels(), epochs=2, verbose=0)
    results, programs = model._scores.results(), dict(model._programs)
    verify(model, samples(), labels(), np.linspace(0, 1, 23))
    assert bits(model) == bits(untouched)
    assert model._scores.results() == results and dict(model._programs) == programs
    assert "lower" not in vars(model.layers[0])
    for each in (model, untouched):
        fastnn.utils.set_random_seed(6)
        each.fit(samples(), labels(), epochs=2, verbose=0)
    assert bits(model) == bits(untouched) and model.history.history == untouched.history.history


@compiled_only
def test_neither_the_generator_nor_the_backend_nor_an_unbuilt_model_changes():
    model = fastnn.Sequential([layers.Dense(CLASSES, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    state = copy.deepcopy(random.generator().bit_generator.state)
    with backend.use("numpy"):
        assert verify(model, samples(), labels()).passed
        assert backend.current() == "numpy"
    assert not model.built and random.generator().bit_generator.state == state


@compiled_only
def test_the_same_report_each_time():
    assert repr(verify(classifier(), samples(), labels())) == repr(verify(classifier(), samples(), labels()))


# ------------------------------------------------------------------------------------------------------- errors


@compiled_only
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "model"}, TypeError, "verify takes a compiled Sequential, got str"),
        ({"model": model_of(lambda: layers.Dense(1))}, ValueError, "isn't compiled"),
        ({"steps": 0}, ValueError, "steps must be an integer of at least 1, got 0"),
        ({"batch_size": 1.5}, (TypeError, ValueError), "batch_size"),
        ({"tolerance": -1}, ValueError, "tolerance must be a finite number"),
        ({"x": samples(5)}, ValueError, "x has 5 samples, y 23"),
    ],
)
def test_what_it_refuses(arguments, error, message):
    given = {"model": regressor(), "x": samples(), "y": samples(23, 1), **arguments}
    with pytest.raises(error, match=message):
        verify(**given)


def test_without_compiled_kernels_it_says_so():
    refused = pytest.raises(ImportError, match=r"there are none \(no compiler\); reinstall")
    with mock.patch.multiple(backend, _isa=None, _why_not="no compiler"), refused:
        verify(regressor(), samples(), samples(23, 1))


def test_the_report_names_the_worst():
    good, bad = Record("dense", "hidden", "z", 1.0, 1e-16, 1e-12), Record("kernel", "out", "", 9e9, 1e-3, 1e-9)
    report = Report("3 steps", [good], [bad], [])
    assert not report.passed and report.largest is bad
    assert str(report).splitlines()[0] == "3 steps: FAILED"
    assert Report("3 steps", [good], [], []).passed
