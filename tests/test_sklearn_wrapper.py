"""Any Sequential as a scikit-learn estimator."""

import copy
import inspect
import pickle
import threading

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_breast_cancer, load_diabetes, make_multilabel_classification
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.utils.estimator_checks import estimator_checks_generator

import fastnn
from fastnn import Sequential, callbacks, layers, losses, optimizers, random, utils
from fastnn.sklearn import FastNNClassifier, FastNNEstimator, FastNNRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = np.where(X[:, 0] > 0.3, "high", np.where(X[:, 1] > 0, "middle", "low"))
BINARY = np.where(X[:, 0] > 0, "yes", "no")
VALUES = X @ [1.0, -2.0, 0.5, 0.0] + 1


def plain(n_outputs, dtype="float32", units=16):
    return Sequential([layers.Dense(units, "relu"), layers.Dense(n_outputs)], dtype=dtype)


def soft(n_outputs):
    return Sequential([layers.Dense(16, "relu"), layers.Dense(n_outputs, "softmax")])


def single(activation="sigmoid"):
    return Sequential([layers.Dense(16, "relu"), layers.Dense(1, activation)])


def compiled(n_features_in_, n_classes):
    model = Sequential([fastnn.Input((n_features_in_,)), layers.Dense(n_classes, "softmax")])
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy", metrics=["accuracy"])
    return model


def classifier(model_fn=plain, **options):
    return FastNNClassifier(model_fn, **{"random_state": 0, "epochs": 30, "optimizer_params": {"learning_rate": 0.02}, **options})


def regressor(model_fn=plain, **options):
    return FastNNRegressor(model_fn, **{"random_state": 0, "epochs": 30, "optimizer_params": {"learning_rate": 0.02}, **options})


ESTIMATORS = [
    FastNNClassifier(plain, optimizer__learning_rate=0.01, batch_size=200),
    FastNNRegressor(plain, optimizer__learning_rate=0.05, batch_size=200, epochs=200),
    FastNNEstimator(plain, loss="mse"),
]


def every_check():
    return [pytest.param(e, c, id=f"{type(e).__name__}-{i}") for e in ESTIMATORS for i, (_, c) in enumerate(estimator_checks_generator(e))]


@pytest.mark.parametrize(("estimator", "check"), every_check())
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, check):
    check(clone(estimator))


# ---------------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize("model_fn", [plain, soft, compiled])
def test_classes_of_any_labels(model_fn):
    options = {"optimizer_params": None} if model_fn is compiled else {}
    fitted = classifier(model_fn, **options).fit(X, Y)
    assert fitted.classes_.tolist() == ["high", "low", "middle"]
    assert fitted.score(X, Y) > 0.8
    p = fitted.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[p.argmax(axis=1)], fitted.predict(X))
    np.testing.assert_array_equal(fitted.predict_log_proba(X), np.log(p))


@pytest.mark.parametrize("labels", [[False, True], [-1, 1], [10, 20], ["a", "b"], np.array(["a", "b"], object), [0.0, 1.0]])
def test_labels_come_back_as_they_were(labels):
    labels = np.asarray(labels)
    predicted = classifier().fit(X, labels[(X[:, 0] > 0).astype(int)]).predict(X)
    assert predicted.dtype == labels.dtype
    assert set(predicted) <= set(labels)


@pytest.mark.parametrize(
    ("model_fn", "loss"),
    [
        (plain, None),
        (soft, None),
        (soft, "sparse_categorical_crossentropy"),
        (soft, "categorical_crossentropy"),
        (plain, losses.CategoricalCrossentropy(from_logits=True)),
        (plain, "mse"),
        (plain, "categorical_hinge"),
        (plain, "multi_margin"),
        (single, None),
        (single, "binary_focal_crossentropy"),
        (lambda: single(None), None),
        (lambda: single(None), losses.BinaryCrossentropy(from_logits=True)),
        (lambda: single(None), "hinge"),
        (lambda: single("tanh"), "squared_hinge"),
        (lambda: single(None), "mse"),
    ],
)
def test_two_classes_by_any_loss(model_fn, loss):
    fitted = classifier(model_fn, loss=loss).fit(X, BINARY)
    assert fitted.score(X, BINARY) > 0.9
    given = fitted.model_.loss.from_logits or model_fn in (soft, single)
    assert hasattr(fitted, "predict_proba") == given
    if given:
        p = fitted.predict_proba(X)
        assert p.shape == (120, 2)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(fitted.classes_[(p[:, 1] > 0.5).astype(int)], fitted.predict(X))


