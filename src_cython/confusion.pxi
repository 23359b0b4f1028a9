"""What metrics that count right and wrong classes compute of a batch; counts are sums of weights in double precision."""

from libc.math cimport INFINITY, NAN
from libc.stdint cimport int64_t

from classes cimport argmax
from kernel cimport ROWS, Array, declare
from real cimport real
from rows cimport LANES
from vmath cimport vabs, vmin


# ---------------------------------------------------------------------------------------------------------
# Counts between thresholds

cdef inline Py_ssize_t edges_below(const double* edges, Py_ssize_t count, double y) noexcept nogil:
    """How many of the sorted edges lie below y, by halves and without branches."""
    cdef Py_ssize_t below = 0, half
    while count > 0:
        half = count - count // 2
        below += half if edges[below + half - 1] < y else 0
        count -= half
    return below


cdef void accumulate_thresholds(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* truth = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef const double* edges = <const double*>a[3].data
    cdef double* counts = <double*>a[4].data
    cdef double* faults = <double*>a[5].data
    cdef Py_ssize_t i, j, n = a[0].shape[0], m = a[0].shape[1], inner = a[3].shape[0] - 1
    cdef Py_ssize_t y_row = a[0].stride[0], truth_row = a[1].stride[0], below = a[4].stride[0]
    cdef double* row
    cdef real p, t
    for i in range(n if inner >= 0 else 0):
        for j in range(m):
            p = y[i * y_row + j]
            t = truth[i * truth_row + j]
            if p < s[0] or p > s[1]:
                faults[1] += 1
            if t == 1:
                row = counts
            elif t == 0:
                row = counts + below
            else:
                faults[0] += 1
                continue
            if p >= s[0] and p <= s[1]:
                row[edges_below(edges, inner, p)] += w[i]
            elif p != p:
                row[inner] = NAN

declare(kernels, "accumulate_thresholds", accumulate_thresholds[float], accumulate_thresholds[double], ROWS)


cdef inline real largest_below(const real* y, Py_ssize_t m, real limit, bint any_of) noexcept nogil:
    """The largest of y[0..m) below the limit, or of all; -inf when there is none, NaN is passed over."""
    cdef real[LANES] lane
    cdef real largest = -<real>INFINITY, x
    cdef Py_ssize_t j, k, whole = m - m % LANES
    for k in range(LANES):
        lane[k] = largest
    for j in range(0, whole, 16):
        for k in range(LANES):
            x = y[j + k] if any_of | (y[j + k] < limit) else -<real>INFINITY
            lane[k] = x if x > lane[k] else lane[k]
    for k in range(LANES):
        largest = lane[k] if lane[k] > largest else largest
    for j in range(whole, m):
        largest = y[j] if (any_of | (y[j] < limit)) and y[j] > largest else largest
    return largest


cdef inline Py_ssize_t equal_to(const real* y, Py_ssize_t m, real x) noexcept nogil:
    """How many of y[0..m) equal x."""
    cdef Py_ssize_t j
    cdef int equal = 0
    for j in range(m):
        equal += y[j] == x
    return equal


cdef inline void keep_largest(const real* y, real* kept, Py_ssize_t m, Py_ssize_t k) noexcept nogil:
    """Lower a limit from one value to the next until k entries reach it; of those equal to it only the first may be kept."""
    cdef real limit = largest_below(y, m, <real>0, True)
    cdef Py_ssize_t j, equal = equal_to(y, m, limit)
    while equal < k and limit > -<real>INFINITY:
        k -= equal
        limit = largest_below(y, m, limit, False)
        equal = equal_to(y, m, limit)
    for j in range(m):
        kept[j] = -<real>INFINITY if y[j] < limit else y[j]
    for j in range(m if equal > k else 0):
        if y[j] == limit:
            k -= 1
            if k < 0:
                kept[j] = -<real>INFINITY


cdef void keep_top_k(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef real* kept = <real*>a[1].data
    cdef Py_ssize_t i, m = a[0].shape[1], k = <Py_ssize_t>vmin(s[0], <double>m)
    for i in range(a[0].shape[0]):
        keep_largest(y + i * m, kept + i * m, m, k)

declare(kernels, "keep_top_k", keep_top_k[float], keep_top_k[double])


# ---------------------------------------------------------------------------------------------------------
# Hits of each output: rows outside, columns inside

cdef void ones_at_largest(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef real* p = <real*>a[1].data
    cdef Py_ssize_t i, j, m = a[0].shape[1]
    cdef real largest
    for i in range(a[0].shape[0] if m else 0):
        largest = y[i * m + argmax(y + i * m, m)]
        for j in range(i * m, i * m + m):
            p[j] = <real>1 if (y[j] >= largest) & (vabs(y[j]) > <real>1e-9) else <real>0

declare(kernels, "ones_at_largest", ones_at_largest[float], ones_at_largest[double])


cdef void ones_above(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef real* p = <real*>a[1].data
    cdef Py_ssize_t i
    cdef real threshold = <real>s[0]
    for i in range(a[0].shape[0] * a[0].shape[1]):
        p[i] = <real>1 if y[i] > threshold else <real>0

declare(kernels, "ones_above", ones_above[float], ones_above[double])


cdef void accumulate_hits(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* p = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef double* both = <double*>a[3].data
    cdef Py_ssize_t i, j, m = a[0].shape[1]
    cdef double* predicted = both + m
    cdef double* true = predicted + m
    cdef double weight
    for i in range(a[0].shape[0]):
        weight = w[i]
        for j in range(m):
            both[j] += weight * (<double>p[i * m + j] * t[i * m + j])
            predicted[j] += weight * p[i * m + j]
            true[j] += weight * t[i * m + j]

declare(kernels, "accumulate_hits", accumulate_hits[float], accumulate_hits[double])


# ---------------------------------------------------------------------------------------------------------
# Classes, and which was taken for which

cdef void largest_class(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef int64_t* classes = <int64_t*>a[1].data
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0] if m else 0):
        classes[i] = argmax(y + i * m, m)

declare(kernels, "largest_class", largest_class[float], largest_class[double])


cdef void class_from_threshold(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef int64_t* classes = <int64_t*>a[1].data
    cdef Py_ssize_t i
    cdef real threshold = <real>s[0]
    for i in range(a[0].shape[0] * a[0].shape[1]):
        classes[i] = y[i] >= threshold

declare(kernels, "class_from_threshold", class_from_threshold[float], class_from_threshold[double])


cdef void class_numbers(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef int64_t* classes = <int64_t*>a[1].data
    cdef Py_ssize_t i
    cdef real known
    for i in range(a[0].shape[0] * a[0].shape[1]):
        known = y[i] if (y[i] >= 0) & (y[i] < <real>2147483648.0) else <real>-1
        classes[i] = <int64_t>known

declare(kernels, "class_numbers", class_numbers[float], class_numbers[double])


cdef void accumulate_confusion(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const int64_t* truth = <const int64_t*>a[0].data
    cdef const int64_t* classes = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef double* matrix = <double*>a[3].data
    cdef Py_ssize_t i, j, m = a[0].shape[1], size = a[3].shape[0]
    cdef int64_t t, p, ignored = <int64_t>s[0]
    for i in range(a[0].shape[0]):
        for j in range(i * m, i * m + m):
            t = truth[j]
            p = classes[j]
            if t >= 0 and t < size and p >= 0 and p < size and t != ignored:
                matrix[t * size + p] += w[i]

declare(kernels, "accumulate_confusion", accumulate_confusion[float], accumulate_confusion[double])
