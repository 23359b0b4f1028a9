"""The compiled executor: kernels called from Python one at a time, and whole programs run without it.

A `Kernel` is the twin of one op: it checks arrays against the op's signature, then calls its C function. A `Plan` is a program whose calls
were bound and checked once; it runs any number of training steps without the GIL, alone or with a team of threads.
"""

import sys

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsSsize_t
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from kernel cimport ANY, ROOM, WHOLE, Array
from team cimport denormals_flush, denormals_restore, team_forget, team_run

cdef extern from *:
    void* take_room "fastnn_take_room"(size_t bytes) noexcept nogil
    void give_room "fastnn_give_room"(void* room) noexcept nogil
    int64_t nanoseconds "fastnn_now"() noexcept nogil
    int check_signals "PyErr_CheckSignals"() noexcept  # leaves the error set, for later
    unsigned long this_thread "PyThread_get_thread_ident"() noexcept nogil
    ctypedef unsigned word "fastnn_word"
    unsigned swap "fastnn_swap"(word* place, unsigned value) noexcept nogil

cdef enum:
    MAX_ARRAYS = 12
    MAX_SCALARS = 12
    MAX_SIZES = 8

cdef double PATIENCE = 0.05  # seconds between two looks for signals within what takes longer

cdef enum Kind:
    REAL
    INT64
    UINT64
    FLOAT64

ctypedef void (*Entry)(const Array*, const double*, void*) noexcept nogil

KINDS = {"real": REAL, "int64": INT64, "uint64": UINT64, "float64": FLOAT64}
cdef char NATIVE = c"<" if sys.byteorder == "little" else c">"


def after_fork():
    """Make the team of threads anew: a forked child has none of its parent's."""
    team_forget()


# ---------------------------------------------------------------------------------------------------------
# Kernels

# What a signature says of one array.
cdef struct Parameter:
    int axes
    int[2] size            # which of the op's sizes each axis has; -1 where it is a number
    Py_ssize_t[2] number
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
                if symbol.isdigit():
                    parameter.size[axis], parameter.number[axis] = -1, int(symbol)
                else:
                    parameter.size[axis] = sizes.setdefault(symbol, len(sizes))
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
            if parameter.size[axis] < 0:
                expected = parameter.number[axis]
            else:
                expected = sizes[parameter.size[axis]]
                if expected < 0:
                    expected = sizes[parameter.size[axis]] = buffer.shape[axis]
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
            known = parameter.number[axis] if parameter.size[axis] < 0 else sizes[parameter.size[axis]]
            expected.append(f"{self.op.arrays[i].shape[axis]}" + (f"={known}" if parameter.size[axis] >= 0 and known >= 0 else ""))
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


# ---------------------------------------------------------------------------------------------------------
# Plans

# How an array of a call is cut. Axes are -1 where there is none.
cdef struct Operand:
    Py_ssize_t itemsize
    int batch            # the axis that counts samples
    Py_ssize_t per_sample    # entries along it for each sample
    int cut              # the axis that the group's parts lie along
    Py_ssize_t per_position  # entries along it for each position of the group

cdef struct Call:
    bint moving          # its scalars come from the table of the steps
    Bound bound
    Operand[MAX_ARRAYS] operand

# Calls that run one after the other on each part, parts being independent of each other.
cdef struct Group:
    int first, last
    Py_ssize_t length    # positions; 0 where they are the samples of the batch
    Py_ssize_t block     # positions a part

# Groups that are independent of each other; or a call of Python.
cdef struct Region:
    int first, last
    int python           # which one, or -1
    bint shared          # enough work for several threads
    bint updates         # holds the optimizer's update, which is done as a whole or not at all

# What a thread needs to know to run a part of a region.
cdef struct Job:
    Call* calls
    Group* groups
    const Region* region
    Py_ssize_t samples
    Py_ssize_t batch_size
    const double* scalars
    unsigned long caller     # the thread that looks for signals
    double deadline          # when it does so next; 0 for never
    unsigned mode            # its floating-point mode, for the handlers
    bint stopped             # whether one of them raised