def test_probabilities_are_the_models():
    fitted = classifier(single).fit(X, BINARY)
    np.testing.assert_array_equal(fitted.predict_proba(X)[:, 1:], fitted.model_.predict(X))
    logits = classifier(lambda: single(None)).fit(X, BINARY)
    np.testing.assert_allclose(logits.predict_proba(X)[:, 1:], 1 / (1 + np.exp(-logits.model_.predict(X))), rtol=1e-5)


def test_a_hinge_loss_gives_no_probabilities():
    fitted = classifier(loss="categorical_hinge").fit(X, Y)
    with pytest.raises(AttributeError, match="predict_proba"):
        fitted.predict_proba(X)


def test_several_labels_a_sample():
    x, y = make_multilabel_classification(n_samples=150, n_features=8, n_classes=3, random_state=0)
    for model_fn in plain, lambda n_outputs: Sequential([layers.Dense(16, "relu"), layers.Dense(n_outputs, "sigmoid")]):
        fitted = classifier(model_fn).fit(x, y)
        assert fitted.predict(x).shape == fitted.predict_proba(x).shape == y.shape
        np.testing.assert_array_equal(fitted.predict(x), fitted.predict_proba(x) > 0.5)
        assert (fitted.predict(x) == y).mean() > 0.85
        assert fitted.classes_.tolist() == [0, 1, 2]


def test_one_class_is_what_it_predicts():
    for model_fn in plain, single, soft:
        fitted = classifier(model_fn).fit(X, np.full(120, "same"))
        assert set(fitted.predict(X)) == {"same"}
        assert fitted.predict_proba(X).tolist() == [[1.0]] * 120


def test_a_column_of_labels_warns():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        fitted = classifier().fit(X, Y[:, None])
    np.testing.assert_array_equal(fitted.predict(X), classifier().fit(X, Y).predict(X))


def test_class_weight():
    rare = np.where(X[:, 0] > 1.0, "rare", "common")
    noisy = np.where(RNG.uniform(size=120) < 0.2, "common", rare)
    shares = [(classifier(epochs=15, class_weight=w).fit(X, noisy).predict(X) == "rare").mean() for w in (None, "balanced", {"rare": 50.0})]
    assert shares[0] < shares[1] < shares[2]
    free = classifier(epochs=1, optimizer_params={"learning_rate": 0.0}, validation_split=0.5)
    validated = [clone(free).set_params(class_weight=w).fit(X, Y).history_["val_loss"] for w in (None, {"low": 9.0})]
    assert validated[0] == validated[1]  # what it is judged by isn't weighted
    by_hand = classifier(epochs=5).fit(X, Y, sample_weight=np.where(Y == "low", 3.0, 1.0))
    by_class = classifier(epochs=5, class_weight={"low": 3.0}).fit(X, Y)
    np.testing.assert_array_equal(by_hand.predict_proba(X), by_class.predict_proba(X))


# ---------------------------------------------------------------------------------------------------- numbers


def test_regression():
    x, y = load_diabetes(return_X_y=True)
    fitted = regressor(epochs=100).fit(10 * x, y / 100)
    assert fitted.score(10 * x, y / 100) > 0.4
    assert fitted.predict(x).shape == y.shape
    assert fitted.model_.loss.name == "mean_squared_error"


def test_targets_shape_is_kept():
    several = np.stack([VALUES, -VALUES], 1)
    assert regressor(epochs=1).fit(X, several).predict(X).shape == (120, 2)
    assert regressor(epochs=1).fit(X, VALUES[:, None]).predict(X).shape == (120, 1)
    assert regressor(epochs=1).fit(X, VALUES).predict(X).shape == (120,)


def test_the_general_one_gives_what_the_network_gives():
    def model_fn():
        return Sequential([layers.Dense(2)])

    fitted = FastNNEstimator(model_fn, loss=losses.Quantile([0.1, 0.9]), epochs=300, random_state=0).fit(X, VALUES)
    np.testing.assert_array_equal(fitted.predict(X), fitted.model_.predict(X))
    low, high = fitted.predict(X).T
    assert (low < high).mean() > 0.9
    assert fitted.score(X, VALUES) == pytest.approx(-fitted.model_.evaluate(X, VALUES, verbose=0))
    assert not is_classifier(fitted) and not is_regressor(fitted)


