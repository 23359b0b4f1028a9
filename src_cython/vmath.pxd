"""Elementary functions that GCC vectorises: inline, branch-free, one source for float32 and float64.

Accuracy: float32 within 2 ulp, float64 within 4 ulp over the whole range (erfc 4, sigmoid and softplus 3 ulp in float32), with and without
fused multiply-add; denormals, infinities and NaN included (tests/test_special.py, docs/accuracy.md).
Method: Cody and Waite's argument reduction, then a minimax polynomial on the reduced range; the polynomials are our own Remez fits, each
with its interval and largest relative error beside it. Selects are written `bound if x > bound else x`, so that NaN passes through.
Rules for float and double stand side by side only where constants differ. Every literal is cast, whole numbers too: Cython writes a bare 2
as 2.0, and one double in an expression makes all of it double.
"""

from libc.math cimport INFINITY, NAN
from libc.stdint cimport uint32_t, uint64_t
from real cimport real

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static inline uint32_t fastnn_bits32(float x) { uint32_t i; memcpy(&i, &x, sizeof i); return i; }
    static inline uint64_t fastnn_bits64(double x) { uint64_t i; memcpy(&i, &x, sizeof i); return i; }
    static inline float fastnn_float32(uint32_t i) { float x; memcpy(&x, &i, sizeof x); return x; }
    static inline double fastnn_float64(uint64_t i) { double x; memcpy(&x, &i, sizeof x); return x; }

    #if defined(__AVX512F__)
      enum { FASTNN_VECTOR = 64 };
    #elif defined(__AVX2__)
      enum { FASTNN_VECTOR = 32 };
    #else
      enum { FASTNN_VECTOR = 0 };
    #endif
    """
    enum:
        VECTOR "FASTNN_VECTOR"   # bytes of the widest register whose entries can be masked, if any
    uint32_t fastnn_bits32(float x) noexcept nogil
    uint64_t fastnn_bits64(double x) noexcept nogil
    float fastnn_float32(uint32_t i) noexcept nogil
    double fastnn_float64(uint64_t i) noexcept nogil


# ---------------------------------------------------------------------------------------------------------
# Helpers

cdef inline real vmin(real x, real bound) noexcept nogil:
    """The smaller of the two; NaN when `x` is NaN."""
    return bound if x > bound else x


cdef inline real vmax(real x, real bound) noexcept nogil:
    """The larger of the two; NaN when `x` is NaN."""
    return bound if x < bound else x


cdef inline real vabs(real x) noexcept nogil:
    """|x|, by clearing the sign bit: right for -0.0, and one instruction at every level."""
    if real is float:
        return fastnn_float32(fastnn_bits32(x) & 0x7fffffffU)
    else:
        return fastnn_float64(fastnn_bits64(x) & 0x7fffffffffffffffU)


cdef inline real vcopysign(real x, real sign) noexcept nogil:
    """`x`, not negative, with the sign of `sign`."""
    if real is float:
        return fastnn_float32(fastnn_bits32(x) | (fastnn_bits32(sign) & 0x80000000U))
    else:
        return fastnn_float64(fastnn_bits64(x) | (fastnn_bits64(sign) & 0x8000000000000000U))


cdef inline real leading_half(real x) noexcept nogil:
    """The leading 12 (26) bits of x: its square is exact."""
    if real is float:
        return fastnn_float32(fastnn_bits32(x) & 0xfffff000U)
    else:
        return fastnn_float64(fastnn_bits64(x) & 0xfffffffff8000000U)


cdef inline real poly4(real x, real c0, real c1, real c2, real c3, real above) noexcept nogil:
    """c0 + c1 x + c2 x^2 + c3 x^3 + above x^4."""
    return c0 + x * (c1 + x * (c2 + x * (c3 + x * above)))


# ---------------------------------------------------------------------------------------------------------
# Exponentials: x = n ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^n e^r.

cdef inline real magic(real unit) noexcept nogil:
    """1.5 * 2^23 (2^52) units: adding it to x rounds x to whole units, and leaves their number in the low bits of the sum."""
    if real is float:
        return unit * <float>12582912.0
    else:
        return unit * 6755399441055744.0


cdef inline real power(real sum) noexcept nogil:
    """2^n where that is a normal number, from a sum with :func:`magic` whose low bits are n."""
    if real is float:
        return fastnn_float32((fastnn_bits32(sum) + 127U) << 23)
    else:
        return fastnn_float64((fastnn_bits64(sum) + 1023U) << 52)


cdef inline real times_ln2_lead(real n) noexcept nogil:
    """n times the leading 15 (41) bits of ln 2, exact for every exponent n."""
    if real is float:
        return n * <float>0.693145751953125
    else:
        return n * 0.6931471805601177


cdef inline real times_ln2_rest(real n) noexcept nogil:
    """n times the rest of ln 2."""
    if real is float:
        return n * <float>1.428606820309417232e-6
    else:
        return n * -1.7239444525614834773e-13


cdef inline real exp_tail(real r) noexcept nogil:
    """(e^r - 1 - r) / r^2 on |r| <= 0.3466: degree 4, error 2^-26.2 of e^r - 1 (float32); degree 9, 2^-55.6 (float64)."""
    if real is float:
        return poly4[real](r, 0.4999999814, 0.1666654365, 0.041667203, 0.00836652006, 0.001388239591)
    else:
        return poly4[real](
            r, 0.5000000000000005179, 0.1666666666666658927, 0.04166666666657675416, 0.008333333333389556843,
            poly4[real](r, 0.001388888893156500882, 0.0001984126971899395937, 0.00002480150527366176825, 2.755740755620330413e-6,
                        2.762603793338099523e-7 + r * 2.505377014898528666e-8))


cdef inline real exp_bounded(real x, real y) noexcept nogil:
    """e^(x - y) for x - y within 1.5 times the exponent's range, with x - y never rounded.

    2^n is applied in two halves, so that the largest numbers don't overflow and a denormal is rounded once.
    """
    cdef real unit = magic[real](1)
    cdef real n = ((x - y) * <real>1.4426950408889634 + unit) - unit
    cdef real r = ((x - times_ln2_lead[real](n)) - times_ln2_rest[real](n)) - y
    cdef real half = <real>0.5 * n + unit
    cdef real rest = (n - (half - unit)) + unit
    return (<real>1 + r * (<real>1 + r * exp_tail[real](r))) * power[real](half) * power[real](rest)


cdef inline real exp_negative(real x, real y) noexcept nogil:
    """e^(x - y) for x <= 0 and 0 <= y < 1."""
    cdef real lowest = <real>(-105 if real is float else -747)
    cdef real result = exp_bounded[real](x, y)
    return <real>0 if x < lowest else result


cdef inline real vexp(real x) noexcept nogil:
    """e^x. Out of range the polynomial gives nonsense, which the selects drop: cheaper than bounding x first."""
    cdef real highest = <real>(89 if real is float else 710)
    cdef real result = exp_negative[real](x, 0)
    return <real>INFINITY if x > highest else result


cdef inline real vexpm1(real x) noexcept nogil:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), by halves against overflow; `c` is what rounding took from r."""
    cdef real lowest, highest, tiny
    if real is float:
        lowest, highest, tiny = <float>-20, 89, <float>5.9604645e-8
    else:
        lowest, highest, tiny = -40, 710, 1.1102230246251565e-16
    cdef real unit = magic[real](1)
    cdef real n = (x * <real>1.4426950408889634 + unit) - unit
    cdef real lead = x - times_ln2_lead[real](n)
    cdef real r = lead - times_ln2_rest[real](n)
    cdef real c = (lead - r) - times_ln2_rest[real](n)
    cdef real q = r + (c + r * (r * exp_tail[real](r) + c))
    cdef real half = power[real](n + (unit - <real>1))
    cdef real result = <real>2 * (half * q + (half - <real>0.5))
    result = x if vabs[real](x) < tiny else result
    result = <real>-1 if x < lowest else result
    return <real>INFINITY if x > highest else result


