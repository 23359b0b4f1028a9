"""Batch normalization: rows outside, columns inside, so that every loop runs along memory.

The moments are summed in double, the variance in a second pass around the mean, corrected by what the mean was off (Chan, Golub &
LeVeque, "Algorithms for computing the sample variance", 1983): one pass over x and x*x would lose a large mean's digits, and one
shifted by the first row those of a first row that lies far off.

Kernels work on bands of COLUMNS columns; columns know nothing of each other, so calls may be cut along them.
"""

from libc.math cimport sqrt
from columns cimport COLUMNS
from kernel cimport ROWS, Array, declare
from real cimport real

cdef enum:
    CHUNK = 64  # rows summed before they are added in double


cdef inline void in_bands(
    void (*band)(const Array*, const double*, Py_ssize_t, Py_ssize_t, real*) noexcept nogil, const Array* a, const double* s, real* room
) noexcept nogil:
    """Run `band` on each band's first column and number of columns."""
    cdef Py_ssize_t j, m = a[0].shape[1]
    for j in range((m + COLUMNS - 1) // COLUMNS):
        band(a, s, j * COLUMNS, min(COLUMNS, m - j * COLUMNS), room)


cdef void moments(Py_ssize_t n, Py_ssize_t m, const real* x, Py_ssize_t row, double* mean, double* rest, double* variance) noexcept nogil:
    """Mean (what it lacks in `rest`) and biased variance of m <= COLUMNS columns of x (n, m), whose rows lie `row` entries apart."""
    cdef Py_ssize_t i, j
    cdef double d
    for j in range(m):
        mean[j] = rest[j] = variance[j] = 0
    for i in range(n):
        for j in range(m):
            mean[j] += x[i * row + j]
    for j in range(m):
        mean[j] /= n
    for i in range(n):
        for j in range(m):
            d = x[i * row + j] - mean[j]
            rest[j] += d
            variance[j] += d * d
    for j in range(m):
        rest[j] /= n
        variance[j] = variance[j] / n - rest[j] * rest[j]
        if variance[j] < 0:  # by rounding; NaN stays
            variance[j] = 0


cdef void normalize(const Array* a, const double* s, Py_ssize_t start, Py_ssize_t m, real* room) noexcept nogil:
    """`batch_norm` of one band; y may be x."""
    cdef const real* x = <real*>a[0].data + start
    cdef const real* gamma = <real*>a[1].data + start
    cdef const real* beta = <real*>a[2].data + start
    cdef real* moving_mean = <real*>a[3].data + start
    cdef real* moving_variance = <real*>a[4].data + start
    cdef real* y = <real*>a[5].data + start
    cdef real* mean = <real*>a[6].data + start
    cdef real* rstd = <real*>a[7].data + start
    cdef Py_ssize_t n = a[0].shape[0], x_row = a[0].stride[0], y_row = a[5].stride[0], i, j
    cdef double momentum = s[0], epsilon = s[1]
    cdef double[COLUMNS] average, rest, variance
    cdef real[COLUMNS] origin, shift, scale
    moments(n, m, x, x_row, average, rest, variance)
    for j in range(m):
        origin[j] = <real>average[j]
        shift[j] = <real>(average[j] - origin[j] + rest[j])
        average[j] += rest[j]
        mean[j] = <real>average[j]
        rstd[j] = <real>(1 / sqrt(variance[j] + epsilon))
        scale[j] = gamma[j] * rstd[j]
        moving_mean[j] = <real>(momentum * moving_mean[j] + (1 - momentum) * average[j])
        moving_variance[j] = <real>(momentum * moving_variance[j] + (1 - momentum) * variance[j])
    for i in range(n):
        for j in range(m):
            y[i * y_row + j] = (x[i * x_row + j] - origin[j] - shift[j]) * scale[j] + beta[j]


cdef void batch_norm(const Array* a, const double* s, real* room) noexcept nogil:
    if a[0].shape[0]:
        in_bands[real](normalize[real], a, s, room)


declare(kernels, "batch_norm", batch_norm[float], batch_norm[double], ROWS)


cdef void differentiate(const Array* a, const double* s, Py_ssize_t start, Py_ssize_t m, real* room) noexcept nogil:
    """`batch_norm_backward` of one band; dx may be dy.

    ``dx = a (dy - mean(dy)) + b (x - mean)`` with one a and b a column; exactly 0 where there is one sample.
    """
    cdef const real* x = <real*>a[0].data + start
    cdef const real* gamma = <real*>a[1].data + start
    cdef const real* mean = <real*>a[2].data + start
    cdef const real* rstd = <real*>a[3].data + start
    cdef const real* dy = <real*>a[4].data + start
    cdef real* dx = <real*>a[5].data + start
    cdef real* dgamma = <real*>a[6].data + start
    cdef real* dbeta = <real*>a[7].data + start
    cdef Py_ssize_t n = a[0].shape[0], x_row = a[0].stride[0], dy_row = a[4].stride[0], dx_row = a[5].stride[0], i, j, chunk
    cdef double[COLUMNS] sum_dy, sum_dyx
    cdef real[COLUMNS] first, second, of_dy, of_x, mean_dy
    for j in range(m):
        sum_dy[j] = sum_dyx[j] = 0
    for chunk in range((n + CHUNK - 1) // CHUNK):
        for j in range(m):
            first[j] = second[j] = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, n)):
            for j in range(m):
                first[j] += dy[i * dy_row + j]
                second[j] += dy[i * dy_row + j] * (x[i * x_row + j] - mean[j])
        for j in range(m):
            sum_dy[j] += first[j]
            sum_dyx[j] += second[j]
    for j in range(m):
        sum_dyx[j] *= rstd[j]
        dgamma[j] = <real>sum_dyx[j]
        dbeta[j] = <real>sum_dy[j]
        of_dy[j] = gamma[j] * rstd[j]
        of_x[j] = <real>(-of_dy[j] * rstd[j] * sum_dyx[j] / n)
        mean_dy[j] = <real>(sum_dy[j] / n)
    for i in range(n):
        for j in range(m):
            dx[i * dx_row + j] = of_dy[j] * (dy[i * dy_row + j] - mean_dy[j]) + of_x[j] * (x[i * x_row + j] - mean[j])


