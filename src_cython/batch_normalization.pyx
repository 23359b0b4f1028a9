"""Batch normalization: rows outside, columns inside, so that every loop runs along memory.

The moments come from one pass over the data, shifted by its first row: sums of ``x - x[0]`` and of its square lose nothing to
a large mean, as sums of x and x*x do (float32, mean 1e4, std 1: a variance of 0 or less). Chunks of rows are summed in the
array's dtype and added up in double, so that the error doesn't grow with the number of rows.
"""

from libc.math cimport sqrt

from check cimport expect, expect_matrix
from real cimport real

cdef enum:
    COLUMNS = 256  # at a time: their sums stay in the first-level cache
    CHUNK = 64     # rows summed before they are added in double


cdef void moments(Py_ssize_t n, Py_ssize_t m, const real* x, Py_ssize_t row, double* mean, double* variance) noexcept nogil:
    """Mean less x[0], and biased variance, of m <= COLUMNS columns of x (n, m), whose rows lie `row` elements apart."""
    cdef real[COLUMNS] first, second
    cdef Py_ssize_t i, j, chunk
    cdef real d
    for j in range(m):
        mean[j] = variance[j] = 0
    for chunk in range((n + CHUNK - 1) // CHUNK):
        for j in range(m):
            first[j] = second[j] = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, n)):
            for j in range(m):
                d = x[i * row + j] - x[j]
                first[j] += d
                second[j] += d * d
        for j in range(m):
            mean[j] += first[j]
            variance[j] += second[j]
    for j in range(m):
        mean[j] /= n
        variance[j] = variance[j] / n - mean[j] * mean[j]
        if variance[j] < 0:  # by rounding; NaN stays
            variance[j] = 0


