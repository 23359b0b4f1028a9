"""Updates by running means of gradients and of their squares, each in one pass over memory: what followed Adam."""

from libc.math cimport pow, sqrt
from kernel cimport Array, declare
from real cimport real
from update cimport corrected, root, sign
from vmath cimport vabs


cdef inline real largest(real x, real y) noexcept nogil:
    """The larger of the two; NaN when either is."""
    return x if (x > y) | (x != x) else y


cdef void adamax(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* u = <real*>a[3].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef real rate = <real>(learning_rate / (1 - pow(beta_1, step))), keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), old_2 = <real>beta_2, eps = <real>epsilon
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] += (g[i] - m[i]) * new_1
        u[i] = largest(old_2 * u[i], vabs(g[i]))
        p[i] = keep * p[i] - rate * m[i] / (u[i] + eps)


declare(kernels, "adamax", adamax[float], adamax[double])


cdef void nadam(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef double correction = sqrt(1 - pow(beta_2, step))
    cdef real of_mean = <real>(learning_rate * correction * s[6]), of_gradient = <real>(learning_rate * correction * s[7])
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), eps = <real>(epsilon * correction)
    cdef real keep = <real>(1 - learning_rate * weight_decay)
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += (g[i] * g[i] - v[i]) * new_2
        p[i] = keep * p[i] - (of_mean * m[i] + of_gradient * g[i]) / (root(v[i]) + eps)


declare(kernels, "nadam", nadam[float], nadam[double])


cdef void radam(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef double decayed = pow(beta_2, step), end = 2 / (1 - beta_2) - 1, length = end - 2 * step * decayed / (1 - decayed)
    cdef double factor = learning_rate / (1 - pow(beta_1, step))
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), keep = <real>(1 - learning_rate * weight_decay)
    cdef real rate, of_root = 0, above = 1
    cdef Py_ssize_t i
    if length > 5:
        factor *= sqrt((1 - decayed) * (length - 4) * (length - 2) * end / ((end - 4) * (end - 2) * length))
        of_root, above = 1, <real>epsilon
    rate = <real>factor
    for i in range(a[0].shape[0]):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += (g[i] * g[i] - v[i]) * new_2
        p[i] = keep * p[i] - rate * m[i] / (of_root * root(v[i]) + above)


declare(kernels, "radam", radam[float], radam[double])


cdef void adabelief(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef real rate = <real>corrected(learning_rate, beta_1, beta_2, step), keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), under = <real>(epsilon * (1 - pow(beta_2, step)) / (1 - beta_2))
    cdef real eps = <real>(epsilon * sqrt(1 - pow(beta_2, step)))
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += ((g[i] - m[i]) * (g[i] - m[i]) - v[i]) * new_2
        p[i] = keep * p[i] - rate * m[i] / (root(v[i] + under) + eps)


declare(kernels, "adabelief", adabelief[float], adabelief[double])


cdef void lion(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], weight_decay = s[3]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2)
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        p[i] = keep * p[i] - rate * sign(m[i] + (g[i] - m[i]) * new_1)
        m[i] += (g[i] - m[i]) * new_2


declare(kernels, "lion", lion[float], lion[double])
