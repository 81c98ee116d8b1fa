"""Bounds of pooling.

A maximum is a choice: nothing is rounded. A mean is Σ / count: a sum, and a quotient that is rounded once more.
"""

import numpy as np

from fastnets import reference

from .rounding import SUM, accumulator_eps, rounded


def _exact(args, expected):
    return tuple(np.zeros(y.shape) for y in expected)


def _sum(op, roundings):
    """The bound of a sum, of which `op` with absolute values gives the terms; each was rounded so often before."""

    def bound(array, *args, expected, dtype):
        (terms,) = as_tuple(getattr(reference, op)(np.abs(np.asarray(array, np.float64)), *args))
        return (rounded((SUM + roundings) * accumulator_eps(dtype) * np.abs(terms), expected[0], dtype),)

    return bound


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _mean(op):
    return lambda args, expected: _sum(op, 1)(*args, expected=expected, dtype=args[0].dtype)


def _gradient(op, roundings):
    """dx is a sum over the windows that hold the element, or chose it."""
    bound = _sum(op + "_backward", roundings)
    return lambda grads, args, expected: bound(grads[0], *args, expected=expected, dtype=args[0].dtype)


max_pool = adaptive_max_pool = _exact
max_pool_backward = _gradient("max_pool", 0)
adaptive_max_pool_backward = _gradient("adaptive_max_pool", 0)
avg_pool, adaptive_avg_pool = _mean("avg_pool"), _mean("adaptive_avg_pool")
# a term is dy / count: counts are products, which round only beyond 2²⁴; two quotients, or a reciprocal and a product
avg_pool_backward = _gradient("avg_pool", 4)
adaptive_avg_pool_backward = _gradient("adaptive_avg_pool", 4)
