"""The first neurons against textbook tables worked by hand, and against what is known of their rules."""

import csv
import io
import itertools
import pickle

import numpy as np
import pytest

from fastnn import classic
from fastnn.classic import AND, AND_NOT, NAND, NOR, NOT, OR, XOR, Adaline, Circuit, Hebb, McCullochPitts, Perceptron, neurons
from fastnn.classic.learner import Learner

BIPOLAR = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
BINARY = (BIPOLAR + 1) // 2
AND_TARGETS, OR_TARGETS, XOR_TARGETS = np.array([1, -1, -1, -1]), np.array([1, 1, 1, -1]), np.array([-1, 1, 1, -1])
LEARNERS = [member for member in neurons.members.values() if issubclass(member, Learner)]


def quick(kind):
    """One that learns for few epochs."""
    return kind(**({"max_iter": 20} if "max_iter" in kind().get_config() else {}))


def blobs(classes=2, n=30, apart=6.0, seed=0):
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(classes) / classes
    labels = rng.integers(0, classes, n)
    return apart * np.stack([np.cos(angles), np.sin(angles)], axis=1)[labels] + rng.normal(size=(n, 2)), labels


# ------------------------------------------------------------------------------------------ McCulloch and Pitts


@pytest.mark.parametrize(
    ("gate", "truth"),
    [
        (AND(), lambda a, b: a and b),
        (OR(), lambda a, b: a or b),
        (NOR(), lambda a, b: not (a or b)),
        (NAND(), lambda a, b: not (a and b)),
        (AND_NOT(), lambda a, b: a and not b),
        (XOR(), lambda a, b: a != b),
        (NOT(), lambda a: not a),
        (AND(3), lambda a, b, c: a and b and c),
        (OR(3), lambda a, b, c: a or b or c),
        (NOR(3), lambda a, b, c: not (a or b or c)),
        (NAND(4), lambda a, b, c, d: not (a and b and c and d)),
        (McCullochPitts([1, 1, 1], 2), lambda a, b, c: a + b + c >= 2),
        (McCullochPitts([2, 1, -1], 2), lambda a, b, c: a and not c),
    ],
)
def test_gates_by_their_truth_tables(gate, truth):
    table = gate.table()
    inputs = [row[: gate.inputs] for row in table]
    assert inputs == list(itertools.product([0, 1], repeat=gate.inputs))
    assert table["output"] == [int(truth(*row)) for row in inputs] == gate.predict(inputs).tolist()


def test_inhibition_is_absolute():
    assert McCullochPitts([5, -1], threshold=1).predict([[1, 1], [1, 0]]).tolist() == [0, 1]


def test_no_single_neuron_makes_xor_or_nand():
    """All weights and thresholds that make a difference for two inputs."""
    made = [
        tuple(McCullochPitts(weights, threshold).table()["output"])
        for weights in itertools.product([-1, 1, 2], repeat=2)
        for threshold in (0, 1, 2, 3, 4)
    ]
    assert tuple(XOR().table()["output"]) not in made and tuple(NAND().table()["output"]) not in made
    assert tuple(AND().table()["output"]) in made


