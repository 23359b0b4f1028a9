"""Which class a row of outputs says: where its largest stands.

A row of several vectors is read twice: for its largest and for NaN, then up to the first entry that isn't below. Keeping each lane's
position while looking for the largest took twice as long, as GCC doesn't vectorise it.
"""

from libc.math cimport INFINITY
from real cimport real
from rows cimport LANES

cdef enum:
    BLOCK = 64


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


cdef inline real highest(const real* x, Py_ssize_t m) noexcept nogil:
    """The largest of x[0..m), or NaN where there is one."""
    cdef real[LANES] negative, nan
    cdef real largest, odd = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    for k in range(LANES):
        negative[k] = <real>INFINITY
        nan[k] = 0
    for j in range(0, whole, 16):
        for k in range(LANES):
            negative[k] = -x[j + k] if -x[j + k] < negative[k] else negative[k]
            nan[k] = x[j + k] if x[j + k] != x[j + k] else nan[k]
    for k in range(LANES // 2):
        nan[k] += nan[k + LANES // 2]
    for k in range(LANES // 2):
        odd += nan[k]
    largest = -lowest_lane(negative)
    for j in range(whole, m):
        largest = x[j] if x[j] > largest else largest
        odd = x[j] if x[j] != x[j] else odd
    return odd if odd != odd else largest


cdef inline bint reaches(const real* x, real limit) noexcept nogil:
    """Whether one of the BLOCK numbers in x isn't below the limit."""
    cdef real[LANES] lane
    cdef Py_ssize_t j, k
    for k in range(LANES):
        lane[k] = 0
    for j in range(0, BLOCK, 16):
        for k in range(LANES):
            lane[k] = lane[k] if x[j + k] < limit else <real>-1
    return lowest_lane(lane) < 0


cdef inline Py_ssize_t first_reaching(const real* x, real limit) noexcept nogil:
    """Where the first of the LANES numbers in x stands that isn't below the limit; LANES when there is none."""
    cdef real[LANES] lane
    cdef Py_ssize_t k
    for k in range(LANES):
        lane[k] = <real>LANES if x[k] < limit else <real>k
    return <Py_ssize_t>lowest_lane(lane)


cdef inline Py_ssize_t argmax_of_short(const real* x, Py_ssize_t m) noexcept nogil:
    """The same of a row shorter than a vector, without branches, which would be mispredicted."""
    cdef Py_ssize_t k, best = 0
    cdef bint better
    cdef real largest = x[0]
    for k in range(1, m):
        better = (x[k] > largest) | ((x[k] != x[k]) & (largest == largest))
        best = k if better else best
        largest = x[k] if better else largest
    return best


cdef inline Py_ssize_t argmax(const real* x, Py_ssize_t m) noexcept nogil:
    """Where the first of the largest of x[0..m) stands, m >= 1; NaN counts as the largest."""
    cdef Py_ssize_t best = 0, ahead
    cdef real largest
    if m < LANES:
        return argmax_of_short(x, m)
    largest = highest(x, m)
    if largest != largest:
        while x[best] == x[best]:
            best += 1
        return best
    while best + BLOCK <= m and not reaches(x + best, largest):
        best += BLOCK
    while best + LANES <= m:
        ahead = first_reaching(x + best, largest)
        if ahead < LANES:
            return best + ahead
        best += LANES
    while x[best] < largest:
        best += 1
    return best
