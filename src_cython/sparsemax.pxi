"""Sparsemax: the nearest point of the probability simplex. Every kernel may work in place (a is z, dz is da)."""

from kernel cimport Array, declare
from real cimport real
from rows cimport LANES, folded, row_max
from vmath cimport vmax


cdef inline double above(const real* x, const real* support, double shift, double bound, Py_ssize_t m, double* count) noexcept nogil:
    """The sum of x - shift where support - shift > bound, and how many these are; NaN counts."""
    cdef double[LANES] lane
    cdef double[LANES] number
    cdef double total = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    cdef bint below
    count[0] = 0
    if whole:
        for k in range(LANES):
            lane[k] = number[k] = 0
        for j in range(m // LANES):
            for k in range(LANES):
                below = support[j * LANES + k] - shift <= bound
                lane[k] += 0 if below else x[j * LANES + k] - shift
                number[k] += 0 if below else 1
        total, count[0] = folded(lane), folded(number)
    for j in range(whole, m):
        below = support[j] - shift <= bound
        total += 0 if below else x[j] - shift
        count[0] += 0 if below else 1
    return total


cdef inline double simplex_threshold(const real* z, double largest, Py_ssize_t m) noexcept nogil:
    """The t with sum(max(z - largest - t, 0)) = 1, by Newton's method from below.

    The sum is convex and falls in t, so no step passes the root, and each gives up entries for good: it ends exactly, mostly within five
    steps (Michelot 1986), where sorting would take as many passes and memory.
    """
    cdef double t = -1, before = 0, count = 0, total
    while True:
        total = above[real](z, z, largest, t, m, &count)
        if count == before or count == 0:
            return t
        before, t = count, (total - 1) / count


cdef void sparsemax(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>arrays[0].data
    cdef real* a = <real*>arrays[1].data
    cdef Py_ssize_t i, j, m = arrays[0].shape[1]
    cdef double largest, t
    for i in range(arrays[0].shape[0] if m else 0):
        largest = row_max[real](z + i * m, m)
        t = simplex_threshold[real](z + i * m, largest, m)
        for j in range(m):
            a[i * m + j] = <real>vmax[double]((z[i * m + j] - largest) - t, 0)

declare(kernels, "sparsemax", sparsemax[float], sparsemax[double])


cdef void sparsemax_backward(const Array* arrays, const double* s, real* room) noexcept nogil:
    cdef const real* a = <const real*>arrays[1].data
    cdef const real* da = <const real*>arrays[2].data
    cdef real* dz = <real*>arrays[3].data
    cdef Py_ssize_t i, j, m = arrays[0].shape[1]
    cdef double count = 0, total
    cdef real mean
    for i in range(arrays[0].shape[0]):
        total = above[real](da + i * m, a + i * m, 0, 0, m, &count)
        mean = <real>(total / count) if count > 0 else <real>0
        for j in range(m):
            dz[i * m + j] = <real>0 if a[i * m + j] <= 0 else da[i * m + j] - mean

declare(kernels, "sparsemax_backward", sparsemax_backward[float], sparsemax_backward[double])
