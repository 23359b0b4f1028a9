"""L-BFGS step by step against torch's, conjugate gradients against SciPy's minima."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import fastnn  # noqa: E402
from fastnn import layers, optimizers  # noqa: E402
from fastnn.optimizers import LBFGS, ConjugateGradient  # noqa: E402

COMPARED = {"LBFGS": "L-BFGS-B", "ConjugateGradient": "CG"}
"""SciPy's methods. Neither torch nor Keras has conjugate gradients, and SciPy's line search takes other steps: only minima are compared."""


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def logistic(x):
    rng = np.random.default_rng(0)
    features, labels = torch.tensor(rng.normal(size=(50, 6))), torch.tensor(np.sign(rng.normal(size=50)))
    return torch.nn.functional.softplus(-labels * (features @ x)).mean() + 0.01 * (x @ x)


def stretched(x):
    return (torch.logspace(0, 3, 6, dtype=torch.float64) * (x - 1) ** 2).sum() + (x**4).sum()


FUNCTIONS = {"rosenbrock": rosenbrock, "logistic": logistic, "stretched": stretched}


def with_gradient(function):
    def f(x):
        given = torch.tensor(x, requires_grad=True)
        value = function(given)
        value.backward()
        return value.item(), given.grad.numpy()

    return f


def torch_path(function, x0, iterations, **options):
    """Where torch's optimizer is after each iteration: a `step` with room for so many."""
    path = []
    for limit in range(1, iterations + 1):
        x = torch.tensor(x0, requires_grad=True)
        o = torch.optim.LBFGS([x], max_iter=limit, max_eval=10**6, line_search_fn="strong_wolfe", **options)

        def closure(x=x, o=o):
            o.zero_grad()
            loss = function(x)
            loss.backward()
            return loss

        o.step(closure)
        path.append(x.detach().numpy().copy())
    return np.array(path)


def test_every_one_has_a_peer():
    assert set(COMPARED) == {name for name, member in optimizers.optimizers.members.items() if member.full_batch}


@pytest.mark.parametrize("options", [{}, {"lr": 0.5}, {"lr": 8.0}, {"history_size": 3}], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_lbfgs_takes_torchs_steps(name, options, agree):
    """As long as they are longer than 1e-4: torch forgets what it learns in shorter ones, those with ``s.y <= 1e-10``."""
    x0, function = np.linspace(-1.0, 1.5, 6), FUNCTIONS[name]
    shared = {"tolerance_grad": 0.0, "tolerance_change": 1e-13}
    expected = torch_path(function, x0, 20, history_size=options.get("history_size", 10), lr=options.get("lr", 1.0), **shared)
    path = []
    ours = LBFGS(options.get("lr", 1.0), options.get("history_size", 10), **shared)
    ours.minimize(with_gradient(function), x0, max_iterations=20, callback=path.append)
    lengths = np.abs(np.diff(path, axis=0)).max(axis=1)
    steps = 1 + int(np.argmax(lengths < 1e-4)) if (lengths < 1e-4).any() else 20
    assert steps >= 6
    agree("optimizer", "LBFGS", peer="torch", got=path[:steps], expected=expected[:steps])


def test_a_training_takes_torchs_steps(agree):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(2)], dtype="float64")
    model.compile(LBFGS(tolerance_grad=0, tolerance_change=1e-13), "mse")
    given = [torch.tensor(w, requires_grad=True) for w in model.get_weights()]
    o = torch.optim.LBFGS(given, max_iter=15, max_eval=1000, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=0)

    def closure():
        o.zero_grad()
        out = torch.tanh(torch.tensor(x) @ given[0] + given[1]) @ given[2] + given[3]
        loss = ((out - torch.tensor(y)) ** 2).mean()
        loss.backward()
        return loss

    o.step(closure)
    model.fit(x, y, epochs=15, batch_size=8, verbose=0)
    flat = [np.concatenate([np.ravel(w) for w in each]) for each in (model.get_weights(), [w.detach().numpy() for w in given])]
    agree("optimizer", "LBFGS", peer="torch", got=flat[0], expected=flat[1])


@pytest.mark.parametrize("member", [LBFGS, ConjugateGradient])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_minima_are_scipys(name, member, agree):
    scipy_optimize = pytest.importorskip("scipy.optimize")
    f, x0 = with_gradient(FUNCTIONS[name]), np.linspace(-1.0, 1.5, 6)
    theirs = scipy_optimize.minimize(f, x0, jac=True, method=COMPARED[member.__name__], tol=1e-12, options={"maxiter": 10**4})
    ours = member(tolerance_grad=1e-9, tolerance_change=0).minimize(f, x0)
    agree("optimizer", member.__name__, peer="scipy", got=ours.x, expected=theirs.x, tolerance=5e-6)
    assert ours.evaluations < 3 * theirs.nfev
