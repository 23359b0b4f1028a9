"""Layers that draw random numbers."""

kernels = {}

include "dropout.pxi"
include "rrelu.pxi"
