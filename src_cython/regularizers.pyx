"""Penalties on parameters: value and gradient in one pass."""

from check cimport expect
from real cimport real
from rows cimport LANES
from vmath cimport vabs


cdef inline real sign(real x) noexcept nogil:
    """-1, 0 or 1; NaN stays NaN."""
    return <real>1 if x > 0 else (<real>-1 if x < 0 else x)


cdef inline void penalize(const real *p, real *g, Py_ssize_t n, real l1, real slope, double *absolute, double *squares) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        g[k] += l1 * sign(p[k]) + slope * p[k]
        absolute[k] += vabs(p[k])
        squares[k] += <double>p[k] * <double>p[k]


def l1_l2_penalty(const real[::1] p not None, real[::1] g not None, real[::1] value not None, double l1, double l2):
    cdef double[LANES] absolute
    cdef double[LANES] squares
    cdef double total = 0
    cdef Py_ssize_t i, k, n = p.shape[0], whole = n - n % LANES
    expect("l1_l2_penalty", "g", g.shape[0], n, "entries")
    expect("l1_l2_penalty", "value", value.shape[0], 1, "entries")
    if n == 0:
        return
    with nogil:
        for k in range(LANES):
            absolute[k] = squares[k] = 0
        for i in range(n // LANES):
            penalize(&p[i * LANES], &g[i * LANES], LANES, <real>l1, <real>(2 * l2), absolute, squares)
        if whole < n:
            penalize(&p[whole], &g[whole], n - whole, <real>l1, <real>(2 * l2), absolute, squares)
        for k in range(LANES):
            total += l1 * absolute[k] + l2 * squares[k]
        value[0] += <real>total