# ---------------------------------------------------------------------------------------------------- model_fn


def test_scikit_learn_knows_the_kind_before_fit():
    assert is_classifier(classifier()) and not is_regressor(classifier())
    assert is_regressor(regressor()) and not is_classifier(regressor())


def test_model_fn_is_told_what_it_asks_for():
    told = {}

    def model_fn(n_features_in_, input_shape, n_outputs, n_classes, dtype, units, depth=1):
        told.update({name: value for name, value in locals().items() if name != "told"})
        return plain(n_outputs)

    classifier(model_fn, epochs=1, model__units=5, model_params={"depth": 3}).fit(X.astype("float32"), Y)
    assert told == {
        "n_features_in_": 4,
        "input_shape": (4,),
        "n_outputs": 3,
        "n_classes": 3,
        "dtype": "float32",
        "units": 5,
        "depth": 3,
    }


def test_what_the_user_says_goes_before_what_is_known():
    assert regressor(plain, epochs=1, model__dtype="float64").fit(X.astype("float32"), VALUES).model_.dtype == "float64"


def test_samples_with_several_axes():
    (x, y), _ = fastnn.datasets.digits.load_data()

    def model_fn(input_shape, n_outputs):
        return Sequential([fastnn.Input(input_shape), layers.Flatten(), layers.Dense(n_outputs)])

    assert classifier(model_fn, epochs=5).fit(x / 16, y).score(x / 16, y) > 0.9


