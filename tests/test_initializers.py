import inspect
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn import initializers as init
from fastnn import layers
from fastnn.random import set_random_seed

MEMBERS = init.initializers.members
RANDOM = {name: c for name, c in MEMBERS.items() if issubclass(c, init.RandomInitializer)}
OF_MATRICES = {"Identity", "Orthogonal", "Sparse"}
CUT = math.erf(math.sqrt(2))  # probability of |z| < 2


def normal_cdf(z):
    return 0.5 * (1 + np.vectorize(math.erf)(np.asarray(z) / math.sqrt(2)))


def truncated_cdf(z):
    return np.clip((normal_cdf(z) - normal_cdf(-2)) / CUT, 0, 1)


def uniform_cdf(z):
    return np.clip((z / math.sqrt(3) + 1) / 2, 0, 1)


def assert_follows(sample, cdf):
    """Kolmogorov-Smirnov: the largest distance of the two CDFs is below the limit of probability 1e-6."""
    x = np.sort(sample.ravel())
    n = x.size
    theory, steps = cdf(x), np.arange(n + 1) / n
    distance = max((steps[1:] - theory).max(), (theory - steps[:-1]).max())
    assert distance < math.sqrt(math.log(2 / 1e-6) / 2 / n)


def test_zeros_ones_constant():
    np.testing.assert_array_equal(init.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(init.Ones()((2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(init.Constant(2.5)((4,)), np.full(4, 2.5))
    np.testing.assert_array_equal(init.Constant([1, 2])((3, 2)), [[1, 2]] * 3)
    with pytest.raises(ValueError, match="broadcast"):
        init.Constant([1, 2, 3])((2, 2))


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (0, 4), (4, 0), (1, 1)])
def test_shape_dtype_and_layout(name, dtype, shape):
    a = MEMBERS[name]()(shape, dtype)
    assert a.shape == shape and a.dtype == dtype and a.flags.c_contiguous and a.flags.writeable


@pytest.mark.parametrize("name", sorted(set(MEMBERS) - OF_MATRICES))
def test_vectors_scalars_and_more_dimensions(name):
    for shape in ((7,), (), (2, 3, 4)):
        assert MEMBERS[name]()(shape).shape == shape


@pytest.mark.parametrize("name", sorted(OF_MATRICES))
def test_matrices_alone(name):
    with pytest.raises(ValueError, match=f"{name}: the weight must have (at least )?two dimensions, got shape \\(7,\\)"):
        MEMBERS[name]()((7,))


@pytest.mark.parametrize("name", RANDOM)
def test_seed_decides(name):
    make = RANDOM[name]
    first = make(seed=3)((6, 4))
    np.testing.assert_array_equal(first, make(seed=3)((6, 4)))
    assert not np.array_equal(first, make(seed=4)((6, 4)))
    one = make(seed=3)
    np.testing.assert_array_equal(one((6, 4)), one((6, 4)))
    np.testing.assert_array_equal(first, make(seed=3)((6, 4), "float64").astype("float32"))


@pytest.mark.parametrize("name", RANDOM)
def test_process_seed_decides_without_a_seed(name):
    draws = []
    for _ in range(2):
        set_random_seed(11)
        made = RANDOM[name]()
        draws.append([made((6, 4)), made((6, 4))])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(*draws[0])


@pytest.mark.parametrize(
    ("made", "mean", "scale", "cdf"),
    [
        (init.RandomNormal(1.5, 0.2, seed=1), 1.5, 0.2, normal_cdf),
        (init.TruncatedNormal(-1.0, 0.3, seed=1), -1.0, 0.3, truncated_cdf),
        (init.RandomUniform(2.0, 5.0, seed=1), 3.5, 1.5 / math.sqrt(3), uniform_cdf),
        (init.RandomNormal(seed=2), 0, 0.05, normal_cdf),
        (init.TruncatedNormal(seed=2), 0, 0.05, truncated_cdf),
        (init.RandomUniform(seed=2), 0, 0.05 / math.sqrt(3), uniform_cdf),
    ],
)
def test_distribution(made, mean, scale, cdf):
    assert_follows((made((100, 200), "float64") - mean) / scale, cdf)


SCALED = {
    "GlorotUniform": (lambda i, o: 2 / (i + o), "uniform"),
    "GlorotNormal": (lambda i, o: 2 / (i + o), "truncated_normal"),
    "HeUniform": (lambda i, o: 2 / i, "uniform"),
    "HeNormal": (lambda i, o: 2 / i, "truncated_normal"),
    "LecunUniform": (lambda i, o: 1 / i, "uniform"),
    "LecunNormal": (lambda i, o: 1 / i, "truncated_normal"),
}


def scaled_cdf(distribution):
    cut_stddev = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / CUT)
    return {
        "uniform": uniform_cdf,
        "truncated_normal": lambda z: truncated_cdf(z * cut_stddev),
        "untruncated_normal": normal_cdf,
    }[distribution]


def test_every_fixed_scaling_is_tested():
    assert set(SCALED) == {n for n, c in MEMBERS.items() if issubclass(c, init.VarianceScaling)} - {"VarianceScaling"}


@pytest.mark.parametrize("name", SCALED)
def test_fixed_scalings(name):
    variance, distribution = SCALED[name]
    a = MEMBERS[name](seed=5)((80, 300), "float64")
    assert_follows(a / math.sqrt(variance(80, 300)), scaled_cdf(distribution))
    assert a.var() == pytest.approx(variance(80, 300), rel=0.05)


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 80), ("fan_out", 300), ("fan_avg", 190)])
def test_variance_scaling(distribution, mode, fan):
    a = init.VarianceScaling(3.0, mode, distribution, seed=6)((80, 300), "float64")
    assert_follows(a / math.sqrt(3.0 / fan), scaled_cdf(distribution))


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("shape", [(2, 20000), (20000, 3), (50, 400)])
def test_bounds(name, shape):
    """The largest of many draws lies just below the bound, which follows from the variance."""
    variance, distribution = SCALED[name]
    cut_stddev = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / CUT)
    bound = math.sqrt(variance(*shape)) * (math.sqrt(3) if distribution == "uniform" else 2 / cut_stddev)
    assert 0.995 * bound < np.abs(MEMBERS[name](seed=0)(shape, "float64")).max() <= bound


