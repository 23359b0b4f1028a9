"""Softmax and its logarithm. Every kernel may work in place (a is z, dz is da).

exp runs flat over a tile of whole rows that stays in the L1 cache, so that short rows (10 classes) vectorise too; only maxima and sums run
row by row. A row longer than a tile is a tile of its own.
"""

from libc.math cimport log
from check cimport expect_matrix
from real cimport real
from rows cimport LANES, row_max, row_sum
from vmath cimport exp_negative

cdef enum:
    TILE = 1024


cdef int check_backward(str op, const real[:, ::1] z, const real[:, ::1] a, const real[:, ::1] da, const real[:, ::1] dz) except -1:
    expect_matrix(op, "a", a.shape, z.shape[0], z.shape[1])
    expect_matrix(op, "da", da.shape, z.shape[0], z.shape[1])
    return expect_matrix(op, "dz", dz.shape, z.shape[0], z.shape[1])


cdef inline Py_ssize_t tile_rows(Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    return min(max(TILE // m, 1), n) if m else 0


cdef inline void subtract_max(const real *z, real *a, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """a = z - max(z) in each row."""
    cdef Py_ssize_t i, j
    cdef real largest
    for i in range(n):
        largest = row_max[real](z + i * m, m)
        for j in range(m):
            a[i * m + j] = z[i * m + j] - largest


cdef inline double row_dot(const real *x, const real *y, Py_ssize_t m) noexcept nogil:
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
        for k in range(LANES):
            total += lane[k]
    for j in range(whole, m):
        total += <double>x[j] * y[j]
    return total


cdef void softmax_rows(const real *z, real *a, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef real scale
    subtract_max[real](z, a, n, m)
    for i in range(n * m):
        a[i] = exp_negative[real](a[i], 0)
    for i in range(n):
        scale = <real>(1 / row_sum[real](a + i * m, m))
        for j in range(m):
            a[i * m + j] *= scale


def softmax(const real[:, ::1] z not None, real[:, ::1] a not None):
    cdef Py_ssize_t i, n = z.shape[0], m = z.shape[1], rows = tile_rows(n, m)
    expect_matrix("softmax", "a", a.shape, n, m)
    if n and m:
        with nogil:
            for i from 0 <= i < n by rows:
                softmax_rows[real](&z[i, 0], &a[i, 0], min(rows, n - i), m)


def softmax_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    cdef Py_ssize_t i, j, m = z.shape[1]
    cdef real mean
    check_backward[real]("softmax_backward", z, a, da, dz)
    if m:
        with nogil:
            for i in range(z.shape[0]):
                mean = <real>row_dot[real](&da[i, 0], &a[i, 0], m)
                for j in range(m):
                    dz[i, j] = a[i, j] * (da[i, j] - mean)


cdef void log_softmax_rows(const real *z, real *a, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """Rows of at most TILE entries together, or one longer row."""
    cdef real[TILE] e
    cdef double[TILE] total
    cdef Py_ssize_t i, j, start, count = n * m, width = min(m, TILE)
    cdef real log_total
    subtract_max[real](z, a, n, m)
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


def log_softmax(const real[:, ::1] z not None, real[:, ::1] a not None):
    cdef Py_ssize_t i, n = z.shape[0], m = z.shape[1], rows = tile_rows(n, m)
    expect_matrix("log_softmax", "a", a.shape, n, m)
    if n and m:
        with nogil:
            for i from 0 <= i < n by rows:
                log_softmax_rows[real](&z[i, 0], &a[i, 0], min(rows, n - i), m)


cdef void log_softmax_backward_rows(const real *a, const real *da, real *dz, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
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


def log_softmax_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    cdef Py_ssize_t i, n = z.shape[0], m = z.shape[1], rows = tile_rows(n, m)
    check_backward[real]("log_softmax_backward", z, a, da, dz)
    if n and m:
        with nogil:
            for i from 0 <= i < n by rows:
                log_softmax_backward_rows[real](&a[i, 0], &da[i, 0], &dz[i, 0], min(rows, n - i), m)
