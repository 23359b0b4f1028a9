"""The compiled kernels, one package an instruction-set level; absent where nothing was compiled."""
