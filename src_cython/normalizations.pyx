"""Normalizations, of columns and of rows."""

kernels = {}

include "batch_normalization.pxi"
include "row_normalization.pxi"
