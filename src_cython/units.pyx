"""What layers do to each unit: learned and random slopes, mixes, scales, codes, merges."""

kernels = {}

include "activation_mix.pxi"
include "categories.pxi"
include "merging.pxi"
include "prelu.pxi"
include "scaling.pxi"
include "sparsemax.pxi"
