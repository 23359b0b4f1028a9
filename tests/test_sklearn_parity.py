"""MLPClassifier and MLPRegressor against scikit-learn's: the same numbers from the same random state, to rounding."""

import contextlib
import io
import itertools
import warnings

import numpy as np
import pytest
import sklearn
from sklearn import datasets, neural_network
from threadpoolctl import threadpool_limits

from fastnn import sklearn as ours

if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9):
    pytest.skip("what is compared with is scikit-learn 1.9", allow_module_level=True)

RNG = np.random.RandomState(0)
BINARY = datasets.make_classification(90, 6, n_informative=4, random_state=0)
MANY = datasets.make_classification(90, 6, n_informative=4, n_classes=4, n_clusters_per_class=1, random_state=1)
LABELS = datasets.make_multilabel_classification(90, 6, n_classes=3, random_state=0)
LINE = datasets.make_regression(90, 6, noise=1, random_state=0)
DATA = {
    "binary": (*BINARY, {}),
    "many": (MANY[0], np.array(["a", "b", "c", "d"])[MANY[1]], {}),
    "labels": (LABELS[0] / 5, LABELS[1], {}),
    "line": (LINE[0], LINE[1] / 50, {}),
    "lines": (LINE[0], np.column_stack([LINE[1] / 50, LINE[0][:, 0], RNG.normal(size=90)]), {}),
    "counts": (LINE[0], RNG.poisson(np.exp(LINE[0][:, 0] / 2)), {"loss": "poisson"}),
}
WEIGHTS = RNG.uniform(0.1, 2, 90)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """NumPy's threads would only wait for each other."""
    with threadpool_limits(1):
        yield


each_task = pytest.mark.parametrize("task", DATA)


def kind(task):
    return "MLPRegressor" if task in ("line", "lines", "counts") else "MLPClassifier"


def pair(task, **options):
    """scikit-learn's estimator and ours, and the data."""
    X, y, more = DATA[task]
    options = {"hidden_layer_sizes": (9,), "random_state": 3, "max_iter": 8, **more, **options}
    return [getattr(module, kind(task))(**options) for module in (neural_network, ours)], X, y


def fitted(task, sample_weight=None, dtype="float64", **options):
    estimators, X, y = pair(task, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return *(each.fit(X.astype(dtype), y, sample_weight) for each in estimators), X.astype(dtype), y


def distance(theirs, mine):
    """The largest difference of two arrays, as a share of the largest number."""
    theirs, mine = np.asarray(theirs, float), np.asarray(mine, float)
    assert theirs.shape == mine.shape
    return np.abs(theirs - mine).max(initial=0) / max(np.abs(theirs).max(initial=0), 1e-300)


def assert_alike(theirs, mine, X, rtol=1e-9):
    for name in "coefs_", "intercepts_":
        for a, b in zip(getattr(theirs, name), getattr(mine, name), strict=True):
            assert a.dtype == b.dtype
            assert distance(a, b) < rtol, name
    for name in "n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_":
        assert getattr(theirs, name) == getattr(mine, name), name
    assert mine.loss_ == pytest.approx(theirs.loss_, rel=rtol)
    for name in "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_":
        assert hasattr(mine, name) == hasattr(theirs, name)
        there = getattr(theirs, name, None)
        assert getattr(mine, name, None) == there if there is None else distance(there, getattr(mine, name)) < max(rtol, 1e-12), name
    method = "predict_proba" if hasattr(theirs, "classes_") else "predict"
    assert distance(getattr(theirs, method)(X), getattr(mine, method)(X)) < rtol
    np.testing.assert_array_equal(theirs.predict(X).dtype, mine.predict(X).dtype)


SETTINGS = [
    {"solver": solver, "activation": activation, **more}
    for solver, activation in itertools.product(("adam", "sgd"), ("identity", "logistic", "tanh", "relu"))
    for more in ({}, {"hidden_layer_sizes": (7, 5), "batch_size": 32, "alpha": 0.1})
] + [
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1, "power_t": 0.4},
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 0.05, "n_iter_no_change": 1, "max_iter": 60},
    {"solver": "sgd", "nesterovs_momentum": False, "shuffle": False},
    {"solver": "sgd", "momentum": 0.0},
    {"solver": "sgd", "momentum": 1.0, "learning_rate_init": 1e-4},
    {"shuffle": False, "batch_size": 20},
    {"alpha": 0.0, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-4},
    {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2, "max_iter": 30},
    {
        "early_stopping": True,
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.3,
        "n_iter_no_change": 1,
        "max_iter": 30,
    },
    {"hidden_layer_sizes": (), "activation": "logistic"},
    {"tol": 0.1, "n_iter_no_change": 2, "max_iter": 50},
    {"random_state": np.random.RandomState(5).randint(1000), "batch_size": 1, "max_iter": 2},
]


@each_task
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_stochastic_solvers_give_scikit_learns_numbers(task, options):
    weights = WEIGHTS if "batch_size" in options else None
    theirs, mine, X, _ = fitted(task, weights, **options)
    assert_alike(theirs, mine, X)


@each_task
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("steps", [1, 10, 100])
def test_so_many_steps_without_shuffling(task, solver, steps):
    theirs, mine, X, _ = fitted(task, solver=solver, max_iter=steps, shuffle=False, tol=0.0, n_iter_no_change=1000)
    assert_alike(theirs, mine, X)


