"""The classic neurons against scikit-learn's linear models that learn by the same rules, sample by sample."""

import numpy as np
import pytest

from fastnn.classic import Adaline, Perceptron, neurons

linear_model = pytest.importorskip("sklearn.linear_model")

KIND = "neuron"
NO_PEER = {
    "Circuit": "gates are checked by their truth tables",
    "Hebb": "no library has the rule; checked by hand and as a correlation",
    "McCullochPitts": "gates are checked by their truth tables",
}
COMPARED = {"Adaline", "Perceptron"}


def blobs(classes, apart, n=60):
    rng = np.random.default_rng(classes)
    labels = rng.permutation(np.arange(n) % classes)
    angles = 2 * np.pi * labels / classes
    return apart * np.stack([np.cos(angles), np.sin(angles)], axis=1) + rng.normal(size=(n, 2)), labels


def test_every_neuron_has_a_peer_or_a_reason():
    assert set(neurons.members) == COMPARED | NO_PEER.keys()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("apart", [0.5, 6.0])
@pytest.mark.parametrize("epochs", [1, 7])
def test_perceptron(agree, classes, apart, epochs):
    x, labels = blobs(classes, apart)
    peer = linear_model.Perceptron(eta0=0.5, max_iter=epochs, tol=None, shuffle=False).fit(x, labels)
    own = Perceptron(0.5, max_iter=epochs).fit(x, labels)
    agree("neuron", "Perceptron", peer="scikit-learn", got=own.coef_, expected=peer.coef_)
    agree("neuron", "Perceptron", peer="scikit-learn", got=own.intercept_, expected=peer.intercept_)
    agree("neuron", "Perceptron", peer="scikit-learn", got=own.decision_function(x), expected=peer.decision_function(x))
    np.testing.assert_array_equal(own.predict(x), peer.predict(x))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("epochs", [1, 7])
def test_adaline(agree, classes, epochs):
    x, labels = blobs(classes, 1.0)
    settings = {"loss": "squared_error", "penalty": None, "learning_rate": "constant", "shuffle": False, "tol": None}
    peer = linear_model.SGDClassifier(**settings, eta0=0.01, max_iter=epochs).fit(x, labels)
    own = Adaline(0.01, max_iter=epochs, tolerance=0).fit(x, labels)
    agree("neuron", "Adaline", peer="scikit-learn", got=own.coef_, expected=peer.coef_)
    agree("neuron", "Adaline", peer="scikit-learn", got=own.intercept_, expected=peer.intercept_)
    np.testing.assert_array_equal(own.predict(x), peer.predict(x))
