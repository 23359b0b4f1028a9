"""A learnable mix of the identity and an activation."""

from columns cimport column_sums
from kernel cimport ROWS, Array, declare
from real cimport real


cdef void mix(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* activated = <const real*>a[1].data
    cdef const real* weight = <const real*>a[2].data
    cdef real* y = <real*>a[3].data
    cdef Py_ssize_t i, j, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        for j in range(m):
            y[i * m + j] = x[i * m + j] + (activated[i * m + j] - x[i * m + j]) * weight[j]

declare(kernels, "mix", mix[float], mix[double])


cdef void mix_backward_activation(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* weight = <const real*>a[0].data
    cdef const real* dy = <const real*>a[1].data
    cdef real* da = <real*>a[2].data
    cdef Py_ssize_t i, j, m = a[1].shape[1]
    for i in range(a[1].shape[0]):
        for j in range(m):
            da[i * m + j] = dy[i * m + j] * weight[j]

declare(kernels, "mix_backward_activation", mix_backward_activation[float], mix_backward_activation[double])


cdef void mix_backward_input(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* weight = <const real*>a[0].data
    cdef const real* dy = <const real*>a[1].data
    cdef real* dx = <real*>a[2].data
    cdef Py_ssize_t i, j, m = a[1].shape[1]
    for i in range(a[1].shape[0]):
        for j in range(m):
            dx[i * m + j] += dy[i * m + j] * (<real>1 - weight[j])

declare(kernels, "mix_backward_input", mix_backward_input[float], mix_backward_input[double])


cdef inline real moved(const real* x, const real* activated, const real* dy, Py_ssize_t i) noexcept nogil:
    return dy[i] * (activated[i] - x[i])


cdef void mix_backward_weight(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* activated = <const real*>a[1].data
    cdef const real* dy = <const real*>a[2].data
    column_sums[real](moved[real], x, activated, dy, <real*>a[3].data, a[0].shape[0], a[0].shape[1], a[0].stride[0])

declare(kernels, "mix_backward_weight", mix_backward_weight[float], mix_backward_weight[double], ROWS)