def test_hidden_neurons_show_in_the_table():
    assert XOR().table().columns == ["x1", "x2", "h1", "h2", "output"]
    assert [row[2:4] for row in XOR().table()] == [(0, 0), (0, 1), (1, 0), (0, 0)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: McCullochPitts([], 1), "at least one"),
        (lambda: McCullochPitts([1, 0], 1), "other than 0"),
        (lambda: McCullochPitts([1], np.nan), "threshold"),
        (lambda: AND().predict([[1, 2]]), "0 or 1, got 2"),
        (lambda: AND().predict([1, 1]), r"shape \(n, 2\), got \(2,\)"),
        (lambda: AND(0), "inputs"),
        (lambda: Circuit(2, [[(AND(), [0, 2])]]), r"layer 1.*from 0 to 1"),
        (lambda: Circuit(2, [[(NOT(), [0]), (NOT(), [1])]]), "last layer"),
        (lambda: Circuit(2, []), "no layer"),
    ],
)
def test_impossible_gates(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# ------------------------------------------------------------------------------------------------------ Hebb


def test_hebb_learns_bipolar_and_in_one_pass():
    """Worked by hand, as in Fausett (1994), section 2.2: each sample adds x t, and the bias t."""
    table = Hebb().fit_steps(BIPOLAR, AND_TARGETS)
    changes = [(1, 1, 1), (-1, 1, -1), (1, -1, -1), (1, 1, -1)]
    weights = [(1, 1, 1), (0, 2, 0), (1, 1, -1), (2, 2, -2)]
    assert [row[-6:-3] for row in table] == changes and [row[-3:] for row in table] == weights
    assert Hebb().fit(BIPOLAR, AND_TARGETS).predict(BIPOLAR).tolist() == AND_TARGETS.tolist()


def test_hebb_is_the_correlation_of_inputs_and_targets():
    x = np.random.default_rng(0).normal(size=(20, 3))
    t = np.where(x[:, 0] > 0, 1, -1)
    neuron = Hebb(0.5).fit(x, t)
    np.testing.assert_allclose(neuron.coef_[0], 0.5 * x.T @ t, rtol=1e-13)
    assert neuron.intercept_[0] == 0.5 * t.sum() and neuron.n_iter_ == 1


def test_hebb_fails_with_binary_numbers():
    """Targets 0 teach nothing: of AND only (1, 1) counts, w = (1, 1), b = 1, and the neuron always fires (Fausett 1994, section 2.2)."""
    neuron = Hebb(codes=(0, 1)).fit(BINARY, BINARY.all(axis=1))
    assert neuron.coef_.tolist() == [[1, 1]] and neuron.intercept_.tolist() == [1]
    assert neuron.predict(BINARY).all()


def test_hebb_fails_where_the_perceptron_learns():
    x, t = [[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], [1, -1, -1, -1]
    hebb, perceptron = Hebb().fit(x, t), Perceptron().fit(x, t)
    assert hebb.coef_.tolist() == [[0, 0, 0]] and hebb.score(x, t) == 0.75
    assert perceptron.converged_ and perceptron.score(x, t) == 1


# ------------------------------------------------------------------------------------------------- perceptron


def test_perceptron_learns_bipolar_and():
    """Worked by hand (Fausett 1994, section 2.3): the first epoch ends at w = (1, 1), b = -1, the second changes nothing."""
    table = Perceptron().fit_steps(BIPOLAR, AND_TARGETS)
    assert table["net input"] == [0, 1, 2, -3, 1, -1, -1, -3]
    assert table["output"] == [0, 1, 1, -1, 1, -1, -1, -1]
    assert [row[-3:] for row in table] == [(1, 1, 1), (0, 2, 0), (1, 1, -1)] + 5 * [(1, 1, -1)]


def test_perceptron_learns_binary_and_with_a_threshold():
    """Binary inputs, bipolar targets, threshold 0.2: ten epochs, w = (2, 3), b = -4 (Fausett 1994, section 2.3)."""
    neuron = Perceptron(threshold=0.2).fit(BINARY, AND_TARGETS)
    assert (neuron.n_iter_, neuron.coef_.tolist(), neuron.intercept_.tolist()) == (10, [[2, 3]], [-4])
    first = Perceptron(threshold=0.2, max_iter=1).fit_steps(BINARY, AND_TARGETS)
    assert [row[-3:] for row in first] == [(1, 1, 1), (0, 1, 0), (0, 0, -1), (0, 0, -1)]


def test_perceptron_with_binary_targets():
    neuron = Perceptron(codes=(0, 1)).fit(BINARY, OR_TARGETS)
    assert neuron.predict(BINARY).tolist() == OR_TARGETS.tolist()
    assert set(Perceptron(codes=(0, 1)).fit_steps(BINARY, OR_TARGETS)["output"]) <= {0, 0.5, 1}


def test_the_learning_rate_only_scales():
    one, tenth = Perceptron().fit(*blobs()), Perceptron(0.125).fit(*blobs())
    assert (tenth.coef_ * 8).tolist() == one.coef_.tolist() and one.n_iter_ == tenth.n_iter_


def test_perceptron_converges_within_novikoffs_bound():
    """The number of mistakes is at most (R / margin)**2, for any plane that separates (Novikoff 1962)."""
    x, labels = blobs(apart=3.0, n=60)
    t = 2 * labels - 1
    extended = np.column_stack([x, np.ones(len(x))])
    plane = np.array([-1.0, 0.0, 0.0])  # class 0 lies to the right, 1 to the left
    margin = (extended @ plane * t).min()
    assert margin > 0
    table = Perceptron().fit_steps(x, labels)
    mistakes = sum(error != 0 for error in table["error"])
    assert 0 < mistakes <= (extended**2).sum(axis=1).max() / margin**2


def test_perceptron_cycles_on_xor():
    neuron = Perceptron(max_iter=50).fit(BIPOLAR, XOR_TARGETS)
    assert not neuron.converged_ and neuron.n_iter_ == 50 and neuron.score(BIPOLAR, XOR_TARGETS) < 1
    assert len(neuron.errors_) == 50 and min(neuron.errors_) > 0


@pytest.mark.parametrize("learner", [Perceptron(), Adaline(0.01, max_iter=20), Hebb()], ids=lambda n: type(n).__name__)
def test_several_classes(learner):
    x, labels = blobs(classes=4, n=80)
    names = np.array(["east", "north", "west", "south"])[labels]
    learner.fit(x, names)
    assert learner.classes_.tolist() == ["east", "north", "south", "west"] and learner.coef_.shape == (4, 2)
    assert learner.decision_function(x).shape == (80, 4) and learner.score(x, names) == 1


def test_each_class_learns_as_one_against_the_others():
    x, labels = blobs(classes=3)
    several = Perceptron(max_iter=5).fit(x, labels)
    for i in range(3):
        alone = Perceptron(max_iter=5).fit(x, labels == i)
        if alone.n_iter_ == several.n_iter_:
            np.testing.assert_array_equal(several.coef_[i], alone.coef_[0])
    table = several.fit_steps(x, labels)
    assert table.columns[:3] == ["epoch", "sample", "class"] and table["class"][:4] == [0, 1, 2, 0]


# ---------------------------------------------------------------------------------------------------- ADALINE


def test_delta_rule_by_hand():
    """From zero with rate 0.1: net 0, 0.1, 0.21, -0.331; each change is 0.1 (t - net) x."""
    table = Adaline(0.1, max_iter=1).fit_steps(BIPOLAR, AND_TARGETS)
    np.testing.assert_allclose(table["net input"], [0, 0.1, 0.21, -0.331], atol=1e-15)
    np.testing.assert_allclose(table["error"], [1, -1.1, -1.21, -0.669], rtol=1e-14)
    np.testing.assert_allclose(table[3][-3:], [0.1779, 0.1559, -0.1979], rtol=1e-12)


@pytest.mark.parametrize(
    ("targets", "solution"), [(AND_TARGETS, [0.5, 0.5, -0.5]), (OR_TARGETS, [0.5, 0.5, 0.5]), (XOR_TARGETS, [0, 0, 0])]
)
def test_batches_of_all_end_at_least_squares(targets, solution):
    neuron = Adaline(0.5, batch_size=None, tolerance=1e-12).fit(BIPOLAR, targets)
    np.testing.assert_allclose([*neuron.coef_[0], *neuron.intercept_], solution, atol=1e-9)
    assert neuron.converged_


def test_least_squares_of_any_data():
    x, labels = blobs(apart=1.0, n=40)
    extended = np.column_stack([x, np.ones(len(x))])
    expected = np.linalg.lstsq(extended, 2.0 * labels - 1, rcond=None)[0]
    neuron = Adaline(0.2, batch_size=None, max_iter=5000, tolerance=1e-12).fit(x, labels)
    np.testing.assert_allclose([*neuron.coef_[0], *neuron.intercept_], expected, atol=1e-8)
    np.testing.assert_allclose(neuron.errors_[-1], np.mean((extended @ expected - (2 * labels - 1)) ** 2), rtol=1e-9)


def test_batches_change_after_their_last_sample():
    table = Adaline(0.1, batch_size=2, max_iter=1).fit_steps(BIPOLAR, AND_TARGETS)
    weights = np.array([row[-3:] for row in table])
    changes = np.array([row[-6:-3] for row in table])
    np.testing.assert_array_equal(weights[0], 0)
    np.testing.assert_allclose(weights[1], changes[:2].sum(axis=0), rtol=1e-15)
    np.testing.assert_array_equal(weights[2], weights[1])
    np.testing.assert_allclose(weights[3], changes.sum(axis=0), rtol=1e-15)


def test_the_bound_of_the_learning_rate():
    """Bipolar AND has the mean of x x^T equal to the identity: batches converge below 2, and not above."""
    assert Adaline(1.99, batch_size=None, max_iter=20000).fit(BIPOLAR, AND_TARGETS).converged_
    neuron = Adaline(2.5, batch_size=None, max_iter=20000)
    with pytest.raises(ValueError, match=r"learning_rate is 2.5, and must be below 2 "):
        neuron.fit(BIPOLAR, AND_TARGETS)
    assert not hasattr(neuron, "coef_")


# -------------------------------------------------------------------------------------------------- all learners


@pytest.mark.parametrize("kind", LEARNERS, ids=lambda kind: kind.__name__)
def test_the_table_is_the_learning(kind):
    """Summing up the changes gives the weights, and the table is what `fit` did."""
    x, labels = blobs()
    neuron = quick(kind)
    table = neuron.fit_steps(x, labels)
    changes = np.array([row[-6:-3] for row in table])
    np.testing.assert_allclose(np.cumsum(changes, axis=0), np.array([row[-3:] for row in table]), rtol=1e-9, atol=1e-12)
    again = quick(kind).fit(x, labels)
    assert again.coef_.tolist() == neuron.coef_.tolist() and [*table[-1][-3:]] == [*again.coef_[0], *again.intercept_]
    assert len(table) == neuron.n_iter_ * len(x)
    np.testing.assert_allclose(
        np.array(table["target"]) - table["error"], table["output" if kind is not Adaline else "net input"], atol=1e-12
    )


@pytest.mark.parametrize("kind", LEARNERS, ids=lambda kind: kind.__name__)
def test_tables_go_on_to_csv(kind):
    table = quick(kind).fit_steps(BIPOLAR, AND_TARGETS)
    read = list(csv.reader(io.StringIO(table.to_csv())))
    assert read[0] == table.columns and len(read) == len(table) + 1
    assert [float(v) for v in read[-1]] == [float(v) for v in table[-1]]


@pytest.mark.parametrize("kind", LEARNERS, ids=lambda kind: kind.__name__)
def test_learners_are_rebuilt_from_their_configuration(kind):
    neuron = kind(learning_rate=0.25, codes=(0, 1))
    again = neurons.get(neuron.serialized())
    assert type(again) is kind and again.get_config() == neuron.get_config()
    fitted = pickle.loads(pickle.dumps(neuron.fit(BIPOLAR, AND_TARGETS)))
    assert fitted.predict(BIPOLAR).tolist() == neuron.predict(BIPOLAR).tolist()


def test_gates_are_rebuilt_from_their_configuration():
    for gate in AND(3), NOT(), NAND(), XOR():
        again = neurons.get(gate.serialized())
        assert again.table().rows == gate.table().rows and repr(again) == repr(gate)


def test_seed_and_order():
    x, labels = blobs(apart=1.0)
    options = {"shuffle": True, "weight_scale": 0.1, "max_iter": 3}
    same = [Perceptron(seed=4, **options).fit(x, labels).coef_.tolist() for _ in range(2)]
    assert same[0] == same[1] != Perceptron(seed=5, **options).fit(x, labels).coef_.tolist()
    table = Perceptron(seed=4, **options).fit_steps(x, labels)
    assert table["sample"] != sorted(table["sample"]) and sorted(table["sample"][:30]) == list(range(1, 31))


@pytest.mark.parametrize("kind", LEARNERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        ([1, 2], [0, 1], ValueError, "shape"),
        ([[1.0], [np.nan]], [0, 1], ValueError, "nan"),
        ([["a"], ["b"]], [0, 1], TypeError, "real numbers"),
        ([[1.0], [2.0]], [0, 1, 1], ValueError, "each of the 2 samples"),
        ([[1.0], [2.0]], [1, 1], ValueError, "two classes"),
        ([[1.0], [2.0]], [np.nan, 1], ValueError, "nan"),
        ([[1.0], [2.0]], [[0], [1]], ValueError, "y must"),
    ],
)
def test_data_that_do_not_fit_are_refused_and_nothing_is_forgotten(kind, x, y, error, words):
    neuron = quick(kind).fit(BIPOLAR, AND_TARGETS)
    before = neuron.coef_.tolist()
    with pytest.raises(error, match=words):
        neuron.fit(x, y)
    assert neuron.coef_.tolist() == before


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Perceptron(learning_rate=0), "Perceptron: learning_rate"),
        (lambda: Adaline(learning_rate="a"), "Adaline: learning_rate"),
        (lambda: Perceptron(threshold=-1), "threshold"),
        (lambda: Perceptron(max_iter=0), "max_iter"),
        (lambda: Adaline(batch_size=0), "batch_size"),
        (lambda: Adaline(tolerance=-1), "tolerance"),
        (lambda: Hebb(codes=(1, 0)), "codes"),
        (lambda: Hebb(codes=(1,)), "codes"),
        (lambda: Hebb().predict(BIPOLAR), "call fit"),
        (lambda: Hebb().fit(BIPOLAR, AND_TARGETS).predict([[1.0]]), "1 features, it learned from 2"),
        (lambda: Hebb().fit(BIPOLAR, AND_TARGETS).score(BIPOLAR, [1]), "each of the 4"),
    ],
)
def test_wrong_settings_and_uses(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_everything_public_is_in_the_package():
    assert {"AND", "XOR", "Hebb", "Perceptron", "Adaline", "McCullochPitts", "Circuit", "neurons"} <= set(classic.__all__)
    assert {kind.__name__ for kind in LEARNERS} == {"Hebb", "Perceptron", "Adaline"}
