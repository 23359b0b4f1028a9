"""Losses of real numbers that are a mean over the outputs, and their gradients, in one call."""

from kernel cimport Array, declare
from loss cimport mean_of
from real cimport real
from vmath cimport vabs, vcopysign, vexpm1, vlog, vlog1p, vlog1p_unit, vmax, vmin

kernels = {}


cdef inline real signed(real d, real size) noexcept nogil:
    """`size` with the sign of d; d itself where that is 0 or NaN."""
    return size if d > <real>0 else (-size if d < <real>0 else d)


cdef void squared(const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        slope[k] = <real>2 * (y[k] - t[k])
        term[k] = (y[k] - t[k]) * (y[k] - t[k])


cdef void mean_squared_error(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](squared[real], NULL, a, s, room)

declare(kernels, "mean_squared_error", mean_squared_error[float], mean_squared_error[double])


cdef void absolute(const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d
    for k in range(count):
        d = y[k] - t[k]
        slope[k] = signed(d, <real>1)
        term[k] = vabs(d)


cdef void mean_absolute_error(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](absolute[real], NULL, a, s, room)

declare(kernels, "mean_absolute_error", mean_absolute_error[float], mean_absolute_error[double])


cdef void percent(const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, share
    for k in range(count):
        d = y[k] - t[k]
        share = <real>100 / vmax(vabs(t[k]), <real>1e-7)
        slope[k] = share * signed(d, <real>1)
        term[k] = share * vabs(d)


cdef void mean_absolute_percentage_error(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](percent[real], NULL, a, s, room)

declare(kernels, "mean_absolute_percentage_error", mean_absolute_percentage_error[float], mean_absolute_percentage_error[double])


cdef void logarithmic(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p, d
    for k in range(count):
        p = vmax(y[k], <real>1e-7)
        d = vlog1p(p) - vlog1p(vmax(t[k], <real>1e-7))
        slope[k] = <real>0 if p > y[k] else <real>2 * d / (<real>1 + p)
        term[k] = d * d


cdef void mean_squared_logarithmic_error(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](logarithmic[real], NULL, a, s, room)

declare(kernels, "mean_squared_logarithmic_error", mean_squared_logarithmic_error[float], mean_squared_logarithmic_error[double])


cdef void huber_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, q, delta = <real>s[0]
    for k in range(count):
        d = y[k] - t[k]
        q = vmin(vabs(d), delta)
        slope[k] = vmax(vmin(d, delta), -delta)
        term[k] = q * (vabs(d) - <real>0.5 * q)


cdef void huber(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](huber_terms[real], NULL, a, s, room)

declare(kernels, "huber", huber[float], huber[double])


cdef void smooth_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, beta = <real>s[0], half = <real>0.5 * beta
    for k in range(count):
        d = y[k] - t[k]
        slope[k] = d / beta if vabs(d) < beta else signed(d, <real>1)
        term[k] = <real>0.5 * d * d / beta if vabs(d) < beta else vabs(d) - half


cdef void smooth_l1(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](smooth_terms[real], NULL, a, s, room)

declare(kernels, "smooth_l1", smooth_l1[float], smooth_l1[double])


cdef void log_cosh_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, q, e
    for k in range(count):
        d = y[k] - t[k]
        q = -vexpm1(-vabs(d))
        e = <real>1 - q
        slope[k] = vcopysign(q * (<real>2 - q) / (<real>1 + e * e), d)
        term[k] = vlog1p_unit(q * q / (<real>2 * e) if vabs(d) < <real>1 else e * e)
        term[k] += <real>0 if vabs(d) < <real>1 else vabs(d) - <real>0.6931471805599453


cdef void log_cosh(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](log_cosh_terms[real], NULL, a, s, room)

declare(kernels, "log_cosh", log_cosh[float], log_cosh[double])


cdef void pinball(const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d
    for k in range(count):
        d = y[k] - t[k]
        slope[k] = <real>1 - c[k] if d > <real>0 else (-c[k] if d < <real>0 else d)
        term[k] = slope[k] * d


cdef void quantile(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](pinball[real], <const real*>a[5].data, a, s, room)

declare(kernels, "quantile", quantile[float], quantile[double])


cdef void poisson_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p
    for k in range(count):
        p = y[k] + <real>1e-7
        slope[k] = <real>1 - t[k] / p
        term[k] = y[k] - t[k] * vlog(p)


cdef void poisson(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](poisson_terms[real], NULL, a, s, room)

declare(kernels, "poisson", poisson[float], poisson[double])


cdef inline real side(real t) noexcept nogil:
    """A target of a hinge, where 0 stands for -1."""
    return <real>-1 if t == <real>0 else t


cdef void short_of(const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s) noexcept nogil:
    cdef Py_ssize_t k
    cdef real u
    for k in range(count):
        u = <real>1 - side(t[k]) * y[k]
        slope[k] = -side(t[k]) if u > <real>0 else (<real>0 if u < <real>0 else u)
        term[k] = vmax(u, <real>0)


cdef void hinge(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](short_of[real], NULL, a, s, room)

declare(kernels, "hinge", hinge[float], hinge[double])


cdef void squared_short_of(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* s
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real u
    for k in range(count):
        u = vmax(<real>1 - side(t[k]) * y[k], <real>0)
        slope[k] = <real>-2 * side(t[k]) * u
        term[k] = u * u


cdef void squared_hinge(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](squared_short_of[real], NULL, a, s, room)

declare(kernels, "squared_hinge", squared_hinge[float], squared_hinge[double])
