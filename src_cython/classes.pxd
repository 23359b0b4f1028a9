"""Which class a row of outputs says: where its largest stands.

A row is read for its largest and again for where that stands; a wide one only once, in blocks of four times LANES, where each lane keeps
the largest that it has met and the first block where it met it: the first of the blocks that hold the row's largest is then searched. The
work depends on a row's length alone, so no branch is mispredicted. The last vector or block overlaps the one before: nothing is left over.
NaN, which comparisons pass over, shows in a sum. Lanes hold negatives where the highest is sought, as :func:`lowest_lane` compiles to few
moves.
"""

from libc.math cimport INFINITY
from real cimport real
from rows cimport LANES
from vmath cimport vmin

cdef enum:
    BLOCK = 64  # four times LANES
    WIDE = 288  # where reading a row once begins: 192 would be, but GCC unrolls loops known to be shorter than 18 steps, which is slower


cdef inline real lowest_lane(real* lane) noexcept nogil:
    """The lowest of the LANES numbers in `lane`, by halves, which are whole vectors."""
    cdef Py_ssize_t k
    for k in range(LANES // 2):
        lane[k] = lane[k + LANES // 2] if lane[k + LANES // 2] < lane[k] else lane[k]
    for k in range(LANES // 4):
        lane[k] = lane[k + LANES // 4] if lane[k + LANES // 4] < lane[k] else lane[k]
    lane[0] = lane[2] if lane[2] < lane[0] else lane[0]
    lane[1] = lane[3] if lane[3] < lane[1] else lane[1]
    return lane[1] if lane[1] < lane[0] else lane[0]


cdef inline real highest(real* negative, const real* sums) noexcept nogil:
    """The highest of the LANES numbers whose negatives are given; infinity where one in `sums` is NaN."""
    cdef Py_ssize_t k
    for k in range(LANES):
        negative[k] = negative[k] if sums[k] == sums[k] else -<real>INFINITY
    return -lowest_lane(negative)


cdef inline real largest_of_four(real x, real y, real z, real w) noexcept nogil:
    cdef real first = x if x > y else y
    cdef real second = z if z > w else w
    return first if first > second else second


cdef inline Py_ssize_t first_equal(const real* x, Py_ssize_t m, real value) noexcept nogil:
    """Where the first of x[0..m) stands that is `value`, m >= LANES."""
    cdef real[LANES] lane
    cdef Py_ssize_t j, start
    cdef int k
    cdef real before, none = <real>m
    for k in range(LANES):
        lane[k] = none
    for j from 0 <= j < m by LANES:
        start = min(j, m - LANES)
        before = <real>start
        for k in range(LANES):
            lane[k] = vmin[real](lane[k], before + <real>k if x[start + k] == value else none)
    return <Py_ssize_t>lowest_lane(lane)


cdef inline Py_ssize_t argmax_one_by_one(const real* x, Py_ssize_t m) noexcept nogil:
    """The same one after the other: for rows shorter than LANES, and those that hold infinity or NaN."""
    cdef Py_ssize_t k, best = 0
    cdef bint better
    cdef real largest = x[0]
    for k in range(1, m):
        better = (x[k] > largest) | ((x[k] != x[k]) & (largest == largest))
        best = k if better else best
        largest = x[k] if better else largest
    return best


cdef inline Py_ssize_t argmax_of_narrow(const real* x, Py_ssize_t m) noexcept nogil:
    """The same of a row of LANES or more, read twice: for its largest, and for where that is."""
    cdef real[LANES] negative, sums
    cdef Py_ssize_t j, k, start
    cdef real top
    for k in range(LANES):
        negative[k], sums[k] = -x[k], x[k]
    for j from LANES <= j < m by LANES:
        start = min(j, m - LANES)
        for k in range(LANES):
            negative[k] = vmin[real](negative[k], -x[start + k])
            sums[k] += x[start + k]
    top = highest(negative, sums)
    if top == <real>INFINITY:
        return argmax_one_by_one(x, m)
    return first_equal(x, m, top)


cdef inline Py_ssize_t argmax_of_wide(const real* x, Py_ssize_t m) noexcept nogil:
    """The same of a row of BLOCK or more, read once: for the largest of each lane and the first block that holds it."""
    cdef real[LANES] largest, negative, sums, block
    cdef Py_ssize_t b, k, start
    cdef real top, number = 0
    for k in range(LANES):
        largest[k], sums[k], block[k] = -<real>INFINITY, 0, 0
    for b in range((m + BLOCK - 1) // BLOCK):
        start = min(b * BLOCK, m - BLOCK)
        for k in range(LANES):
            top = largest_of_four[real](x[start + k], x[start + k + LANES], x[start + k + 2 * LANES], x[start + k + 3 * LANES])
            sums[k] += (x[start + k] + x[start + k + LANES]) + (x[start + k + 2 * LANES] + x[start + k + 3 * LANES])
            block[k] += (number - block[k]) * <real>(top > largest[k])  # GCC makes a branch of a condition
            largest[k] = top if top > largest[k] else largest[k]
        number += 1
    for k in range(LANES):
        negative[k] = -largest[k]
    top = highest(negative, sums)
    if top == <real>INFINITY:
        return argmax_one_by_one(x, m)
    for k in range(LANES):
        block[k] = block[k] if largest[k] == top else number
    start = min(<Py_ssize_t>lowest_lane(block) * BLOCK, m - BLOCK)
    return start + first_equal(x + start, BLOCK, top)


cdef inline Py_ssize_t argmax(const real* x, Py_ssize_t m) noexcept nogil:
    """Where the first of the largest of x[0..m) stands, m >= 1; NaN counts as the largest."""
    if m < LANES:
        return argmax_one_by_one(x, m)
    return argmax_of_narrow(x, m) if m < WIDE else argmax_of_wide(x, m)
