"""Optimizers that look at a whole parameter: norms, rows and columns, singular values."""

import math

import numpy as np
import pytest
from helpers import BACKENDS, model_of, samples

import fastnn
from fastnn import layers, optimizers
from fastnn.optimizers import LARS, Adafactor, AdamW, Lamb, Muon

SHAPES = [(7, 4), (4,), (4, 9), (9,), (1, 6), (5, 1)]


@pytest.fixture(params=BACKENDS)
def each_backend(request):
    with fastnn.backend.use(request.param):
        yield request.param


def start():
    rng = np.random.default_rng(1)
    return [rng.normal(size=shape) for shape in SHAPES]


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=shape) for shape in SHAPES]


def trained(optimizer, steps=20):
    p = start()
    for step in range(steps):
        optimizer.apply(gradients(step), p)
    return p


# --------------------------------------------------------------------------- from the papers, one parameter at a time


def plain_lars(o, p, gradients):
    m, wd = np.zeros_like(p), o.weight_decay or 0.0
    for g in gradients:
        local = o.trust_coefficient * np.linalg.norm(p) / (np.linalg.norm(g) + wd * np.linalg.norm(p) + o.epsilon)
        m = o.momentum * m + o.learning_rate * local * (g + wd * p)
        p = p - m
    return p


def plain_lamb(o, p, gradients):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        m, v = o.beta_1 * m + (1 - o.beta_1) * g, o.beta_2 * v + (1 - o.beta_2) * g**2
        r = (m / (1 - o.beta_1**t)) / (np.sqrt(v / (1 - o.beta_2**t)) + o.epsilon)
        p = p * (1 - o.learning_rate * (o.weight_decay or 0))
        p = p - o.learning_rate * np.linalg.norm(p) / np.linalg.norm(r) * r
    return p


def rms(x):
    return math.sqrt((x**2).mean())


def plain_adafactor(o, p, gradients):
    r = c = v = 0.0
    for t, g in enumerate(gradients, start=1):
        p, b, s = p * (1 - o.learning_rate * (o.weight_decay or 0)), 1 - t**o.beta_2_decay, g**2 + o.epsilon_1
        if p.ndim == 2:  # the paper's sums: their ratio is the same as that of means
            r, c = b * r + (1 - b) * s.sum(axis=1), b * c + (1 - b) * s.sum(axis=0)
            v = np.outer(r, c) / r.sum()
        else:
            v = b * v + (1 - b) * s
        u = g / np.sqrt(v)
        rate = min(o.learning_rate, 1 / math.sqrt(t)) if o.relative_step else o.learning_rate
        p = p - max(o.epsilon_2, rms(p)) * rate * u / max(1, rms(u) / o.clip_threshold)
    return p


def plain_muon(o, p, gradients):
    if p.ndim != 2:
        return plain_adamw(o, p, gradients)
    m = np.zeros_like(p)
    for g in gradients:
        m = o.momentum * m + g
        x = g + o.momentum * m if o.nesterov else m
        u, s, vt = np.linalg.svd(x / (np.linalg.norm(x) + 1e-7), full_matrices=False)
        for _ in range(o.ns_steps):  # the polynomial acts on the singular values alone
            s = o.muon_a * s + o.muon_b * s**3 + o.muon_c * s**5
        scale = 1 if o.rms_rate is None else o.rms_rate * math.sqrt(max(p.shape))
        p = p * (1 - o.learning_rate * (o.weight_decay or 0)) - o.learning_rate * scale * (u * s) @ vt
    return p


def plain_adamw(o, p, gradients):
    m, v, rate = np.zeros_like(p), np.zeros_like(p), o.learning_rate * o.adam_lr_ratio
    for t, g in enumerate(gradients, start=1):
        m, v = o.adam_beta_1 * m + (1 - o.adam_beta_1) * g, o.adam_beta_2 * v + (1 - o.adam_beta_2) * g**2
        p = p * (1 - o.learning_rate * o.adam_weight_decay)
        p = p - rate * math.sqrt(1 - o.adam_beta_2**t) / (1 - o.adam_beta_1**t) * m / (np.sqrt(v) + o.epsilon)
    return p


PLAIN = {LARS: plain_lars, Lamb: plain_lamb, Adafactor: plain_adafactor, Muon: plain_muon}
CASES = [
    LARS(0.5),
    LARS(0.5, momentum=0.5, trust_coefficient=0.1, epsilon=0.1, weight_decay=0.1),
    Lamb(0.05),
    Lamb(0.05, beta_1=0.5, beta_2=0.7, epsilon=1e-2, weight_decay=0.5),
    Adafactor(0.3),
    Adafactor(0.3, beta_2_decay=-0.5, epsilon_1=1e-2, epsilon_2=2.0, clip_threshold=0.2, relative_step=False, weight_decay=0.1),
    Muon(0.05),
    Muon(0.05, adam_beta_1=0.5, adam_beta_2=0.7, adam_weight_decay=0.3, epsilon=1e-2, adam_lr_ratio=0.5, weight_decay=0.1),
    Muon(0.05, momentum=0.5, nesterov=False, ns_steps=3, rms_rate=None, muon_a=3.0, muon_b=-4.0, muon_c=2.0, weight_decay=None),
]


@pytest.mark.parametrize("case", CASES, ids=lambda o: type(o).__name__)
def test_twenty_steps_follow_the_papers(case, each_backend):
    got = trained(optimizers.get(optimizers.serialize(case)))
    for number, (p, final) in enumerate(zip(start(), got, strict=True)):
        expected = PLAIN[type(case)](case, p, [gradients(step)[number] for step in range(20)])
        np.testing.assert_allclose(final, expected, rtol=1e-8, atol=1e-9, err_msg=str(SHAPES[number]))


