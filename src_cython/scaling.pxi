"""Scaling of features, and the choice of some; see fastnn/layers/scaling.py and reshaping.py."""

from libc.math cimport NAN
from libc.stdint cimport int64_t

from kernel cimport ROWS, Array, declare
from real cimport real


cdef void rescale(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* center = <const real*>a[1].data
    cdef const real* scale = <const real*>a[2].data
    cdef const real* x
    cdef real* y
    cdef Py_ssize_t i, j
    for i in range(a[0].shape[0]):
        x, y = <const real*>a[0].data + i * a[0].stride[0], <real*>a[3].data + i * a[3].stride[0]
        for j in range(a[0].shape[1]):
            y[j] = (x[j] - center[j]) / scale[j]


declare(kernels, "rescale", rescale[float], rescale[double], ROWS)


cdef void rescale_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* scale = <const real*>a[1].data
    cdef const real* dy
    cdef real* dx
    cdef Py_ssize_t i, j
    for i in range(a[0].shape[0]):
        dy, dx = <const real*>a[0].data + i * a[0].stride[0], <real*>a[2].data + i * a[2].stride[0]
        for j in range(a[0].shape[1]):
            dx[j] = dy[j] / scale[j]


declare(kernels, "rescale_backward", rescale_backward[float], rescale_backward[double], ROWS)


cdef void take_columns(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const int64_t* index = <const int64_t*>a[1].data
    cdef const real* x
    cdef real* y
    cdef Py_ssize_t i, j, k = a[0].shape[1]
    for i in range(a[0].shape[0]):
        x, y = <const real*>a[0].data + i * a[0].stride[0], <real*>a[2].data + i * a[2].stride[0]
        for j in range(a[2].shape[1]):
            y[j] = x[index[j]] if 0 <= index[j] < k else <real>NAN


declare(kernels, "take_columns", take_columns[float], take_columns[double], ROWS)


cdef void take_columns_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const int64_t* index = <const int64_t*>a[1].data
    cdef const real* dy
    cdef real* dx
    cdef Py_ssize_t i, j, k = a[2].shape[1]
    for i in range(a[0].shape[0]):
        dy, dx = <const real*>a[0].data + i * a[0].stride[0], <real*>a[2].data + i * a[2].stride[0]
        for j in range(k):
            dx[j] = 0
        for j in range(a[0].shape[1]):
            if 0 <= index[j] < k:
                dx[index[j]] += dy[j]


declare(kernels, "take_columns_backward", take_columns_backward[float], take_columns_backward[double], ROWS)
