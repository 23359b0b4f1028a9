"""Dropout masks as a hash of seed, step and position; see fastnn/layers/dropout.py."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from hash cimport mix, splitmix
from kernel cimport Array, declare
from real cimport real

kernels = {}

cdef enum:
    UNITS = 256


cdef void drop(Py_ssize_t n, const real* x, real* y, uint32_t low, uint32_t high, double rate) noexcept nogil:
    """y = x where the unit stays, scaled; y may be x. `low` is the key's low half plus the first unit's position.

    The hash is one long chain: in two loops of UNITS, more vectors of it are under way at once (0.095 against 0.126 ns a unit on v4).
    """
    cdef uint32_t[UNITS] half
    cdef uint32_t threshold = <uint32_t>(rate * 4294967296.0)
    cdef real factor = <real>(1 / (1 - rate)), scaled
    cdef Py_ssize_t chunk, start, i
    for chunk in range((n + UNITS - 1) // UNITS):
        start = chunk * UNITS
        for i in range(min(UNITS, n - start)):
            half[i] = mix(<uint32_t>(start + i) + low) ^ high
        for i in range(min(UNITS, n - start)):
            scaled = x[start + i] * factor  # of every unit: a load that depends on the mask would be a branch at the baseline
            y[start + i] = scaled if mix(half[i]) >= threshold else 0


cdef bint consecutive(const int64_t* row, Py_ssize_t n) noexcept nogil:
    cdef int64_t apart = 0
    cdef Py_ssize_t i
    for i in range(n):
        apart |= row[i] - row[0] - i
    return apart == 0


cdef void dropout(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const int64_t* row = <const int64_t*>a[1].data
    cdef const uint64_t* step = <const uint64_t*>a[2].data
    cdef const uint64_t* seed = <const uint64_t*>a[3].data
    cdef real* y = <real*>a[4].data
    cdef uint64_t key = splitmix(splitmix(seed[0]) ^ step[0])
    cdef uint32_t low = <uint32_t>key, high = <uint32_t>(key >> 32), m = <uint32_t>a[0].shape[1]
    cdef Py_ssize_t n = a[0].shape[0], i
    if n and consecutive(row, n):  # one long row vectorises better than short ones
        drop(n * m, x, y, low + <uint32_t>row[0] * m, high, s[0])
        return
    for i in range(n):
        drop(m, &x[i * m], &y[i * m], low + <uint32_t>row[i] * m, high, s[0])


declare(kernels, "dropout", dropout[float], dropout[double])


cdef void dropout_backward(const Array* a, const double* s, real* room) noexcept nogil:
    dropout(a, s, room)


declare(kernels, "dropout_backward", dropout_backward[float], dropout_backward[double])
