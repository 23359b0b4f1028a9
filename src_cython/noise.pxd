"""Random numbers as a hash of seed, step and position; see fastnn/layers/noise.py."""

from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hash cimport splitmix
from kernel cimport Array
from real cimport real
from vmath cimport vlog

cdef enum:
    UNITS = 256


cdef inline real normal(uint32_t bits, real unit) noexcept nogil:
    """A number from the standard normal distribution: Wichura's AS 241 on 31 bits, the last one the sign; `unit` is 2^-32."""
    cdef real half = <real>(<int32_t>(bits >> 1)), rest = <real>(<int32_t>(0x7FFFFFFFU - (bits >> 1)))
    cdef real p = (half + <real>0.5) * unit
    cdef real q = (rest + <real>0.5) * unit
    cdef real near = <real>0.180625 - q * q
    cdef real far = sqrt(-vlog[real](p)) - <real>1.6
    cdef real middle = q * (
        ((<real>59.109374720 * near + <real>159.29113202) * near + <real>50.434271938) * near + <real>3.3871327179
    ) / (((<real>67.187563600 * near + <real>78.757757664) * near + <real>17.895169469) * near + <real>1)
    cdef real tail = (
        ((<real>0.17023821103 * far + <real>1.3067284816) * far + <real>2.7568153900) * far + <real>1.4234372777
    ) / ((<real>0.12021132975 * far + <real>0.73700164250) * far + <real>1)
    cdef real size = middle if q <= <real>0.425 else tail
    return -size if bits & 1 else size


cdef inline bint consecutive(const int64_t* row, Py_ssize_t n) noexcept nogil:
    cdef int64_t apart = 0
    cdef Py_ssize_t i
    for i in range(n):
        apart |= row[i] - row[0] - i
    return apart == 0


cdef inline void by_runs(
    void (*rule)(Py_ssize_t, const real*, real*, uint32_t, uint32_t, double) noexcept nogil, const Array* a, const double* s
) noexcept nogil:
    """Run `rule` on each run of units that follow one another: ``rule(n, x, y, low, high, scalar)``.

    `low` is the key's low half plus the first unit's position, `high` the other half.
    """
    cdef const real* x = <const real*>a[0].data
    cdef const int64_t* row = <const int64_t*>a[1].data
    cdef const uint64_t* step = <const uint64_t*>a[2].data
    cdef const uint64_t* seed = <const uint64_t*>a[3].data
    cdef real* y = <real*>a[4].data
    cdef uint64_t key = splitmix(splitmix(seed[0]) ^ step[0])
    cdef uint32_t low = <uint32_t>key, high = <uint32_t>(key >> 32), m = <uint32_t>a[0].shape[1]
    cdef Py_ssize_t n = a[0].shape[0], i
    if n and consecutive(row, n):  # one long row vectorises better than short ones
        rule(n * m, x, y, low + <uint32_t>row[0] * m, high, s[0])
        return
    for i in range(n):
        rule(m, x + i * m, y + i * m, low + <uint32_t>row[i] * m, high, s[0])
