"""A leaky relu with a slope a column. `a` may be z, and dz may be da."""

from columns cimport column_sums, single_sum
from kernel cimport ROWS, Array, declare
from real cimport real


cdef void prelu(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>a[0].data
    cdef const real* alpha = <const real*>a[1].data
    cdef real* out = <real*>a[2].data
    cdef Py_ssize_t i, j, n = a[0].shape[0], m = a[0].shape[1]
    cdef real slope
    if m == 1:  # one for all
        slope = alpha[0]
        for i in range(n):
            out[i] = z[i] if z[i] > 0 else slope * z[i]
        return
    for i in range(n):
        for j in range(m):
            out[i * m + j] = z[i * m + j] if z[i * m + j] > 0 else alpha[j] * z[i * m + j]

declare(kernels, "prelu", prelu[float], prelu[double])


cdef void prelu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>a[0].data
    cdef const real* alpha = <const real*>a[1].data
    cdef const real* da = <const real*>a[2].data
    cdef real* dz = <real*>a[3].data
    cdef Py_ssize_t i, j, n = a[0].shape[0], m = a[0].shape[1]
    cdef real slope
    if m == 1:
        slope = alpha[0]
        for i in range(n):
            dz[i] = da[i] * (<real>1 if z[i] > 0 else slope)
        return
    for i in range(n):
        for j in range(m):
            dz[i * m + j] = da[i * m + j] * (<real>1 if z[i * m + j] > 0 else alpha[j])

declare(kernels, "prelu_backward", prelu_backward[float], prelu_backward[double])


cdef inline real below_zero(const real* z, const real* da, const real* unused, Py_ssize_t i) noexcept nogil:
    return da[i] * (<real>0 if z[i] > 0 else z[i])


cdef void prelu_backward_alpha(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* z = <const real*>a[0].data
    cdef const real* da = <const real*>a[1].data
    cdef real* dalpha = <real*>a[2].data
    if a[0].shape[1] == 1 and a[0].stride[0] == 1 and a[1].stride[0] == 1:
        dalpha[0] = <real>single_sum[real](below_zero[real], z, da, z, a[0].shape[0])
    else:
        column_sums[real](below_zero[real], z, da, z, dalpha, a[0].shape[0], a[0].shape[1], a[0].stride[0])

declare(kernels, "prelu_backward_alpha", prelu_backward_alpha[float], prelu_backward_alpha[double], ROWS)
