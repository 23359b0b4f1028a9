"""Optimizer updates and gradient clipping on flat vectors, each in one pass over memory.

Where a sum of two products can be avoided, it is: a compiler may fuse either product with the addition, and may choose
otherwise in a loop's vector body than in its scalar end. The bits of an entry would then depend on where a call is cut.
"""

from libc.math cimport INFINITY, NAN, pow, sqrt, sqrtf
from check cimport expect
from real cimport real
from rows cimport row_sum_of_squares
from vmath cimport vabs, vmax, vmin


def clip_by_value(real[::1] g not None, double limit):
    cdef real high = <real>limit
    cdef Py_ssize_t i
    with nogil:
        for i in range(g.shape[0]):
            g[i] = vmin(vmax(g[i], -high), high)


cdef double norm(const real *g, Py_ssize_t n) noexcept nogil:
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


def clip_by_norm(real[::1] g not None, double limit):
    cdef double length, factor
    cdef Py_ssize_t i, n = g.shape[0]
    if n == 0:
        return
    with nogil:
        length = norm(&g[0], n)
        if not length <= limit:
            factor = limit / length if length < INFINITY else NAN
            for i in range(n):
                g[i] = <real>(g[i] * factor)


def sgd(real[::1] p not None, const real[::1] g not None, double learning_rate, double weight_decay):
    cdef real rate = <real>learning_rate, decay = <real>weight_decay
    cdef Py_ssize_t i
    expect("sgd", "g", g.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            p[i] -= rate * (g[i] + decay * p[i])


def sgd_momentum(
    real[::1] p not None, const real[::1] g not None, real[::1] m not None, double learning_rate, double momentum, double weight_decay
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef Py_ssize_t i
    expect("sgd_momentum", "g", g.shape[0], p.shape[0], "entries")
    expect("sgd_momentum", "m", m.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            m[i] = inertia * m[i] - rate * g[i]
            p[i] = keep * p[i] + m[i]


def sgd_nesterov(
    real[::1] p not None, const real[::1] g not None, real[::1] m not None, double learning_rate, double momentum, double weight_decay
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef Py_ssize_t i
    expect("sgd_nesterov", "g", g.shape[0], p.shape[0], "entries")
    expect("sgd_nesterov", "m", m.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            m[i] = inertia * m[i] - rate * g[i]
            p[i] = keep * p[i] + (inertia * m[i] - rate * g[i])


cdef inline real root(real x) noexcept nogil:
    """The square root in x's own precision: libc's sqrt on a float would go through double."""
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


def rmsprop(
    real[::1] p not None,
    const real[::1] g not None,
    real[::1] v not None,
    double learning_rate,
    double rho,
    double epsilon,
    double weight_decay,
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real new = <real>(1 - rho), eps = <real>epsilon
    cdef Py_ssize_t i
    expect("rmsprop", "g", g.shape[0], p.shape[0], "entries")
    expect("rmsprop", "v", v.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            v[i] += (g[i] * g[i] - v[i]) * new
            p[i] = keep * p[i] - rate * g[i] / root(v[i] + eps)


def rmsprop_momentum(
    real[::1] p not None,
    const real[::1] g not None,
    real[::1] v not None,
    real[::1] m not None,
    double learning_rate,
    double rho,
    double momentum,
    double epsilon,
    double weight_decay,
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef real new = <real>(1 - rho), eps = <real>epsilon
    cdef Py_ssize_t i
    expect("rmsprop_momentum", "g", g.shape[0], p.shape[0], "entries")
    expect("rmsprop_momentum", "v", v.shape[0], p.shape[0], "entries")
    expect("rmsprop_momentum", "m", m.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            v[i] += (g[i] * g[i] - v[i]) * new
            m[i] = inertia * m[i] + rate * g[i] / root(v[i] + eps)
            p[i] = keep * p[i] - m[i]


cdef inline real variance(real v, real a) noexcept nogil:
    """v - a**2, but not below 0: rounding can make it negative, whose root would be NaN for the rest of the run."""
    return vmax(v - a * a, <real>0)


def rmsprop_centered(
    real[::1] p not None,
    const real[::1] g not None,
    real[::1] v not None,
    real[::1] a not None,
    double learning_rate,
    double rho,
    double epsilon,
    double weight_decay,
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay)
    cdef real new = <real>(1 - rho), eps = <real>epsilon, deviation
    cdef Py_ssize_t i
    expect("rmsprop_centered", "g", g.shape[0], p.shape[0], "entries")
    expect("rmsprop_centered", "v", v.shape[0], p.shape[0], "entries")
    expect("rmsprop_centered", "a", a.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            v[i] += (g[i] * g[i] - v[i]) * new
            a[i] += (g[i] - a[i]) * new
            deviation = root(variance(v[i], a[i]) + eps)  # before keep * p, which a branch would part from its sum
            p[i] = keep * p[i] - rate * g[i] / deviation


def rmsprop_centered_momentum(
    real[::1] p not None,
    const real[::1] g not None,
    real[::1] v not None,
    real[::1] a not None,
    real[::1] m not None,
    double learning_rate,
    double rho,
    double momentum,
    double epsilon,
    double weight_decay,
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), inertia = <real>momentum
    cdef real new = <real>(1 - rho), eps = <real>epsilon, deviation
    cdef Py_ssize_t i
    expect("rmsprop_centered_momentum", "g", g.shape[0], p.shape[0], "entries")
    expect("rmsprop_centered_momentum", "v", v.shape[0], p.shape[0], "entries")
    expect("rmsprop_centered_momentum", "a", a.shape[0], p.shape[0], "entries")
    expect("rmsprop_centered_momentum", "m", m.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            v[i] += (g[i] * g[i] - v[i]) * new
            a[i] += (g[i] - a[i]) * new
            deviation = root(variance(v[i], a[i]) + eps)
            m[i] = inertia * m[i] + rate * g[i] / deviation
            p[i] = keep * p[i] - m[i]


def adagrad(
    real[::1] p not None, const real[::1] g not None, real[::1] v not None, double learning_rate, double epsilon, double weight_decay
):
    cdef real rate = <real>learning_rate, keep = <real>(1 - learning_rate * weight_decay), eps = <real>epsilon
    cdef Py_ssize_t i
    expect("adagrad", "g", g.shape[0], p.shape[0], "entries")
    expect("adagrad", "v", v.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            v[i] += g[i] * g[i]
            p[i] = keep * p[i] - rate * g[i] / root(v[i] + eps)


cdef inline double corrected(double learning_rate, double beta_1, double beta_2, double step) noexcept nogil:
    """The learning rate with the bias corrections of both moments in it."""
    return learning_rate * sqrt(1 - pow(beta_2, step)) / (1 - pow(beta_1, step))


def adam(
    real[::1] p not None,
    const real[::1] g not None,
    real[::1] m not None,
    real[::1] v not None,
    double learning_rate,
    double beta_1,
    double beta_2,
    double epsilon,
    double weight_decay,
    double step,
):
    cdef real rate = <real>corrected(learning_rate, beta_1, beta_2, step), keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), eps = <real>epsilon
    cdef Py_ssize_t i
    expect("adam", "g", g.shape[0], p.shape[0], "entries")
    expect("adam", "m", m.shape[0], p.shape[0], "entries")
    expect("adam", "v", v.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            m[i] += (g[i] - m[i]) * new_1
            v[i] += (g[i] * g[i] - v[i]) * new_2
            p[i] = keep * p[i] - rate * m[i] / (root(v[i]) + eps)


def adam_amsgrad(
    real[::1] p not None,
    const real[::1] g not None,
    real[::1] m not None,
    real[::1] v not None,
    real[::1] v_hat not None,
    double learning_rate,
    double beta_1,
    double beta_2,
    double epsilon,
    double weight_decay,
    double step,
):
    cdef real rate = <real>corrected(learning_rate, beta_1, beta_2, step), keep = <real>(1 - learning_rate * weight_decay)
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), eps = <real>epsilon
    cdef Py_ssize_t i
    expect("adam_amsgrad", "g", g.shape[0], p.shape[0], "entries")
    expect("adam_amsgrad", "m", m.shape[0], p.shape[0], "entries")
    expect("adam_amsgrad", "v", v.shape[0], p.shape[0], "entries")
    expect("adam_amsgrad", "v_hat", v_hat.shape[0], p.shape[0], "entries")
    with nogil:
        for i in range(p.shape[0]):
            m[i] += (g[i] - m[i]) * new_1
            v[i] += (g[i] * g[i] - v[i]) * new_2
            v_hat[i] = vmax(v[i], v_hat[i])
            p[i] = keep * p[i] - rate * m[i] / (root(v_hat[i]) + eps)
