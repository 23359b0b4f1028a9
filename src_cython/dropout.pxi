"""Dropout and its relatives; see fastnn/layers/dropout.py and noise.pxd."""

from libc.math cimport sqrt
from libc.stdint cimport uint32_t

from hash cimport mix
from kernel cimport Array, declare
from noise cimport UNITS, by_runs, normal
from real cimport real

# A hash is one long chain: in two loops of UNITS, more vectors of it are under way at once (0.095 against 0.126 ns a unit on v4).


cdef void drop(Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double rate) noexcept nogil:
    """y = x where the unit stays, scaled; y may be x."""
    cdef uint32_t[UNITS] half
    cdef uint32_t threshold = <uint32_t>(rate * 4294967296.0)
    cdef real factor = <real>(1 / (1 - rate)), scaled
    cdef Py_ssize_t chunk, start, i
    for chunk in range((n + UNITS - 1) // UNITS):
        start = chunk * UNITS
        for i in range(min(UNITS, n - start)):
            half[i] = mix(<uint32_t>(start + i) + low) ^ high
        for i in range(min(UNITS, n - start)):
            scaled = x[start + i] * factor  # of every unit: a load that depends on the mask would be a branch at the baseline
            y[start + i] = scaled if mix(half[i]) >= threshold else 0


cdef void dropout(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](drop[real], a, s)


declare(kernels, "dropout", dropout[float], dropout[double])


cdef void dropout_backward(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](drop[real], a, s)


declare(kernels, "dropout_backward", dropout_backward[float], dropout_backward[double])


cdef enum Kind:
    VALUE
    GRADIENT


cdef inline void saturate(
    Kind kind, Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double rate
) noexcept nogil:
    """Of values: y = factor x + shift where the unit stays, of selu's limit elsewhere. Of gradients: factor x, or 0."""
    cdef uint32_t[UNITS] half
    cdef uint32_t threshold = <uint32_t>(rate * 4294967296.0)
    cdef double limit = -1.7580993408473766
    cdef double factor = 1 / sqrt((1 - rate) * (1 + rate * limit * limit))
    cdef real scale = <real>factor, shift = 0, dropped = 0, kept
    cdef Py_ssize_t chunk, start, i
    if kind == VALUE:
        shift = <real>(-factor * limit * rate)
        dropped = scale * <real>limit + shift
    for chunk in range((n + UNITS - 1) // UNITS):
        start = chunk * UNITS
        for i in range(min(UNITS, n - start)):
            half[i] = mix(<uint32_t>(start + i) + low) ^ high
        for i in range(min(UNITS, n - start)):
            kept = x[start + i] * scale + shift
            y[start + i] = kept if mix(half[i]) >= threshold else dropped


cdef void saturate_values(Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double rate) noexcept nogil:
    saturate[real](VALUE, n, x, y, low, high, rate)


cdef void saturate_gradients(Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double rate) noexcept nogil:
    saturate[real](GRADIENT, n, x, y, low, high, rate)


cdef void alpha_dropout(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](saturate_values[real], a, s)


declare(kernels, "alpha_dropout", alpha_dropout[float], alpha_dropout[double])


cdef void alpha_dropout_backward(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](saturate_gradients[real], a, s)


declare(kernels, "alpha_dropout_backward", alpha_dropout_backward[float], alpha_dropout_backward[double])


cdef inline void normals(Py_ssize_t n, real* drawn, uint32_t first, uint32_t high) noexcept nogil:
    """Standard normal numbers for n <= UNITS units."""
    cdef uint32_t[UNITS] half
    cdef Py_ssize_t i
    for i in range(n):
        half[i] = mix(<uint32_t>i + first) ^ high
    for i in range(n):
        drawn[i] = normal[real](mix(half[i]), <real>2.3283064365386963e-10)


cdef void blur(Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double stddev) noexcept nogil:
    """y = x (1 + stddev normal); y may be x."""
    cdef real[UNITS] drawn
    cdef real size = <real>stddev
    cdef Py_ssize_t chunk, start, i
    for chunk in range((n + UNITS - 1) // UNITS):
        start = chunk * UNITS
        normals[real](min(UNITS, n - start), drawn, low + <uint32_t>start, high)
        for i in range(min(UNITS, n - start)):
            y[start + i] = x[start + i] * (<real>1 + size * drawn[i])


cdef void gaussian_dropout(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](blur[real], a, s)


declare(kernels, "gaussian_dropout", gaussian_dropout[float], gaussian_dropout[double])


cdef void gaussian_dropout_backward(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](blur[real], a, s)


declare(kernels, "gaussian_dropout_backward", gaussian_dropout_backward[float], gaussian_dropout_backward[double])


cdef void perturb(Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double stddev) noexcept nogil:
    """y = x + stddev normal; y may be x."""
    cdef real[UNITS] drawn
    cdef real size = <real>stddev
    cdef Py_ssize_t chunk, start, i
    for chunk in range((n + UNITS - 1) // UNITS):
        start = chunk * UNITS
        normals[real](min(UNITS, n - start), drawn, low + <uint32_t>start, high)
        for i in range(min(UNITS, n - start)):
            y[start + i] = x[start + i] + size * drawn[i]


cdef void gaussian_noise(const Array* a, const double* s, real* room) noexcept nogil:
    by_runs[real](perturb[real], a, s)


declare(kernels, "gaussian_noise", gaussian_noise[float], gaussian_noise[double])
