"""Losses of overlap over a whole batch or each sample, and their gradients, in one call."""

from kernel cimport Array, declare
from loss cimport row_product
from real cimport real
from rows cimport row_sum


cdef inline double overlap(
    const real* y, const real* t, real* dy, Py_ssize_t count, double w, double alpha, double beta, double epsilon
) noexcept nogil:
    """The loss of so many outputs, and its gradient times w."""
    cdef Py_ssize_t k
    cdef double both = row_product(y, t, count), own = 1.0 - alpha - beta
    cdef double size = both * own + alpha * row_sum(t, count) + beta * row_sum(y, count) + epsilon
    cdef real of_t = <real>(w * (both * own - size) / (size * size)), shift = <real>(w * both * beta / (size * size))
    for k in range(count):
        dy[k] = of_t * t[k] + shift
    return 1.0 - both / size


cdef inline void of_batch(const Array* a, double alpha, double beta, double epsilon, real unused) noexcept nogil:
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef Py_ssize_t i, n = a[0].shape[0]
    cdef double weight = row_sum(w, n)
    cdef real loss = <real>overlap(
        <const real*>a[0].data, <const real*>a[1].data, <real*>a[4].data, n * a[0].shape[1], weight, alpha, beta, epsilon
    )
    for i in range(n):
        value[i] = w[i] * loss


cdef inline void of_samples(const Array* a, double alpha, double beta, double epsilon, real unused) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef Py_ssize_t i, m = a[0].shape[1]
    for i in range(a[0].shape[0]):
        value[i] = w[i] * <real>overlap(y + i * m, t + i * m, dy + i * m, m, w[i], alpha, beta, epsilon)


cdef void dice(const Array* a, const double* s, real* room) noexcept nogil:
    of_batch(a, 0.5, 0.5, 0.5e-7, room[0])

declare(kernels, "dice", dice[float], dice[double])


cdef void dice_by_sample(const Array* a, const double* s, real* room) noexcept nogil:
    of_samples(a, 0.5, 0.5, 0.5e-7, room[0])

declare(kernels, "dice_by_sample", dice_by_sample[float], dice_by_sample[double])


cdef void tversky(const Array* a, const double* s, real* room) noexcept nogil:
    of_batch(a, s[0], s[1], 1e-7, room[0])

declare(kernels, "tversky", tversky[float], tversky[double])


cdef void tversky_by_sample(const Array* a, const double* s, real* room) noexcept nogil:
    of_samples(a, s[0], s[1], 1e-7, room[0])

declare(kernels, "tversky_by_sample", tversky_by_sample[float], tversky_by_sample[double])
