"""What the losses of both files share: tiles, shape checks, clipping.

Rows are often short (10 classes, 1 output), so the costly passes (exp, log) run flat over tiles of whole rows, about
TILE numbers that stay in the L1 cache, and only cheap sums run row by row. A row longer than a tile is cut into pieces.
"""

from check cimport expect, expect_matrix
from real cimport real
from vmath cimport vmax, vmin

cdef enum:
    TILE = 2048


cdef inline int check_loss(str op, Py_ssize_t n, Py_ssize_t m, Py_ssize_t w, Py_ssize_t value, const Py_ssize_t *dy) except -1:
    if n and not m:
        raise ValueError(f"{op}: y has no columns")
    expect(op, "w", w, n, "entries")
    expect(op, "value", value, n, "entries")
    return expect_matrix(op, "dy", dy, n, m)


cdef inline real clipped(real y) noexcept nogil:
    """A probability in [1e-7, 1 - 1e-7]; NaN stays NaN."""
    return vmin(vmax(y, <real>1e-7), <real>(1.0 - 1e-7))
