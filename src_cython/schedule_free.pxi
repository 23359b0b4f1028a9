"""Schedule-Free steps, at the point y between an iterate z and its mean x, and the way from y to x and back."""

from libc.math cimport pow, sqrt
from kernel cimport Array, declare
from real cimport real
from update cimport root


cdef void weigh_step(const Array* a, const double* s, real* room) noexcept nogil:
    cdef double* total = <double*>a[0].data
    cdef double* share = <double*>a[1].data
    cdef double squared = s[0] * s[0]
    total[0] += squared
    share[0] = squared / total[0] if total[0] > 0 else 1


declare(kernels, "weigh_step", weigh_step[float], weigh_step[double])


cdef void schedule_free_sgd(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* z = <real*>a[2].data
    cdef double part = (<const double*>a[3].data)[0], learning_rate = s[0], inertia = s[1], weight_decay = s[2]
    cdef real rate = <real>learning_rate, share = <real>part, length = <real>(1 - inertia * (1 - part)), decay = <real>weight_decay
    cdef real change
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        change = rate * (g[i] + decay * p[i])
        p[i] += (z[i] - p[i]) * share - length * change
        z[i] -= change


declare(kernels, "schedule_free_sgd", schedule_free_sgd[float], schedule_free_sgd[double])


cdef void schedule_free_adamw(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* z = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef double part = (<const double*>a[4].data)[0], learning_rate = s[0], inertia = s[1], beta_2 = s[2], epsilon = s[3]
    cdef double correction = sqrt(1 - pow(beta_2, s[5])), weight_decay = s[4]
    cdef real rate = <real>(learning_rate * correction), eps = <real>(epsilon * correction), new = <real>(1 - beta_2)
    cdef real share = <real>part, length = <real>(1 - inertia * (1 - part)), decay = <real>(learning_rate * weight_decay)
    cdef real change
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += (g[i] * g[i] - v[i]) * new
        change = rate * g[i] / (root(v[i]) + eps) + decay * p[i]
        p[i] += (z[i] - p[i]) * share - length * change
        z[i] -= change


declare(kernels, "schedule_free_adamw", schedule_free_adamw[float], schedule_free_adamw[double])


cdef inline real mean_of(real y, real z, real ratio) noexcept nogil:
    """X, of which y holds a share, and z the rest."""
    return y + (y - z) * ratio


cdef void leave_training_point(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef real* y = <real*>a[1].data
    cdef const real* z = <const real*>a[2].data
    cdef real ratio = <real>((1 - s[0]) / s[0])
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        y[i] = p[i]
        p[i] = mean_of(y[i], z[i], ratio)


declare(kernels, "leave_training_point", leave_training_point[float], leave_training_point[double])


cdef void return_to_training_point(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* y = <const real*>a[1].data
    cdef real* z = <real*>a[2].data
    cdef real ratio = <real>((1 - s[0]) / s[0]), moved
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        moved = p[i] - mean_of(y[i], z[i], ratio)
        z[i] += moved
        p[i] = y[i] if moved == 0 else y[i] + moved


declare(kernels, "return_to_training_point", return_to_training_point[float], return_to_training_point[double])
