"""Elementwise activations: a rule for the value and a rule for the slope each, in one loop that all share.

An activation is two short functions, `<name>_value(z, p)` and `<name>_slope(z, a, p)` (p is its parameter, if any), and the two kernels.
`forward` and `backward` are inlined into each kernel, where the rule is a constant: no call is left in the loop, and it vectorises.
Where vectors can be masked (AVX2, AVX-512), the entries after the last whole vector have a loop of one vector's length and a condition,
which becomes one masked vector: 15 entries cost the sigmoid 5 ns, not 23 one by one. That loop is compiled apart, so a rule must not add
two products: which of them is fused with the sum would be the compiler's choice, and an entry's bits depend on its position.
Every kernel may work in place (a is z, dz is da).
"""

from inline cimport inline_void
from kernel cimport Array, declare
from real cimport real
from vmath cimport VECTOR, exp_minus_square, exp_negative, vabs, verfc, vexp, vexpm1, vmax, vsigmoid, vsoftplus, vtanh

kernels = {}


cdef inline inline_void forward(real (*value)(real, real) noexcept nogil, const Array* arrays, real parameter=0) noexcept nogil:
    """a = value(z, parameter) on the arrays z, a."""
    cdef const real* z = <const real*>arrays[0].data
    cdef real* a = <real*>arrays[1].data
    cdef Py_ssize_t i, lanes = max(VECTOR // sizeof(real), 1), count = arrays[0].shape[0] * arrays[0].shape[1], whole = count & -lanes
    for i in range(whole):
        a[i] = value(z[i], parameter)
    if whole < count:
        for i in range(lanes):
            if whole + i < count:
                a[whole + i] = value(z[whole + i], parameter)


cdef inline inline_void backward(real (*slope)(real, real, real) noexcept nogil, const Array* arrays, real parameter=0) noexcept nogil:
    """dz = da * slope(z, a, parameter) on the arrays z, a, da, dz."""
    cdef const real* z = <const real*>arrays[0].data
    cdef const real* a = <const real*>arrays[1].data
    cdef const real* da = <const real*>arrays[2].data
    cdef real* dz = <real*>arrays[3].data
    cdef Py_ssize_t i, lanes = max(VECTOR // sizeof(real), 1), count = arrays[0].shape[0] * arrays[0].shape[1], whole = count & -lanes
    for i in range(whole):
        dz[i] = da[i] * slope(z[i], a[i], parameter)
    if whole < count:
        for i in range(lanes):
            if whole + i < count:
                dz[whole + i] = da[whole + i] * slope(z[whole + i], a[whole + i], parameter)


cdef inline real relu_value(real z, real p) noexcept nogil:
    return vmax[real](z, 0)


cdef inline real relu_slope(real z, real a, real p) noexcept nogil:
    return <real>1 if z > 0 else <real>0


cdef void relu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](relu_value[real], a)

declare(kernels, "relu", relu[float], relu[double])


cdef void relu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](relu_slope[real], a)

declare(kernels, "relu_backward", relu_backward[float], relu_backward[double])


cdef inline real leaky_relu_value(real z, real p) noexcept nogil:
    return z if z > 0 else p * z


cdef inline real leaky_relu_slope(real z, real a, real p) noexcept nogil:
    return <real>1 if z > 0 else p


cdef void leaky_relu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](leaky_relu_value[real], a, <real>s[0])

declare(kernels, "leaky_relu", leaky_relu[float], leaky_relu[double])


cdef void leaky_relu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](leaky_relu_slope[real], a, <real>s[0])

declare(kernels, "leaky_relu_backward", leaky_relu_backward[float], leaky_relu_backward[double])


cdef inline real elu_value(real z, real p) noexcept nogil:
    return z if z > 0 else p * vexpm1[real](z)


cdef inline real elu_slope(real z, real a, real p) noexcept nogil:
    return <real>1 if z > 0 else a + p


cdef void elu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](elu_value[real], a, <real>s[0])

declare(kernels, "elu", elu[float], elu[double])


cdef void elu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](elu_slope[real], a, <real>s[0])

declare(kernels, "elu_backward", elu_backward[float], elu_backward[double])


cdef inline real selu_value(real z, real p) noexcept nogil:
    """1.0507 is the scale, 1.7581 the scale times alpha."""
    return <real>1.0507009873554805 * z if z > 0 else <real>1.7580993408473766 * vexpm1[real](z)


cdef inline real selu_slope(real z, real a, real p) noexcept nogil:
    return <real>1.0507009873554805 if z > 0 else a + <real>1.7580993408473766


cdef void selu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](selu_value[real], a)

