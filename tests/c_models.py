"""What the tests of models as C share: compilers, models in a library, parameters."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers import model_of

from fastnn.exchange.c.writing import source

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wdouble-promotion", "-Werror"]
PRECISIONS = {"float": np.dtype("float32"), "double": np.dtype("float64")}
DTYPES = ["float32", "float64"]
UNDEFINED = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]


def compiler(name):
    path = shutil.which(name)
    return path or pytest.skip(f"the compiler {name} isn't installed")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Compiled:
    """Models compiled into one library, by number."""

    def __init__(self, models, folder, *command):
        text = "".join(source(model, f"m{i}") for i, model in enumerate(models))
        (folder / "models.c").write_text(text)
        run(*command, "-fPIC", "-c", folder / "models.c", "-o", folder / "models.o")
        run(command[0], "-shared", folder / "models.o", "-o", folder / "models.so", "-lm")  # without flags that would reach this process
        self.models, self.library = models, ctypes.CDLL(str(folder / "models.so"))

    def __call__(self, i, x, real):
        dtype = PRECISIONS[real]
        x = np.ascontiguousarray(x, dtype)
        y = np.full((len(x), *self.models[i].output_shape[1:]), 77, dtype)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, y)]
        getattr(self.library, f"m{i}_predict_{real}_batch")(*pointers, ctypes.c_size_t(len(x)))
        return y


def model_with(make, features, dtype, seed=0):
    """A model whose every parameter was drawn; scales and variances are positive."""
    model = model_of(*make, features=features, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=p.shape) / np.sqrt(p.shape[0] if len(p.shape) == 2 else 1) for p in model.weights]
    model.set_weights(
        [np.abs(w) + 0.2 if re.search("variance|scale|widths", p.path) else w for w, p in zip(drawn, model.weights, strict=True)]
    )
    return model


def off(got, expected):
    """The largest deviation, relative to the largest number."""
    expected = np.asarray(expected, np.float64)
    return np.abs(got - expected).max(initial=0) / np.abs(expected).max(initial=1e-3)
