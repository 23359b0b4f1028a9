"""Smooth relatives of relu, of the logarithm and of the exponential.

Arguments are bounded where infinity times 0 would be no number: e^-800 is 0 in either dtype, and so is the normal density at 40.
"""

from libc.math cimport sqrt, sqrtf

from elementwise cimport backward, forward
from gates cimport gelu_slope, gelu_value, silu_slope, silu_value
from kernel cimport Array, declare
from real cimport real
from vmath cimport exp_negative, poly4, vabs, vexp, vmax, vmin, vsigmoid, vsoftplus, vtanh

kernels = {}


cdef inline real softplus_value(real z, real p, real q, real r) noexcept nogil:
    return vsoftplus[real](z)


cdef inline real softplus_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return vsigmoid[real](z)


cdef void softplus(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](softplus_value[real], a)

declare(kernels, "softplus", softplus[float], softplus[double])


cdef void softplus_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](softplus_slope[real], a)

declare(kernels, "softplus_backward", softplus_backward[float], softplus_backward[double])


cdef inline real log_sigmoid_value(real z, real p, real q, real r) noexcept nogil:
    return -vsoftplus[real](-z)


cdef inline real log_sigmoid_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return vsigmoid[real](-z)


cdef void log_sigmoid(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](log_sigmoid_value[real], a)

declare(kernels, "log_sigmoid", log_sigmoid[float], log_sigmoid[double])


cdef void log_sigmoid_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](log_sigmoid_slope[real], a)

declare(kernels, "log_sigmoid_backward", log_sigmoid_backward[float], log_sigmoid_backward[double])


cdef inline real root_of_square_and(real z, real b) noexcept nogil:
    """sqrt(z^2 + b); where z^2 could overflow, by far, it is |z|."""
    cdef real bounded = vmin[real](vabs[real](z), <real>1e15)
    cdef real root
    if real is float:
        root = sqrtf(bounded * bounded + b)
    else:
        root = sqrt(bounded * bounded + b)
    return vabs[real](z) if vabs[real](z) > <real>1e15 else root


cdef inline real half_sum(real z, real root) noexcept nogil:
    """(|z| + root) / 2 without overflow; halves are exact, so that fusing one with the sum changes no bit."""
    return <real>0.5 * vabs[real](z) + <real>0.5 * root


cdef inline real squareplus_value(real z, real p, real q, real r) noexcept nogil:
    cdef real half = half_sum[real](z, root_of_square_and[real](z, p))
    return <real>0.25 * p / half if z < 0 else half


cdef inline real squareplus_slope(real z, real a, real p, real q, real r) noexcept nogil:
    z = vmax[real](vmin[real](z, <real>1e15), <real>-1e15)
    cdef real root = root_of_square_and[real](z, p), half = half_sum[real](z, root)
    cdef real value = <real>0.25 * p / half if z < 0 else half
    return value / root if root > 0 else <real>0.5


cdef void squareplus(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](squareplus_value[real], a, <real>s[0])

declare(kernels, "squareplus", squareplus[float], squareplus[double])


cdef void squareplus_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](squareplus_slope[real], a, <real>s[0])

declare(kernels, "squareplus_backward", squareplus_backward[float], squareplus_backward[double])


cdef void silu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](silu_value[real], a)

declare(kernels, "silu", silu[float], silu[double])


cdef void silu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](silu_slope[real], a)

declare(kernels, "silu_backward", silu_backward[float], silu_backward[double])


cdef void gelu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](gelu_value[real], a)

declare(kernels, "gelu", gelu[float], gelu[double])


cdef void gelu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](gelu_slope[real], a)

declare(kernels, "gelu_backward", gelu_backward[float], gelu_backward[double])


cdef inline real gelu_sigmoid(real z) noexcept nogil:
    """(1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3)."""
    return vsigmoid[real](z * (<real>1.5957691216057308 + <real>0.07135481627260025 * z * z))


cdef inline real gelu_tanh_value(real z, real p, real q, real r) noexcept nogil:
    return vmax[real](z, -40) * gelu_sigmoid[real](z)


