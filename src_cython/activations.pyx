"""Elementwise activations: a rule for the value and a rule for the slope each, in one loop that all share.

An activation is two short functions, `<name>_value(z, p)` and `<name>_slope(z, a, p)` (p is its parameter, if any), and the two kernels.
`forward` and `backward` are inlined into each kernel, where the rule is a constant: no call is left in the loop, and it vectorises.
Every kernel may work in place (a is z, dz is da).
"""

from check cimport expect_matrix
from inline cimport inline_void
from real cimport real
from vmath cimport exp_minus_square, exp_negative, vabs, verfc, vexp, vexpm1, vmax, vsigmoid, vsoftplus, vtanh

cdef inline inline_void forward(
    str op, real (*value)(real, real) noexcept nogil, const real[:, ::1] z, real[:, ::1] a, real parameter=0
) except *:
    """a = value(z, parameter)."""
    cdef Py_ssize_t i, count = z.shape[0] * z.shape[1]
    expect_matrix(op, "a", a.shape, z.shape[0], z.shape[1])
    if count:
        with nogil:
            for i in range(count):
                (&a[0, 0])[i] = value((&z[0, 0])[i], parameter)


cdef inline inline_void backward(
    str op,
    real (*slope)(real, real, real) noexcept nogil,
    const real[:, ::1] z,
    const real[:, ::1] a,
    const real[:, ::1] da,
    real[:, ::1] dz,
    real parameter=0,
) except *:
    """dz = da * slope(z, a, parameter)."""
    cdef Py_ssize_t i, count = z.shape[0] * z.shape[1]
    expect_matrix(op, "a", a.shape, z.shape[0], z.shape[1])
    expect_matrix(op, "da", da.shape, z.shape[0], z.shape[1])
    expect_matrix(op, "dz", dz.shape, z.shape[0], z.shape[1])
    if count:
        with nogil:
            for i in range(count):
                (&dz[0, 0])[i] = (&da[0, 0])[i] * slope((&z[0, 0])[i], (&a[0, 0])[i], parameter)


cdef inline real relu_value(real z, real p) noexcept nogil:
    return vmax[real](z, 0)


cdef inline real relu_slope(real z, real a, real p) noexcept nogil:
    return <real>1 if z > 0 else <real>0


def relu(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("relu", relu_value[real], z, a)


def relu_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("relu_backward", relu_slope[real], z, a, da, dz)


cdef inline real leaky_relu_value(real z, real p) noexcept nogil:
    return z if z > 0 else p * z


cdef inline real leaky_relu_slope(real z, real a, real p) noexcept nogil:
    return <real>1 if z > 0 else p


def leaky_relu(const real[:, ::1] z not None, real[:, ::1] a not None, double negative_slope):
    forward[real]("leaky_relu", leaky_relu_value[real], z, a, <real>negative_slope)


def leaky_relu_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None,
    double negative_slope,
):
    backward[real]("leaky_relu_backward", leaky_relu_slope[real], z, a, da, dz, <real>negative_slope)


cdef inline real elu_value(real z, real p) noexcept nogil:
    return z if z > 0 else p * vexpm1[real](z)


cdef inline real elu_slope(real z, real a, real p) noexcept nogil:
    return <real>1 if z > 0 else a + p


def elu(const real[:, ::1] z not None, real[:, ::1] a not None, double alpha):
    forward[real]("elu", elu_value[real], z, a, <real>alpha)


def elu_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None,
    double alpha,
):
    backward[real]("elu_backward", elu_slope[real], z, a, da, dz, <real>alpha)


cdef inline real selu_value(real z, real p) noexcept nogil:
    """1.0507 is the scale, 1.7581 the scale times alpha."""
    return <real>1.0507009873554805 * z if z > 0 else <real>1.7580993408473766 * vexpm1[real](z)


cdef inline real selu_slope(real z, real a, real p) noexcept nogil:
    return <real>1.0507009873554805 if z > 0 else a + <real>1.7580993408473766


