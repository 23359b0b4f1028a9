"""Losses of one class out of m, and their gradients, in one call."""

from libc.stdint cimport int64_t
from check cimport expect, expect_matrix
from loss cimport TILE, check_loss, clipped
from real cimport real
from rows cimport LANES, row_max, row_sum
from vmath cimport vabs, vexp, vlog


cdef int labels_in_range(str op, const int64_t[::1] labels, Py_ssize_t n, Py_ssize_t m) except -1:
    cdef Py_ssize_t i
    expect(op, "labels", labels.shape[0], n, "entries")
    for i in range(n):
        if not 0 <= labels[i] < m:
            raise ValueError(f"{op}: label {labels[i]} is not in [0, {m - 1}]")
    return 0


# ---------------------------------------------------------------------------------------------------------
# One class out of m, from logits

cdef inline void exponentials(
    const real *y, real *e, real *largest, real *total, real *log_total, Py_ssize_t rows, Py_ssize_t m
) noexcept nogil:
    """For each row its maximum, e = exp(y - maximum), the sum of e, and the logarithm of that."""
    cdef Py_ssize_t r, k
    for r in range(rows):
        largest[r] = row_max(y + r * m, m)
        for k in range(m):
            e[r * m + k] = y[r * m + k] - largest[r]
    for k in range(rows * m):
        e[k] = vexp(e[k])
    for r in range(rows):
        total[r] = <real>row_sum(e + r * m, m)
    for r in range(rows):
        log_total[r] = vlog(total[r])


cdef inline double distance(const real *y, const real *t, real keep, real spread, real largest, Py_ssize_t m) noexcept nogil:
    """The sum of (t*keep + spread) * (largest - y) over a row."""
    cdef double[LANES] lane
    cdef double total = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    if whole:
        for k in range(LANES):
            lane[k] = 0
        for j in range(m // LANES):
            for k in range(LANES):
                lane[k] += (t[j * LANES + k] * keep + spread) * (largest - y[j * LANES + k])
        for k in range(LANES):
            total += lane[k]
    for k in range(whole, m):
        total += (t[k] * keep + spread) * (largest - y[k])
    return total


def categorical_crossentropy_from_logits(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
    double label_smoothing,
):
    cdef real[TILE] largest
    cdef real[TILE] total
    cdef real[TILE] log_total
    cdef Py_ssize_t i, r, k, height, n = y.shape[0], m = y.shape[1], rows = max(TILE // m, 1) if m else 1
    cdef real keep = <real>(1 - label_smoothing), spread = <real>(label_smoothing / m) if m else 0, share
    cdef double mass
    cdef real *slope
    cdef const real *target
    expect_matrix("categorical_crossentropy_from_logits", "t", t.shape, y.shape[0], y.shape[1])
    check_loss("categorical_crossentropy_from_logits", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        i = 0
        while i < n:
            height = min(rows, n - i)
            exponentials(&y[i, 0], &dy[i, 0], largest, total, log_total, height, m)
            for r in range(height):
                slope, target = &dy[i + r, 0], &t[i + r, 0]
                mass = row_sum(target, m) * keep + spread * <double>m
                value[i + r] = <real>(w[i + r] * (mass * log_total[r] + distance(&y[i + r, 0], target, keep, spread, largest[r], m)))
                share = <real>mass / total[r]
                for k in range(m):
                    slope[k] = w[i + r] * (share * slope[k] - (target[k] * keep + spread))
            i += rows


def sparse_categorical_crossentropy_from_logits(
    const real[:, ::1] y not None,
    const int64_t[::1] labels not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
):
    cdef real[TILE] largest
    cdef real[TILE] total
    cdef real[TILE] log_total
    cdef Py_ssize_t i, r, k, height, n = y.shape[0], m = y.shape[1], rows = max(TILE // m, 1) if m else 1
    cdef real share
    cdef real *slope
    labels_in_range("sparse_categorical_crossentropy_from_logits", labels, n, m)
    check_loss("sparse_categorical_crossentropy_from_logits", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        i = 0
        while i < n:
            height = min(rows, n - i)
            exponentials(&y[i, 0], &dy[i, 0], largest, total, log_total, height, m)
            for r in range(height):
                value[i + r] = w[i + r] * (log_total[r] + (largest[r] - y[i + r, labels[i + r]]))
                share = w[i + r] / total[r]
                slope = &dy[i + r, 0]
                for k in range(m):
                    slope[k] *= share
                slope[labels[i + r]] -= w[i + r]
            i += rows


# ---------------------------------------------------------------------------------------------------------
# One class out of m, from probabilities

cdef void categorical_terms(const real *t, real *slope, real *term, real *pull, Py_ssize_t count, real keep, real spread) noexcept nogil:
    """From probabilities in `slope`: the terms of the loss, the pulls (0 where clipped), and in `slope` pull by probability."""
    cdef Py_ssize_t k
    cdef real p, s
    for k in range(count):
        p = clipped(slope[k])
        s = t[k] * keep + spread
        term[k] = -s * vlog(p)
        pull[k] = <real>0 if vabs(slope[k] - p) > 0 else s
        slope[k] = pull[k] / p


def categorical_crossentropy(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
    double label_smoothing,
):
    cdef real[TILE] term
    cdef real[TILE] pull
    cdef real[TILE] total
    cdef real[TILE] pulls
    cdef Py_ssize_t i, j, r, k, height, width, n = y.shape[0], m = y.shape[1]
    cdef Py_ssize_t rows = max(TILE // m, 1) if m else 1, columns = min(m, TILE)
    cdef real keep = <real>(1 - label_smoothing), spread = <real>(label_smoothing / m) if m else 0, share
    cdef real *slope
    cdef const real *given
    expect_matrix("categorical_crossentropy", "t", t.shape, y.shape[0], y.shape[1])
    check_loss("categorical_crossentropy", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        i = 0
        while i < n:
            height = min(rows, n - i)
            for r in range(height):
                total[r] = <real>row_sum(&y[i + r, 0], m)
                pulls[r] = value[i + r] = 0
            j = 0
            while j < m:
                width = min(columns, m - j)
                for r in range(height):
                    slope, given = &dy[i + r, j], &y[i + r, j]
                    for k in range(width):
                        slope[k] = given[k] / total[r]
                categorical_terms(&t[i, j], &dy[i, j], term, pull, height * width, keep, spread)
                for r in range(height):
                    value[i + r] += <real>(w[i + r] * row_sum(term + r * width, width))
                    pulls[r] += <real>row_sum(pull + r * width, width)
                j += columns
            for r in range(height):
                share = w[i + r] / total[r]
                slope = &dy[i + r, 0]
                for k in range(m):
                    slope[k] = share * (pulls[r] - slope[k])
            i += rows


def sparse_categorical_crossentropy(
    const real[:, ::1] y not None,
    const int64_t[::1] labels not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
):
    cdef Py_ssize_t i, k, n = y.shape[0], m = y.shape[1]
    cdef real total, q, p, pull
    cdef real *slope
    labels_in_range("sparse_categorical_crossentropy", labels, n, m)
    check_loss("sparse_categorical_crossentropy", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        for i in range(n):
            total = <real>row_sum(&y[i, 0], m)
            q = y[i, labels[i]] / total
            p = clipped(q)
            pull = <real>0 if q < p or q > p else w[i] / total
            value[i] = p
            slope = &dy[i, 0]
            for k in range(m):
                slope[k] = pull
            slope[labels[i]] -= pull / p
        for i in range(n):
            value[i] = -w[i] * vlog(value[i])
