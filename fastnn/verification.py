"""Checking, on a user's own model and data, that the compiled executor computes what NumPy does."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastnn import backend, executors, random, threads
from fastnn.arrays import positive_integer
from fastnn.backend import Argument, Op
from fastnn.callbacks import CallbackList
from fastnn.layers.layer import Layer
from fastnn.models.data import Data
from fastnn.models.training import Trainer
from fastnn.optimizers.optimizer import check_number
from fastnn.program import Program

__all__ = ["Record", "Report", "verify"]

OP_TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
"""Of one op call, times the square root of its longest axis, which a sum may run along."""
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""Of parameters and losses after the steps: a rounding of 6e-8 or 1e-16 grows in a few of them."""
NUDGES = 4
"""Times that an op's inputs are moved by a rounding to see how large the terms of a result are that cancelled."""
LENIENCY = 100
"""Parameters may differ by so many times what roundings of samples and first weights make of NumPy's own."""


@dataclass
class Record:
    """The largest deviation found of one op, parameter or loss.

    Attributes
    ----------
    name : str
    where : str
        The layer, or the part of the step; for a loss, the pass over the data.
    array : str
        Which of an op's results.
    ulp : float or None
        Largest deviation of an entry of any result, in units of its own last place; None for an op that only NumPy computes.
    relative : float
        Largest deviation relative to the array's scale, see `verify`.
    limit : float
        What `relative` may be.
    calls : int
        How many calls of an op, or passes, were compared.
    """

    name: str
    where: str
    array: str = ""
    ulp: float | None = 0.0
    relative: float = 0.0
    limit: float = math.inf
    calls: int = 1

    @property
    def passed(self) -> bool:
        """Whether the deviation stays within its limit."""
        return self.relative <= self.limit

    @property
    def excess(self) -> float:
        """The deviation as a share of its limit."""
        return self.relative / self.limit if self.limit else math.inf if self.relative else 0.0


@dataclass(repr=False)
class Report:
    """What `verify` found; printing it shows a table.

    Attributes
    ----------
    ops, parameters, loss : list of Record
    title : str
    """

    title: str
    ops: list[Record]
    parameters: list[Record]
    loss: list[Record]

    @property
    def records(self) -> list[Record]:
        """All of them."""
        return self.ops + self.parameters + self.loss

    @property
    def passed(self) -> bool:
        """Whether every deviation stays within its limit."""
        return all(record.passed for record in self.records)

    @property
    def largest(self) -> Record:
        """The record nearest to its limit, or farthest beyond it."""
        return max(self.records, key=lambda record: record.excess)

    def __repr__(self) -> str:
        parts = ("op", self.ops), ("parameter", self.parameters), ("loss", self.loss)
        lines = [f"{self.title}: {'passed' if self.passed else 'FAILED'}"]
        for head, records in parts:
            lines += _table([(head, "largest at", "ulp", "relative", "limit", ""), *map(_row, records)])
        lines.append("ulp: of the entry that is off by most of them, many where a sum cancels; relative: to the array's largest entry")
        return "\n".join(lines)


def _row(record: Record) -> tuple[str, ...]:
    where = f"{record.where}: {record.array}" if record.array else record.where
    if record.ulp is None:
        return record.name, record.where, "-", "-", "-", "NumPy only"
    verdict = "" if record.passed else "FAILED"
    return record.name, where, f"{record.ulp:.3g}", f"{record.relative:.1e}", f"{record.limit:.1e}", verdict


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        aligned = (f"{text:{'<' if i < 2 else '>'}{width}}" for i, (text, width) in enumerate(zip(row, widths, strict=True)))
        yield "  ".join(aligned).rstrip()


