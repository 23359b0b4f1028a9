"""The model as a structure: layers, shapes, names, weights, copies."""

import copy
import json
import pickle

import numpy as np
import pytest
from helpers import FEATURES, assert_same_weights, bits, classifier, labels, model_of, one_hot, regressor, samples

import fastnn
from fastnn import layers


def dense(units=3, **options):
    return lambda: layers.Dense(units, **options)


def test_builds_from_an_input_an_input_shape_or_the_first_data():
    declared = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3)])
    from_layer = fastnn.Sequential([layers.Dense(3, input_shape=(4,))])
    deferred = fastnn.Sequential([layers.Dense(3)])
    assert declared.built and from_layer.built and not deferred.built
    assert deferred.predict(samples(5)).shape == (5, 3)
    assert {m.count_params() for m in (declared, from_layer, deferred)} == {15}
    assert {m.input_shape for m in (declared, from_layer, deferred)} == {(None, 4)}


def test_fit_and_build_build_too():
    fitted = fastnn.Sequential([layers.Dense(1)])
    fitted.compile("sgd", "mse")
    fitted.fit(samples(), np.zeros(23), verbose=0)
    explicit = fastnn.Sequential([layers.Dense(1)])
    explicit.build((None, FEATURES))
    assert fitted.output_shape == explicit.output_shape == (None, 1)


def test_add_and_pop():
    model = fastnn.Sequential()
    for layer in (fastnn.Input((4,)), layers.Dense(5), layers.Dense(2)):
        model.add(layer)
    assert [layer.units for layer in model.layers] == [5, 2]
    assert model.pop().units == 2
    assert model.output_shape == (None, 5)


def test_layers_without_weights_can_come_and_go_between_predictions():
    model, x = model_of(dense()), samples()
    before = model.predict(x)
    model.add(layers.Activation("softmax"))
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1)
    model.pop()
    np.testing.assert_array_equal(model.predict(x), before)


def test_training_goes_on_after_a_layer_was_added():
    model, x, y = regressor(), samples(), np.ones(23)
    model.fit(x, y, verbose=0)
    model.add(layers.Dense(1))
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_input_shapes_of_several_axes():
    model = model_of(layers.Flatten, dense(2), features=(2, 3))
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model(samples(5, 2, 3)), model.predict(samples(5, 2, 3)))


def test_weights_are_in_order_and_copies():
    model = classifier()
    names = [p.name for p in model.weights]
    assert names == ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias"]
    assert len(model.trainable_weights) == 6 and len(model.non_trainable_weights) == 2
    model.get_weights()[0][:] = 7
    assert not np.any(model.get_weights()[0] == 7)


def test_set_weights_round_trip():
    a, b = classifier(seed=1), classifier(seed=2)
    b.set_weights(a.get_weights())
    assert_same_weights(a, b)
    np.testing.assert_array_equal(a.predict(samples()), b.predict(samples()))


def replaced(last):
    return lambda weights: [*(w + 1 for w in weights[:-1]), last]


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w[:-1],
        lambda w: [],
        replaced(np.zeros(7)),
        replaced(np.array(["a", "b", "c"])),
        replaced([[1, 2], [3]]),
        replaced(np.ones(3) * 1j),
        replaced(None),
    ],
    ids=["one short", "none", "shape", "text", "ragged", "complex", "None"],
)
def test_set_weights_is_all_or_nothing(change):
    model = classifier()
    before = bits(model)
    with pytest.raises(ValueError, match="model"):
        model.set_weights(change(model.get_weights()))
    assert bits(model) == before


def test_assigned_parameters_are_seen_by_the_trained_model():
    model = regressor()
    model.fit(samples(), np.ones(23), verbose=0)
    kernel, bias = model.weights
    kernel.assign(np.zeros((4, 1)))
    bias.assign([2.0])
    np.testing.assert_array_equal(model.predict(samples()), np.full((23, 1), 2.0))


def test_weights_look_like_arrays():
    kernel = model_of(dense()).weights[0]
    np.testing.assert_array_equal(np.asarray(kernel), kernel.numpy())
    assert np.asarray(kernel, dtype=np.float32).dtype == np.float32
    assert "kernel, shape=(4, 3), dtype=float64, value=[[" in repr(kernel)


def test_summary_counts(capsys):
    classifier().summary()
    text = capsys.readouterr().out
    for expected in ("hidden (Dense)", "(None, 6)", "Total params: 75", "Trainable params: 63", "Non-trainable params: 12"):
        assert expected in text


def test_summary_of_an_unbuilt_model_and_other_printers():
    lines = []
    fastnn.Sequential([layers.Dense(3)]).summary(line_length=100, print_fn=lines.append)
    assert "unbuilt" in lines[0]
    assert {len(line) for line in lines[0].splitlines() if line.startswith(("│", "┌", "└"))} == {100}


def test_get_layer():
    model = classifier()
    assert model.get_layer("norm") is model.layers[1] is model.get_layer(index=1)
    for wrong in ({"name": "nothing"}, {"index": 9}, {}, {"name": "norm", "index": 1}):
        with pytest.raises(ValueError):
            model.get_layer(**wrong)


