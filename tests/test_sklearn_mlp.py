"""MLPClassifier and MLPRegressor as estimators: scikit-learn's checks, coefficients that users change, copies, threads, errors."""

import copy
import io
import pickle
import threading
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

import fastnn
from fastnn import sklearn as ours
from fastnn.callbacks import Callback
from fastnn.sklearn import MLPClassifier, MLPRegressor

X, Y = make_classification(120, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
G, H = make_regression(120, 5, noise=1, random_state=0)
BOTH = pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])


@pytest.fixture(autouse=True)
def quietly():
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def data(kind):
    return (X, Y) if kind is MLPClassifier else (G, H / 50)


def fitted(kind, **options):
    return kind(**{"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (8,), **options}).fit(*data(kind))


def outputs(estimator, samples):
    return getattr(estimator, "predict_proba", estimator.predict)(samples)


# --------------------------------------------------------------------------------------------- scikit-learn's checks


@BOTH
def test_all_checks_pass_that_scikit_learns_own_pass(kind):
    """None failed, and none skipped that isn't there too."""
    reports = []
    for module in neural_network, ours:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = check_estimator(getattr(module, kind.__name__)(max_iter=60), on_fail=None)
        reports.append({check["check_name"]: check["status"] for check in report})
    theirs, mine = reports
    assert theirs.keys() <= mine.keys()
    assert "failed" not in mine.values()
    assert {name for name, status in mine.items() if status == "skipped" and theirs.get(name, status) != status} == set()
    assert list(mine.values()).count("passed") >= list(theirs.values()).count("passed")


@BOTH
def test_docstrings_name_every_parameter_and_attribute(kind):
    doc, estimator = kind.__doc__, fitted(kind, early_stopping=True)
    for name in [*estimator.get_params(), *(name for name in vars(estimator) if name.endswith("_") and not name.startswith("_"))]:
        assert name in doc, name
    assert "{" not in doc.replace('{"', "")


# --------------------------------------------------------------------------------------------------------- coefficients


@BOTH
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_predictions_are_those_of_the_coefficients(kind, activation):
    estimator, (samples, _) = fitted(kind, activation=activation, hidden_layer_sizes=(8, 6)), data(kind)
    functions = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "logistic": lambda z: 1 / (1 + np.exp(-z)), "identity": lambda z: z}
    a = samples
    for w, b in zip(estimator.coefs_[:-1], estimator.intercepts_[:-1], strict=True):
        a = functions[activation](a @ w + b)
    z = a @ estimator.coefs_[-1] + estimator.intercepts_[-1]
    if kind is MLPClassifier:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        z = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs(estimator, samples).reshape(z.shape), z, rtol=1e-9)


@BOTH
def test_coefficients_can_be_changed_in_place_and_assigned(kind):
    estimator, (samples, y) = fitted(kind), data(kind)
    before = outputs(estimator, samples)
    kept = [w.copy() for w in estimator.coefs_]
    estimator.coefs_[0][...] = 0
    assert np.ptp(outputs(estimator, samples), axis=0).max() == 0
    estimator.coefs_[0] = kept[0]
    np.testing.assert_array_equal(outputs(estimator, samples), before)
    kept[0][:] = 0  # the user's own array is looked at each time
    assert np.ptp(outputs(estimator, samples), axis=0).max() == 0
    estimator.intercepts_ = [b + 1 for b in estimator.intercepts_]
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(outputs(copied, samples), outputs(estimator, samples))
    estimator.set_params(warm_start=True).fit(samples, y)
    assert estimator.coefs_[0] is estimator._link.parameters[0].value
    assert kept[0].any() == 0


@BOTH
def test_coefficients_of_another_size_make_another_network(kind):
    estimator, other, (samples, y) = fitted(kind), fitted(kind, hidden_layer_sizes=(4, 3), random_state=1), data(kind)
    estimator.coefs_, estimator.intercepts_ = [w.copy() for w in other.coefs_], [b.copy() for b in other.intercepts_]
    np.testing.assert_array_equal(outputs(estimator, samples), outputs(other, samples))
    estimator.set_params(hidden_layer_sizes=(4, 3)).partial_fit(samples, y)
    assert [w.shape for w in estimator.coefs_] == [w.shape for w in other.coefs_]
    assert not np.array_equal(estimator.coefs_[0], other.coefs_[0])


