"""A leaky relu whose slopes are a hash of seed, step and position; see fastnn/layers/rrelu.py."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hash cimport mix, splitmix
from kernel cimport Array, declare
from real cimport real


cdef inline void sloped(
    const real* z, const real* x, real* y, const int64_t* row, uint64_t key, Py_ssize_t n, Py_ssize_t m, real lower, real width
) noexcept nogil:
    """y = x where z > 0, else x times the unit's slope; y may be x."""
    cdef uint32_t high = <uint32_t>(key >> 32), low
    cdef Py_ssize_t i, j
    cdef real slope
    for i in range(n):
        low = <uint32_t>key + <uint32_t>row[i] * <uint32_t>m
        for j in range(m):
            slope = lower + width * <real><int32_t>(mix(mix(<uint32_t>j + low) ^ high) >> 8)
            y[i * m + j] = x[i * m + j] if z[i * m + j] > 0 else x[i * m + j] * slope


cdef void rrelu(const Array* a, const double* s, real* room) noexcept nogil:
    cdef uint64_t key = splitmix(splitmix((<const uint64_t*>a[3].data)[0]) ^ (<const uint64_t*>a[2].data)[0])
    cdef const real* z = <const real*>a[0].data
    cdef real width = <real>((s[1] - s[0]) / 16777216.0)
    sloped[real](z, z, <real*>a[4].data, <const int64_t*>a[1].data, key, a[0].shape[0], a[0].shape[1], <real>s[0], width)

declare(kernels, "rrelu", rrelu[float], rrelu[double])


cdef void rrelu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef uint64_t key = splitmix(splitmix((<const uint64_t*>a[4].data)[0]) ^ (<const uint64_t*>a[3].data)[0])
    cdef const real* z = <const real*>a[0].data
    cdef const real* da = <const real*>a[1].data
    cdef real width = <real>((s[1] - s[0]) / 16777216.0)
    sloped[real](z, da, <real*>a[5].data, <const int64_t*>a[2].data, key, a[0].shape[0], a[0].shape[1], <real>s[0], width)

declare(kernels, "rrelu_backward", rrelu_backward[float], rrelu_backward[double])
