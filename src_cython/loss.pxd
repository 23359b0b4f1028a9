"""What the losses of both files share: tiles and clipping.

Rows are often short (10 classes, 1 output), so the costly passes (exp, log) run flat over tiles of whole rows, about
TILE numbers that stay in the L1 cache, and only cheap sums run row by row. A row longer than a tile is cut into pieces.
"""

from real cimport real
from rows cimport LANES
from vmath cimport vmax, vmin

cdef enum:
    TILE = 2048
    SPAN = TILE + 2 * LANES  # from one buffer in `room` to the next: a tile, what spills over its end, and not a multiple of 4096 bytes


cdef inline real clipped(real y) noexcept nogil:
    """A probability in [1e-7, 1 - 1e-7]; NaN stays NaN."""
    return vmin(vmax(y, <real>1e-7), <real>(1.0 - 1e-7))
