"""Gated linear units: rows of values times a function of rows of gates; dvalue and dgate may be value and gate."""

from gates cimport (
    gelu_slope, gelu_value, relu_slope, relu_value, sigmoid_slope, sigmoid_value, silu_slope, silu_value,
)
from inline cimport inline_void
from kernel cimport ROWS, Array, declare
from real cimport real
from vmath cimport VECTOR

kernels = {}


cdef inline inline_void forward_entry(
    real (*rule)(real, real, real, real) noexcept nogil, const real* value, const real* gate, real* a, Py_ssize_t j
) noexcept nogil:
    a[j] = value[j] * rule(gate[j], 0, 0, 0)


cdef inline inline_void backward_entry(
    real (*rule)(real, real, real, real) noexcept nogil, real (*slope)(real, real, real, real, real) noexcept nogil,
    const real* value, const real* gate, const real* da, real* dvalue, real* dgate, Py_ssize_t j,
) noexcept nogil:
    cdef real v = value[j], g = gate[j], opened = rule(g, 0, 0, 0)
    dvalue[j] = da[j] * opened
    dgate[j] = da[j] * v * slope(g, opened, 0, 0, 0)


cdef inline inline_void forward(real (*rule)(real, real, real, real) noexcept nogil, const Array* a) noexcept nogil:
    """a = value * rule(gate) on the arrays value, gate, a; entries after the last whole vector as in elementwise.pxd."""
    cdef const real* value
    cdef const real* gate
    cdef real* out
    cdef Py_ssize_t i, j, m = a[0].shape[1], lanes = max(VECTOR // sizeof(real), 1), whole = m & -lanes
    for i in range(a[0].shape[0]):
        value, gate = <real*>a[0].data + i * a[0].stride[0], <real*>a[1].data + i * a[1].stride[0]
        out = <real*>a[2].data + i * a[2].stride[0]
        for j in range(whole):
            forward_entry[real](rule, value, gate, out, j)
        if whole < m:
            for j in range(lanes):
                if whole + j < m:
                    forward_entry[real](rule, value, gate, out, whole + j)


cdef inline inline_void backward(
    real (*rule)(real, real, real, real) noexcept nogil, real (*slope)(real, real, real, real, real) noexcept nogil, const Array* a
) noexcept nogil:
    """dvalue = da * rule(gate), dgate = da * value * slope(gate) on the arrays value, gate, da, dvalue, dgate."""
    cdef const real* value
    cdef const real* gate
    cdef const real* da
    cdef real* dvalue
    cdef real* dgate
    cdef Py_ssize_t i, j, m = a[0].shape[1], lanes = max(VECTOR // sizeof(real), 1), whole = m & -lanes
    for i in range(a[0].shape[0]):
        value, gate = <real*>a[0].data + i * a[0].stride[0], <real*>a[1].data + i * a[1].stride[0]
        dvalue, dgate = <real*>a[3].data + i * a[3].stride[0], <real*>a[4].data + i * a[4].stride[0]
        da = <real*>a[2].data + i * a[2].stride[0]
        for j in range(whole):
            backward_entry[real](rule, slope, value, gate, da, dvalue, dgate, j)
        if whole < m:
            for j in range(lanes):
                if whole + j < m:
                    backward_entry[real](rule, slope, value, gate, da, dvalue, dgate, whole + j)


cdef void glu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](sigmoid_value[real], a)

declare(kernels, "glu", glu[float], glu[double], ROWS)


cdef void glu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](sigmoid_value[real], sigmoid_slope[real], a)

declare(kernels, "glu_backward", glu_backward[float], glu_backward[double], ROWS)


cdef void reglu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](relu_value[real], a)

declare(kernels, "reglu", reglu[float], reglu[double], ROWS)


cdef void reglu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](relu_value[real], relu_slope[real], a)

declare(kernels, "reglu_backward", reglu_backward[float], reglu_backward[double], ROWS)


cdef void geglu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](gelu_value[real], a)

declare(kernels, "geglu", geglu[float], geglu[double], ROWS)


cdef void geglu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](gelu_value[real], gelu_slope[real], a)

declare(kernels, "geglu_backward", geglu_backward[float], geglu_backward[double], ROWS)


cdef void swiglu(const Array* a, const double* s, real* room) noexcept nogil:
    forward[real](silu_value[real], a)

declare(kernels, "swiglu", swiglu[float], swiglu[double], ROWS)


cdef void swiglu_backward(const Array* a, const double* s, real* room) noexcept nogil:
    backward[real](silu_value[real], silu_slope[real], a)

declare(kernels, "swiglu_backward", swiglu_backward[float], swiglu_backward[double], ROWS)
