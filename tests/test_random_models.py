"""The strategy of random models: it reaches the whole catalogue, and what it gives can be used."""

import random_models
from hypothesis import given, settings
from random_models import LAYERS, inputs, models


def test_options_name_layers_that_are_there():
    assert random_models.OPTIONS.keys() <= set(LAYERS)


@settings(max_examples=25, deadline=None)
@given(model=models())
def test_models_are_built_trained_and_predict(model):
    assert model.built and model.compiled
    assert model.predict(inputs(model)).shape == (7, *model.output_shape[1:])
