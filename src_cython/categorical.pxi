"""Crossentropies of one class out of m, given one-hot or as shares, and their gradients, in one call.

A target's share with its smoothing and the weight of its class is `aim`. The gradient by logits is always (sum of pulls) * p - pull, by
probabilities ((sum of pulls) - pull / p) / total; plain crossentropies pull by their aims, focal ones by less where p is large.
"""

from kernel cimport Array, declare
from logits cimport exponentials
from loss cimport SPAN, TILE, along, clipped
from real cimport real
from rows cimport LANES, piece, row_sum, rows_before_end, rows_sum
from vmath cimport vabs, vexp, vlog, vmax


cdef inline void aims(const real* t, const real* c, real* aim, Py_ssize_t count, real keep, real spread) noexcept nogil:
    """The aim of each entry, c being the weight of its class."""
    cdef Py_ssize_t k
    for k in range(count):
        aim[k] = c[k] * (t[k] * keep + spread)


# ---------------------------------------------------------------------------------------------------------
# From logits

cdef inline void distances(
    const real* y,
    const real* t,
    const real* c,
    real keep,
    real spread,
    const real* largest,
    real* aim,
    real* d,
    Py_ssize_t rows,
    Py_ssize_t m,
) noexcept nogil:
    """The aims, and d = aim * (largest - y)."""
    cdef real[LANES] lane
    cdef real[LANES] far
    cdef Py_ssize_t r, j, k, width = piece(<real>0), spilling = rows_before_end(rows, m, width)
    for r in range(spilling):
        j = r * m
        while j < r * m + m:
            for k in range(width):
                lane[k] = c[j + k] * (t[j + k] * keep + spread)
                far[k] = lane[k] * (largest[r] - y[j + k])
            for k in range(width):
                aim[j + k] = lane[k]
            for k in range(width):
                d[j + k] = far[k]
            j += width
    for r in range(spilling, rows):
        for j in range(r * m, r * m + m):
            aim[j] = c[j] * (t[j] * keep + spread)
            d[j] = aim[j] * (largest[r] - y[j])


