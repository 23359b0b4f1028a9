"""The dtype every kernel is written for."""

ctypedef fused real:
    float
    double
