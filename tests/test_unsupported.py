"""What fastnn doesn't have says so by name, with the nearest thing that is there; so do misspelt names and keywords."""

import copy
import importlib
import inspect
import pickle
import re
import sys

import numpy as np
import pytest
from helpers import samples

import fastnn
from fastnn import absent, callbacks, layers, losses, metrics, optimizers
from fastnn.absent import ABSENT, advice
from fastnn.configurable import Catalogue

MODULES = [name for name in ABSENT if name.startswith("fastnn")]


def alternatives(pattern):
    """The plain names among those that a pattern matches."""
    return [name for name in pattern.split("|") if re.fullmatch(r"\w+", name)]


PLAIN = [(module, name) for module in MODULES for pattern in ABSENT[module] for name in alternatives(pattern) if advice(module, name)]


@pytest.mark.parametrize(("module", "name"), PLAIN)
def test_absent_names(module, name):
    """The table's names are absent, an attribute's error says what to do, and so does an import's."""
    found = importlib.import_module(module)
    assert not hasattr(found, name)
    way_out = advice(module, name)
    with pytest.raises(AttributeError) as error:
        getattr(found, name)
    assert str(error.value) == f"{module} has no {name}: {way_out}"
    with pytest.raises(ImportError) as error:
        exec(f"from {module} import {name}", {})
    if hasattr(found, "__path__"):  # Python asks nobody about modules that aren't packages
        assert way_out in str(error.value)


NAMED = re.compile(r"fastnn\.\w+(?:\.\w+)*|\b[A-Z]\w+(?=\()")
"""What advice names of fastnn: ``fastnn.tables``, ``Flatten(``."""

ELSEWHERE = {"PIL.Image", "TfidfVectorizer"}
TO_COME = {"fastnn.sklearn"}


@pytest.mark.parametrize("module", ABSENT)
def test_advice_names_what_there_is(module):
    places = [fastnn, layers, callbacks, optimizers, metrics, losses, fastnn.optimizers.schedules]
    for way_out in ABSENT[module].values():
        assert len(way_out) >= 9
        for name in set(NAMED.findall(way_out)) - ELSEWHERE - TO_COME:
            if name.startswith("fastnn."):
                first, *rest = name.split(".")[1:]
                thing = getattr(fastnn, first, None) or importlib.import_module(f"fastnn.{first}")
                for part in rest:
                    thing = getattr(thing, part)
            else:
                assert any(hasattr(place, name) for place in places), name


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("from fastnn.layers import Dense, Conv2D", "layers has no Conv2D: .*Flatten"),
        ("from fastnn.layers.advanced_activations import LeakyReLU", "fastnn.layers itself"),
        ("import fastnn.applications", "pretrained"),
        ("from fastnn.preprocessing.image import ImageDataGenerator", "preprocessing"),
        ("from fastnn.wrappers.scikit_learn import KerasClassifier", "sklearn"),
        ("from fastnn.layers import Dens", "did you mean Dense"),
        ("from fastnn.keras import layers", "import fastnn as keras"),
    ],
)
def test_imports(line, word):
    with pytest.raises(ImportError, match=word):
        exec(line, {})


def test_unknown_modules_are_pythons_affair():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'fastnn\.zebra'"):
        importlib.import_module("fastnn.zebra")
    assert importlib.util.find_spec("fastnn.zebra") is None


def test_there_is_one_finder():
    absent.explain_imports()
    assert [type(finder).__name__ for finder in sys.meta_path].count("_Explainer") == 1


def test_no_functional_api():
    inputs = fastnn.Input(shape=(8,))
    with pytest.raises(TypeError, match=r"called on arrays.*no functional API.*Sequential\(\["):
        layers.Dense(3)(inputs)
    with pytest.raises(AttributeError, match="Parallel and Residual"):
        fastnn.Model(inputs, inputs)


@pytest.mark.parametrize("name", ["predict_classes", "fit_generator", "output", "losses", "export", "train_step", "to_yaml"])
def test_methods_of_models(name):
    with pytest.raises(AttributeError, match=f"Sequential has no {name}: "):
        getattr(fastnn.Sequential(), name)


def test_attributes_of_layers():
    with pytest.raises(AttributeError, match=r"Dense has no attribute 'output': .*Sequential\(model"):
        _ = layers.Dense(3).output
    with pytest.raises(AttributeError, match="isn't built"):
        _ = layers.Dense(3).kernel
    with pytest.raises(AttributeError, match=r"Dense has no attribute \'zebra\'$"):
        _ = layers.Dense(3).zebra


def test_objects_that_answer_by_name_are_copied_and_pickled():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3)])
    x = samples()
    for again in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        np.testing.assert_array_equal(again.predict(x), model.predict(x))


# ------------------------------------------------------------------------------------------------------------ keywords

MEMBERS = [
    (catalogue.kind, member)
    for catalogue in Catalogue.all
    for member in catalogue.members.values()
    if inspect.isclass(member) and member.__module__.startswith("fastnn.") and hasattr(member, "more_keywords")
]