def verify(
    model: Trainer, x: Any, y: Any, sample_weight: Any = None, *, steps: int = 3, batch_size: int = 32, tolerance: float | None = None
) -> Report:
    """Train copies of a model for a few steps on the compiled executor and on NumPy, and compare.

    Once call by call: before each op of a step its inputs are copied, and kernel and NumPy reference compute the same; what the
    kernel wrote goes on to the next call. And once whole, as `fit` trains. The model itself stays as it is.

    Parameters
    ----------
    model : Sequential
        Compiled with a loss.
    x, y, sample_weight : array_like
        As `fit` takes them. Batches are drawn in a fixed order.
    steps : int
    batch_size : int
    tolerance : float, optional
        What parameters and losses may deviate, relative to their scale: 1e-9 in float64, 1e-4 in float32 by default.

    Returns
    -------
    Report
        With a table as its text, the attributes `ops`, `parameters` and `loss`, and `passed`.

    Raises
    ------
    ImportError
        Without compiled kernels.
    TypeError, ValueError
        For what is no model, one that isn't compiled, and data that `fit` wouldn't take.

    Notes
    -----
    The scale of an op's result is its largest magnitude; where terms cancelled, theirs: that of the gradient an activation's
    gradient is made from, or what is seen from how far the result moves when the inputs move by a rounding. An op may deviate by
    1e-12 in float64, 2e-6 in float32, times the square root of its longest axis.

    The scale of a parameter is the largest magnitude in its layer. Some trainings amplify roundings: an Adam divides gradients that
    are zero but for rounding by their own size. So parameters and losses may also differ by a hundred times as much as NumPy's own do
    when samples and first weights are moved by a few roundings. That finds most such trainings, not all: where an optimizer's step has
    the same length for any gradient (Rprop, Lion, Muon), the sign of one that is zero but for rounding may show as a deviation.

    The engine takes denormal numbers for zero, so samples below 1e-38 in float32 may show as a deviation. The process' backend
    is switched meanwhile: other threads that use fastnn compute on it.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> fastnn.verify(model, np.ones((50, 4)), np.ones(50)).passed
    True
    """
    if not isinstance(model, Trainer):
        raise TypeError(f"verify takes a compiled Sequential, got {type(model).__name__}")
    if backend.isa() is None:
        raise ImportError(f"verify compares the compiled kernels with NumPy, and there are none ({backend.why_not()}); reinstall fastnn")
    steps, batch_size = positive_integer("steps", steps), positive_integer("batch_size", batch_size)
    limit = None if tolerance is None else check_number("tolerance", tolerance)
    with _untouched_generator():
        with model._buffers:
            start = copy.deepcopy(model)
        data = start._prepare(x, y, sample_weight)
        start._start_training(data)
        return _compared(start, data, steps, min(batch_size, len(data)), TOLERANCE[model.dtype] if limit is None else limit)


@contextmanager
def _untouched_generator() -> Iterator[None]:
    """What is drawn for a copy of the model, its first weights say, isn't missing later."""
    kept = random.generator().bit_generator.state
    try:
        yield
    finally:
        random.generator().bit_generator.state = kept


def _compared(start: Trainer, data: Data, steps: int, batch_size: int, tolerance: float) -> Report:
    ops = _Comparison(start.dtype)
    _trained(start, "numpy", data, steps, batch_size, ops.prepare)
    expected, got = (_trained(start, name, data, steps, batch_size) for name in ("numpy", "compiled"))
    for number, parameter in enumerate(p for layer in start.layers for p in layer.weights):
        parameter.value[...] = _nudged(parameter.value, 4, number)
    nudged = _trained(start, "numpy", replace(data, x=_nudged(data.x, 4, 0)), steps, batch_size)
    parameters, losses = _records(expected, got)
    roundings, of_losses = _records(expected, nudged)
    amplified = max((record.relative for record in roundings), default=0.0)
    for record in parameters:
        record.limit = _limit(tolerance, amplified)
    for record, rounding in zip(losses, of_losses, strict=True):
        record.limit = _limit(tolerance, max(amplified, rounding.relative))
    kernels = f"{backend.isa()} kernels on {threads.get_num_threads()} thread(s)"
    title = f"{steps} steps of {batch_size} samples in {start.dtype}, {kernels} against NumPy"
    return Report(title, list(ops.records.values()), parameters, losses)


def _limit(tolerance: float, rounding: float) -> float:
    return max(tolerance, LENIENCY * rounding) if math.isfinite(rounding) else tolerance


Prepare = Callable[[Trainer, tuple[Any, ...]], None]
Trained = tuple[Trainer, list[dict[str, Any]]]


