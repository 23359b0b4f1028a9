"""Muon: a matrix' momentum with its singular values brought near 1, by products of the matrix with itself."""

from libc.math cimport pow, sqrt
from gemm cimport gemm
from kernel cimport Array, declare
from real cimport real
from rows cimport row_sum_of_squares


cdef inline void combine(real* x, real of_x, const real* y, real of_y, Py_ssize_t n) noexcept nogil:
    """X = of_x * x + of_y * y."""
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = of_x * x[i] + of_y * y[i]


cdef inline void direction(const real* g, real* b, real* x, Py_ssize_t n, const double* s) noexcept nogil:
    """The momentum b, and in x what the step goes along, scaled to a norm of 1."""
    cdef real inertia = <real>s[2], of_gradient = <real>s[3], of_momentum = <real>s[4], scale
    cdef Py_ssize_t i
    for i in range(n):
        b[i] = inertia * b[i] + g[i]
        x[i] = of_gradient * g[i] + of_momentum * b[i]
    scale = <real>(1 / (sqrt(row_sum_of_squares(x, n, 1)) + 1e-7))
    for i in range(n):
        x[i] *= scale


cdef inline void move(real* p, const real* x, Py_ssize_t k, Py_ssize_t m, const double* s) noexcept nogil:
    cdef double learning_rate = s[0], weight_decay = s[1]
    combine(p, <real>(1 - learning_rate * weight_decay), x, <real>(-learning_rate * s[5] * pow(max(k, m), s[6])), k * m)


cdef void muon_wide(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* x = <real*>a[3].data
    cdef real* y = <real*>a[4].data
    cdef real* gram = <real*>a[5].data
    cdef real* poly = <real*>a[6].data
    cdef Py_ssize_t k = a[0].shape[0], m = a[0].shape[1], _turn
    direction(<const real*>a[1].data, <real*>a[2].data, x, k * m, s)
    for _turn in range(<Py_ssize_t>s[10]):
        gemm(k, k, m, <const real*>x, m, 1, <const real*>x, 1, m, gram, k, <const real*>NULL, room)
        gemm(k, k, k, <const real*>gram, k, 1, <const real*>gram, k, 1, poly, k, <const real*>NULL, room)
        combine(poly, <real>s[9], <const real*>gram, <real>s[8], k * k)
        gemm(k, m, k, <const real*>poly, k, 1, <const real*>x, m, 1, y, m, <const real*>NULL, room)
        combine(x, <real>s[7], <const real*>y, 1, k * m)
    move(<real*>a[0].data, <const real*>x, k, m, s)


declare(kernels, "muon_wide", muon_wide[float], muon_wide[double])


cdef void muon_tall(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* x = <real*>a[3].data
    cdef real* y = <real*>a[4].data
    cdef real* gram = <real*>a[5].data
    cdef real* poly = <real*>a[6].data
    cdef Py_ssize_t k = a[0].shape[0], m = a[0].shape[1], _turn
    direction(<const real*>a[1].data, <real*>a[2].data, x, k * m, s)
    for _turn in range(<Py_ssize_t>s[10]):
        gemm(m, m, k, <const real*>x, 1, m, <const real*>x, m, 1, gram, m, <const real*>NULL, room)
        gemm(m, m, m, <const real*>gram, m, 1, <const real*>gram, m, 1, poly, m, <const real*>NULL, room)
        combine(poly, <real>s[9], <const real*>gram, <real>s[8], m * m)
        gemm(k, m, m, <const real*>x, m, 1, <const real*>poly, m, 1, y, m, <const real*>NULL, room)
        combine(x, <real>s[7], <const real*>y, 1, k * m)
    move(<real*>a[0].data, <const real*>x, k, m, s)


declare(kernels, "muon_tall", muon_tall[float], muon_tall[double])