def test_a_network_put_together_by_hand():
    estimator = MLPRegressor(hidden_layer_sizes=(2,), activation="tanh")
    estimator.coefs_, estimator.intercepts_ = [np.eye(2), np.ones((2, 1))], [np.zeros(2), np.zeros(1)]
    estimator.n_layers_, estimator.n_outputs_, estimator.out_activation_, estimator.n_features_in_ = 3, 1, "identity", 2
    np.testing.assert_allclose(estimator.predict([[0.5, 1.0]]), np.tanh([0.5]) + np.tanh([1.0]))


@BOTH
def test_the_model_is_the_network(kind, tmp_path):
    estimator, (samples, y) = fitted(kind), data(kind)
    raw = estimator.model_.predict(samples)
    np.testing.assert_array_equal(raw.reshape(outputs(estimator, samples).shape), outputs(estimator, samples))
    estimator.model_.save(tmp_path / "model.fnn")
    np.testing.assert_array_equal(fastnn.load_model(tmp_path / "model.fnn").predict(samples), raw)
    if kind is MLPRegressor:  # its targets are as the network takes them
        estimator.model_.compile("adam", "mse")
        estimator.model_.fit(samples, y, verbose=0)
        assert not np.array_equal(estimator.predict(samples), raw[:, 0])
        np.testing.assert_array_equal(estimator.coefs_[0], estimator.model_.layers[0].kernel.value)


# -------------------------------------------------------------------------------------------------------------- copies


@BOTH
@pytest.mark.parametrize("how", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)), copy.copy], ids=["deepcopy", "pickle", "copy"])
def test_a_copy_predicts_and_goes_on_as_the_original(kind, how):
    estimator, (samples, y) = fitted(kind), data(kind)
    other = how(estimator)
    np.testing.assert_array_equal(outputs(other, samples), outputs(estimator, samples))
    if how is not copy.copy:
        estimator.partial_fit(samples, y)
        other.partial_fit(samples, y)
    np.testing.assert_array_equal(other.coefs_[0], estimator.coefs_[0])
    assert vars(other).keys() == vars(estimator).keys()


@BOTH
def test_a_pickle_holds_each_number_once(kind):
    estimator = fitted(kind, hidden_layer_sizes=(400,), solver="lbfgs", max_iter=1)
    numbers = sum(a.nbytes for a in estimator.coefs_ + estimator.intercepts_)
    assert len(pickle.dumps(estimator)) < 4 * numbers  # numbers, and gradients


@BOTH
def test_arrays_of_joblib_that_are_mapped_and_read_only(kind, tmp_path):
    import joblib

    estimator, (samples, y) = fitted(kind, hidden_layer_sizes=(300,), batch_norm=True), data(kind)
    joblib.dump(estimator, tmp_path / "e.joblib")
    mapped = joblib.load(tmp_path / "e.joblib", mmap_mode="r")
    np.testing.assert_array_equal(outputs(mapped, samples), outputs(estimator, samples))
    for each in mapped, estimator:
        each.set_params(warm_start=True).fit(samples, y)
    np.testing.assert_array_equal(outputs(mapped, samples), outputs(estimator, samples))


@BOTH
@pytest.mark.parametrize(
    "name, given, near", [("activation", "logistc", "logistic"), ("loss", "hubber", "huber"), ("optimizer", "adamm", "adam")]
)
def test_near_names_are_offered(kind, name, given, near):
    with pytest.raises(ValueError, match=f"unknown {name} '{given}': did you mean.*'{near}'") as error:
        fitted(kind, **{name: given})
    assert len(str(error.value)) < 200
    with pytest.raises(
        ValueError, match=f"The '{name}' parameter of {kind.__name__} must be .*a name in fastnn.{name[:4]}.* Got 'qqqq'"
    ) as error:
        fitted(kind, **{name: "qqqq"})
    assert len(str(error.value)) < 300


@BOTH
def test_custom_objects_have_names_too(kind):
    with fastnn.utils.custom_object_scope({"twice_tanh": lambda z: 2 * fastnn.ops.tanh(z)}):
        estimator = fitted(kind, activation="twice_tanh")
        assert outputs(estimator, X).shape[0] == 120


@BOTH
def test_a_clone_is_not_fitted(kind):
    estimator = fitted(kind, optimizer=fastnn.optimizers.Adam(0.01), callbacks=[Callback()])
    other = clone(estimator)
    assert not hasattr(other, "coefs_")
    with pytest.raises(NotFittedError):
        other.predict(X)
    assert not estimator.optimizer.built


