"""fastnn: fast training and serving of feed-forward neural networks on a CPU.

Keras' names, defaults and shapes; compiled kernels with a NumPy reference for each; NumPy the only dependency.

Examples
--------
>>> import fastnn
>>> (x_train, y_train), (x_test, y_test) = fastnn.datasets.digits.load_data()
>>> model = fastnn.Sequential([fastnn.Input((8, 8)), fastnn.layers.Flatten(), fastnn.layers.Dense(10, activation="softmax")])
>>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
>>> history = model.fit(x_train / 16, y_train, epochs=2, verbose=0)
"""

from typing import TYPE_CHECKING

from fastnn import (
    activations,
    autodiff,
    backend,
    callbacks,
    classic,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    special,
    threads,
    utils,
)
from fastnn._version import __version__
from fastnn.absent import explain_imports, missing
from fastnn.callbacks import Callback
from fastnn.exchange.keras import from_keras
from fastnn.exchange.onnx import from_onnx
from fastnn.exchange.sklearn import from_sklearn
from fastnn.exchange.torch import from_torch
from fastnn.initializers import Initializer
from fastnn.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Input, Layer
from fastnn.losses import Loss
from fastnn.metrics import Metric
from fastnn.models import Sequential, load_model
from fastnn.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from fastnn.regularizers import Regularizer
from fastnn.report import show_config
from fastnn.threads import get_num_threads, set_num_threads
from fastnn.verification import verify

backend.attach()
explain_imports()
threads.join_threadpoolctl()

__all__ = [
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNormalization",
    "Callback",
    "Dense",
    "Dropout",
    "Flatten",
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Optimizer",
    "RMSprop",
    "Regularizer",
    "Sequential",
    "__version__",
    "activations",
    "autodiff",
    "backend",
    "callbacks",
    "classic",
    "config",
    "constraints",
    "datasets",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "get_num_threads",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "special",
    "threads",
    "utils",
    "verify",
]

if not TYPE_CHECKING:  # type checkers see what there is
    __getattr__ = missing(__name__)