def test_a_fan_below_one_counts_as_one():
    assert np.isfinite(init.HeUniform(seed=0)((0, 3))).all()
    assert np.abs(init.LecunUniform(seed=0)((1, 20000))).max() == pytest.approx(math.sqrt(3), rel=1e-3)


@pytest.mark.parametrize(
    ("shape", "fans"), [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((2, 3, 5), (6, 10)), ((2, 2, 3, 5), (12, 20))]
)
def test_fans(shape, fans):
    assert init.compute_fans(shape) == fans


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.1, 3))
def test_orthogonal_is_orthogonal(rows, columns, gain):
    a = init.Orthogonal(gain, seed=rows)((rows, columns), "float64")
    gram = a.T @ a if rows >= columns else a @ a.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(min(rows, columns)), atol=1e-13 * gain**2)


def test_orthogonal_in_more_dimensions():
    flat = init.Orthogonal(seed=1)((3, 4, 5), "float64").reshape(12, 5)
    np.testing.assert_allclose(flat.T @ flat, np.eye(5), atol=1e-14)


def test_orthogonal_is_uniform():
    """The first column of a Haar matrix is a uniform direction: in three dimensions each entry is uniform on [-1, 1]."""
    set_random_seed(2)
    entries = np.array([init.Orthogonal()((3, 3), "float64")[0, 0] for _ in range(2000)])
    assert_follows(entries * math.sqrt(3), uniform_cdf)


def test_identity():
    np.testing.assert_array_equal(init.Identity()((3, 2)), [[1, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(init.get("identity")((2, 2)), np.eye(2))
    np.testing.assert_array_equal(init.Identity(2.5)((1, 3)), [[2.5, 0, 0]])


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.0, 0), (0.3, 3), (0.31, 4), (1.0, 10)])
def test_sparse_cuts_so_many_inputs_of_each_unit(sparsity, zeros):
    np.testing.assert_array_equal((init.Sparse(sparsity, seed=1)((10, 7)) == 0).sum(axis=0), [zeros] * 7)


def test_sparse_distribution():
    """The others are normal, and each place is as likely to be cut as any."""
    a = init.Sparse(0.25, 0.3, seed=3)((40, 4000), "float64")
    assert_follows(a[a != 0] / 0.3, normal_cdf)
    cut = (a == 0).sum(axis=1)
    assert ((cut - 1000) ** 2 / 750).sum() < 100  # chi-squared of 39 degrees of freedom: probability 3e-7


def test_torchs_default():
    a = init.get("torch")
    assert_follows(init.TorchLinear(seed=3)((50, 400), "float64") * math.sqrt(3 * 50), uniform_cdf)
    assert a.beside([]) is not a
    layer = layers.Dense(20000, kernel_initializer="torch", bias_initializer=init.TorchLinear(seed=1))
    layer.build((None, 16), "float64")
    assert_follows(layer.kernel.numpy()[0] * math.sqrt(3) * 4, uniform_cdf)
    assert_follows(layer.bias.numpy() * math.sqrt(3) * 4, uniform_cdf)
    assert 0.2499 < np.abs(layer.bias.numpy()).max() <= 0.25


