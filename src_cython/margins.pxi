"""Losses of one class out of m by how far the others' outputs stay behind, and their gradients, in one call."""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from kernel cimport Array, declare
from loss cimport row_product
from real cimport real
from rows cimport row_max, row_sum
from vmath cimport vmax


cdef void categorical_hinge(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, k, best, n = a[0].shape[0], m = a[0].shape[1]
    cdef real largest, u, pull
    for i in range(n if m else 0):
        for k in range(m):
            dy[k] = (<real>1 - t[k]) * y[k]
        largest = row_max(<const real*>dy, m)
        best = 0
        while best < m - 1 and dy[best] != largest:
            best += 1
        u = (largest - <real>row_product(y, t, m)) + <real>1
        u += <real>0 * <real>row_sum(<const real*>dy, m)  # row_max passes over NaN
        pull = w[i] if u > <real>0 else (<real>0 if u <= <real>0 else u)
        value[i] = w[i] * vmax(u, <real>0)
        for k in range(m):
            dy[k] = -pull * t[k]
        dy[best] += pull * (<real>1 - t[best])
        y, t, dy = y + m, t + m, dy + m

declare(kernels, "categorical_hinge", categorical_hinge[float], categorical_hinge[double])


cdef void multi_margin(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef const real* weight = <const real*>a[5].data
    cdef Py_ssize_t i, k, label, n = a[0].shape[0], m = a[0].shape[1]
    cdef bint squares = s[0] == 2, known
    cdef real margin, u, scale, total
    for i in range(n if m else 0):
        known = 0 <= labels[i] < m
        label = labels[i] if known else 0
        scale = w[i] * weight[label] / <real>m if known else <real>NAN
        margin = <real>s[1] - y[label]
        for k in range(m):
            dy[k] = vmax(margin + y[k], <real>0)
        dy[label] = <real>0
        value[i] = scale * <real>(row_product(<const real*>dy, <const real*>dy, m) if squares else row_sum(<const real*>dy, m))
        for k in range(m):
            u = dy[k]
            dy[k] = <real>2 * u if squares else (<real>1 if u > <real>0 else u)
        total = <real>row_sum(<const real*>dy, m)
        for k in range(m):
            dy[k] *= scale
        dy[label] = -scale * total
        y, dy = y + m, dy + m

declare(kernels, "multi_margin", multi_margin[float], multi_margin[double])
