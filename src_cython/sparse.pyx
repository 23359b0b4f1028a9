"""Crossentropies of one class out of m, given as a label, and their gradients, in one call."""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from kernel cimport Array, declare
from logits cimport exponentials
from loss cimport SPAN, TILE, clipped
from real cimport real
from rows cimport LANES, piece, row_sum, rows_before_end
from vmath cimport vlog

kernels = {}


cdef inline real weight_of(int64_t label, real w, const real* class_weight, Py_ssize_t m) noexcept nogil:
    """The weight of a sample: its own times its class's, NaN for a label that isn't there."""
    return w * class_weight[label] if 0 <= label < m else <real>NAN


cdef inline void ignore(const Array* a, double ignored, real unused) noexcept nogil:
    """Zeros for the samples of the label to ignore, which is NaN where there is none."""
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, k, m = a[0].shape[1]
    if ignored != ignored:
        return
    for i in range(a[0].shape[0]):
        if <double>labels[i] == ignored:
            value[i] = <real>0
            for k in range(i * m, i * m + m):
                dy[k] = <real>0


cdef void sparse_categorical_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef const real* class_weight = <const real*>a[5].data
    cdef real* largest = room + 2 * SPAN
    cdef real* total = room + 3 * SPAN
    cdef real* log_total = room + 4 * SPAN
    cdef real* weight = room + 5 * SPAN
    cdef real[LANES] lane
    cdef real* e
    cdef Py_ssize_t i, j, r, k, label, height, spilling, width = piece(<real>0), n = a[0].shape[0], m = a[0].shape[1]
    i = 0
    while i < n and m:
        height = min(max(TILE // m, 1), n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, room + SPAN, largest, total, log_total, height, m)
        for r in range(height):
            weight[r] = weight_of(labels[i + r], w[i + r], class_weight, m)
            total[r] = weight[r] / total[r]
        spilling = rows_before_end(height, m, width)
        for r in range(spilling):
            j = r * m
            while j < r * m + m:
                for k in range(width):
                    lane[k] = total[r] * e[j + k]
                for k in range(width):
                    dy[j + k] = lane[k]
                j += width
        for r in range(spilling, height):
            for j in range(r * m, r * m + m):
                dy[j] = total[r] * e[j]
        for r in range(height):
            label = labels[i + r] if 0 <= labels[i + r] < m else 0
            dy[r * m + label] -= weight[r]
            value[i + r] = weight[r] * (log_total[r] + (largest[r] - y[r * m + label]))
        y, dy, i = y + height * m, dy + height * m, i + height
    ignore(a, s[0], room[0])

declare(
    kernels,
    "sparse_categorical_crossentropy_from_logits",
    sparse_categorical_crossentropy_from_logits[float],
    sparse_categorical_crossentropy_from_logits[double],
)


cdef void sparse_categorical_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef const real* class_weight = <const real*>a[5].data
    cdef Py_ssize_t i, k, label, n = a[0].shape[0], m = a[0].shape[1]
    cdef real total, q, p, pull, weight
    for i in range(n if m else 0):
        weight = weight_of(labels[i], w[i], class_weight, m)
        label = labels[i] if 0 <= labels[i] < m else 0
        total = <real>row_sum(y, m)
        q = y[label] / total
        p = clipped(q)
        pull = <real>0 if (q < p or q > p) and weight == weight else weight / total
        value[i] = p
        for k in range(m):
            dy[k] = pull
        dy[label] -= pull / p
        y, dy = y + m, dy + m
    for i in range(n):
        value[i] = vlog(value[i])
    for i in range(n):
        value[i] *= -weight_of(labels[i], w[i], class_weight, m)
    ignore(a, s[0], room[0])

declare(kernels, "sparse_categorical_crossentropy", sparse_categorical_crossentropy[float], sparse_categorical_crossentropy[double])
