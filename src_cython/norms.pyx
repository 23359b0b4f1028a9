"""Updates that look at a whole parameter: its norm, or the means of its rows and columns. Sums are taken in double precision."""

from libc.math cimport pow, sqrt
from kernel cimport Array, declare
from real cimport real
from rows cimport row_sum, row_sum_of_squares
from update cimport corrected, root

kernels = {}

cdef enum:
    BLOCK = 256  # entries whose steps are held at a time to be summed up


cdef inline double ratio(double above, double below) noexcept nogil:
    """Above / below, or 1 where either is 0."""
    return above / below if above > 0 and below > 0 else 1


cdef void lamb(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef real* v = <real*>a[3].data
    cdef double learning_rate = s[0], beta_1 = s[1], beta_2 = s[2], epsilon = s[3], weight_decay = s[4], step = s[5]
    cdef double correction = corrected(1, beta_1, beta_2, step), squares = 0, kept = 1 - learning_rate * weight_decay
    cdef real new_1 = <real>(1 - beta_1), new_2 = <real>(1 - beta_2), eps = <real>(epsilon * sqrt(1 - pow(beta_2, step)))
    cdef real keep = <real>kept, rate
    cdef real[BLOCK] along
    cdef Py_ssize_t i, j, block, here, n = a[0].shape[0]
    for block in range((n + BLOCK - 1) // BLOCK):
        i = block * BLOCK
        here = min(n - i, <Py_ssize_t>BLOCK)
        for j in range(here):
            m[i + j] += (g[i + j] - m[i + j]) * new_1
            v[i + j] += (g[i + j] * g[i + j] - v[i + j]) * new_2
            along[j] = m[i + j] / (root(v[i + j]) + eps)
        squares += row_sum_of_squares(&along[0], here, correction)
    rate = <real>(learning_rate * correction * ratio(abs(kept) * sqrt(row_sum_of_squares(p, n, 1)), sqrt(squares)))
    for i in range(n):
        p[i] = keep * p[i] - rate * m[i] / (root(v[i]) + eps)


declare(kernels, "lamb", lamb[float], lamb[double])


cdef void lars(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* m = <real*>a[2].data
    cdef double learning_rate = s[0], momentum = s[1], trust_coefficient = s[2], epsilon = s[3], weight_decay = s[4]
    cdef Py_ssize_t i, n = a[0].shape[0]
    cdef double length = sqrt(row_sum_of_squares(p, n, 1)), slope = sqrt(row_sum_of_squares(g, n, 1))
    cdef double trust = trust_coefficient * length / (slope + weight_decay * length + epsilon) if length > 0 and slope > 0 else 1
    cdef real rate = <real>(learning_rate * trust), inertia = <real>momentum, decay = <real>weight_decay
    for i in range(n):
        m[i] = inertia * m[i] + rate * (g[i] + decay * p[i])
        p[i] -= m[i]


declare(kernels, "lars", lars[float], lars[double])


cdef inline double stepped(
    const real* g, const real* of_entry, real of_row, real* along, Py_ssize_t n
) noexcept nogil:
    """The sum of (g / sqrt(of_row * of_entry))**2."""
    cdef double squares = 0
    cdef Py_ssize_t i, j, block, here
    for block in range((n + BLOCK - 1) // BLOCK):
        i = block * BLOCK
        here = min(n - i, <Py_ssize_t>BLOCK)
        for j in range(here):
            along[j] = g[i + j] / root(of_row * of_entry[i + j])
        squares += row_sum_of_squares(along, here, 1)
    return squares


cdef inline double step_size(const double* s, double squares_of_p, double squares, Py_ssize_t n) noexcept nogil:
    """What Adafactor multiplies ``g / sqrt(v)`` with."""
    cdef double learning_rate = s[0], rate_bound = s[1], epsilon_2 = s[4], clip_threshold = s[5]
    cdef double share = sqrt(squares / n) / clip_threshold if n else 0
    cdef double rate = min(learning_rate, rate_bound) * max(sqrt(squares_of_p / n) if n else 0, epsilon_2)
    return rate / share if not share <= 1 else rate


cdef void adafactor_matrix(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* r = <real*>a[2].data
    cdef real* c = <real*>a[3].data
    cdef Py_ssize_t i, j, k = a[0].shape[0], m = a[0].shape[1]
    cdef double kept = 1 - s[0] * s[6], fresh = pow(s[7], s[2]), epsilon_1 = s[3], squares = 0, mean
    cdef real old = <real>(1 - fresh), each = <real>(fresh / k if k else 0), keep = <real>kept, rate
    cdef real floor = <real>(fresh * epsilon_1)
    cdef real[BLOCK] along
    for j in range(m):
        c[j] = old * c[j] + floor
    for i in range(k):
        r[i] = old * r[i] + <real>(fresh * (row_sum_of_squares(g + i * m, m, 1) / m + epsilon_1))
        for j in range(m):
            c[j] += each * (g[i * m + j] * g[i * m + j])
    mean = row_sum(r, k) / k if k else 0
    for i in range(k):
        squares += stepped(g + i * m, c, <real>(r[i] / mean), &along[0], m)
    rate = <real>step_size(s, kept * kept * row_sum_of_squares(p, k * m, 1), squares, k * m)
    for i in range(k):
        for j in range(m):
            p[i * m + j] = keep * p[i * m + j] - rate * g[i * m + j] / root(<real>(r[i] / mean) * c[j])


declare(kernels, "adafactor_matrix", adafactor_matrix[float], adafactor_matrix[double])


cdef void adafactor_vector(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* p = <real*>a[0].data
    cdef const real* g = <const real*>a[1].data
    cdef real* v = <real*>a[2].data
    cdef Py_ssize_t i, n = a[0].shape[0]
    cdef double kept = 1 - s[0] * s[6], fresh = pow(s[7], s[2])
    cdef real new = <real>fresh, keep = <real>kept, floor = <real>s[3], rate
    cdef real[BLOCK] along
    for i in range(n):
        v[i] += (g[i] * g[i] + floor - v[i]) * new
    rate = <real>step_size(s, kept * kept * row_sum_of_squares(p, n, 1), stepped(g, v, <real>1, &along[0], n), n)
    for i in range(n):
        p[i] = keep * p[i] - rate * g[i] / root(v[i])


declare(kernels, "adafactor_vector", adafactor_vector[float], adafactor_vector[double])
