"""Activations of straight lines and parabolas."""

from libc.string cimport memset

from elementwise cimport backward, forward
from gates cimport relu_slope, relu_value
from kernel cimport Array, declare
from real cimport real
from vmath cimport vabs, vmax, vmin

kernels = {}


cdef void relu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](relu_value[real], a)

declare(kernels, "relu", relu[float], relu[double])


cdef void relu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](relu_slope[real], a)

declare(kernels, "relu_backward", relu_backward[float], relu_backward[double])


cdef inline real general_relu_value(real z, real p, real q, real r) noexcept nogil:
    """p is the negative slope, q the largest value, r the threshold."""
    cdef real below = p * (z - r) if p > 0 else <real>0
    return below if z <= r else vmin[real](z, q)


cdef inline real general_relu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    cdef real above = <real>1 if z < q else <real>0
    return p if z <= r else above


cdef void general_relu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](general_relu_value[real], a, <real>s[0], <real>s[1], <real>s[2])

declare(kernels, "general_relu", general_relu[float], general_relu[double])


cdef void general_relu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](general_relu_slope[real], a, <real>s[0], <real>s[1], <real>s[2])

declare(kernels, "general_relu_backward", general_relu_backward[float], general_relu_backward[double])


cdef inline real relu6_value(real z, real p, real q, real r) noexcept nogil:
    return vmin[real](vmax[real](z, 0), 6)


cdef inline real relu6_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if z > 0 and z < 6 else <real>0


cdef void relu6(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](relu6_value[real], a)

declare(kernels, "relu6", relu6[float], relu6[double])


cdef void relu6_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](relu6_slope[real], a)

declare(kernels, "relu6_backward", relu6_backward[float], relu6_backward[double])


cdef inline real leaky_relu_value(real z, real p, real q, real r) noexcept nogil:
    return z if z > 0 else p * z


cdef inline real leaky_relu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if z > 0 else p


cdef void leaky_relu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](leaky_relu_value[real], a, <real>s[0])

declare(kernels, "leaky_relu", leaky_relu[float], leaky_relu[double])


cdef void leaky_relu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](leaky_relu_slope[real], a, <real>s[0])

declare(kernels, "leaky_relu_backward", leaky_relu_backward[float], leaky_relu_backward[double])


cdef inline real threshold_value(real z, real p, real q, real r) noexcept nogil:
    return q if z <= p else z


cdef inline real threshold_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if z > p else <real>0


cdef void threshold(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](threshold_value[real], a, <real>s[0], <real>s[1])

declare(kernels, "threshold", threshold[float], threshold[double])


cdef void threshold_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](threshold_slope[real], a, <real>s[0], <real>s[1])

declare(kernels, "threshold_backward", threshold_backward[float], threshold_backward[double])


cdef inline real step_value(real z, real p, real q, real r) noexcept nogil:
    cdef real below = <real>0 if z < 0 else z  # NaN stays
    return <real>1 if z >= 0 else below


cdef void step(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](step_value[real], a)

declare(kernels, "step", step[float], step[double])


cdef void step_backward(const Array* a, const double* s, real* room) noexcept nogil:
    memset(a[3].data, 0, a[3].shape[0] * a[3].shape[1] * sizeof(real))

declare(kernels, "step_backward", step_backward[float], step_backward[double])


cdef inline real hard_sigmoid_value(real z, real p, real q, real r) noexcept nogil:
    return vmin[real](vmax[real](z + <real>3, 0), 6) * <real>0.16666666666666666


cdef inline real hard_sigmoid_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>0.16666666666666666 if vabs[real](z) < 3 else <real>0


cdef void hard_sigmoid(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](hard_sigmoid_value[real], a)

declare(kernels, "hard_sigmoid", hard_sigmoid[float], hard_sigmoid[double])


cdef void hard_sigmoid_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](hard_sigmoid_slope[real], a)

declare(kernels, "hard_sigmoid_backward", hard_sigmoid_backward[float], hard_sigmoid_backward[double])


