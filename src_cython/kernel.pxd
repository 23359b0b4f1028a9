"""What a kernel is: a C function over bound arrays, which the engine calls without the GIL and without Python.

``cdef void name(const Array* a, const double* s, real* room) noexcept nogil`` is the twin of the op of that name: `a` holds the op's arrays
and `s` its scalars, each in the order of the op's parameters. The engine has checked shapes, dtypes and layout against the op's signature
before the first call. `room` is scratch of ROOM bytes that belongs to the calling thread and holds nothing from one call to the next.

``declare(kernels, "name", name[float], name[double])`` right below the function makes it known.
"""

cdef struct Array:
    void* data
    Py_ssize_t[2] shape     # of a vector: its length, then 1
    Py_ssize_t[2] stride    # from one entry to the next along each axis, in entries

cdef enum Layout:
    WHOLE = 0   # every array is C-contiguous
    ROWS = 1    # every matrix has contiguous rows, stride[0] apart
    ANY = 2     # inputs have any strides, outputs contiguous rows

cdef enum:
    ROOM = 1 << 21

ctypedef void (*Single)(const Array*, const double*, float*) noexcept nogil
ctypedef void (*Double)(const Array*, const double*, double*) noexcept nogil


cdef inline int declare(dict kernels, str name, Single single, Double double_, int layout=0) except -1:
    """Enter a kernel of both dtypes into its module's table, from which it becomes its op's twin."""
    kernels[name] = <size_t>single, <size_t>double_, layout
    return 0
