"""The three products of a dense layer, for operands of any strides; an output's rows must be contiguous."""

from check cimport expect, expect_contiguous_rows, expect_matrix, expect_whole_strides
from gemm cimport gemm
from real cimport real


cdef void product(const real[:, :] a, const real[:, :] b, real[:, :] c, const real* bias) noexcept nogil:
    """c = a @ b + bias, of checked shapes; bias may be NULL."""
    cdef Py_ssize_t size = sizeof(real)
    if c.shape[0] and c.shape[1]:
        gemm(c.shape[0], c.shape[1], a.shape[1], &a[0, 0] if a.shape[1] else NULL, a.strides[0] // size, a.strides[1] // size,
             &b[0, 0] if b.shape[0] else NULL, b.strides[0] // size, b.strides[1] // size, &c[0, 0], c.strides[0] // size, bias)


def dense(const real[:, :] x not None, const real[:, :] w not None, const real[::1] b not None, real[:, :] z not None):
    expect("dense", "w", w.shape[0], x.shape[1], "rows")
    expect("dense", "b", b.shape[0], w.shape[1], "entries")
    expect_matrix("dense", "z", z.shape, x.shape[0], w.shape[1])
    expect_whole_strides("dense", "x", x.strides, sizeof(real))
    expect_whole_strides("dense", "w", w.strides, sizeof(real))
    expect_contiguous_rows("dense", "z", z.shape, z.strides, sizeof(real))
    with nogil:
        product(x, w, z, &b[0] if b.shape[0] else NULL)


def dense_backward_input(const real[:, :] dz not None, const real[:, :] w not None, real[:, :] dx not None):
    expect("dense_backward_input", "w", w.shape[1], dz.shape[1], "columns")
    expect_matrix("dense_backward_input", "dx", dx.shape, dz.shape[0], w.shape[0])
    expect_whole_strides("dense_backward_input", "dz", dz.strides, sizeof(real))
    expect_whole_strides("dense_backward_input", "w", w.strides, sizeof(real))
    expect_contiguous_rows("dense_backward_input", "dx", dx.shape, dx.strides, sizeof(real))
    with nogil:
        product(dz, w.T, dx, <const real*>NULL)


def dense_backward_parameters(const real[:, :] x not None, const real[:, :] dz not None, real[:, :] dw not None, real[::1] db not None):
    cdef Py_ssize_t i, j
    expect("dense_backward_parameters", "dz", dz.shape[0], x.shape[0], "rows")
    expect("dense_backward_parameters", "db", db.shape[0], dz.shape[1], "entries")
    expect_matrix("dense_backward_parameters", "dw", dw.shape, x.shape[1], dz.shape[1])
    expect_whole_strides("dense_backward_parameters", "x", x.strides, sizeof(real))
    expect_whole_strides("dense_backward_parameters", "dz", dz.strides, sizeof(real))
    expect_contiguous_rows("dense_backward_parameters", "dw", dw.shape, dw.strides, sizeof(real))
    with nogil:
        product(x.T, dz, dw, <const real*>NULL)
        db[:] = 0
        for i in range(dz.shape[0]):
            for j in range(dz.shape[1]):
                db[j] += dz[i, j]
