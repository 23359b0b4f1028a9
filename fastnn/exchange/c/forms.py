"""What each op is in C: the body of a function of its arguments.

In a body, ``real`` is float or double, ``@exp(x)`` the function of libm for it (``expf`` or ``exp``), ``$sigmoid(x)`` the C form of another
op, and ``0.5`` a literal of it. Conditions are written so that NaN stays NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.activations.saturating import HUGE, SELU_ALPHA, SELU_SCALE
from fastnn.activations.smooth import FAR, GONE, LAMBERT

__all__ = ["Form", "elementwise", "forms", "rowwise"]

Prepare = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Form:
    """How an op is written in C.

    Attributes
    ----------
    body : str
        Of a function that returns an entry of the output, for one of each input; or, row by row, of one that takes pointers to a row.
        It is given those arguments, scalars and (row by row) sizes of the op's signature whose names stand in it.
    rowwise : bool
    prepare : callable, optional
        Turns what the op is given, by name, into what the body is given: constants that are better computed once.
    matrix : bool
        Whether the op goes through a matrix, ``x (n, k), w (k, m) -> z (n, m)``, so that its rows of input and output never overlap.
    """

    body: str
    rowwise: bool = False
    prepare: Prepare | None = None
    matrix: bool = False

    def uses(self, name: str) -> bool:
        """Whether the body has the argument or size of that name."""
        return re.search(rf"\b{name}\b", self.body) is not None


forms: dict[str, Form] = {}
"""The C form of each op, by the op's name."""


def elementwise(op: str, body: str, prepare: Prepare | None = None) -> None:
    """Say what an op of entries is in C.

    Parameters
    ----------
    op : str
        Its name.
    body : str
        Of a C function that returns the output's entry, with the op's argument names for entries: ``"return z < 0 ? 0 : z;"``.
    prepare : callable, optional
        See :class:`Form`.
    """
    forms[op] = Form(body.strip(), False, prepare)


def rowwise(op: str, body: str, prepare: Prepare | None = None, matrix: bool = False) -> None:
    """Say what an op of rows is in C.

    Parameters
    ----------
    op : str
        Its name.
    body : str
        Of a C function, with the op's argument names for pointers to a row, or to a whole array that has no axis ``n``; sizes have the
        names that they have in the op's signature. Rows of input and output may be the same.
    prepare : callable, optional
    matrix : bool
        See :class:`Form`.
    """
    forms[op] = Form(re.sub(r"\n+", "\n", body.strip()), True, prepare, matrix)


def _horner(coefficients: list[float], x: str) -> str:
    text = repr(coefficients[-1])
    for c in coefficients[-2::-1]:
        text = f"({text} * {x} + {c!r})"
    return text


# ---------------------------------------------------------------------------------------------- activations

elementwise("relu", "return z < 0 ? 0 : z;")
elementwise("relu6", "return z < 0 ? 0 : z > 6 ? 6 : z;")
elementwise("general_relu", "return z <= threshold ? (negative_slope > 0 ? negative_slope * (z - threshold) : 0) : z > max_value ? max_value : z;")
elementwise("leaky_relu", "return z > 0 ? z : negative_slope * z;")
elementwise("prelu", "return z > 0 ? z : alpha * z;")
elementwise("threshold", "return z <= threshold ? default_value : z;")
elementwise("step", "return z < 0 ? 0 : z >= 0 ? 1 : z;")
elementwise("hard_sigmoid", "return $relu6(z + 3) / 6;")
elementwise("hard_tanh", "return z < min_value ? min_value : z > max_value ? max_value : z;")
elementwise("hard_silu", "return (z < -3 ? -3 : z) * $hard_sigmoid(z);")
elementwise("hard_shrink", "return @fabs(z) <= threshold ? 0 : z;")
elementwise("soft_shrink", "return z > threshold ? z - threshold : z < -threshold ? z + threshold : z - z;")
elementwise("sparse_sigmoid", "return z < -1 ? 0 : z > 1 ? 1 : (z + 1) / 2;")
elementwise("sparse_plus", "const real half = $sparse_sigmoid(z);\nreturn z >= 1 ? z : half * half;")
elementwise("sigmoid", "const real e = @exp(-@fabs(z));\nreturn (z < 0 ? e : 1) / (1 + e);")
elementwise("tanh", "return @tanh(z);")
elementwise("softsign", f"const real b = $hard_tanh(z, -{HUGE!r}, {HUGE!r});\nreturn b / (1 + @fabs(b));")
elementwise("elu", "return z > 0 ? z : alpha * @expm1(z);")
elementwise("selu", f"return {SELU_SCALE!r} * $elu(z, {SELU_ALPHA!r});")
elementwise("celu", "return z > 0 ? z : alpha * @expm1(z / alpha);")
elementwise("softplus", "return (z > 0 ? z : 0) + @log1p(@exp(-@fabs(z)));")
elementwise("log_sigmoid", "return (z < 0 ? z : 0) - @log1p(@exp(-@fabs(z)));")
elementwise(
    "squareplus",
    "const real half = 0.5 * @fabs(z) + 0.5 * @hypot(z, @sqrt(b));\nreturn z < 0 ? 0.25 * b / half : half;",
)
elementwise("silu", f"return (z < -{GONE!r} ? -{GONE!r} : z) * $sigmoid(z);")
elementwise("gelu", f"return 0.5 * (z < -{FAR!r} ? -{FAR!r} : z) * @erfc(z * -{np.sqrt(0.5)!s});")
elementwise(
    "gelu_tanh",
    f"const real b = $hard_tanh(z, -{FAR!r}, {FAR!r});\n"
    f"return (z < -{FAR!r} ? b : z) * $sigmoid(b * {np.sqrt(8 / np.pi)!s} * (1 + 0.044715 * (b * b)));",
)
elementwise(
    "mish",
    f"const real b = z < -{GONE!r} ? -{GONE!r} : z, e = @exp(-@fabs(b));\n"
    "const real above = b > 0 ? 1 + 2 * e : e * (e + 2);\nreturn b * (above / (above + (b > 0 ? 2 * e * e : 2)));",
)
elementwise(
    "tanh_shrink",
    "const real square = z * z;\n"
    "if (!(@fabs(z) < 2)) return z - @tanh(z);\n"
    f"return z * (square * ({_horner(LAMBERT['float64'][0], 'square')} / {_horner(LAMBERT['float64'][1], 'square')}));",
)
elementwise("exponential", "return @exp(z);")
elementwise("glu", "return value * $sigmoid(gate);")
elementwise("reglu", "return value * $relu(gate);")
elementwise("geglu", "return value * $gelu(gate);")
elementwise("swiglu", "return value * $silu(gate);")

