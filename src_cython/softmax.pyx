"""Softmax and its logarithm. Every kernel may work in place (a is z, dz is da).

Work goes over tiles of whole rows that stay in the L1 cache, and flat over a tile, so that short rows (10 classes) vectorise too; only
maxima and sums run row by row. A row longer than a tile is a tile of its own.
"""

from libc.math cimport log
from inline cimport inline_void
from kernel cimport Array, declare
from real cimport real
from rows cimport LANES, folded, row_max, row_sum
from vmath cimport exp_negative

kernels = {}

cdef enum:
    TILE = 1024


cdef inline Py_ssize_t tile_rows(Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    return min(max(TILE // m, 1), n) if m else 0


cdef inline inline_void by_row(
    real (*number)(const real*, const real*, Py_ssize_t) noexcept nogil, real (*rule)(real, real, real) noexcept nogil,
    const real* x, const real* y, real* out, Py_ssize_t n, Py_ssize_t m,
) noexcept nogil:
    """out = rule(x, y, number of the row), on a tile. Each short row's number is laid beside its entries, so that the rule runs flat."""
    cdef real[TILE + LANES] beside
    cdef Py_ssize_t i, j
    cdef real p
    if m < LANES:
        for i in range(n):
            p = number(x + i * m, y + i * m, m)
            for j in range(LANES):  # what is too much, the next row overwrites
                beside[i * m + j] = p
        for i in range(n * m):
            out[i] = rule(x[i], y[i], beside[i])
    else:
        for i in range(n):
            p = number(x + i * m, y + i * m, m)
            for j in range(m):
                out[i * m + j] = rule(x[i * m + j], y[i * m + j], p)


cdef inline real largest(const real* x, const real* y, Py_ssize_t m) noexcept nogil:
    return row_max[real](x, m)


cdef inline real inverse_sum(const real* x, const real* y, Py_ssize_t m) noexcept nogil:
    return <real>(1 / row_sum[real](x, m))


cdef inline real row_dot(const real* x, const real* y, Py_ssize_t m) noexcept nogil:
    """The sum of x * y over [0, m), in several accumulators so that it vectorises."""
    cdef double[LANES] lane
    cdef double total = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    if whole:
        for k in range(LANES):
            lane[k] = 0
        for j in range(m // LANES):
            for k in range(LANES):
                lane[k] += <double>x[j * LANES + k] * y[j * LANES + k]
        total = folded(lane)
    for j in range(whole, m):
        total += <double>x[j] * y[j]
    return <real>total


cdef inline real minus(real x, real y, real p) noexcept nogil:
    return x - p


cdef inline real times(real x, real y, real p) noexcept nogil:
    return x * p


cdef inline real exp_minus(real x, real y, real p) noexcept nogil:
    return exp_negative[real](x - p, 0)


cdef void softmax_rows(const real* z, real* a, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i
    if m < LANES:
        by_row[real](largest[real], exp_minus[real], z, z, a, n, m)
    else:
        by_row[real](largest[real], minus[real], z, z, a, n, m)
        for i in range(n * m):
            a[i] = exp_negative[real](a[i], 0)
    by_row[real](inverse_sum[real], times[real], a, a, a, n, m)


cdef void softmax(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>arrays[0].data
    cdef real* a = <real*>arrays[1].data
    cdef Py_ssize_t i, n = arrays[0].shape[0], m = arrays[0].shape[1], rows = tile_rows(n, m)
    if m:
        for i from 0 <= i < n by rows:
            softmax_rows[real](z + i * m, a + i * m, min(rows, n - i), m)

declare(kernels, "softmax", softmax[float], softmax[double])


cdef inline real softmax_slope(real da, real a, real mean) noexcept nogil:
    return a * (da - mean)


cdef void softmax_backward(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* a = <const real*>arrays[1].data
    cdef const real* da = <const real*>arrays[2].data
    cdef real* dz = <real*>arrays[3].data
    cdef Py_ssize_t i, n = arrays[0].shape[0], m = arrays[0].shape[1], rows = tile_rows(n, m)
    if m:
        for i from 0 <= i < n by rows:
            by_row[real](row_dot[real], softmax_slope[real], da + i * m, a + i * m, dz + i * m, min(rows, n - i), m)

declare(kernels, "softmax_backward", softmax_backward[float], softmax_backward[double])


cdef void log_softmax_rows(const real* z, real* a, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """Rows of at most TILE entries together, or one longer row."""
    cdef real[TILE] e
    cdef double[TILE] total
    cdef Py_ssize_t i, j, start, count = n * m, width = min(m, TILE)
    cdef real log_total
    by_row[real](largest[real], minus[real], z, z, a, n, m)
    for i in range(n):
        total[i] = 0
    for start from 0 <= start < count by TILE:
        for j in range(min(TILE, count - start)):
            e[j] = exp_negative[real](a[start + j], 0)
        for i in range(n):
            total[i] += row_sum[real](e + i * width, min(width, count - start))
    for i in range(n):
        log_total = <real>log(total[i])
        for j in range(m):
            a[i * m + j] -= log_total


cdef void log_softmax(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>arrays[0].data
    cdef real* a = <real*>arrays[1].data
    cdef Py_ssize_t i, n = arrays[0].shape[0], m = arrays[0].shape[1], rows = tile_rows(n, m)
    if m:
        for i from 0 <= i < n by rows:
            log_softmax_rows[real](z + i * m, a + i * m, min(rows, n - i), m)

declare(kernels, "log_softmax", log_softmax[float], log_softmax[double])


cdef void log_softmax_backward_rows(const real* a, const real* da, real* dz, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """Rows of at most TILE entries together, or one longer row."""
    cdef real[TILE] e
    cdef real[TILE] total
    cdef Py_ssize_t i, j, start, count = n * m, width = min(m, TILE), piece
    for i in range(n):
        total[i] = <real>row_sum[real](da + i * m, m)
    for start from 0 <= start < count by TILE:
        for j in range(min(TILE, count - start)):
            e[j] = exp_negative[real](a[start + j], 0)
        piece = min(width, count - start)
        for i in range(n):
            for j in range(piece):
                dz[start + i * width + j] = da[start + i * width + j] - e[i * width + j] * total[i]


cdef void log_softmax_backward(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* a = <const real*>arrays[1].data
    cdef const real* da = <const real*>arrays[2].data
    cdef real* dz = <real*>arrays[3].data
    cdef Py_ssize_t i, n = arrays[0].shape[0], m = arrays[0].shape[1], rows = tile_rows(n, m)
    if m:
        for i from 0 <= i < n by rows:
            log_softmax_backward_rows[real](a + i * m, da + i * m, dz + i * m, min(rows, n - i), m)

declare(kernels, "log_softmax_backward", log_softmax_backward[float], log_softmax_backward[double])


cdef void softmin(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>arrays[0].data
    cdef real* a = <real*>arrays[1].data
    cdef Py_ssize_t i, j, n = arrays[0].shape[0], m = arrays[0].shape[1], rows = tile_rows(n, m)
    if m:
        for i from 0 <= i < n by rows:
            for j in range(i * m, min(i + rows, n) * m):
                a[j] = -z[j]
            softmax_rows[real](a + i * m, a + i * m, min(rows, n - i), m)

declare(kernels, "softmin", softmin[float], softmin[double])


cdef inline real softmin_slope(real da, real a, real mean) noexcept nogil:
    return a * (mean - da)


cdef void softmin_backward(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* a = <const real*>arrays[1].data
    cdef const real* da = <const real*>arrays[2].data
    cdef real* dz = <real*>arrays[3].data
    cdef Py_ssize_t i, n = arrays[0].shape[0], m = arrays[0].shape[1], rows = tile_rows(n, m)
    if m:
        for i from 0 <= i < n by rows:
            by_row[real](row_dot[real], softmin_slope[real], da + i * m, a + i * m, dz + i * m, min(rows, n - i), m)

declare(kernels, "softmin_backward", softmin_backward[float], softmin_backward[double])
