"""How far the elementary functions and activations of one variable are from the truth, in units of the last place.

``python -m benchmarks.accuracy`` writes ``docs/accuracy.md``: each op of one vector or matrix and no parameter without default, on every
instruction-set level that this machine runs and in NumPy, against mpmath.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import mpmath
import numpy as np

import fastnn
from fastnn.activations import activations
from fastnn.backend import Op, registry
from fastnn.samples import scalar

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
LEVELS = ("baseline", "v3", "v4")
DTYPES = ("float32", "float64")
COUNT = {"float32": 6000, "float64": 3000}
SELU = mpmath.mpf("1.0507009873554804934193349852946"), mpmath.mpf("1.6732632423543772848170429916717")


def _clip(x: mpmath.mpf, low: float, high: float) -> mpmath.mpf:
    return min(max(x, mpmath.mpf(low)), mpmath.mpf(high))


def _exp(x: mpmath.mpf) -> mpmath.mpf:
    """``exp(x)``, bounded far beyond what a double holds: mpmath would compute it to as many digits as it has."""
    return mpmath.exp(_clip(x, -1e5, 1e5))


def _erfc(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(_clip(x, -1e3, 1e3))


def _sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + _exp(-x))


def _softplus(x: mpmath.mpf) -> mpmath.mpf:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(_exp(-abs(x)))


def _squareplus(x: mpmath.mpf) -> mpmath.mpf:
    root = mpmath.sqrt(x * x + 4)
    return (x + root) / 2 if x > 0 else 2 / (root - x)


def _gelu_tanh(x: mpmath.mpf) -> mpmath.mpf:
    return x * _sigmoid(2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))


TRUTH: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    **{name: getattr(mpmath, name) for name in ("erf", "log", "log1p", "tanh")},
    "erfc": _erfc,
    "exponential": _exp,
    "expm1": lambda x: mpmath.expm1(_clip(x, -1e5, 1e5)),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "softsign": lambda x: x / (1 + abs(x)),
    "elu": lambda x: x if x > 0 else mpmath.expm1(_clip(x, -1e5, 1e5)),
    "celu": lambda x: x if x > 0 else mpmath.expm1(_clip(x, -1e5, 1e5)),
    "selu": lambda x: SELU[0] * (x if x > 0 else SELU[1] * mpmath.expm1(_clip(x, -1e5, 1e5))),
    "squareplus": _squareplus,
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * _erfc(-x / mpmath.sqrt(2)) / 2,
    "gelu_tanh": _gelu_tanh,
    "mish": lambda x: x * mpmath.tanh(_softplus(x)),
    "tanh_shrink": lambda x: x - mpmath.tanh(x),
    "hard_sigmoid": lambda x: _clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * _clip(x + 3, 0, 6) / 6,
    "sparse_plus": lambda x: x if x >= 1 else _clip(x + 1, 0, 2) ** 2 / 4,
    "sparse_sigmoid": lambda x: _clip(x + 1, 0, 2) / 2,
}
EXACT = {
    "hard_shrink": "chooses",
    "hard_tanh": "chooses",
    "leaky_relu": "one product",
    "relu": "chooses",
    "relu6": "chooses",
    "soft_shrink": "one difference",
    "step": "chooses",
    "threshold": "chooses",
}
"""Activations whose kernel is a choice or one correctly rounded operation."""
CUTS = {"log": (0.0, math.inf), "log1p": (-1.0, math.inf)}


def ops() -> list[Op]:
    """The functions of one variable: elementary ones and elementwise activations."""
    elementary = [op for op in registry.values() if op.family == "special"]
    forms = [a.forward for a in activations.members.values() if a.forward and a.forward.signature == "z (n, m) -> a (n, m)"]
    elementwise = [op for op in (*forms, activations.find("gelu").bind(approximate=True).forward) if not _is_rowwise(op)]
    made = [op for op in (*elementary, *elementwise) if op.name not in EXACT]
    if missing := {op.name for op in made} ^ set(TRUTH):
        raise ValueError(f"benchmarks/accuracy.py must say the truth of {', '.join(sorted(missing))}, and of nothing else")
    return made


def _is_rowwise(op: Op) -> bool:
    """Whether an entry of the result depends on the others of its row."""
    alone, together = np.empty((1, 1)), np.empty((1, 2))
    op.reference(np.full((1, 1), 0.3), alone, *_scalars(op))
    op.reference(np.array([[0.3, 2.0]]), together, *_scalars(op))
    return alone[0, 0] != together[0, 0]


def _scalars(op: Op) -> list[float]:
    return [scalar(op, name) for name in op.scalars]


def points(name: str, dtype: str) -> np.ndarray:
    """All magnitudes, and evenly where functions bend."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    n = COUNT[dtype] // 4
    magnitude = np.exp(rng.uniform(math.log(info.tiny), math.log(info.max) - 1e-3, n)) * rng.choice([-1, 1], n)
    x = np.concatenate([magnitude, rng.uniform(-2, 2, n), rng.uniform(-20, 20, n), rng.uniform(-750, 720, n)])
    low, high = CUTS.get(name, (-math.inf, math.inf))
    x = x.astype(dtype)
    return x[(x > low) & (x < high)]


