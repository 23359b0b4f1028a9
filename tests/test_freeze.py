"""Frozen models: what `freeze` returns computes what `predict` does, from any thread, whatever happens to the model."""

import copy
import pickle
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import BACKENDS, classifier, compiled_only, labels, model_of, samples

import fastnn
from fastnn import layers, regions
from fastnn.backend import Op
from fastnn.models.predictor import frozen


@pytest.fixture(params=BACKENDS, autouse=True)
def on_each_backend(request):
    before = fastnn.get_num_threads()
    with fastnn.backend.use(request.param):
        yield request.param
    fastnn.set_num_threads(before)


def network(*, features=4, units=3, **options):
    return model_of(lambda: layers.Dense(8, activation="tanh"), lambda: layers.Dense(units), features=features, **options)


def randomised(model):
    """The model with weights that are nobody's initial ones, variances positive."""
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    return model


def trained(dtype="float64"):
    """Batch normalization behind an activation, so that nothing folds; dropout."""
    model = classifier(dtype=dtype)
    model.fit(samples(), labels(), epochs=2, verbose=0)
    return model


# ------------------------------------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 1500])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gives_the_bits_of_predict_where_nothing_is_folded(dtype, n):
    model = trained(dtype)
    x = samples(n)
    got = model.freeze()(x)
    assert got.dtype == dtype and got.flags.c_contiguous
    np.testing.assert_array_equal(got, model.predict(x))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_batch_size_bounds_no_call(batch_size):
    model = network()
    f = model.freeze(batch_size=batch_size)
    assert f.batch_size == batch_size
    np.testing.assert_allclose(f(samples(100)), model.predict(samples(100)), rtol=1e-13)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "8", True])
def test_bad_batch_sizes(bad):
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1"):
        network().freeze(batch_size=bad)


def test_a_model_must_be_built():
    with pytest.raises(ValueError, match="built"):
        fastnn.Sequential([layers.Dense(3)]).freeze()


def test_later_training_changes_nothing():
    model = trained()
    f, before = model.freeze(), model.predict(samples())
    model.fit(samples(), labels(), epochs=1, verbose=0)
    model.set_weights([w * 0 for w in model.get_weights()])
    np.testing.assert_array_equal(f(samples()), before)


def test_freezing_changes_nothing_in_the_model():
    model = randomised(model_of(lambda: layers.Dense(5), layers.BatchNormalization, lambda: layers.Dropout(0.5)))
    before, expected = model.get_weights(), model.predict(samples())
    model.freeze()
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    np.testing.assert_array_equal(model.predict(samples()), expected)


# ---------------------------------------------------------------------------------------------------------- folding


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"scale": False, "center": False}], ids=str)
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("dropout", [0, 0.3])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-13), ("float32", 3e-6)])
def test_batch_normalization_is_folded_into_the_dense_layer_before_it(options, use_bias, dropout, dtype, tolerance):
    between = [lambda: layers.Dropout(dropout)] if dropout else []
    stack = [lambda: layers.Dense(6, use_bias=use_bias), *between, lambda: layers.BatchNormalization(**options), lambda: layers.Dense(2)]
    model = randomised(model_of(*stack, dtype=dtype))
    kept = frozen(model.layers)
    assert [type(each) for each in kept] == [layers.Dense, layers.Dense]
    np.testing.assert_allclose(model.freeze()(samples()), model.predict(samples()), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "stack",
    [
        [lambda: layers.Dense(6, activation="relu"), layers.BatchNormalization],
        [lambda: layers.Dense(6), lambda: layers.Activation("relu"), layers.BatchNormalization],
        [layers.BatchNormalization, lambda: layers.Dense(6)],
    ],
)
def test_batch_normalization_elsewhere_is_kept(stack):
    model = randomised(model_of(*stack))
    assert layers.BatchNormalization in [type(each) for each in frozen(model.layers)]
    np.testing.assert_allclose(model.freeze()(samples()), model.predict(samples()), rtol=1e-13)


def test_the_second_of_two_batch_normalizations_folds_too():
    model = randomised(model_of(lambda: layers.Dense(6), layers.BatchNormalization, layers.BatchNormalization))
    assert len(frozen(model.layers)) == 1
    np.testing.assert_allclose(model.freeze()(samples()), model.predict(samples()), rtol=1e-12)


def test_dropout_is_gone():
    model = network()
    dense = [lambda: layers.Dense(8, activation="tanh"), lambda: layers.Dense(3)]
    with_dropout = model_of(lambda: layers.Dropout(0.9), dense[0], lambda: layers.Dropout(0.5), dense[1])
    with_dropout.set_weights(model.get_weights())
    assert [type(each) for each in frozen(with_dropout.layers)] == [layers.Dense, layers.Dense]
    np.testing.assert_array_equal(with_dropout.freeze()(samples()), model.freeze()(samples()))