def test_layers_that_scale_see_the_samples_to_train_on():
    def model_fn(n_outputs):
        return Sequential([layers.Normalization(), layers.Flatten(), layers.Normalization(), layers.Dense(n_outputs)])

    x = 1000 * X + 5000
    fitted = classifier(model_fn, validation_split=0.5, epochs=60).fit(x, BINARY)
    first, _, second, _ = fitted.model_.layers
    estimator = classifier(model_fn, validation_split=0.5)
    seen = estimator._held_out(*estimator._checked(x, BINARY, True), None, None, None, estimator._seed())[0]
    np.testing.assert_allclose(np.ravel(first.mean), seen.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(second.variance, 1, rtol=1e-3)
    assert fitted.score(x, BINARY) > 0.9


def test_optimizer_and_loss_by_name_object_and_parameters():
    for options in ({"optimizer": "sgd"}, {"optimizer": optimizers.SGD}, {"optimizer": optimizers.SGD(0.5)}):
        fitted = regressor(**options, optimizer__momentum=0.9, optimizer__learning_rate=0.003, epochs=2).fit(X, VALUES)
        assert (fitted.model_.optimizer.momentum, fitted.model_.optimizer.learning_rate) == (0.9, 0.003)
        assert type(fitted.model_.optimizer) is optimizers.SGD
    schedule = optimizers.schedules.CosineDecay(0.1, 10)
    fitted = regressor(optimizer=optimizers.SGD(schedule), optimizer_params={"momentum": 0.5}, epochs=2).fit(X, VALUES)
    assert isinstance(fitted.model_.optimizer._learning_rate, optimizers.schedules.CosineDecay)
    assert regressor(loss="huber", loss__delta=0.3, epochs=1).fit(X, VALUES).model_.loss.delta == 0.3


def test_an_optimizer_object_serves_several_fits():
    adam = optimizers.Adam(0.01)
    estimator = FastNNRegressor(plain, optimizer=adam, epochs=2, random_state=0)
    first = estimator.fit(X, VALUES).predict(X)
    np.testing.assert_array_equal(estimator.fit(X, VALUES).predict(X), first)
    assert not adam.built and estimator.optimizer is adam


# ---------------------------------------------------------------------------------------------------- parameters


def test_parameters_of_the_model_are_parameters():
    estimator = classifier(model__units=7)
    assert estimator.get_params()["model__units"] == 7
    assert estimator.get_params(deep=False)["model_params"] == {"units": 7}
    copied = clone(estimator).set_params(model__units=9, optimizer__learning_rate=0.5, epochs=3, loss__from_logits=True)
    assert (copied.model_params, copied.epochs, copied.loss_params) == ({"units": 9}, 3, {"from_logits": True})
    assert estimator.model_params == {"units": 7}
    assert "model_params={'units': 7}" in repr(estimator)


def test_the_signature_shows_all_parameters():
    base, more = (set(inspect.signature(kind).parameters) for kind in (FastNNEstimator, FastNNClassifier))
    assert more == base | {"class_weight"} and "options" not in more
    assert set(inspect.signature(FastNNRegressor).parameters) == base


def test_subclasses_may_fix_parameters():
    class Mine(FastNNRegressor):
        def __init__(self, units=4, epochs=2):
            super().__init__(plain, epochs=epochs, model__units=units)
            self.units = units

    assert set(Mine().get_params(deep=False)) == {"units", "epochs"}
    assert Mine(units=6).fit(X, VALUES).model_.layers[0].units == 6


# ---------------------------------------------------------------------------------------------------- training


def test_the_same_seed_gives_the_same_bits():
    a, b = (classifier(random_state=3, epochs=3).fit(X, Y) for _ in range(2))
    utils.set_random_seed(99)
    c, other = (classifier(random_state=seed, epochs=3).fit(X, Y) for seed in (3, 4))
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    np.testing.assert_array_equal(a.predict_proba(X), c.predict_proba(X))
    assert not np.array_equal(a.predict_proba(X), other.predict_proba(X))


def test_without_a_seed_the_global_one_counts():
    made = []
    for _ in range(2):
        utils.set_random_seed(5)
        made.append(regressor(random_state=None, epochs=2).fit(X, VALUES).predict(X))
    np.testing.assert_array_equal(*made)
    assert not np.array_equal(made[0], regressor(random_state=None, epochs=2).fit(X, VALUES).predict(X))


def test_threads_draw_from_generators_of_their_own():
    expected = {seed: regressor(random_state=seed, epochs=3).fit(X, VALUES).predict(X) for seed in range(6)}
    found = {}
    work = [
        threading.Thread(target=lambda s=seed: found.update({s: regressor(random_state=s, epochs=3).fit(X, VALUES).predict(X)}))
        for seed in expected
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    for seed, values in expected.items():
        np.testing.assert_array_equal(found[seed], values)


def test_history_and_validation():
    fitted = classifier(epochs=4, validation_split=0.25, metrics=["accuracy"]).fit(X, Y)
    assert {name: len(values) for name, values in fitted.history_.items()} == dict.fromkeys(
        ["loss", "accuracy", "val_loss", "val_accuracy"], 4
    )
    assert fitted.n_iter_ == 4
    own = classifier(epochs=4, metrics=["accuracy"]).fit(X[:80], Y[:80], eval_set=(X[80:], Y[80:]))
    assert own.history_["val_accuracy"][-1] == pytest.approx(own.score(X[80:], Y[80:]), abs=1e-6)
    weighted = classifier(epochs=2).fit(X[:80], Y[:80], eval_set=(X[80:], Y[80:]), eval_sample_weight=np.arange(40))
    assert weighted.history_["val_loss"] != own.history_["val_loss"][:2]


def test_the_split_keeps_the_shares_of_classes():
    y = np.where(np.arange(120) < 12, "rare", "common")
    estimator = classifier(validation_split=0.5)
    x, targets = estimator._checked(X, y, reset=True)
    _, trained, _, (_, held_out, _) = estimator._held_out(x, targets, np.ones(120), None, None, 0)
    assert trained.sum() == held_out.sum() == 6


@pytest.mark.parametrize("share", [1.0, -0.1, 5, "half", None, np.nan])
def test_a_validation_split_is_a_share(share):
    with pytest.raises(ValueError, match=r"validation_split must be a share in \[0, 1\)"):
        regressor(validation_split=share).fit(X, VALUES)


def test_class_weights_of_a_chunk_that_misses_classes():
    chunk = Y != "high"
    names, weights = np.unique(Y), np.where(Y[chunk] == "low", 3.0, 1.0)
    by_class = classifier(class_weight={"low": 3.0, "high": 2.0}).partial_fit(X[chunk], Y[chunk], classes=names)
    by_sample = classifier().partial_fit(X[chunk], Y[chunk], weights, classes=names)
    np.testing.assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))
    with pytest.raises(ValueError, match="class_weight has \\['tall'\\], which are no classes"):
        classifier(class_weight={"tall": 2.0}).fit(X, Y)


