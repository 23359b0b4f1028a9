"""Optimizer updates and gradient clipping on flat vectors, each in one pass over memory.

Where a sum of two products can be avoided, it is: a compiler may fuse either product with the addition, and may choose
otherwise in a loop's vector body than in its scalar end. The bits of an entry would then depend on where a call is cut.
"""

from libc.math cimport INFINITY, NAN, sqrt
from kernel cimport Array, declare
from real cimport real
from rows cimport row_sum_of_squares
from update cimport corrected, root
from vmath cimport vabs, vmax, vmin


cdef void clip_by_value(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* g = <real*>a[0].data
    cdef real high = <real>s[0]
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        g[i] = vmin(vmax(g[i], -high), high)


declare(kernels, "clip_by_value", clip_by_value[float], clip_by_value[double])


cdef double norm(const real* g, Py_ssize_t n) noexcept nogil:
    """The Euclidean norm; squares that over- or underflow a double are taken again of scaled entries."""
    cdef double squares = row_sum_of_squares(g, n, 1.0)
    cdef double largest = 0
    cdef Py_ssize_t i
    if 1e-280 < squares < INFINITY or squares != squares:
        return sqrt(squares)
    for i in range(n):
        largest = max(largest, <double>vabs(g[i]))
    if largest == 0 or largest == INFINITY:
        return largest
    if largest < 1e-290:  # the reciprocal of a denormal overflows
        return sqrt(row_sum_of_squares(g, n, 1e300)) / 1e300
    return largest * sqrt(row_sum_of_squares(g, n, 1.0 / largest))


cdef void clip_by_norm(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* g = <real*>a[0].data
    cdef Py_ssize_t i, n = a[0].shape[0]
    cdef double limit = s[0], length = norm(g, n), factor
    if not length <= limit:
        factor = limit / length if length < INFINITY else NAN
        for i in range(n):
            g[i] = <real>(g[i] * factor)


declare(kernels, "clip_by_norm", clip_by_norm[float], clip_by_norm[double])


cdef void sgd(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real rate = <real>s[0], decay = <real>s[1]
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        p[i] -= rate * (g[i] + decay * p[i])


declare(kernels, "sgd", sgd[float], sgd[double])


cdef void sgd_momentum(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef double learning_rate = s[0], momentum = s[1], dampening = s[2], weight_decay = s[3]
    cdef real rate = <real>(learning_rate * (1 - dampening)), keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] = inertia * m[i] - rate * g[i]
        p[i] = keep * p[i] + m[i]


declare(kernels, "sgd_momentum", sgd_momentum[float], sgd_momentum[double])


cdef void sgd_nesterov(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef double learning_rate = s[0], momentum = s[1], dampening = s[2], weight_decay = s[3]
    cdef real rate = <real>(learning_rate * (1 - dampening)), keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] = inertia * m[i] - rate * g[i]
        p[i] = keep * p[i] + (inertia * m[i] - rate * g[i])


declare(kernels, "sgd_nesterov", sgd_nesterov[float], sgd_nesterov[double])


cdef void rmsprop(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef double learning_rate = s[0], rho = s[1], epsilon = s[2], weight_decay = s[3]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real new = <real>(1 - rho), eps = <real>epsilon
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += (g[i] * g[i] - v[i]) * new
        p[i] = keep * p[i] - rate * g[i] / root(v[i] + eps)


declare(kernels, "rmsprop", rmsprop[float], rmsprop[double])


cdef void rmsprop_momentum(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef real* m = <real*>a[3].data
    cdef double learning_rate = s[0], rho = s[1], momentum = s[2], epsilon = s[3], weight_decay = s[4]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef real new = <real>(1 - rho), eps = <real>epsilon
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += (g[i] * g[i] - v[i]) * new
        m[i] = inertia * m[i] + rate * g[i] / root(v[i] + eps)
        p[i] = keep * p[i] - m[i]


declare(kernels, "rmsprop_momentum", rmsprop_momentum[float], rmsprop_momentum[double])


cdef inline real variance(real v, real mean) noexcept nogil:
    """v - mean**2, but not below 0: rounding can make it negative, whose root would be NaN for the rest of the run."""
    return vmax(v - mean * mean, <real>0)


cdef void rmsprop_centered(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef real* mean = <real*>a[3].data
    cdef double learning_rate = s[0], rho = s[1], epsilon = s[2], weight_decay = s[3]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real new = <real>(1 - rho), eps = <real>epsilon, deviation
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += (g[i] * g[i] - v[i]) * new
        mean[i] += (g[i] - mean[i]) * new
        deviation = root(variance(v[i], mean[i]) + eps)  # before keep * p, which a branch would part from its sum
        p[i] = keep * p[i] - rate * g[i] / deviation


declare(kernels, "rmsprop_centered", rmsprop_centered[float], rmsprop_centered[double])


cdef void rmsprop_centered_momentum(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef real* mean = <real*>a[3].data
    cdef real* m = <real*>a[4].data
    cdef double learning_rate = s[0], rho = s[1], momentum = s[2], epsilon = s[3], weight_decay = s[4]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef real new = <real>(1 - rho), eps = <real>epsilon, deviation
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += (g[i] * g[i] - v[i]) * new
        mean[i] += (g[i] - mean[i]) * new
        deviation = root(variance(v[i], mean[i]) + eps)
        m[i] = inertia * m[i] + rate * g[i] / deviation
        p[i] = keep * p[i] - m[i]


declare(kernels, "rmsprop_centered_momentum", rmsprop_centered_momentum[float], rmsprop_centered_momentum[double])


cdef void adagrad(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef double learning_rate = s[0], epsilon = s[1], weight_decay = s[2]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), eps = <real>epsilon
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += g[i] * g[i]
        p[i] = keep * p[i] - rate * g[i] / root(v[i] + eps)


declare(kernels, "adagrad", adagrad[float], adagrad[double])


cdef void adam(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef real rate = <real>corrected(learning_rate, beta_1, beta_2, step), keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), eps = <real>epsilon
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += (g[i] * g[i] - v[i]) * new_2
        p[i] = keep * p[i] - rate * m[i] / (root(v[i]) + eps)


declare(kernels, "adam", adam[float], adam[double])


cdef void adam_amsgrad(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef real* v_hat = <real*>a[4].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef real rate = <real>corrected(learning_rate, beta_1, beta_2, step), keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), eps = <real>epsilon
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        m[i] += (g[i] - m[i]) * new_1
        v[i] += (g[i] * g[i] - v[i]) * new_2
        v_hat[i] = vmax(v[i], v_hat[i])
        p[i] = keep * p[i] - rate * m[i] / (root(v_hat[i]) + eps)


declare(kernels, "adam_amsgrad", adam_amsgrad[float], adam_amsgrad[double])