def _trained(start: Trainer, name: str, data: Data, steps: int, batch_size: int, prepare: Prepare | None = None) -> Trained:
    """A copy of `start` after training on one backend, and the results of each pass over the data."""
    model = copy.deepcopy(start)
    passes: list[dict[str, Any]] = []
    with backend.use(name):
        if prepare:
            prepare(model, (batch_size, True, data.weights is not None, model.optimizer.form))
        while steps > 0:
            order = np.random.default_rng(len(passes)).permutation(len(data))[: steps * batch_size]
            passes.append(model._train_epoch(data, order, batch_size, CallbackList(model=model)))
            steps -= -(-len(order) // batch_size)
    return model, passes


def _records(expected: Trained, got: Trained) -> tuple[list[Record], list[Record]]:
    """What differs between two trainings: parameters, and losses and metrics."""
    parameters = []
    for a, b in zip(expected[0].layers, got[0].layers, strict=True):
        scale = max((_magnitude(p.value) for p in a.weights), default=0.0)
        parameters += [_record(p.name, a.name, p.value, q.value, scale) for p, q in zip(a.weights, b.weights, strict=True)]
    losses = []
    for number, (results, others) in enumerate(zip(expected[1], got[1], strict=True), 1):
        for name, value in results.items():
            right, other = (np.asarray(v, expected[0].dtype) for v in (value, others[name]))
            losses.append(_record(name, f"pass {number}", right, other, _magnitude(right)))
    return parameters, losses


def _record(name: str, where: str, expected: np.ndarray, got: np.ndarray, scale: float) -> Record:
    ulp, difference = _deviation(got, expected)
    return Record(name, where, "", ulp, _relative(difference, scale, expected.dtype))


def _relative(difference: float, scale: float, dtype: Any) -> float:
    """`difference` by `scale`; of numbers that are denormal, or nearly, neither counts: the engine flushes them."""
    info = np.finfo(dtype if np.dtype(dtype).kind == "f" else np.float64)
    return difference / max(scale, float(info.tiny / info.eps))


def _magnitude(array: np.ndarray) -> float:
    """The largest finite magnitude."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def _deviation(got: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """The largest difference of two entries, in units of the last place and absolute; infinite where just one of them is finite.

    Where neither is, they are alike: once a sum overflows, its order decides between infinity and NaN.
    """
    with np.errstate(all="ignore"):
        apart = (got != expected) & (np.isfinite(got) | np.isfinite(expected))
        if not apart.any():
            return 0.0, 0.0
        a, b = got[apart], expected[apart]
        difference = np.abs(a.astype(np.float64) - b)
        difference[~np.isfinite(difference)] = np.inf
        unit = np.spacing(np.maximum(np.abs(a), np.abs(b)))
        return float(np.where(np.isfinite(difference), difference / unit, np.inf).max()), float(difference.max())


def _nudged(array: np.ndarray, roundings: int, seed: int) -> np.ndarray:
    """`array`, each entry moved up or down by some roundings; reproducible."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], array.shape)
    return array * (1 + roundings * np.finfo(array.dtype).eps * signs).astype(array.dtype)


# ---------------------------------------------------------------------------------------------------- call by call


class _Comparison:
    """Trains with every op call made twice, by its kernel and by its reference, and keeps each op's largest deviation.

    Parameters
    ----------
    dtype : str

    Attributes
    ----------
    records : dict of str to Record
        By the ops' names.
    """

    def __init__(self, dtype: str):
        self.dtype = dtype
        self.records: dict[str, Record] = {}

    def prepare(self, model: Trainer, key: tuple[Any, ...]) -> None:
        """Lower `model` and give the program an executor that compares."""
        places: dict[int, str] = {}
        for layer in model.layers:
            layer.lower = _noting(layer, places)  # type: ignore[method-assign,assignment]
        lowered = model._lowered(*key)
        program = lowered.program
        for name, calls in ("batch", program.load_calls), ("loss", program.measure_calls), ("update", program.finish_calls):
            places.update({id(call): name for call in calls})
        executor = executors.NumpyExecutor(program)
        executor.calls = [replace(call, op=_Both(call.op, places[id(call)], self)) for call in executor.calls]  # type: ignore[arg-type]
        lowered._executor = executors.kind(), executor

    def add(self, found: Record) -> None:
        """Take in a call, or one of its results."""
        known = self.records.setdefault(found.name, found)
        if known is found:
            return
        worse, other = (found, known) if found.excess > known.excess else (known, found)
        ulp = None if worse.ulp is None or other.ulp is None else max(worse.ulp, other.ulp)
        self.records[found.name] = replace(worse, ulp=ulp, calls=known.calls + found.calls)


def _noting(layer: Layer, places: dict[int, str]) -> Callable[[Program, Any], Any]:
    """The layer's `lower`, which also notes the calls that it appends as the layer's."""
    lower = layer.lower

    def noting(program: Program, x: Any) -> Any:
        before = {id(call) for call in program.calls}
        made = lower(program, x)
        places.update({id(call): layer.name for call in program.calls if id(call) not in before})
        return made

    return noting


class _Both:
    """Stands for an op in a call that the NumPy executor makes: runs kernel and reference, and compares what they wrote."""

    def __init__(self, op: Op, where: str, comparison: _Comparison):
        self.op, self.where, self.comparison = op, where, comparison
        self.arguments, self.scalars = op.arguments, op.scalars

    def reference(self, *given: Any) -> None:
        op = self.op
        if op.compiled is None:
            op.reference(*given)
            self.comparison.add(Record(op.name, self.where, ulp=None))
            return
        before = _copies(op, given)
        expected = _after(op, before)
        op.compiled(*given)
        for calls, (i, name) in enumerate(_written(op)):
            ulp, difference = _deviation(given[i], expected[i])
            scale = self._scale(before, expected, i, difference)
            limit = OP_TOLERANCE[self.comparison.dtype] * self._longest(given) ** 0.5
            relative = _relative(difference, scale, given[i].dtype)
            self.comparison.add(Record(op.name, self.where, name, ulp, relative, limit, int(calls == 0)))

    def _scale(self, before: list[Any], expected: list[Any], i: int, difference: float) -> float:
        """The largest magnitude of result `i`, or that of its terms where they cancelled, as a sum to nearly zero does."""
        scale, eps = _magnitude(expected[i]), float(np.finfo(self.comparison.dtype).eps)
        if 0 < difference < math.inf and difference > eps * scale:
            scale = max([scale, *(_magnitude(before[j]) for j in _passed_on(self.op, i))])
            for seed in range(NUDGES):
                moved = _after(self.op, _nudged_inputs(self.op, before, seed))
                scale = max(scale, _deviation(moved[i], expected[i])[1] / eps)
        return scale

    def _longest(self, given: Iterable[Any]) -> int:
        """The longest axis of any array; of flat vectors no sums are taken but a norm's, in double precision."""
        pairs = [(a.shape, v.shape) for a, v in zip(self.op.arguments, given, strict=True) if isinstance(a, Argument)]
        return max(size for symbols, sizes in pairs for symbol, size in (("", 1), *zip(symbols, sizes, strict=True)) if symbol != "s")


def _written(op: Op) -> list[tuple[int, str]]:
    return [(i, a.name) for i, a in enumerate(op.arguments) if isinstance(a, Argument) and a.written]


def _passed_on(op: Op, i: int) -> list[int]:
    """Where the gradients are that gradient `i` is made from, entry by entry: a slope takes off it what a nudge of both doesn't show."""
    result = op.arguments[i]
    given = [(j, a) for j, a in enumerate(op.arguments) if isinstance(a, Argument) and a.read]
    return [j for j, a in given if result.name[0] == a.name[0] == "d" and a.shape == result.shape]  # type: ignore[union-attr]


def _copies(op: Op, given: Iterable[Any]) -> list[Any]:
    """The arguments; what the call writes to, or may share with what it writes to, as copies."""
    values = list(given)
    written = [values[i] for i, _ in _written(op)]
    return [v.copy() if isinstance(v, np.ndarray) and any(np.may_share_memory(v, w) for w in written) else v for v in values]


def _after(op: Op, given: Iterable[Any]) -> list[Any]:
    """The arguments after a run of the reference, which is given copies of those it writes to."""
    values = list(given)
    for i, _ in _written(op):
        values[i] = values[i].copy()
    op.reference(*values)
    return values


def _nudged_inputs(op: Op, given: Iterable[Any], seed: int) -> list[Any]:
    pairs = list(zip(op.arguments, given, strict=True))
    return [_nudged(v, 1, seed + i) if isinstance(a, Argument) and a.read and a.dtype == "real" else v for i, (a, v) in enumerate(pairs)]