def test_callbacks_are_copied():
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    estimator = regressor(epochs=500, validation_split=0.3, callbacks=[stop])
    estimator.fit(X, RNG.normal(size=120))
    assert 3 <= estimator.n_iter_ < 500
    assert not hasattr(stop, "model") or stop.model is None
    assert estimator.callbacks_[0].stopped_epoch == estimator.n_iter_ - 1
    before = estimator.n_iter_
    assert clone(estimator).fit(X, RNG.normal(size=120)).n_iter_ != 0 and estimator.n_iter_ == before


def test_warm_start_goes_on():
    twice = regressor(epochs=2, warm_start=True, shuffle=False).fit(X, VALUES)
    kept = twice.model_
    twice.fit(X, VALUES)
    once = regressor(epochs=4, shuffle=False).fit(X, VALUES)
    assert twice.model_ is kept and twice.n_iter_ == 4
    np.testing.assert_allclose(twice.predict(X), once.predict(X), rtol=1e-6)
    np.testing.assert_allclose(twice.history_["loss"], once.history_["loss"], rtol=1e-6)
    assert regressor(epochs=2).fit(X, VALUES).fit(X, VALUES).n_iter_ == 2
    with pytest.raises(ValueError, match="features"):
        twice.fit(X[:, :2], VALUES)


def test_partial_fit():
    grown = regressor(shuffle=False)
    for _ in range(3):
        grown.partial_fit(X, VALUES)
    np.testing.assert_allclose(grown.predict(X), regressor(epochs=3, shuffle=False).fit(X, VALUES).predict(X), rtol=1e-6)
    assert grown.n_iter_ == len(grown.history_["loss"]) == 3


def test_partial_fit_of_classes():
    estimator = classifier()
    with pytest.raises(ValueError, match="classes must be passed"):
        estimator.partial_fit(X, Y)
    for _ in range(30):
        for rows in np.split(np.argsort(Y), 4):  # chunks that miss classes
            estimator.partial_fit(X[rows], Y[rows], classes=["low", "middle", "high"])
    assert estimator.score(X, Y) > 0.7
    with pytest.raises(ValueError, match="not the same"):
        estimator.partial_fit(X, Y, classes=["low", "high"])
    with pytest.raises(ValueError, match="'huge'"):
        estimator.partial_fit(X, np.full(120, "huge"))
    with pytest.raises(ValueError, match="balanced"):
        classifier(class_weight="balanced").partial_fit(X, Y, classes=np.unique(Y))


def test_weights_are_relative_in_fit_alone():
    a, b = (regressor(epochs=3).fit(X, VALUES, sample_weight=np.full(120, w)).predict(X) for w in (1.0, 1000.0))
    np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(a, regressor(epochs=3).fit(X, VALUES).predict(X), rtol=1e-5)
    small, large = (
        regressor(optimizer="sgd", optimizer__learning_rate=1e-3).partial_fit(X, VALUES, sample_weight=np.full(120, w)) for w in (0.01, 1.0)
    )
    start = regressor(optimizer="sgd", optimizer__learning_rate=0.0).partial_fit(X, VALUES).predict(X)
    moved = [np.abs(e.predict(X) - start).max() for e in (small, large)]
    assert moved[0] < 0.1 * moved[1]


def test_sparse_and_lists_are_taken():
    x = np.where(np.abs(X) > 0.5, X, 0)
    dense = classifier(epochs=3).fit(x, Y)
    np.testing.assert_array_equal(classifier(epochs=3).fit(csr_array(x), Y).predict_proba(csr_array(x)), dense.predict_proba(x))
    np.testing.assert_array_equal(classifier(epochs=3).fit(x.tolist(), Y.tolist()).predict(x.tolist()), dense.predict(x))


@pytest.mark.parametrize("estimator", [classifier(epochs=2), regressor(epochs=2)])
def test_copies(estimator):
    y = Y if is_classifier(estimator) else VALUES
    fitted = clone(estimator).fit(X, y)
    for copied in pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted):
        np.testing.assert_array_equal(copied.predict(X), fitted.predict(X))
        copied.partial_fit(X, y)
        assert copied.n_iter_ == 3 and fitted.n_iter_ == 2


