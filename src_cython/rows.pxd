"""Reductions of one contiguous row, in several accumulators so that they vectorise; sums in double precision."""

from real cimport real

cdef enum:
    LANES = 16


cdef inline double row_sum(const real *x, Py_ssize_t m) noexcept nogil:
    """The sum of x[0..m)."""
    cdef double[LANES] lane
    cdef double total = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    if whole:
        for k in range(LANES):
            lane[k] = 0
        for j in range(m // LANES):
            for k in range(LANES):
                lane[k] += x[j * LANES + k]
        for k in range(LANES):
            total += lane[k]
    for j in range(whole, m):
        total += x[j]
    return total


cdef inline double row_sum_of_squares(const real *x, Py_ssize_t m, double scale) noexcept nogil:
    """The sum of (scale * x[0..m))**2."""
    cdef double[LANES] lane
    cdef double total = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    for k in range(LANES):
        lane[k] = 0
    for j in range(m // LANES):
        for k in range(LANES):
            lane[k] += (scale * x[j * LANES + k]) * (scale * x[j * LANES + k])
    for k in range(LANES):
        total += lane[k]
    for j in range(whole, m):
        total += (scale * x[j]) * (scale * x[j])
    return total


cdef inline real row_max(const real *x, Py_ssize_t m) noexcept nogil:
    """The largest of x[0..m), m >= 1; NaN is passed over."""
    cdef real[LANES] lane
    cdef real largest = x[0]
    cdef Py_ssize_t j, k, whole = m - m % LANES
    if whole:
        for k in range(LANES):
            lane[k] = x[k]
        for j in range(1, m // LANES):
            for k in range(LANES):
                lane[k] = x[j * LANES + k] if x[j * LANES + k] > lane[k] else lane[k]
        for k in range(LANES):
            largest = lane[k] if lane[k] > largest else largest
    for j in range(whole, m):
        largest = x[j] if x[j] > largest else largest
    return largest
