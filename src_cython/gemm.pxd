"""Matrix product of small register tiles, for every layout of its operands.

C (n, m) = A (n, k) @ B (k, m) [+ bias (m)], C's rows contiguous, A and B with any strides, counted in elements.

A tile of C, `rows` x `vectors` registers, stays in registers while k runs: GCC keeps a fixed-size local array there as
long as every bound is a constant, so `tile` is inlined once for each size. Row counts are shared out evenly (64 rows are
4 tiles of 11 and 2 of 10, not 5 of 12 and a slow rest). k is cut into blocks; for each, a panel of B as wide as the tile is
read in place where its rows are contiguous and near to each other, or else copied to the stack, zero-padded at the
edge. So one inner loop serves the three products of a layer, all edges and all strides.

Each element of C is one sum in the order of k, whatever its neighbours: sharing rows or columns among threads changes
no bit.
"""

from inline cimport inline_void
from real cimport real


cdef extern from *:
    """
    /* rows x (2 vectors of `bytes`/2) accumulators: 24 of 32 registers, 12 of 16. */
    #if defined(__AVX512F__)
      enum { FASTNN_ROWS = 12, FASTNN_BYTES = 128 };
    #elif defined(__AVX__)
      enum { FASTNN_ROWS = 6, FASTNN_BYTES = 64 };
    #elif defined(__aarch64__)
      enum { FASTNN_ROWS = 10, FASTNN_BYTES = 32 };
    #else
      enum { FASTNN_ROWS = 6, FASTNN_BYTES = 32 };
    #endif
    """
    enum:
        ROWS "FASTNN_ROWS"
        BYTES "FASTNN_BYTES"

cdef enum:
    FLOATS = 32   # room for the widest tile's row in float32
    DEPTH = 384   # k a block: DEPTH x FLOATS float32 are 48 kB, the first-level cache
    BLOCK = 480   # rows a block: BLOCK x DEPTH float32 are 720 kB, within the second-level cache
    NEAR = 512    # elements from one row of B to the next up to which it is read in place


cdef inline inline_void tile(
    const int rows, const int width, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, bint add, const real* bias,
) noexcept nogil:
    """c (rows, width) = [c +] a (rows, k) @ b (k, width) [+ bias]; rows and width are literals where it is called."""
    cdef real[12][FLOATS] sums
    cdef Py_ssize_t _
    cdef int i, j
    cdef real x
    for i in range(rows):
        for j in range(width):
            sums[i][j] = 0
    for _ in range(k):
        for i in range(rows):
            x = a[i * a_row]
            for j in range(width):
                sums[i][j] += x * b[j]
        a += a_col
        b += b_row
    if add:
        for i in range(rows):
            for j in range(width):
                sums[i][j] += c[i * c_row + j]
    if bias:
        for i in range(rows):
            for j in range(width):
                sums[i][j] += bias[j]
    for i in range(rows):
        for j in range(width):
            c[i * c_row + j] = sums[i][j]


