"""What sample weights are divided by, where that isn't the number of samples."""

from libc.stdint cimport int64_t
from kernel cimport Array, declare
from real cimport real
from rows cimport row_sum


cdef void count_labels(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const int64_t* labels = <const int64_t*>a[0].data
    cdef const real* weights = <const real*>a[1].data
    cdef real* counted = <real*>a[2].data
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        counted[i] = <real>0 if <double>labels[i] == s[0] else weights[i]

declare(kernels, "count_labels", count_labels[float], count_labels[double])


cdef void sum_weights(const Array* a, const double* s, real* room) noexcept nogil:
    cdef double* total = <double*>a[1].data
    total[0] = row_sum(<const real*>a[0].data, a[0].shape[0])
    if total[0] == 0:
        total[0] = 1

declare(kernels, "sum_weights", sum_weights[float], sum_weights[double])
