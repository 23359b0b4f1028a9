"""The functions of vmath.pxd on vectors, so that tests can hold each of them to its accuracy."""

from check cimport expect
from real cimport real
from vmath cimport verf, verfc, vexpm1, vlog, vlog1p


cdef inline int apply(str op, real (*function)(real) noexcept nogil, const real[::1] x, real[::1] y) except -1:
    """y = function(x); `function` is a constant wherever this is inlined."""
    cdef Py_ssize_t i
    expect(op, "y", y.shape[0], x.shape[0], "entries")
    with nogil:
        for i in range(x.shape[0]):
            y[i] = function(x[i])
    return 0


def erf(const real[::1] x not None, real[::1] y not None):
    apply[real]("erf", verf[real], x, y)


def erfc(const real[::1] x not None, real[::1] y not None):
    apply[real]("erfc", verfc[real], x, y)


def expm1(const real[::1] x not None, real[::1] y not None):
    apply[real]("expm1", vexpm1[real], x, y)


def log(const real[::1] x not None, real[::1] y not None):
    apply[real]("log", vlog[real], x, y)


def log1p(const real[::1] x not None, real[::1] y not None):
    apply[real]("log1p", vlog1p[real], x, y)
