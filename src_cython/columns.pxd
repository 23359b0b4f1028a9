"""Sums of columns, of what a rule makes of entries, in double precision; each is one sum in an order that depends on n alone."""

from inline cimport inline_void
from real cimport real

cdef enum:
    COLUMNS = 256  # at a time: their sums stay in the first-level cache
    SIDE = 16      # rows of a single column that are summed side by side


cdef inline inline_void column_sums(
    real (*rule)(const real*, const real*, const real*, Py_ssize_t) noexcept nogil, const real* x, const real* y, const real* z,
    real* total, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row,
) noexcept nogil:
    """total[j] = the sum over i < n of rule(x, y, z, i * row + j), for j < m."""
    cdef double[COLUMNS] sums
    cdef Py_ssize_t i, j, start, width
    for start from 0 <= start < m by COLUMNS:
        width = min(COLUMNS, m - start)
        for j in range(width):
            sums[j] = 0
        for i in range(n):
            for j in range(width):
                sums[j] += rule(x, y, z, i * row + start + j)
        for j in range(width):
            total[start + j] = <real>sums[j]


cdef inline double single_sum(
    real (*rule)(const real*, const real*, const real*, Py_ssize_t) noexcept nogil, const real* x, const real* y, const real* z,
    Py_ssize_t n,
) noexcept nogil:
    """The sum of rule(x, y, z, i) over i < n."""
    cdef double[SIDE] lane
    cdef double total = 0
    cdef Py_ssize_t i, k, whole = n - n % SIDE
    for k in range(SIDE):
        lane[k] = 0
    for i from 0 <= i < whole by SIDE:
        for k in range(SIDE):
            lane[k] += rule(x, y, z, i + k)
    for k in range(SIDE):
        total += lane[k]
    for i in range(whole, n):
        total += rule(x, y, z, i)
    return total