cdef void batch_norm_backward(const Array* a, const double* s, real* room) noexcept nogil:
    cdef real* dgamma = <real*>a[6].data
    cdef real* dbeta = <real*>a[7].data
    cdef Py_ssize_t j
    if a[0].shape[0]:
        in_bands[real](differentiate[real], a, s, room)
        return
    for j in range(a[0].shape[1]):
        dgamma[j] = dbeta[j] = 0


declare(kernels, "batch_norm_backward", batch_norm_backward[float], batch_norm_backward[double], ROWS)


cdef void normalize_by_moving(const Array* a, const double* s, Py_ssize_t start, Py_ssize_t m, real* room) noexcept nogil:
    """`batch_norm_inference` of one band."""
    cdef const real* x = <real*>a[0].data + start
    cdef const real* gamma = <real*>a[1].data + start
    cdef const real* beta = <real*>a[2].data + start
    cdef const real* moving_mean = <real*>a[3].data + start
    cdef const real* moving_variance = <real*>a[4].data + start
    cdef real* y = <real*>a[5].data + start
    cdef Py_ssize_t n = a[0].shape[0], x_row = a[0].stride[0], y_row = a[5].stride[0], i, j
    cdef double epsilon = s[0]
    cdef real[COLUMNS] scale
    for j in range(m):
        scale[j] = <real>(gamma[j] / sqrt(moving_variance[j] + epsilon))
    for i in range(n):
        for j in range(m):
            y[i * y_row + j] = (x[i * x_row + j] - moving_mean[j]) * scale[j] + beta[j]


cdef void batch_norm_inference(const Array* a, const double* s, real* room) noexcept nogil:
    in_bands[real](normalize_by_moving[real], a, s, room)


declare(kernels, "batch_norm_inference", batch_norm_inference[float], batch_norm_inference[double], ROWS)


cdef void differentiate_by_moving(const Array* a, const double* s, Py_ssize_t start, Py_ssize_t m, real* room) noexcept nogil:
    """`batch_norm_inference_backward` of one band; dx may be dy."""
    cdef const real* dy = <real*>a[0].data + start
    cdef const real* gamma = <real*>a[1].data + start
    cdef const real* moving_variance = <real*>a[2].data + start
    cdef real* dx = <real*>a[3].data + start
    cdef Py_ssize_t n = a[0].shape[0], dy_row = a[0].stride[0], dx_row = a[3].stride[0], i, j
    cdef double epsilon = s[0]
    cdef real[COLUMNS] scale
    for j in range(m):
        scale[j] = <real>(gamma[j] / sqrt(moving_variance[j] + epsilon))
    for i in range(n):
        for j in range(m):
            dx[i * dx_row + j] = dy[i * dy_row + j] * scale[j]


cdef void batch_norm_inference_backward(const Array* a, const double* s, real* room) noexcept nogil:
    in_bands[real](differentiate_by_moving[real], a, s, room)


declare(
    kernels, "batch_norm_inference_backward", batch_norm_inference_backward[float], batch_norm_inference_backward[double], ROWS)