cdef inline void fall(
    const real* e, const real* pull, const real* w, const real* share, real* dy, Py_ssize_t rows, Py_ssize_t m
) noexcept nogil:
    """The gradient w * (share * e - pull), share being a row's sum of pulls by its sum of e."""
    cdef real[LANES] lane
    cdef Py_ssize_t r, j, k, width = piece(<real>0), spilling = rows_before_end(rows, m, width)
    for r in range(spilling):
        j = r * m
        while j < r * m + m:
            for k in range(width):
                lane[k] = w[r] * (share[r] * e[j + k] - pull[j + k])
            for k in range(width):
                dy[j + k] = lane[k]
            j += width
    for r in range(spilling, rows):
        for j in range(r * m, r * m + m):
            dy[j] = w[r] * (share[r] * e[j] - pull[j])


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
    cdef real* d = room + 7 * SPAN
    cdef real* aim = room + 8 * SPAN
    cdef real* sums = room + 10 * SPAN
    cdef real* e
    cdef Py_ssize_t i, j, r, height, width, n = a[0].shape[0], m = a[0].shape[1]
    cdef Py_ssize_t rows = max(TILE // m, 1) if m else 1
    cdef real keep = <real>(1 - s[0]), spread = <real>(s[0] / m) if m else <real>0
    cdef const real* c = along(<const real*>a[5].data, room + 9 * SPAN, min(rows, n), m)
    i = 0
    while i < n and m:
        height = min(rows, n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, fours, largest, total, log_total, height, m)
        for r in range(height):
            away[r] = mass[r] = 0
        j = 0
        while j < m:
            width = min(m - j, TILE)
            distances(y + j, t + j, c + j, keep, spread, <const real*>largest, aim, d, height, width)
            rows_sum(<const real*>d, fours, sums, height, width)
            for r in range(height):
                away[r] += sums[r]
            rows_sum(<const real*>aim, fours, sums, height, width)
            for r in range(height):
                mass[r] += sums[r]
            j += width
        for r in range(height):
            value[i + r] = w[i + r] * (mass[r] * log_total[r] + away[r])
            total[r] = mass[r] / total[r]
        j = 0
        while j < m:
            width = min(m - j, TILE)
            if m > TILE:
                aims(t + j, c + j, aim, width, keep, spread)
            fall(<const real*>(e + j), <const real*>aim, w + i, <const real*>total, dy + j, height, width)
            j += width
        y, t, dy, i = y + height * m, t + height * m, dy + height * m, i + height

declare(
    kernels,
    "categorical_crossentropy_from_logits",
    categorical_crossentropy_from_logits[float],
    categorical_crossentropy_from_logits[double],
)


# ---------------------------------------------------------------------------------------------------------
# From probabilities: a term function turns aims into pulls, and probabilities in `slope` into pull by probability.

cdef inline void from_probabilities(
    void (*terms)(real*, real*, real*, Py_ssize_t, const double*) noexcept nogil,
    double smoothing,
    const Array* a,
    const double* s,
    real* room,
) noexcept nogil:
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
    cdef Py_ssize_t rows = max(TILE // m, 1) if m else 1
    cdef real keep = <real>(1 - smoothing), spread = <real>(smoothing / m) if m else <real>0
    cdef const real* c = along(<const real*>a[5].data, room + 6 * SPAN, min(rows, n), m)
    i = 0
    while i < n and m:
        height = min(rows, n - i)
        rows_sum(y, fours, total, height, m)
        for r in range(height):
            pulls[r] = value[i + r] = 0
        j = 0
        while j < m:
            width = min(m - j, TILE)
            for r in range(height):
                for k in range(r * m + j, r * m + j + width):
                    dy[k] = y[k] / total[r]
            aims(t + j, c + j, pull, height * width, keep, spread)
            terms(pull, dy + j, term, height * width, s)
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


cdef void entropy_terms(real* pull, real* slope, real* term, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p
    for k in range(count):
        p = clipped(slope[k])
        term[k] = -pull[k] * vlog(p)
        pull[k] = <real>0 if vabs(slope[k] - p) > <real>0 else pull[k]
        slope[k] = pull[k] / p


cdef void categorical_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    from_probabilities[real](entropy_terms[real], s[0], a, s, room)

declare(kernels, "categorical_crossentropy", categorical_crossentropy[float], categorical_crossentropy[double])


# ---------------------------------------------------------------------------------------------------------
# Focal

cdef inline void focus(real p, real log_p, real gamma, real* aim, real* term) noexcept nogil:
    """From an aim to its term -aim * (1 - p)**gamma * log p, and to its pull, p times the term's slope by p with its sign turned."""
    cdef real u = vmax(<real>1 - p, <real>1e-30)
    cdef real scale = aim[0] * vexp(gamma * vlog(u))
    term[0] = -scale * log_p
    aim[0] = scale + gamma * p * term[0] / u


cdef void focal_terms(real* pull, real* slope, real* term, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p, gamma = <real>s[0]
    for k in range(count):
        p = clipped(slope[k])
        focus(p, vlog(p), gamma, pull + k, term + k)
        pull[k] = <real>0 if vabs(slope[k] - p) > <real>0 else pull[k]
        slope[k] = pull[k] / p


cdef void categorical_focal_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    from_probabilities[real](focal_terms[real], s[1], a, s, room)

declare(kernels, "categorical_focal_crossentropy", categorical_focal_crossentropy[float], categorical_focal_crossentropy[double])


cdef inline void focal_pulls(
    const real* y, const real* e, real largest, real total, real log_total, real gamma, real* aim, real* term, Py_ssize_t count
) noexcept nogil:
    """Terms and pulls of a piece of one row, from its exponentials."""
    cdef Py_ssize_t k
    for k in range(count):
        focus(e[k] / total, (y[k] - largest) - log_total, gamma, aim + k, term + k)


cdef void categorical_focal_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef real* fours = room + SPAN
    cdef real* largest = room + 2 * SPAN
    cdef real* total = room + 3 * SPAN
    cdef real* log_total = room + 4 * SPAN
    cdef real* pull = room + 5 * SPAN
    cdef real* term = room + 6 * SPAN
    cdef real pulls
    cdef real* e
    cdef double sum
    cdef Py_ssize_t i, j, r, k, height, width, n = a[0].shape[0], m = a[0].shape[1]
    cdef Py_ssize_t rows = max(TILE // m, 1) if m else 1
    cdef real gamma = <real>s[0], keep = <real>(1 - s[1]), spread = <real>(s[1] / m) if m else <real>0
    cdef const real* alpha = <const real*>a[5].data
    i = 0
    while i < n and m:
        height = min(rows, n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, fours, largest, total, log_total, height, m)
        for r in range(height):
            sum = 0
            pulls = 0
            j = 0
            while j < m:
                width = min(m - j, TILE)
                aims(t + r * m + j, alpha + j, pull, width, keep, spread)
                focal_pulls(y + r * m + j, <const real*>(e + r * m + j), largest[r], total[r], log_total[r], gamma, pull, term, width)
                sum += row_sum(<const real*>term, width)
                pulls += <real>row_sum(<const real*>pull, width)
                j += width
            value[i + r] = w[i + r] * <real>sum
            pulls /= total[r]
            j = 0
            while j < m:
                width = min(m - j, TILE)
                if m > TILE:
                    aims(t + r * m + j, alpha + j, pull, width, keep, spread)
                    focal_pulls(y + r * m + j, <const real*>(e + r * m + j), largest[r], total[r], log_total[r], gamma, pull, term, width)
                for k in range(width):
                    dy[r * m + j + k] = w[i + r] * (pulls * e[r * m + j + k] - pull[k])
                j += width
        y, t, dy, i = y + height * m, t + height * m, dy + height * m, i + height

declare(
    kernels,
    "categorical_focal_crossentropy_from_logits",
    categorical_focal_crossentropy_from_logits[float],
    categorical_focal_crossentropy_from_logits[double],
)
