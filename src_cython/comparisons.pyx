"""Losses of small families."""

kernels = {}

include "likelihood.pxi"
include "margins.pxi"
include "overlap.pxi"
include "raw.pxi"
include "reductions.pxi"
include "similarity.pxi"
