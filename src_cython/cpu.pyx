"""Which instruction-set levels this processor and its operating system run."""

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    static int fastnn_level(void) {
        __builtin_cpu_init();
    #if !defined(__clang__) && __GNUC__ >= 12
        int v3 = __builtin_cpu_supports("x86-64-v3"), v4 = __builtin_cpu_supports("x86-64-v4");
    #else /* these know the features by name only, and not all of them */
        int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
        int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                    && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    #endif
        return v3 ? 1 + (v4 != 0) : 0;
    }
    #else
    static int fastnn_level(void) { return 0; }
    #endif
    """
    int fastnn_level() noexcept nogil


def levels():
    """The levels that run here, lowest first: ``baseline``, ``v3`` (AVX2 and FMA), ``v4`` (AVX-512)."""
    return ["baseline", "v3", "v4"][:fastnn_level() + 1]
