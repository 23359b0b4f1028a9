"""What metrics that are means and moments compute of a batch. Sums are in double precision, in an order that depends on sizes alone."""

from libc.stdint cimport int64_t

from classes cimport argmax
from inline cimport inline_void
from kernel cimport Array, declare
from real cimport real
from rows cimport LANES, folded, row_sum
from vmath cimport vmin


ctypedef fused number:
    float
    double


cdef inline inline_void add_weighted(const number* value, const real* w, double* sums, Py_ssize_t n) noexcept nogil:
    cdef double[LANES] lane
    cdef Py_ssize_t i, k, whole = n - n % LANES
    cdef double total
    for k in range(LANES):
        lane[k] = 0
    for i in range(n // LANES):
        for k in range(LANES):
            lane[k] += <double>value[i * LANES + k] * w[i * LANES + k]
    total = folded(lane)
    for i in range(whole, n):
        total += <double>value[i] * w[i]
    sums[0] += total
    sums[1] += row_sum(w, n)


cdef void accumulate(const Array* a, const double* s, real* room) noexcept nogil:
    add_weighted(<const double*>a[0].data, <const real*>a[1].data, <double*>a[2].data, a[0].shape[0])

declare(kernels, "accumulate", accumulate[float], accumulate[double])


cdef void accumulate_losses(const Array* a, const double* s, real* room) noexcept nogil:
    add_weighted(<const real*>a[0].data, <const real*>a[1].data, <double*>a[2].data, a[0].shape[0])

declare(kernels, "accumulate_losses", accumulate_losses[float], accumulate_losses[double])


# ---------------------------------------------------------------------------------------------------------
# Means over a sample's outputs of a rule for one y and one t

cdef inline inline_void means(double (*rule)(real, real, real) noexcept nogil, const Array* a, real parameter) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef double* value = <double*>a[2].data
    cdef double[LANES] lane
    cdef Py_ssize_t i, j, k, n = a[0].shape[0], m = a[0].shape[1], whole = m - m % LANES
    cdef double total
    if m == 1:
        for i in range(n):
            value[i] = rule(y[i], t[i], parameter)
        return
    for i in range(n):
        total = 0
        if whole:
            for k in range(LANES):
                lane[k] = 0
            for j in range(i * m, i * m + whole, 16):
                for k in range(LANES):
                    lane[k] += rule(y[j + k], t[j + k], parameter)
            total = folded(lane)
        for j in range(i * m + whole, i * m + m):
            total += rule(y[j], t[j], parameter)
        value[i] = total / <double>m


cdef inline double equal(real y, real t, real unused) noexcept nogil:
    return 1.0 if t == y else 0.0


cdef void accuracy(const Array* a, const double* s, real* room) noexcept nogil:
    means(equal[real], a, <real>0)

declare(kernels, "accuracy", accuracy[float], accuracy[double])


cdef inline double on_its_side(real y, real truth, real threshold) noexcept nogil:
    return 1.0 if truth == (<real>1 if y > threshold else <real>0) else 0.0


cdef void binary_accuracy(const Array* a, const double* s, real* room) noexcept nogil:
    means(on_its_side[real], a, <real>s[0])

declare(kernels, "binary_accuracy", binary_accuracy[float], binary_accuracy[double])


# ---------------------------------------------------------------------------------------------------------
# Where the largest stands

cdef void categorical_accuracy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef double* value = <double*>a[2].data
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0] if m else 0):
        value[i] = argmax(y + i * m, m) == argmax(t + i * m, m)

declare(kernels, "categorical_accuracy", categorical_accuracy[float], categorical_accuracy[double])


cdef void sparse_categorical_accuracy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef double* value = <double*>a[2].data
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0] if m else 0):
        value[i] = argmax(y + i * m, m) == labels[i]

declare(kernels, "sparse_categorical_accuracy", sparse_categorical_accuracy[float], sparse_categorical_accuracy[double])


cdef inline double among(const real* y, Py_ssize_t right, Py_ssize_t m, double k) noexcept nogil:
    """Whether fewer than k of y[0..m) exceed y[right]; NaN exceeds all."""
    cdef Py_ssize_t j
    cdef int above = 0
    cdef real best = y[right]
    for j in range(m):
        above += not y[j] <= best
    return above < k and above < m


cdef void top_k_categorical_accuracy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef double* value = <double*>a[2].data
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0] if m else 0):
        value[i] = among(y + i * m, argmax(t + i * m, m), m, s[0])

declare(kernels, "top_k_categorical_accuracy", top_k_categorical_accuracy[float], top_k_categorical_accuracy[double])


cdef void sparse_top_k_categorical_accuracy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef double* value = <double*>a[2].data
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        value[i] = among(y + i * m, labels[i], m, s[0]) if labels[i] >= 0 and labels[i] < m else 0

declare(kernels, "sparse_top_k_categorical_accuracy", sparse_top_k_categorical_accuracy[float], sparse_top_k_categorical_accuracy[double])


cdef void sparse_accuracy_of_sorted(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef double* value = <double*>a[2].data
    cdef Py_ssize_t i, j, m = a[0].shape[1], first = <Py_ssize_t>vmin(s[0], <double>m)
    cdef bint found
    for i in range(a[0].shape[0]):
        found = False
        for j in range(i * m, i * m + first):
            found |= y[j] == labels[i]
        value[i] = found

declare(kernels, "sparse_accuracy_of_sorted", sparse_accuracy_of_sorted[float], sparse_accuracy_of_sorted[double])


# ---------------------------------------------------------------------------------------------------------
# Sums over samples for each output: rows outside, columns inside, by blocks of columns whose sums stay in the L1 cache

cdef enum:
    BLOCK = 512


cdef inline void combine(
    const real* y,
    const real* t,
    const real* w,
    double* mean,
    double* total,
    double* residual,
    Py_ssize_t n,
    Py_ssize_t m,
    Py_ssize_t width,
    double before,
    double weight,
) noexcept nogil:
    """Combine the samples with those before, which weighed `before`, for `width` of the m outputs."""
    cdef double[BLOCK] centre
    cdef Py_ssize_t i, k
    cdef double d, share = weight / (before + weight), between = before * share
    for k in range(width):
        centre[k] = 0
    for i in range(n):
        for k in range(width):
            centre[k] += <double>w[i] * t[i * m + k]
    for k in range(width):
        centre[k] /= weight
        d = centre[k] - mean[k]
        mean[k] += d * share
        total[k] += d * d * between
    for i in range(n):
        for k in range(width):
            d = t[i * m + k] - centre[k]
            total[k] += w[i] * (d * d)
            d = <double>t[i * m + k] - <double>y[i * m + k]
            residual[k] += w[i] * (d * d)


cdef void accumulate_r2(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef double* counts = <double*>a[3].data
    cdef double* moments = <double*>a[4].data
    cdef Py_ssize_t j, n = a[0].shape[0], m = a[0].shape[1]
    cdef double weight = row_sum(w, n), before = counts[1]
    counts[0] += n
    counts[1] += weight
    if weight == 0:
        return
    for j in range(0, m, 512):
        combine(y + j, t + j, w, moments + j, moments + m + j, moments + 2 * m + j, n, m, min(m - j, BLOCK), before, weight)

declare(kernels, "accumulate_r2", accumulate_r2[float], accumulate_r2[double])
