"""Kernels for any processor of the architecture."""
