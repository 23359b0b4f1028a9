"""Exponentials in C, in place of libm's, which are called one number at a time: loops over these become vector instructions.

Compilers that mind the flags of floating-point exceptions don't vectorise a choice between computed numbers, so range and NaN are seen to
by integers. Nothing breaks under ``-ffast-math``.

References
----------
Method and polynomials are those of ``src_cython/vmath.pxd``: Cody and Waite's reduction, x = n ln 2 + r, and minimax polynomials in r.
"""

from __future__ import annotations

from fastnn.exchange.c.form import helper

__all__ = ["polynomial"]

EXP = (
    ["0.4999999814", "0.1666654365", "0.041667203", "0.00836652006", "0.001388239591"],
    [
        "0.5000000000000005179",
        "0.1666666666666658927",
        "0.04166666666657675416",
        "0.008333333333389556843",
        "0.001388888893156500882",
        "0.0001984126971899395937",
        "0.00002480150527366176825",
        "2.755740755620330413e-6",
        "2.762603793338099523e-7",
        "2.505377014898528666e-8",
    ],
)
"""Coefficients of (e^x - 1 - x) / x^2, the lowest first, in float and in double."""


def polynomial(coefficients: list[str], x: str = "x") -> str:
    """Horner's scheme as C text."""
    first, *rest = coefficients
    return f"{first} + {x} * ({polynomial(rest, x)})" if rest else first


_REDUCE = """
union { real value; <uint> bits; } size, sum, power;
size.value = x;
size.bits &= <all> >> 1;
const <uint> invalid = size.bits > [[0x7f800000u||0x7ff0000000000000u]] ? <all> : 0, inside = size.bits < <most> ? <all> : 0;
size.bits = inside ? size.bits : <most>;
sum.value = [[12582912.0||6755399441055744.0]] - size.value * 1.4426950408889634; /* rounds to n, which its last bits are */
power.bits = (sum.bits + [[127||1023]]) << [[23||52]];
const real n = (real)(int32_t)(sum.bits - [[0x4b400000u||0x4338000000000000u]]);
const real r = (-size.value - n * [[0.693145751953125||0.6931471805601177]]) - n * [[1.428606820309417232e-6||-1.7239444525614834773e-13]];
"""
for _word, _text in {
    "<uint>": "[[uint32_t||uint64_t]]",
    "<all>": "[[0xffffffffu||0xffffffffffffffffu]]",
    "<most>": "[[0x42ae0000u||0x4086200000000000u]] /* [[87||708]] */",
}.items():
    _REDUCE = _REDUCE.replace(_word, _text)
helper("exp_tail", f"/* (e^x - 1 - x) / x^2 for |x| <= ln 2 / 2 */\nreturn [[{polynomial(EXP[0])}||{polynomial(EXP[1])}]];")
helper(
    "exp_below",
    f"""
/* e^-|x| = 2^n e^r, r at most ln 2 / 2 */
{_REDUCE}
power.value *= 1 + r * (1 + r * $exp_tail(r));
power.bits = (power.bits & inside) | invalid;
return power.value;
""",
)
helper(
    "expm1_below",
    f"""
/* e^-|x| - 1 = 2^n (e^r - 1) + (2^n - 1) */
{_REDUCE}
power.value = power.value * (r + r * r * $exp_tail(r)) + (power.value - 1);
power.bits |= invalid;
return power.value;
""",
)
