"""Reductions of one contiguous row, in several accumulators so that they vectorise; sums in double precision."""

from real cimport real

cdef enum:
    LANES = 16
    SHORT = 32  # rows below this length are reduced side by side


cdef inline double folded(double* lane) noexcept nogil:
    """The sum of the LANES numbers in `lane`, by halves, which are whole vectors: 4 times as fast as one after the other."""
    cdef Py_ssize_t k
    for k in range(LANES // 2):
        lane[k] += lane[k + LANES // 2]
    for k in range(LANES // 4):
        lane[k] += lane[k + LANES // 4]
    return (lane[0] + lane[2]) + (lane[1] + lane[3])


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
        total = folded(lane)
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
    total = folded(lane)
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
        for k in range(LANES // 2):
            lane[k] = lane[k + LANES // 2] if lane[k + LANES // 2] > lane[k] else lane[k]
        for k in range(LANES // 4):
            lane[k] = lane[k + LANES // 4] if lane[k + LANES // 4] > lane[k] else lane[k]
        for k in range(LANES // 4):
            largest = lane[k] if lane[k] > largest else largest
    for j in range(whole, m):
        largest = x[j] if x[j] > largest else largest
    return largest


# Short rows, one after the other in memory: a loop along each costs more than its arithmetic. One flat loop first reduces every four
# neighbours, across rows too; then each row picks the fours that are its own. `fours` has room for all entries.

cdef inline void rows_max(const real* x, real* fours, real* largest, Py_ssize_t rows, Py_ssize_t m) noexcept nogil:
    """The largest of each row; NaN may be passed over or taken."""
    cdef Py_ssize_t r, j, third = min(m, 4) - 2, last = max(m - 4, 0)
    cdef real low, high
    if m < 2 or m >= SHORT:
        for r in range(rows):
            largest[r] = row_max(x + r * m, m)
        return
    for j in range(rows * m - third - 1):
        low = x[j + 1] if x[j + 1] > x[j] else x[j]
        high = x[j + third + 1] if x[j + third + 1] > x[j + third] else x[j + third]
        fours[j] = high if high > low else low
    for r in range(rows):
        high = fours[r * m + last]
        for j in range(r * m, r * m + last, 4):
            high = fours[j] if fours[j] > high else high
        largest[r] = high


cdef inline bint are_short(Py_ssize_t m, real unused) noexcept nogil:
    """Whether :func:`rows_sum` gains by fours: measured; eight doubles a vector gain less than sixteen floats."""
    if real is float:
        return 4 <= m < SHORT
    else:
        return 16 <= m < SHORT


cdef inline void rows_sum(const real* x, real* fours, real* total, Py_ssize_t rows, Py_ssize_t m) noexcept nogil:
    """The sum of each row."""
    cdef Py_ssize_t r, j, whole = m - m % 4
    cdef double sum
    if not are_short(m, <real>0):
        for r in range(rows):
            total[r] = <real>row_sum(x + r * m, m)
        return
    for j in range(rows * m - 3):
        fours[j] = (x[j] + x[j + 1]) + (x[j + 2] + x[j + 3])
    for r in range(rows):
        sum = 0
        for j in range(r * m, r * m + whole, 4):
            sum += fours[j]
        for j in range(r * m + whole, r * m + m):
            sum += x[j]
        total[r] = <real>sum


cdef inline Py_ssize_t piece(real unused) noexcept nogil:
    """How many entries of short rows are written at a time: measured, on all levels."""
    if real is float:
        return 16
    else:
        return 4


cdef inline Py_ssize_t rows_before_end(Py_ssize_t rows, Py_ssize_t m, Py_ssize_t width) noexcept nogil:
    """How many rows can be read and written in whole pieces: what spills over their end lies in the rows that follow."""
    cdef Py_ssize_t covered = (m + width - 1) // width * width
    return max(rows - (covered + m - 1) // m + 1, 0)
