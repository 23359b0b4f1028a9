"""Shape checks before a kernel touches memory: 1 ns each when they pass."""


cdef inline int expect(str op, str name, Py_ssize_t given, Py_ssize_t expected, str axis) except -1:
    """Raise a ValueError unless `name` has `expected` entries along `axis`."""
    if given != expected:
        raise ValueError(f"{op}: {name} has {given} {axis}, expected {expected}")
    return 0


cdef inline int expect_matrix(str op, str name, const Py_ssize_t* shape, Py_ssize_t rows, Py_ssize_t columns) except -1:
    """Raise a ValueError unless `name` has the shape (rows, columns)."""
    if shape[0] != rows or shape[1] != columns:
        raise ValueError(f"{op}: {name} has shape ({shape[0]}, {shape[1]}), expected ({rows}, {columns})")
    return 0


cdef inline int expect_whole_strides(str op, str name, const Py_ssize_t* strides, Py_ssize_t itemsize) except -1:
    """Raise a ValueError unless rows and columns lie whole entries apart, as those of a structured array's field may not."""
    if strides[0] % itemsize or strides[1] % itemsize:
        raise ValueError(f"{op}: the strides of {name} ({strides[0]}, {strides[1]}) must be multiples of {itemsize} bytes; copy it first")
    return 0


cdef inline int expect_contiguous_rows(
    str op, str name, const Py_ssize_t* shape, const Py_ssize_t* strides, Py_ssize_t itemsize
) except -1:
    """Raise a ValueError unless the columns of `name` lie side by side."""
    expect_whole_strides(op, name, strides, itemsize)
    if shape[1] > 1 and strides[1] != itemsize:
        raise ValueError(f"{op}: {name} must have contiguous rows, its columns lie {strides[1]} bytes apart")
    return 0
