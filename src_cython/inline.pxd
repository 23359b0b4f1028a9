"""Functions that must be inlined, whatever the compiler's heuristics say: a call inside a kernel's loop keeps it from vectorising.

``cdef inline inline_void f(...)`` declares one.
"""

cdef extern from *:
    """
    #if defined(_MSC_VER)
      #define FASTNN_INLINE __forceinline
    #else
      #define FASTNN_INLINE __attribute__((always_inline))
    #endif
    """
    ctypedef void inline_void "FASTNN_INLINE void"