# ---------------------------------------------------------------------------------------------------- errors


def two_columns():
    return Sequential([layers.Dense(2)])


ERRORS = [
    (lambda: classifier(two_columns).fit(X, Y), ValueError, "3 classes.*Dense\\(n_outputs\\)"),
    (lambda: regressor(two_columns).fit(X, VALUES), ValueError, "1 targets.*Dense\\(n_outputs\\)"),
    (
        lambda: classifier(lambda: single("softmax"), loss="sparse_categorical_crossentropy").fit(X, BINARY),
        ValueError,
        "output for each class",
    ),
    (lambda: classifier(compiled, optimizer_params=None, loss="mse").fit(X, Y), ValueError, "loss would go unheard"),
    (lambda: classifier(compiled).fit(X, Y), ValueError, "optimizer__learning_rate would go unheard"),
    (lambda: FastNNEstimator(plain).fit(X, VALUES), ValueError, "pass loss"),
    (lambda: FastNNEstimator(plain, loss="mse").fit(X, Y), ValueError, "number the classes"),
    (lambda: classifier(Sequential([layers.Dense(3)])).fit(X, Y), TypeError, "function that returns a Sequential"),
    (lambda: classifier(lambda: None).fit(X, Y), TypeError, "it returned None"),
    (lambda: classifier(model__depth=3).fit(X, Y), TypeError, "no argument 'depth'.*n_outputs"),
    (lambda: classifier(lambda width: None).fit(X, Y), TypeError, "needs 'width'.*n_classes"),
    (lambda: classifier(model_params=[3]).fit(X, Y), TypeError, "model_params must be a dictionary"),
    (lambda: FastNNClassifier(plain, epoch=3), TypeError, "no parameter 'epoch'"),
    (lambda: classifier().set_params(epoch=3), ValueError, "Invalid parameter 'epoch'"),
    (lambda: classifier(epochs=0).fit(X, Y), ValueError, "epochs must be an integer"),
    (lambda: classifier(batch_size=0).fit(X, Y), ValueError, "batch_size"),
    (lambda: classifier(validation_split=1.5).fit(X, Y), ValueError, "validation_split must be"),
    (lambda: classifier(optimizer="adm").fit(X, Y), ValueError, "did you mean"),
    (lambda: classifier(optimizer__rate=1).fit(X, Y), TypeError, "rate"),
    (lambda: classifier().fit(X, Y, sample_weight=np.zeros(120)), ValueError, "weights are zero"),
    (lambda: classifier().fit(X, Y, sample_weight=np.full(120, -1.0)), ValueError, "not negative"),
    (lambda: classifier().fit(X, Y, eval_set=(X, Y), eval_sample_weight=np.zeros(120)), ValueError, "eval_sample_weight: all"),
    (lambda: classifier().fit(X, VALUES), ValueError, "continuous"),
    (lambda: classifier().fit(X, np.stack([Y, Y], 1)), ValueError, "MultiOutputClassifier|multiclass-multioutput"),
    (lambda: classifier().fit(X, Y, eval_set=X), ValueError, "eval_set must be"),
    (lambda: classifier().fit(X, Y, eval_set=(X, np.full(120, "new"))), ValueError, "new"),
    (lambda: classifier().fit(X * np.nan, Y), ValueError, "NaN"),
    (lambda: classifier(epochs=1).fit(X, Y).predict(X[:, :2]), ValueError, "2 features"),
    (lambda: classifier().predict(X), NotFittedError, "not fitted"),
    (lambda: regressor().score(X, VALUES), NotFittedError, "not fitted"),
]


@pytest.mark.parametrize(("fails", "kind", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors(fails, kind, message):
    with pytest.raises(kind, match=message):
        fails()


def test_it_learns_as_well_as_fit_alone():
    """Against the same model trained by hand."""
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    fitted = classifier(epochs=10, shuffle=False).fit(x, y)
    with random.seeded(np.random.RandomState(0).randint(np.iinfo(np.int32).max)):
        model = plain(2, "float64")
        model.build((None, 30))
        model.compile(optimizers.Adam(0.02), losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y, epochs=10, verbose=0, shuffle=False)
    np.testing.assert_array_equal(fitted.predict(x), model.predict(x).argmax(axis=1))
    assert accuracy_score(y, fitted.predict(x)) > 0.97
