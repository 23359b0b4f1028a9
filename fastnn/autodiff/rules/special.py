"""fastnn's own elementary functions."""

from __future__ import annotations

import math

from fastnn import special
from fastnn.autodiff.declare import elementwise

SLOPE = 2 / math.sqrt(math.pi)

elementwise(special.erf_array, lambda g, y, x: g * (SLOPE * special.exp_minus_square(x)))
elementwise(special.twice_normal_cdf, lambda g, y, x: g * (math.sqrt(2 / math.pi) * special.exp_minus_square(x, 0.5)))
elementwise(special.erfc_array, lambda g, y, x: -g * (SLOPE * special.exp_minus_square(x)))
