"""Bringing a batch's samples, targets and weights into a program's buffers, and its loss out."""

from libc.math cimport NAN
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from inline cimport inline_void
from kernel cimport Array, declare
from real cimport real
from rows cimport row_sum

kernels = {}

cdef extern from *:
    """
    #if defined(__GNUC__)
      #define FASTNN_FETCH(address) __builtin_prefetch(address)
    #else
      #define FASTNN_FETCH(address) ((void)(address))
    #endif
    """
    void prefetch "FASTNN_FETCH"(const void* address) noexcept nogil

cdef enum:
    AHEAD = 8         # rows from being fetched to being copied
    FETCHED = 256     # bytes of a row: the processor fetches the rest by itself


cdef inline void look_ahead(
    Py_ssize_t i, Py_ssize_t n, Py_ssize_t m, Py_ssize_t bytes, const void* source, const int64_t* index
) noexcept nogil:
    """Fetch the row that will be copied AHEAD rows after row i: rows in random order are found by nothing else."""
    cdef Py_ssize_t q
    if i + AHEAD < n and 0 <= index[i + AHEAD] < m:
        for q in range(min(bytes, FETCHED) // 64 + 1):
            prefetch(<const char*>source + index[i + AHEAD] * bytes + q * 64)


cdef inline inline_void copy_rows(
    Py_ssize_t n, Py_ssize_t m, const Py_ssize_t k, const real* source, const int64_t* index, real* x
) noexcept nogil:
    """x (n, k) = rows of source (m, k); k is a literal where rows are so short that a call of memcpy would cost more than they do."""
    cdef Py_ssize_t i, j
    for i in range(n):
        look_ahead(i, n, m, k * sizeof(real), source, index)
        if 0 <= index[i] < m:
            for j in range(k):
                x[i * k + j] = source[index[i] * k + j]
        else:
            for j in range(k):
                x[i * k + j] = <real>NAN


cdef void gather(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* source = <const real*>a[0].data
    cdef const int64_t* index = <const int64_t*>a[1].data
    cdef real* x = <real*>a[2].data
    cdef Py_ssize_t i, j, m = a[0].shape[0], k = a[0].shape[1], n = a[1].shape[0]
    for i in range(min(AHEAD, n)):
        look_ahead(i - AHEAD, n, m, k * sizeof(real), source, index)
    if k == 1:
        copy_rows(n, m, 1, source, index, x)
    elif k == 2:
        copy_rows(n, m, 2, source, index, x)
    elif k <= 16:
        copy_rows(n, m, k, source, index, x)
    else:
        for i in range(n):
            look_ahead(i, n, m, k * sizeof(real), source, index)
            if 0 <= index[i] < m:
                memcpy(x + i * k, source + index[i] * k, k * sizeof(real))
            else:
                for j in range(k):
                    x[i * k + j] = <real>NAN


declare(kernels, "gather", gather[float], gather[double])


cdef void gather_labels(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const int64_t* source = <const int64_t*>a[0].data
    cdef const int64_t* index = <const int64_t*>a[1].data
    cdef int64_t* labels = <int64_t*>a[2].data
    cdef Py_ssize_t i, m = a[0].shape[0]
    for i in range(a[1].shape[0]):
        labels[i] = source[index[i]] if 0 <= index[i] < m else -1


declare(kernels, "gather_labels", gather_labels[float], gather_labels[double])


cdef void share_weights(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* weights = <const real*>a[0].data
    cdef real* w = <real*>a[2].data
    cdef real share = <real>(1 / (<const double*>a[1].data)[0])
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        w[i] = weights[i] * share


declare(kernels, "share_weights", share_weights[float], share_weights[double])


cdef void share_equally(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* w = <real*>a[1].data
    cdef real share = <real>(1 / (<const double*>a[0].data)[0])
    cdef Py_ssize_t i
    for i in range(a[1].shape[0]):
        w[i] = share


declare(kernels, "share_equally", share_equally[float], share_equally[double])


cdef void accumulate_loss(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* penalty = <real*>a[1].data
    cdef double* sums = <double*>a[2].data
    cdef double* batch = <double*>a[3].data
    cdef Py_ssize_t n = a[0].shape[0]
    batch[0] = (row_sum[real](<const real*>a[0].data, n) if n else 0) + penalty[0]
    penalty[0] = 0
    sums[0] += batch[0] * n
    sums[1] += n


declare(kernels, "accumulate_loss", accumulate_loss[float], accumulate_loss[double])


cdef void shuffle(const Array* a, const double* s, real* room) noexcept nogil:
    cdef int64_t[256] places
    cdef int64_t* order = <int64_t*>a[1].data
    cdef uint64_t key = (<const uint64_t*>a[0].data)[0], z
    cdef Py_ssize_t start, i, n = a[1].shape[0]
    for start from 0 <= start < n by 256:
        for i in range(256):  # apart from the swaps, so that it vectorises
            z = key + <uint64_t>(start + i + 1) * 0x9E3779B97F4A7C15ULL
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
            places[i] = <int64_t>(((z ^ (z >> 31)) >> 32) * <uint64_t>(start + i + 1) >> 32)
        for i in range(min(256, n - start)):
            order[start + i] = order[places[i]]
            order[places[i]] = start + i


declare(kernels, "shuffle", shuffle[float], shuffle[double])