# ----------------------------------------------------------------------------------------------------- what is passed


def shifted(x):
    """x at an address that is no multiple of its entries' size."""
    moved = np.frombuffer(bytearray(x.nbytes + 1), x.dtype, x.size, offset=1).reshape(x.shape)
    moved[...] = x
    assert not moved.flags.aligned
    return moved


CONVERTED = {
    "integers": lambda x: np.rint(x).astype(np.int16),
    "booleans": lambda x: x > 0,
    "half": lambda x: x.astype(np.float16),
    "float64": lambda x: x.astype(np.float64),
    "lists": lambda x: x.tolist(),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder()),
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "reversed": lambda x: x[::-1],
    "Fortran": np.asfortranarray,
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "unaligned": shifted,
    "a matrix": lambda x: x.view(type("Sub", (np.ndarray,), {})),
    "a memoryview": memoryview,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("convert", CONVERTED.values(), ids=CONVERTED)
def test_takes_what_numpy_makes_numbers_of(convert, dtype):
    f = network(dtype=dtype).freeze()
    given = convert(samples(7).astype(dtype))
    np.testing.assert_array_equal(f(given), f(np.ascontiguousarray(np.asarray(given), dtype=dtype)))


def test_masked_entries_are_refused():
    x = samples(3).astype("float32")
    f = network(dtype="float32").freeze()
    with pytest.raises(ValueError, match="masked"):
        f(np.ma.MaskedArray(x, mask=x > 0))


