"""Crossentropies, of classes and of yes-or-no outputs."""

kernels = {}

include "binary.pxi"
include "categorical.pxi"
include "sparse.pxi"