cdef inline real vsigmoid(real x) noexcept nogil:
    """1 / (1 + e^-x), from e^-|x|: keeps its relative accuracy down to the smallest denormal."""
    cdef real e = exp_negative[real](-vabs[real](x), 0)
    return (e if x < 0 else <real>1) / (<real>1 + e)


cdef inline real tanh_tail(real z) noexcept nogil:
    """(tanh r - r) / r^3 at z = r^2, |r| <= 0.257: degree 2, error 2^-28.1 of tanh r (float32); degree 6, 2^-57.2 (float64)."""
    if real is float:
        return <float>-0.3333322528 + z * (<float>0.1332329355 + z * <float>-0.05130247795)
    else:
        return poly4[real](z, -0.3333333333333257942, 0.1333333333303978234, -0.05396825358165971563, 0.02186946437917158297,
                           -0.008862426748370323957 + z * (0.003577186819724788343 + z * -0.001311293050188743827))


cdef inline real vtanh(real x) noexcept nogil:
    """tanh |x| = ((p - 1) + (p + 1) w) / ((p + 1) + (p - 1) w), the addition theorem for |x| = n ln 2 / 2 + r, w = tanh r, p = 2^n.

    Two things hold float32 under 2 ulp (1.74 on every fifth float; 2.7 without). n is rounded down a little: n = 0 reaches to 0.25, where
    the numerator would cancel. The denominator is numerator + 2 (1 - w): the numerator's rounding then hardly counts where tanh is near 1.
    """
    cdef real one = <real>(10 if real is float else 20)
    cdef real unit = magic[real](<real>0.5)
    cdef real a = vabs[real](x)
    cdef real sum = (a * <real>1.4426950408889634 - <real>0.12) + unit
    cdef real n = sum - unit
    cdef real r = (a - times_ln2_lead[real](n)) - times_ln2_rest[real](n)
    cdef real z = r * r
    cdef real w = r + r * z * tanh_tail[real](z)
    cdef real p = power[real](sum)
    cdef real above = (p - <real>1) + (p + <real>1) * w
    cdef real result = above / (above + (<real>2 - <real>2 * w))
    result = w if n == 0 else result
    return vcopysign[real](<real>1 if a > one else result, x)


