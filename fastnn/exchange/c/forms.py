"""What each op is in C; see ``fastnn/exchange/c/form.py`` for how to read it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.activations.saturating import HUGE, SELU_ALPHA, SELU_SCALE
from fastnn.activations.smooth import FAR, GONE, LAMBERT
from fastnn.exchange.c.exponentials import polynomial
from fastnn.exchange.c.form import elementwise, rowwise

__all__: list[str] = []


# ---------------------------------------------------------------------------------------------- activations

elementwise("relu", "return z < 0 ? 0 : z;")
elementwise("relu6", "return z < 0 ? 0 : z > 6 ? 6 : z;")
elementwise(
    "general_relu",
    """
if (z <= threshold) return negative_slope > 0 ? negative_slope * (z - threshold) : 0;
return z > max_value ? max_value : z;
""",
)
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
elementwise("sigmoid", "const real e = $exp_below(z);\nreturn (z < 0 ? e : 1) / (1 + e);")
elementwise("tanh", "const real e = $expm1_below(2 * z), size = -e / (2 + e);\nreturn z < 0 ? -size : size;")
elementwise("softsign", f"const real b = $hard_tanh(z, -{HUGE!r}, {HUGE!r});\nreturn b / (1 + @fabs(b));")
elementwise(
    "elu",
    """
union { real value; [[uint32_t||uint64_t]] bits; } entry, below;
entry.value = z;
below.value = alpha * $expm1_below(z);
const [[uint32_t||uint64_t]] negative = 0u - (entry.bits >> [[31||63]]);
entry.bits = (below.bits & negative) | (entry.bits & ~negative);
return entry.value;
""",
)
elementwise("selu", f"return {SELU_SCALE!r} * $elu(z, {SELU_ALPHA!r});")
elementwise("celu", "return (z > 0 ? z : 0) + alpha * $expm1_below(z > 0 ? 0 : z / alpha);")
elementwise("softplus", "return (z > 0 ? z : 0) + @log1p($exp_below(z));")
elementwise("log_sigmoid", "return (z < 0 ? z : 0) - @log1p($exp_below(z));")
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
    f"const real b = z < -{GONE!r} ? -{GONE!r} : z, e = $exp_below(b);\n"
    "const real above = b > 0 ? 1 + 2 * e : e * (e + 2);\nreturn b * (above / (above + (b > 0 ? 2 * e * e : 2)));",
)
above, below = ([repr(c) for c in coefficients] for coefficients in LAMBERT["float64"])
elementwise(
    "tanh_shrink",
    "const real square = z * z;\n"
    "if (!(@fabs(z) < 2)) return z - $tanh(z);\n"
    f"return z * (square * (({polynomial(above, 'square')}) / ({polynomial(below, 'square')})));",
)
elementwise("exponential", "return @exp(z);")
elementwise("glu", "return value * $sigmoid(gate);")
elementwise("reglu", "return value * $relu(gate);")
elementwise("geglu", "return value * $gelu(gate);")
elementwise("swiglu", "return value * $silu(gate);")

_SOFTMAX = """
real most = {0}z[0], sum = 0;
for (size_t j = 1; j < m; j++) if ({0}z[j] > most) most = {0}z[j];
for (size_t j = 0; j < m; j++) a[j] = $exp_below({0}z[j] - most);
for (size_t j = 0; j < m; j++) sum += a[j];
for (size_t j = 0; j < m; j++) a[j] /= sum;
"""
rowwise("softmax", _SOFTMAX.format(""))
rowwise("softmin", _SOFTMAX.format("-"))
rowwise(
    "log_softmax",
    """
real most = z[0], sum = 0;
for (size_t j = 1; j < m; j++) if (z[j] > most) most = z[j];
for (size_t j = 0; j < m; j++) sum += $exp_below(z[j] - most);
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

_DOWN = f"""
real most = 0, square = 0;
for (size_t j = 0; j < m; j++) if (@fabs(x[j]) > most) most = @fabs(x[j]);
const real down = most > 1e15 ? {2.0**-73!r} : 1; /* so that squares don't overflow */
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
square = square / (real)m + epsilon * down * down;
square = square <= 0 ? 0 : 1 / @sqrt(square); /* 0: equal numbers, so large that epsilon vanishes */
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
const size_t whole = k - k % 8;
if (m < 8) { /* w is transposed */
    for (size_t c = 0; c < m; c++) {
        real part[8] = {0};
        for (size_t i = 0; i < whole; i += 8) for (size_t j = 0; j < 8; j++) part[j] += x[i + j] * (real)w[c * k + i + j];
        for (size_t i = whole; i < k; i++) part[0] += x[i] * (real)w[c * k + i];
        z[c] = (real)b[c] + (((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7])));
    }
    return;
}
for (size_t j = 0; j < m; j++) z[j] = (real)b[j];
for (size_t i = 0; i < whole; i += 8) { /* eight at a time, then four: z is read and written less often */
    const real x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3], x4 = x[i + 4], x5 = x[i + 5], x6 = x[i + 6], x7 = x[i + 7];
    for (size_t j = 0; j < m; j++)
        z[j] += x0 * (real)w[i * m + j] + x1 * (real)w[(i + 1) * m + j]
              + x2 * (real)w[(i + 2) * m + j] + x3 * (real)w[(i + 3) * m + j]
              + x4 * (real)w[(i + 4) * m + j] + x5 * (real)w[(i + 5) * m + j]
              + x6 * (real)w[(i + 6) * m + j] + x7 * (real)w[(i + 7) * m + j];
}
if (k & 4) {
    const size_t i = whole;
    const real x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    for (size_t j = 0; j < m; j++)
        z[j] += x0 * (real)w[i * m + j] + x1 * (real)w[(i + 1) * m + j]
              + x2 * (real)w[(i + 2) * m + j] + x3 * (real)w[(i + 3) * m + j];
}
for (size_t i = whole + (k & 4); i < k; i++) for (size_t j = 0; j < m; j++) z[j] += x[i] * (real)w[i * m + j];
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


elementwise("gaussian_unit", "return $exp_below(d * fall);", _falls)
rowwise(
    "embedding",
    """
const size_t code = x[0] >= 0 && x[0] < (real)m ? (size_t)x[0] : m;
const int known = code < m && (real)code >= x[0];
for (size_t j = 0; j < k; j++) y[j] = known ? (real)w[code * k + j] : (real)NAN;
""",
)
_COUNT = """
for (size_t j = 0; j < m; j++) y[j] = 0;
for (size_t i = 0; i < k; i++) {
    const size_t code = x[i] >= 0 && x[i] < (real)m ? (size_t)x[i] : m;
    if (code == m || (real)code < x[i]) { /* no code: NaN */
        for (size_t j = 0; j < m; j++) y[j] = (real)NAN;
        return;
    }
    %s
}
"""
rowwise("count_tokens", _COUNT % "y[code] += 1;")
rowwise("multi_hot", _COUNT % "y[code] = 1;")
