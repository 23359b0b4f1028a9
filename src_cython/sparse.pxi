"""Crossentropies of one class out of m, given as a label, and their gradients, in one call."""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from kernel cimport Array, declare
from logits cimport exponentials
from loss cimport SPAN, TILE, clipped, row_product
from real cimport real
from rows cimport LANES, piece, row_sum, rows_before_end
from vmath cimport vabs, vlog


cdef inline real weight_of(int64_t label, real w, const real* class_weight, Py_ssize_t m) noexcept nogil:
    """The weight of a sample: its own times its class's, NaN for a label that isn't there."""
    return w * class_weight[label] if 0 <= label < m else <real>NAN


cdef inline double sum_of_classes(const real* class_weight, const real* y, double high, real* dy, real fall, Py_ssize_t m) noexcept nogil:
    """The sum of class_weight * (high - y) over a row, and dy less `fall` times class_weight."""
    cdef Py_ssize_t k
    for k in range(m):
        dy[k] -= fall * class_weight[k]
    return high * row_sum(class_weight, m) - row_product(class_weight, y, m)


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
    cdef real keep = <real>(1 - s[1]), spread = <real>(s[1] / m) if m else <real>0, fall
    cdef real classes = spread * <real>row_sum(class_weight, m)
    i = 0
    while i < n and m:
        height = min(max(TILE // m, 1), n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, room + SPAN, largest, total, log_total, height, m)
        for r in range(height):
            weight[r] = keep * weight_of(labels[i + r], w[i + r], class_weight, m)
            total[r] = (weight[r] + w[i + r] * classes) / total[r]
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
        for r in range(height if spread > <real>0 else 0):
            fall = w[i + r] * spread
            value[i + r] += fall * <real>sum_of_classes(class_weight, y + r * m, <double>log_total[r] + largest[r], dy + r * m, fall, m)
        y, dy, i = y + height * m, dy + height * m, i + height
    ignore(a, s[0], room[0])

declare(
    kernels,
    "sparse_categorical_crossentropy_from_logits",
    sparse_categorical_crossentropy_from_logits[float],
    sparse_categorical_crossentropy_from_logits[double],
)


cdef inline real pulled(real q, real weight) noexcept nogil:
    """The weight of a class, 0 where its probability was clipped."""
    return <real>0 if vabs(q - clipped(q)) > <real>0 else weight


cdef inline void smooth(
    const real* y, const real* class_weight, real spread, real w, real* value, real* dy, real* term, Py_ssize_t m
) noexcept nogil:
    """Add what all classes have of a smoothed label."""
    cdef Py_ssize_t j = 0, k, width
    cdef double logarithms = 0, pulls = 0
    cdef real total = <real>row_sum(y, m), scale = w * spread / total
    while j < m:
        width = min(m - j, TILE)
        for k in range(width):
            term[k] = class_weight[j + k] * vlog(clipped(y[j + k] / total))
        logarithms += row_sum(<const real*>term, width)
        for k in range(width):
            term[k] = pulled(y[j + k] / total, class_weight[j + k])
        pulls += row_sum(<const real*>term, width)
        j += width
    value[0] -= w * spread * <real>logarithms
    for k in range(m):
        dy[k] += scale * (<real>pulls - pulled(y[k] / total, class_weight[k]) / clipped(y[k] / total))


cdef void sparse_categorical_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef const real* class_weight = <const real*>a[5].data
    cdef Py_ssize_t i, k, label, n = a[0].shape[0], m = a[0].shape[1]
    cdef real total, q, p, pull, weight, keep = <real>(1 - s[1]), spread = <real>(s[1] / m) if m else <real>0
    for i in range(n if m else 0):
        weight = keep * weight_of(labels[i], w[i], class_weight, m)
        label = labels[i] if 0 <= labels[i] < m else 0
        total = <real>row_sum(y + i * m, m)
        q = y[i * m + label] / total
        p = clipped(q)
        pull = <real>0 if (q < p or q > p) and weight == weight else weight / total
        value[i] = p
        for k in range(i * m, i * m + m):
            dy[k] = pull
        dy[i * m + label] -= pull / p
    for i in range(n):
        value[i] = vlog(value[i])
    for i in range(n):
        value[i] *= -keep * weight_of(labels[i], w[i], class_weight, m)
    for i in range(n if spread > <real>0 else 0):
        smooth(y + i * m, class_weight, spread, w[i], value + i, dy + i * m, room, m)
    ignore(a, s[0], room[0])

declare(kernels, "sparse_categorical_crossentropy", sparse_categorical_crossentropy[float], sparse_categorical_crossentropy[double])
