"""A program whose calls were bound and checked once: it runs any number of steps without the GIL, alone or with a team of threads."""

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from team cimport team_run

cdef double PATIENCE = 0.05  # seconds between two looks for signals within what takes longer


# How an array of a call is cut. Axes are -1 where there is none.
cdef struct Operand:
    Py_ssize_t itemsize
    int batch            # the axis that counts samples
    Py_ssize_t per_sample    # entries along it for each sample
    int cut              # the axis that the group's parts lie along
    Py_ssize_t per_position  # entries along it for each position of the group

cdef struct Call:
    Py_ssize_t column    # -1, or where the table of the steps says whether the call is made; its scalars follow
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
        if call.column >= 0 and job.scalars[call.column] == 0:
            continue
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
        call.bound.entry(array, job.scalars + call.column + 1 if call.column >= 0 else call.bound.scalar, room)


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
        calls ``(kernel, arguments, operands, column)`` and an operand ``(batch, per_sample, cut, per_position)`` for each array.
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
    cdef Py_ssize_t columns   # that the table must have
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
                for kernel, arguments, operands, column in calls:
                    self.add(kernel, arguments, operands, column)
                    region.updates |= column >= 0
                group.last = self.n_calls
            region.last = self.n_groups

    cdef int add(self, Kernel kernel, arguments, operands, Py_ssize_t column) except -1:
        cdef Call* call = &self.calls[self.n_calls]
        cdef int i
        self.n_calls += 1
        self.kernels.append(kernel)
        kernel.bind(arguments, &call.bound)
        call.column = max(column, -1)
        self.columns = max(self.columns, column + 1 + kernel.scalars if column >= 0 else 0)
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
        table : ndarray of shape (steps, columns) or None
            For each step whether the calls that have a column are made, and with which scalars.
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
        if n_scalars < self.columns or (table is not None and table.shape[0] < steps):
            raise ValueError(f"the table of scalars needs {self.columns} columns, and a row for each of {steps} steps")
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
        if self.columns or self.n_inputs or self.n_outputs:
            raise ValueError("a plan is attached once, and has no table of scalars then")
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
