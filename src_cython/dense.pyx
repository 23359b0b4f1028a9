"""The three products of a dense layer and the sums of its bias' gradient."""

from kernel cimport ANY, Array, declare
from gemm cimport gemm
from real cimport real

kernels = {}


cdef void dense(const Array* a, const double* s, real* room) noexcept nogil:
    """z (n, m) = x (n, k) @ w (k, m) + b (m)"""
    gemm(a[3].shape[0], a[3].shape[1], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
         <const real*>a[1].data, a[1].stride[0], a[1].stride[1], <real*>a[3].data, a[3].stride[0], <const real*>a[2].data, room)

declare(kernels, "dense", dense[float], dense[double], ANY)


cdef void dense_backward_input(const Array* a, const double* s, real* room) noexcept nogil:
    """dx (n, k) = dz (n, m) @ w.T"""
    gemm(a[2].shape[0], a[2].shape[1], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
         <const real*>a[1].data, a[1].stride[1], a[1].stride[0], <real*>a[2].data, a[2].stride[0], <const real*>NULL, room)

declare(kernels, "dense_backward_input", dense_backward_input[float], dense_backward_input[double], ANY)


cdef void dense_backward_kernel(const Array* a, const double* s, real* room) noexcept nogil:
    """dw (k, m) = x.T @ dz (n, m)"""
    gemm(a[2].shape[0], a[2].shape[1], a[0].shape[0], <const real*>a[0].data, a[0].stride[1], a[0].stride[0],
         <const real*>a[1].data, a[1].stride[0], a[1].stride[1], <real*>a[2].data, a[2].stride[0], <const real*>NULL, room)

declare(kernels, "dense_backward_kernel", dense_backward_kernel[float], dense_backward_kernel[double], ANY)


cdef void dense_backward_bias(const Array* a, const double* s, real* room) noexcept nogil:
    """db (m) = the sums of dz's (n, m) columns"""
    cdef Py_ssize_t n = a[0].shape[0], m = a[0].shape[1], row = a[0].stride[0], col = a[0].stride[1], i, j
    cdef const real* dz = <const real*>a[0].data
    cdef real* db = <real*>a[1].data
    for j in range(m):
        db[j] = 0
    if col == 1:
        for i in range(n):
            for j in range(m):
                db[j] += dz[i * row + j]
    else:
        for i in range(n):
            for j in range(m):
                db[j] += dz[i * row + j * col]

declare(kernels, "dense_backward_bias", dense_backward_bias[float], dense_backward_bias[double], ANY)