_SOFTMAX = """
real most = {0}z[0], sum = 0;
for (size_t j = 1; j < m; j++) if ({0}z[j] > most) most = {0}z[j];
for (size_t j = 0; j < m; j++) {{ a[j] = @exp({0}z[j] - most); sum += a[j]; }}
for (size_t j = 0; j < m; j++) a[j] /= sum;
"""
rowwise("softmax", _SOFTMAX.format(""))
rowwise("softmin", _SOFTMAX.format("-"))
rowwise(
    "log_softmax",
    """
real most = z[0], sum = 0;
for (size_t j = 1; j < m; j++) if (z[j] > most) most = z[j];
for (size_t j = 0; j < m; j++) sum += @exp(z[j] - most);
sum = @log(sum);
for (size_t j = 0; j < m; j++) a[j] = z[j] - most - sum;
""",
)
rowwise(
    "sparsemax",
    """
/* the threshold by taking out what lies below it, until nothing does (Michelot 1986) */
real most = z[0], limit = 0;
size_t count = m, before = m + 1;
for (size_t j = 1; j < m; j++) if (z[j] > most) most = z[j];
for (size_t j = 0; j < m; j++) limit += z[j] - most;
limit = (limit - 1) / (real)m;
while (count < before) {
    real sum = 0;
    before = count;
    count = 0;
    for (size_t j = 0; j < m; j++) if (z[j] - most > limit) { sum += z[j] - most; count++; }
    if (count) limit = (sum - 1) / (real)count;
}
for (size_t j = 0; j < m; j++) { const real over = z[j] - most - limit; a[j] = over < 0 ? 0 : over; }
""",
)

# ------------------------------------------------------------------------------------------- normalizations

_DOWN = """
real most = 0, square = 0;
for (size_t j = 0; j < m; j++) if (@fabs(x[j]) > most) most = @fabs(x[j]);
const real down = most > 1e15 ? 1 / most : 1; /* so that squares don't overflow */
"""
rowwise(
    "standardize",
    f"""{_DOWN}
real mean = 0, shift = 0;
for (size_t j = 0; j < m; j++) mean += x[j] * down;
mean /= (real)m;
for (size_t j = 0; j < m; j++) shift += x[j] * down - mean;
mean += shift / (real)m; /* what the first sum's rounding left */
for (size_t j = 0; j < m; j++) square += (x[j] * down - mean) * (x[j] * down - mean);
square = 1 / @sqrt(square / (real)m + epsilon * down * down);
for (size_t j = 0; j < m; j++) h[j] = (x[j] * down - mean) * square;
""",
)
rowwise(
    "scale_by_rms",
    f"""{_DOWN}
for (size_t j = 0; j < m; j++) square += x[j] * down * (x[j] * down);
square = 1 / @sqrt(square / (real)m + epsilon * down * down);
for (size_t j = 0; j < m; j++) h[j] = x[j] * down * square;
""",
)
rowwise(
    "scale_to_unit",
    f"""{_DOWN}
for (size_t j = 0; j < m; j++) square += x[j] * down * (x[j] * down);
square = @sqrt(square);
if (square < epsilon * down) square = epsilon * down;
for (size_t j = 0; j < m; j++) h[j] = x[j] * down / square;
""",
)


