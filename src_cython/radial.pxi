"""Radial basis functions; see fastnn/layers/radial.py."""

from gemm cimport gemm
from kernel cimport ROWS, Array, declare
from real cimport real
from rows cimport row_sum
from vmath cimport vexp

cdef enum:
    COLUMNS = 512  # at a time: their sums stay in the first-level cache


cdef void squared_distance(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* c = <const real*>a[1].data
    cdef real* d = <real*>a[2].data
    cdef Py_ssize_t n = a[0].shape[0], k = a[0].shape[1], m = a[1].shape[1], i, j, p, start, width
    cdef real[COLUMNS] sums
    cdef real at, apart
    for start from 0 <= start < m by COLUMNS:
        width = min(COLUMNS, m - start)
        for i in range(n):
            for j in range(width):
                sums[j] = 0
            for p in range(k):
                at = x[i * k + p]
                for j in range(width):
                    apart = at - c[p * m + start + j]
                    sums[j] += apart * apart
            for j in range(width):
                d[i * m + start + j] = sums[j]


declare(kernels, "squared_distance", squared_distance[float], squared_distance[double])


cdef void squared_distance_backward_input(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* c = <const real*>a[1].data
    cdef const real* dd = <const real*>a[2].data
    cdef real* dx = <real*>a[3].data
    cdef Py_ssize_t n = a[0].shape[0], k = a[0].shape[1], m = a[1].shape[1], i, p
    cdef real total
    gemm(n, k, m, dd, m, 1, c, 1, m, dx, k, <const real*>NULL, room)
    for i in range(n):
        total = <real>row_sum[real](dd + i * m, m)
        for p in range(k):
            dx[i * k + p] = <real>2 * (x[i * k + p] * total - dx[i * k + p])


declare(kernels, "squared_distance_backward_input", squared_distance_backward_input[float], squared_distance_backward_input[double])


cdef void squared_distance_backward_centers(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* c = <const real*>a[1].data
    cdef const real* dd = <const real*>a[2].data
    cdef real* dc = <real*>a[3].data
    cdef Py_ssize_t n = a[0].shape[0], k = a[0].shape[1], m = a[1].shape[1], i, j, p, start, width
    cdef double[COLUMNS] total
    gemm(k, m, n, x, 1, k, dd, m, 1, dc, m, <const real*>NULL, room)
    for start from 0 <= start < m by COLUMNS:
        width = min(COLUMNS, m - start)
        for j in range(width):
            total[j] = 0
        for i in range(n):
            for j in range(width):
                total[j] += dd[i * m + start + j]
        for p in range(k):
            for j in range(width):
                dc[p * m + start + j] = <real>2 * (c[p * m + start + j] * <real>total[j] - dc[p * m + start + j])


declare(kernels, "squared_distance_backward_centers", squared_distance_backward_centers[float], squared_distance_backward_centers[double])


cdef void gaussian_unit(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* d = <const real*>a[0].data
    cdef const real* width = <const real*>a[1].data
    cdef real* y = <real*>a[2].data
    cdef Py_ssize_t n = a[0].shape[0], m = a[0].shape[1], i, j, start, columns
    cdef real[COLUMNS] factor
    for start from 0 <= start < m by COLUMNS:
        columns = min(COLUMNS, m - start)
        for j in range(columns):
            factor[j] = <real>-0.5 / (width[start + j] * width[start + j])
        for i in range(n):
            for j in range(columns):
                y[i * m + start + j] = vexp[real](d[i * m + start + j] * factor[j])


declare(kernels, "gaussian_unit", gaussian_unit[float], gaussian_unit[double])


cdef void gaussian_unit_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* width = <const real*>a[1].data
    cdef const real* y = <const real*>a[2].data
    cdef const real* dy = <const real*>a[3].data
    cdef real* dd = <real*>a[4].data
    cdef Py_ssize_t n = a[0].shape[0], m = a[0].shape[1], i, j, start, columns
    cdef real[COLUMNS] factor
    for start from 0 <= start < m by COLUMNS:
        columns = min(COLUMNS, m - start)
        for j in range(columns):
            factor[j] = <real>-0.5 / (width[start + j] * width[start + j])
        for i in range(n):
            for j in range(columns):
                dd[i * m + start + j] = dy[i * m + start + j] * y[i * m + start + j] * factor[j]


declare(kernels, "gaussian_unit_backward", gaussian_unit_backward[float], gaussian_unit_backward[double])


cdef void gaussian_unit_backward_widths(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* width = <const real*>a[1].data
    cdef real* ds = <real*>a[4].data
    cdef const real* d
    cdef const real* y
    cdef const real* dy
    cdef double[COLUMNS] total
    cdef double cube
    cdef Py_ssize_t i, j, start, columns
    for start from 0 <= start < a[0].shape[1] by COLUMNS:
        columns = min(COLUMNS, a[0].shape[1] - start)
        for j in range(columns):
            total[j] = 0
        for i in range(a[0].shape[0]):
            d, y = <const real*>a[0].data + i * a[0].stride[0] + start, <const real*>a[2].data + i * a[2].stride[0] + start
            dy = <const real*>a[3].data + i * a[3].stride[0] + start
            for j in range(columns):
                total[j] += dy[j] * y[j] * d[j]
        for j in range(columns):
            cube = <double>width[start + j] * width[start + j] * width[start + j]
            ds[start + j] = <real>(total[j] / cube)


declare(kernels, "gaussian_unit_backward_widths", gaussian_unit_backward_widths[float], gaussian_unit_backward_widths[double], ROWS)
