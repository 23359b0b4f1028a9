"""Matrix product of small register tiles, for every layout of its operands.

C (n, m) = A (n, k) @ B (k, m) [+ bias (m)], C's rows contiguous, A and B with any strides, counted in elements.

A tile of C, `rows` x `vectors` registers, stays in registers while k runs: GCC keeps a fixed-size local array there as
long as every bound is a constant, so `tile` is inlined once for each size. Row counts are shared out evenly (64 rows are
4 tiles of 11 and 2 of 10, not 5 of 12 and a slow rest). A panel of B, as wide as the tile, is read in place where its rows
are contiguous and near to each other, or else copied, zero-padded at the edge. So one inner loop serves the three
products of a layer, all edges and all strides.

Large products are cut into blocks of A that fit the second-level cache and panels of B that fit the first. Where A's rows
lie far apart (a wide layer) its block is copied row by row: strides of some kB fall into few cache sets and a memory page each.
What is copied goes to the stack (one panel) or to room that each thread keeps once it has needed it.

Each element of C is summed in the order of k, cut at places that depend on k alone, whatever its neighbours: sharing rows or
columns among threads changes no bit.
"""

from libc.string cimport memcpy

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

    #if defined(_MSC_VER)
      #define FASTNN_THREAD __declspec(thread)
    #else
      #define FASTNN_THREAD __thread
    #endif
    #include <stdlib.h>
    /* Room that a thread keeps once it has needed it; NULL when there is no memory, and then blocks are read in place. */
    static void* fastnn_scratch(size_t bytes) {
        static FASTNN_THREAD void* room = NULL;
        static FASTNN_THREAD size_t size = 0;
        if (bytes > size) {
            free(room);
            room = malloc(bytes);
            size = room ? bytes : 0;
        }
        return room;
    }
    """
    enum:
        ROWS "FASTNN_ROWS"
        BYTES "FASTNN_BYTES"
    void* scratch "fastnn_scratch"(size_t bytes) noexcept nogil

cdef enum:
    FLOATS = 32   # room for the widest tile's row in float32
    DEPTH = 384   # k a block: DEPTH x FLOATS float32 are 48 kB, the first-level cache
    BLOCK = 512   # rows a block: BLOCK x DEPTH float32 are 768 kB, within the second-level cache
    NEAR = 512    # elements from one row of B to the next up to which it is read in place
    FAR = 512     # elements from one row or column of A to the next from which on blocks of it are copied,
    MANY = 256    # if at least this many columns of C share the copy
    PART = 32     # rows of a panel transposed at a time: 4 kB, which stay in the first-level cache
    GROUP = 4     # panels of a far B copied at once
    GAP = 16      # elements between the rows of a copy, so that they don't all fall into the same cache sets


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


cdef inline void transpose(
    Py_ssize_t k, Py_ssize_t m, const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* panel, Py_ssize_t width
) noexcept nogil:
    """panel (k, m) = b (k, m) of any strides, eight columns at a time: one store of eight entries takes half as long as eight."""
    cdef Py_ssize_t p, j, q, part
    for part in range((k + PART - 1) // PART):
        for j in range(m // 8):
            for p in range(part * PART, min(k, (part + 1) * PART)):
                for q in range(8):
                    panel[p * width + 8 * j + q] = b[p * b_row + (8 * j + q) * b_col]
        for j in range(m - m % 8, m):
            for p in range(part * PART, min(k, (part + 1) * PART)):
                panel[p * width + j] = b[p * b_row + j * b_col]


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
        transpose(k, m, b, b_row, b_col, panel, width)
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


cdef inline inline_void strip(
    Py_ssize_t k, const real* a, Py_ssize_t a_col, const real* b, Py_ssize_t b_row, real* c, bint add, const real* bias
) noexcept nogil:
    """One row of C, as wide as eight vectors: with one row, a tile's two sums would wait for each other."""
    cdef real[4 * FLOATS] sums
    cdef Py_ssize_t _
    cdef int j
    cdef real x
    for j in range(4 * BYTES // sizeof(real)):
        sums[j] = 0
    for _ in range(k):
        x = a[0]
        for j in range(4 * BYTES // sizeof(real)):
            sums[j] += x * b[j]
        a += a_col
        b += b_row
    if add:
        for j in range(4 * BYTES // sizeof(real)):
            sums[j] += c[j]
    if bias:
        for j in range(4 * BYTES // sizeof(real)):
            sums[j] += bias[j]
    for j in range(4 * BYTES // sizeof(real)):
        c[j] = sums[j]


cdef inline const real* gather(
    Py_ssize_t n, Py_ssize_t k, const real* a, Py_ssize_t* a_row, Py_ssize_t* a_col, real* room
) noexcept nogil:
    """A (n, k) copied to `room` in its own order, the strides updated; long strides cost cache and page-table misses."""
    cdef Py_ssize_t i, p, stride
    if a_col[0] == 1:
        stride = k + GAP
        for i in range(n):
            memcpy(room + i * stride, a + i * a_row[0], k * sizeof(real))
        a_row[0] = stride
    else:
        stride = n + GAP
        for p in range(k):
            memcpy(room + p * stride, a + p * a_col[0], n * sizeof(real))
        a_col[0] = stride
    return room


cdef inline void gemm(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* c, Py_ssize_t c_row, const real* bias,
) noexcept nogil:
    """C (n, m) = A (n, k) @ B (k, m) + bias (m); bias may be NULL; C must not overlap the others."""
    cdef Py_ssize_t limit = BLOCK * 4 // sizeof(real)  # as many bytes for either dtype
    cdef Py_ssize_t blocks = (n + limit - 1) // limit, parts = max(1, (k + DEPTH - 1) // DEPTH)
    cdef Py_ssize_t i = 0, p, rows, depth, block, part
    cdef bint far = m >= MANY and n > 3 * ROWS
    cdef bint far_a = far and (a_row == 1 or a_col == 1) and max(a_row, a_col) > FAR
    cdef real* room = <real*>scratch((limit + GAP) * (DEPTH + GAP) * sizeof(real) + GROUP * DEPTH * BYTES) if far else NULL
    cdef real* group = room + (limit + GAP) * (DEPTH + GAP) if room else NULL
    cdef const real* block_a
    cdef Py_ssize_t block_row, block_col
    for block in range(blocks):
        rows = (n - i) // (blocks - block)
        p = 0
        for part in range(parts):
            depth = (k - p) // (parts - part)
            block_a, block_row, block_col = a + i * a_row + p * a_col, a_row, a_col
            if room and far_a:
                block_a = gather(rows, depth, block_a, &block_row, &block_col, room)
            multiply(rows, m, depth, block_a, block_row, block_col, b + p * b_row, b_row, b_col, c + i * c_row, c_row,
                     part > 0, bias if part == parts - 1 else NULL, group)
            p += depth
        i += rows


cdef inline void pack_group(
    Py_ssize_t k, Py_ssize_t panels, const real* b, Py_ssize_t b_row, real* group, Py_ssize_t width
) noexcept nogil:
    """Several whole panels in one pass over B's rows: a row of a wide B lies in a page of its own, which is looked up once."""
    cdef Py_ssize_t p, q
    for p in range(k):
        for q in range(panels):
            memcpy(group + (q * k + p) * width, b + p * b_row + q * width, width * sizeof(real))


cdef inline void multiply(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* c, Py_ssize_t c_row, bint add, const real* bias, real* group,
) noexcept nogil:
    """C = [C +] A @ B [+ bias] for one block of at most BLOCK rows and a depth of at most DEPTH."""
    cdef real[DEPTH * FLOATS] panel
    cdef Py_ssize_t width = BYTES // sizeof(real), wide = 4 * width
    cdef Py_ssize_t j = 0, columns, step, q
    while n == 1 and b_col == 1 and m - j >= wide:
        strip(k, a, a_col, b + j, b_row, c + j, add, bias + j if bias else NULL)
        j += wide
    while group and b_col == 1 and b_row > NEAR and n > 3 * ROWS and m - j >= GROUP * width:
        pack_group(k, GROUP, b + j, b_row, group, width)
        for q in range(GROUP):
            column(n, width, k, a, a_row, a_col, group + q * k * width, width, c + j, c_row, add, bias + j if bias else NULL)
            j += width
    while j < m:
        columns = min(width, m - j)
        if b_col == 1 and columns == width and (b_row <= NEAR or n <= 3 * ROWS):
            column(n, columns, k, a, a_row, a_col, b + j, b_row, c + j, c_row, add, bias + j if bias else NULL)
        else:
            step = width if columns > width // 2 else width // 2
            pack(k, columns, b + j * b_col, b_row, b_col, panel, step)
            column(n, columns, k, a, a_row, a_col, panel, step, c + j, c_row, add, bias + j if bias else NULL)
        j += width
