"""Matrix product of small register tiles, for every layout of its operands.

C (n, m) = A (n, k) @ B (k, m) [+ bias (m)], C's rows contiguous, A and B with any strides, counted in elements.

A tile of C, up to 12 rows x 2 vectors, stays in registers while k runs: GCC keeps a fixed-size local array there as long as
every bound is a constant and nothing but unrolled loops touches it, so `tile` is inlined once for each size. Row counts are
shared out evenly (64 rows are 4 tiles of 11 and 2 of 10, not 5 of 12 and a slow rest). A panel of B, as wide as the tile, is read
in place where its rows are contiguous and near to each other, or else copied, with something to fill up the last vector. So one
inner loop serves the three products of a layer, all edges and all strides. What would waste most of a tile has a way of its own:
one row of C (`multiply`), one column (`dots`), and few columns whose A is contiguous the other way (`turned`).

Large products are cut into blocks of A that fit the second-level cache and panels of B that stream through the first. Where A's rows
lie far apart (a wide layer) its block is copied row by row: strides of some kB fall into few cache sets and a memory page each.
What is copied goes to `room`, the calling thread's scratch (kernel.pxd), of which 1.2 MB are used.

Each element of C is one sum in the order of k, from the bias on, whatever its neighbours and wherever k is cut: sharing rows or
columns among threads changes no bit. Only `dots` sums in another order, which again depends on k alone; it is chosen by the number of
columns, so a cut may not leave a single one.
"""

from libc.string cimport memcpy

from inline cimport inline_void
from real cimport real


cdef extern from *:
    """
    /* rows x (2 vectors of `bytes`/2) accumulators: 24 of 32 registers, 12 of 16. */
    #if defined(__AVX512F__)
      enum { FASTNN_ROWS = 12, FASTNN_BYTES = 128, FASTNN_MASKS = 1 };
    #elif defined(__AVX__)
      enum { FASTNN_ROWS = 6, FASTNN_BYTES = 64, FASTNN_MASKS = 0 };
    #elif defined(__aarch64__)
      enum { FASTNN_ROWS = 10, FASTNN_BYTES = 32, FASTNN_MASKS = 0 };
    #else
      enum { FASTNN_ROWS = 6, FASTNN_BYTES = 32, FASTNN_MASKS = 0 };
    #endif

    /* GCC otherwise makes memcpy of the loops that store a tile, doesn't unroll the loop around a call, and the tile goes to memory:
       69 instead of 93 % of the limit at 32x64x64. */
    #if defined(__GNUC__) && !defined(__clang__)
      #pragma GCC optimize("no-tree-loop-distribute-patterns")
    #endif
    #if defined(__GNUC__)
      #define FASTNN_PREFETCH(address) __builtin_prefetch(address)
      #define FASTNN_UNROLL _Pragma("GCC unroll 16")
      #define FASTNN_ONE_BY_ONE() __asm__ volatile("")
    #else
      #define FASTNN_PREFETCH(address) ((void)0)
      #define FASTNN_UNROLL
      #define FASTNN_ONE_BY_ONE() ((void)0)
    #endif

    /* panel (k, one vector), its rows `width` apart = m transposed rows of b, the last one repeated. The inner loop has to be unrolled
       before GCC vectorises, and then becomes permutations of whole vectors; stores with gaps don't, hence the square in between. */
    #define FASTNN_TRANSPOSE(name, real) \\
        static void name(Py_ssize_t k, Py_ssize_t m, const real* b, Py_ssize_t b_col, real* panel, Py_ssize_t width) { \\
            enum { lanes = FASTNN_BYTES / 2 / sizeof(real) }; \\
            real square[lanes * lanes]; \\
            Py_ssize_t part = 0; \\
            for (; part + lanes <= k; part += lanes) { \\
                for (int p = 0; p < lanes; p++) \\
                    FASTNN_UNROLL for (int j = 0; j < lanes; j++) \\
                        square[p * lanes + j] = b[(j < m ? j : m - 1) * b_col + part + p]; \\
                for (int p = 0; p < lanes; p++) \\
                    for (int j = 0; j < lanes; j++) panel[(part + p) * width + j] = square[p * lanes + j]; \\
            } \\
            for (; part < k; part++) \\
                for (int j = 0; j < lanes; j++) panel[part * width + j] = b[(j < m ? j : m - 1) * b_col + part]; \\
        }
    FASTNN_TRANSPOSE(fastnn_transpose_float, float)
    FASTNN_TRANSPOSE(fastnn_transpose_double, double)
    """
    enum:
        ROWS "FASTNN_ROWS"
        BYTES "FASTNN_BYTES"
        MASKS "FASTNN_MASKS"   # whether part of a vector is stored as quickly as a whole one
    # Keeps a loop scalar: vectorised, its products would be rounded before they are summed, and elsewhere not.
    void one_by_one "FASTNN_ONE_BY_ONE"() noexcept nogil
    void prefetch "FASTNN_PREFETCH"(const void* address) noexcept nogil
    void transpose_float "fastnn_transpose_float"(
        Py_ssize_t k, Py_ssize_t m, const float* b, Py_ssize_t b_col, float* panel, Py_ssize_t width) noexcept nogil
    void transpose_double "fastnn_transpose_double"(
        Py_ssize_t k, Py_ssize_t m, const double* b, Py_ssize_t b_col, double* panel, Py_ssize_t width) noexcept nogil

