"""Normalizations of rows, each by sums of its own; see fastnn/layers/row_normalization.py. Every h may be x, every dx dh."""

from libc.math cimport sqrt
from columns cimport COLUMNS

from kernel cimport ROWS, Array, declare
from real cimport real
from rows cimport LANES, folded, row_sum, row_sum_of_squares


cdef inline double row_product(const real* x, const real* y, Py_ssize_t m) noexcept nogil:
    """The sum of x * y."""
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


cdef inline double row_variance(const real* x, Py_ssize_t m, double mean) noexcept nogil:
    """The mean of (x - mean)^2."""
    cdef double[LANES] lane
    cdef double total = 0, d
    cdef Py_ssize_t j, k, whole = m - m % LANES
    if whole:
        for k in range(LANES):
            lane[k] = 0
        for j in range(m // LANES):
            for k in range(LANES):
                d = x[j * LANES + k] - mean
                lane[k] += d * d
        total = folded(lane)
    for j in range(whole, m):
        d = x[j] - mean
        total += d * d
    return total / m


cdef inline void shifted(const real* x, real* y, Py_ssize_t m, double mean, double factor) noexcept nogil:
    """y = (x - mean) factor."""
    cdef Py_ssize_t j
    for j in range(m):
        y[j] = <real>((x[j] - mean) * factor)


cdef inline void turned(const real* h, const real* dh, real* dx, Py_ssize_t m, double mean, double along, double factor) noexcept nogil:
    """dx = factor (dh - mean - h along)."""
    cdef Py_ssize_t j
    for j in range(m):
        dx[j] = <real>(factor * (dh[j] - mean - h[j] * along))


cdef void standardize(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* rstd = <real*>a[2].data
    cdef const real* x
    cdef Py_ssize_t i, m = a[0].shape[1]
    cdef double mean, factor
    for i in range(a[0].shape[0]):
        x = <const real*>a[0].data + i * a[0].stride[0]
        mean = row_sum[real](x, m) / m
        factor = 1 / sqrt(row_variance[real](x, m, mean) + s[0])
        shifted[real](x, <real*>a[1].data + i * a[1].stride[0], m, mean, factor)
        rstd[i] = <real>factor


declare(kernels, "standardize", standardize[float], standardize[double], ROWS)


cdef void standardize_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* rstd = <const real*>a[1].data
    cdef const real* h
    cdef const real* dh
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        h, dh = <const real*>a[0].data + i * a[0].stride[0], <const real*>a[2].data + i * a[2].stride[0]
        turned[real](h, dh, <real*>a[3].data + i * a[3].stride[0], m, row_sum[real](dh, m) / m, row_product[real](h, dh, m) / m, rstd[i])


declare(kernels, "standardize_backward", standardize_backward[float], standardize_backward[double], ROWS)


cdef void scale_by_rms(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* rstd = <real*>a[2].data
    cdef const real* x
    cdef Py_ssize_t i, m = a[0].shape[1]
    cdef double factor
    for i in range(a[0].shape[0]):
        x = <const real*>a[0].data + i * a[0].stride[0]
        factor = 1 / sqrt(row_sum_of_squares[real](x, m, 1) / m + s[0])
        shifted[real](x, <real*>a[1].data + i * a[1].stride[0], m, 0, factor)
        rstd[i] = <real>factor


declare(kernels, "scale_by_rms", scale_by_rms[float], scale_by_rms[double], ROWS)


cdef void scale_by_rms_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* rstd = <const real*>a[1].data
    cdef const real* h
    cdef const real* dh
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        h, dh = <const real*>a[0].data + i * a[0].stride[0], <const real*>a[2].data + i * a[2].stride[0]
        turned[real](h, dh, <real*>a[3].data + i * a[3].stride[0], m, 0, row_product[real](h, dh, m) / m, rstd[i])


declare(kernels, "scale_by_rms_backward", scale_by_rms_backward[float], scale_by_rms_backward[double], ROWS)


cdef void scale_to_unit(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* factor = <real*>a[2].data
    cdef const real* x
    cdef Py_ssize_t i, m = a[0].shape[1]
    cdef double length
    for i in range(a[0].shape[0]):
        x = <const real*>a[0].data + i * a[0].stride[0]
        length = sqrt(row_sum_of_squares[real](x, m, 1))
        length = s[0] if length < s[0] else length
        shifted[real](x, <real*>a[1].data + i * a[1].stride[0], m, 0, 1 / length)
        factor[i] = <real>(1 / length)


declare(kernels, "scale_to_unit", scale_to_unit[float], scale_to_unit[double], ROWS)


cdef void scale_to_unit_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* factor = <const real*>a[1].data
    cdef const real* h
    cdef const real* dh
    cdef double along
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        h, dh = <const real*>a[0].data + i * a[0].stride[0], <const real*>a[2].data + i * a[2].stride[0]
        along = 0 if factor[i] * <real>s[0] >= 1 else row_product[real](h, dh, m)
        turned[real](h, dh, <real*>a[3].data + i * a[3].stride[0], m, 0, along, factor[i])


declare(kernels, "scale_to_unit_backward", scale_to_unit_backward[float], scale_to_unit_backward[double], ROWS)


cdef void affine(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* gamma = <const real*>a[1].data
    cdef const real* beta = <const real*>a[2].data
    cdef const real* x
    cdef real* y
    cdef Py_ssize_t i, j
    for i in range(a[0].shape[0]):
        x, y = <const real*>a[0].data + i * a[0].stride[0], <real*>a[3].data + i * a[3].stride[0]
        for j in range(a[0].shape[1]):
            y[j] = gamma[j] * x[j] + beta[j]


declare(kernels, "affine", affine[float], affine[double], ROWS)


cdef void affine_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* gamma = <const real*>a[1].data
    cdef const real* dy
    cdef real* dx
    cdef Py_ssize_t i, j
    for i in range(a[0].shape[0]):
        dy, dx = <const real*>a[0].data + i * a[0].stride[0], <real*>a[2].data + i * a[2].stride[0]
        for j in range(a[0].shape[1]):
            dx[j] = gamma[j] * dy[j]


declare(kernels, "affine_backward", affine_backward[float], affine_backward[double], ROWS)


cdef void affine_backward_parameters(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* dgamma = <real*>a[2].data
    cdef real* dbeta = <real*>a[3].data
    cdef const real* x
    cdef const real* dy
    cdef double[COLUMNS] products, sums
    cdef Py_ssize_t i, j, start, width
    for start from 0 <= start < a[0].shape[1] by COLUMNS:
        width = min(COLUMNS, a[0].shape[1] - start)
        for j in range(width):
            products[j] = sums[j] = 0
        for i in range(a[0].shape[0]):
            x, dy = <const real*>a[0].data + i * a[0].stride[0] + start, <const real*>a[1].data + i * a[1].stride[0] + start
            for j in range(width):
                products[j] += x[j] * dy[j]
                sums[j] += dy[j]
        for j in range(width):
            dgamma[start + j], dbeta[start + j] = <real>products[j], <real>sums[j]


declare(kernels, "affine_backward_parameters", affine_backward_parameters[float], affine_backward_parameters[double], ROWS)