def test_torchs_default_serves_many_layers():
    shared = init.TorchLinear(seed=1)
    bounds = []
    for inputs in (4, 100):
        layer = layers.Dense(3000, kernel_initializer=shared, bias_initializer=shared)
        layer.build((None, inputs))
        bounds.append([np.abs(w).max() for w in layer.get_weights()])
    np.testing.assert_allclose(bounds, [[0.5, 0.5], [0.1, 0.1]], rtol=1e-2)


def test_a_function():
    def ramp(shape, dtype=None):
        return np.arange(math.prod(shape)).reshape(shape)

    def ones(shape, dtype=None):
        return np.ones((2, 2))

    made = init.get(ramp)((2, 3), "float32")
    assert made.dtype == "float32" and made.tolist() == [[0, 1, 2], [3, 4, 5]]
    layer = layers.Dense(3, kernel_initializer=ramp, bias_initializer=lambda shape, dtype: 7 * np.ones(shape, dtype))
    np.testing.assert_array_equal(layer(np.eye(2)), [[7, 8, 9], [10, 11, 12]])
    with pytest.raises(ValueError, match=r"initializer ones must return values of shape \(2,\), got \(2, 2\)"):
        init.get(ones)((2,))
    with pytest.raises(TypeError, match="can't be saved"):
        layer.get_config()


@pytest.mark.parametrize("name", MEMBERS)
def test_config_round_trip(name):
    made = MEMBERS[name](seed=9) if name in RANDOM else MEMBERS[name]()
    again = init.get(json.loads(json.dumps({"class_name": name, "config": made.get_config()})))
    assert type(again) is type(made)
    np.testing.assert_array_equal(again((4, 3)), made((4, 3)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("glorot_uniform", init.GlorotUniform),
        ("lecun_normal", init.LecunNormal),
        ("he_normal", init.HeNormal),
        ("zeros", init.Zeros),
        ("normal", init.RandomNormal),
        ("uniform", init.RandomUniform),
        ("TruncatedNormal", init.TruncatedNormal),
        (init.Ones, init.Ones),
    ],
)
def test_get(name, kind):
    assert type(init.get(name)) is kind


def test_get_refuses():
    with pytest.raises(ValueError, match="glorot_uniform"):
        init.get("glorot_unifrom")
    with pytest.raises(TypeError, match="initializer"):
        init.get(3)


def test_keras_argument_order_and_defaults():
    defaults = {name: [(p.name, p.default) for p in inspect.signature(c).parameters.values()] for name, c in MEMBERS.items()}
    assert defaults["RandomNormal"] == defaults["TruncatedNormal"] == [("mean", 0.0), ("stddev", 0.05), ("seed", None)]
    assert defaults["RandomUniform"] == [("minval", -0.05), ("maxval", 0.05), ("seed", None)]
    expected = [("scale", 1.0), ("mode", "fan_in"), ("distribution", "truncated_normal"), ("seed", None)]
    assert defaults["VarianceScaling"] == expected
    assert defaults["Orthogonal"] == [("gain", 1.0), ("seed", None)]
    assert defaults["Identity"] == [("gain", 1.0)]


@pytest.mark.parametrize(
    ("make", "kwargs", "word"),
    [
        (init.RandomNormal, {"stddev": -1}, "stddev"),
        (init.RandomNormal, {"mean": math.nan}, "mean"),
        (init.RandomNormal, {"stddev": "big"}, "stddev"),
        (init.RandomUniform, {"minval": 1, "maxval": 0}, "minval"),
        (init.RandomUniform, {"maxval": math.inf}, "maxval"),
        (init.VarianceScaling, {"scale": 0}, "scale"),
        (init.VarianceScaling, {"mode": "fan"}, "fan_avg"),
        (init.VarianceScaling, {"distribution": "cauchy"}, "uniform"),
        (init.VarianceScaling, {"distribution": None}, "uniform"),
        (init.Orthogonal, {"gain": math.nan}, "gain"),
        (init.Identity, {"gain": "1"}, "gain"),
        (init.Sparse, {"sparsity": 1.5}, "sparsity"),
        (init.Sparse, {"sparsity": -0.5}, "sparsity"),
        (init.Sparse, {"stddev": math.inf}, "stddev"),
        (init.HeNormal, {"seed": -1}, "seed"),
        (init.HeNormal, {"seed": "x"}, "seed"),
        (init.HeNormal, {"seed": True}, "seed"),
    ],
)
def test_bad_arguments(make, kwargs, word):
    with pytest.raises((TypeError, ValueError), match=word):
        make(**kwargs)


@pytest.mark.parametrize("shape", [3, "ab", (2.0, 3), (-1, 2), None])
def test_bad_shapes(shape):
    with pytest.raises((TypeError, ValueError), match="shape"):
        init.Zeros()(shape)


def test_bad_dtype():
    with pytest.raises(ValueError, match="float64"):
        init.Zeros()((2,), "int32")


def test_none_is_the_default_of_keras():
    assert type(init.get(None)).__name__ == "GlorotUniform"
