"""Losses that users write as a formula: trained with the gradient of autodiff, on both backends."""

import copy
import pickle

import numpy as np
import pytest
from helpers import BACKENDS, bits, classifier, diverging, labels, model_of, one_hot, regressor, samples

import fastnn
from fastnn import layers, losses
from fastnn.losses import FunctionLoss, Loss, MeanSquaredError

X, LABELS, ONE_HOT = samples(), labels(), one_hot()
Y = (X @ [1.0, -2.0, 0.5, 3.0] + 1)[:, None]
WEIGHTS = np.random.default_rng(4).uniform(0.1, 2, len(X))


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


@pytest.fixture
def registered():
    """Forget afterwards what a test registers."""
    catalogue = losses.losses
    before = dict(catalogue.members), dict(catalogue._aliases)
    yield losses.register
    catalogue.members, catalogue._aliases = before


def squared(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2, axis=-1)


def squared_of_all(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)


def squared_in_a_column(y_true, y_pred):
    return (y_true - y_pred) ** 2


def crossentropy(y_true, y_pred):
    return -np.sum(y_true * np.log(y_pred), axis=-1)


def crossentropy_of_labels(y_true, y_pred):
    return -np.log(y_pred[np.arange(len(y_pred)), y_true])


def trained(model, y, **options):
    fastnn.utils.set_random_seed(9)
    history = model.fit(X, y, batch_size=5, epochs=3, verbose=0, **options)
    return history.history, model.get_weights(), model.evaluate(X, y, verbose=0)


