"""Updates that scale each entry's step by what its gradients were, without a mean of them: each in one pass over memory."""

from libc.math cimport pow
from kernel cimport Array, declare
from real cimport real
from update cimport root, sign
from vmath cimport vabs, vexp, vlog, vmax, vmin


cdef void adadelta(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef real* u = <real*>a[3].data
    cdef double learning_rate = s[0], rho = s[1], epsilon = s[2], weight_decay = s[3]
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real new = <real>(1 - rho), eps = <real>epsilon, change
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        v[i] += (g[i] * g[i] - v[i]) * new
        change = root(u[i] + eps) * g[i] / root(v[i] + eps)
        u[i] += (change * change - u[i]) * new
        p[i] = keep * p[i] - rate * change


declare(kernels, "adadelta", adadelta[float], adadelta[double])


cdef inline double raised(double x, double exponent) noexcept nogil:
    """X >= 0 to a power."""
    cdef double power = vexp[double](exponent * vlog[double](x))
    return power if exponent != 0 else 1.0


cdef void ftrl(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef real* z = <real*>a[3].data
    cdef double learning_rate = s[0], power = -s[1], l1 = s[2], l2 = s[3], shrinkage = s[4], beta = s[5], weight_decay = s[6]
    cdef double shrink = 2 * shrinkage, ridge = 2 * l2 + beta / learning_rate, per_rate = 1 / learning_rate, before, after
    cdef real keep = <real>(1 - learning_rate * weight_decay), bound = <real>l1
    cdef Py_ssize_t i
    if learning_rate == 0:
        return
    for i in range(a[0].shape[0]):  # in double precision, as the two powers cancel
        before = raised(v[i], power)
        v[i] += g[i] * g[i]
        after = raised(v[i], power)
        z[i] += <real>(g[i] + keep * p[i] * (shrink - (after - before) * per_rate))
        after = after * per_rate + ridge
        p[i] = <real>((vmin(vmax(z[i], -bound), bound) - z[i]) / after) if after != 0 else <real>0


declare(kernels, "ftrl", ftrl[float], ftrl[double])


cdef void rprop(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* previous = <real*>a[2].data
    cdef real* size = <real*>a[3].data
    cdef double learning_rate = s[0], weight_decay = s[5]
    cdef real first = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real down = <real>s[1], up = <real>s[2], low = <real>s[3], high = <real>s[4], turn, factor, length, now, old
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        now, old = g[i], size[i]
        turn = sign(now) * sign(previous[i])
        factor = up if turn > 0 else (down if turn < 0 else <real>1 + turn)
        length = vmin(vmax((first if old == 0 else old) * factor, low), high)
        length = length if ((vabs(now) > 0) & (first > 0)) | (old > 0) else <real>0
        now = <real>0 if turn < 0 else now
        size[i] = length
        previous[i] = now
        p[i] = keep * p[i] - length * sign(now)


declare(kernels, "rprop", rprop[float], rprop[double])


cdef void asgd(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* average = <real*>a[2].data
    cdef double learning_rate = s[0], lambd = s[1], alpha = s[2], t0 = s[3], weight_decay = s[4], before = s[5] - 1
    cdef double eta = learning_rate / pow(1 + lambd * learning_rate * before, alpha)
    cdef real rate = <real>eta, keep = <real>((1 - learning_rate * weight_decay) * (1 - lambd * eta))
    cdef real new = <real>(1 / max(1.0, before - t0))
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        p[i] = keep * p[i] - rate * g[i]
        average[i] += (p[i] - average[i]) * new


declare(kernels, "asgd", asgd[float], asgd[double])
