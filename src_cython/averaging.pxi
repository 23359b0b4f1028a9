"""What optimizers do around an update: gradients summed up over batches, and a running average of the parameters."""

from libc.string cimport memcpy

from kernel cimport Array, declare
from real cimport real


cdef void accumulate_gradient(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* g = <const real*>a[0].data
    cdef real* total = <real*>a[1].data
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        total[i] += g[i]


declare(kernels, "accumulate_gradient", accumulate_gradient[float], accumulate_gradient[double])


cdef void mean_gradient(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* g = <real*>a[0].data
    cdef real* total = <real*>a[1].data
    cdef real count = <real>s[0]
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        g[i] = total[i] / count
        total[i] = 0


declare(kernels, "mean_gradient", mean_gradient[float], mean_gradient[double])


cdef void average_parameters(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* p = <const real*>a[0].data
    cdef real* average = <real*>a[1].data
    cdef real new = <real>(1 - s[0])
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        average[i] += (p[i] - average[i]) * new


declare(kernels, "average_parameters", average_parameters[float], average_parameters[double])


cdef void take_average(const Array* a, const double* s, real* room) noexcept nogil:
    memcpy(a[0].data, a[1].data, a[0].shape[0] * sizeof(real))


declare(kernels, "take_average", take_average[float], take_average[double])
