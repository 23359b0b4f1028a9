"""Losses that are a mean over the outputs, and their gradients, in one call."""

from check cimport expect_matrix
from loss cimport TILE, check_loss, clipped
from real cimport real
from rows cimport row_sum
from vmath cimport vabs, vexp, vlog, vlog1p, vlog1p_unit, vmax, vmin

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
    check_loss("mean_squared_error", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
    check_loss("mean_absolute_error", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
    check_loss("huber", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(huber_terms[real], <real>delta, y, t, w, value, dy)


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
    check_loss("binary_crossentropy", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
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
    check_loss("binary_crossentropy_from_logits", y.shape[0], y.shape[1], w.shape[0], value.shape[0], dy.shape)
    with nogil:
        mean_of(binary_logit_terms[real], <real>label_smoothing, y, t, w, value, dy)
