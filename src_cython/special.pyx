"""The functions of vmath.pxd on vectors, so that tests can hold each of them to its accuracy."""

from inline cimport inline_void
from kernel cimport Array, declare
from real cimport real
from vmath cimport verf, verfc, vexpm1, vlog, vlog1p

kernels = {}


cdef inline inline_void apply(real (*function)(real) noexcept nogil, const Array* arrays) noexcept nogil:
    """y = function(x) on the vectors x, y; `function` is a constant wherever this is inlined."""
    cdef const real* x = <const real*>arrays[0].data
    cdef real* y = <real*>arrays[1].data
    cdef Py_ssize_t i
    for i in range(arrays[0].shape[0]):
        y[i] = function(x[i])


cdef void erf(const Array* a, const double* s, real* room) noexcept nogil:
    apply[real](verf[real], a)

declare(kernels, "erf", erf[float], erf[double])


cdef void erfc(const Array* a, const double* s, real* room) noexcept nogil:
    apply[real](verfc[real], a)

declare(kernels, "erfc", erfc[float], erfc[double])


cdef void expm1(const Array* a, const double* s, real* room) noexcept nogil:
    apply[real](vexpm1[real], a)

declare(kernels, "expm1", expm1[float], expm1[double])


cdef void log(const Array* a, const double* s, real* room) noexcept nogil:
    apply[real](vlog[real], a)

declare(kernels, "log", log[float], log[double])


cdef void log1p(const Array* a, const double* s, real* room) noexcept nogil:
    apply[real](vlog1p[real], a)

declare(kernels, "log1p", log1p[float], log1p[double])
