"""The compiled executor: kernels called from Python one at a time, and whole programs run without it.

One module, because its classes share C structures; one class a file.
"""

from libc.stdint cimport int64_t
from team cimport team_forget

from fastnn.backend import factor

cdef extern from *:
    void* take_room "fastnn_take_room"(size_t bytes) noexcept nogil
    void give_room "fastnn_give_room"(void* room) noexcept nogil
    int64_t nanoseconds "fastnn_now"() noexcept nogil
    int check_signals "PyErr_CheckSignals"() noexcept  # leaves the error set, for later
    unsigned long this_thread "PyThread_get_thread_ident"() noexcept nogil
    ctypedef unsigned word "fastnn_word"
    unsigned swap "fastnn_swap"(word* place, unsigned value) noexcept nogil

include "twin.pxi"
include "plan.pxi"
include "predictor.pxi"


def after_fork():
    """Make the team of threads anew: a forked child has none of its parent's."""
    team_forget()