def _moments(given: dict[str, Any]) -> dict[str, Any]:
    """The division by the standard deviation, done once."""
    gamma, variance = (given[name].astype(np.float64) for name in ("gamma", "moving_variance"))
    scale = (gamma / np.sqrt(variance + given["epsilon"])).astype(given["gamma"].dtype)
    return {**given, "scale": scale}


elementwise("batch_norm_inference", "return (x - moving_mean) * scale + beta;", _moments)
elementwise("affine", "return gamma * x + beta;")
elementwise("rescale", "return (x - center) / scale;")

# --------------------------------------------------------------------------------------- merges and the rest

elementwise("copy", "return x;")
elementwise("combine", "return alpha * a + beta * b;")
elementwise("multiply", "return a * b;")
elementwise("maximum", "return a > b || a != a ? a : b;")
elementwise("minimum", "return a < b || a != a ? a : b;")
elementwise("mix", "return x + (a - x) * weight;")
rowwise("take_columns", "for (size_t j = 0; j < m; j++) y[j] = x[index[j]];")
def _transposed(given: dict[str, Any]) -> dict[str, Any]:
    """Fewer than 8 columns don't fill a vector register: their sums run along the rows of the transposed kernel instead."""
    return given if given["w"].shape[1] >= 8 else {**given, "w": np.ascontiguousarray(given["w"].T)}


rowwise(
    "dense",
    """
size_t i = 0;
if (m < 8) { /* w is transposed */
    for (size_t c = 0; c < m; c++) {
        real part[8] = {0};
        for (i = 0; i + 8 <= k; i += 8) for (size_t j = 0; j < 8; j++) part[j] += x[i + j] * (real)w[c * k + i + j];
        for (; i < k; i++) part[0] += x[i] * (real)w[c * k + i];
        z[c] = (real)b[c] + (((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7])));
    }
    return;
}
for (size_t j = 0; j < m; j++) z[j] = (real)b[j];
for (; i + 8 <= k; i += 8) { /* eight at a time: z is read and written an eighth as often */
    const real x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3], x4 = x[i + 4], x5 = x[i + 5], x6 = x[i + 6], x7 = x[i + 7];
    for (size_t j = 0; j < m; j++)
        z[j] += x0 * (real)w[i * m + j] + x1 * (real)w[(i + 1) * m + j] + x2 * (real)w[(i + 2) * m + j] + x3 * (real)w[(i + 3) * m + j]
              + x4 * (real)w[(i + 4) * m + j] + x5 * (real)w[(i + 5) * m + j] + x6 * (real)w[(i + 6) * m + j] + x7 * (real)w[(i + 7) * m + j];
}
for (; i < k; i++) for (size_t j = 0; j < m; j++) z[j] += x[i] * (real)w[i * m + j];
""",
    _transposed,
    matrix=True,
)
rowwise(
    "squared_distance",
    """
for (size_t j = 0; j < m; j++) d[j] = 0;
for (size_t i = 0; i < k; i++) for (size_t j = 0; j < m; j++) {
    const real off = x[i] - (real)c[i * m + j];
    d[j] += off * off;
}
""",
    matrix=True,
)


def _falls(given: dict[str, Any]) -> dict[str, Any]:
    """``-1 / (2 s^2)``, computed once."""
    return {**given, "fall": (-0.5 / np.square(given["s"].astype(np.float64))).astype(given["s"].dtype)}


elementwise("gaussian_unit", "return @exp(d * fall);", _falls)
rowwise(
    "embedding",
    """
const size_t code = x[0] >= 0 && x[0] < (real)m ? (size_t)x[0] : m;
const int known = code < m && (real)code >= x[0];
for (size_t j = 0; j < k; j++) y[j] = known ? (real)w[code * k + j] : @NAN;
""",
)
_COUNT = """
for (size_t j = 0; j < m; j++) y[j] = 0;
for (size_t i = 0; i < k; i++) {
    const size_t code = x[i] >= 0 && x[i] < (real)m ? (size_t)x[i] : m;
    if (code == m || (real)code < x[i]) { /* no code: NaN */
        for (size_t j = 0; j < m; j++) y[j] = @NAN;
        return;
    }
    %s
}
"""
rowwise("count_tokens", _COUNT % "y[code] += 1;")
rowwise("multi_hot", _COUNT % "y[code] = 1;")