cdef inline real gelu_tanh_slope(real z, real a, real p, real q, real r) noexcept nogil:
    z = vmax[real](vmin[real](z, 40), -40)
    cdef real s = gelu_sigmoid[real](z)
    cdef real slope_of_twice_u = <real>1.5957691216057308 + <real>0.21406444881780076 * z * z
    return s * (<real>1 + z * (<real>1 - s) * slope_of_twice_u)


cdef void gelu_tanh(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](gelu_tanh_value[real], a)

declare(kernels, "gelu_tanh", gelu_tanh[float], gelu_tanh[double])


cdef void gelu_tanh_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](gelu_tanh_slope[real], a)

declare(kernels, "gelu_tanh_backward", gelu_tanh_backward[float], gelu_tanh_backward[double])


cdef inline real mish_above(real z, real e) noexcept nogil:
    """With e = e^-|z|, tanh(softplus z) = above / (above + rest): no logarithm is needed."""
    return <real>1 + <real>2 * e if z > 0 else e * (e + <real>2)


cdef inline real mish_rest(real z, real e) noexcept nogil:
    return <real>2 * e * e if z > 0 else <real>2


cdef inline real mish_value(real z, real p, real q, real r) noexcept nogil:
    z = vmax[real](z, -800)
    cdef real e = exp_negative[real](-vabs[real](z), 0)
    cdef real above = mish_above[real](z, e)
    return z * above / (above + mish_rest[real](z, e))


cdef inline real mish_slope(real z, real a, real p, real q, real r) noexcept nogil:
    z = vmax[real](vmin[real](z, 800), -800)
    cdef real e = exp_negative[real](-vabs[real](z), 0)
    cdef real above = mish_above[real](z, e), rest = mish_rest[real](z, e)
    cdef real below = <real>1 / (above + rest)
    cdef real sigmoid = (e if z < 0 else <real>1) / (<real>1 + e)
    return below * (above + z * sigmoid * rest * (above + above + rest) * below)


cdef void mish(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](mish_value[real], a)

declare(kernels, "mish", mish[float], mish[double])


cdef void mish_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](mish_slope[real], a)

declare(kernels, "mish_backward", mish_backward[float], mish_backward[double])


cdef inline real lambert(real y) noexcept nogil:
    """1 - tanh(z) / z at y = z^2 <= 4, of positive terms only: Lambert's continued fraction of 6 (11) levels, error 2^-26.5 (2^-59.7)."""
    cdef real above, below
    if real is float:
        above = <float>45045 + y * (<float>2772 + y * <float>27)
        below = <float>135135 + y * (<float>62370 + y * (<float>3150 + y * <float>28))
    else:
        above = poly4[real](y, 105411381075.0, 8249586345.0, 174594420.0, 1276275.0, 2925.0 + y)
        below = poly4[real](y, 316234143225.0, 151242416325.0, 9820936125.0, 192972780.0, 1351350.0 + y * (3003.0 + y))
    return y * (above / below)


cdef inline real tanh_shrink_value(real z, real p, real q, real r) noexcept nogil:
    cdef real near = vmax[real](vmin[real](z, 2), -2)
    cdef real series = near * lambert[real](near * near)
    return series if vabs[real](z) < 2 else z - vtanh[real](z)


cdef inline real tanh_shrink_slope(real z, real a, real p, real q, real r) noexcept nogil:
    cdef real t = vtanh[real](z)
    return t * t


cdef void tanh_shrink(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](tanh_shrink_value[real], a)

declare(kernels, "tanh_shrink", tanh_shrink[float], tanh_shrink[double])


cdef void tanh_shrink_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](tanh_shrink_slope[real], a)

declare(kernels, "tanh_shrink_backward", tanh_shrink_backward[float], tanh_shrink_backward[double])


cdef inline real exponential_value(real z, real p, real q, real r) noexcept nogil:
    return vexp[real](z)


cdef inline real exponential_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return a


cdef void exponential(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](exponential_value[real], a)

declare(kernels, "exponential", exponential[float], exponential[double])


cdef void exponential_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](exponential_slope[real], a)

declare(kernels, "exponential_backward", exponential_backward[float], exponential_backward[double])
