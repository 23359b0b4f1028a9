"""Penalties on parameters and activations: value and gradient in one pass."""

from libc.math cimport sqrt

from gemm cimport gemm
from kernel cimport ROWS, Array, declare
from real cimport real
from rows cimport LANES, row_sum_of_squares
from vmath cimport vabs


cdef inline real sign(real x) noexcept nogil:
    """-1, 0 or 1; NaN stays NaN."""
    return <real>1 if x > 0 else (<real>-1 if x < 0 else x)


cdef inline void penalize(const real* p, real* g, Py_ssize_t n, real l1, real slope, double* absolute, double* squares) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        g[k] += l1 * sign(p[k]) + slope * p[k]
        absolute[k] += vabs(p[k])
        squares[k] += <double>p[k] * <double>p[k]


cdef double penalty(const real* p, real* g, Py_ssize_t n, double l1, double l2, double share) noexcept nogil:
    """The penalty of p (n), whose gradient times `share` is added to g."""
    cdef real first = <real>(share * l1), slope = <real>(2 * share * l2)
    cdef double total = 0
    cdef double[LANES] absolute
    cdef double[LANES] squares
    cdef Py_ssize_t i, k, whole = n - n % LANES
    for k in range(LANES):
        absolute[k] = squares[k] = 0
    for i in range(n // LANES):
        penalize(&p[i * LANES], &g[i * LANES], LANES, first, slope, absolute, squares)
    if whole < n:
        penalize(&p[whole], &g[whole], n - whole, first, slope, absolute, squares)
    for k in range(LANES):
        total += l1 * absolute[k] + l2 * squares[k]
    return total


cdef void l1_l2_penalty(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* value = <real*>a[2].data
    value[0] += <real>penalty[real](<const real*>a[0].data, <real*>a[1].data, a[0].shape[0], s[0], s[1], 1)


declare(kernels, "l1_l2_penalty", l1_l2_penalty[float], l1_l2_penalty[double])


cdef void batch_l2_penalty(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* value = <real*>a[3].data
    cdef double half = s[0] / (2 * (<const double*>a[2].data)[0])
    value[0] += <real>(s[1] * penalty[real](<const real*>a[0].data, <real*>a[1].data, a[0].shape[0], 0, half, 1))


declare(kernels, "batch_l2_penalty", batch_l2_penalty[float], batch_l2_penalty[double])


cdef void l1_l2_activity(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* w = <const real*>a[1].data
    cdef real* dy = <real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef Py_ssize_t i, m = a[0].shape[1], y_row = a[0].stride[0], dy_row = a[2].stride[0]
    for i in range(a[0].shape[0]):
        value[i] += <real>(w[i] * penalty[real](y + i * y_row, dy + i * dy_row, m, s[0], s[1], w[i]))


declare(kernels, "l1_l2_activity", l1_l2_activity[float], l1_l2_activity[double], ROWS)


cdef void orthogonal(
    const Array* a, const double* s, real* room, Py_ssize_t k, Py_ssize_t m,
    Py_ssize_t p_row, Py_ssize_t p_col, Py_ssize_t g_row, Py_ssize_t g_col,
) noexcept nogil:
    """`orthogonal_rows_penalty` of p (k, m) with these strides: rows for it, columns for its twin."""
    cdef const real* p = <const real*>a[0].data
    cdef real* g = <real*>a[1].data
    cdef real* value = <real*>a[2].data
    cdef real* unit = <real*>a[3].data
    cdef real* slope = <real*>a[4].data
    cdef real* product = <real*>a[5].data
    cdef double share = s[0] / max(<double>(k * (k - 1)) / 2, 1.0), total = 0
    cdef double norm, inverse, along
    cdef Py_ssize_t i, j
    cdef real x
    for i in range(k):
        for j in range(m):
            unit[i * m + j] = p[i * p_row + j * p_col]
        inverse = 1 / max(sqrt(row_sum_of_squares[real](unit + i * m, m, 1)), 1e-7)
        for j in range(m):
            unit[i * m + j] = <real>(unit[i * m + j] * inverse)
    gemm(k, k, m, <const real*>unit, m, 1, <const real*>unit, 1, m, product, k, <const real*>NULL, room)
    for i in range(k):
        product[i * k + i] = 0
        for j in range(k):
            total += vabs[real](product[i * k + j])
            product[i * k + j] = sign[real](product[i * k + j])
    value[0] += <real>(share * 0.5 * total)
    gemm(k, m, k, <const real*>product, k, 1, <const real*>unit, m, 1, slope, m, <const real*>NULL, room)
    for i in range(k):
        norm = along = 0
        for j in range(m):
            x = p[i * p_row + j * p_col]
            norm += <double>x * x
            along += <double>slope[i * m + j] * unit[i * m + j]
        norm = sqrt(norm)
        along = 0 if norm < 1e-7 else along
        inverse = share / max(norm, 1e-7)
        for j in range(m):
            g[i * g_row + j * g_col] += <real>(inverse * (slope[i * m + j] - unit[i * m + j] * along))


cdef void orthogonal_rows_penalty(const Array* a, const double* s, real* room) noexcept nogil:
    orthogonal[real](a, s, room, a[0].shape[0], a[0].shape[1], a[0].stride[0], 1, a[1].stride[0], 1)


declare(kernels, "orthogonal_rows_penalty", orthogonal_rows_penalty[float], orthogonal_rows_penalty[double])


cdef void orthogonal_columns_penalty(const Array* a, const double* s, real* room) noexcept nogil:
    orthogonal[real](a, s, room, a[0].shape[1], a[0].shape[0], 1, a[0].stride[0], 1, a[1].stride[0])


declare(kernels, "orthogonal_columns_penalty", orthogonal_columns_penalty[float], orthogonal_columns_penalty[double])
