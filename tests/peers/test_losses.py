"""Every loss against Keras or torch: values and gradients, with each option, reduction and sample weights."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")

from keras.src.backend.common import dtypes  # noqa: E402

from fastnn import losses, samples  # noqa: E402
from fastnn.losses.reductions import lower_shares  # noqa: E402
from fastnn.program import Program, run  # noqa: E402

N, M = 9, 4
WEIGHTS = np.random.default_rng(2).uniform(0.1, 2, N)
VECTOR = [0.5, 1.0, 2.0, 3.0]
MEMBERS = losses.losses.members
F = torch.nn.functional

KIND = "loss"
NO_PEER = {"Quantile": "neither has a pinball loss; scikit-learn's mean_pinball_loss stands in below"}

SMOOTH = [{"label_smoothing": 0.2}, {"from_logits": True}, {"from_logits": True, "label_smoothing": 0.2}]
KERAS_OPTIONS = {
    "Huber": [{"delta": 0.5}],
    "BinaryCrossentropy": SMOOTH,
    "CategoricalCrossentropy": SMOOTH,
    "SparseCategoricalCrossentropy": [{"from_logits": True}, {"ignore_class": 1}, {"from_logits": True, "ignore_class": 2}],
    "BinaryFocalCrossentropy": [
        *SMOOTH,
        {"apply_class_balancing": True, "alpha": 0.3},
        {"gamma": 0.0},
        {"gamma": 1.5, "from_logits": True},
    ],
    "CategoricalFocalCrossentropy": [*SMOOTH, {"alpha": VECTOR}, {"gamma": 0.0}, {"gamma": 1.5, "alpha": VECTOR, "from_logits": True}],
    "Dice": [{"axis": -1}],
    "Tversky": [{"alpha": 0.3, "beta": 0.9}, {"axis": -1, "alpha": 0.3, "beta": 0.9}],
}
REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum"]


def mean(terms):
    return terms.mean(axis=-1)


def halves(loss, y, t):
    """torch's Gaussian loss, which takes means and variances apart."""
    spread = y[:, t.shape[1] :].exp() if loss.log_variance else y[:, t.shape[1] :]
    return mean(F.gaussian_nll_loss(y[:, : t.shape[1]], t, spread, full=loss.full, eps=loss.eps, reduction="none"))


def vector(numbers):
    return None if numbers is None else torch.tensor(numbers, dtype=torch.float64)


def crossentropy(loss, y, t):
    options = {"label_smoothing": loss.label_smoothing} if hasattr(loss, "label_smoothing") else {}
    return F.cross_entropy(y, t, weight=vector(loss.class_weight), reduction="none", **options)


def binary(loss, y, t):
    return mean(F.binary_cross_entropy_with_logits(y, t, pos_weight=vector(loss.pos_weight), reduction="none"))


TORCH = {
    "MeanSquaredError": (lambda loss, y, t: mean(F.mse_loss(y, t, reduction="none")), [{}]),
    "MeanAbsoluteError": (lambda loss, y, t: mean(F.l1_loss(y, t, reduction="none")), [{}]),
    "Huber": (lambda loss, y, t: mean(F.huber_loss(y, t, delta=loss.delta, reduction="none")), [{}, {"delta": 0.5}]),
    "SmoothL1": (lambda loss, y, t: mean(F.smooth_l1_loss(y, t, beta=loss.beta, reduction="none")), [{}, {"beta": 0.3}, {"beta": 0.0}]),
    "Poisson": (lambda loss, y, t: mean(F.poisson_nll_loss(y, t, log_input=False, eps=1e-7, reduction="none")), [{}]),
    "GaussianNLL": (
        halves,
        [{}, {"full": True}, {"eps": 1e-4}, {"log_variance": False}, {"log_variance": False, "eps": 1.5, "full": True}],
    ),
    "MultiMargin": (
        lambda loss, y, t: F.multi_margin_loss(y, t, p=loss.p, margin=loss.margin, weight=vector(loss.weight), reduction="none"),
        [{}, {"p": 2}, {"margin": 0.5}, {"weight": VECTOR, "p": 2, "margin": 2.0}],
    ),
    "BinaryCrossentropy": (binary, [{"from_logits": True}, {"from_logits": True, "pos_weight": VECTOR}]),
    "CategoricalCrossentropy": (
        crossentropy,
        [
            {"from_logits": True},
            {"from_logits": True, "label_smoothing": 0.2},
            {"from_logits": True, "class_weight": VECTOR},
            {"from_logits": True, "class_weight": VECTOR, "label_smoothing": 0.2},
        ],
    ),
    "SparseCategoricalCrossentropy": (
        crossentropy,
        [
            {"from_logits": True},
            {"from_logits": True, "class_weight": VECTOR},
            {"from_logits": True, "class_weight": VECTOR, "label_smoothing": 0.2},
        ],
    ),
    "CosineSimilarity": (lambda loss, y, t: -F.cosine_similarity(y, t), [{}]),
    "HalfSquaredError": (lambda loss, y, t: F.mse_loss(y, t, reduction="none").sum(axis=-1) / 2, [{}]),
    "HalfPoissonLoss": (
        lambda loss, y, t: (F.poisson_nll_loss(y, t, log_input=True, reduction="none") + torch.xlogy(t, t) - t).sum(axis=-1),
        [{}],
    ),
    "HalfBinomialLoss": (lambda loss, y, t: F.binary_cross_entropy_with_logits(y, t, reduction="none").sum(axis=-1), [{}]),
    "HalfMultinomialLoss": (lambda loss, y, t: F.cross_entropy(y, t, reduction="none"), [{}]),
    "KLDivergence": (lambda loss, y, t: F.kl_div(y.log(), t, reduction="none").sum(axis=-1), [{}]),
}