def batch_norm(
    const real[:, ::1] x not None, const real[::1] gamma not None, const real[::1] beta not None,
    real[::1] moving_mean not None, real[::1] moving_variance not None, real[:, ::1] y not None,
    real[::1] mean not None, real[::1] rstd not None, double momentum, double epsilon,
):
    cdef Py_ssize_t n = x.shape[0], m = x.shape[1], j
    expect("batch_norm", "gamma", gamma.shape[0], m, "entries")
    expect("batch_norm", "beta", beta.shape[0], m, "entries")
    expect("batch_norm", "moving_mean", moving_mean.shape[0], m, "entries")
    expect("batch_norm", "moving_variance", moving_variance.shape[0], m, "entries")
    expect("batch_norm", "mean", mean.shape[0], m, "entries")
    expect("batch_norm", "rstd", rstd.shape[0], m, "entries")
    expect_matrix("batch_norm", "y", y.shape, n, m)
    if n == 0 or m == 0:
        return
    with nogil:
        for j in range((m + COLUMNS - 1) // COLUMNS):
            normalize(n, min(COLUMNS, m - j * COLUMNS), m, &x[0, j * COLUMNS], &gamma[j * COLUMNS], &beta[j * COLUMNS],
                      &moving_mean[j * COLUMNS], &moving_variance[j * COLUMNS], &y[0, j * COLUMNS],
                      &mean[j * COLUMNS], &rstd[j * COLUMNS], momentum, epsilon)


cdef void normalize(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t row, const real* x, const real* gamma, const real* beta, real* moving_mean,
    real* moving_variance, real* y, real* mean, real* rstd, double momentum, double epsilon,
) noexcept nogil:
    """`batch_norm` of up to COLUMNS columns; y may be x."""
    cdef double[COLUMNS] average, variance
    cdef real[COLUMNS] origin, shift, scale
    cdef Py_ssize_t i, j
    moments(n, m, x, row, average, variance)
    for j in range(m):
        origin[j] = x[j]
        shift[j] = <real>average[j]
        average[j] += x[j]
        mean[j] = <real>average[j]
        rstd[j] = <real>(1 / sqrt(variance[j] + epsilon))
        scale[j] = gamma[j] * rstd[j]
        moving_mean[j] = <real>(momentum * moving_mean[j] + (1 - momentum) * average[j])
        moving_variance[j] = <real>(momentum * moving_variance[j] + (1 - momentum) * variance[j])
    for i in range(n):
        for j in range(m):
            y[i * row + j] = (x[i * row + j] - origin[j] - shift[j]) * scale[j] + beta[j]


def batch_norm_backward(
    const real[:, ::1] x not None, const real[::1] gamma not None, const real[::1] mean not None, const real[::1] rstd not None,
    const real[:, ::1] dy not None, real[:, ::1] dx not None, real[::1] dgamma not None, real[::1] dbeta not None,
):
    cdef Py_ssize_t n = x.shape[0], m = x.shape[1], j
    expect("batch_norm_backward", "gamma", gamma.shape[0], m, "entries")
    expect("batch_norm_backward", "mean", mean.shape[0], m, "entries")
    expect("batch_norm_backward", "rstd", rstd.shape[0], m, "entries")
    expect("batch_norm_backward", "dgamma", dgamma.shape[0], m, "entries")
    expect("batch_norm_backward", "dbeta", dbeta.shape[0], m, "entries")
    expect_matrix("batch_norm_backward", "dy", dy.shape, n, m)
    expect_matrix("batch_norm_backward", "dx", dx.shape, n, m)
    if m == 0:
        return
    with nogil:
        dgamma[:] = 0
        dbeta[:] = 0
        for j in range((m + COLUMNS - 1) // COLUMNS if n else 0):
            differentiate(n, min(COLUMNS, m - j * COLUMNS), m, &x[0, j * COLUMNS], &gamma[j * COLUMNS], &mean[j * COLUMNS],
                          &rstd[j * COLUMNS], &dy[0, j * COLUMNS], &dx[0, j * COLUMNS], &dgamma[j * COLUMNS], &dbeta[j * COLUMNS])


cdef void differentiate(
    Py_ssize_t n, Py_ssize_t m, Py_ssize_t row, const real* x, const real* gamma, const real* mean, const real* rstd,
    const real* dy, real* dx, real* dgamma, real* dbeta,
) noexcept nogil:
    """`batch_norm_backward` of up to COLUMNS columns; dx may be dy.

    ``dx = a (dy - mean(dy)) + b (x - mean)`` with one a and b a column; exactly 0 where there is one sample.
    """
    cdef double[COLUMNS] sum_dy, sum_dyx
    cdef real[COLUMNS] first, second, a, b, mean_dy
    cdef Py_ssize_t i, j, chunk
    for j in range(m):
        sum_dy[j] = sum_dyx[j] = 0
    for chunk in range((n + CHUNK - 1) // CHUNK):
        for j in range(m):
            first[j] = second[j] = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, n)):
            for j in range(m):
                first[j] += dy[i * row + j]
                second[j] += dy[i * row + j] * (x[i * row + j] - mean[j])
        for j in range(m):
            sum_dy[j] += first[j]
            sum_dyx[j] += second[j]
    for j in range(m):
        sum_dyx[j] *= rstd[j]
        dgamma[j] = <real>sum_dyx[j]
        dbeta[j] = <real>sum_dy[j]
        a[j] = gamma[j] * rstd[j]
        b[j] = <real>(-a[j] * rstd[j] * sum_dyx[j] / n)
        mean_dy[j] = <real>(sum_dy[j] / n)
    for i in range(n):
        for j in range(m):
            dx[i * row + j] = a[j] * (dy[i * row + j] - mean_dy[j]) + b[j] * (x[i * row + j] - mean[j])


def batch_norm_inference(
    const real[:, ::1] x not None, const real[::1] gamma not None, const real[::1] beta not None,
    const real[::1] moving_mean not None, const real[::1] moving_variance not None, real[:, ::1] y not None, double epsilon,
):
    cdef Py_ssize_t n = x.shape[0], m = x.shape[1], i, j, k, width
    cdef real[COLUMNS] scale
    expect("batch_norm_inference", "gamma", gamma.shape[0], m, "entries")
    expect("batch_norm_inference", "beta", beta.shape[0], m, "entries")
    expect("batch_norm_inference", "moving_mean", moving_mean.shape[0], m, "entries")
    expect("batch_norm_inference", "moving_variance", moving_variance.shape[0], m, "entries")
    expect_matrix("batch_norm_inference", "y", y.shape, n, m)
    with nogil:
        for k in range((m + COLUMNS - 1) // COLUMNS):
            width = min(COLUMNS, m - k * COLUMNS)
            for j in range(width):
                scale[j] = <real>(gamma[k * COLUMNS + j] / sqrt(moving_variance[k * COLUMNS + j] + epsilon))
            for i in range(n):
                for j in range(k * COLUMNS, k * COLUMNS + width):
                    y[i, j] = (x[i, j] - moving_mean[j]) * scale[j - k * COLUMNS] + beta[j]