@pytest.mark.parametrize(("kind", "member"), MEMBERS, ids=lambda each: getattr(each, "__name__", each))
def test_a_misspelt_keyword_names_the_class_and_what_is_near(kind, member):
    """Every argument of every member of every catalogue, with a letter too many."""
    arguments = inspect.signature(member).parameters
    if not arguments or any(p.kind is p.VAR_KEYWORD for p in arguments.values()):
        pytest.skip("takes no keyword, or any")
    needed = {name: 1 for name, p in arguments.items() if p.default is p.empty}
    with pytest.raises(TypeError, match=f"^{member.__name__} has no argument 'zebra_crossing': it has {next(iter(arguments))}"):
        member(**needed, zebra_crossing=1)
    for name in arguments:
        with pytest.raises(TypeError, match=f"^{member.__name__} has no argument '{name}q': did you mean .*'{name}'"):
            member(**{k: v for k, v in needed.items() if k != name}, **{f"{name}q": 1})


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: layers.Dense(10, actvation="relu"), "Dense has no argument 'actvation': did you mean 'activation'"),
        (lambda: layers.Dense(10, input_dims=3), "did you mean 'input_dim'"),
        (lambda: layers.Dense(output_dim=10), "it is called 'units'"),
        (lambda: layers.Dropout(p=0.5), "it is called 'rate'"),
        (lambda: optimizers.Adam(lr=0.1), "it is called 'learning_rate'"),
        (lambda: optimizers.SGD(0.1, decay=1e-6), "InverseTimeDecay"),
        (lambda: callbacks.EarlyStopping(patince=3), "EarlyStopping has no argument 'patince': did you mean 'patience'"),
        (lambda: losses.Huber(dtype="float32", detla=2.0), "Huber has no argument 'detla': did you mean 'delta'"),
        (lambda: callbacks.EarlyStopping(zebra=3), "it has monitor, min_delta"),
        (lambda: losses.Huber(detla=2.0), "Huber has no argument 'detla': did you mean 'delta'"),
        (lambda: metrics.AUC(num_threshold=3), "num_thresholds"),
        (lambda: fastnn.Sequential(layer=[]), "Sequential has no argument 'layer': did you mean 'layers'"),
        (lambda: fastnn.Sequential().compile(optimiser="sgd"), "compile has no argument 'optimiser': did you mean 'optimizer'"),
        (lambda: fastnn.Sequential().fit(None, None, nb_epoch=3), "it is called 'epochs'"),
        (lambda: fastnn.Sequential().fit(None, None, workers=3), "leave it out"),
        (lambda: fastnn.Sequential().compile("sgd", "mse", ["mae"]), r"loss_weights comes third.*metrics=\[\.\.\.\]"),
    ],
)
def test_keywords(make, word):
    with pytest.raises(TypeError, match=word):
        make()


def test_a_users_class_is_named():
    class Mine(layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.units = units

    with pytest.raises(TypeError, match=r"^Mine has no argument 'unit': did you mean 'units'"):
        Mine(3, unit=3)
    with pytest.raises(TypeError, match=r"^Mine has no argument 'activation': it has units, name, input_shape, trainable$"):
        Mine(3, activation="relu")


def test_an_error_within_a_constructor_stays_what_it_is():
    class Broken(layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.units = len(units)

    with pytest.raises(TypeError, match="object of type 'int' has no len") as error:
        Broken(3, name="broken")
    assert error.value.__context__ is None and "len(units)" in str(error.traceback[-1].statement)


def test_signatures_and_documentation_are_the_functions_own():
    assert list(inspect.signature(layers.Dense).parameters)[:2] == ["units", "activation"]
    assert list(inspect.signature(losses.Huber).parameters) == ["delta", "reduction", "name"]
    assert fastnn.Sequential.fit.__doc__.startswith("Train")


def test_values_that_would_change_results_are_refused():
    model = fastnn.Sequential([layers.Dense(3)])
    with pytest.raises(ValueError, match=r"loss_weights=0\.5"):
        model.compile("sgd", "mse", loss_weights=0.5)
    model.compile("sgd", "mse", loss_weights=[1.0], run_eagerly=True, steps_per_execution=10, jit_compile=False, auto_scale_loss=False)
    with pytest.raises(ValueError, match="one dtype"):
        layers.Dense(3, dtype="float64")
    with pytest.raises(ValueError, match="one dtype"):
        layers.Dense(3, dtype="mixed_float16")
    assert layers.Dense(3, dtype="float32", autocast=False).units == 3
    with pytest.raises(ValueError, match="epsilon"):
        fastnn.config.set_epsilon(1e-8)
    with pytest.raises(ValueError, match="sparse"):
        fastnn.Input((3,), sparse=True)
    with pytest.raises(ValueError, match="real numbers"):
        fastnn.Input((3,), dtype="str")


def test_an_error_within_a_property_is_shown():
    """Not the absence of the property, which is there."""

    class Mine(fastnn.Sequential):
        @property
        def answer(self):
            return self._question

    class Own(fastnn.layers.Layer):
        @property
        def answer(self):
            return [].question

    with pytest.raises(AttributeError, match="_question"):
        _ = Mine().answer
    with pytest.raises(AttributeError, match="'list' object has no attribute 'question'"):
        _ = Own().answer
    with pytest.raises(AttributeError, match="did you mean optimizer"):
        _ = fastnn.Sequential().optimiser