# ---------------------------------------------------------------------------------------------------------
# Logarithms: x = 2^k m with sqrt(1/2) <= m < sqrt(2), f = m - 1, s = f / (2 + f), ln m = 2 artanh s (as in Sun's fdlibm).

cdef inline real exponent(real x) noexcept nogil:
    """K, for a normal positive x; the exponent's bits become a number in the mantissa of 2^23 (2^52)."""
    if real is float:
        return fastnn_float32(((fastnn_bits32(x) + 0x004afb0dU) >> 23) | 0x4b000000U) - <float>8388735.0
    else:
        return fastnn_float64(((fastnn_bits64(x) + 0x00095f619980c433U) >> 52) | 0x4330000000000000U) - 4503599627371519.0


cdef inline real mantissa(real x) noexcept nogil:
    """M, for a normal positive x."""
    if real is float:
        return fastnn_float32(((fastnn_bits32(x) + 0x004afb0dU) & 0x007fffffU) + 0x3f3504f3U)
    else:
        return fastnn_float64(((fastnn_bits64(x) + 0x00095f619980c433U) & 0x000fffffffffffffU) + 0x3fe6a09e667f3bcdU)


cdef inline real artanh_tail(real z) noexcept nogil:
    """(2 artanh s - 2 s) / s, z = s^2 <= 0.0295: 3 terms, error 2^-30.2 of 2 artanh s (float32); 7 terms, 2^-59.5 (float64)."""
    if real is float:
        return z * (<float>0.6666677651 + z * (<float>0.3997752059 + z * <float>0.2987237488))
    else:
        return z * poly4[real](
            z, 0.6666666666666734568, 0.3999999999941333745, 0.2857142874273957439, 0.2222219853234791108,
            0.1818356666780505368 + z * (0.1531398549225791037 + z * 0.1479664871565228514))


