"""Bounds of cross_entropy.

The weights and the target distribution t are not negative and log p is not positive, so the loss is its Σ|terms|.
"""

import numpy as np

from fastnets.reference.losses import class_axis_of, from_rows, log_softmax, rows_of, target_distribution

from .rounding import SUM, accumulator_eps, rounded


class _Samples:
    """What both directions need, one row for a sample."""

    def __init__(self, args):
        input, target, weight, ignore_index, self.reduction, self.label_smoothing = args
        self.x = np.asarray(input, np.float64)
        self.class_axis = class_axis_of(self.x)
        rows = rows_of(self.x, self.class_axis)
        N, C = rows.shape
        self.w = np.ones(C) if weight is None else np.asarray(weight, np.float64)
        self.t, self.denominator = target_distribution(
            np.asarray(target), self.w, self.class_axis, ignore_index, self.label_smoothing
        )
        self.wt = np.abs(self.w * self.t)
        self.log_p = log_softmax(rows)
        # log p = x − max − log Σ exp(x − max): two differences of numbers up to 2 max|x|, ½ eps of the result each;
        # the sum of exponentials to SUM + 4 eps; its logarithm, at most log C, to 4 ulps
        largest = np.abs(rows).max(axis=1, keepdims=True) if N else np.zeros((0, 1))
        self.acc = accumulator_eps(input.dtype)
        self.error_log_p = self.acc * (3 * largest + SUM + 4 + 4 * np.log(C))


def cross_entropy(args, expected):
    s, dtype = _Samples(args), args[0].dtype
    loss = (s.wt * np.abs(s.log_p)).sum(axis=1)
    error = (s.wt * s.error_log_p).sum(axis=1) + SUM * s.acc * loss
    if s.reduction == "none":
        return (rounded(error.reshape(expected[0].shape), expected[0], dtype),)
    error = error.sum() + SUM * s.acc * loss.sum()
    if s.reduction == "mean":
        with np.errstate(invalid="ignore"):
            error = error / s.denominator
        error += (SUM + 1) * s.acc * np.abs(expected[0])  # the denominator is a sum too; a quotient
    return (rounded(error, expected[0], dtype),)


def cross_entropy_backward(grad_outputs, args, expected):
    s, dtype = _Samples(args), args[0].dtype
    with np.errstate(invalid="ignore", divide="ignore"):
        g = np.abs(np.asarray(grad_outputs[0], np.float64)).reshape(-1, 1)
        g = g / (s.denominator if s.reduction == "mean" else 1.0)
    g = np.where(np.isfinite(g), g, 0.0)  # no sample counts, all gradients are 0
    # dx = g · (p · Σ w·t − w·t): p is off by the error of log p and 4 ulps of exp; g and Σ w·t are sums, SUM eps each
    pw = np.exp(s.log_p) * s.wt.sum(axis=1, keepdims=True)
    error = g * (pw * (s.error_log_p + 4 * s.acc) + 2 * SUM * s.acc * (pw + s.wt))
    bounds = [rounded(from_rows(error, s.x, s.class_axis), expected[0], dtype), None, None]
    if expected[1] is not None:  # −g · (1 − smoothing) · w · log p
        error = g * (1 - s.label_smoothing) * s.w * (s.error_log_p + 2 * SUM * s.acc * np.abs(s.log_p))
        bounds[1] = rounded(from_rows(error, s.x, s.class_axis), expected[1], dtype)
    return tuple(bounds)
