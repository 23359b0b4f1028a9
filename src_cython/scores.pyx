"""What metrics compute of a batch."""

kernels = {}

include "confusion.pxi"
include "metrics.pxi"
