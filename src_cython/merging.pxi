"""How the outputs of branches become one; see fastnn/layers/merging.py."""

from libc.math cimport NAN
from libc.string cimport memcpy

from inline cimport inline_void
from kernel cimport ROWS, Array, declare
from real cimport real

# Every matrix may be columns of a wider one. Rows that follow one another without a gap are one long row.


cdef inline bint gapless(const Array* a, int arrays) noexcept nogil:
    cdef int i
    for i in range(arrays):
        if a[i].stride[0] != a[i].shape[1]:
            return False
    return True


cdef inline inline_void pairs(
    real (*rule)(real, real, const double*) noexcept nogil, const Array* a, const Array* b, const Array* y, const double* s, bint flat
) noexcept nogil:
    """y = rule(a, b)."""
    cdef Py_ssize_t i, j, n = 1 if flat else y.shape[0], m = y.shape[0] * y.shape[1] if flat else y.shape[1]
    cdef const real* left
    cdef const real* right
    cdef real* out
    for i in range(n):
        left, right = <const real*>a.data + i * a.stride[0], <const real*>b.data + i * b.stride[0]
        out = <real*>y.data + i * y.stride[0]
        for j in range(m):
            out[j] = rule(left[j], right[j], s)


cdef inline real weighted(real a, real b, const double* s) noexcept nogil:
    return <real>s[0] * a + <real>s[1] * b


cdef inline real first_weighted(real a, real b, const double* s) noexcept nogil:
    return <real>s[0] * a


cdef inline real second_weighted(real a, real b, const double* s) noexcept nogil:
    return <real>s[1] * a


cdef inline real product(real a, real b, const double* s) noexcept nogil:
    return a * b


cdef inline real larger(real a, real b, const double* s) noexcept nogil:
    cdef real found = a if a > b else b
    return a if a != a else found


cdef inline real smaller(real a, real b, const double* s) noexcept nogil:
    cdef real found = a if a < b else b
    return a if a != a else found


cdef void combine(const Array* a, const double* s, real* room) noexcept nogil:
    pairs[real](weighted[real], &a[0], &a[1], &a[2], s, gapless(a, 3))


declare(kernels, "combine", combine[float], combine[double], ROWS)


cdef void combine_backward(const Array* a, const double* s, real* room) noexcept nogil:
    pairs[real](first_weighted[real], &a[0], &a[0], &a[1], s, gapless(a, 3))
    pairs[real](second_weighted[real], &a[0], &a[0], &a[2], s, gapless(a, 3))


declare(kernels, "combine_backward", combine_backward[float], combine_backward[double], ROWS)


cdef void multiply(const Array* a, const double* s, real* room) noexcept nogil:
    pairs[real](product[real], &a[0], &a[1], &a[2], s, gapless(a, 3))


declare(kernels, "multiply", multiply[float], multiply[double], ROWS)


cdef void multiply_backward(const Array* a, const double* s, real* room) noexcept nogil:
    pairs[real](product[real], &a[1], &a[2], &a[3], s, gapless(a, 5))
    pairs[real](product[real], &a[0], &a[2], &a[4], s, gapless(a, 5))


declare(kernels, "multiply_backward", multiply_backward[float], multiply_backward[double], ROWS)


cdef void maximum(const Array* a, const double* s, real* room) noexcept nogil:
    pairs[real](larger[real], &a[0], &a[1], &a[2], s, gapless(a, 3))


declare(kernels, "maximum", maximum[float], maximum[double], ROWS)


cdef void minimum(const Array* a, const double* s, real* room) noexcept nogil:
    pairs[real](smaller[real], &a[0], &a[1], &a[2], s, gapless(a, 3))


declare(kernels, "minimum", minimum[float], minimum[double], ROWS)


cdef inline inline_void to_the_larger(
    real half, const Array* a, const Array* b, const Array* dy, const Array* da, const Array* db, bint flat
) noexcept nogil:
    """Da and db: dy where theirs is the larger, `half` of it where they are equal, NaN where either is."""
    cdef Py_ssize_t i, j, n = 1 if flat else dy.shape[0], m = dy.shape[0] * dy.shape[1] if flat else dy.shape[1]
    cdef const real* left
    cdef const real* right
    cdef const real* gradient
    cdef real* of_left
    cdef real* of_right
    cdef real share
    for i in range(n):
        left, right = <const real*>a.data + i * a.stride[0], <const real*>b.data + i * b.stride[0]
        gradient = <const real*>dy.data + i * dy.stride[0]
        of_left, of_right = <real*>da.data + i * da.stride[0], <real*>db.data + i * db.stride[0]
        for j in range(m):
            share = half if left[j] == right[j] else <real>NAN
            share = <real>1 if left[j] > right[j] else (<real>0 if left[j] < right[j] else share)
            of_left[j] = gradient[j] * share
            of_right[j] = gradient[j] * (<real>1 - share)


cdef void maximum_backward(const Array* a, const double* s, real* room) noexcept nogil:
    to_the_larger[real](<real>0.5, &a[0], &a[1], &a[2], &a[3], &a[4], gapless(a, 5))


declare(kernels, "maximum_backward", maximum_backward[float], maximum_backward[double], ROWS)


cdef void minimum_backward(const Array* a, const double* s, real* room) noexcept nogil:
    to_the_larger[real](<real>0.5, &a[1], &a[0], &a[2], &a[3], &a[4], gapless(a, 5))


declare(kernels, "minimum_backward", minimum_backward[float], minimum_backward[double], ROWS)


cdef void copy(const Array* a, const double* s, real* room) noexcept nogil:
    cdef Py_ssize_t i, m = a[0].shape[1]
    if gapless(a, 2):
        memcpy(a[1].data, a[0].data, a[0].shape[0] * m * sizeof(real))
    else:
        for i in range(a[0].shape[0]):
            memcpy(<real*>a[1].data + i * a[1].stride[0], <const real*>a[0].data + i * a[0].stride[0], m * sizeof(real))


declare(kernels, "copy", copy[float], copy[double], ROWS)


cdef void copy_backward(const Array* a, const double* s, real* room) noexcept nogil:
    copy[real](a, s, room)


declare(kernels, "copy_backward", copy_backward[float], copy_backward[double], ROWS)
