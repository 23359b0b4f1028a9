"""The compiled twin of an op: a C function for each dtype behind a check of arrays against the op's signature."""

import sys

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

from kernel cimport ANY, ROOM, WHOLE, Array
from team cimport denormals_flush, denormals_restore

cdef enum:
    MAX_ARRAYS = 12
    MAX_SCALARS = 12
    MAX_SIZES = 8

cdef enum Kind:
    REAL
    INT64
    UINT64
    FLOAT64

ctypedef void (*Entry)(const Array*, const double*, void*) noexcept nogil

KINDS = {"real": REAL, "int64": INT64, "uint64": UINT64, "float64": FLOAT64}
cdef char NATIVE = c"<" if sys.byteorder == "little" else c">"


# What a signature says of one array.
cdef struct Parameter:
    int axes
    int[2] size            # which of the op's sizes each axis has; -1 where it is a number alone
    Py_ssize_t[2] number   # how many times that size
    int kind
    bint written

# A call with its arguments.
cdef struct Bound:
    Entry entry
    int arrays
    Array[MAX_ARRAYS] array
    double[MAX_SCALARS] scalar
    Py_buffer[MAX_ARRAYS] buffer


cdef void release(Bound* call) noexcept:
    cdef int i
    for i in range(call.arrays):
        PyBuffer_Release(&call.buffer[i])
    call.arrays = 0


cdef int kind_of(const Py_buffer* buffer) noexcept:
    """The kind of a buffer's entries, REAL for either floating dtype; -1 for any other, and where they aren't aligned."""
    cdef const char* format = buffer.format
    if format == NULL or buffer.itemsize == 0 or <size_t>buffer.buf % buffer.itemsize:
        return -1
    if format[0] in (c"@", c"=", NATIVE):
        format += 1
    if format[0] == 0 or format[1] != 0:
        return -1
    if format[0] in (c"f", c"d"):
        return REAL
    if format[0] in (c"l", c"q") and buffer.itemsize == 8:
        return INT64
    if format[0] in (c"L", c"Q") and buffer.itemsize == 8:
        return UINT64
    return -1


