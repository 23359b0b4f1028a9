"""Losses and their gradients in one call.

Rows are often short (10 classes, 1 output), so the costly passes (exp, log) run flat over tiles of whole rows, about
TILE numbers that stay in the L1 cache, and only cheap sums run row by row. A row longer than a tile is cut into pieces.
"""

from libc.stdint cimport int64_t
from check cimport expect, expect_matrix
from real cimport real
from rows cimport LANES, row_max, row_sum
from vmath cimport vabs, vexp, vlog, vlog1p, vlog1p_unit, vmax, vmin

cdef enum:
    TILE = 2048


cdef int check(str op, Py_ssize_t n, Py_ssize_t m, Py_ssize_t w, Py_ssize_t value, const Py_ssize_t *dy) except -1:
    if n and not m:
        raise ValueError(f"{op}: y has no columns")
    expect(op, "w", w, n, "entries")
    expect(op, "value", value, n, "entries")
    return expect_matrix(op, "dy", dy, n, m)


cdef int labels_in_range(str op, const int64_t[::1] labels, Py_ssize_t n, Py_ssize_t m) except -1:
    cdef Py_ssize_t i
    expect(op, "labels", labels.shape[0], n, "entries")
    for i in range(n):
        if not 0 <= labels[i] < m:
            raise ValueError(f"{op}: label {labels[i]} is not in [0, {m - 1}]")
    return 0


# ---------------------------------------------------------------------------------------------------------
# Means over the outputs of a term that depends on one y and one t. A term function writes the terms and slopes of
# `count` numbers; it is called through a pointer once a tile.

cdef inline void weigh_rows(
    const real *term, real *slope, const real *w, real *value, Py_ssize_t rows, Py_ssize_t m, real share
) noexcept nogil:
    """Add each row's weighted terms to its value, and weigh its slopes; slope's rows are m apart, as term's are."""
    cdef Py_ssize_t r, k
    cdef real scale
    if m == 1:  # regression on many rows: one flat loop instead of 2 ns a row
        for r in range(rows):
            value[r] += share * w[r] * term[r]
            slope[r] *= share * w[r]
        return
    for r in range(rows):
        scale = share * w[r]
        value[r] += <real>(scale * row_sum(term + r * m, m))
        for k in range(m):
            slope[r * m + k] *= scale


cdef void mean_of(
    void (*terms)(const real *, const real *, real *, real *, Py_ssize_t, real) noexcept nogil,
    real parameter,
    const real[:, ::1] y,
    const real[:, ::1] t,
    const real[::1] w,
    real[::1] value,
    real[:, ::1] dy,
) noexcept nogil:
    cdef real[TILE] term
    cdef Py_ssize_t i, j, height, width, n = y.shape[0], m = y.shape[1]
    cdef Py_ssize_t rows = max(TILE // m, 1) if m else 1, columns = min(m, TILE)
    cdef real share = <real>(1.0 / m) if m else 0
    for i in range(n):
        value[i] = 0
    i = 0
    while i < n:
        height = min(rows, n - i)
        j = 0
        while j < m:
            width = min(columns, m - j)
            terms(&y[i, j], &t[i, j], term, &dy[i, j], height * width, parameter)
            weigh_rows(<const real *>term, &dy[i, j], &w[i], &value[i], height, width, share)
            j += columns
        i += rows


cdef void squared(const real *y, const real *t, real *term, real *slope, Py_ssize_t count, real unused) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        slope[k] = 2 * (y[k] - t[k])
        term[k] = (y[k] - t[k]) * (y[k] - t[k])


def mean_squared_error(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
):
    expect_matrix("mean_squared_error", "t", t.shape, y.shape[0], y.shape[1])
    check("mean_squared_error", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(squared[real], <real>0, y, t, w, value, dy)


cdef void absolute(const real *y, const real *t, real *term, real *slope, Py_ssize_t count, real unused) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d
    for k in range(count):
        d = y[k] - t[k]
        slope[k] = <real>1 if d > 0 else (<real>-1 if d < 0 else d)
        term[k] = vabs(d)


def mean_absolute_error(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
):
    expect_matrix("mean_absolute_error", "t", t.shape, y.shape[0], y.shape[1])
    check("mean_absolute_error", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(absolute[real], <real>0, y, t, w, value, dy)


cdef void huber_terms(const real *y, const real *t, real *term, real *slope, Py_ssize_t count, real delta) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, q
    for k in range(count):
        d = y[k] - t[k]
        q = vmin(vabs(d), delta)
        slope[k] = vmax(vmin(d, delta), -delta)
        term[k] = q * (vabs(d) - <real>0.5 * q)


def huber(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
    double delta,
):
    expect_matrix("huber", "t", t.shape, y.shape[0], y.shape[1])
    check("huber", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(huber_terms[real], <real>delta, y, t, w, value, dy)


cdef inline real clipped(real y) noexcept nogil:
    """A probability in [1e-7, 1 - 1e-7]; NaN stays NaN."""
    return vmin(vmax(y, <real>1e-7), <real>(1.0 - 1e-7))


cdef void binary_terms(const real *y, const real *t, real *term, real *slope, Py_ssize_t count, real smoothing) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p, s, keep = 1 - smoothing, half = smoothing / 2
    for k in range(count):
        p = clipped(y[k])
        s = t[k] * keep + half
        slope[k] = <real>0 if vabs(y[k] - p) > 0 else (p - s) / (p * (1 - p))
        term[k] = -s * vlog(p)
    # A loop of its own: of a sum of two products either may be fused, so bits would depend on where a tile ends.
    for k in range(count):
        term[k] -= (1 - (t[k] * keep + half)) * vlog1p(-clipped(y[k]))


def binary_crossentropy(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
    double label_smoothing,
):
    expect_matrix("binary_crossentropy", "t", t.shape, y.shape[0], y.shape[1])
    check("binary_crossentropy", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(binary_terms[real], <real>label_smoothing, y, t, w, value, dy)


cdef void binary_logit_terms(const real *y, const real *t, real *term, real *slope, Py_ssize_t count, real smoothing) noexcept nogil:
    cdef Py_ssize_t k
    cdef real e, s, against, size, keep = 1 - smoothing, half = smoothing / 2
    for k in range(count):
        e = vexp(-vabs(y[k]))
        s = t[k] * keep + half
        against = 1 - s if y[k] >= 0 else s  # the target's share on the other side of 0 than y
        size = (against - (s if y[k] >= 0 else 1 - s) * e) / (1 + e)
        slope[k] = size if y[k] >= 0 else -size
        term[k] = against * vabs(y[k]) + vlog1p_unit(e)


def binary_crossentropy_from_logits(
    const real[:, ::1] y not None,
    const real[:, ::1] t not None,
    const real[::1] w not None,
    real[::1] value not None,
    real[:, ::1] dy not None,
    double label_smoothing,
):
    expect_matrix("binary_crossentropy_from_logits", "t", t.shape, y.shape[0], y.shape[1])
    check("binary_crossentropy_from_logits", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(binary_logit_terms[real], <real>label_smoothing, y, t, w, value, dy)


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
    check("categorical_crossentropy_from_logits", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
    check("sparse_categorical_crossentropy_from_logits", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
    check("categorical_crossentropy", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
    check("sparse_categorical_crossentropy", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
