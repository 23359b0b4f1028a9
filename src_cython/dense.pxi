"""The three products of a dense layer and the sums of its bias' gradient."""

from kernel cimport ANY, Array, declare
from gemm cimport BYTES, dots, gemm
from narrow cimport outer, short_dots, weighted_sum
from real cimport real

cdef void dense(const Array* a, const double* s, real* room) noexcept nogil:
    """z (n, m) = x (n, k) @ w (k, m) + b (m)"""
    if a[3].shape[1] == 1 and a[0].shape[1] < BYTES // 2 // <Py_ssize_t>sizeof(real):
        short_dots(a[0].shape[0], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
                   <const real*>a[1].data, a[1].stride[0], <real*>a[3].data, a[3].stride[0], <const real*>a[2].data, room)
    elif a[3].shape[1] == 1:
        dots(a[3].shape[0], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
             <const real*>a[1].data, a[1].stride[0], <real*>a[3].data, a[3].stride[0], <const real*>a[2].data)
    else:
        gemm(a[3].shape[0], a[3].shape[1], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
             <const real*>a[1].data, a[1].stride[0], a[1].stride[1], <real*>a[3].data, a[3].stride[0], <const real*>a[2].data, room)

declare(kernels, "dense", dense[float], dense[double], ANY)


cdef void dense_backward_input(const Array* a, const double* s, real* room) noexcept nogil:
    """dx (n, k) = dz (n, m) @ w.T"""
    if a[0].shape[1] == 1:
        outer(a[2].shape[0], a[2].shape[1], <const real*>a[0].data, a[0].stride[0], <const real*>a[1].data, a[1].stride[0],
              <real*>a[2].data, a[2].stride[0], room)
    elif a[2].shape[1] == 1:
        dots(a[2].shape[0], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
             <const real*>a[1].data, a[1].stride[1], <real*>a[2].data, a[2].stride[0], <const real*>NULL)
    else:
        gemm(a[2].shape[0], a[2].shape[1], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
             <const real*>a[1].data, a[1].stride[1], a[1].stride[0], <real*>a[2].data, a[2].stride[0], <const real*>NULL, room)

declare(kernels, "dense_backward_input", dense_backward_input[float], dense_backward_input[double], ANY)


cdef void dense_backward_kernel(const Array* a, const double* s, real* room) noexcept nogil:
    """dw (k, m) = x.T @ dz (n, m)"""
    if a[1].shape[1] == 1 and (a[2].stride[0] == 1 or a[2].shape[0] == 1):
        weighted_sum(a[0].shape[0], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1],
                     <const real*>a[1].data, a[1].stride[0], <real*>a[2].data, room)
        return
    gemm(a[2].shape[0], a[2].shape[1], a[0].shape[0], <const real*>a[0].data, a[0].stride[1], a[0].stride[0],
         <const real*>a[1].data, a[1].stride[0], a[1].stride[1], <real*>a[2].data, a[2].stride[0], <const real*>NULL, room)

declare(kernels, "dense_backward_kernel", dense_backward_kernel[float], dense_backward_kernel[double], ANY)


cdef void dense_backward_bias(const Array* a, const double* s, real* room) noexcept nogil:
    """db (m) = ones (n) @ dz (n, m)"""
    cdef real one = 1
    weighted_sum(a[0].shape[0], a[0].shape[1], <const real*>a[0].data, a[0].stride[0], a[0].stride[1], &one, 0, <real*>a[1].data,
                 room)

declare(kernels, "dense_backward_bias", dense_backward_bias[float], dense_backward_bias[double], ANY)
