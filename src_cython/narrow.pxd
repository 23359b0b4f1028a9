"""Products with a single column, and sums of columns, where a tile of gemm.pxd would use one lane of its vectors or wait for one sum.

The order of each sum depends on its length alone, so cutting rows or columns among threads changes no bit.
"""

from gemm cimport BYTES
from inline cimport inline_void
from real cimport real

cdef enum:
    ROWS = 16      # summed side by side
    CHAINS = 4     # sums that a column is computed as, so that one addition needn't wait for the last
    LANES = 16     # of the widest vector, in float32
    WIDE = 4096    # columns at a time
    FAR = 1 << 20  # bytes of a matrix beyond the second-level cache: read row by row, as no processor fetches ahead down a column
    PIECE = 4096   # bytes of a row at a time: the sums stay in the first-level cache


cdef inline void short_dots(
    Py_ssize_t n, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col, const real* b, Py_ssize_t b_row,
    real* c, Py_ssize_t c_row, const real* bias, real* room,
) noexcept nogil:
    """c (n) = a (n, k) @ b (k) + bias (1), k less than a vector: all products first, ROWS rows as k whole vectors, then each row's sum."""
    cdef real* repeated = room + ROWS * k
    cdef Py_ssize_t i, j, rows
    cdef real total, start = bias[0] if bias else 0
    for i in range(ROWS):
        for j in range(k):
            repeated[i * k + j] = b[j * b_row]
    while n > 0:
        rows = min(n, ROWS)
        if a_row == k and a_col == 1:
            for j in range(rows * k):
                room[j] = a[j] * repeated[j]
        else:
            for i in range(rows):
                for j in range(k):
                    room[i * k + j] = a[i * a_row + j * a_col] * repeated[j]
        for i in range(rows):
            total = start
            for j in range(k):
                total += room[i * k + j]
            c[i * c_row] = total
        a += rows * a_row
        c += rows * c_row
        n -= rows


cdef inline void outer(
    Py_ssize_t n, Py_ssize_t m, const real* a, Py_ssize_t a_row, const real* b, Py_ssize_t b_col, real* c, Py_ssize_t c_row, real* room
) noexcept nogil:
    """c (n, m) = a (n, 1) @ b (1, m). Short rows without gaps are written as a whole vector: what spills is overwritten by the next row."""
    cdef int lanes = BYTES // 2 // sizeof(real), j
    cdef Py_ssize_t i, q, part, columns, spilling = n - (lanes + m - 1) // m if c_row == m and m < lanes and m else 0
    for part in range((m + WIDE - 1) // WIDE):
        columns = min(WIDE, m - part * WIDE)
        for q in range(columns):
            room[q] = b[(part * WIDE + q) * b_col]
        for q in range(columns, lanes):
            room[q] = 0
        for i in range(n):
            if i < spilling:
                for j in range(lanes):
                    c[i * c_row + j] = a[i * a_row] * room[j]
            else:
                for q in range(columns):
                    c[i * c_row + part * WIDE + q] = a[i * a_row] * room[q]


cdef inline inline_void weighted_columns(
    const int vectors, Py_ssize_t n, Py_ssize_t m, const real* x, Py_ssize_t x_row, Py_ssize_t x_col,
    const real* w, Py_ssize_t w_row, real* c,
) noexcept nogil:
    """c (m) = w (n) @ x (n, m), m at most so many vectors. Rows that can't be read as whole vectors are copied first."""
    cdef real[CHAINS * 4 * LANES] sums, copied
    cdef int width = vectors * BYTES // 2 // sizeof(real), q, j
    cdef Py_ssize_t i, p
    cdef const real* row
    cdef real factor
    for j in range(CHAINS * width):
        sums[j] = copied[j] = 0
    for i in range(n // CHAINS):
        if x_col == 1 and (m == width or (n - (i + 1) * CHAINS) * x_row + m >= width):
            for q in range(CHAINS):
                row, factor = x + q * x_row, w[q * w_row]
                for j in range(width):
                    sums[q * width + j] += factor * row[j]
        else:
            for q in range(CHAINS):
                copy_row(m, x + q * x_row, x_col, copied + q * width)
            for q in range(CHAINS):
                factor = w[q * w_row]
                for j in range(width):
                    sums[q * width + j] += factor * copied[q * width + j]
        x += CHAINS * x_row
        w += CHAINS * w_row
    for i in range(n % CHAINS):
        copy_row(m, x + i * x_row, x_col, copied)
        factor = w[i * w_row]
        for j in range(width):
            sums[i * width + j] += factor * copied[j]
    for j in range(width):
        sums[j] = (sums[j] + sums[width + j]) + (sums[2 * width + j] + sums[3 * width + j])
    for p in range(m):
        c[p] = sums[p]


cdef inline void copy_row(Py_ssize_t m, const real* x, Py_ssize_t x_col, real* copied) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(m):
        copied[p] = x[p * x_col]


cdef inline void weighted_column(Py_ssize_t n, const real* x, const real* w, Py_ssize_t w_row, real* c) noexcept nogil:
    """The same for a single column without gaps, in the same order."""
    cdef real[CHAINS] sums
    cdef Py_ssize_t i, _
    cdef int q
    for q in range(CHAINS):
        sums[q] = 0
    for _ in range(n // CHAINS):
        for q in range(CHAINS):
            sums[q] += w[q * w_row] * x[q]
        x += CHAINS
        w += CHAINS * w_row
    for i in range(n % CHAINS):
        sums[i] += w[i * w_row] * x[i]
    c[0] = (sums[0] + sums[1]) + (sums[2] + sums[3])


cdef inline void weighted_rows(
    Py_ssize_t n, Py_ssize_t m, const real* x, Py_ssize_t x_row, const real* w, Py_ssize_t w_row, real* c, real* room
) noexcept nogil:
    """c (m) = w (n) @ x (n, m), row by row, with the sums in `room`."""
    cdef real* sums
    cdef const real* row
    cdef real factor
    cdef Py_ssize_t i, j
    for j in range(CHAINS * m):
        room[j] = 0
    for i in range(n):
        sums, row, factor = room + i % CHAINS * m, x + i * x_row, w[i * w_row]
        for j in range(m):
            sums[j] += factor * row[j]
    for j in range(m):
        c[j] = (room[j] + room[m + j]) + (room[2 * m + j] + room[3 * m + j])


cdef inline void weighted_sum(
    Py_ssize_t n, Py_ssize_t m, const real* x, Py_ssize_t x_row, Py_ssize_t x_col, const real* w, Py_ssize_t w_row, real* c, real* room
) noexcept nogil:
    """c (m) = w (n) @ x (n, m)."""
    cdef Py_ssize_t lanes = BYTES // 2 // sizeof(real), j = 0, width
    cdef bint far = x_col == 1 and n * m * <Py_ssize_t>sizeof(real) > FAR
    if m == 1 and x_row == 1:
        weighted_column(n, x, w, w_row, c)
        return
    while far and m - j >= 4 * lanes:
        width = min(m - j, PIECE // <Py_ssize_t>sizeof(real))
        weighted_rows(n, width, x + j, x_row, w, w_row, c + j, room)
        j += width
    while m - j >= 4 * lanes:
        weighted_columns(4, n, 4 * lanes, x + j * x_col, x_row, x_col, w, w_row, c + j)
        j += 4 * lanes
    while j < m:
        weighted_columns(1, n, min(lanes, m - j), x + j * x_col, x_row, x_col, w, w_row, c + j)
        j += lanes