@each_task
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("steps", [1, 10, 100])
def test_iterations_of_lbfgs(task, weights, steps):
    if task == "lines":  # where scikit-learn's loss is a mean and its gradient a sum, so that searches end in rounding
        steps = min(steps, 20)
    theirs, mine, X, _ = fitted(task, weights, solver="lbfgs", max_iter=steps, alpha=10.0, activation="logistic")
    assert_alike(theirs, mine, X)


@pytest.mark.parametrize("task", ["binary", "many", "lines"])
def test_lbfgs_is_no_further_from_scikit_learn_than_that_from_itself(task):
    """Where curvatures come close to 0, rounding grows from iteration to iteration, in scikit-learn as here."""
    theirs, mine, X, y = fitted(task, solver="lbfgs", max_iter=60, alpha=0.1, activation="tanh")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = pair(task, solver="lbfgs", max_iter=60, alpha=0.1, activation="tanh")[0][0].fit(X * (1 + 1e-14), y)
    assert distance(theirs.coefs_[0], mine.coefs_[0]) < 100 * distance(theirs.coefs_[0], again.coefs_[0])


@each_task
@pytest.mark.parametrize("options", [{}, {"solver": "sgd"}, {"early_stopping": True}, {"solver": "lbfgs", "alpha": 1.0}], ids=str)
def test_float32(task, options):
    theirs, mine, X, _ = fitted(task, WEIGHTS, "float32", **options)
    if options.get("solver") == "lbfgs":
        assert mine.coefs_[0].dtype == "float64"  # scikit-learn's is, as SciPy's vectors are
    assert_alike(theirs, mine, X, 1e-4)


@each_task
@pytest.mark.parametrize(
    "options", [{}, {"solver": "sgd", "learning_rate": "adaptive"}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str
)
def test_warm_starts(task, options):
    estimators, X, y = pair(task, warm_start=True, alpha=0.1, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            for each in estimators:
                each.fit(X, y)
        for each in estimators:
            each.set_params(alpha=0.5, learning_rate_init=0.01, max_iter=3).fit(X[:50], y[:50])
    assert_alike(*estimators, X, 1e-8)


@each_task
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fits(task, solver):
    estimators, X, y = pair(task, solver=solver, learning_rate="invscaling", learning_rate_init=0.02)
    more = {"classes": np.arange(3) if y.ndim == 2 else np.unique(y)} if kind(task) == "MLPClassifier" else {}
    for rows in [slice(0, 40), slice(40, 90), slice(10, 13)] * 4:
        for each in estimators:
            each.partial_fit(X[rows], y[rows], WEIGHTS[rows], **more)
    assert_alike(*estimators, X)


def test_fit_then_partial_fit():
    estimators, X, y = pair("binary", max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in estimators:
            each.fit(X, y).partial_fit(X, y).fit(X, y).partial_fit(X[:10], y[:10])
    assert_alike(*estimators, X)


def test_huge_numbers_are_clipped_as_there():
    """Losses of samples that are classified wrong without doubt, and how the training goes on from there."""
    for task, dtype in itertools.product(("binary", "many", "labels"), ("float32", "float64")):
        estimators, X, y = pair(task, max_iter=1, solver="sgd", shuffle=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for each in estimators:
                each.fit((1000 * X).astype(dtype), y)
        theirs, mine = estimators
        assert mine.loss_ > 1
        assert mine.loss_ == pytest.approx(theirs.loss_, rel=1e-5)  # p near 1 has few digits there


@pytest.mark.parametrize(
    "options",
    [
        {"max_iter": 3},
        {"tol": 1.0, "n_iter_no_change": 2},
        {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 40},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1, "max_iter": 40},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1, "max_iter": 4, "early_stopping": True},
    ],
    ids=str,
)
def test_messages_and_warnings_are_the_same(options):
    said = []
    estimators, X, y = pair("line", verbose=True, **options)
    for each in estimators:
        out = io.StringIO()
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
            warnings.simplefilter("always")
            each.fit(X, y)
        said.append((out.getvalue(), [(w.category, str(w.message)) for w in caught]))
    assert said[0] == said[1]
    assert said[0][0]


@pytest.mark.parametrize("seed", [None, np.random.RandomState(4)])
def test_any_source_of_random_numbers(seed):
    states = []
    for module in (neural_network, ours):
        np.random.seed(11)
        source = seed if seed is None else np.random.RandomState(4)
        estimator = module.MLPRegressor(random_state=source, max_iter=2, early_stopping=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(*DATA["line"][:2])
        states.append((estimator.coefs_[0], np.random.random(), None if source is None else source.random_sample()))
    assert distance(states[0][0], states[1][0]) < 1e-9
    assert states[0][1:] == states[1][1:]


def test_constructors_are_the_same_but_for_what_is_new():
    for name in "MLPClassifier", "MLPRegressor":
        theirs, mine = getattr(neural_network, name)().get_params(), getattr(ours, name)().get_params()
        assert {key: mine[key] for key in theirs} == theirs
    extras = [
        set(getattr(ours, name)().get_params()) - set(getattr(neural_network, name)().get_params())
        for name in ("MLPClassifier", "MLPRegressor")
    ]
    assert extras[0] - extras[1] == {"loss", "label_smoothing", "class_weight", "calibrate"}
    both = {key: ours.MLPClassifier().get_params()[key] for key in extras[1]}
    assert both == {key: ours.MLPRegressor().get_params()[key] for key in extras[1]}
