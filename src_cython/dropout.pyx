"""Dropout masks as a hash of seed, step and position; see fastnn/layers/dropout.py."""

from libc.stdint cimport uint32_t, uint64_t

from check cimport expect_matrix
from real cimport real


cdef uint64_t splitmix(uint64_t z) noexcept nogil:
    z += 0x9E3779B97F4A7C15ULL
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline uint32_t mix(uint32_t h) noexcept nogil:
    h = (h ^ (h >> 16)) * 0x21F0AAADU
    h = (h ^ (h >> 15)) * 0xD35A2D97U
    return h ^ (h >> 15)


cdef void drop(Py_ssize_t n, const real* x, real* y, uint64_t step, double rate, uint64_t seed) noexcept nogil:
    """y = x where the unit stays, scaled; y may be x."""
    cdef uint64_t key = splitmix(splitmix(seed) ^ step)
    cdef uint32_t low = <uint32_t>key, high = <uint32_t>(key >> 32), threshold = <uint32_t>(rate * 4294967296.0), i
    cdef real factor = <real>(1 / (1 - rate))
    for i in range(<uint32_t>n):
        y[i] = x[i] * factor if mix(mix(i + low) ^ high) >= threshold else 0


cdef int check(str op, const Py_ssize_t* shape, Py_ssize_t steps, double rate) except -1:
    if steps != 1 or not 0 <= rate < 1:
        raise ValueError(f"{op}: step must have 1 entry and rate lie in [0, 1), got {steps} and {rate}")
    if <uint64_t>shape[0] * <uint64_t>shape[1] > 0xFFFFFFFFULL:
        raise ValueError(f"{op}: a mask has at most 2**32 - 1 units, got {shape[0]} x {shape[1]}; use smaller batches")
    return 0


def dropout(const real[:, ::1] x not None, const uint64_t[::1] step not None, real[:, ::1] y not None, double rate, uint64_t seed):
    expect_matrix("dropout", "y", y.shape, x.shape[0], x.shape[1])
    check("dropout", x.shape, step.shape[0], rate)
    if x.shape[0] and x.shape[1]:
        with nogil:
            drop(x.shape[0] * x.shape[1], &x[0, 0], &y[0, 0], step[0], rate, seed)


def dropout_backward(
    const real[:, ::1] dy not None, const uint64_t[::1] step not None, real[:, ::1] dx not None, double rate, uint64_t seed
):
    expect_matrix("dropout_backward", "dx", dx.shape, dy.shape[0], dy.shape[1])
    check("dropout_backward", dy.shape, step.shape[0], rate)
    if dy.shape[0] and dy.shape[1]:
        with nogil:
            drop(dy.shape[0] * dy.shape[1], &dy[0, 0], &dx[0, 0], step[0], rate, seed)
