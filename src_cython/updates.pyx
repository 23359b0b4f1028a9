"""What happens to parameters after a gradient is known: optimizers' updates, averages, constraints."""

kernels = {}

include "averaging.pxi"
include "constraints.pxi"
include "optimizers.pxi"
include "schedule_free.pxi"
