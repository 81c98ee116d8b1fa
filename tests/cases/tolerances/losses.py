"""Bounds of losses.

In cross_entropy the weights and the target distribution t are not negative and log p is not positive, so that the loss
is its Σ|terms|.
"""

import numpy as np

from fastnets import reference
from fastnets.reference.losses import class_axis_of, from_rows, rows_of, target_distribution
from fastnets.reference.softmax import softmax_of_rows

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
        self.log_p = softmax_of_rows(rows, True)
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


def _absolute(*arrays):
    return [np.abs(np.asarray(a, np.float64)) for a in arrays]


@np.errstate(all="ignore")
def _reduced(error, terms, reduction, denominator, args, expected):
    """The bound of a loss whose terms, of these sizes, are off by ``error`` before they are summed and divided."""
    dtype, acc = args[0].dtype, accumulator_eps(args[0].dtype)
    if reduction != "none":
        error = error.sum() + SUM * acc * terms.sum()
    if reduction == "mean":
        error = error / denominator + (SUM + 1) * acc * np.abs(expected[0])  # the denominator may be a sum; a quotient
    return (rounded(error, expected[0], dtype),)


def nll_loss(args, expected):
    input, target, weight, ignore_index, reduction = args
    terms = np.abs(reference.nll_loss(*_absolute(input), target, weight, ignore_index, "none"))
    ones = reference.nll_loss(-np.ones(input.shape), target, weight, ignore_index, "none")
    return _reduced(accumulator_eps(input.dtype) * terms, terms, reduction, ones.sum(), args, expected)


def nll_loss_backward(grad_outputs, args, expected):
    input = args[0]
    error = (SUM + 2) * accumulator_eps(input.dtype) * np.abs(expected[0])  # the denominator, a quotient, a product
    return rounded(error, expected[0], input.dtype), None, None


def mse_loss(args, expected):
    input, target, weight, reduction = args
    terms = reference.mse_loss(input, target, weight, "none")
    denominator = terms.size if weight is None else np.asarray(weight, np.float64).sum()
    error = 3 * accumulator_eps(input.dtype) * terms  # a difference, counted twice, and up to 2 products
    return _reduced(error, terms, reduction, denominator, args, expected)


@np.errstate(all="ignore")
def mse_loss_backward(grad_outputs, args, expected):
    input, target, weight, reduction = args
    acc = accumulator_eps(input.dtype)
    divided = SUM if reduction == "mean" and weight is not None else 1  # by a sum, or by a number
    error = (divided + 3) * acc * np.abs(expected[0])
    bounds = [rounded(error, expected[0], input.dtype), rounded(error, expected[1], input.dtype), None]
    if weight is not None:  # g · ((x − t)² − mean)
        w = np.asarray(weight, np.float64).sum() if reduction == "mean" else 1.0
        (g,) = _absolute(grad_outputs[0])
        square = reference.mse_loss(input, target, None, "none")
        mean = reference.mse_loss(input, target, weight, "mean") if reduction == "mean" else 0.0
        error = acc * g / w * ((divided + 4) * (square + mean) + 2 * SUM * mean)
        bounds[2] = rounded(error, expected[2], input.dtype)
    return tuple(bounds)


@np.errstate(all="ignore")
def _binary(args):
    """x, t, w, p, and the sum of the sizes of (1 − t) · x and (1 + (p − 1) · t) · log(1 + exp(−x)), without weights."""
    x, t = (np.asarray(a, np.float64) for a in args[:2])
    w, p = (np.ones(x.shape) if a is None else np.broadcast_to(np.asarray(a, np.float64), x.shape) for a in args[2:4])
    below = np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))  # −log σ(x)
    return x, t, w, p, np.abs(1 - t) * np.abs(x) + (1 + np.abs(p - 1) * t) * below


# exp to 2 ulps, log1p to 2 more, and some 4 roundings of sums and products around them
_BINARY = 8


def binary_cross_entropy_with_logits(args, expected):
    _, _, w, _, terms = _binary(args)
    terms = w * terms
    error = _BINARY * accumulator_eps(args[0].dtype) * terms
    return _reduced(error, terms, args[4], terms.size, args, expected)


@np.errstate(all="ignore")
def binary_cross_entropy_with_logits_backward(grad_outputs, args, expected):
    x, t, w, p, _ = _binary(args)
    dtype = args[0].dtype
    (g,) = _absolute(grad_outputs[0])
    g = _BINARY * accumulator_eps(dtype) * g * w / (x.size if args[4] == "mean" else 1)
    z = np.exp(-np.abs(x))
    # (1 + (p − 1) · t) · σ(x) − p · t, and log σ(−x) − p · log σ(x)
    slope = (1 + np.abs(p - 1) * t) * np.where(x < 0, z, 1) / (1 + z) + p * t
    log = np.log1p(z) + np.maximum(x, 0) + p * (np.log1p(z) + np.maximum(-x, 0))
    return rounded(g * slope, expected[0], dtype), rounded(g * log, expected[1], dtype), None, None