def compute(op: Op, x: np.ndarray, compiled: bool) -> np.ndarray:
    """What an op makes of a vector."""
    shape = x.shape if op.arrays[0].shape == ("s",) else (1, x.size)
    y = np.empty(shape, x.dtype)
    with np.errstate(all="ignore"):
        (op.compiled if compiled else op.reference)(x.reshape(shape), y, *_scalars(op))  # type: ignore[misc]
    return y.reshape(x.shape)


def truth(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The true values as sums of two doubles; infinite where they overflow."""
    with mpmath.workprec(1300):
        true = [TRUTH[name](mpmath.mpf(float(v))) for v in x]
        lead = [math.inf if v and mpmath.mag(v) > 1024 else float(v) for v in true]
        rest = [float(v - mpmath.mpf(w)) if math.isfinite(w) else 0.0 for v, w in zip(true, lead, strict=True)]
    return np.array(lead), np.array(rest)


def errors(x: np.ndarray, lead: np.ndarray, rest: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Errors in units of the truth's last place; 0 where the truth is no normal number."""
    unit = np.ldexp(1.0, np.frexp(lead)[1] - 1 - np.finfo(x.dtype).nmant)
    with np.errstate(all="ignore"):
        return np.where(is_normal(lead, x.dtype), np.abs((got.astype(np.float64) - lead) - rest) / unit, 0)


def is_normal(numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Which are normal numbers of `dtype`."""
    return (np.abs(numbers) >= np.finfo(dtype).tiny) & (np.abs(numbers) <= float(np.finfo(dtype).max))


def _child(level: str, folder: str) -> None:
    results = {f"{op.name}-{dtype}": compute(op, points(op.name, dtype), True) for op in ops() for dtype in DTYPES}
    np.savez(Path(folder) / f"{level}.npz", **results)


def measured() -> tuple[list[str], dict[str, dict[str, np.ndarray]]]:
    """The levels that run here, and who computed what."""
    from fastnn._compiled import cpu

    levels = [level for level in LEVELS if level in cpu.levels()]
    by: dict[str, dict[str, np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for level in levels:
            command = [sys.executable, "-m", "benchmarks.accuracy", "--level", level, "--folder", folder]
            subprocess.run(command, env={**os.environ, "FASTNN_ISA": level}, check=True)
            with np.load(Path(folder) / f"{level}.npz") as kept:
                by[level] = dict(kept)
    by["NumPy"] = {f"{op.name}-{dtype}": compute(op, points(op.name, dtype), False) for op in ops() for dtype in DTYPES}
    return levels, by


HEAD = """# Accuracy

The largest errors of the functions of one variable, in units of the last place (ulp) of the true value, which mpmath computes: 0.5 is
the best there is. Each cell has the error and the argument it was found at, among {float32} (float32) and {float64} (float64) arguments:
a quarter over all magnitudes, and a quarter each evenly within 2, within 20 and within 750. The range is that of the arguments whose true
value is a normal number. Parameters are the defaults. {levels} are the instruction-set levels of the compiled backend; NumPy
is the reference.

`python -m benchmarks.accuracy` makes this page again. `tests/test_special.py` holds the functions that all others are made of to their
limits, `tests/test_activations.py` the tails of the others.

Not listed, because they choose between exact values or are one rounded operation: {exact}.

Two errors above 6 units are those of the formula's parts. Where x is so low that e^x is denormal (below -87.3 or -708.3), x e^x still is
not, and `silu` and `mish` have the digits that e^x has. `gelu_tanh` has the exponential of a cubic, whose own rounding becomes many units
of a value that is next to nothing.

Made with fastnn {version}, NumPy {numpy}, {machine}.
"""


def page(levels: list[str], by: dict[str, dict[str, np.ndarray]]) -> str:
    """The page's text."""
    head = HEAD.format(
        **COUNT,
        levels=", ".join(levels),
        exact=", ".join(f"`{name}`" for name in sorted(EXACT)),
        version=fastnn.__version__,
        numpy=np.__version__,
        machine=platform.machine(),
    )
    return head + "".join(_table(dtype, by) for dtype in DTYPES)


def _table(dtype: str, by: dict[str, dict[str, np.ndarray]]) -> str:
    lines = ["", f"## {dtype}", "", f"| function | range | {' | '.join(by)} |", f"|---|---|{'---|' * len(by)}"]
    for op in ops():
        lines.append(f"| `{op.name}` | {' | '.join(_cells(op.name, dtype, by))} |")
    return "\n".join([*lines, ""])


def _cells(name: str, dtype: str, by: dict[str, dict[str, np.ndarray]]) -> Iterator[str]:
    """The range of arguments that count, then the largest error of each who computed it."""
    x = points(name, dtype)
    lead, rest = truth(name, x)
    inside = x[is_normal(lead, x.dtype)]
    yield f"{inside.min():.4g} to {inside.max():.4g}"
    for made in by.values():
        off = errors(x, lead, rest, made[f"{name}-{dtype}"])
        yield f"{off.max():.2f} at {x[np.argmax(off)]:.5g}"


def main() -> None:
    """Write the page, or as a child one level's results."""
    parser = argparse.ArgumentParser(description="Measure errors in units of the last place and write docs/accuracy.md.")
    parser.add_argument("--level", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.level:
        _child(options.level, options.folder)
    else:
        PAGE.write_text(page(*measured()), encoding="utf-8")
        print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
