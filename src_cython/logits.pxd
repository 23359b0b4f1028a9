"""What the losses of one class out of m share on logits.

Loops along rows go in whole pieces of `width`, row after row: what spills over into the next row is written again with that row. Only the
last rows of a tile, which would spill over its end, go entry by entry.
"""

from real cimport real
from rows cimport LANES, piece, rows_before_end, rows_max, rows_sum
from vmath cimport exp_negative, vlog


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
