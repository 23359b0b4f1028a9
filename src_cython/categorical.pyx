"""Losses of one class out of m, and their gradients, in one call."""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from kernel cimport Array, declare
from loss cimport SPAN, TILE, clipped
from real cimport real
from rows cimport LANES, are_short, folded, piece, row_sum, rows_before_end, rows_max, rows_sum
from vmath cimport exp_negative, vabs, vlog

kernels = {}


# ---------------------------------------------------------------------------------------------------------
# One class out of m, from logits. Loops along rows go in whole pieces of `width`, row after row: what spills over into the next row is
# written again with that row. Only the last rows of a tile, which would spill over its end, go entry by entry.

cdef inline void exponentials(
    const real* y, real* e, real* fours, real* largest, real* total, real* log_total, Py_ssize_t rows, Py_ssize_t m
) noexcept nogil:
    """For each row its maximum, e = exp(y - maximum), the sum of e, and the logarithm of that."""
    cdef real[LANES] lane
    cdef Py_ssize_t r, j, k, width = piece(<real>0), spilling = rows_before_end(rows, m, width)
    rows_max(y, fours, largest, rows, m)
    for r in range(spilling):
        j = r * m
        while j < r * m + m:
            for k in range(width):
                lane[k] = y[j + k] - largest[r]
            for k in range(width):
                e[j + k] = lane[k]
            j += width
    for r in range(spilling, rows):
        for j in range(r * m, r * m + m):
            e[j] = y[j] - largest[r]
    for j in range(rows * m):
        e[j] = exp_negative(e[j], <real>0)
    rows_sum(<const real*>e, fours, total, rows, m)
    for r in range(rows):
        log_total[r] = vlog(total[r])


