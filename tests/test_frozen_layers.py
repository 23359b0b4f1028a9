"""Layers that aren't trained: what is computed for them, listed, saved, and what stays."""

import numpy as np
import pytest
from helpers import BACKENDS, labels, model_of, samples

import fastnn
from fastnn import layers


@pytest.fixture(params=BACKENDS, autouse=True)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


STACK = [
    lambda: layers.Dense(8, activation="tanh", kernel_regularizer="l2", name="first"),
    lambda: layers.BatchNormalization(name="norm"),
    lambda: layers.Dense(6, activation="relu", name="second"),
    lambda: layers.Dense(3, activation="softmax", name="out"),
]


def network(frozen=(), **options):
    model = model_of(*STACK, **options)
    for name in frozen:
        model.get_layer(name).trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def backward_ops(model, n=23):
    return [call.op.name for call in model._lowered(n, True, False, model.optimizer.form).program.backward_calls]


@pytest.mark.parametrize("frozen", [["first"], ["first", "norm"], ["second"], ["norm", "out"], ["first", "norm", "second"]], ids=str)
def test_frozen_layers_keep_their_numbers_and_others_learn(frozen):
    model = network(frozen)
    before = {name: p.numpy() for layer in model.layers for name, p in layer.named_weights()}
    model.fit(samples(), labels(), epochs=3, verbose=0)
    for layer in model.layers:
        changed = [not np.array_equal(before[name], p.value) for name, p in layer.named_weights()]
        assert not any(changed) if layer.name in frozen else all(changed)


def test_the_others_learn_what_they_would_behind_the_same_features():
    model = network(["first", "norm"])
    alone = model_of(*STACK[2:], features=8)
    alone.set_weights(model.get_weights()[6:])
    alone.compile("sgd", "sparse_categorical_crossentropy")
    features = model.layers[1](model.layers[0](samples()))
    for each, x in (model, samples()), (alone, features):
        each.fit(x, labels(), epochs=3, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights()[6:], alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_nothing_is_computed_for_them():
    model = network(["first", "norm"])
    model.fit(samples(), labels(), epochs=1, verbose=0)
    calls = backward_ops(model)
    assert calls.count("dense_backward_kernel") == calls.count("dense_backward_bias") == 2
    assert calls.count("dense_backward_input") == 1 and not any(name.startswith("batch_norm") for name in calls)


def test_no_gradient_of_the_input_is_computed_through_what_has_no_parameters():
    model = model_of(lambda: layers.Activation("tanh"), lambda: layers.Dense(1), optimizer="sgd", loss="mse")
    model.fit(samples(), samples(23, 1), epochs=1, verbose=0)
    assert backward_ops(model) == ["dense_backward_kernel", "dense_backward_bias"]


def test_the_gradient_passes_a_frozen_layer_in_the_middle():
    model, free = network(["norm", "second"]), network()
    for each in model, free:
        each.get_layer("norm").momentum = 1.0
        each.fit(samples(), labels(), epochs=1, batch_size=23, verbose=0)
    assert backward_ops(model).count("dense_backward_input") == 2
    assert not np.array_equal(model.get_layer("first").kernel.value, network().get_layer("first").kernel.value)


def test_frozen_batch_normalization_uses_its_averages_in_training():
    model = network(["norm"])
    model.get_layer("norm").moving_mean.assign(np.full(8, 0.3))
    expected = model.predict(samples())
    np.testing.assert_allclose(model(samples(), training=True), expected, rtol=1e-13)
    assert not np.allclose(network()(samples(), training=True), expected)


def test_penalties_of_frozen_layers_are_off_as_in_keras():
    free, frozen = network(), network(["first"])
    penalty = free.get_layer("first").kernel_regularizer(free.get_layer("first").kernel)
    losses = [model.evaluate(samples(), labels(), verbose=0) for model in (free, frozen)]
    assert losses[0] - losses[1] == pytest.approx(penalty, rel=1e-9)


def test_lists_and_counts(capsys):
    model = network(["first"])
    assert [p.name for p in model.trainable_weights] == ["gamma", "beta", "kernel", "bias", "kernel", "bias"]
    assert len(model.non_trainable_weights) == 4 and len(model.weights) == 10
    assert model.trainable
    model.summary()
    assert "Non-trainable params: 56 " in capsys.readouterr().out
    before = model.get_weights()
    model.trainable = False
    assert not model.trainable and model.trainable_weights == [] and not model.get_layer("out").trainable
    for a, b in zip(model.get_weights(), before, strict=True):  # their order doesn't depend on it
        np.testing.assert_array_equal(a, b)
    model.trainable = True
    assert len(model.trainable_weights) == 8


def test_a_model_without_anything_to_train_stays_what_it_is():
    model = model_of(*STACK)
    model.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    history = model.fit(samples(), labels(), epochs=2, verbose=0).history
    assert history["loss"][0] == pytest.approx(history["loss"][1])
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_saved_and_loaded_it_goes_on_as_it_would_have(tmp_path, momentum):
    model = network(["first", "norm"])
    model.compile(fastnn.optimizers.SGD(0.1, momentum=momentum), "sparse_categorical_crossentropy")
    model.fit(samples(), labels(), epochs=2, verbose=0)
    model.save(tmp_path / "model.fnn")
    again = fastnn.load_model(tmp_path / "model.fnn")
    assert [layer.trainable for layer in again.layers] == [False, False, True, True]
    for each in model, again:
        each.fit(samples(), labels(), epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_thawed_and_compiled_again_all_learn():
    model = network(["first", "norm"])
    model.fit(samples(), labels(), epochs=1, verbose=0)
    model.trainable = True
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(samples(), labels(), epochs=1, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


def test_a_layer_is_made_frozen():
    layer = layers.Dense(3, trainable=False)
    layer.build((None, 2))
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 2
    assert layers.get(layer.serialized()).trainable is False
