"""Every public name of Keras' namespaces is there, or answers by name with what to do instead."""

import importlib
import inspect

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import fastnn  # noqa: E402
from fastnn.absent import ABSENT, advice  # noqa: E402
from fastnn.keywords import NEUTRAL  # noqa: E402


def public(thing):
    return [name for name in dir(thing) if not name.startswith("_")]


SPACES = [name for name in public(keras) if inspect.ismodule(getattr(keras, name)) and hasattr(fastnn, name) and name != "ops"]


def names():
    """Pairs of a module of fastnn and a name that Keras' of the same name has."""
    yield from (("fastnn", name) for name in public(keras))
    yield from (("fastnn.optimizers.schedules", name) for name in public(keras.optimizers.schedules))
    for space in SPACES:
        yield from ((f"fastnn.{space}", name) for name in public(getattr(keras, space)))


PAIRS = sorted(set(names()))


@pytest.mark.parametrize("module", sorted({module for module, _ in PAIRS}))
def test_each_name_is_there_or_says_what_is(module):
    ours = importlib.import_module(module)
    for name in (name for where, name in PAIRS if where == module):
        if hasattr(ours, name):
            assert not (advice(module, name) and name in getattr(ours, "__all__", ())), f"{module}.{name} is there, and said to be absent"
            continue
        assert advice(module, name), f"{module}.{name} has no advice"
        with pytest.raises(AttributeError, match=rf"{module} has no {name}: \w"):
            getattr(ours, name)


def test_the_namespaces_are_all_of_keras():
    """What isn't a module of both is absent by name."""
    assert len(SPACES) >= 16
    spaces = [name for name in public(keras) if inspect.ismodule(getattr(keras, name))]
    unknown = [name for name in spaces if name not in SPACES and name != "ops" and not advice("fastnn", name)]
    assert not unknown


def test_ops_of_numpy_are_there():
    """What `keras.ops` has under NumPy's names; the rest of it is refused by name."""
    from_numpy = [name for name in public(keras.ops) if callable(getattr(np, name, None)) and not isinstance(getattr(np, name), type)]
    assert len(from_numpy) > 120
    assert not [name for name in from_numpy if not hasattr(fastnn.ops, name)]
    for name in public(keras.ops):
        assert hasattr(fastnn.ops, name) or advice("fastnn.ops", name)


TORCHS = {"torch_params", *public(importlib.import_module("torch").nn.Module)}


def test_methods_of_models():
    """Of `Sequential`, torch's own methods excepted, which Keras' models have on that backend."""
    for name in set(public(keras.Sequential)) - TORCHS:
        assert hasattr(fastnn.Sequential, name) or name in vars(fastnn.Sequential()) or advice("Sequential", name), name


ARGUMENTS = {
    "Sequential.compile": (keras.Sequential.compile, fastnn.Sequential.compile),
    "Sequential.fit": (keras.Sequential.fit, fastnn.Sequential.fit),
    "Sequential.evaluate": (keras.Sequential.evaluate, fastnn.Sequential.evaluate),
    "Sequential.predict": (keras.Sequential.predict, fastnn.Sequential.predict),
    "Sequential.summary": (keras.Sequential.summary, fastnn.Sequential.summary),
    "Sequential.get_layer": (keras.Sequential.get_layer, fastnn.Sequential.get_layer),
    "Sequential.pop": (keras.Sequential.pop, fastnn.Sequential.pop),
    "Sequential.train_on_batch": (keras.Sequential.train_on_batch, fastnn.Sequential.train_on_batch),
    "Sequential.test_on_batch": (keras.Sequential.test_on_batch, fastnn.Sequential.test_on_batch),
    "Input": (keras.Input, fastnn.Input),
    "clone_model": (keras.models.clone_model, fastnn.models.clone_model),
    "load_model": (keras.models.load_model, fastnn.models.load_model),
    "model_from_json": (keras.models.model_from_json, fastnn.models.model_from_json),
    "register_keras_serializable": (keras.saving.register_keras_serializable, fastnn.saving.register_keras_serializable),
    "clear_session": (keras.utils.clear_session, fastnn.utils.clear_session),
    "PyDataset": (keras.utils.PyDataset.__init__, fastnn.utils.PyDataset.__init__),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_have_keras_order_and_defaults(name):
    def said(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    theirs, ours = (said(function) for function in ARGUMENTS[name])
    assert ours[: len(theirs)] == theirs


def test_no_advice_for_what_is_there():
    """Where a name of the table comes to exist, its line has to go."""
    for module in (module for module in ABSENT if module.startswith("fastnn")):
        for name in getattr(importlib.import_module(module), "__all__", ()):
            if module not in ("fastnn.ops", "fastnn.random"):  # which have a word for every other name
                assert advice(module, name) is None, f"{module}.{name}"


KINDS = [
    (space, name)
    for space in ("layers", "optimizers", "losses", "metrics", "callbacks", "initializers", "regularizers", "constraints")
    for name in public(getattr(keras, space))
    if inspect.isclass(getattr(getattr(keras, space), name)) and inspect.isclass(getattr(getattr(fastnn, space), name, None))
]


@pytest.mark.parametrize(("space", "name"), KINDS)
def test_arguments_of_classes(space, name):
    """Each of Keras' is there, or passed over where it changes nothing, in Keras' order."""
    theirs = list(inspect.signature(getattr(getattr(keras, space), name).__init__).parameters)[1:]
    ours = getattr(getattr(fastnn, space), name)
    there = list(inspect.signature(ours).parameters)
    more = {*getattr(ours, "more_keywords", ()), *NEUTRAL, "args", "kwargs"}
    assert not [each for each in theirs if each not in there and each not in more]
    if (space, name) not in OTHER_ORDER:
        assert [each for each in there if each in theirs] == [each for each in theirs if each in there]


OTHER_ORDER = {
    ("layers", "Layer"): "which only subclasses call, by keyword",
    ("optimizers", "Muon"): "what all optimizers take comes last, by keyword",
    ("optimizers", "SGD"): "what all optimizers take comes last, by keyword",
    ("losses", "Loss"): "subclasses of both begin with the reduction",
}
