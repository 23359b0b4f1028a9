"""Every optimizer against Keras' or torch's own, for 100 steps on random gradients, with every option."""

import inspect

import numpy as np
import pytest

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from fastnn import optimizers  # noqa: E402
from fastnn.optimizers import schedules  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras calls torch by old names
STEPS = 100
SHAPES = [(4, 3), (3,), (2, 5), (1, 6)]
MEMBERS = {name: member for name, member in optimizers.optimizers.members.items() if not member.full_batch}  # see test_full_batch.py
SHARED = [
    {"weight_decay": 0.05},
    {"clipnorm": 0.5},
    {"clipvalue": 0.4},
    {"global_clipnorm": 2.0},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 3, "clipnorm": 0.5, "weight_decay": 0.05},
]
"""What all of Keras' take."""

OWN = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}],
    "RMSprop": [{"rho": 0.5}, {"momentum": 0.7}, {"centered": True}, {"centered": True, "momentum": 0.7, "epsilon": 1e-3}],
    "Adagrad": [{"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
    "Adadelta": [{"rho": 0.5, "epsilon": 1e-3}],
    "Adam": [{"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}, {"amsgrad": True, "beta_2": 0.7}],
    "AdamW": [{"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}, {"amsgrad": True, "beta_2": 0.7}],
    "Adamax": [{"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}],
    "Nadam": [{"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}],
    "Lion": [{"beta_1": 0.5, "beta_2": 0.7}, {"beta_1": 1.0}],
    "Lamb": [{"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}],
    "Ftrl": [
        {"learning_rate_power": -0.3, "initial_accumulator_value": 0.5, "beta": 0.5},
        {"l1_regularization_strength": 0.2, "l2_regularization_strength": 0.3, "l2_shrinkage_regularization_strength": 0.1},
    ],
    "Adafactor": [{"beta_2_decay": -0.25, "epsilon_1": 2**-10, "epsilon_2": 0.75, "clip_threshold": 0.25}, {"clip_threshold": 8.0}],
    "Muon": [
        {"adam_beta_1": 0.5, "adam_beta_2": 0.7, "epsilon": 1e-3, "adam_weight_decay": 0.1, "adam_lr_ratio": 0.5},
        {"momentum": 0.5, "nesterov": False, "ns_steps": 3, "rms_rate": None},
        {"muon_a": 3.0, "muon_b": -4.0, "muon_c": 2.0, "rms_rate": 0.5},
    ],
}
"""For each that Keras has, arguments of its own: each is in one of the cases."""

SCHEDULE_FREE = [{}, {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 2**-10}, {"clipnorm": 0.5}]
"""Without warm-up and weight decay, where Keras' differs from the paper: tests/test_optimizers.py has a transcription."""

UNTOLD = {
    "SGD": {"dampening": "Keras has none; against torch below"},
    "Nadam": {"momentum_decay": "Keras has none; against torch below"},
    "Adafactor": {"relative_step": "without effect in Keras"},
    "Muon": {"exclude_layers": "which weights, not how; tests/test_optimizers_of_parameters.py", "exclude_embeddings": "the same"},
}

KIND = "optimizer"
NO_PEER = {
    "ScheduleFreeSGD": "neither has it; a transcription of the paper in tests/test_optimizers.py",
    "AdaBelief": "neither has it; a transcription of the paper in tests/test_optimizers.py",
    "LARS": "neither has it; a transcription of the paper in tests/test_optimizers_of_parameters.py",
}


def torch_case(cls, **options):
    return lambda parameters: cls(parameters, **options)


TORCH = {
    ("SGD", (("momentum", 0.9), ("dampening", 0.3))): torch_case(torch.optim.SGD, momentum=0.9, dampening=0.3),
    ("Nadam", (("momentum_decay", 0.004), ("epsilon", 1e-8))): torch_case(torch.optim.NAdam, momentum_decay=0.004, eps=1e-8),
    ("NAdamW", (("momentum_decay", 0.004), ("epsilon", 1e-3), ("beta_1", 0.5), ("beta_2", 0.7), ("weight_decay", 0.1))): torch_case(
        torch.optim.NAdam, momentum_decay=0.004, eps=1e-3, betas=(0.5, 0.7), weight_decay=0.1, decoupled_weight_decay=True
    ),
    ("RAdam", ()): torch_case(torch.optim.RAdam),
    ("RAdam", (("beta_1", 0.5), ("beta_2", 0.99), ("epsilon", 1e-3), ("weight_decay", 0.1))): torch_case(
        torch.optim.RAdam, betas=(0.5, 0.99), eps=1e-3, weight_decay=0.1, decoupled_weight_decay=True
    ),
    ("Rprop", ()): torch_case(torch.optim.Rprop),
    ("Rprop", (("etas", (0.3, 1.7)), ("step_sizes", (0.005, 0.5)))): torch_case(
        torch.optim.Rprop, etas=(0.3, 1.7), step_sizes=(0.005, 0.5)
    ),
    ("ASGD", ()): torch_case(torch.optim.ASGD),
    ("ASGD", (("lambd", 0.1), ("alpha", 0.5), ("t0", 20.0))): torch_case(torch.optim.ASGD, lambd=0.1, alpha=0.5, t0=20.0),
    ("Adagrad", (("epsilon", 1e-300), ("initial_accumulator_value", 0.5))): torch_case(
        torch.optim.Adagrad, eps=0.0, initial_accumulator_value=0.5
    ),
    ("Adadelta", (("rho", 0.5), ("epsilon", 1e-3))): torch_case(torch.optim.Adadelta, rho=0.5, eps=1e-3),
    ("AdamW", (("epsilon", 1e-300), ("weight_decay", 0.1))): torch_case(torch.optim.AdamW, eps=0.0, weight_decay=0.1),
    ("RMSprop", (("epsilon", 1e-300), ("rho", 0.7), ("momentum", 0.5))): torch_case(torch.optim.RMSprop, eps=0.0, alpha=0.7, momentum=0.5),
}


def in_double(function):
    return lambda *arrays, **options: function(*(torch.as_tensor(x, dtype=torch.float64) for x in arrays), **options)


@pytest.fixture(autouse=True)
def double_precision(monkeypatch):
    for name, function in (("maximum", torch.maximum), ("minimum", torch.minimum)):
        monkeypatch.setattr(keras.src.ops, name, in_double(function))  # on torch, Keras computes these in single precision
    monkeypatch.setattr(keras.src.ops, "norm", lambda x, axis, keepdims: torch.linalg.norm(x, dim=axis, keepdim=keepdims))
    monkeypatch.setattr(
        keras.src.ops, "mean", lambda x, axis=None, keepdims=False: torch.mean(keras.ops.convert_to_tensor(x), axis, keepdim=keepdims)
    )
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    torch.set_default_dtype(torch.float64)  # or torch keeps products and rates of its own in single precision
    yield
    keras.config.set_floatx(before)
    torch.set_default_dtype(torch.float32)


def start():
    rng = np.random.default_rng(5)
    return [rng.normal(size=shape) for shape in SHAPES]


def gradients(step):
    rng = np.random.default_rng(1000 + step)
    return [rng.normal(size=shape) for shape in SHAPES]


def ours(optimizer):
    """The parameters after all steps, flat, and once more with the average in their place."""
    p = start()
    for step in range(STEPS):
        optimizer.apply(gradients(step), p)
    last = np.concatenate([x.ravel() for x in p])
    optimizer.finalize_variable_values()
    return np.concatenate([last, *(x.ravel() for x in p)])


def theirs(optimizer):
    variables = [keras.Variable(x, dtype="float64") for x in start()]
    for step in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64") for g in gradients(step)], variables)
    last = [keras.ops.convert_to_numpy(v).ravel() for v in variables]
    optimizer.finalize_variable_values(variables)
    return np.concatenate([*last, *(keras.ops.convert_to_numpy(v).ravel() for v in variables)])


KERAS = [name for name in MEMBERS if name in OWN]
CASES = [(name, options) for name in KERAS for options in [{}, *OWN[name], *SHARED]]


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain")
def test_against_keras(name, options, agree):
    options = {"learning_rate": 0.02, **options}
    got, expected = ours(MEMBERS[name](**options)), theirs(getattr(keras.optimizers, name)(**options))
    agree("optimizer", name, peer="keras", got=got, expected=expected)


@pytest.mark.parametrize("options", SCHEDULE_FREE, ids=lambda v: "-".join(v) or "plain")
def test_schedule_free_against_keras(options, agree, monkeypatch):
    def assign_sub(self, variable, value):  # in a new tensor: on torch, Keras' "old" iterate is the one that has just been changed in place
        variable._value = torch.nn.Parameter((variable.value - value).detach(), requires_grad=False)

    monkeypatch.setattr(keras.optimizers.ScheduleFreeAdamW, "assign_sub", assign_sub)
    mine, other = (o.ScheduleFreeAdamW(learning_rate=0.02, **options) for o in (optimizers, keras.optimizers))
    size = sum(x.size for x in start())
    agree("optimizer", "ScheduleFreeAdamW", peer="keras", got=ours(mine)[:size], expected=theirs(other)[:size])


def torch_result(make, rate, average=False):
    variables = [torch.nn.Parameter(torch.tensor(x)) for x in start()]
    optimizer = make(variables)
    for group in optimizer.param_groups:
        group["lr"] = rate
    if isinstance(optimizer, torch.optim.SGD):  # the first gradient is taken whole: let it be 0
        for v in variables:
            v.grad = torch.zeros_like(v)
        optimizer.step()
    for step in range(STEPS):
        for v, g in zip(variables, gradients(step), strict=True):
            v.grad = torch.tensor(g)
        optimizer.step()
    last = [v.detach().numpy().ravel() for v in variables]
    means = [optimizer.state[v]["ax"].numpy().ravel() for v in variables] if average else last
    return np.concatenate([*last, *means])


@pytest.mark.parametrize(("name", "options"), TORCH, ids=str)
def test_against_torch(name, options, agree):
    rate = 0.01 if name in ("Rprop", "ASGD") else 0.02
    expected = torch_result(TORCH[name, options], rate, average=name == "ASGD" and bool(options))
    agree("optimizer", name, peer="torch", got=ours(MEMBERS[name](learning_rate=rate, **dict(options))), expected=expected)


@pytest.mark.parametrize("name", [*KERAS, "ScheduleFreeAdamW"])
def test_defaults_are_those_of_keras(name):
    """All but the learning rate's are held by the trainings above; this holds names and order."""
    mine, keras_ = (inspect.signature(cls).parameters for cls in (MEMBERS[name], getattr(keras.optimizers, name)))
    known = {k: p.default for k, p in mine.items() if k in keras_}
    assert known.pop("exclude_layers", None) is None
    assert {k: v for k, v in known.items() if k not in ("name", "groups")} == {
        k: p.default for k, p in keras_.items() if k in known and k not in ("name", "groups")
    }
    positional = [k for k, p in mine.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == list(keras_)[: len(positional)]


def test_every_optimizer_has_a_peer_or_a_reason():
    assert set(MEMBERS) == set(OWN) | {"ScheduleFreeAdamW"} | {name for name, _ in TORCH} | set(NO_PEER)
    for name, cases in OWN.items():
        shared = inspect.signature(optimizers.Optimizer.__init__).parameters
        own = {k for k in inspect.signature(MEMBERS[name]).parameters if k not in shared}
        told = {key for case in cases for key in case} | set(UNTOLD.get(name, ()))
        assert own <= told, f"{name}: {sorted(own - told)} in no case"


@pytest.mark.parametrize("accumulated", [None, 2])
def test_schedules_count_as_in_keras(accumulated, agree):
    options = {"gradient_accumulation_steps": accumulated, "weight_decay": 0.05}
    got = ours(optimizers.Adam(schedules.ExponentialDecay(0.1, 10, 0.5), **options))
    expected = theirs(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), **options))
    agree("optimizer", "Adam", peer="keras", got=got, expected=expected)


def test_excluded_parameters_as_in_keras(agree):
    mine, other = optimizers.AdamW(0.02), keras.optimizers.AdamW(0.02)
    mine.exclude_from_weight_decay(var_names=["variable_[02]"])
    variables = [keras.Variable(x, dtype="float64", name=f"variable_{i}") for i, x in enumerate(start())]
    other.exclude_from_weight_decay(var_names=["variable_[02]"])
    p = start()
    for step in range(STEPS):
        mine.apply(gradients(step), p)
        other.apply([keras.ops.convert_to_tensor(g, dtype="float64") for g in gradients(step)], variables)
    agree(
        "optimizer",
        "AdamW",
        peer="keras",
        got=np.concatenate([x.ravel() for x in p]),
        expected=np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in variables]),
    )
