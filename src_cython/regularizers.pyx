"""Penalties on parameters: value and gradient in one pass."""

from kernel cimport Array, declare
from real cimport real
from rows cimport LANES
from vmath cimport vabs

kernels = {}


cdef inline real sign(real x) noexcept nogil:
    """-1, 0 or 1; NaN stays NaN."""
    return <real>1 if x > 0 else (<real>-1 if x < 0 else x)


cdef inline void penalize(const real* p, real* g, Py_ssize_t n, real l1, real slope, double* absolute, double* squares) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        g[k] += l1 * sign(p[k]) + slope * p[k]
        absolute[k] += vabs(p[k])
        squares[k] += <double>p[k] * <double>p[k]


cdef void l1_l2_penalty(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* p = <const real*>a[0].data
    cdef real* g = <real*>a[1].data
    cdef real* value = <real*>a[2].data
    cdef double l1 = s[0], l2 = s[1], total = 0
    cdef double[LANES] absolute
    cdef double[LANES] squares
    cdef Py_ssize_t i, k, n = a[0].shape[0], whole = n - n % LANES
    for k in range(LANES):
        absolute[k] = squares[k] = 0
    for i in range(n // LANES):
        penalize(&p[i * LANES], &g[i * LANES], LANES, <real>l1, <real>(2 * l2), absolute, squares)
    if whole < n:
        penalize(&p[whole], &g[whole], n - whole, <real>l1, <real>(2 * l2), absolute, squares)
    for k in range(LANES):
        total += l1 * absolute[k] + l2 * squares[k]
    value[0] += <real>total


declare(kernels, "l1_l2_penalty", l1_l2_penalty[float], l1_l2_penalty[double])
