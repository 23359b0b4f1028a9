"""Losses of raw predictions, before the canonical link, and their gradients, in one call."""

from libc.math cimport NAN, log, log1p
from libc.stdint cimport int64_t
from kernel cimport Array, declare
from logits cimport exponentials
from loss cimport SPAN, TILE, sum_of
from real cimport real
from vmath cimport vabs, vexp, vlog, vlog1p_unit, vmax, vmin


cdef void half_squares(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        slope[k] = y[k] - t[k]
        term[k] = <real>0.5 * (y[k] - t[k]) * (y[k] - t[k])


cdef void half_squared_error(const Array* a, const double* s, real* room) noexcept nogil:
    sum_of[real](half_squares[real], <real>1, NULL, a, s, room)

declare(kernels, "half_squared_error", half_squared_error[float], half_squared_error[double])


cdef void half_deviances(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real rate
    for k in range(count):
        rate = vexp(y[k])
        slope[k] = rate - t[k]
        term[k] = rate - t[k]
    # A loop of its own, so that bits don't depend on where a tile ends.
    for k in range(count):
        term[k] += t[k] * (vlog(t[k] if t[k] > <real>0 else <real>1) - y[k])


cdef void half_poisson_loss(const Array* a, const double* s, real* room) noexcept nogil:
    sum_of[real](half_deviances[real], <real>1, NULL, a, s, room)

declare(kernels, "half_poisson_loss", half_poisson_loss[float], half_poisson_loss[double])


cdef void binomial_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real e, missed, size, low = <real>-log1p(-s[0]), high = <real>-log(s[0])
    for k in range(count):
        e = vexp(-vabs(y[k]))
        missed = <real>1 - t[k] if y[k] >= <real>0 else t[k]  # the target's share on the other side of 0 than y
        size = (missed - (<real>1 - missed) * e) / (<real>1 + e)
        slope[k] = size if y[k] >= <real>0 else -size
        term[k] = missed * vmin(vabs(y[k]) + vlog1p_unit(e), high)
    # A loop of its own: of a sum of two products either may be fused, so bits would depend on where a tile ends.
    for k in range(count):
        missed = <real>1 - t[k] if y[k] >= <real>0 else t[k]
        term[k] += (<real>1 - missed) * vmax(vlog1p_unit(vexp(-vabs(y[k]))), low)


cdef void half_binomial_loss(const Array* a, const double* s, real* room) noexcept nogil:
    sum_of[real](binomial_terms[real], <real>1, NULL, a, s, room)

declare(kernels, "half_binomial_loss", half_binomial_loss[float], half_binomial_loss[double])


cdef void half_multinomial_loss(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const int64_t* labels = <const int64_t*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef real* largest = room + 2 * SPAN
    cdef real* total = room + 3 * SPAN
    cdef real* log_total = room + 4 * SPAN
    cdef real* e
    cdef real weight, low = <real>-log1p(-s[0]), high = <real>-log(s[0])
    cdef Py_ssize_t i = 0, j, r, label, height, n = a[0].shape[0], m = a[0].shape[1]
    while i < n and m:
        height = min(max(TILE // m, 1), n - i)
        e = room if m <= TILE else dy
        exponentials(y, e, room + SPAN, largest, total, log_total, height, m)
        for r in range(height):
            label = labels[i + r]
            weight = w[i + r] if 0 <= label < m else <real>NAN
            label = label if 0 <= label < m else 0
            for j in range(r * m, r * m + m):
                dy[j] = weight / total[r] * e[j]
            dy[r * m + label] -= weight
            value[i + r] = weight * vmin(vmax(log_total[r] + (largest[r] - y[r * m + label]), low), high)
        y, dy, i = y + height * m, dy + height * m, i + height

declare(kernels, "half_multinomial_loss", half_multinomial_loss[float], half_multinomial_loss[double])
