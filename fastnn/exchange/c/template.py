"""The parts of a C file around the numbers and the steps. ``model_`` and ``MODEL_`` become the name, ``{{word}}`` a value."""

from __future__ import annotations

__all__ = ["DEFINITION", "HEAD", "MAIN"]

HEAD = """\
/* {{filename}}: the neural network {{model}} in C99, written by fastnn {{version}}.

   {{inputs}} inputs of shape {{input_shape}}, {{outputs}} outputs of shape {{output_shape}}, weights of {{dtype}}:
{{layers}}

   constants     {{constants}} bytes
   stack         {{stack_float}} bytes in float, {{stack_double}} in double, and some tens for the calls
   multiply-adds {{products}} a sample

   model_predict_float(x, y)          computes y[MODEL_OUTPUTS] from x[MODEL_INPUTS]; they mustn't overlap
   model_predict_float_batch(x, y, n) the same for n samples, one after the other
   model_predict_float_with(x, y, s)  the same for one sample, with s[MODEL_SCRATCH] instead of memory on the stack
   model_predict_double...            the same in double

   There is no state: any number of threads may call them. NaN in a sample gives NaN in what depends on it.

   Define before compiling, or not:
   MODEL_FLOAT_ONLY    leaves the functions in double out; then nothing is computed or stored in double
   MODEL_DOUBLE_ONLY   leaves the functions in float out
   MODEL_DECLARATIONS  leaves all but the declarations out: #include this file as a header so
   MODEL_API           stands before each function: "static inline" lets the whole file be included where it is used
   MODEL_CONST         stands before each table: "static const" by default; an attribute may choose a section
   MODEL_STACK_LIMIT   bytes, 262144 by default: functions that would take more stack aren't there, only those "_with"
   MODEL_MAIN          adds a main, which tests the compiled code on stored samples; with any argument it reads samples from
                       stdin and prints their outputs
*/
#ifndef MODEL_INCLUDED
#define MODEL_INCLUDED

#include <stddef.h>

#define MODEL_INPUTS {{inputs}}
#define MODEL_OUTPUTS {{outputs}}
#define MODEL_SCRATCH {{scratch}}

#ifndef MODEL_API
#define MODEL_API
#endif
#ifndef MODEL_CONST
#define MODEL_CONST static const
#endif
#ifndef MODEL_STACK_LIMIT
#define MODEL_STACK_LIMIT 262144
#endif
#if defined(__cplusplus) || defined(_MSC_VER)
#define MODEL_RESTRICT __restrict
#else
#define MODEL_RESTRICT restrict
#endif

#ifdef __cplusplus
extern "C" {
#endif
#ifndef MODEL_DOUBLE_ONLY
MODEL_API void model_predict_float_with(const float *MODEL_RESTRICT x, float *MODEL_RESTRICT y, float *MODEL_RESTRICT s);
#if {{stack_float}} <= MODEL_STACK_LIMIT
MODEL_API void model_predict_float(const float *x, float *y);
MODEL_API void model_predict_float_batch(const float *x, float *y, size_t n);
#endif
#endif
#ifndef MODEL_FLOAT_ONLY
MODEL_API void model_predict_double_with(const double *MODEL_RESTRICT x, double *MODEL_RESTRICT y, double *MODEL_RESTRICT s);
#if {{stack_double}} <= MODEL_STACK_LIMIT
MODEL_API void model_predict_double(const double *x, double *y);
MODEL_API void model_predict_double_batch(const double *x, double *y, size_t n);
#endif
#endif
#ifdef __cplusplus
}
#endif
#endif

#if !defined(MODEL_DECLARATIONS) && !defined(MODEL_DEFINED)
#define MODEL_DEFINED
{{includes}}
#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define MODEL_INLINE static inline __attribute__((always_inline)) /* with the sizes known, loops become vector instructions */
#else
#define MODEL_INLINE static inline
#endif
{{types}}
"""

DEFINITION = """\
#ifndef MODEL_{{other}}_ONLY
{{functions}}

MODEL_API void model_predict_real_with(const real *MODEL_RESTRICT x, real *MODEL_RESTRICT y, real *MODEL_RESTRICT s) {
{{statements}}
}

#if {{stack}} <= MODEL_STACK_LIMIT
MODEL_API void model_predict_real(const real *x, real *y) {
    real s[MODEL_SCRATCH];
    model_predict_real_with(x, y, s);
}

MODEL_API void model_predict_real_batch(const real *x, real *y, size_t n) {
    for (size_t r = 0; r < n; r++) model_predict_real(x + r * MODEL_INPUTS, y + r * MODEL_OUTPUTS);
}
#endif
#endif
"""

TEST = """\
#ifndef MODEL_{{other}}_ONLY
static int model_test_real(void) {
    static real x[MODEL_INPUTS], y[MODEL_OUTPUTS], s[MODEL_SCRATCH];
    real largest = {{least}}, worst = 0;
    for (size_t r = 0; r < {{cases}}; r++) {
        for (size_t j = 0; j < MODEL_INPUTS; j++) x[j] = (real)model_test_x[r * MODEL_INPUTS + j];
        model_predict_real_with(x, y, s);
        for (size_t j = 0; j < MODEL_OUTPUTS; j++) {
            const real expected = (real)model_test_y[r * MODEL_OUTPUTS + j], size = expected < 0 ? -expected : expected;
            const int same = y[j] == expected || (y[j] != y[j] && expected != expected);
            const real off = same ? 0 : y[j] < expected ? expected - y[j] : y[j] - expected;
            if (worst == worst && !(off <= worst)) worst = off;
            if (size > largest) largest = size;
        }
    }
    printf("real: off by %g, the largest output is %g\\n", (double)worst, (double)largest);
    return worst <= {{tolerance}} * largest ? 0 : 1;
}
#endif
"""

MAIN = """\
#ifdef MODEL_MAIN
#include <math.h>
#include <stdio.h>

/* samples, and what fastnn made of them */
{{test_tables}}

{{test_float}}
{{test_double}}
#ifdef MODEL_FLOAT_ONLY
#define MODEL_SCAN "%f"
#define MODEL_PREDICT model_predict_float_with
typedef float model_number;
#else
#define MODEL_SCAN "%lf"
#define MODEL_PREDICT model_predict_double_with
typedef double model_number;
#endif

static int model_stream(void) {
    static model_number x[MODEL_INPUTS], y[MODEL_OUTPUTS], s[MODEL_SCRATCH];
    for (;;) {
        for (size_t j = 0; j < MODEL_INPUTS; j++) {
            if (scanf(MODEL_SCAN "%*[,;]", x + j) != 1) {
                if (j == 0 && feof(stdin)) return 0;
                fprintf(stderr, "expected %d numbers a sample\\n", MODEL_INPUTS);
                return 1;
            }
        }
        MODEL_PREDICT(x, y, s);
        for (size_t j = 0; j < MODEL_OUTPUTS; j++) printf("%.9g%c", (double)y[j], j + 1 < MODEL_OUTPUTS ? ' ' : '\\n');
    }
}

int main(int argc, char **argv) {
    int failed = 0;
    (void)argv;
    if (argc > 1) return model_stream();
#ifndef MODEL_DOUBLE_ONLY
    failed |= model_test_float();
#endif
#ifndef MODEL_FLOAT_ONLY
    failed |= model_test_double();
#endif
    puts(failed ? "FAILED" : "passed");
    return failed;
}
#endif
#endif
"""
