"""All kernels that multiply matrices, in one module: the code of the products, 45 kB a level, is there once."""

kernels = {}

include "dense.pxi"
include "muon.pxi"
include "radial.pxi"
include "regularizers.pxi"