@BOTH
def test_predicting_changes_nothing_and_threads_agree(kind):
    estimator, (samples, _) = fitted(kind), data(kind)
    expected, state, found = outputs(estimator, samples), dict(vars(estimator)), []

    def work():
        for i in range(50):
            found.append(np.array_equal(outputs(estimator, samples[i : i + 20]), expected[i : i + 20]))

    workers = [threading.Thread(target=work) for _ in range(4)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    assert all(found) and len(found) == 200
    assert all(vars(estimator)[name] is value for name, value in state.items())


# ---------------------------------------------------------------------------------------------------------------- data


@BOTH
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array], ids=lambda f: f.__name__)
def test_sparse_samples_are_as_good_as_dense_ones(kind, form):
    samples, y = data(kind)
    samples = np.where(abs(samples) > 0.7, samples, 0)
    dense = kind(random_state=0, max_iter=3).fit(samples, y)
    thin = kind(random_state=0, max_iter=3).fit(form(samples), y)
    np.testing.assert_array_equal(dense.coefs_[0], thin.coefs_[0])
    np.testing.assert_array_equal(outputs(dense, samples), outputs(thin, form(samples)))
    many = np.repeat(samples, 20, axis=0)  # more than are made dense at a time
    np.testing.assert_allclose(outputs(dense, many), outputs(dense, form(many)), rtol=1e-12)


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(kind, dtype):
    samples, y = data(kind)
    estimator = kind(max_iter=2, random_state=0).fit(samples.astype(dtype), y)
    assert {a.dtype.name for a in estimator.coefs_ + estimator.intercepts_} == {dtype}
    assert outputs(estimator, samples.astype(dtype)).dtype == dtype
    assert estimator.model_.dtype == dtype


@BOTH
def test_samples_too_large_for_the_networks_dtype_are_refused(kind):
    samples, y = data(kind)
    estimator = kind(max_iter=2, random_state=0).fit(samples.astype("float32"), y)
    for form in np.array, sparse.csr_matrix:
        with pytest.raises(ValueError, match="too large for dtype"):
            estimator.predict(form(np.full((2, 5), 1e300)))


def test_sparse_targets():
    y = np.where(G[:, :2] > 0.5, H[:, None], 0)
    thin, dense = (MLPRegressor(random_state=0, max_iter=2).fit(G, form(y)) for form in (sparse.csr_matrix, np.array))
    np.testing.assert_array_equal(thin.coefs_[0], dense.coefs_[0])


@BOTH
def test_any_layout_of_samples_gives_the_same(kind):
    samples, y = data(kind)
    expected = fitted(kind)
    for form in np.asfortranarray(samples), samples[:, ::-1][:, ::-1], samples.tolist(), samples.astype(">f8"):
        other = kind(max_iter=5, random_state=0, hidden_layer_sizes=(8,)).fit(form, y)
        np.testing.assert_array_equal(other.coefs_[0], expected.coefs_[0])
        np.testing.assert_array_equal(outputs(other, form), outputs(expected, samples))


