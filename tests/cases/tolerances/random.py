"""Bounds of dropout."""

import numpy as np

from .rounding import accumulator_eps, rounded


def _scaled(expected, dtype):
    # 1 / (1 − p) is formed in float64 and rounded once, then multiplied: 2 roundings. What is dropped is 0.
    return (rounded(2 * accumulator_eps(dtype) * np.abs(expected[0]), expected[0], dtype),)


def dropout(args, expected):
    return _scaled(expected, args[0].dtype)


def dropout_backward(grad_outputs, args, expected):
    return _scaled(expected, args[0].dtype)