def selu(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("selu", selu_value[real], z, a)


def selu_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("selu_backward", selu_slope[real], z, a, da, dz)


cdef inline real sigmoid_value(real z, real p) noexcept nogil:
    return vsigmoid[real](z)


cdef inline real sigmoid_slope(real z, real a, real p) noexcept nogil:
    return a * (<real>1 - a)


def sigmoid(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("sigmoid", sigmoid_value[real], z, a)


def sigmoid_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("sigmoid_backward", sigmoid_slope[real], z, a, da, dz)


cdef inline real tanh_value(real z, real p) noexcept nogil:
    return vtanh[real](z)


cdef inline real tanh_slope(real z, real a, real p) noexcept nogil:
    return (<real>1 - a) * (<real>1 + a)


def tanh(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("tanh", tanh_value[real], z, a)


def tanh_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("tanh_backward", tanh_slope[real], z, a, da, dz)


cdef inline real softplus_value(real z, real p) noexcept nogil:
    return vsoftplus[real](z)


cdef inline real softplus_slope(real z, real a, real p) noexcept nogil:
    return vsigmoid[real](z)


def softplus(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("softplus", softplus_value[real], z, a)


def softplus_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("softplus_backward", softplus_slope[real], z, a, da, dz)


cdef inline real softsign_value(real z, real p) noexcept nogil:
    return z / (<real>1 + vabs[real](z))


cdef inline real softsign_slope(real z, real a, real p) noexcept nogil:
    cdef real under = <real>1 / (<real>1 + vabs[real](z))
    return under * under


def softsign(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("softsign", softsign_value[real], z, a)


def softsign_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("softsign_backward", softsign_slope[real], z, a, da, dz)


cdef inline real silu_value(real z, real p) noexcept nogil:
    return z * vsigmoid[real](z)


cdef inline real silu_slope(real z, real a, real p) noexcept nogil:
    cdef real s = vsigmoid[real](z)
    return s * (<real>1 + z * (<real>1 - s))


def silu(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("silu", silu_value[real], z, a)


def silu_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("silu_backward", silu_slope[real], z, a, da, dz)


cdef inline real gelu_value(real z, real p) noexcept nogil:
    return <real>0.5 * z * verfc[real](<real>-0.7071067811865476 * z)


cdef inline real gelu_slope(real z, real a, real p) noexcept nogil:
    cdef real x = <real>-0.7071067811865476 * z
    cdef real density = <real>0.3989422804014327 * exp_minus_square[real](vabs[real](x))
    return <real>0.5 * verfc[real](x) + z * density


def gelu(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("gelu", gelu_value[real], z, a)


def gelu_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("gelu_backward", gelu_slope[real], z, a, da, dz)


cdef inline real gelu_sigmoid(real z) noexcept nogil:
    """(1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3)."""
    return vsigmoid[real](z * (<real>1.5957691216057308 + <real>0.07135481627260025 * z * z))


cdef inline real gelu_tanh_value(real z, real p) noexcept nogil:
    return z * gelu_sigmoid[real](z)


cdef inline real gelu_tanh_slope(real z, real a, real p) noexcept nogil:
    cdef real s = gelu_sigmoid[real](z)
    cdef real slope_of_twice_u = <real>1.5957691216057308 + <real>0.21406444881780076 * z * z
    return s * (<real>1 + z * (<real>1 - s) * slope_of_twice_u)


def gelu_tanh(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("gelu_tanh", gelu_tanh_value[real], z, a)


def gelu_tanh_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("gelu_tanh_backward", gelu_tanh_slope[real], z, a, da, dz)


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


def mish(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("mish", mish_value[real], z, a)


def mish_backward(
    const real[:, ::1] z not None, const real[:, ::1] a not None, const real[:, ::1] da not None, real[:, ::1] dz not None
):
    backward[real]("mish_backward", mish_slope[real], z, a, da, dz)


cdef inline real exponential_value(real z, real p) noexcept nogil:
    return vexp[real](z)


def exponential(const real[:, ::1] z not None, real[:, ::1] a not None):
    forward[real]("exponential", exponential_value[real], z, a)