def test_every_such_class_has_a_transcription():
    assert set(PLAIN) == {member for member in optimizers.optimizers.members.values() if not (member.full_batch or member().op.split)}


# ------------------------------------------------------------------------------------------------- norms


@pytest.mark.parametrize("optimizer", [Lamb(0.1), LARS(1.0, trust_coefficient=0.1, momentum=0.0)], ids=lambda o: o.name)
def test_a_step_is_a_share_of_the_parameter(optimizer, each_backend):
    p, q = start(), trained(optimizer, 1)
    for before, after in zip(p, q, strict=True):
        assert np.linalg.norm(after - before) == pytest.approx(0.1 * np.linalg.norm(before), rel=1e-5)


@pytest.mark.parametrize("member", [Lamb, LARS])
def test_what_is_zero_can_move(member, each_backend):
    p = np.zeros(3)
    member(0.1).apply([np.ones(3)], [p])
    assert (p < 0).all()
    q = np.ones(3)
    member(0.1).apply([np.zeros(3)], [q])
    np.testing.assert_array_equal(q, 1)


def test_norms_of_single_precision_dont_overflow(each_backend):
    p = np.full(5, 1e30, "float32")
    LARS(1.0, momentum=0.0, trust_coefficient=0.5).apply([p.copy()], [p])
    np.testing.assert_allclose(p, 5e29, rtol=1e-6)


# -------------------------------------------------------------------------------------------- rows and columns


def test_adafactor_keeps_a_number_for_each_row_and_column(each_backend):
    o, p = Adafactor(0.1), [np.ones((5, 3)), np.ones(4)]
    o.apply([np.outer(np.arange(1, 6), np.arange(1, 4)), np.ones(4)], p)
    rows, columns = (next(iter(o.arena.values.split(o.slots[name]))).ravel() for name in ("row_means", "column_means"))
    np.testing.assert_allclose(rows[:5], np.arange(1, 6) ** 2 * 14 / 3)
    np.testing.assert_allclose(columns[:3], np.arange(1, 4) ** 2 * 11.0)
    assert not rows[5:].any() and not columns[3:].any()
    np.testing.assert_allclose(p[0], 0.9)  # squares of rank 1 are known exactly: each entry moves alike


# -------------------------------------------------------------------------------------------- singular values


@pytest.mark.parametrize("shape", [(6, 30), (30, 6), (20, 20)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_muon_goes_along_a_nearly_orthogonal_matrix(shape, dtype, each_backend):
    rng = np.random.default_rng(0)
    u, _, vt = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    g = (u * np.linspace(0.2, 1, min(shape))) @ vt  # singular values over a factor of 5
    p = np.zeros(shape, dtype)
    Muon(1.0, momentum=0.0, rms_rate=None).apply([g], [p])
    found = np.linalg.svd(-p.astype(float), compute_uv=False)
    assert found.min() > 0.6 and found.max() < 1.3
    np.testing.assert_allclose(u.T @ -p @ vt.T, np.diag(np.diag(u.T @ -p @ vt.T)), atol=1e-4 if dtype == "float32" else 1e-9)


def test_muon_treats_a_matrix_and_its_transpose_alike(each_backend):
    g = np.random.default_rng(0).normal(size=(5, 12))
    p, q = np.zeros((5, 12)), np.zeros((12, 5))
    Muon(0.1).apply([g], [p])
    Muon(0.1).apply([g.T], [q])
    np.testing.assert_allclose(p, q.T, rtol=1e-9, atol=1e-12)


def network(optimizer):
    stack = [lambda: layers.Dense(6, activation="tanh", name="first"), lambda: layers.Dense(5, activation="tanh", name="embedding_like")]
    return model_of(*stack, lambda: layers.Dense(1, name="last"), optimizer=optimizer, loss="mse")


def ops_of(optimizer):
    model = network(optimizer)
    model.train_on_batch(samples(), samples(23, 1))
    return {p.path: optimizer.op_for(p).name for p in model.trainable_weights}


def test_muon_leaves_to_adamw_what_it_is_told(each_backend):
    chosen = ops_of(Muon(exclude_layers=["^last/"]))
    assert {path for path, op in chosen.items() if op.startswith("muon")} == {"first/kernel"}
    chosen = ops_of(Muon(exclude_embeddings=False))
    assert {path for path, op in chosen.items() if op == "adam"} == {"first/bias", "embedding_like/bias", "last/bias"}


def test_muon_of_vectors_is_adamw(each_backend):
    p, q = np.ones(5), np.ones(5)
    muon, adamw = Muon(0.1), AdamW(0.1)
    for g in np.random.default_rng(0).normal(size=(10, 5)):
        muon.apply([g], [p])
        adamw.apply([g], [q])
    np.testing.assert_array_equal(p, q)


def test_what_muon_leaves_out_can_be_changed_between_steps(each_backend):
    model = network(Muon(0.01))
    model.train_on_batch(samples(), samples(23, 1))
    model.optimizer.exclude_layers = ["."]
    assert not any(update.op.name.startswith("muon") for update in model.optimizer.updates)
    model.train_on_batch(samples(), samples(23, 1))


def test_bad_arguments_of_muon():
    for name, bad in (
        ("ns_steps", 0),
        ("ns_steps", 101),
        ("momentum", 2.0),
        ("rms_rate", 0.0),
        ("adam_lr_ratio", 0.0),
        ("muon_a", math.nan),
    ):
        with pytest.raises(ValueError, match=name):
            Muon(**{name: bad})