cdef inline inline_void tile_of(
    int rows, const int width, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, bint add, const real* bias,
) noexcept nogil:
    """`tile` for a number of rows known only now."""
    if rows == 1:
        tile(1, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif rows == 2:
        tile(2, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif rows == 3:
        tile(3, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif rows == 4:
        tile(4, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif rows == 5:
        tile(5, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif rows == 6:
        tile(6, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif ROWS >= 7 and rows == 7:
        tile(7, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif ROWS >= 8 and rows == 8:
        tile(8, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif ROWS >= 9 and rows == 9:
        tile(9, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif ROWS >= 10 and rows == 10:
        tile(10, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif ROWS >= 11 and rows == 11:
        tile(11, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)
    elif ROWS >= 12 and rows == 12:
        tile(12, width, k, a, a_row, a_col, b, b_row, c, c_row, add, bias)


cdef inline void pack(
    Py_ssize_t k, Py_ssize_t m, const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* panel, Py_ssize_t width
) noexcept nogil:
    """panel (k, width) = b (k, m), zeros from column m on."""
    cdef Py_ssize_t p, j
    if b_col == 1:
        for p in range(k):
            for j in range(m):
                panel[p * width + j] = b[p * b_row + j]
    else:
        for j in range(m):
            for p in range(k):
                panel[p * width + j] = b[p * b_row + j * b_col]
    if m < width:
        for p in range(k):
            for j in range(m, width):
                panel[p * width + j] = 0


cdef inline void finish(
    Py_ssize_t n, Py_ssize_t m, const real* edge, real* c, Py_ssize_t c_row, bint add, const real* bias, Py_ssize_t width
) noexcept nogil:
    """The valid columns of a tile that hangs over the edge."""
    cdef Py_ssize_t i, j
    for i in range(n):
        if add:
            for j in range(m):
                c[i * c_row + j] += edge[i * width + j]
        else:
            for j in range(m):
                c[i * c_row + j] = edge[i * width + j]
        if bias:
            for j in range(m):
                c[i * c_row + j] += bias[j]


cdef inline void column(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, bint add, const real* bias,
) noexcept nogil:
    """Columns [0, m) of C, m at most the tile's width, from a panel of B that is as wide as the tile."""
    cdef real[12 * FLOATS] edge
    cdef Py_ssize_t width = BYTES // sizeof(real)
    cdef Py_ssize_t tiles = (n + ROWS - 1) // ROWS
    cdef Py_ssize_t t, rows, i = 0
    if m <= width // 2:
        width //= 2
    for t in range(tiles):
        rows = (n - i) // (tiles - t)
        if m == BYTES // sizeof(real):
            tile_of(rows, BYTES // sizeof(real), k, a + i * a_row, a_row, a_col, b, b_row, c + i * c_row, c_row, add, bias)
        elif width == BYTES // sizeof(real):
            tile_of(rows, BYTES // sizeof(real), k, a + i * a_row, a_row, a_col, b, b_row, edge, width, False, NULL)
            finish(rows, m, edge, c + i * c_row, c_row, add, bias, width)
        else:
            tile_of(rows, BYTES // 2 // sizeof(real), k, a + i * a_row, a_row, a_col, b, b_row, edge, width, False, NULL)
            finish(rows, m, edge, c + i * c_row, c_row, add, bias, width)
        i += rows


cdef inline void gemm(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* c, Py_ssize_t c_row, const real* bias,
) noexcept nogil:
    """C (n, m) = A (n, k) @ B (k, m) + bias (m); bias may be NULL; C must not overlap the others."""
    cdef real[DEPTH * FLOATS] panel
    cdef Py_ssize_t width = BYTES // sizeof(real)
    cdef Py_ssize_t blocks = max(1, (k + DEPTH - 1) // DEPTH)
    cdef Py_ssize_t i = 0, j, p, rows, cols, depth, step, block
    cdef const real* after
    while i < n:
        rows = min(BLOCK, n - i)
        p = 0
        for block in range(blocks):
            depth = (k - p) // (blocks - block)
            after = bias if block == blocks - 1 else NULL
            j = 0
            while j < m:
                cols = min(width, m - j)
                if b_col == 1 and cols == width and (b_row <= NEAR or rows <= 3 * ROWS):
                    column(rows, cols, depth, a + i * a_row + p * a_col, a_row, a_col, b + p * b_row + j, b_row,
                           c + i * c_row + j, c_row, block > 0, after + j if after else NULL)
                else:
                    step = width if cols > width // 2 else width // 2
                    pack(depth, cols, b + p * b_row + j * b_col, b_row, b_col, panel, step)
                    column(rows, cols, depth, a + i * a_row + p * a_col, a_row, a_col, panel, step,
                           c + i * c_row + j, c_row, block > 0, after + j if after else NULL)
                j += width
            p += depth
        i += BLOCK
