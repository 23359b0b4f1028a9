"""What metrics compute of a batch. All sums are in double precision, in an order that depends on the sizes alone."""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from inline cimport inline_void
from kernel cimport Array, declare
from real cimport real
from rows cimport LANES, folded, row_max, row_sum
from vmath cimport vabs

kernels = {}


cdef void accumulate(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const double* value = <const double*>a[0].data
    cdef const real* w = <const real*>a[1].data
    cdef double* sums = <double*>a[2].data
    cdef double[LANES] lane
    cdef Py_ssize_t i, k, n = a[0].shape[0], whole = n - n % LANES
    cdef double total
    for k in range(LANES):
        lane[k] = 0
    for i in range(n // LANES):
        for k in range(LANES):
            lane[k] += value[i * LANES + k] * w[i * LANES + k]
    total = folded(lane)
    for i in range(whole, n):
        total += value[i] * w[i]
    sums[0] += total
    sums[1] += row_sum(w, n)

declare(kernels, "accumulate", accumulate[float], accumulate[double])


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


cdef inline double squared(real y, real t, real unused) noexcept nogil:
    return (<double>y - <double>t) * (<double>y - <double>t)


cdef void squared_error(const Array* a, const double* s, real* room) noexcept nogil:
    means(squared[real], a, <real>0)

declare(kernels, "squared_error", squared_error[float], squared_error[double])


cdef inline double absolute(real y, real t, real unused) noexcept nogil:
    return vabs(<double>y - <double>t)


cdef void absolute_error(const Array* a, const double* s, real* room) noexcept nogil:
    means(absolute[real], a, <real>0)

declare(kernels, "absolute_error", absolute_error[float], absolute_error[double])


# ---------------------------------------------------------------------------------------------------------
# Where the largest stands

cdef inline Py_ssize_t argmax(const real* x, Py_ssize_t m) noexcept nogil:
    """Where the first of the largest of x[0..m) stands, m >= 1; NaN counts as the largest."""
    cdef Py_ssize_t k, best = 0
    cdef bint odd = False, better
    cdef real largest = x[0]
    if m < LANES:  # without branches, which would be mispredicted
        for k in range(1, m):
            better = (x[k] > largest) | ((x[k] != x[k]) & (largest == largest))
            best = k if better else best
            largest = x[k] if better else largest
        return best
    for k in range(m):
        odd |= x[k] != x[k]
    if odd:
        while x[best] == x[best]:
            best += 1
        return best
    largest = row_max(x, m)
    while x[best] < largest:
        best += 1
    return best


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


cdef inline Py_ssize_t edges_below(const double* edges, Py_ssize_t count, double y) noexcept nogil:
    """How many of the sorted edges lie below y, by halves and without branches."""
    cdef Py_ssize_t below = 0, half
    while count > 0:
        half = count - count // 2
        below += half if edges[below + half - 1] < y else 0
        count -= half
    return below


cdef void accumulate_auc(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* truth = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef const double* edges = <const double*>a[3].data
    cdef double* counts = <double*>a[4].data
    cdef double* faults = <double*>a[5].data
    cdef Py_ssize_t i, j, n = a[0].shape[0], m = a[0].shape[1], inner = a[3].shape[0] - 1
    cdef double* row
    for i in range(n if inner >= 0 else 0):
        for j in range(i * m, i * m + m):
            if y[j] < s[0] or y[j] > s[1]:
                faults[1] += 1
            if truth[j] == 1:
                row = counts
            elif truth[j] == 0:
                row = counts + inner + 1
            else:
                faults[0] += 1
                continue
            if y[j] >= s[0] and y[j] <= s[1]:
                row[edges_below(edges, inner, y[j])] += w[i]
            elif y[j] != y[j]:
                row[inner] = NAN

declare(kernels, "accumulate_auc", accumulate_auc[float], accumulate_auc[double])
