"""A model bound for inference, called with any number of samples from any number of threads."""

from cpython.buffer cimport PyBUF_ND
from cpython.long cimport PyLong_AsSsize_t
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

cdef enum:
    BRIEF = 1 << 19   # multiply-adds up to which a call keeps the GIL: releasing it costs as much as some of them
    SHARED = 1 << 22  # multiply-adds from which it is worth several threads

cdef class Predictor:
    """A model bound for inference: call it with samples, from any number of threads.

    Made by :meth:`fastnn.Sequential.freeze`.

    Parameters
    ----------
    x : array_like of shape (n, ...)
        Any number of samples. Taken as it is when it is a C-contiguous array of the model's dtype, else converted.
    out : ndarray of shape (n, ...), optional
        Where to write the outputs; C-contiguous, of the model's dtype. Nothing is allocated then.

    Returns
    -------
    ndarray of shape (n, ...)
        `out`, or a new array.

    Raises
    ------
    ValueError, TypeError
        When x has another shape than the model expects, or `out` another than the result.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one sample.
    dtype : str
    batch_size : int
        Samples computed at a time.
    """

    cdef object source, plan, convert, refusal, ndarray, empty, real, threads
    cdef list single, idle, wide  # plans that no thread uses: for one sample, for a batch, for a batch on each thread
    cdef tuple one
    cdef readonly tuple input_shape, output_shape
    cdef readonly str dtype
    cdef readonly Py_ssize_t batch_size
    cdef Py_ssize_t work, itemsize

    def __cinit__(self, source):
        self.source, self.plan, self.convert = source, source.plan, source.convert
        self.refusal, self.threads = source.refusal, source.threads
        self.ndarray, self.empty, self.real, self.itemsize = source.ndarray, source.empty, source.real, source.real.itemsize
        self.input_shape, self.output_shape, self.dtype = source.input_shape, source.output_shape, source.dtype
        self.batch_size, self.work, self.one = source.batch_size, source.work, (1, *source.output_shape)
        self.single, self.idle, self.wide = [self.plan(1, 1)], [], []

    def __reduce__(self):
        return self.source.__reduce__()

    def __repr__(self):
        return repr(self.source)

    cdef bint fits(self, const Py_buffer* buffer, tuple shape) noexcept:
        """Whether a contiguous buffer holds samples of `shape` in the model's dtype."""
        cdef Py_ssize_t axis
        if buffer.ndim != PyTuple_GET_SIZE(shape) + 1 or buffer.itemsize != self.itemsize or kind_of(buffer) != REAL:
            return False
        for axis in range(buffer.ndim - 1):
            if buffer.shape[axis + 1] != PyLong_AsSsize_t(<object>PyTuple_GET_ITEM(shape, axis)):
                return False
        return True

    cdef int take(self, x, Py_buffer* buffer) except -1:
        """Keep a buffer of samples, converted first where they aren't as the model takes them."""
        if type(x) is self.ndarray:  # not a masked array, say
            try:
                PyObject_GetBuffer(x, buffer, PyBUF_ND | PyBUF_FORMAT)
            except (ValueError, BufferError):
                pass
            else:
                if self.fits(buffer, self.input_shape):
                    return 0
                PyBuffer_Release(buffer)
        PyObject_GetBuffer(self.convert(x), buffer, PyBUF_ND | PyBUF_FORMAT)
        return 0

    cdef int take_out(self, out, Py_ssize_t n, Py_buffer* buffer) except -1:
        try:
            PyObject_GetBuffer(out, buffer, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE)
        except (TypeError, ValueError, BufferError):
            raise self.refusal(out, n) from None
        if not self.fits(buffer, self.output_shape) or buffer.shape[0] != n:
            PyBuffer_Release(buffer)
            raise self.refusal(out, n)
        return 0

    def __call__(self, x, *, out=None):
        cdef Py_buffer given, result
        cdef Py_ssize_t n
        self.take(x, &given)
        try:
            n = given.shape[0]
            if out is None:
                out = self.empty(self.one if n == 1 else (n, *self.output_shape), self.real)
            self.take_out(out, n, &result)
            try:
                if <char*>given.buf < <char*>result.buf + result.len and <char*>result.buf < <char*>given.buf + given.len:
                    return self(self.convert(x).copy(), out=out)
                if n:
                    self.compute(<const char*>given.buf, <char*>result.buf, n)
            finally:
                PyBuffer_Release(&result)
        finally:
            PyBuffer_Release(&given)
        return out

    cdef int compute(self, const char* x, char* y, Py_ssize_t n) except -1:
        """Run a plan that no other thread uses."""
        cdef Plan plan
        cdef int threads = self.threads() if n > 1 and n * self.work >= SHARED else 1
        cdef Py_ssize_t size = 1 if n == 1 else self.batch_size * threads
        cdef list idle = self.single if n == 1 else self.idle if threads == 1 else self.wide
        try:
            plan = idle.pop()
        except IndexError:
            plan = self.plan(size, threads)
        if plan.batch_size != size:  # made for another number of threads
            plan = self.plan(size, threads)
        try:
            if n * self.work <= BRIEF:
                plan.forward(x, y, n, 1, True)
            else:
                with nogil:
                    plan.forward(x, y, n, threads, False)
        finally:
            idle.append(plan)
        return 0
