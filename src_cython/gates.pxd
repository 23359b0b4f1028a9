"""The rules of activations that also serve as gates; elementwise.pxd says what a rule is.

Arguments are bounded where infinity times 0 would be no number: e^-800 is 0 in either dtype, and so is the normal density at 40.
"""

from real cimport real
from vmath cimport exp_minus_half_square, twice_normal_cdf, vabs, vmax, vmin, vsigmoid


cdef inline real relu_value(real z, real p, real q, real r) noexcept nogil:
    return vmax[real](z, 0)


cdef inline real relu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if z > 0 else <real>0


cdef inline real sigmoid_value(real z, real p, real q, real r) noexcept nogil:
    return vsigmoid[real](z)


cdef inline real sigmoid_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return a * (<real>1 - a)


cdef inline real silu_value(real z, real p, real q, real r) noexcept nogil:
    return vmax[real](z, -800) * vsigmoid[real](z)


cdef inline real silu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    z = vmax[real](vmin[real](z, 800), -800)
    cdef real s = vsigmoid[real](z)
    return s * (<real>1 + z * (<real>1 - s))


cdef inline real gelu_value(real z, real p, real q, real r) noexcept nogil:
    cdef real near = vmax[real](vmin[real](z, 40), -40)
    return <real>0.5 * vmax[real](z, -40) * twice_normal_cdf[real](near, exp_minus_half_square[real](vabs[real](near)))


cdef inline real gelu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    z = vmax[real](vmin[real](z, 40), -40)
    cdef real density = exp_minus_half_square[real](vabs[real](z))
    return <real>0.5 * (twice_normal_cdf[real](z, density) + z * (<real>0.7978845608028654 * density))