@pytest.fixture(autouse=True)
def float64(monkeypatch):
    """Let Keras compute in double precision, also where it would only store that: `ops.mean` goes through float32 but on TensorFlow."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    yield
    keras.config.set_floatx(before)


def data(loss, seed=0):
    """Targets and predictions as the loss' op declares them, targets of either dtype that the peers take."""
    rng, op = np.random.default_rng(seed), loss.op
    drawn = samples.arguments(op, {"n": N, "m": M // loss.function.outputs_per_target}, "float64", rng)
    return drawn[1], drawn[0]


def ours(loss, t, y, weights):
    """The loss of a batch and its gradient, by what a program does: shares of the samples, then the op."""
    targets = loss.prepare_targets(t, y.shape[1:], "float64")
    program = Program(N, "float64", True, np.zeros(1, np.uint64))
    w = lower_shares(program, loss, targets, weights)
    run(program.load_calls)
    value, dy = np.empty(N), np.empty_like(y)
    loss.op(y, targets, w, value, dy, *loss.arguments(y.shape[1], "float64"))
    assert value.sum() == pytest.approx(float(loss(t, y, weights)), rel=1e-12)
    return value.sum(), dy


def theirs(value_of, y):
    """A torch function's value and its gradient."""
    tensor = torch.tensor(y, requires_grad=True)
    value = value_of(tensor)
    value.sum().backward()
    return value.detach().numpy(), tensor.grad.numpy()


KERAS_CASES = [
    pytest.param(member, getattr(keras.losses, name), options, id=f"{name}-{options}")
    for name, member in MEMBERS.items()
    if hasattr(keras.losses, name)
    for options in [{}, *KERAS_OPTIONS.get(name, [])]
]


def compare(agree, name, peer, got, expected):
    for part, right in zip(got, expected, strict=True):
        agree("loss", name, peer=peer, got=part, expected=right)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(("member", "peer", "options"), KERAS_CASES)
def test_losses_are_those_of_keras(member, peer, options, weights, reduction, agree):
    loss, other = member(reduction=reduction, **options), peer(reduction=reduction, **options)
    if loss.whole and reduction == "sum" and weights is not None:
        pytest.skip("a batch's loss times its mean weight here, times the sum of the weights there")
    t, y = data(loss)
    expected = theirs(lambda p: other(torch.tensor(t), p, None if weights is None else torch.tensor(weights)), y)
    compare(agree, member.__name__, "keras", ours(loss, t, y, weights), expected)


@pytest.mark.parametrize(("member", "peer", "options"), KERAS_CASES)
def test_functions_are_those_of_keras(member, peer, options, agree):
    """Each sample's loss, with the parameters in Keras' order."""
    loss = member(**options)
    t, y = data(loss)
    function = getattr(keras.losses, member.function.name)
    expected = function(torch.tensor(t), torch.tensor(y), **options).numpy()
    agree("loss", member.__name__, peer="keras", got=member.function(t, y, **options), expected=expected)


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, (_, all_) in TORCH.items() for o in all_], ids=str)
def test_losses_are_those_of_torch(name, options, agree):
    loss = MEMBERS[name](reduction="sum", **options)
    t, y = data(loss)
    expected = theirs(lambda p: TORCH[name][0](loss, p, torch.tensor(t)), y)
    got = ours(loss, t, y, None)
    agree("loss", name, peer="torch", got=MEMBERS[name](reduction=None, **options)(t, y), expected=expected[0])
    agree("loss", name, peer="torch", got=got[1], expected=expected[1])


