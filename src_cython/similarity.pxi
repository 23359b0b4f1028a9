"""Losses that compare rows as directions or distributions, and their gradients, in one call."""

from libc.math cimport sqrt
from kernel cimport Array, declare
from loss cimport row_product, sum_of
from real cimport real
from vmath cimport vabs, vlog, vmax, vmin


cdef void cosine_similarity(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, k, n = a[0].shape[0], m = a[0].shape[1]
    cdef double length, bounded, other, cosine
    cdef real scale, turn, of_y, of_t
    for i in range(n):
        length = sqrt(row_product(y, y, m))
        bounded = vmax(length, 1e-7)
        other = vmax(sqrt(row_product(t, t, m)), 1e-7)
        cosine = row_product(y, t, m) / (bounded * other)
        value[i] = -w[i] * <real>cosine
        turn = <real>(0.0 if bounded > length else cosine)
        scale, of_y, of_t = w[i] / <real>bounded, <real>bounded, <real>other
        for k in range(m):
            dy[k] = scale * (y[k] / of_y * turn - t[k] / of_t)
        y, t, dy = y + m, t + m, dy + m

declare(kernels, "cosine_similarity", cosine_similarity[float], cosine_similarity[double])


cdef void relative_entropy(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p, q
    for k in range(count):
        p = vmin(vmax(y[k], <real>1e-7), <real>1)
        q = vmin(vmax(t[k], <real>1e-7), <real>1)
        slope[k] = <real>0 if vabs(y[k] - p) > <real>0 else -q / p
        term[k] = q * vlog(q / p)


cdef void kl_divergence(const Array* a, const double* s, real* room) noexcept nogil:
    sum_of[real](relative_entropy[real], <real>1, NULL, a, s, room)

declare(kernels, "kl_divergence", kl_divergence[float], kl_divergence[double])
