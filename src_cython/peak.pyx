"""The processor's limit, for benchmarks: fused multiply-adds on registers alone."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from gemm cimport BYTES, FLOATS, ROWS
from real cimport real


cdef Py_ssize_t run(real* sums, double factor, double term, Py_ssize_t steps) noexcept nogil:
    cdef real[12][FLOATS] held
    cdef real f = <real>factor, t = <real>term
    cdef Py_ssize_t _
    cdef int i, j
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


def _multiply_add(sums, double factor, double term, Py_ssize_t steps):
    """Run ``sum = sum * factor + term`` on as many sums as a matrix product's tile has, and return their number.

    Parameters
    ----------
    sums : ndarray of shape (384,), float32 or float64
        Start values; the results are written back, so that nothing is optimised away.
    factor, term : float
    steps : int
    """
    cdef Py_buffer view  # a typed memoryview would bring 12 kB of code to each level
    cdef Py_ssize_t count
    PyObject_GetBuffer(sums, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    try:
        if view.itemsize not in (4, 8) or view.len != 12 * FLOATS * view.itemsize:
            raise ValueError(f"sums must be {12 * FLOATS} floats or doubles, got {view.len} bytes")
        with nogil:
            if view.itemsize == 4:
                count = run[float](<float*>view.buf, factor, term, steps)
            else:
                count = run[double](<double*>view.buf, factor, term, steps)
        return count
    finally:
        PyBuffer_Release(&view)