cdef class Kernel:
    """The compiled twin of an op.

    Parameters
    ----------
    op : Op
    entries : tuple
        What the kernel's module declared: the addresses of its C functions for float32 and float64, and its layout.
    """

    cdef readonly object op
    cdef readonly str __name__
    cdef Entry[2] entries
    cdef int layout, arrays, scalars
    cdef Parameter[MAX_ARRAYS] parameters
    cdef tuple names, symbols, is_array

    def __init__(self, op, entries):
        cdef size_t single = entries[0], double_ = entries[1]
        cdef dict sizes = {}
        cdef Parameter* parameter
        self.op, self.__name__, self.layout = op, op.name, entries[2]
        self.entries[0], self.entries[1] = <Entry>single, <Entry>double_
        self.is_array = tuple([not isinstance(a, str) for a in op.arguments])
        self.names = tuple([a.name for a in op.arrays])
        self.arrays, self.scalars = len(op.arrays), len(op.arguments) - len(op.arrays)
        if self.arrays > MAX_ARRAYS or self.scalars > MAX_SCALARS:
            raise ValueError(f"op {op.name!r} has more than {MAX_ARRAYS} arrays or {MAX_SCALARS} scalars")
        for i, argument in enumerate(op.arrays):
            parameter = &self.parameters[i]
            parameter.axes, parameter.kind, parameter.written = len(argument.shape), KINDS[argument.dtype], argument.written
            if not 1 <= parameter.axes <= 2:
                raise ValueError(f"op {op.name!r}: {argument.name} must have one or two axes")
            for axis, symbol in enumerate(argument.shape):
                parameter.number[axis], name = factor(symbol)
                parameter.size[axis] = sizes.setdefault(name, len(sizes)) if name else -1
        if len(sizes) > MAX_SIZES:
            raise ValueError(f"op {op.name!r} has more than {MAX_SIZES} sizes")
        self.symbols = tuple(sizes)

    cdef int bind(self, given, Bound* call) except -1:
        """Check `given` and keep it in `call`, which must be released later, also after an error."""
        cdef Py_ssize_t[MAX_SIZES] sizes
        cdef Py_ssize_t itemsize = 0
        cdef int i, j = 0
        call.arrays = 0
        if len(given) != len(self.is_array):
            raise TypeError(f"{self.__name__} takes {len(self.is_array)} arguments, got {len(given)}")
        for i in range(MAX_SIZES):
            sizes[i] = -1
        for value, is_array in zip(given, self.is_array):
            if is_array:
                self.bind_array(value, call, sizes, &itemsize)
            else:
                try:
                    call.scalar[j] = value
                except TypeError:
                    raise TypeError(f"{self.__name__}: {self.op.scalars[j]} must be a number, got {type(value).__name__}") from None
                j += 1
        call.entry = self.entries[itemsize == 8]
        return 0

    cdef int bind_array(self, value, Bound* call, Py_ssize_t* sizes, Py_ssize_t* itemsize) except -1:
        cdef int i = call.arrays, axis, kind
        cdef Parameter* parameter = &self.parameters[i]
        cdef Py_buffer* buffer = &call.buffer[i]
        cdef Array* array = &call.array[i]
        cdef Py_ssize_t expected
        try:
            PyObject_GetBuffer(value, buffer, PyBUF_STRIDES | PyBUF_FORMAT | (PyBUF_WRITABLE if parameter.written else 0))
        except TypeError:
            raise TypeError(f"{self.__name__}: {self.names[i]} must be an array, got {type(value).__name__}") from None
        except (ValueError, BufferError) as error:
            what = "written to" if parameter.written else "read"
            raise ValueError(f"{self.__name__}: {self.names[i]} can't be {what}: {error}") from None
        call.arrays += 1
        kind = kind_of(buffer)
        if parameter.kind == FLOAT64:
            kind = FLOAT64 if kind == REAL and buffer.itemsize == 8 else -1
        elif kind == REAL:
            itemsize[0] = itemsize[0] or buffer.itemsize
            kind = kind if buffer.itemsize == itemsize[0] else -1
        if kind != parameter.kind:
            raise ValueError(self.wrong_kind(i, buffer, itemsize[0]))
        if buffer.ndim != parameter.axes:
            raise ValueError(f"{self.__name__}: {self.names[i]} must have {parameter.axes} axes, it has {buffer.ndim}")
        array.data = buffer.buf
        array.shape[1] = array.stride[1] = 1
        for axis in range(parameter.axes):
            array.shape[axis] = buffer.shape[axis]
            if buffer.strides == NULL:  # ctypes' arrays, which are contiguous
                array.stride[axis] = buffer.shape[1] if axis + 1 < parameter.axes else 1
            else:
                array.stride[axis] = buffer.strides[axis] // buffer.itemsize
            if buffer.strides != NULL and buffer.strides[axis] % buffer.itemsize:
                size = buffer.itemsize
                raise ValueError(f"{self.__name__}: the strides of {self.names[i]} must be multiples of {size} bytes; copy it first")
            expected = parameter.number[axis]
            if parameter.size[axis] >= 0:
                if sizes[parameter.size[axis]] < 0 and buffer.shape[axis] % expected == 0:
                    sizes[parameter.size[axis]] = buffer.shape[axis] // expected
                expected *= sizes[parameter.size[axis]]
            if buffer.shape[axis] != expected:
                raise ValueError(self.mismatch(i, call, sizes))
        return self.check_layout(i, array, parameter)

    cdef str wrong_kind(self, int i, const Py_buffer* buffer, Py_ssize_t itemsize):
        wanted = self.op.arrays[i].dtype
        if wanted == "real":
            wanted = {4: "float32", 8: "float64"}.get(itemsize, "float32 or float64")
        if buffer.itemsize and <size_t>buffer.buf % buffer.itemsize:
            return f"{self.__name__}: {self.names[i]} must start at a multiple of {buffer.itemsize} bytes; copy it first"
        given = "none" if buffer.format == NULL else repr((<bytes>buffer.format).decode())
        return f"{self.__name__}: {self.names[i]} must have dtype {wanted} in native byte order, its format is {given}"

    cdef int check_layout(self, int i, Array* array, const Parameter* parameter) except -1:
        cdef bint loose = array.shape[0] * array.shape[1] == 0 or (self.layout == ANY and not parameter.written and parameter.axes == 2)
        if array.shape[1] <= 1 and parameter.axes == 2 and not loose:
            array.stride[1] = 1
        if array.shape[0] <= 1 and not loose:
            array.stride[0] = array.shape[1]
        if not loose and (array.stride[1] != 1 or ((self.layout == WHOLE or parameter.axes == 1) and array.stride[0] != array.shape[1])):
            what = "be contiguous" if self.layout == WHOLE or parameter.axes == 1 else "have contiguous rows"
            raise ValueError(f"{self.__name__}: {self.names[i]} must {what}; copy it first")
        return 0

    cdef str mismatch(self, int i, Bound* call, Py_ssize_t* sizes):
        cdef Parameter* parameter = &self.parameters[i]
        given = tuple([call.buffer[i].shape[axis] for axis in range(parameter.axes)])
        expected = []
        for axis in range(parameter.axes):
            known = -1 if parameter.size[axis] < 0 else parameter.number[axis] * sizes[parameter.size[axis]]
            expected.append(f"{self.op.arrays[i].shape[axis]}" + (f"={known}" if known >= 0 else ""))
        return f"{self.__name__}: {self.names[i]} has shape {given}, expected ({', '.join(expected)})"

    def __call__(self, *given):
        self.run(given, 1)

    def repeat(self, Py_ssize_t times, *given):
        """Run the kernel `times` times on the same arguments and flush denormals, as a plan does: for benchmarks."""
        cdef unsigned mode = denormals_flush()
        try:
            self.run(given, times)
        finally:
            denormals_restore(mode)

    cdef int run(self, given, Py_ssize_t times) except -1:
        cdef Bound call
        cdef Py_ssize_t _
        cdef void* room = take_room(ROOM)
        if room == NULL:
            raise MemoryError
        try:
            self.bind(given, &call)
            with nogil:
                for _ in range(times):
                    call.entry(call.array, call.scalar, room)
        finally:
            release(&call)
            give_room(room)
        return 0

    def __repr__(self):
        return f"<kernel {self.__name__}>"