def test_automatic_names_differ():
    names = [layer.name for layer in fastnn.Sequential([layers.Dense(1), layers.Dense(1), layers.BatchNormalization()]).layers]
    assert len(set(names)) == 3 and names[2].startswith("batch_normalization")


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: fastnn.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]), ValueError, "'a'"),
        (lambda: fastnn.Sequential([layers.Dense(1), fastnn.Input((4,))]), ValueError, "first"),
        (lambda: fastnn.Sequential([fastnn.Input((4,)), fastnn.Input((4,))]), ValueError, "first"),
        (lambda: fastnn.Sequential([3]), TypeError, "layer"),
        (lambda: fastnn.Sequential([layers.Dense]), TypeError, "layer"),
        (lambda: fastnn.Sequential(["dense"]), TypeError, "layer"),
        (lambda: fastnn.Sequential(dtype="float16"), ValueError, "float16"),
        (lambda: fastnn.Sequential().pop(), ValueError, "no layers"),
        (lambda: fastnn.Sequential().build((None, 3)), ValueError, "no layers"),
        (lambda: fastnn.Sequential([layers.Dense(1)]).count_params(), ValueError, "built"),
        (lambda: fastnn.Sequential([layers.Dense(1)]).build((None, 0)), ValueError, "positive"),
        (lambda: fastnn.Sequential([layers.Dense(1)]).build((None, None)), ValueError, "positive"),
        (lambda: fastnn.Sequential([layers.Dense(1)]).predict(np.zeros(3)), ValueError, "positive"),
        (lambda: fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)]).build((None, 5)), ValueError, "4"),
    ],
)
def test_refuses(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_a_layer_that_does_not_fit_is_not_added():
    other = model_of(dense(2, name="small"), features=9)
    model = model_of(dense(3))
    with pytest.raises(ValueError, match="small"):
        model.add(other.layers[0])
    assert model.output_shape == (None, 3)


def test_layers_of_another_dtype_are_refused():
    shared = model_of(dense(3), dtype="float32").layers[0]
    with pytest.raises(ValueError, match="float32"):
        fastnn.Sequential([fastnn.Input((4,)), shared], dtype="float64")


def shared_pair():
    """An encoder, and a model that trains it further."""
    body = model_of(dense(3, activation="tanh", name="shared"), optimizer="sgd", loss="mse", name="body")
    whole = fastnn.Sequential([fastnn.Input((4,)), *body.layers, layers.Dense(1, name="head")], dtype="float64")
    whole.compile("sgd", "mse")
    return body, whole


def test_models_share_layers():
    body, whole = shared_pair()
    x, first = samples(), body.predict(samples())
    whole.fit(x, np.ones(23), verbose=0)
    assert not np.array_equal(body.predict(x), first)
    body.fit(x, np.zeros((23, 3)), verbose=0)
    kernel, bias = (w.value for w in whole.layers[1].weights)
    np.testing.assert_allclose(whole.predict(x), body.predict(x) @ kernel + bias)


def test_models_that_share_layers_can_train_in_turns():
    body, whole = shared_pair()
    x = samples()
    for _ in range(2):
        for model, y in ((body, np.zeros((23, 3))), (whole, np.ones(23))):
            before = model.get_weights()
            model.train_on_batch(x, y)
            assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_callback_may_train_a_model_that_shares_layers():
    body, whole = shared_pair()
    x, y = samples(), np.ones(23)
    kernels = []

    def step_of_the_other(batch, logs):
        body.train_on_batch(x, np.zeros((23, 3)))
        kernels.append(whole.get_weights()[0])

    watch = fastnn.callbacks.LambdaCallback(
        on_train_batch_begin=step_of_the_other, on_train_batch_end=lambda batch, logs: kernels.append(whole.get_weights()[0])
    )
    whole.fit(x, y, batch_size=8, verbose=0, callbacks=watch)
    assert len({kernel.tobytes() for kernel in kernels}) == 6


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_train_on_like_the_original(duplicate):
    model = classifier()
    model.fit(samples(), labels(), epochs=2, verbose=0)
    twin = duplicate(model)
    before = bits(model)
    twin.fit(samples(), labels(), epochs=2, verbose=0)
    assert bits(model) == before
    model.fit(samples(), labels(), epochs=2, verbose=0)
    assert bits(twin) == bits(model) != before


def test_config_round_trip():
    model = classifier()
    again = fastnn.Sequential.from_config(json.loads(model.to_json())["config"])
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(samples()), model.predict(samples()))


def test_the_same_seed_builds_the_same_weights():
    assert_same_weights(classifier(seed=3), classifier(seed=3))
    assert not np.array_equal(classifier(seed=3).get_weights()[0], classifier(seed=4).get_weights()[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_has_the_models_dtype(dtype):
    model = classifier(dtype=dtype)
    model.fit(samples(), labels(), verbose=0)
    assert {w.dtype.name for w in model.get_weights()} == {model.predict(samples()).dtype.name} == {dtype}


def test_call_returns_arrays_of_the_callers_own():
    model, x = model_of(dense()), samples()
    first = model(x)
    kept = first.copy()
    model(x + 1)
    np.testing.assert_array_equal(first, kept)


def test_wrong_data_does_not_build_a_model():
    model = fastnn.Sequential([layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    for x, y in ((samples(), labels() + 1), (samples(), one_hot()), (np.full((23, 4), np.nan), labels()), (samples(), labels()[1:])):
        with pytest.raises(ValueError):
            model.fit(x, y, verbose=0)
        assert not model.built
    model.fit(samples(23, 9), labels(), verbose=0)
    assert model.input_shape == (None, 9)


def test_flatten_after_softmax_keeps_the_loss_of_the_flat_output():
    """The softmax runs over another axis than the loss, so the two must not be fused."""
    model = model_of(dense(4, activation="softmax"), layers.Flatten, features=(3, 4), optimizer="sgd", loss="categorical_crossentropy")
    x, y = samples(12, 3, 4), np.eye(12)
    expected = fastnn.losses.CategoricalCrossentropy()(y, model.predict(x))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(float(expected))
    assert model.train_on_batch(x, y) == pytest.approx(float(expected))