declare(kernels, "selu", selu[float], selu[double])


cdef void selu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](selu_slope[real], a)

declare(kernels, "selu_backward", selu_backward[float], selu_backward[double])


cdef inline real sigmoid_value(real z, real p) noexcept nogil:
    return vsigmoid[real](z)


cdef inline real sigmoid_slope(real z, real a, real p) noexcept nogil:
    return a * (<real>1 - a)


cdef void sigmoid(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](sigmoid_value[real], a)

declare(kernels, "sigmoid", sigmoid[float], sigmoid[double])


cdef void sigmoid_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](sigmoid_slope[real], a)

declare(kernels, "sigmoid_backward", sigmoid_backward[float], sigmoid_backward[double])


cdef inline real tanh_value(real z, real p) noexcept nogil:
    return vtanh[real](z)


cdef inline real tanh_slope(real z, real a, real p) noexcept nogil:
    return (<real>1 - a) * (<real>1 + a)


cdef void tanh(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](tanh_value[real], a)

declare(kernels, "tanh", tanh[float], tanh[double])


cdef void tanh_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](tanh_slope[real], a)

declare(kernels, "tanh_backward", tanh_backward[float], tanh_backward[double])


cdef inline real softplus_value(real z, real p) noexcept nogil:
    return vsoftplus[real](z)


cdef inline real softplus_slope(real z, real a, real p) noexcept nogil:
    return vsigmoid[real](z)


cdef void softplus(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](softplus_value[real], a)

declare(kernels, "softplus", softplus[float], softplus[double])


cdef void softplus_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](softplus_slope[real], a)

declare(kernels, "softplus_backward", softplus_backward[float], softplus_backward[double])


cdef inline real softsign_value(real z, real p) noexcept nogil:
    return z / (<real>1 + vabs[real](z))


cdef inline real softsign_slope(real z, real a, real p) noexcept nogil:
    cdef real under = <real>1 / (<real>1 + vabs[real](z))
    return under * under


cdef void softsign(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](softsign_value[real], a)

declare(kernels, "softsign", softsign[float], softsign[double])


cdef void softsign_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](softsign_slope[real], a)

declare(kernels, "softsign_backward", softsign_backward[float], softsign_backward[double])


cdef inline real silu_value(real z, real p) noexcept nogil:
    return z * vsigmoid[real](z)


cdef inline real silu_slope(real z, real a, real p) noexcept nogil:
    cdef real s = vsigmoid[real](z)
    return s * (<real>1 + z * (<real>1 - s))


cdef void silu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](silu_value[real], a)

declare(kernels, "silu", silu[float], silu[double])


cdef void silu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](silu_slope[real], a)

declare(kernels, "silu_backward", silu_backward[float], silu_backward[double])


cdef inline real gelu_value(real z, real p) noexcept nogil:
    return <real>0.5 * z * verfc[real](<real>-0.7071067811865476 * z)


cdef inline real gelu_slope(real z, real a, real p) noexcept nogil:
    cdef real x = <real>-0.7071067811865476 * z
    cdef real twice_density = <real>0.7978845608028654 * exp_minus_square[real](vabs[real](x))
    return <real>0.5 * (verfc[real](x) + z * twice_density)


cdef void gelu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](gelu_value[real], a)

declare(kernels, "gelu", gelu[float], gelu[double])


cdef void gelu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](gelu_slope[real], a)

declare(kernels, "gelu_backward", gelu_backward[float], gelu_backward[double])


cdef inline real gelu_sigmoid(real z) noexcept nogil:
    """(1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3)."""
    return vsigmoid[real](z * (<real>1.5957691216057308 + <real>0.07135481627260025 * z * z))


cdef inline real gelu_tanh_value(real z, real p) noexcept nogil:
    return z * gelu_sigmoid[real](z)


cdef inline real gelu_tanh_slope(real z, real a, real p) noexcept nogil:
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


cdef inline real mish_value(real z, real p) noexcept nogil:
    cdef real e = exp_negative[real](-vabs[real](z), 0)
    cdef real above = mish_above[real](z, e)
    return z * above / (above + mish_rest[real](z, e))


cdef inline real mish_slope(real z, real a, real p) noexcept nogil:
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


cdef inline real exponential_value(real z, real p) noexcept nogil:
    return vexp[real](z)


cdef void exponential(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](exponential_value[real], a)

declare(kernels, "exponential", exponential[float], exponential[double])


cdef inline real exponential_slope(real z, real a, real p) noexcept nogil:
    return a


cdef void exponential_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](exponential_slope[real], a)

declare(kernels, "exponential_backward", exponential_backward[float], exponential_backward[double])