cdef void sparse_categorical_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef real* largest = room + 2 * SPAN
    cdef real* total = room + 3 * SPAN
    cdef real* log_total = room + 4 * SPAN
    cdef real[LANES] lane
    cdef real weight
    cdef real* e
    cdef Py_ssize_t i, j, r, k, label, height, spilling, width = piece(<real>0), n = a[0].shape[0], m = a[0].shape[1]
    i = 0
    while i < n and m:
        height = min(max(TILE // m, 1), n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, room + SPAN, largest, total, log_total, height, m)
        for r in range(height):
            total[r] = w[i + r] / total[r]
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
            label, weight = labels[i + r], w[i + r]
            if not 0 <= label < m:
                label, weight = 0, <real>NAN
                for j in range(r * m, r * m + m):
                    dy[j] = weight
            dy[r * m + label] -= weight
            value[i + r] = weight * (log_total[r] + (largest[r] - y[r * m + label]))
        y, dy, i = y + height * m, dy + height * m, i + height

declare(
    kernels,
    "sparse_categorical_crossentropy_from_logits",
    sparse_categorical_crossentropy_from_logits[float],
    sparse_categorical_crossentropy_from_logits[double],
)


cdef inline double distance(const real* y, const real* t, real keep, real spread, real largest, Py_ssize_t m) noexcept nogil:
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
        total = folded(lane)
    for k in range(whole, m):
        total += (t[k] * keep + spread) * (largest - y[k])
    return total


cdef inline void distances(
    const real* y,
    const real* t,
    real keep,
    real spread,
    const real* largest,
    real* d,
    real* fours,
    real* total,
    Py_ssize_t rows,
    Py_ssize_t m,
) noexcept nogil:
    """For each row the sum of d = (t*keep + spread) * (largest - y); d is scratch for short rows."""
    cdef real[LANES] lane
    cdef Py_ssize_t r, j, k, width = piece(<real>0), spilling = rows_before_end(rows, m, width)
    if not are_short(m, <real>0):
        for r in range(rows):
            total[r] = <real>distance(y + r * m, t + r * m, keep, spread, largest[r], m)
        return
    for r in range(spilling):
        j = r * m
        while j < r * m + m:
            for k in range(width):
                lane[k] = (t[j + k] * keep + spread) * (largest[r] - y[j + k])
            for k in range(width):
                d[j + k] = lane[k]
            j += width
    for r in range(spilling, rows):
        for j in range(r * m, r * m + m):
            d[j] = (t[j] * keep + spread) * (largest[r] - y[j])
    rows_sum(<const real*>d, fours, total, rows, m)


cdef void categorical_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef real* fours = room + SPAN
    cdef real* largest = room + 2 * SPAN
    cdef real* total = room + 3 * SPAN
    cdef real* log_total = room + 4 * SPAN
    cdef real* away = room + 5 * SPAN
    cdef real* mass = room + 6 * SPAN
    cdef real[LANES] lane
    cdef real* e
    cdef Py_ssize_t i, j, r, k, height, spilling, width = piece(<real>0), n = a[0].shape[0], m = a[0].shape[1]
    cdef real keep = <real>(1 - s[0]), spread = <real>(s[0] / m) if m else 0
    i = 0
    while i < n and m:
        height = min(max(TILE // m, 1), n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, fours, largest, total, log_total, height, m)
        distances(y, t, keep, spread, <const real*>largest, room + 7 * SPAN, fours, away, height, m)
        rows_sum(t, fours, mass, height, m)
        for r in range(height):
            mass[r] = mass[r] * keep + spread * <real>m
            value[i + r] = w[i + r] * (mass[r] * log_total[r] + away[r])
            total[r] = mass[r] / total[r]
        spilling = rows_before_end(height, m, width)
        for r in range(spilling):
            j = r * m
            while j < r * m + m:
                for k in range(width):
                    lane[k] = w[i + r] * (total[r] * e[j + k] - (t[j + k] * keep + spread))
                for k in range(width):
                    dy[j + k] = lane[k]
                j += width
        for r in range(spilling, height):
            for j in range(r * m, r * m + m):
                dy[j] = w[i + r] * (total[r] * e[j] - (t[j] * keep + spread))
        y, t, dy, i = y + height * m, t + height * m, dy + height * m, i + height

declare(
    kernels,
    "categorical_crossentropy_from_logits",
    categorical_crossentropy_from_logits[float],
    categorical_crossentropy_from_logits[double],
)


# ---------------------------------------------------------------------------------------------------------
# One class out of m, from probabilities

cdef void categorical_terms(const real* t, real* slope, real* term, real* pull, Py_ssize_t count, real keep, real spread) noexcept nogil:
    """From probabilities in `slope`: the terms of the loss, the pulls (0 where clipped), and in `slope` pull by probability."""
    cdef Py_ssize_t k
    cdef real p, s
    for k in range(count):
        p = clipped(slope[k])
        s = t[k] * keep + spread
        term[k] = -s * vlog(p)
        pull[k] = <real>0 if vabs(slope[k] - p) > 0 else s
        slope[k] = pull[k] / p


cdef void categorical_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef real* term = room
    cdef real* pull = room + SPAN
    cdef real* fours = room + 2 * SPAN
    cdef real* total = room + 3 * SPAN
    cdef real* pulls = room + 4 * SPAN
    cdef real* sums = room + 5 * SPAN
    cdef Py_ssize_t i, j, r, k, height, width, n = a[0].shape[0], m = a[0].shape[1]
    cdef real keep = <real>(1 - s[0]), spread = <real>(s[0] / m) if m else 0
    i = 0
    while i < n and m:
        height = min(max(TILE // m, 1), n - i)
        rows_sum(y, fours, total, height, m)
        for r in range(height):
            pulls[r] = value[i + r] = 0
        j = 0
        while j < m:
            width = min(m - j, TILE)
            for r in range(height):
                for k in range(r * m + j, r * m + j + width):
                    dy[k] = y[k] / total[r]
            categorical_terms(t + j, dy + j, term, pull, height * width, keep, spread)
            rows_sum(<const real*>term, fours, sums, height, width)
            for r in range(height):
                value[i + r] += w[i + r] * sums[r]
            rows_sum(<const real*>pull, fours, sums, height, width)
            for r in range(height):
                pulls[r] += sums[r]
            j += width
        for r in range(height):
            total[r] = w[i + r] / total[r]
        for r in range(height):
            for k in range(r * m, r * m + m):
                dy[k] = total[r] * (pulls[r] - dy[k])
        y, t, dy, i = y + height * m, t + height * m, dy + height * m, i + height

declare(kernels, "categorical_crossentropy", categorical_crossentropy[float], categorical_crossentropy[double])


cdef void sparse_categorical_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, k, label, n = a[0].shape[0], m = a[0].shape[1]
    cdef real total, q, p, pull, weight
    for i in range(n if m else 0):
        label, weight = labels[i], w[i]
        if not 0 <= label < m:
            label, weight = 0, <real>NAN
        total = <real>row_sum(y, m)
        q = y[label] / total
        if label != labels[i]:
            q = <real>NAN
        p = clipped(q)
        pull = <real>0 if q < p or q > p else weight / total
        value[i] = p
        for k in range(m):
            dy[k] = pull
        dy[label] -= pull / p
        y, dy = y + m, dy + m
    for i in range(n):
        value[i] = -w[i] * vlog(value[i])

declare(kernels, "sparse_categorical_crossentropy", sparse_categorical_crossentropy[float], sparse_categorical_crossentropy[double])
