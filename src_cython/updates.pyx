"""What happens to parameters after a gradient is known: optimizers' updates, averages, constraints."""

kernels = {}

include "accumulators.pxi"
include "averaging.pxi"
include "constraints.pxi"
include "moments.pxi"
include "optimizers.pxi"
include "schedule_free.pxi"
