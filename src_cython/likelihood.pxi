"""The negative log-likelihood of normally distributed targets, and its gradient, in one call."""

from kernel cimport Array, declare
from loss cimport SPAN, TILE
from real cimport real
from rows cimport row_sum
from vmath cimport vexp, vlog, vmax

# The rows of a tile are taken apart into means and spreads, so that the costly functions run flat. A term function turns these, and
# targets, into terms and slopes: `mean` into the slope by the mean, `spread` into that by the spread, `term` from target into term.

cdef inline void take_apart(
    void (*terms)(real*, real*, real*, Py_ssize_t, double) noexcept nogil, const Array* a, const double* s, real* room
) noexcept nogil:
    cdef const real* y = <const real*>a[0].data
    cdef const real* t = <const real*>a[1].data
    cdef const real* w = <const real*>a[2].data
    cdef real* value = <real*>a[3].data
    cdef real* dy = <real*>a[4].data
    cdef real* mean = room
    cdef real* spread = room + SPAN
    cdef real* term = room + 2 * SPAN
    cdef Py_ssize_t i, j, r, k, height, width, n = a[1].shape[0], m = a[1].shape[1], rows = max(TILE // m, 1) if m else 1
    cdef real share = <real>(1.0 / m) if m else <real>0, constant = <real>(s[0] * 0.9189385332046727), scale
    i = 0
    while i < n:
        height = min(rows, n - i)
        for r in range(height):
            value[i + r] = w[i + r] * constant
        j = 0
        while j < m:
            width = min(m - j, TILE)
            for r in range(height):
                for k in range(width):
                    mean[r * width + k] = y[(i + r) * 2 * m + j + k]
                    spread[r * width + k] = y[(i + r) * 2 * m + m + j + k]
                    term[r * width + k] = t[(i + r) * m + j + k]
            terms(mean, spread, term, height * width, s[1])
            for r in range(height):
                scale = share * w[i + r]
                value[i + r] += scale * <real>row_sum(<const real*>(term + r * width), width)
                for k in range(width):
                    dy[(i + r) * 2 * m + j + k] = scale * mean[r * width + k]
                    dy[(i + r) * 2 * m + m + j + k] = scale * spread[r * width + k]
            j += width
        i += height


cdef void of_variances(real* mean, real* spread, real* term, Py_ssize_t count, double eps) noexcept nogil:
    cdef Py_ssize_t k
    cdef real v, z
    for k in range(count):
        mean[k] -= term[k]
        term[k] = vlog(vmax(spread[k], <real>eps))
    # A loop of its own: where a sum is fused with the logarithm's last product, bits would depend on where a tile ends.
    for k in range(count):
        v = vmax(spread[k], <real>eps)
        z = mean[k] / v
        spread[k] = <real>0.5 * (<real>1 - mean[k] * z) / v
        term[k] = <real>0.5 * (term[k] + mean[k] * z)
        mean[k] = z


cdef void gaussian_nll(const Array* a, const double* s, real* room) noexcept nogil:
    take_apart[real](of_variances[real], a, s, room)

declare(kernels, "gaussian_nll", gaussian_nll[float], gaussian_nll[double])


cdef void of_logarithms(real* mean, real* spread, real* term, Py_ssize_t count, double eps) noexcept nogil:
    cdef Py_ssize_t k
    cdef real d, v, z, lowest = vlog(<real>eps)
    for k in range(count):
        d = mean[k] - term[k]
        v = vmax(spread[k], lowest)
        z = d * vexp(-v)
        mean[k] = z
        spread[k] = <real>0.5 * (<real>1 - d * z)
        term[k] = <real>0.5 * (v + d * z)


cdef void gaussian_nll_from_log_variance(const Array* a, const double* s, real* room) noexcept nogil:
    take_apart[real](of_logarithms[real], a, s, room)

declare(kernels, "gaussian_nll_from_log_variance", gaussian_nll_from_log_variance[float], gaussian_nll_from_log_variance[double])
