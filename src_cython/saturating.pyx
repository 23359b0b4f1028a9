"""Activations that saturate, on both sides or below zero alone."""

from elementwise cimport backward, forward
from gates cimport sigmoid_slope, sigmoid_value
from kernel cimport Array, declare
from real cimport real
from vmath cimport exp_negative, vabs, vexpm1, vmax, vmin, vtanh

kernels = {}


cdef void sigmoid(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](sigmoid_value[real], a)

declare(kernels, "sigmoid", sigmoid[float], sigmoid[double])


cdef void sigmoid_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](sigmoid_slope[real], a)

declare(kernels, "sigmoid_backward", sigmoid_backward[float], sigmoid_backward[double])


cdef inline real tanh_value(real z, real p, real q, real r) noexcept nogil:
    return vtanh[real](z)


cdef inline real tanh_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return (<real>1 - a) * (<real>1 + a)


cdef void tanh(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](tanh_value[real], a)

declare(kernels, "tanh", tanh[float], tanh[double])


cdef void tanh_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](tanh_slope[real], a)

declare(kernels, "tanh_backward", tanh_backward[float], tanh_backward[double])


cdef inline real softsign_value(real z, real p, real q, real r) noexcept nogil:
    z = vmax[real](vmin[real](z, <real>1e30), <real>-1e30)  # infinity over infinity would be no number
    return z / (<real>1 + vabs[real](z))


cdef inline real softsign_slope(real z, real a, real p, real q, real r) noexcept nogil:
    cdef real under = <real>1 / (<real>1 + vabs[real](z))
    return under * under


cdef void softsign(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](softsign_value[real], a)

declare(kernels, "softsign", softsign[float], softsign[double])


cdef void softsign_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](softsign_slope[real], a)

declare(kernels, "softsign_backward", softsign_backward[float], softsign_backward[double])


cdef inline real elu_value(real z, real p, real q, real r) noexcept nogil:
    return z if z > 0 else p * vexpm1[real](z)


cdef inline real elu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1 if z > 0 else a + p


cdef void elu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](elu_value[real], a, <real>s[0])

declare(kernels, "elu", elu[float], elu[double])


cdef void elu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](elu_slope[real], a, <real>s[0])

declare(kernels, "elu_backward", elu_backward[float], elu_backward[double])


cdef inline real selu_value(real z, real p, real q, real r) noexcept nogil:
    """1.0507 is the scale, 1.7581 the scale times alpha."""
    return <real>1.0507009873554805 * z if z > 0 else <real>1.7580993408473766 * vexpm1[real](z)


cdef inline real selu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return <real>1.0507009873554805 if z > 0 else a + <real>1.7580993408473766


cdef void selu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](selu_value[real], a)

declare(kernels, "selu", selu[float], selu[double])


cdef void selu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](selu_slope[real], a)

declare(kernels, "selu_backward", selu_backward[float], selu_backward[double])


cdef inline real celu_value(real z, real p, real q, real r) noexcept nogil:
    return z if z > 0 else p * vexpm1[real](z / p)


cdef inline real celu_slope(real z, real a, real p, real q, real r) noexcept nogil:
    return exp_negative[real](vmin[real](z, 0) / p, 0)


cdef void celu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](celu_value[real], a, <real>s[0])

declare(kernels, "celu", celu[float], celu[double])


cdef void celu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](celu_slope[real], a, <real>s[0])

declare(kernels, "celu_backward", celu_backward[float], celu_backward[double])