# An array of a call that lies in the memory of a plan's input or output.
cdef struct Place:
    void** data
    Py_ssize_t offset


cdef inline Py_ssize_t block_of(const Group* group, const Job* job) noexcept nogil:
    """Positions a part; fewer samples than the plan is made for are shared out among as many parts."""
    cdef Py_ssize_t parts
    if group.length:
        return group.block
    parts = (job.batch_size + group.block - 1) // group.block
    return max(1, (job.samples + parts - 1) // parts)


cdef inline Py_ssize_t parts_of(const Group* group, const Job* job) noexcept nogil:
    cdef Py_ssize_t block = block_of(group, job)
    return ((group.length or job.samples) + block - 1) // block


cdef void run_calls(Job* job, const Group* group, Py_ssize_t part, void* room) noexcept nogil:
    """Run the calls of a group on one of its parts."""
    cdef Array[MAX_ARRAYS] cut
    cdef Array* array
    cdef const Operand* operand
    cdef Call* call
    cdef Py_ssize_t length = group.length or job.samples, block = block_of(group, job), extent, first
    cdef Py_ssize_t start = part * block, stop = min(start + block, length)
    cdef bint whole = job.samples == job.batch_size and start == 0 and stop == length
    cdef int i, j
    for i in range(group.first, group.last):
        call = &job.calls[i]
        array = call.bound.array
        if not whole:
            for j in range(call.bound.arrays):
                cut[j] = array[j]
                operand = &call.operand[j]
                if operand.batch >= 0:
                    cut[j].shape[operand.batch] = job.samples * operand.per_sample
                if operand.cut >= 0:
                    extent = cut[j].shape[operand.cut]
                    first = start * operand.per_position
                    cut[j].shape[operand.cut] = (extent if stop == length else stop * operand.per_position) - first
                    cut[j].data = <char*>cut[j].data + first * cut[j].stride[operand.cut] * operand.itemsize
            array = cut
        call.bound.entry(array, job.scalars if call.moving else call.bound.scalar, room)


cdef void look_for_signals(Job* job) noexcept nogil:
    """Between two parts of a step that takes longer than is allowed, run the handlers of signals; Ctrl-C's raises."""
    if not job.region.updates and job.deadline and this_thread() == job.caller and now() > job.deadline:
        denormals_restore(job.mode)
        with gil:
            job.stopped = check_signals() != 0
        denormals_flush()
        job.deadline = now() + PATIENCE


cdef void run_part(void* context, int part, void* room) noexcept nogil:
    """Run part number `part` of a region: parts are numbered through its groups."""
    cdef Job* job = <Job*>context
    cdef int g = job.region.first
    cdef Py_ssize_t parts = parts_of(&job.groups[g], job)
    if job.stopped:
        return
    while part >= parts:
        part -= parts
        g += 1
        parts = parts_of(&job.groups[g], job)
    run_calls(job, &job.groups[g], part, room)
    look_for_signals(job)


cdef inline double now() noexcept nogil:
    return 1e-9 * nanoseconds()


cdef class Plan:
    """A program bound for running: steps of a training, or batches of an evaluation.

    Parameters
    ----------
    regions : list
        Each a function of the number of samples, which is called with the GIL held, or a list of groups ``(length, block, calls)`` with
        calls ``(kernel, arguments, operands, moving)`` and an operand ``(batch, per_sample, cut, per_position)`` for each array.
    shared : list of bool
        Which regions are worth several threads.
    batch_size : int
    index : ndarray of shape (batch_size,), int64
        Filled with the numbers of each batch's samples before it runs.
    count : ndarray of shape (1,), float64
        Set to the number of samples in the batch.
    step : ndarray of shape (1,), uint64
        Counted up before each batch where `counts` says so.
    counts : bool

    Attributes
    ----------
    done : int
        Batches that the last run did.
    """

    cdef Call* calls
    cdef Group* groups
    cdef Region* regions
    cdef int n_calls, n_groups, n_regions
    cdef list breaks, kernels
    cdef tuple kept
    cdef int64_t* index
    cdef double* count
    cdef uint64_t* step
    cdef bint counts
    cdef readonly Py_ssize_t batch_size, done
    cdef Place* inputs
    cdef Place* outputs
    cdef int n_inputs, n_outputs
    cdef char* x
    cdef char* y
    cdef Py_ssize_t x_bytes, y_bytes
    cdef bint direct
    cdef int moving   # scalars that the table must have
    cdef word running

    def __cinit__(
        self, list regions, list shared, Py_ssize_t batch_size, int64_t[::1] index, double[::1] count, uint64_t[::1] step, bint counts
    ):
        cdef Region* region
        cdef Group* group
        if index.shape[0] != batch_size or count.shape[0] != 1 or step.shape[0] != 1 or batch_size < 1:
            raise ValueError("index needs batch_size entries, count and step one")
        groups = [g for r in regions if isinstance(r, list) for g in r]
        self.calls = <Call*>calloc(max(1, sum([len(calls) for _, _, calls in groups])), sizeof(Call))
        self.groups = <Group*>calloc(max(1, len(groups)), sizeof(Group))
        self.regions = <Region*>calloc(max(1, len(regions)), sizeof(Region))
        if self.calls == NULL or self.groups == NULL or self.regions == NULL:
            raise MemoryError
        self.batch_size, self.counts, self.breaks, self.kept = batch_size, counts, [], (index, count, step)
        self.kernels = []
        self.index, self.count, self.step = &index[0], &count[0], &step[0]
        for r, share in zip(regions, shared):
            region = &self.regions[self.n_regions]
            self.n_regions += 1
            region.first, region.python, region.shared = self.n_groups, -1, share
            if not isinstance(r, list):
                region.python = len(self.breaks)
                self.breaks.append(r)
                region.last = region.first
                continue
            for length, block, calls in r:
                group = &self.groups[self.n_groups]
                self.n_groups += 1
                group.length, group.block, group.first = length, block, self.n_calls
                if group.length < 0 or group.block < 1:
                    raise ValueError(f"a group needs a length of at least 0 and a block of at least 1, got {length} and {block}")
                for kernel, arguments, operands, moving in calls:
                    self.add(kernel, arguments, operands, moving)
                    region.updates |= moving
                group.last = self.n_calls
            region.last = self.n_groups

    cdef int add(self, Kernel kernel, arguments, operands, bint moving) except -1:
        cdef Call* call = &self.calls[self.n_calls]
        cdef int i
        self.n_calls += 1
        self.kernels.append(kernel)
        kernel.bind(arguments, &call.bound)
        call.moving = moving
        self.moving = max(self.moving, kernel.scalars if moving else 0)
        if len(operands) != call.bound.arrays:
            raise ValueError(f"{kernel!r} has {call.bound.arrays} arrays, got {len(operands)} operands")
        for i, (batch, per_sample, cut, per_position) in enumerate(operands):
            call.operand[i].itemsize = call.bound.buffer[i].itemsize
            call.operand[i].batch, call.operand[i].per_sample = batch, per_sample
            call.operand[i].cut, call.operand[i].per_position = cut, per_position
        return 0

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_calls):
            release(&self.calls[i].bound)
        free(self.inputs)
        free(self.outputs)
        free(self.calls)
        free(self.groups)
        free(self.regions)

    cdef int run_batch(
        self, Py_ssize_t samples, const double* scalars, Py_ssize_t n_scalars, int threads, void* room, unsigned mode, double deadline
    ) except -1 nogil:
        """One pass over the regions; Python's run in the floating-point mode of the caller."""
        cdef Job job
        cdef Region* region
        cdef Py_ssize_t parts, part
        cdef int r, g
        job.calls, job.groups, job.samples, job.batch_size, job.scalars = self.calls, self.groups, samples, self.batch_size, scalars
        job.caller, job.deadline, job.mode, job.stopped = this_thread() if deadline else 0, deadline, mode, False
        for r in range(self.n_regions):
            region = &self.regions[r]
            job.region = region
            if region.python >= 0:
                denormals_restore(mode)
                with gil:
                    self.breaks[region.python](samples, [scalars[i] for i in range(n_scalars)])
                denormals_flush()
            elif region.shared and threads > 1:
                parts = 0
                for g in range(region.first, region.last):
                    parts += parts_of(&self.groups[g], &job)
                if team_run(run_part, &job, <int>parts, threads):
                    with gil:
                        raise MemoryError("no memory for a thread's scratch")
            else:
                for g in range(region.first, region.last):
                    for part in range(parts_of(&self.groups[g], &job)):
                        run_calls(&job, &self.groups[g], part, room)
                        if region.shared:
                            look_for_signals(&job)
                            if job.stopped:
                                return -1
            if job.stopped:
                return -1
        return 0

    def run(
        self, const int64_t[::1] order not None, Py_ssize_t first, Py_ssize_t steps, const double[:, ::1] table, int threads,
        double seconds, const double[::1] watched,
    ):
        """Run batches `first` to ``first + steps`` of `order`, or fewer when the time is up.

        Parameters
        ----------
        order : ndarray of int64
            Numbers of samples.
        first, steps : int
            Batches.
        table : ndarray of shape (steps, scalars) or None
            The moving scalars of each step.
        threads : int
        seconds : float
            Return after the step that exceeds this time.
        watched : ndarray of shape (1,) or None
            Return after the step that leaves anything but a finite number here.
        """
        cdef Py_ssize_t total = order.shape[0], i, samples, due = 1, n_scalars = 0 if table is None else table.shape[1]
        cdef unsigned mode
        cdef double started = now(), passed
        cdef const double* scalars = NULL
        cdef void* room
        if first < 0 or steps < 0 or steps > (total + self.batch_size - 1) // self.batch_size - first:
            raise ValueError(f"batches {first} to {first} + {steps} of {self.batch_size} don't lie in {total} samples")
        if n_scalars < self.moving or (table is not None and table.shape[0] < steps):
            raise ValueError(f"the table of scalars needs {self.moving} columns, and a row for each of {steps} steps")
        if watched is not None and watched.shape[0] < 1:
            raise ValueError("what is watched needs one entry")
        self.claim()
        room = take_room(ROOM)
        if room == NULL:
            swap(&self.running, 0)
            raise MemoryError
        self.done = 0
        with nogil:
            mode = denormals_flush()
            try:
                while self.done < steps:
                    i = (first + self.done) * self.batch_size
                    samples = min(self.batch_size, total - i)
                    memcpy(self.index, &order[i], samples * sizeof(int64_t))
                    self.count[0] = samples
                    self.step[0] += self.counts
                    if table is not None:
                        scalars = &table[self.done, 0]
                    self.run_batch(samples, scalars, n_scalars, threads, room, mode, started + seconds)
                    self.done += 1
                    if watched is not None and not isfinite(watched[0]):
                        break
                    if self.done >= due:
                        passed = now() - started
                        if passed >= seconds:
                            break
                        due = self.done + 1 + <Py_ssize_t>(min(0.1 * (seconds - passed), 0.001) * self.done / (passed + 1e-9))
            finally:
                denormals_restore(mode)
                give_room(room)
                swap(&self.running, 0)

    cdef int claim(self) except -1:
        """Let nobody else run or rebind the plan, whose buffers hold one batch."""
        if swap(&self.running, 1):
            raise RuntimeError("the program is running: a layer, loss or metric can't start the training or evaluation that it is part of")
        return 0

    def rebind(self, Py_ssize_t number, arguments):
        """Give a call, by its place in the regions, other arguments: another source to gather from."""
        cdef Bound bound
        if not 0 <= number < self.n_calls:
            raise IndexError(f"there is no call {number}, the plan has {self.n_calls}")
        bound.arrays = 0
        self.claim()
        try:
            (<Kernel>self.kernels[number]).bind(arguments, &bound)
            self.check_cut(&self.calls[number], &bound)
            bound, self.calls[number].bound = self.calls[number].bound, bound
        finally:
            release(&bound)
            swap(&self.running, 0)

    cdef int check_cut(self, const Call* call, const Bound* bound) except -1:
        """What is cut must keep its size."""
        cdef int i, axis
        for i in range(bound.arrays):
            for axis in range(2):
                if axis in (call.operand[i].batch, call.operand[i].cut) and bound.array[i].shape[axis] != call.bound.array[i].shape[axis]:
                    wanted, given = call.bound.array[i].shape[axis], bound.array[i].shape[axis]
                    raise ValueError(f"array {i} must have {wanted} entries along axis {axis}, it has {given}")
        if bound.entry != call.bound.entry:
            raise ValueError("a call can't change its dtype")
        return 0

    def attach(self, x, y):
        """Name the arrays that hold a batch's input and output, for `forward`.

        Parameters
        ----------
        x, y : ndarray of shape (batch_size, ...)
            Among those the plan is bound to.
        """
        cdef size_t x_start = x.ctypes.data, y_start = y.ctypes.data
        if self.moving or self.n_inputs or self.n_outputs:
            raise ValueError("a plan is attached once, and has no moving scalars then")
        self.x, self.y = <char*>x_start, <char*>y_start
        self.x_bytes, self.y_bytes = x.nbytes // self.batch_size, y.nbytes // self.batch_size
        self.kept += (x, y)
        self.inputs = self.places(x_start, x.nbytes, &self.n_inputs)
        self.outputs = self.places(y_start, y.nbytes, &self.n_outputs)
        # Python's own calls, and no calls at all, read and write the arrays themselves.
        self.direct = not self.breaks and self.n_outputs > 0 and not (x_start <= y_start < x_start + x.nbytes)

    cdef Place* places(self, size_t start, size_t size, int* count) except NULL:
        cdef Place* found = <Place*>calloc(max(1, self.n_calls * MAX_ARRAYS), sizeof(Place))
        cdef int i, j
        if found == NULL:
            raise MemoryError
        for i in range(self.n_calls):
            for j in range(self.calls[i].bound.arrays):
                if start <= <size_t>self.calls[i].bound.array[j].data < start + size:
                    found[count[0]].data = &self.calls[i].bound.array[j].data
                    found[count[0]].offset = <size_t>self.calls[i].bound.array[j].data - start
                    count[0] += 1
        return found

    cdef int forward(self, const char* x, char* y, Py_ssize_t n, int threads, bint brief) except -1 nogil:
        """Compute the outputs y of n samples x, as many at a time as the plan is bound for; Ctrl-C ends it unless that is `brief`."""
        cdef Py_ssize_t start, samples
        cdef double deadline = 0 if brief else now() + PATIENCE
        cdef int i
        cdef unsigned mode
        cdef void* room = take_room(ROOM)
        if room == NULL:
            with gil:
                raise MemoryError
        mode = denormals_flush()
        try:
            for start from 0 <= start < n by self.batch_size:
                samples = min(self.batch_size, n - start)
                if self.direct:
                    for i in range(self.n_inputs):
                        self.inputs[i].data[0] = <void*>(x + start * self.x_bytes + self.inputs[i].offset)
                    for i in range(self.n_outputs):
                        self.outputs[i].data[0] = y + start * self.y_bytes + self.outputs[i].offset
                    self.run_batch(samples, NULL, 0, threads, room, mode, deadline)
                else:
                    memcpy(self.x, x + start * self.x_bytes, samples * self.x_bytes)
                    self.run_batch(samples, NULL, 0, threads, room, mode, deadline)
                    memcpy(y + start * self.y_bytes, self.y, samples * self.y_bytes)
                if not brief and now() > deadline:
                    denormals_restore(mode)
                    with gil:
                        PyErr_CheckSignals()
                    denormals_flush()
                    deadline = now() + PATIENCE
        finally:
            denormals_restore(mode)
            give_room(room)
        return 0


# ---------------------------------------------------------------------------------------------------------
# Predictors

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