@pytest.mark.parametrize(
    "x, error, message",
    [
        (np.zeros(4), ValueError, r"x has shape \(4,\), the model expects \(n, 4\); for one sample pass x\[None\]"),
        (np.zeros((2, 5)), ValueError, r"x has shape \(2, 5\), the model expects \(n, 4\)"),
        (np.zeros((1, 2, 2)), ValueError, r"use x.reshape\(\(-1, 4\)\)"),
        (np.zeros(8), ValueError, r"use x.reshape\(\(-1, 4\)\)"),
        (1.0, TypeError, "x must be an array, got float$"),
        (None, TypeError, "x must be an array, got NoneType$"),
        (iter([]), TypeError, "got list_iterator; collect its batches"),
        (iter, TypeError, "pass what it returns"),
        ([["a"] * 4], TypeError, "real numbers"),
        (np.zeros((2, 4), complex), TypeError, "real numbers"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wrong_samples_are_named(x, error, message, dtype):
    with pytest.raises(error, match=message):
        network(dtype=dtype).freeze()(x)


@pytest.mark.parametrize("arguments, options", [((), {}), ((np.zeros((1, 4)), None), {}), ((np.zeros((1, 4)),), {"y": 1})])
def test_wrong_calls(arguments, options):
    with pytest.raises(TypeError):
        network().freeze()(*arguments, **options)


def test_no_samples():
    f = network().freeze()
    assert f(np.zeros((0, 4))).shape == (0, 3)
    out = np.ones((0, 3))
    assert f(np.zeros((0, 4)), out=out) is out


def test_a_single_feature_may_come_as_a_vector():
    f = network(features=1).freeze()
    np.testing.assert_array_equal(f(np.arange(3.0)), f(np.arange(3.0)[:, None]))


def test_flatten_takes_samples_of_several_axes():
    model = model_of(layers.Flatten, lambda: layers.Dense(3), features=(2, 3))
    f, x = model.freeze(batch_size=4), samples(10, 2, 3)
    assert f.input_shape == (2, 3) and f.output_shape == (3,)
    np.testing.assert_allclose(f(x), x.reshape(10, 6) @ model.get_weights()[0], rtol=1e-13, atol=1e-15)
    with pytest.raises(ValueError, match=r"expects \(n, 2, 3\)"):
        f(x.reshape(10, 6))


def test_dense_keeps_the_axes_before_the_last():
    model = model_of(lambda: layers.Dense(5, activation="relu"), features=(2, 3))
    f, x = model.freeze(batch_size=4), samples(9, 2, 3)
    np.testing.assert_allclose(f(x), np.maximum(x @ model.get_weights()[0], 0), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("stack", [[layers.Flatten], [lambda: layers.Dropout(0.5)], [lambda: layers.Activation("linear")]])
@pytest.mark.parametrize("n", [1, 5, 12])
def test_models_that_compute_nothing(stack, n):
    model, x = model_of(*stack, features=(2, 2)), samples(n, 2, 2)
    for f in (model.freeze(batch_size=5), model.predict):
        given = x.copy()
        got = f(given)
        np.testing.assert_array_equal(got, x.reshape(got.shape))
        got += 1
        np.testing.assert_array_equal(given, x)  # the caller's own, not a view


# ---------------------------------------------------------------------------------------------------------------- out


def test_out_is_filled_and_returned():
    f, x = network().freeze(), samples(5)
    out = np.full((5, 3), np.nan)
    assert f(x, out=out) is out
    np.testing.assert_array_equal(out, f(x))


def read_only(shape):
    out = np.zeros(shape)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    "out, error, got",
    [
        (np.zeros((5, 2)), ValueError, r"got float64 of shape \(5, 2\)"),
        (np.zeros((4, 3)), ValueError, r"got float64 of shape \(4, 3\)"),
        (np.zeros(15), ValueError, r"got float64 of shape \(15,\)"),
        (np.zeros((5, 3), "float32"), ValueError, "got float32"),
        (np.zeros((5, 3), ">f8"), ValueError, "got >f8"),
        (np.zeros((5, 3), "int64"), ValueError, "got int64"),
        (np.zeros((3, 5)).T, ValueError, "not contiguous"),
        (np.zeros((5, 6))[:, ::2], ValueError, "not contiguous"),
        (read_only((5, 3)), ValueError, "read-only"),
        (shifted(np.zeros((5, 3))), ValueError, "not aligned"),
        ([[0.0] * 3] * 5, TypeError, "got list"),
        (b"0" * 120, TypeError, "got bytes"),
    ],
)
def test_what_cannot_be_out(out, error, got):
    with pytest.raises(error, match=rf"out must be a writable, C-contiguous float64 array of shape \(5, 3\), .*{got}"):
        network().freeze()(samples(5), out=out)


@pytest.mark.parametrize("n", [1, 5, 13])
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_out_may_overlap_the_samples(n, shift):
    f = network(units=4).freeze(batch_size=4)
    memory = samples(n + 2)
    x, out = memory[1 : n + 1], memory[1 + shift : 1 + shift + n]
    expected = f(x.copy())
    f(x, out=out)
    np.testing.assert_array_equal(out, expected)


def test_an_error_leaves_out_and_the_predictor_as_they_were():
    f, out = network().freeze(), np.full((5, 3), 7.0)
    expected = f(samples(5))
    with pytest.raises(ValueError, match="x has shape"):
        f(np.zeros((5, 9)), out=out)
    assert (out == 7).all()
    np.testing.assert_array_equal(f(samples(5)), expected)


def memory_after(call, times):
    """The most that Python's allocators lent during so many calls, beyond what they had lent before."""
    call()
    tracemalloc.start()
    try:
        call()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(times):
            call()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return now - before, peak - before


@compiled_only
@pytest.mark.parametrize("n", [1, 300])
def test_with_out_nothing_is_allocated(n, on_each_backend):
    """Beyond the arguments' own objects: far less than the smallest of the buffers."""
    if on_each_backend == "numpy":
        pytest.skip("NumPy allocates")
    f, x, out = network(dtype="float32").freeze(batch_size=100), samples(n).astype("float32"), np.zeros((n, 3), "float32")
    kept, peak = memory_after(lambda: f(x, out=out), 1000)
    assert kept <= 256 and peak < 1024
    counted = []
    for times in (10, 1000):
        blocks = sys.getallocatedblocks()
        for _ in range(times):
            f(x, out=out)
        counted.append(sys.getallocatedblocks() - blocks)
    assert abs(counted[1] - counted[0]) < 50


# ------------------------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize("n", [1, 40])
def test_eight_threads_share_a_predictor(n):
    f = trained().freeze(batch_size=16)
    inputs = [samples(n, seed=seed) for seed in range(8)]
    expected = [f(x).copy() for x in inputs]
    start = threading.Barrier(8)

    def work(i):
        out = np.zeros_like(expected[i])
        start.wait(30)
        return all(np.array_equal(f(inputs[i]), expected[i]) and np.array_equal(f(inputs[i], out=out), expected[i]) for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


@pytest.mark.parametrize("batch_size", [None, 64])
def test_the_same_bits_for_any_number_of_threads(batch_size, monkeypatch):
    monkeypatch.setattr(regions, "SHARED_WORK", 1)
    model = network(features=30, dtype="float32")
    x, results = samples(1500, 30), []
    for count in (1, 2, 3, 4, 1):
        fastnn.set_num_threads(count)
        results.append(model.freeze(batch_size)(x))
    f = model.freeze(batch_size)
    for count in (4, 1, 2):  # the same predictor, the number changing
        fastnn.set_num_threads(count)
        results.append(f(x))
    assert all(np.array_equal(each, results[0]) for each in results)


# ------------------------------------------------------------------------------------------------ layers in Python


def cube_function(x, y):
    Cube.meanwhile()
    np.power(x, 3, out=y)


cube = Op(cube_function, "x (n, m) -> y (n, m)", differentiable=False)  # isn't in the registry, has no twin


class Cube(layers.Layer):
    @staticmethod
    def meanwhile():
        """What a test wants to happen while the layer computes."""

    def lower(self, program, x):
        y = program.tensor(*x.features)
        program.forward(cube, x.value, y.value)
        return y


@pytest.mark.parametrize("n", [1, 4, 11])
def test_a_layer_written_in_python(n):
    model = model_of(lambda: layers.Dense(3), Cube, lambda: layers.Dense(2))
    x, (w, b, v, c) = samples(n), model.get_weights()
    for f in (model.freeze(batch_size=4), model.predict, model):
        np.testing.assert_allclose(f(x), (x @ w + b) ** 3 @ v + c, rtol=1e-12)


def raising():
    raise LookupError("from the layer")


def test_a_layer_that_raises_leaves_the_predictor_usable(monkeypatch):
    f = model_of(lambda: layers.Dense(3), Cube).freeze(batch_size=2)
    expected = f(samples(5))
    with monkeypatch.context() as patch:
        patch.setattr(Cube, "meanwhile", staticmethod(raising))
        for x in (samples(5), samples(1)):
            with pytest.raises(LookupError, match="from the layer"):
                f(x)
    np.testing.assert_array_equal(f(samples(5)), expected)


def test_a_layer_may_call_the_predictor_and_the_model_it_is_part_of(monkeypatch):
    model = model_of(lambda: layers.Dense(3), Cube)
    f, depth = model.freeze(batch_size=2), []
    expected = f(samples(5))

    def inner():
        if len(depth) < 2:
            depth.append(None)
            f(samples(3, seed=9))
            model.predict(samples(3, seed=8))

    monkeypatch.setattr(Cube, "meanwhile", staticmethod(inner))
    np.testing.assert_array_equal(f(samples(5)), expected)
    assert len(depth) == 2


# ------------------------------------------------------------------------------------------------------ as an object


def test_a_copy_and_a_pickle_compute_the_same():
    f = trained("float32").freeze(batch_size=7)
    for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert type(other) is type(f) and other is not f and other.batch_size == 7
        np.testing.assert_array_equal(other(samples()), f(samples()))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_pickle_is_of_no_backend(name):
    f = trained().freeze()
    pickled = pickle.dumps(f)
    with fastnn.backend.use(name):
        np.testing.assert_allclose(pickle.loads(pickled)(samples()), f(samples()), rtol=1e-12)


def test_says_what_it_is():
    f = network(dtype="float32").freeze()
    assert repr(f) == "<Predictor (n, 4) -> (n, 3), float32>"
    assert (f.input_shape, f.output_shape, f.dtype) == ((4,), (3,), "float32") and f.batch_size >= 1
    assert "out" in type(f).__doc__ and "Raises" in type(f).__doc__


def test_attributes_are_fixed():
    f = network().freeze()
    for name in ("input_shape", "output_shape", "dtype", "batch_size"):
        with pytest.raises(AttributeError):
            setattr(f, name, getattr(f, name))


# ---------------------------------------------------------------------------------------------------- predict shares it


def test_predict_follows_the_training():
    model = trained()
    before = model.predict(samples())
    model.fit(samples(), labels(), epochs=1, verbose=0)
    after = model.predict(samples())
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, model.freeze()(samples()))


def test_predict_of_another_backend_is_its_own():
    model = network()
    results = []
    for name in BACKENDS:
        with fastnn.backend.use(name):
            results.append(model.predict(samples()))
    for each in results:
        np.testing.assert_allclose(each, results[0], rtol=1e-12)


class Doubling(layers.Dropout):
    """Acts in inference, which is when its parent does nothing."""

    def lower(self, program, x):
        y = program.tensor(*x.features)
        program.forward(fastnn.backend.registry["linear_double"], x.value, y.value)
        return y


def test_a_dropout_of_a_users_own_stays(monkeypatch):
    def linear_double(x, y):
        np.multiply(x, 2, out=y)

    monkeypatch.setitem(fastnn.backend.registry, "linear_double", Op(linear_double, "x (n, m) -> y (n, m)"))
    model = model_of(lambda: layers.Dense(3), lambda: Doubling(0.5), lambda: layers.BatchNormalization())
    np.testing.assert_allclose(model.freeze()(samples()), model.predict(samples()), rtol=1e-12)
