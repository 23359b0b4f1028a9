"""Which class a row of outputs says."""

from real cimport real
from rows cimport LANES, row_max


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