def test_ignored_labels_leave_the_mean_as_in_torch(agree):
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    t, y = data(loss)
    t = np.where(np.arange(N) % 3 == 0, -1, t)
    expected = theirs(lambda p: F.cross_entropy(p, torch.tensor(t), ignore_index=-1), y)
    compare(agree, "SparseCategoricalCrossentropy", "torch", ours(loss, t, y, None), expected)


CLIPPING = ["BinaryCrossentropy", "BinaryFocalCrossentropy", "KLDivergence", "Poisson", "MeanSquaredLogarithmicError"]
EXTREMES = [0.0, 1e-9, 1e-7, 0.5, 1 - 1e-7, 1 - 1e-9, 1.0]


@pytest.mark.parametrize(
    "name", ["BinaryCrossentropy", "BinaryFocalCrossentropy", "KLDivergence", "Poisson", "MeanSquaredLogarithmicError"]
)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_values_at_the_ends_are_those_of_keras(name, target, agree):
    """Clipping as Keras does it."""
    y = np.array(EXTREMES)[:, None]
    t = np.full_like(y, target)
    expected = getattr(keras.losses, name)(reduction=None)(torch.tensor(t), torch.tensor(y)).numpy()
    agree("loss", name, peer="keras", got=MEMBERS[name](reduction=None)(t, y), expected=expected)


@pytest.mark.parametrize("t", [np.array([0.0, 1.0]), np.array([-1.0, 1.0])], ids=["01", "-11"])
@pytest.mark.parametrize("name", ["Hinge", "SquaredHinge"])
def test_hinges_take_zeros_as_keras_does(name, t, agree):
    y = np.random.default_rng(0).normal(size=(N, 2))
    t = np.tile(t, (N, 1))
    expected = getattr(keras.losses, name)()(torch.tensor(t), torch.tensor(y)).numpy()
    agree("loss", name, peer="keras", got=MEMBERS[name]()(t, y), expected=expected)


@pytest.mark.parametrize("alias", ["bce", "BCE", "kld", "KLD", "mae", "MAE", "mse", "MSE", "mape", "MAPE", "msle", "MSLE"])
def test_aliases_are_those_of_keras(alias):
    assert losses.get(alias).function.name == keras.losses.get(alias).__name__


def test_constructors_have_the_arguments_of_keras():
    """In the same order and with the same defaults; ours may have more at the end."""
    import inspect

    for name, member in MEMBERS.items():
        if hasattr(keras.losses, name):
            expected = [p for p in inspect.signature(getattr(keras.losses, name)).parameters.values() if p.name != "dtype"]
            got = list(inspect.signature(member).parameters.values())[: len(expected)]
            assert [(p.name, p.default) for p in got] == [(p.name, p.default) for p in expected], name


def test_quantile_is_the_pinball_loss_of_scikit_learn(agree):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(N, 3)), rng.normal(size=N)
    for i, q in enumerate([0.1, 0.5, 0.9]):
        expected = metrics.mean_pinball_loss(t, y[:, i], alpha=q)
        agree("loss", "Quantile", peer="scikit-learn", got=losses.Quantile(q)(t, y[:, i : i + 1]), expected=expected)
    several = losses.Quantile([0.1, 0.5, 0.9])(t, y)
    expected = np.mean([metrics.mean_pinball_loss(t, y[:, i], alpha=q) for i, q in enumerate([0.1, 0.5, 0.9])])
    agree("loss", "Quantile", peer="scikit-learn", got=several, expected=expected)


def test_every_loss_has_a_peer():
    missing = {name for name in MEMBERS if not hasattr(keras.losses, name) and name not in TORCH}
    assert missing == set(NO_PEER)
