"""The precision of the dtypes, and the terms that every bound has."""

import numpy as np

_PRECISION = {  # machine epsilon, smallest subnormal
    "float64": (2.0**-52, 2.0**-1074),
    "float32": (2.0**-23, 2.0**-149),
    "bfloat16": (2.0**-7, 2.0**-133),
    "float16": (2.0**-10, 2.0**-24),
}

# A sum in chains of at most 512 random terms, then a tree, may be off by this many eps of Σ|terms|: roundings are
# independent, some 0.2 eps of the partial sum each. (Equal terms would round to one side, again and again.)
SUM = 8


def eps(dtype):
    return _PRECISION[str(dtype)][0]


def accumulator_eps(dtype):
    """Epsilon of what is computed in: float64 for float64, float32 for all others."""
    return eps("float64" if str(dtype) == "float64" else "float32")


def storage_error(values, dtype):
    """What is lost when values computed in float32 are kept in half precision for a later computation."""
    epsilon, smallest_subnormal = _PRECISION[str(dtype)]
    is_half = epsilon > accumulator_eps(dtype)
    return (epsilon * np.abs(values) + smallest_subnormal) / 2 if is_half else np.zeros(np.shape(values))


def rounded(error, expected, dtype):
    """The bound of a result that was off by ``error`` when it was rounded to ``dtype``."""
    epsilon, smallest_subnormal = _PRECISION[str(dtype)]
    return error + epsilon / 2 * np.abs(expected) + smallest_subnormal


def error_over_bound(actual, expected, bound):
    """|actual − expected| / bound, element by element: 0 where equal (or both NaN), above 1 where the bound is broken.

    A NaN or an infinity in the wrong place counts as infinitely wrong, as does any error where the bound is 0.
    """
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    with np.errstate(all="ignore"):
        ratio = np.abs(actual - expected) / np.broadcast_to(bound, expected.shape)
    equal = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    return np.where(equal, 0.0, np.where(np.isnan(ratio), np.inf, ratio))