cdef inline real log_sum(real x, real k_more, real c) noexcept nogil:
    """ln(x) + k_more ln 2 + c for a normal positive x and c small against 1."""
    cdef real k = exponent[real](x) + k_more
    cdef real f = mantissa[real](x) - <real>1
    cdef real s = f / (<real>2 + f)
    cdef real half_square = <real>0.5 * f * f
    cdef real rest = s * (half_square + artanh_tail[real](s * s)) + (times_ln2_rest[real](k) + c)
    return times_ln2_lead[real](k) - ((half_square - rest) - f)


cdef inline real vlog(real x) noexcept nogil:
    """ln x: -inf at 0, NaN below."""
    cdef real normal, up, exponent_of_up
    if real is float:
        normal, up, exponent_of_up = <float>1.1754943508222875e-38, <float>33554432.0, 25
    else:
        normal, up, exponent_of_up = 2.2250738585072014e-308, 18014398509481984.0, 54
    cdef real result = log_sum[real](x * (up if x < normal else <real>1), -exponent_of_up if x < normal else <real>0, 0)
    result = result if x < <real>INFINITY else x
    result = <real>NAN if x < 0 else result
    return -<real>INFINITY if x == 0 else result


cdef inline real vlog1p(real x) noexcept nogil:
    """ln(1 + x): -inf at -1, NaN below; `c` is what rounding took from 1 + x."""
    cdef real tiny = <real>(5.9604645e-8 if real is float else 1.1102230246251565e-16)
    cdef real u = <real>1 + x
    cdef real c = (x - (u - <real>1)) / u
    cdef real result = log_sum[real](u, 0, c)
    result = result if x < <real>INFINITY else x
    result = x if vabs[real](x) < tiny else result
    result = <real>NAN if x < -1 else result
    return -<real>INFINITY if x == -1 else result


cdef inline real vlog1p_unit(real e) noexcept nogil:
    """ln(1 + e) for 0 <= e <= 1 without reduction: 2 artanh s, s = e / (2 + e) <= 1/3.

    4 terms beyond 2 s, error 2^-27.7 (float32); 10 terms, 2^-59.4 (float64).
    """
    cdef real twice = e / (<real>1 + <real>0.5 * e)
    cdef real s = <real>0.5 * twice
    cdef real z = s * s
    cdef real tail
    if real is float:
        tail = <float>0.666664133 + z * (<float>0.4002169246 + z * (<float>0.2799920743 + z * <float>0.2802427909))
    else:
        tail = poly4[real](
            z, 0.6666666666666630406, 0.4000000000015717306, 0.2857142854786106175, 0.2222222396935083056,
            poly4[real](z, 0.1818174393667695563, 0.1538655969912514362, 0.1330097625556710184, 0.1210606685984717702,
                        0.0834018005629842878 + z * 0.1701843935144490498))
    return twice + s * (z * tail)


cdef inline real vsoftplus(real x) noexcept nogil:
    """ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)."""
    return vmax[real](x, 0) + vlog1p_unit[real](exp_negative[real](-vabs[real](x), 0))


# ---------------------------------------------------------------------------------------------------------
# Error function: a polynomial near 0; beyond, erfc x = e^(-x^2) erfcx x, so that the tail keeps its relative accuracy.

cdef inline real erf_small(real x) noexcept nogil:
    """erf x on |x| <= 0.8: degree 5 in x^2, error 2^-28.3 (float32); degree 10, 2^-58.1 (float64)."""
    cdef real z = x * x
    if real is float:
        return x + x * poly4[real](
            z, 0.128379164, -0.3761260095, 0.1128310645, -0.02682049055, <float>0.005084499749 - z * <float>0.0006530885632)
    else:
        return x + x * poly4[real](
            z, 0.12837916709551257, -0.3761263890318361629, 0.1128379167094671846, -0.02686617064310162674,
            poly4[real](z, 0.005223977600254204538, -0.0008548325195486587207, 0.0001205525004528652243,
                        -0.00001492322461299178512, 1.641626651624946526e-6 + z * (-1.582175509355534773e-7 + z * 1.106021705418205918e-8)))


