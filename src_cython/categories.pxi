"""Category codes; see fastnn/layers/categories.py."""

from libc.math cimport NAN

from kernel cimport ROWS, Array, declare
from real cimport real


cdef inline Py_ssize_t code(real x, Py_ssize_t m) noexcept nogil:
    """The code that x is, or -1 where it is no whole number in [0, m)."""
    cdef Py_ssize_t found = <Py_ssize_t>x if x >= 0 and x < <real>m else -1
    return found if <real>found == x else -1


cdef inline void count(const real* x, Py_ssize_t k, real* y, Py_ssize_t m, bint once) noexcept nogil:
    cdef Py_ssize_t j, found
    for j in range(m):
        y[j] = 0
    for j in range(k):
        found = code[real](x[j], m)
        if found < 0:
            break
        y[found] = <real>1 if once else y[found] + <real>1
    else:
        return
    for j in range(m):
        y[j] = <real>NAN


cdef void count_tokens(const Array* a, const double* s, real* room) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        count[real](<const real*>a[0].data + i * a[0].stride[0], a[0].shape[1], <real*>a[1].data + i * a[1].stride[0], a[1].shape[1], False)


declare(kernels, "count_tokens", count_tokens[float], count_tokens[double], ROWS)


cdef void multi_hot(const Array* a, const double* s, real* room) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(a[0].shape[0]):
        count[real](<const real*>a[0].data + i * a[0].stride[0], a[0].shape[1], <real*>a[1].data + i * a[1].stride[0], a[1].shape[1], True)


declare(kernels, "multi_hot", multi_hot[float], multi_hot[double], ROWS)


cdef void embedding(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* w
    cdef real* y
    cdef Py_ssize_t i, j, found, k = a[2].shape[1]
    for i in range(a[0].shape[0]):
        found, y = code[real](x[i], a[1].shape[0]), <real*>a[2].data + i * a[2].stride[0]
        if found < 0:
            for j in range(k):
                y[j] = <real>NAN
        else:
            w = <const real*>a[1].data + found * a[1].stride[0]
            for j in range(k):
                y[j] = w[j]


declare(kernels, "embedding", embedding[float], embedding[double], ROWS)


cdef void embedding_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef const real* x = <const real*>a[0].data
    cdef const real* dy
    cdef real* dw
    cdef Py_ssize_t i, j, found, k = a[1].shape[1]
    for i in range(a[2].shape[0]):
        dw = <real*>a[2].data + i * a[2].stride[0]
        for j in range(k):
            dw[j] = 0
    for i in range(a[0].shape[0]):
        found = code[real](x[i], a[2].shape[0])
        if found >= 0:
            dy, dw = <const real*>a[1].data + i * a[1].stride[0], <real*>a[2].data + found * a[2].stride[0]
            for j in range(k):
                dw[j] += dy[j]


declare(kernels, "embedding_backward", embedding_backward[float], embedding_backward[double], ROWS)
