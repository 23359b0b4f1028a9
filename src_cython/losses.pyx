"""Losses that are a mean over the outputs, and their gradients, in one call."""

from kernel cimport Array, declare
from loss cimport TILE, clipped
from real cimport real
from rows cimport row_sum
from vmath cimport vabs, vexp, vlog, vlog1p, vlog1p_unit, vmax, vmin

kernels = {}

# Means over the outputs of a term that depends on one y and one t. A term function writes the terms and slopes of
# `count` numbers; it is called through a pointer once a tile.

cdef inline void weigh_rows(
    const real* term, real* slope, const real* w, real* value, Py_ssize_t rows, Py_ssize_t m, real share
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
    void (*terms)(const real*, const real*, real*, real*, Py_ssize_t, real) noexcept nogil,
    real parameter,
    const Array* a,
    real* term,
) noexcept nogil:
    """The weighted means and their gradients of `a`: y, t, w, value, dy; `term` is scratch."""
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, j, height, width, n = a[0].shape[0], m = a[0].shape[1]
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
            terms(y + i * m + j, t + i * m + j, term, dy + i * m + j, height * width, parameter)
            weigh_rows(<const real*>term, dy + i * m + j, w + i, value + i, height, width, share)
            j += columns
        i += rows


cdef void squared(const real* y, const real* t, real* term, real* slope, Py_ssize_t count, real unused) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        slope[k] = 2 * (y[k] - t[k])
        term[k] = (y[k] - t[k]) * (y[k] - t[k])


cdef void mean_squared_error(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](squared[real], 0, a, room)

declare(kernels, "mean_squared_error", mean_squared_error[float], mean_squared_error[double])


cdef void absolute(const real* y, const real* t, real* term, real* slope, Py_ssize_t count, real unused) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d
    for k in range(count):
        d = y[k] - t[k]
        slope[k] = <real>1 if d > 0 else (<real>-1 if d < 0 else d)
        term[k] = vabs(d)


cdef void mean_absolute_error(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](absolute[real], 0, a, room)

declare(kernels, "mean_absolute_error", mean_absolute_error[float], mean_absolute_error[double])


cdef void huber_terms(const real* y, const real* t, real* term, real* slope, Py_ssize_t count, real delta) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, q
    for k in range(count):
        d = y[k] - t[k]
        q = vmin(vabs(d), delta)
        slope[k] = vmax(vmin(d, delta), -delta)
        term[k] = q * (vabs(d) - <real>0.5 * q)


cdef void huber(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](huber_terms[real], <real>s[0], a, room)

declare(kernels, "huber", huber[float], huber[double])


cdef void binary_terms(const real* y, const real* t, real* term, real* slope, Py_ssize_t count, real smoothing) noexcept nogil:
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


cdef void binary_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](binary_terms[real], <real>s[0], a, room)

declare(kernels, "binary_crossentropy", binary_crossentropy[float], binary_crossentropy[double])


cdef void binary_logit_terms(const real* y, const real* t, real* term, real* slope, Py_ssize_t count, real smoothing) noexcept nogil:
    cdef Py_ssize_t k
    cdef real e, s, against, size, keep = 1 - smoothing, half = smoothing / 2
    for k in range(count):
        e = vexp(-vabs(y[k]))
        s = t[k] * keep + half
        against = 1 - s if y[k] >= 0 else s  # the target's share on the other side of 0 than y
        size = (against - (s if y[k] >= 0 else 1 - s) * e) / (1 + e)
        slope[k] = size if y[k] >= 0 else -size
        term[k] = against * vabs(y[k]) + vlog1p_unit(e)


cdef void binary_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](binary_logit_terms[real], <real>s[0], a, room)

declare(kernels, "binary_crossentropy_from_logits", binary_crossentropy_from_logits[float], binary_crossentropy_from_logits[double])