cdef inline real scaled_erfc(real x) noexcept nogil:
    """e^(x^2) erfc x on 0.5 <= x <= 10.2 (27.5), as a polynomial in q = (x - K) / (x + K) over 1 + 2x.

    float32: K = 2.5, degree 9, error 2^-29.8; float64: K = 3.5, degree 21, 2^-60.2.
    """
    cdef real q, above
    if real is float:
        q = (x - <float>2.5) / (x + <float>2.5)
        above = poly4[real](
            q, 1.264838183, -0.1223567717, -0.09902436884, 0.157630315,
            poly4[real](q, -0.1029706512, 0.03275531091, 0.0009583854286, -0.004347624005,
                        <float>0.0004114668353 + q * <float>0.0005334515165))
    else:
        q = (x - 3.5) / (x + 3.5)
        above = poly4[real](
            q, 1.24234924487115438, -0.1400091801376194193, -0.01055559633221832771, 0.09751909515325852736,
            poly4[real](
                q, -0.1150895981601895088, 0.08798315382486782659, -0.04882332582795685735, 0.01909933094241050624,
                poly4[real](
                    q, -0.004215019907253562919, -0.0003022678782960860623, 0.0005643844155389594436, -0.0001215124101298541932,
                    poly4[real](
                        q, -0.00004278223073385011664, 0.00002426086919837963264, 2.32833125034703614e-6, -3.814197864850277697e-6,
                        poly4[real](q, -4.430419095617796507e-8, 5.998520462942496434e-7, -7.852119729043748407e-9,
                                    -9.275781429801598588e-8, 5.393159555799986343e-10 + q * 1.030625328191356959e-8)))))
    return above / (<real>1 + <real>2 * x)


cdef inline real erfc_end(real x) noexcept nogil:
    """`x`, at most where erfc has underflowed."""
    return vmin[real](x, <real>(10.2 if real is float else 27.5))


cdef inline real exp_minus_square(real x) noexcept nogil:
    """e^(-x^2) for x >= 0, to the last bits: x^2 is taken apart into an exact square and a small rest."""
    x = erfc_end[real](x)
    cdef real lead = leading_half[real](x)
    return exp_negative[real](-lead * lead, (x - lead) * (x + lead))


cdef inline real erfc_large(real x) noexcept nogil:
    """erfc x for x >= 0.5."""
    return exp_minus_square[real](x) * scaled_erfc[real](erfc_end[real](x))


cdef inline real verf(real x) noexcept nogil:
    """erf x."""
    cdef real large = vcopysign[real](<real>1 - erfc_large[real](vabs[real](x)), x)
    return large if vabs[real](x) > <real>0.8 else erf_small[real](x)


cdef inline real verfc(real x) noexcept nogil:
    """1 - erf x, with a small relative error in its tail too."""
    cdef real large = erfc_large[real](vabs[real](x))
    large = <real>2 - large if x < 0 else large
    return large if vabs[real](x) > <real>0.5 else <real>1 - erf_small[real](x)


cdef inline real exp_minus_half_square(real z) noexcept nogil:
    """e^(-z^2 / 2) for 0 <= z <= 40, to the last bits, as :func:`exp_minus_square`."""
    cdef real lead = leading_half[real](z)
    return exp_negative[real](<real>-0.5 * lead * lead, <real>0.5 * (z - lead) * (z + lead))


cdef inline real twice_normal_cdf(real z, real density) noexcept nogil:
    """erfc(-z / sqrt(2)) with density = e^(-z^2 / 2), for |z| <= 40: not verfc, which would see a rounded z / sqrt(2), 2^-54 z^2 off."""
    cdef real x = <real>0.7071067811865476 * z
    cdef real large = density * scaled_erfc[real](erfc_end[real](vabs[real](x)))
    large = <real>2 - large if z > 0 else large
    return large if vabs[real](x) > <real>0.5 else <real>1 + erf_small[real](x)
