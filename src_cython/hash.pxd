"""Random bits as a hash of seed, step and position; see fastnn/layers/dropout.py."""

from libc.stdint cimport uint32_t, uint64_t


cdef inline uint64_t splitmix(uint64_t z) noexcept nogil:
    z += 0x9E3779B97F4A7C15ULL
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline uint32_t mix(uint32_t h) noexcept nogil:
    h = (h ^ (h >> 16)) * 0x21F0AAADU
    h = (h ^ (h >> 15)) * 0xD35A2D97U
    return h ^ (h >> 15)
