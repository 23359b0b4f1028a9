"""What parameters are held to after each update; see fastnn/constraints.py."""

from libc.math cimport sqrt

from kernel cimport ROWS, Array, declare
from real cimport real
from rows cimport row_sum_of_squares

cdef enum:
    COLUMNS = 256  # at a time: their sums stay in the first-level cache


cdef void hold_non_negative(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* w = <real*>a[0].data
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        w[i] = <real>0 if w[i] < 0 else w[i]


declare(kernels, "hold_non_negative", hold_non_negative[float], hold_non_negative[double])


cdef inline double correction(double squares, const double* s) noexcept nogil:
    """What brings a vector of this sum of squares nearer to the bounds; NaN stays."""
    cdef double norm = sqrt(squares), held = norm
    held = s[0] if held < s[0] else held
    held = s[1] if held > s[1] else held
    return (s[2] * held + (1 - s[2]) * norm) / (norm + 1e-7)


cdef void hold_band(real* w, Py_ssize_t k, Py_ssize_t m, Py_ssize_t row, const double* s) noexcept nogil:
    """`hold_column_norms` of m <= COLUMNS columns."""
    cdef double[COLUMNS] squares
    cdef real[COLUMNS] factor
    cdef Py_ssize_t i, j
    for j in range(m):
        squares[j] = 0
    for i in range(k):
        for j in range(m):
            squares[j] += <double>w[i * row + j] * <double>w[i * row + j]
    for j in range(m):
        factor[j] = <real>correction(squares[j], s)
    for i in range(k):
        for j in range(m):
            w[i * row + j] *= factor[j]


cdef void scale(real* w, Py_ssize_t m, real factor) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(m):
        w[j] *= factor


cdef void hold_column_norms(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* w = <real*>a[0].data
    cdef Py_ssize_t j, k = a[0].shape[0], m = a[0].shape[1], row = a[0].stride[0]
    if m == 1 and row == 1:
        scale[real](w, k, <real>correction(row_sum_of_squares[real](w, k, 1), s))
        return
    for j in range((m + COLUMNS - 1) // COLUMNS):
        hold_band[real](w + j * COLUMNS, k, min(COLUMNS, m - j * COLUMNS), row, s)


declare(kernels, "hold_column_norms", hold_column_norms[float], hold_column_norms[double], ROWS)


cdef void hold_row_norms(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* w
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        w = <real*>a[0].data + i * a[0].stride[0]
        scale[real](w, m, <real>correction(row_sum_of_squares[real](w, m, 1), s))


declare(kernels, "hold_row_norms", hold_row_norms[float], hold_row_norms[double], ROWS)