cdef enum:
    FLOATS = 32   # room for the widest tile's row in float32
    DEPTH = 512   # k a block, and
    BLOCK = 384   # rows a block: BLOCK x DEPTH float32 are 768 kB, within the second-level cache
    NEAR = 512    # elements from one row of B to the next up to which it is read in place
    FAR = 512     # elements from one row or column of A to the next from which on blocks of it are copied,
    MANY = 256    # if at least this many columns of C share the copy
    GROUP = 4     # panels of a far B copied at once
    TURN = 512    # rows of C computed as columns at a time
    GAP = 16      # elements between the rows of a copy, so that they don't all fall into the same cache sets


cdef inline inline_void tile(
    const int rows, const int width, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, bint add, const real* bias,
) noexcept nogil:
    """c (rows, width) = (c or bias or 0) + a (rows, k) @ b (k, width); rows and width are literals where it is called."""
    cdef real[12 * FLOATS] sums
    cdef int i, j
    cdef real x
    for i in range(rows):
        if add:
            for j in range(width):
                sums[i * width + j] = c[i * c_row + j]
        elif bias:
            for j in range(width):
                sums[i * width + j] = bias[j]
        else:
            for j in range(width):
                sums[i * width + j] = 0
    if add:
        for i in range(rows):  # the tile below, which will be read when this one is done
            prefetch(c + (rows + i) * c_row)
            prefetch(c + (rows + i) * c_row + width - 1)
    while True:
        for i in range(rows):
            x = a[i * a_row]
            for j in range(width):
                sums[i * width + j] += x * b[j]
        a += a_col
        b += b_row
        k -= 1
        if k <= 0:
            break
    for i in range(rows):
        for j in range(width):
            c[i * c_row + j] = sums[i * width + j]


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
    Py_ssize_t k, Py_ssize_t m, const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* panel, const int width
) noexcept nogil:
    """panel (k, width) = b (k, m); what fills up its columns from m on is never stored in C."""
    cdef int lanes = BYTES // 2 // sizeof(real), j
    cdef Py_ssize_t whole = 0, p
    if b_row == 1 and b_col != 1:
        for j in range(width // lanes):
            transpose(k, m - j * lanes, b + j * lanes * b_col, b_col, panel + j * lanes, width)
        return
    if b_col == 1 and b_row > 0:  # rows of the panel's width as far as they end within b
        whole = max(0, k - (width - m + b_row - 1) // b_row)
        for p in range(whole):
            for j in range(width):
                panel[p * width + j] = b[p * b_row + j]
    for p in range(whole, k):
        for j in range(m):
            panel[p * width + j] = b[p * b_row + j * b_col]
        for j in range(m, width):
            panel[p * width + j] = 0


cdef inline void transpose(
    Py_ssize_t k, Py_ssize_t m, const real* b, Py_ssize_t b_col, real* panel, Py_ssize_t width
) noexcept nogil:
    if real is float:
        transpose_float(k, m, b, b_col, panel, width)
    else:
        transpose_double(k, m, b, b_col, panel, width)


cdef inline void copy_edge(Py_ssize_t n, Py_ssize_t m, const real* a, Py_ssize_t a_row, real* c, Py_ssize_t c_row) noexcept nogil:
    """c (n, m) = a, for m less than a tile's width."""
    cdef Py_ssize_t lanes = BYTES // 2 // sizeof(real), i, j
    cdef int v
    for i in range(n):
        if MASKS:
            for v in range(2):
                if v * lanes < m:
                    for j in range(lanes):
                        if j < m - v * lanes:
                            c[i * c_row + v * lanes + j] = a[i * a_row + v * lanes + j]
        else:
            for j in range(m):
                c[i * c_row + j] = a[i * a_row + j]


cdef inline void column(
    Py_ssize_t n, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, bint add, const real* bias,
) noexcept nogil:
    """As many columns of C as the tile is wide."""
    cdef Py_ssize_t tiles = (n + ROWS - 1) // ROWS, t, rows, i = 0
    for t in range(tiles):
        rows = (n - i) // (tiles - t)
        tile_of(rows, BYTES // sizeof(real), k, a + i * a_row, a_row, a_col, b, b_row, c + i * c_row, c_row, add, bias)
        i += rows


cdef inline void narrow_column(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, bint add, const real* bias,
) noexcept nogil:
    """Columns [0, m) of C, m less than the tile's width, from a panel of B that is as wide as the tile, or half as wide if that suffices.

    Where C's rows have no gaps, a tile writes whole vectors: what spills into the rows below is overwritten when their turn comes.
    """
    cdef real[12 * FLOATS] edge
    cdef real[FLOATS] edge_bias
    cdef Py_ssize_t lanes = BYTES // 2 // sizeof(real), width = lanes if m <= lanes else 2 * lanes
    cdef Py_ssize_t tiles = (n + ROWS - 1) // ROWS, rows, to_row
    cdef real* to
    cdef bint direct
    if bias:
        copy_edge(1, m, bias, 0, edge_bias, 0)
        bias = edge_bias
    while tiles > 0:
        rows = n // tiles
        n -= rows
        tiles -= 1
        direct = c_row == m and not add and n * m >= width - m
        to, to_row = c if direct else edge, m if direct else width
        if add:
            copy_edge(rows, m, c, c_row, edge, width)
        if width == lanes:
            tile_of(rows, BYTES // 2 // sizeof(real), k, a, a_row, a_col, b, b_row, to, to_row, add, bias)
        else:
            tile_of(rows, BYTES // sizeof(real), k, a, a_row, a_col, b, b_row, to, to_row, add, bias)
        if not direct:
            copy_edge(rows, m, edge, width, c, c_row)
        a += rows * a_row
        c += rows * c_row


cdef inline inline_void dots_of(
    const int rows, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, const real* bias,
) noexcept nogil:
    """c (rows) = a (rows, k) @ b (k) + bias (1): each lane of a vector sums on its own, and the lanes are folded in the end."""
    cdef real[8 * 16] sums
    cdef real[8] rest
    cdef int lanes = BYTES // 2 // sizeof(real), i, j
    cdef Py_ssize_t p, _
    for i in range(rows):
        for j in range(lanes):
            sums[i * lanes + j] = 0
    for _ in range(k // lanes):
        for i in range(rows):
            for j in range(lanes):
                sums[i * lanes + j] += a[i * a_row + j * a_col] * b[j * b_row]
        a += lanes * a_col
        b += lanes * b_row
    for i in range(rows):
        rest[i] = bias[0] if bias else 0
    for p in range(k % lanes):
        one_by_one()
        for i in range(rows):
            rest[i] += a[i * a_row + p * a_col] * b[p * b_row]
    fold(rows, lanes, 8, sums)
    fold(rows, lanes, 4, sums)
    fold(rows, lanes, 2, sums)
    fold(rows, lanes, 1, sums)
    for i in range(rows):
        c[i * c_row] = rest[i] + sums[i * lanes]


cdef inline inline_void fold(const int rows, const int lanes, const int half, real* sums) noexcept nogil:
    cdef int i, j
    if half < lanes:
        for i in range(rows):
            for j in range(half):
                sums[i * lanes + j] += sums[i * lanes + half + j]


cdef inline void dots(
    Py_ssize_t n, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, const real* bias,
) noexcept nogil:
    """C (n, 1) = A (n, k) @ B (k, 1) + bias (1): a tile would use one lane of its vectors."""
    cdef Py_ssize_t i = 0
    if a_col == 1 and b_row == 1:
        while i + 8 <= n:
            dots_of(8, k, a + i * a_row, a_row, 1, b, 1, c + i * c_row, c_row, bias)
            i += 8
    while i < n:
        if a_col == 1 and b_row == 1:
            dots_of(1, k, a + i * a_row, a_row, 1, b, 1, c + i * c_row, c_row, bias)
        else:
            dots_of(1, k, a + i * a_row, a_row, a_col, b, b_row, c + i * c_row, c_row, bias)
        i += 1


cdef inline const real* gather(
    Py_ssize_t n, Py_ssize_t k, const real* a, Py_ssize_t* a_row, Py_ssize_t* a_col, real* room
) noexcept nogil:
    """A (n, k) copied to `room` in its own order, the strides updated; long strides cost cache and page-table misses."""
    cdef Py_ssize_t i, p, stride
    if a_col[0] == 1:
        stride = k + GAP
        for i in range(n):
            for p in range(k * sizeof(real) // 64):
                prefetch(a + (i + 2) * a_row[0] + p * (64 // sizeof(real)))
            memcpy(room + i * stride, a + i * a_row[0], k * sizeof(real))
        a_row[0] = stride
    else:
        stride = n + GAP
        for p in range(k):
            for i in range(n * sizeof(real) // 64):
                prefetch(a + (p + 2) * a_col[0] + i * (64 // sizeof(real)))
            memcpy(room + p * stride, a + p * a_col[0], n * sizeof(real))
        a_col[0] = stride
    return room


cdef inline void gemm(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* c, Py_ssize_t c_row, const real* bias, real* room,
) noexcept nogil:
    """C (n, m) = A (n, k) @ B (k, m) + bias (m); bias may be NULL; C must not overlap the others."""
    cdef Py_ssize_t limit = BLOCK * 4 // sizeof(real)  # as many bytes for either dtype
    cdef Py_ssize_t blocks = (n + limit - 1) // limit, parts = (k + DEPTH - 1) // DEPTH
    cdef Py_ssize_t i = 0, p, rows, depth, block, part
    cdef bint far = m >= MANY and n > 3 * ROWS
    cdef bint far_a = far and (a_row == 1 or a_col == 1) and max(a_row, a_col) > FAR
    cdef real* panel = room + (limit + GAP) * (DEPTH + GAP)
    cdef const real* block_a
    cdef Py_ssize_t block_row, block_col, j
    if m == 1 and n > 1 and a_row == 1 and c_row == 1 and not bias:  # as one row: the same memory
        gemm(1, n, k, b, b_col, b_row, a, a_col, 1, c, n, NULL, room)
        return
    if 1 < m <= ROWS < n and a_row == 1 and n >= 2 * BYTES // sizeof(real) and not bias and k > 0:  # ROWS < n: never turned back
        turned(n, m, k, a, a_col, b, b_row, b_col, c, c_row, room, panel + GROUP * DEPTH * BYTES // sizeof(real))
        return
    if k == 0:
        for i in range(n):
            for j in range(m):
                c[i * c_row + j] = bias[j] if bias else 0
        return
    for block in range(blocks):
        rows = (n - i) // (blocks - block)
        p = 0
        for part in range(parts):
            depth = (k - p) // (parts - part)
            block_a, block_row, block_col = a + i * a_row + p * a_col, a_row, a_col
            if far_a:
                block_a = gather(rows, depth, block_a, &block_row, &block_col, room)
            multiply(rows, m, depth, block_a, block_row, block_col, b + p * b_row, b_row, b_col, c + i * c_row, c_row,
                     part > 0, bias, panel)
            p += depth
        i += rows


cdef inline void turned(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_col, const real* b, Py_ssize_t b_row, Py_ssize_t b_col,
    real* c, Py_ssize_t c_row, real* room, real* rows,
) noexcept nogil:
    """Few columns of C as rows of whole vectors, along which A's columns are contiguous: 10 of 10 sums count instead of 10 of 16."""
    cdef Py_ssize_t i = 0, count, p, j
    while i < n:
        count = min(n - i, TURN)
        gemm(m, count, k, b, b_col, b_row, a + i, a_col, 1, rows, TURN + GAP, NULL, room)
        for p in range(count):
            for j in range(m):
                c[(i + p) * c_row + j] = rows[j * (TURN + GAP) + p]
        i += count


cdef inline void multiply(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const real* b, Py_ssize_t b_row, Py_ssize_t b_col, real* c, Py_ssize_t c_row, bint add, const real* bias, real* panel,
) noexcept nogil:
    """C = (C or bias or 0) + A @ B for one block of at most BLOCK rows and a depth of at most DEPTH."""
    cdef Py_ssize_t width = BYTES // sizeof(real), j = 0, columns, q
    cdef bint far = b_col == 1 and b_row > NEAR and n > 3 * ROWS
    while n == 1 and b_col == 1 and m - j >= 4 * width:
        tile(1, 4 * BYTES // sizeof(real), k, a, a_row, a_col, b + j, b_row, c + j, c_row, add, bias + j if bias else NULL)
        j += 4 * width
    while n == 1 and b_col == 1 and m - j >= 2 * width:
        tile(1, 2 * BYTES // sizeof(real), k, a, a_row, a_col, b + j, b_row, c + j, c_row, add, bias + j if bias else NULL)
        j += 2 * width
    while far and m - j >= GROUP * width:
        pack_group(k, GROUP, b + j, b_row, panel, width)
        for q in range(GROUP):
            column(n, k, a, a_row, a_col, panel + q * k * width, width, c + j, c_row, add, bias + j if bias else NULL)
            j += width
    while j < m:
        columns = min(width, m - j)
        if b_col == 1 and columns == width and not far:
            column(n, k, a, a_row, a_col, b + j, b_row, c + j, c_row, add, bias + j if bias else NULL)
        elif columns == width:
            pack(k, columns, b + j * b_col, b_row, b_col, panel, BYTES // sizeof(real))
            column(n, k, a, a_row, a_col, panel, width, c + j, c_row, add, bias + j if bias else NULL)
        elif columns > width // 2:
            pack(k, columns, b + j * b_col, b_row, b_col, panel, BYTES // sizeof(real))
            narrow_column(n, columns, k, a, a_row, a_col, panel, width, c + j, c_row, add, bias + j if bias else NULL)
        else:
            pack(k, columns, b + j * b_col, b_row, b_col, panel, BYTES // 2 // sizeof(real))
            narrow_column(n, columns, k, a, a_row, a_col, panel, width // 2, c + j, c_row, add, bias + j if bias else NULL)
        j += width


cdef inline void pack_group(
    Py_ssize_t k, Py_ssize_t panels, const real* b, Py_ssize_t b_row, real* group, Py_ssize_t width
) noexcept nogil:
    """Several whole panels in one pass over B's rows: a row of a wide B lies in a page of its own, which is looked up once."""
    cdef Py_ssize_t p, q
    for p in range(k):
        for q in range(2 * panels):
            prefetch(b + (p + 8) * b_row + q * width // 2)
        for q in range(panels):
            memcpy(group + (q * k + p) * width, b + p * b_row + q * width, BYTES)