@pytest.mark.parametrize("labels", [["no", "yes"], [3, 7], [False, True], [1.0, 2.0], ["only"]])
def test_labels_of_any_kind(labels):
    y = np.array(labels, dtype=object if isinstance(labels[0], str) else None)[np.arange(120) % len(labels)]
    estimator = MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    theirs = neural_network.MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(estimator.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(estimator.classes_, theirs.classes_)
    np.testing.assert_allclose(estimator.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(estimator.predict_log_proba(X), theirs.predict_log_proba(X), rtol=1e-9)


@BOTH
def test_samples_that_do_not_fit_are_refused_when_predicting(kind):
    estimator = fitted(kind)
    with pytest.raises(ValueError, match="expecting 5 features"):
        estimator.predict(X[:, :3])
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.predict(np.full((1, 5), np.nan))
    with pytest.raises(ValueError, match="minimum of 1"):
        estimator.predict(X[:0])
    with pytest.raises(ValueError, match="Expected 2D array"):
        estimator.predict(X[0])


# -------------------------------------------------------------------------------------------------- errors and warnings


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {"hidden_layer_sizes": -1},
        {"solver": "hadoken"},
        {"alpha": -1},
        {"batch_size": 0},
        {"learning_rate": "converge"},
        {"learning_rate_init": 0.0},
        {"power_t": -1},
        {"max_iter": -1},
        {"shuffle": "true"},
        {"random_state": "seed"},
        {"tol": -1},
        {"warm_start": 2.5},
        {"momentum": 2},
        {"nesterovs_momentum": "x"},
        {"early_stopping": "x"},
        {"validation_fraction": 1},
        {"beta_1": 1},
        {"beta_2": -0.5},
        {"epsilon": 0},
        {"n_iter_no_change": -1},
        {"max_fun": 0},
        {"activation": "ghost"},
        {"loss": "ghost"},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused_as_there(kind, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        kind(**options).fit(*data(kind))


@BOTH
def test_sizes_below_one_are_refused_as_there(kind):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0"):
        kind(hidden_layer_sizes=(3, 0)).fit(*data(kind))


@BOTH
def test_numbers_that_grow_beyond_all_bounds(kind):
    samples, y = data(kind)
    estimator = kind(solver="sgd", learning_rate_init=1e300, max_iter=50, random_state=0, activation="identity", alpha=1.0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        estimator.fit(samples, y)
    assert estimator.n_iter_ < 50


@BOTH
def test_partial_fit_needs_epochs_and_no_early_stopping(kind):
    assert not hasattr(kind(solver="lbfgs"), "partial_fit")
    more = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        kind(early_stopping=True).partial_fit(*data(kind), **more)


def test_classes_that_were_not_there():
    estimator = MLPClassifier(random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="`y` has classes not in"):
        estimator.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="classes must be passed"):
        MLPClassifier().partial_fit(X, Y)
    warm = MLPClassifier(random_state=0, warm_start=True, max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="warm_start can only be used"):
        warm.fit(X[Y < 2], Y[Y < 2])


@BOTH
def test_a_network_of_other_sizes_cannot_go_on(kind):
    estimator = fitted(kind, warm_start=True)
    with pytest.raises(ValueError, match="set warm_start=False"):
        estimator.set_params(hidden_layer_sizes=(9,)).fit(*data(kind))


@BOTH
def test_too_few_samples_to_judge_by(kind):
    samples, y = data(kind)
    with pytest.raises(ValueError, match="validation set is too small"):
        kind(early_stopping=True, validation_fraction=0.001).fit(samples, y)


def test_targets_below_zero_are_no_counts():
    with pytest.raises(ValueError, match="not negative"):
        MLPRegressor(loss="poisson").fit(G, H)


@BOTH
def test_negative_weights_are_refused(kind):
    with pytest.raises(ValueError, match="not negative"):
        kind().fit(*data(kind), sample_weight=np.full(120, -1.0))


@BOTH
def test_batches_larger_than_the_data_are_cut_with_a_warning(kind):
    with pytest.warns(UserWarning, match="larger than sample size"):
        kind(batch_size=1000, max_iter=1).fit(*data(kind))


@BOTH
def test_ctrl_c_keeps_what_was_learned(kind):
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator = kind(max_iter=100, random_state=0, callbacks=[Interrupt()]).fit(*data(kind))
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3
    assert np.isfinite(outputs(estimator, X)).all()


def test_verbose_lbfgs_says_nothing_of_its_own(capsys):
    MLPRegressor(solver="lbfgs", max_iter=2, verbose=True).fit(G, H)
    assert "Iteration" not in io.StringIO(capsys.readouterr().out).read()


def test_without_scikit_learn_the_error_names_the_extra():
    from helpers import run_python

    code = """
import sys
sys.modules["sklearn"] = None
try:
    import fastnn.sklearn
except ImportError as error:
    print(error)
"""
    assert "fastnn.sklearn needs sklearn: install it with pip install 'fastnn[sklearn]'" in str(run_python(code))


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"callbacks": ["no callback"]}, TypeError),
        ({"monitor": "nothing", "early_stopping": True}, ValueError),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, ValueError),
        ({"loss": "no loss"}, ValueError),
    ],
)
def test_a_refused_fit_leaves_what_was_fitted(bad, error):
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    estimator = MLPClassifier(max_iter=3, tol=0, n_iter_no_change=99, random_state=0)
    with pytest.warns(ConvergenceWarning):
        estimator.fit(x, y)
    before, kernels = estimator.predict_proba(x), [kernel.copy() for kernel in estimator.coefs_]
    with pytest.raises(error):
        estimator.set_params(**bad, hidden_layer_sizes=(7,)).fit(x[:, :2], y)
    np.testing.assert_array_equal(estimator.predict_proba(x), before)
    for kernel, expected in zip(estimator.coefs_, kernels, strict=True):
        np.testing.assert_array_equal(kernel, expected)
