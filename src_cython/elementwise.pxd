"""The loops that all elementwise activations share.

An activation is two short rules, `<name>_value(z, p, q, r)` and `<name>_slope(z, a, p, q, r)` (p, q and r are its parameters, if any), and
its two kernels. `forward` and `backward` are inlined into each kernel, where the rule is a constant: no call is left in the loop, and it
vectorises. Where vectors can be masked (AVX2, AVX-512), the entries after the last whole vector have a loop of one vector's length and a
condition, which becomes one masked vector: 15 entries cost the sigmoid 5 ns, not 23 one by one. That loop is compiled apart, so a rule must
not add two products: which of them is fused with the sum would be the compiler's choice, and an entry's bits depend on its position.
Every kernel may work in place (a is z, dz is da).
"""

from inline cimport inline_void
from kernel cimport Array
from real cimport real
from vmath cimport VECTOR


cdef inline inline_void forward(
    real (*value)(real, real, real, real) noexcept nogil, const Array* arrays, real p=0, real q=0, real r=0
) noexcept nogil:
    """a = value(z, p, q, r) on the arrays z, a."""
    cdef const real* z = <const real*>arrays[0].data
    cdef real* a = <real*>arrays[1].data
    cdef Py_ssize_t i, lanes = max(VECTOR // sizeof(real), 1), count = arrays[0].shape[0] * arrays[0].shape[1], whole = count & -lanes
    for i in range(whole):
        a[i] = value(z[i], p, q, r)
    if whole < count:
        for i in range(lanes):
            if whole + i < count:
                a[whole + i] = value(z[whole + i], p, q, r)


cdef inline inline_void backward(
    real (*slope)(real, real, real, real, real) noexcept nogil, const Array* arrays, real p=0, real q=0, real r=0
) noexcept nogil:
    """dz = da * slope(z, a, p, q, r) on the arrays z, a, da, dz."""
    cdef const real* z = <const real*>arrays[0].data
    cdef const real* a = <const real*>arrays[1].data
    cdef const real* da = <const real*>arrays[2].data
    cdef real* dz = <real*>arrays[3].data
    cdef Py_ssize_t i, lanes = max(VECTOR // sizeof(real), 1), count = arrays[0].shape[0] * arrays[0].shape[1], whole = count & -lanes
    for i in range(whole):
        dz[i] = da[i] * slope(z[i], a[i], p, q, r)
    if whole < count:
        for i in range(lanes):
            if whole + i < count:
                dz[whole + i] = da[whole + i] * slope(z[whole + i], a[whole + i], p, q, r)
