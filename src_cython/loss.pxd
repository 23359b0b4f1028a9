"""What the losses of all files share: tiles, clipping, constants along rows, and means over the outputs.

Rows are often short (10 classes, 1 output), so the costly passes (exp, log) run flat over tiles of whole rows, about
TILE numbers that stay in the L1 cache, and only cheap sums run row by row. A row longer than a tile is cut into pieces.
"""

from libc.string cimport memcpy
from kernel cimport Array
from real cimport real
from rows cimport LANES, folded, row_sum
from vmath cimport vmax, vmin

cdef enum:
    TILE = 2048
    SPAN = TILE + 2 * LANES  # from one buffer in `room` to the next: a tile, what spills over its end, and not a multiple of 4096 bytes


cdef inline real clipped(real y) noexcept nogil:
    """A probability in [1e-7, 1 - 1e-7]; NaN stays NaN."""
    return vmin(vmax(y, <real>1e-7), <real>(1.0 - 1e-7))


cdef inline const real* along(const real* constant, real* c, Py_ssize_t rows, Py_ssize_t m) noexcept nogil:
    """A constant for each column, as one for each entry of a tile: `rows` copies in `c`, or itself where a tile is part of a row."""
    cdef Py_ssize_t filled = m, count = rows * m
    if constant == NULL or m > TILE:
        return constant
    memcpy(c, constant, m * sizeof(real))
    while filled < count:
        memcpy(c + filled, c, min(filled, count - filled) * sizeof(real))
        filled += filled
    return c


cdef inline double row_product(const real *x, const real *y, Py_ssize_t m) noexcept nogil:
    """The sum of x[0..m) times y[0..m)."""
    cdef double[LANES] lane
    cdef double total = 0
    cdef Py_ssize_t j, k, whole = m - m % LANES
    if whole:
        for k in range(LANES):
            lane[k] = 0
        for j in range(m // LANES):
            for k in range(LANES):
                lane[k] += <double>x[j * LANES + k] * <double>y[j * LANES + k]
        total = folded(lane)
    for j in range(whole, m):
        total += <double>x[j] * <double>y[j]
    return total


# Sums over the outputs of a term that depends on one y and one t, times `share`. A term function writes the terms and slopes of
# `count` numbers; it is called through a pointer once a tile. c holds the constant of each entry, s the op's scalars.

cdef inline void weigh_rows(
    const real* term, real* slope, const real* w, real* value, Py_ssize_t rows, Py_ssize_t m, real share
) noexcept nogil:
    """Add each row's weighted terms to its value, and weigh its slopes; slope's rows are m apart, as term's are."""
    cdef Py_ssize_t r, k
    cdef real scale
    if m == 1:  # regression on many rows: one flat loop instead of 2 ns a row
        for r in range(rows):
            value[r] += share * w[r] * term[r]
            slope[r] *= share * w[r]
        return
    for r in range(rows):
        scale = share * w[r]
        value[r] += <real>(scale * row_sum(term + r * m, m))
        for k in range(m):
            slope[r * m + k] *= scale


cdef inline void sum_of(
    void (*terms)(const real*, const real*, const real*, real*, real*, Py_ssize_t, const double*) noexcept nogil,
    real share,
    const real* constant,
    const Array* a,
    const double* s,
    real* room,
) noexcept nogil:
    """The weighted sums and their gradients of `a`: y, t, w, value, dy."""
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, j, height, width, n = a[0].shape[0], m = a[0].shape[1]
    cdef Py_ssize_t rows = max(TILE // m, 1) if m else 1, columns = min(m, TILE)
    cdef const real* c = along(constant, room + SPAN, min(rows, n), m)
    for i in range(n):
        value[i] = 0
    i = 0
    while i < n:
        height = min(rows, n - i)
        j = 0
        while j < m:
            width = min(columns, m - j)
            terms(
                y + i * m + j, t + i * m + j, c + j if c != NULL else c, room, dy + i * m + j, height * width, s
            )
            weigh_rows(<const real*>room, dy + i * m + j, w + i, value + i, height, width, share)
            j += columns
        i += rows


cdef inline void mean_of(
    void (*terms)(const real*, const real*, const real*, real*, real*, Py_ssize_t, const double*) noexcept nogil,
    const real* constant,
    const Array* a,
    const double* s,
    real* room,
) noexcept nogil:
    """The same divided by the number of outputs."""
    cdef Py_ssize_t m = a[0].shape[1]
    sum_of[real](terms, <real>(1.0 / m) if m else <real>0, constant, a, s, room)
