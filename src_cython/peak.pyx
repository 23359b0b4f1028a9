"""The processor's limit, for benchmarks: fused multiply-adds on registers alone."""

from gemm cimport BYTES, FLOATS, ROWS
from real cimport real


def _multiply_add(real[::1] sums not None, double factor, double term, Py_ssize_t steps):
    """Run ``sum = sum * factor + term`` on as many sums as a matrix product's tile has, and return their number.

    Parameters
    ----------
    sums : ndarray of shape (384,)
        Start values; the results are written back, so that nothing is optimised away.
    factor, term : float
    steps : int
    """
    cdef real[12][FLOATS] held
    cdef real f = <real>factor, t = <real>term
    cdef Py_ssize_t _
    cdef int i, j
    if sums.shape[0] != 12 * FLOATS:
        raise ValueError(f"sums must have {12 * FLOATS} entries, got {sums.shape[0]}")
    with nogil:
        for i in range(ROWS):
            for j in range(BYTES // sizeof(real)):
                held[i][j] = sums[i * FLOATS + j]
        for _ in range(steps):
            for i in range(ROWS):
                for j in range(BYTES // sizeof(real)):
                    held[i][j] = held[i][j] * f + t
        for i in range(ROWS):
            for j in range(BYTES // sizeof(real)):
                sums[i * FLOATS + j] = held[i][j]
    return ROWS * (BYTES // sizeof(real))