cdef inline real hard_tanh_value(real z, real p, real q, real r) noexcept nogil:
    return vmin[real](vmax[real](z, p), q)


cdef inline real hard_tanh_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if z > p and z < q else <real>0


cdef void hard_tanh(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](hard_tanh_value[real], a, <real>s[0], <real>s[1])

declare(kernels, "hard_tanh", hard_tanh[float], hard_tanh[double])


cdef void hard_tanh_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](hard_tanh_slope[real], a, <real>s[0], <real>s[1])

declare(kernels, "hard_tanh_backward", hard_tanh_backward[float], hard_tanh_backward[double])


cdef inline real hard_silu_value(real z, real p, real q, real r) noexcept nogil:
    return vmax[real](z, -3) * (vmin[real](vmax[real](z + <real>3, 0), 6) * <real>0.16666666666666666)


cdef inline real hard_silu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    cdef real inner = (z + <real>1.5) * <real>0.3333333333333333 if z < 3 else <real>1
    return inner if z > -3 else <real>0


cdef void hard_silu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](hard_silu_value[real], a)

declare(kernels, "hard_silu", hard_silu[float], hard_silu[double])


cdef void hard_silu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](hard_silu_slope[real], a)

declare(kernels, "hard_silu_backward", hard_silu_backward[float], hard_silu_backward[double])


cdef inline real hard_shrink_value(real z, real p, real q, real r) noexcept nogil:
    return <real>0 if vabs[real](z) <= p else z


cdef inline real hard_shrink_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if vabs[real](z) > p else <real>0


cdef void hard_shrink(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](hard_shrink_value[real], a, <real>s[0])

declare(kernels, "hard_shrink", hard_shrink[float], hard_shrink[double])


cdef void hard_shrink_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](hard_shrink_slope[real], a, <real>s[0])

declare(kernels, "hard_shrink_backward", hard_shrink_backward[float], hard_shrink_backward[double])


cdef inline real soft_shrink_value(real z, real p, real q, real r) noexcept nogil:
    return z - vmin[real](vmax[real](z, -p), p)


cdef inline real soft_shrink_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if vabs[real](z) > p else <real>0


cdef void soft_shrink(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](soft_shrink_value[real], a, <real>s[0])

declare(kernels, "soft_shrink", soft_shrink[float], soft_shrink[double])


cdef void soft_shrink_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](soft_shrink_slope[real], a, <real>s[0])

declare(kernels, "soft_shrink_backward", soft_shrink_backward[float], soft_shrink_backward[double])


cdef inline real sparse_plus_value(real z, real p, real q, real r) noexcept nogil:
    cdef real half = vmin[real](vmax[real](z + <real>1, 0), 2) * <real>0.5
    return z if z >= 1 else half * half


cdef inline real sparse_plus_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return vmin[real](vmax[real](z + <real>1, 0), 2) * <real>0.5


cdef void sparse_plus(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](sparse_plus_value[real], a)

declare(kernels, "sparse_plus", sparse_plus[float], sparse_plus[double])


cdef void sparse_plus_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](sparse_plus_slope[real], a)

declare(kernels, "sparse_plus_backward", sparse_plus_backward[float], sparse_plus_backward[double])


cdef inline real sparse_sigmoid_value(real z, real p, real q, real r) noexcept nogil:
    return vmin[real](vmax[real](z + <real>1, 0), 2) * <real>0.5


cdef inline real sparse_sigmoid_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>0.5 if vabs[real](z) < 1 else <real>0


cdef void sparse_sigmoid(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](sparse_sigmoid_value[real], a)

declare(kernels, "sparse_sigmoid", sparse_sigmoid[float], sparse_sigmoid[double])


cdef void sparse_sigmoid_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](sparse_sigmoid_slope[real], a)

declare(kernels, "sparse_sigmoid_backward", sparse_sigmoid_backward[float], sparse_sigmoid_backward[double])
