"""What several optimizers' updates share."""

from libc.math cimport pow, sqrt, sqrtf
from real cimport real
from vmath cimport vabs, vcopysign


cdef inline real root(real x) noexcept nogil:
    """The square root in x's own precision: libc's sqrt on a float would go through double."""
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline real sign(real x) noexcept nogil:
    """-1, 0 or 1; NaN stays NaN."""
    return vcopysign(<real>1, x) if vabs(x) > 0 else x


cdef inline double corrected(double learning_rate, double beta_1, double beta_2, double step) noexcept nogil:
    """The learning rate with the bias corrections of both moments in it."""
    return learning_rate * sqrt(1 - pow(beta_2, step)) / (1 - pow(beta_1, step))
