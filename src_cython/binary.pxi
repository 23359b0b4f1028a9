"""Crossentropies of independent yes-or-no outputs, and their gradients, in one call."""

from kernel cimport Array, declare
from loss cimport clipped, mean_of
from real cimport real
from vmath cimport vabs, vexp, vlog, vlog1p, vlog1p_unit, vmax


cdef void binary_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* scalars
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p, s, keep = <real>(<real>1 - scalars[0]), half = <real>(scalars[0] / <real>2)
    for k in range(count):
        p = clipped(y[k])
        s = t[k] * keep + half
        slope[k] = <real>0 if vabs(y[k] - p) > <real>0 else (<real>1 - s) / (<real>1 - p) - c[k] * s / p
        term[k] = -c[k] * s * vlog(p)
    # A loop of its own: of a sum of two products either may be fused, so bits would depend on where a tile ends.
    for k in range(count):
        term[k] -= (<real>1 - (t[k] * keep + half)) * vlog1p(-clipped(y[k]))


cdef void binary_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](binary_terms[real], <const real*>a[5].data, a, s, room)

declare(kernels, "binary_crossentropy", binary_crossentropy[float], binary_crossentropy[double])


cdef void binary_logit_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* scalars
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real e, s, far, near, size, keep = <real>(<real>1 - scalars[0]), half = <real>(scalars[0] / <real>2)
    for k in range(count):
        e = vexp(-vabs(y[k]))
        s = t[k] * keep + half
        far = <real>1 - s if y[k] >= <real>0 else c[k] * s  # the target's share on the other side of 0 than y
        near = c[k] * s if y[k] >= <real>0 else <real>1 - s
        size = (far - near * e) / (<real>1 + e)
        slope[k] = size if y[k] >= <real>0 else -size
        term[k] = far * vabs(y[k])
        s = far + near
        term[k] += s * vlog1p_unit(e)


cdef void binary_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](binary_logit_terms[real], <const real*>a[5].data, a, s, room)

declare(kernels, "binary_crossentropy_from_logits", binary_crossentropy_from_logits[float], binary_crossentropy_from_logits[double])


# Focal: `focus` is u**gamma, u the distance of a probability from its target; all its slopes go by focus / u. Sums of two products are
# written over two loops, for the reason above.

cdef inline real raised(real u, real gamma) noexcept nogil:
    """U to the power of gamma, for u > 0."""
    return vexp(gamma * vlog(u))


cdef inline real balance(real s, const double* scalars) noexcept nogil:
    """The factor of a target s: 1, or with balancing from 1 - alpha to alpha."""
    return <real>(<real>1 - scalars[0] * scalars[1]) + s * <real>(scalars[0] * (<real>2 * scalars[1] - <real>1))


cdef void binary_focal_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* scalars
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real p, s, u, turn, gamma = <real>scalars[2], keep = <real>(<real>1 - scalars[3]), half = <real>(scalars[3] / <real>2)
    for k in range(count):
        s = t[k] * keep + half
        term[k] = -s * vlog(clipped(y[k]))
    for k in range(count):
        s = t[k] * keep + half
        term[k] -= (<real>1 - s) * vlog1p(-clipped(y[k]))
    for k in range(count):
        p = clipped(y[k])
        s = t[k] * keep + half
        turn = <real>1 - <real>2 * s
        u = vmax(s + y[k] * turn, <real>1e-30)
        slope[k] = <real>0 if vabs(y[k] - p) > <real>0 else (p - s) / (p * (<real>1 - p))
        slope[k] += gamma * turn * term[k] / u
        u = raised(u, gamma) * balance(s, scalars)
        slope[k] *= u
        term[k] *= u


cdef void binary_focal_crossentropy(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](binary_focal_terms[real], NULL, a, s, room)

declare(kernels, "binary_focal_crossentropy", binary_focal_crossentropy[float], binary_focal_crossentropy[double])


cdef void focal_logit_terms(
    const real* y, const real* t, const real* c, real* term, real* slope, Py_ssize_t count, const double* scalars
) noexcept nogil:
    cdef Py_ssize_t k
    cdef real e, s, far, near, u, size, gamma = <real>scalars[2], keep = <real>(<real>1 - scalars[3]), half = <real>(scalars[3] / <real>2)
    for k in range(count):
        e = vexp(-vabs(y[k]))
        s = t[k] * keep + half
        far = <real>1 - s if y[k] >= <real>0 else s
        near = <real>1 - far
        term[k] = far * vabs(y[k]) + vlog1p_unit(e)
        u = vmax((far + near * e) / (<real>1 + e), <real>1e-30)
        size = (far - near * e) / (<real>1 + e)
        size += gamma * term[k] * ((far - near) * e / ((<real>1 + e) * (<real>1 + e))) / u
        u = raised(u, gamma) * balance(s, scalars)
        slope[k] = u * (size if y[k] >= <real>0 else -size)
        term[k] *= u


cdef void binary_focal_crossentropy_from_logits(const Array* a, const double* s, real* room) noexcept nogil:
    mean_of[real](focal_logit_terms[real], NULL, a, s, room)

declare(
    kernels,
    "binary_focal_crossentropy_from_logits",
    binary_focal_crossentropy_from_logits[float],
    binary_focal_crossentropy_from_logits[double],
)
