"""What MLPClassifier and MLPRegressor have beyond scikit-learn's: each does what it says."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

import fastnn
from fastnn import activations, callbacks, layers, losses, optimizers
from fastnn.optimizers import schedules
from fastnn.sklearn import MLPClassifier, MLPRegressor

X, Y = make_classification(160, 5, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0)
TWO = (Y > 0).astype(int)
LABELS = make_multilabel_classification(160, 5, n_classes=3, random_state=0)
G, H = make_regression(160, 5, noise=1, random_state=0)
H = H / 50
BOTH = pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])


@pytest.fixture(autouse=True)
def quietly():
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def data(kind):
    return (X, Y) if kind is MLPClassifier else (G, H)


def fitted(kind, *given, fit=None, **options):
    return kind(**{"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (8,), **options}).fit(*(given or data(kind)), **(fit or {}))


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True))


# ----------------------------------------------------------------------------------------------------------- the network


@BOTH
@pytest.mark.parametrize("name", sorted(activations.activations.members))
def test_every_activation(kind, name):
    estimator = fitted(kind, activation=name, hidden_layer_sizes=(6, 4))
    assert np.isfinite(estimator.loss_)
    assert [w.shape[0] for w in estimator.coefs_] == [5, 6, 4]  # a gated one makes so many of twice as many sums
    assert same(pickle.loads(pickle.dumps(estimator)), estimator)


def test_activations_by_layer_and_as_objects():
    leaky = activations.leaky_relu.bind(negative_slope=0.1)
    estimator = fitted(MLPRegressor, activation=["logistic", leaky], hidden_layer_sizes=(6, 4))
    z = 1 / (1 + np.exp(-(G @ estimator.coefs_[0] + estimator.intercepts_[0])))
    z = z @ estimator.coefs_[1] + estimator.intercepts_[1]
    z = np.where(z > 0, z, 0.1 * z) @ estimator.coefs_[2] + estimator.intercepts_[2]
    np.testing.assert_allclose(estimator.predict(G), z[:, 0], rtol=1e-9)
    assert (
        np.abs(fitted(MLPRegressor, activation=["logistic", "tanh"], hidden_layer_sizes=(6, 4), max_iter=1).coefs_[0]).max()
        < np.sqrt(2 / 11) + 0.01
    )
    with pytest.raises(ValueError, match="list of 2"):
        fitted(MLPRegressor, activation=["relu"], hidden_layer_sizes=(6, 4))


@BOTH
def test_dropout_is_drawn_from_the_random_state_and_off_in_predictions(kind):
    plain, dropped, again = fitted(kind), fitted(kind, dropout=0.5), fitted(kind, dropout=0.5)
    assert same(dropped, again) and not same(plain, dropped)
    np.testing.assert_array_equal(dropped.predict(X), dropped.predict(X))
    assert [layer.rate for layer in dropped.model_.layers if isinstance(layer, layers.Dropout)] == [0.5]
    each = fitted(kind, dropout=[0.0, 0.3], hidden_layer_sizes=(4, 3))
    assert [layer.rate for layer in each.model_.layers if isinstance(layer, layers.Dropout)] == [0.3]
    for bad in (1.0, -0.1, [0.1, 0.2]):
        with pytest.raises(ValueError, match="dropout"):
            fitted(kind, dropout=bad)


@BOTH
@pytest.mark.parametrize(("option", "layer"), [("batch_norm", layers.BatchNormalization), ("layer_norm", layers.LayerNormalization)])
def test_normalization_stands_before_the_activation(kind, option, layer):
    estimator = fitted(kind, **{option: True, "warm_start": True})
    assert [type(each) for each in estimator.model_.layers][:3] == [layers.Dense, layer, layers.Activation]
    other = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(other.predict(X), estimator.predict(X))
    norm = estimator.model_.layers[1].get_weights()
    estimator.set_params(alpha=0.5, max_iter=1).fit(*data(kind))  # the network is made again, the norms' numbers are kept
    assert np.abs(estimator.model_.layers[1].get_weights()[0] - norm[0]).max() < 0.1
    with pytest.raises(ValueError, match="choose one"):
        fitted(kind, batch_norm=True, layer_norm=True)


@BOTH
def test_dtype(kind):
    single = fitted(kind, dtype="float32")
    assert single.coefs_[0].dtype == "float32"
    np.testing.assert_allclose(single.coefs_[0], fitted(kind).coefs_[0], rtol=1e-3, atol=1e-5)
    assert fitted(kind, dtype="float32", solver="lbfgs").coefs_[0].dtype == "float32"


# ------------------------------------------------------------------------------------------------------------ the losses

TARGETS = {"many": (X, Y), "two": (X, TWO), "labels": LABELS}


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("name", sorted(losses.losses.members))
def test_every_loss_of_classes_learns_or_is_refused_by_name(name, targets):
    samples, y = TARGETS[targets]
    estimator = MLPClassifier((8,), loss=name, random_state=0, max_iter=60, learning_rate_init=0.02)
    before = copy.deepcopy(estimator).set_params(max_iter=1)
    try:
        estimator.fit(samples, y)
    except ValueError as error:
        assert losses.get(name).name in str(error)
        return
    assert estimator.loss_ < before.fit(samples, y).loss_ or (name, targets) == ("CosineSimilarity", "two")
    if targets != "labels" and name != "CosineSimilarity":  # of one output it is 1 or -1
        assert estimator.score(samples, y) > 0.75
    if hasattr(estimator, "predict_proba") and targets != "labels":
        np.testing.assert_allclose(estimator.predict_proba(samples).sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(estimator.classes_[estimator.predict_proba(samples).argmax(axis=1)], estimator.predict(samples))
    assert same(pickle.loads(pickle.dumps(estimator)), estimator)


@pytest.mark.parametrize("name", sorted(losses.losses.members))
def test_every_loss_of_numbers_learns_or_is_refused_by_name(name):
    for y in H, np.column_stack([H, G[:, 0]]), np.abs(H), 1 / (1 + np.exp(-H)):
        estimator = MLPRegressor(name, (8,), random_state=0, max_iter=60, learning_rate_init=0.02)
        try:
            estimator.fit(G, y)
        except ValueError as error:
            assert losses.get(name).name in str(error)
            continue
        assert estimator.loss_ < estimator.loss_curve_[0] or (name, y.ndim) == ("CosineSimilarity", 1)
        assert estimator.predict(G).shape == y.shape


def test_some_loss_of_each_kind_was_not_refused():
    assert fitted(MLPRegressor, loss=losses.Huber(0.5), max_iter=200, learning_rate_init=0.02).score(G, H) > 0.9
    assert fitted(MLPRegressor, loss="gaussian_nll", max_iter=200, learning_rate_init=0.02).score(G, H) > 0.9
    assert fitted(MLPRegressor, loss=losses.Quantile(0.9), max_iter=300, learning_rate_init=0.02).predict(G).mean() > H.mean()
    assert (
        fitted(MLPRegressor, G, H**2, loss="poisson").out_activation_
        == fitted(MLPRegressor, G, H**2, loss=losses.Poisson()).out_activation_
        == "exp"
    )
    assert not hasattr(fitted(MLPClassifier, X, TWO, loss="hinge"), "predict_proba")
    assert fitted(MLPClassifier, X, TWO, loss=losses.SparseCategoricalCrossentropy()).n_outputs_ == 2
    assert fitted(MLPRegressor, out_activation="softplus").predict(G).min() >= 0
    with pytest.raises(ValueError, match="goes with out_activation='softmax'"):
        fitted(MLPClassifier, loss="half_multinomial_loss", out_activation="logistic")


def test_a_loss_object_is_not_changed_and_serves_two_estimators():
    loss = losses.Huber(0.5)
    assert same(fitted(MLPRegressor, loss=loss), fitted(MLPRegressor, loss=loss))
    assert loss.reduction == "sum_over_batch_size"


@pytest.mark.parametrize("y", [TWO, Y], ids=["two", "many"])
def test_label_smoothing_makes_less_sure(y):
    plain, smooth = (fitted(MLPClassifier, X, y, label_smoothing=s, max_iter=300, learning_rate_init=0.02) for s in (0.0, 0.2))
    assert smooth.predict_proba(X).max() < 0.995 < plain.predict_proba(X).max()
    targets = np.eye(3)[Y] if y is Y else TWO[:, None]
    columns = 3 if y is Y else 2
    one = fitted(MLPClassifier, X, y, label_smoothing=0.2, alpha=0.0, max_iter=1, learning_rate_init=1e-12)
    p = one.predict_proba(X)
    t = (targets if y is Y else np.column_stack([1 - targets, targets])) * 0.8 + 0.2 / columns
    assert one.loss_ == pytest.approx(-(t * np.log(p)).sum(axis=1).mean(), rel=1e-6)
    with pytest.raises(ValueError, match="label_smoothing goes with"):
        fitted(MLPClassifier, label_smoothing=0.1, loss="mse")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_are_sample_weights(solver):
    names = np.array(["a", "b", "c"])[Y]
    weights = np.where(names == "b", 3.0, 1.0)
    options = {"solver": solver, "max_iter": 3}
    assert same(fitted(MLPClassifier, X, names, class_weight={"b": 3.0}, **options), fitted(MLPClassifier, X, names, weights, **options))
    balanced = (len(Y) / (3 * np.bincount(Y)))[Y]
    both = fitted(MLPClassifier, X, names, weights, class_weight="balanced", **options)
    assert same(both, fitted(MLPClassifier, X, names, weights * balanced, **options))
    partly = MLPClassifier((8,), random_state=0, class_weight={"b": 3.0}).partial_fit(X, names, classes=["a", "b", "c"])
    assert same(partly, MLPClassifier((8,), random_state=0).partial_fit(X, names, weights, classes=["a", "b", "c"]))
    with pytest.raises(ValueError, match="no classes"):
        fitted(MLPClassifier, X, names, class_weight={"d": 1.0})
    with pytest.raises(ValueError, match="all data at once"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


# --------------------------------------------------------------------------------------------------------- the training


@BOTH
@pytest.mark.parametrize("name", sorted(optimizers.optimizers.members))
def test_every_optimizer(kind, name):
    estimator = fitted(kind, optimizer=name, max_iter=3)
    assert np.isfinite(estimator.loss_) and type(estimator.model_.optimizer).__name__ == name
    assert same(clone(estimator).fit(*data(kind)), estimator)


@BOTH
def test_an_optimizer_of_ones_own(kind):
    given = optimizers.Adam(0.001, epsilon=1e-8)
    assert same(fitted(kind, optimizer=given, solver="lbfgs"), fitted(kind))
    assert not given.built
    assert same(fitted(kind, optimizer=given), fitted(kind))  # a new copy each time
    named = fitted(kind, optimizer="sgd", learning_rate_init=0.05)
    assert same(named, fitted(kind, solver="sgd", momentum=0.0, learning_rate_init=0.05))
    slower = fitted(kind, optimizer="sgd", learning_rate_init=0.05, learning_rate="adaptive", tol=10.0, n_iter_no_change=1, max_iter=4)
    assert slower.model_.optimizer.learning_rate == pytest.approx(0.01)
    falling = fitted(kind, optimizer=optimizers.SGD(0.05), learning_rate="invscaling", power_t=1.0, max_iter=2)
    assert falling.model_.optimizer.learning_rate == pytest.approx(0.05 / 321)


@BOTH
def test_schedules_count_batches(kind):
    options = {"solver": "sgd", "momentum": 0.0, "batch_size": 80, "shuffle": False, "max_iter": 1}
    halfway = fitted(kind, learning_rate_init=schedules.PiecewiseConstantDecay([0], [0.05, 0.0]), **options)
    samples, y = data(kind)
    first = fitted(kind, learning_rate_init=1e-15, **options)
    first.model_.optimizer.learning_rate = 0.05
    first.partial_fit(samples[:80], y[:80])
    whole = fitted(kind, learning_rate_init=0.05, **options)
    assert not same(halfway, whole)
    for a, b in zip(halfway.coefs_, first.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(ValueError, match="with a schedule"):
        fitted(kind, solver="sgd", learning_rate="adaptive", learning_rate_init=schedules.CosineDecay(0.1, 10))


@BOTH
@pytest.mark.parametrize("option", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipping_bounds_the_step(kind, option):
    step = fitted(kind, solver="sgd", momentum=0.0, alpha=0.0, max_iter=1, batch_size=160, learning_rate_init=1.0, **{option: 1e-3})
    still = fitted(kind, solver="sgd", momentum=0.0, alpha=0.0, max_iter=1, batch_size=160, learning_rate_init=1e-15)
    moves = [a - b for a, b in zip(step.coefs_ + step.intercepts_, still.coefs_ + still.intercepts_, strict=True)]
    norms = [np.linalg.norm(m) for m in moves]
    largest = {"clipnorm": max(norms), "clipvalue": max(np.abs(m).max() for m in moves), "global_clipnorm": np.linalg.norm(norms)}
    assert largest[option] == pytest.approx(1e-3, rel=1e-6)


@BOTH
def test_weight_decay_is_one_of_kernels_alone(kind):
    plain, decayed = (fitted(kind, solver="sgd", alpha=0.0, max_iter=1, batch_size=160, weight_decay=d) for d in (None, 100.0))
    start = fitted(kind, solver="sgd", alpha=0.0, max_iter=1, batch_size=160, learning_rate_init=1e-15)
    for a, b, s in zip(decayed.coefs_, plain.coefs_, start.coefs_, strict=True):
        np.testing.assert_allclose(a - b, -0.001 * 100 * s, rtol=1e-6, atol=1e-12)
    for a, b in zip(decayed.intercepts_, plain.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "given, message",
    [
        ({0: 0, 1: 0, 2: 0}, "no class that counts"),
        ({0: -1}, "got -1 for class 0"),
        ({1: "many"}, "got 'many' for class 1"),
        ({2: np.nan}, "got nan for class 2"),
        ({"a": 1}, r"\['a'\], which are no classes"),
        ([{0: 1}], "a dictionary of classes"),
    ],
)
def test_class_weights_that_make_no_sense_are_named(given, message):
    with pytest.raises(ValueError, match=f"class_weight.*{message}"):
        fitted(MLPClassifier, class_weight=given)


@pytest.mark.parametrize("options", [{}, {"loss": "categorical_crossentropy"}, {"loss": "hinge"}])
def test_a_lone_class_is_judged_as_it_is_predicted(options):
    estimator = fitted(MLPClassifier, X, np.full(160, "only"), early_stopping=True, learning_rate_init=1e-7, **options)
    assert (estimator.predict(X) == "only").all()
    assert set(estimator.validation_curve_["score"]) == {1.0}


@BOTH
def test_samples_to_judge_by_that_count_for_nothing(kind):
    with pytest.raises(ValueError, match="to judge by are 0"):
        fitted(kind, early_stopping=True, fit={"sample_weight": np.arange(160) < 1})


@BOTH
@pytest.mark.parametrize("sizes", [(5, 2.5), [np.nan], [[5]], ["5"]])
def test_sizes_of_layers_are_whole_numbers(kind, sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be whole numbers"):
        fitted(kind, hidden_layer_sizes=sizes)


@BOTH
def test_callbacks_see_the_epochs_and_may_end_them(kind):
    seen = []
    spy = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(set(logs)))
    stop = callbacks.EarlyStopping("val_loss", patience=0, min_delta=100.0)
    estimator = fitted(kind, callbacks=[spy, stop], max_iter=50, fit={"eval_set": data(kind)})
    assert estimator.n_iter_ == len(seen) == 2
    assert seen[0] == {"loss", "val_loss", "val_score"}
    assert not estimator.converged_


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_loss_that_is_set_between_two_trainings_is_used(method):
    two = fitted(MLPClassifier, X, TWO, warm_start=True)
    assert hasattr(two, "predict_proba")
    getattr(two.set_params(loss="hinge"), method)(X, TWO)
    assert two.out_activation_ == "identity" and not hasattr(two, "predict_proba")
    numbers = fitted(MLPRegressor, G, H, warm_start=True)
    getattr(numbers.set_params(loss=losses.Huber(2.0), alpha=0.0), method)(G, H)
    getattr(numbers.set_params(loss=losses.Huber(0.01)), method)(G, H)
    assert numbers.model_.loss.delta == 0.01 and numbers.loss_ < 0.1 < min(numbers.loss_curve_[:5])
    smooth = fitted(MLPClassifier, warm_start=True)
    getattr(smooth.set_params(label_smoothing=0.2), method)(X, Y)
    assert smooth.model_.loss.label_smoothing == 0.2


@BOTH
def test_a_loss_that_is_not_set_anew_keeps_the_program(kind):
    estimator = kind((8,) if kind is MLPClassifier else "squared_error", random_state=0)
    classes = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    kept = {id(estimator.partial_fit(*data(kind), **classes).model_.loss) for _ in range(3)}
    assert len(kept) == 1


@BOTH
def test_lists_of_arrays_that_do_not_belong_together(kind):
    estimator = fitted(kind)
    estimator.coefs_ = estimator.coefs_[:1]
    with pytest.raises(ValueError, match="coefs_ has 1 arrays, intercepts_ 2"):
        estimator.predict(X)


@BOTH
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_training_uses_copies_of_callbacks(kind, method):
    given = callbacks.EarlyStopping("loss", patience=0, min_delta=100.0)
    before, estimator = dict(vars(given)), kind((8,) if kind is MLPClassifier else "squared_error", random_state=0, callbacks=given)
    classes = {"classes": [0, 1, 2]} if (kind, method) == (MLPClassifier, "partial_fit") else {}
    getattr(estimator, method)(*data(kind), **classes)
    assert estimator.callbacks is given and vars(given) == before
    (used,) = estimator.callbacks_
    assert used.stopped_epoch == (1 if method == "fit" else 0)
    assert used.members == [used]  # nothing that knows the samples
    assert len(pickle.dumps(estimator)) < 50_000


@BOTH
def test_threads_and_progress_change_no_number(kind, capsys):
    before = fastnn.get_num_threads()
    assert same(fitted(kind, n_threads=2, progress=True), fitted(kind, n_threads=1))
    assert fastnn.get_num_threads() == before
    assert "Epoch 5/5" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------ what is judged by


@BOTH
def test_the_validation_curve_of_an_eval_set(kind):
    samples, y = data(kind)
    held_out = samples[:50], y[:50]
    estimator = fitted(kind, samples[50:], y[50:], fit={"eval_set": held_out}, alpha=10.0)
    assert same(estimator, fitted(kind, samples[50:], y[50:], alpha=10.0))
    assert estimator.validation_curve_.keys() == {"loss", "score"}
    assert len(estimator.validation_curve_["score"]) == 5
    assert estimator.validation_curve_["score"][-1] == pytest.approx(estimator.score(*held_out))
    if kind is MLPClassifier:
        loss = log_loss(held_out[1], estimator.predict_proba(held_out[0]))
    else:
        loss = 0.5 * np.mean((estimator.predict(held_out[0]) - held_out[1]) ** 2)
    assert estimator.validation_curve_["loss"][-1] == pytest.approx(loss)  # without the penalty


@BOTH
def test_weights_of_an_eval_set(kind):
    samples, y = data(kind)
    weights = np.arange(160.0)
    estimator = fitted(kind, fit={"eval_set": (samples, y), "eval_sample_weight": weights})
    assert estimator.validation_curve_["score"][-1] == pytest.approx(estimator.score(samples, y, weights))


def test_any_scorer_and_what_early_stopping_goes_by():
    scoring = ["accuracy", "neg_log_loss", "f1_macro"]
    estimator = fitted(
        MLPClassifier, scoring=scoring, monitor="neg_log_loss", early_stopping=True, max_iter=40, n_iter_no_change=3, tol=1e-3
    )
    curve = estimator.validation_curve_
    assert curve.keys() == {"loss", "score", *scoring}
    assert curve["accuracy"] == curve["score"]
    np.testing.assert_allclose(curve["neg_log_loss"], -np.array(curve["loss"]))
    assert estimator.validation_scores_ == curve["neg_log_loss"]
    assert estimator.best_validation_score_ == max(curve["neg_log_loss"])
    assert estimator.best_iter_ == np.argmax(curve["neg_log_loss"]) + 1
    by_loss = fitted(MLPClassifier, scoring=scoring, monitor="loss", early_stopping=True, max_iter=40, n_iter_no_change=3, tol=1e-3)
    np.testing.assert_allclose(by_loss.validation_scores_, curve["neg_log_loss"])
    own = fitted(MLPRegressor, scoring={"mine": lambda e, X, y: -np.abs(e.predict(X) - y).max()}, early_stopping=True)
    assert len(own.validation_curve_["mine"]) == 5
    with pytest.raises(ValueError, match="monitor must be one of 'loss', 'score', 'accuracy'"):
        fitted(MLPClassifier, scoring="accuracy", monitor="f1", early_stopping=True)


@BOTH
def test_the_best_epoch_is_restored(kind):
    samples, y = data(kind)
    held_out = samples[:40], y[:40]
    options = {"max_iter": 30, "learning_rate_init": 0.1, "batch_size": 16, "monitor": "loss", "n_iter_no_change": 25}
    estimator = fitted(kind, samples[40:], y[40:], fit={"eval_set": held_out}, restore_best=True, **options)
    losses_of_epochs = estimator.validation_curve_["loss"]
    best = int(np.argmin(losses_of_epochs)) + 1
    assert estimator.best_iter_ == best < 30 == estimator.n_iter_
    assert same(estimator, fitted(kind, samples[40:], y[40:], fit={"eval_set": held_out}, **{**options, "max_iter": best}))
    last = fitted(kind, samples[40:], y[40:], fit={"eval_set": held_out}, early_stopping=True, restore_best=False, **options)
    assert last.n_iter_ > last.best_iter_
    with pytest.raises(ValueError, match="needs samples to judge by"):
        fitted(kind, restore_best=True)


@BOTH
def test_early_stopping_by_an_eval_set_uses_all_samples(kind):
    samples, y = data(kind)
    estimator = fitted(kind, fit={"eval_set": (samples, y)}, early_stopping=True, max_iter=3)
    assert estimator.t_ == 3 * 160
    assert estimator.validation_scores_ == estimator.validation_curve_["score"]


@BOTH
def test_partial_fits_with_early_stopping(kind):
    samples, y = data(kind)
    more = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    estimator = kind(
        hidden_layer_sizes=(8,), early_stopping=True, random_state=0, n_iter_no_change=2, learning_rate_init=0.1, batch_size=16
    )
    calls = 0
    while not getattr(estimator, "converged_", False):
        estimator.partial_fit(samples[40:], y[40:], eval_set=(samples[:40], y[:40]), **more)
        calls += 1
        assert calls < 200
    assert len(estimator.validation_scores_) == calls > estimator.best_iter_
    assert estimator.score(samples[:40], y[:40]) == pytest.approx(max(estimator.validation_scores_))


def test_calibration_makes_held_out_samples_likelier_and_changes_no_class():
    y = np.where(np.random.RandomState(0).random_sample(160) < 0.3, np.random.RandomState(1).randint(0, 3, 160), Y)
    for targets in y, (y > 0).astype(int):
        held_out = X[:80], targets[:80]
        plain = fitted(MLPClassifier, X[80:], targets[80:], max_iter=300, learning_rate_init=0.02)
        scaled = fitted(
            MLPClassifier, X[80:], targets[80:], max_iter=300, learning_rate_init=0.02, calibrate=True, fit={"eval_set": held_out}
        )
        assert same(plain, scaled) and scaled.temperature_ > 1
        np.testing.assert_array_equal(plain.predict(X), scaled.predict(X))
        assert log_loss(held_out[1], scaled.predict_proba(X[:80])) < log_loss(held_out[1], plain.predict_proba(X[:80]))
        np.testing.assert_allclose(scaled.predict_proba(X).sum(axis=1), 1)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(scaled)).predict_proba(X), scaled.predict_proba(X))
    assert not hasattr(scaled.set_params(calibrate=False).fit(X, y), "temperature_")
    with pytest.raises(ValueError, match="calibrate needs samples to judge by"):
        fitted(MLPClassifier, calibrate=True)


def test_calibration_without_probabilities_is_refused_before_training():
    estimator = MLPClassifier(early_stopping=True, calibrate=True, loss="hinge")
    with pytest.raises(ValueError, match="calibrate=True needs probabilities, and loss='hinge' gives none"):
        estimator.fit(X, TWO)
    assert not hasattr(estimator, "coefs_")


@BOTH
def test_an_eval_set_that_does_not_fit_is_refused(kind):
    samples, y = data(kind)
    with pytest.raises(ValueError, match=r"tuple \(X, y\)"):
        fitted(kind, fit={"eval_set": samples})
    with pytest.raises(ValueError, match="expecting 5 features"):
        fitted(kind, fit={"eval_set": (samples[:, :2], y)})
    if kind is MLPClassifier:
        with pytest.raises(ValueError, match="classes not in"):
            fitted(kind, fit={"eval_set": (samples, y + 1)})
    else:
        with pytest.raises(ValueError, match="eval_set has 2 outputs"):
            fitted(kind, fit={"eval_set": (samples, np.column_stack([y, y]))})


@BOTH
@pytest.mark.parametrize(
    "option",
    [
        {"dropout": 0.1},
        {"batch_norm": True},
        {"callbacks": [callbacks.Callback()]},
        {"clipnorm": 1.0},
        {"restore_best": True},
        {"scoring": "r2"},
    ],
    ids=str,
)
def test_lbfgs_has_no_epochs_and_says_so(kind, option):
    with pytest.raises(ValueError, match=f"can't have {next(iter(option))}"):
        fitted(kind, solver="lbfgs", **option)
    with pytest.raises(ValueError, match="can't have eval_set"):
        fitted(kind, solver="lbfgs", fit={"eval_set": data(kind)})