def assert_same_training(make, custom, builtin, y, **options):
    got, expected = trained(make(loss=custom), y, **options), trained(make(loss=builtin), y, **options)
    for a, b in zip(got[0].values(), expected[0].values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    for a, b in zip(got[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-9)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("formula", [squared, squared_in_a_column])
def test_trains_as_the_builtin_loss_does(formula, reduction, weights):
    custom, builtin = FunctionLoss(formula, reduction=reduction), losses.MeanSquaredError(reduction)
    assert_same_training(regressor, custom, builtin, Y, sample_weight=weights, validation_split=0.3)


def test_one_number_for_the_batch_is_its_loss():
    assert_same_training(regressor, squared_of_all, "mse", Y)


def test_several_outputs_and_dropout_and_penalties():
    """The built-in losses on probabilities normalise them, which changes the gradient by what the softmax removes."""
    assert_same_training(classifier, crossentropy, "categorical_crossentropy", ONE_HOT)


def test_labels():
    assert_same_training(classifier, FunctionLoss(crossentropy_of_labels, sparse=True), "sparse_categorical_crossentropy", LABELS)


def test_float32_is_kept():
    seen = []

    def looking(y_true, y_pred):
        seen.append((y_true.dtype, y_pred.dtype))
        return squared(y_true, y_pred)

    model = regressor(loss=looking, dtype="float32")
    model.fit(X, Y, epochs=1, verbose=0)
    assert {d for pair in seen for d in pair} == {np.dtype(np.float32)}
    assert model.get_weights()[0].dtype == np.float32


def test_both_backends_train_alike():
    def run(name):
        with fastnn.backend.use(name):
            return trained(classifier(loss=crossentropy, metrics=["accuracy"]), ONE_HOT)

    found = [run(name) for name in BACKENDS]
    for other in found[1:]:
        for a, b in zip(found[0][1], other[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_called_on_arrays_as_any_loss():
    loss = losses.get(squared)
    assert loss.name == "squared" and isinstance(loss, FunctionLoss)
    assert loss([[1.0, 2.0]], [[3.0, 2.0]]) == 2.0
    assert loss([[1.0], [2.0]], [[3.0], [2.0]], sample_weight=[3, 1]) == 6.0
    assert FunctionLoss(squared, reduction="none")([[1.0], [2.0]], [[3.0], [2.0]]).tolist() == [4, 0]
    assert losses.get(loss) is loss
    assert FunctionLoss(squared, name="mine").name == "mine" and "squared" in repr(loss)


def test_a_subclass_gives_the_formula_as_a_method(registered):
    @registered("quantile2")
    class Pinball(Loss):
        def __init__(self, quantile=0.5, reduction="sum_over_batch_size", name="pinball"):
            super().__init__(reduction, name)
            self.quantile = quantile

        def call(self, y_true, y_pred):
            d = y_true - y_pred
            return np.mean(np.maximum(self.quantile * d, (self.quantile - 1) * d), axis=-1)

    assert_same_training(regressor, Pinball(0.5), FunctionLoss(lambda t, y: np.mean(np.abs(t - y), axis=-1) / 2), Y)
    again = losses.get(losses.serialize(Pinball(0.9)))
    assert isinstance(again, Pinball) and again.quantile == 0.9
    assert isinstance(losses.get("quantile2"), Pinball)


def test_a_subclass_as_the_guides_of_keras_write_it():
    """A class that names itself, and a formula in place of that of a loss which has one."""

    class Held(Loss):
        def __init__(self, factor=0.1, name="held"):
            super().__init__(name=name)
            self.factor = factor

        def call(self, y_true, y_pred):
            return np.mean(np.square(y_true - y_pred), axis=-1) + self.factor * np.mean(np.square(0.5 - y_pred), axis=-1)

    class Cubed(MeanSquaredError):
        def call(self, y_true, y_pred):
            return np.mean(np.abs(y_true - y_pred) ** 3, axis=-1)

    class Unnamed(Loss):
        def call(self, y_true, y_pred):
            return np.mean(np.square(y_true - y_pred), axis=-1)

    assert Held(0.0)([[1.0]], [[3.0]]) == 4.0
    assert Cubed()([[1.0]], [[3.0]]) == 8.0
    assert Unnamed().name == "Unnamed"
    assert_same_training(regressor, Held(0.0), "mse", Y)
    assert_same_training(regressor, Unnamed(), "mse", Y)


class Stretched(Loss):
    def __init__(self, by=1.0, reduction="sum_over_batch_size", name="stretched"):
        super().__init__(reduction, name)
        self.by = by

    def call(self, y_true, y_pred):
        return self.by * np.mean((y_true - y_pred) ** 2, axis=-1)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
@pytest.mark.parametrize("loss", [Stretched(3.0), FunctionLoss(squared)])
def test_copies_compute_their_own_formula(copied, loss):
    """Their ops have names that other ops may have, too."""
    again = copied(loss)
    assert again([[1.0], [2.0]], [[3.0], [2.0]]) == loss([[1.0], [2.0]], [[3.0], [2.0]])
    assert_same_training(regressor, again, loss, Y)
    if copied is not copy.copy and isinstance(again, Stretched):
        again.by = 6.0
        assert again([[1.0]], [[2.0]]) == 2 * loss([[1.0]], [[2.0]]) == 6.0


def test_a_copied_model_trains_on():
    model = regressor(loss=squared)
    model.fit(X, Y, verbose=0)
    for again in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        again.fit(X, Y, verbose=0)
        assert again.history.history["loss"][-1] < model.history.history["loss"][0]


def test_an_op_that_is_not_declared_is_not_taken_for_another():
    with pytest.raises(TypeError, match=r"dense.*isn't declared"):
        pickle.dumps(FunctionLoss(squared).function.op)


def test_a_class_without_formula_says_so():
    with pytest.raises(NotImplementedError, match="Empty needs a method call"):
        type("Empty", (Loss,), {})()([[1.0]], [[1.0]])


# --------------------------------------------------------------------------------------------------- saving


def test_an_unregistered_function_cannot_be_saved(tmp_path):
    model = regressor(loss=squared)
    with pytest.raises(TypeError, match=r"loss 'squared' is a Python function.*register"):
        model.save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


def test_a_registered_function_is_saved_and_trains_on(registered, tmp_path):
    registered("sq")(squared)
    model = regressor(loss=squared)
    assert isinstance(model.loss, Loss) and not isinstance(model.loss, FunctionLoss)
    assert type(losses.get("sq")) is type(losses.get("squared")) is type(model.loss)
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.npz")
    loaded = fastnn.load_model(tmp_path / "model.npz")
    assert type(loaded.loss) is type(model.loss)
    for each in model, loaded:
        fastnn.utils.set_random_seed(3)
        each.fit(X, Y, epochs=1, verbose=0)
    assert bits(loaded) == bits(model)


def test_registered_with_labels(registered):
    registered(sparse=True)(crossentropy_of_labels)
    assert_same_training(classifier, "crossentropy_of_labels", "sparse_categorical_crossentropy", LABELS)


# --------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("formula", "error", "words"),
    [
        (lambda t, y: (t - y) ** 2, ValueError, r"loss '<lambda>' must give one value a sample, shape \(5,\).*\(5, 2\).*mean"),
        (lambda t, y: np.fft.fft(y), TypeError, "np.fft.fft"),
        (lambda t, y: None, TypeError, "must return"),
        (lambda t, y: t.__setitem__(0, 0.0), ValueError, "read-only"),
        (lambda t, y: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_what_goes_wrong_leaves_the_weights(formula, error, words):
    model = regressor(loss=formula, units=2)
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(error, match=words):
        model.fit(X, np.hstack([Y, Y]), batch_size=5, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="fn must be a function"):
        FunctionLoss(3)
    with pytest.raises(ValueError, match="reduction"):
        FunctionLoss(squared, reduction="average")


@diverging
def test_non_finite_losses_show_and_warn_of_nothing():
    model = model_of(lambda: layers.Dense(1), optimizer="sgd", loss=lambda t, y: np.log(y - y)[:, 0])
    assert not np.isfinite(model.fit(X, Y, epochs=1, verbose=0).history["loss"][0])


def test_builtin_losses_add_up_to_a_new_one():
    def both(y_true, y_pred):
        return losses.mean_squared_error(y_true, y_pred) + 0.5 * losses.huber(y_true, fastnn.activations.tanh(y_pred))

    def by_hand(y_true, y_pred):
        d = y_true - np.tanh(y_pred)
        small = np.minimum(np.abs(d), 1.0)
        return np.mean((y_true - y_pred) ** 2 + 0.5 * small * (np.abs(d) - 0.5 * small), axis=-1)

    assert_same_training(regressor, both, by_hand, Y)


@pytest.mark.parametrize("base", [Loss, fastnn.metrics.Metric, fastnn.metrics.Mean])
def test_configurations_as_the_guides_of_keras_write_them(base):
    """Shared arguments passed on as ``**kwargs``, and own ones added by get_config, kept under whatever name."""

    class Scaled(base):
        def __init__(self, scale=1.0, **kwargs):
            super().__init__(**kwargs)
            self._scale = scale

        def reset_state(self):
            pass

        def call(self, y_true, y_pred):
            return self._scale * np.mean(np.square(y_true - y_pred), axis=-1)

        def get_config(self):
            return {**super().get_config(), "scale": self._scale}

    again = Scaled.from_config(Scaled(3.0, name="mine").get_config())
    assert again._scale == 3.0 and again.name == "mine"

    class Forgetful(base):
        def __init__(self, scale=1.0, **kwargs):
            super().__init__(**kwargs)

        def reset_state(self):
            pass

    with pytest.raises(TypeError, match=r"keep the constructor's argument 'scale' as self.scale, or define get_config"):
        Forgetful().get_config()
