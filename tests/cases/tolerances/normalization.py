"""Bounds of the normalisations.

Moments are those of distances from an approximate mean, which is off by δ = SUM · eps of the mean of |x|; both are
corrected by what the distances sum to, so their errors are relative to distances, not to x. They are formed in the
accumulator's type in pieces, which are merged in float64.
"""

import numpy as np

from fastnets.reference.normalization import batch_moments, by_channel

from .rounding import SUM, accumulator_eps, eps, rounded


def _moment_errors(x, mean, var, acc, axes):
    """The errors of mean and variance over some axes, before the mean is rounded to the accumulator's type."""
    shape = [1 if d in axes else n for d, n in enumerate(x.shape)]
    count = max(1, x.size // max(1, mean.size))
    center = mean.reshape(shape)
    magnitude = np.abs(x).sum(axis=axes) / count
    delta = SUM * acc * magnitude
    distance = np.abs(x - center).sum(axis=axes) / count + delta
    # distances are rounded, then summed; mean and its pieces' are a sum of two in float64, and so is each merging
    error_mean = (SUM + 1) * acc * distance + 8 * eps("float64") * magnitude
    # squares to 2 eps, their sum; the correction, off by twice the error of the sum of distances; and what the
    # distances between pieces, whose means are off, add: by Cauchy and Schwarz 2 · standard deviation · error of a mean
    error_var = (2 * SUM + 3) * acc * (var + delta**2) + 2 * np.sqrt(var) * error_mean
    return error_mean, error_var


def _affine(x, weight, bias):
    """|weight| and |bias| as they broadcast, 1 and 0 where absent."""
    C = x.shape[1]
    w = by_channel(np.ones(C) if weight is None else np.abs(np.asarray(weight, np.float64)), x)
    return w, by_channel(np.zeros(C) if bias is None else np.abs(np.asarray(bias, np.float64)), x)


class _Channels:
    """What both directions need of the statistics, one for a channel, broadcast over the input."""

    def __init__(self, input, mean, rstd, error_mean, relative_rstd, weight, bias):
        self.x, self.acc, self.dtype = np.asarray(input, np.float64), accumulator_eps(input.dtype), input.dtype
        self.w, self.b = _affine(self.x, weight, bias)
        self.axes = (0, *range(2, self.x.ndim))
        self.rstd, self.error_mean, self.relative_rstd = (
            by_channel(v, self.x) for v in (rstd, error_mean, relative_rstd)
        )
        self.mean = by_channel(mean, self.x)
        self.distance = np.abs(self.x - self.mean)
        self.scaled = self.distance * self.rstd * self.w

    def forward(self, expected):
        # a factor of two parts, then a sum of products: x · factor, mean · factor and the bias, to 2 eps each
        error = self.w * self.rstd * self.error_mean + self.scaled * (self.relative_rstd + 2 * self.acc)
        terms = self.w * self.rstd * (np.abs(self.x) + np.abs(self.mean)) + self.b
        return rounded(error + 2 * self.acc * terms, expected, self.dtype)

    def sums(self, dy):
        """The errors of Σ dy and Σ dy · (x − mean) of each channel."""
        total = dy.sum(axis=self.axes, keepdims=True)
        first = SUM * self.acc * np.abs(dy).sum(axis=self.axes, keepdims=True)
        second = (SUM + 1) * self.acc * (np.abs(dy) * (self.distance + self.error_mean)).sum(self.axes, keepdims=True)
        return first, second + self.error_mean * np.abs(total)

    def parameters(self, dy, expected, args):
        """The bounds of the gradients of weight and bias."""
        _, _, _, dweight, dbias = expected
        first, second = self.sums(dy)
        bounds = [None, None]
        if dweight is not None:
            error = (self.rstd * second).reshape(-1) + (self.relative_rstd.reshape(-1) + self.acc) * np.abs(dweight)
            bounds[0] = rounded(error, dweight, args[3].dtype)
        if dbias is not None:
            bounds[1] = rounded(first.reshape(-1), dbias, args[4].dtype)
        return bounds


def _given(args):
    input, mean, var, weight, bias, epsilon = args
    mean, var = (np.asarray(v, np.float64) for v in (mean, var))
    # the variance and ε are added, rooted and divided by in float64 and rounded once
    relative = np.full(mean.shape, 2 * accumulator_eps(input.dtype))
    return _Channels(input, mean, 1 / np.sqrt(var + epsilon), 0 * mean, relative, weight, bias)


def batch_norm_inference(args, expected):
    return (_given(args).forward(expected[0]),)


def batch_norm_inference_backward(grad_outputs, args, expected):
    channels, dy = _given(args), np.asarray(grad_outputs[0], np.float64)
    error = np.abs(expected[0]) * (channels.relative_rstd + 2 * channels.acc)
    return rounded(error, expected[0], channels.dtype), None, None, *channels.parameters(dy, expected, args)


class _Batch(_Channels):
    def __init__(self, args):
        input, _, _, weight, bias, _, epsilon = args
        x, acc = np.asarray(input, np.float64), accumulator_eps(input.dtype)
        mean, var, rstd = batch_moments(x, epsilon)
        self.error_mean_unrounded, self.error_var = _moment_errors(x, mean, var, acc, (0, *range(2, x.ndim)))
        relative = self.error_var / (var + epsilon) / 2 + 2 * acc
        error_mean = self.error_mean_unrounded + acc / 2 * np.abs(mean)
        super().__init__(input, mean, rstd, error_mean, relative, weight, bias)


def batch_norm_training(args, expected):
    batch = _Batch(args)
    _, running_mean, running_var, *_, momentum, _ = args
    n = batch.x.size // max(1, batch.x.shape[1])
    bounds = [batch.forward(expected[0]), None, None]
    if running_mean is not None:
        error = momentum * batch.error_mean_unrounded + 4 * eps("float64") * np.abs(expected[1])
        bounds[1] = rounded(error, expected[1], running_mean.dtype)
    if running_var is not None:
        error = momentum * batch.error_var * n / max(1, n - 1) + 4 * eps("float64") * np.abs(expected[2])
        bounds[2] = rounded(error, expected[2], running_var.dtype)
    return tuple(bounds)


def batch_norm_training_backward(grad_outputs, args, expected):
    batch, dy = _Batch(args), np.asarray(grad_outputs[0], np.float64)
    n = max(1, batch.x.size // max(1, batch.x.shape[1]))
    first, second = batch.sums(dy)
    centered, scale = batch.x - batch.mean, batch.w * batch.rstd
    total = np.abs(dy.sum(axis=batch.axes, keepdims=True))
    product = np.abs((dy * centered).sum(axis=batch.axes, keepdims=True))
    # dx = a · dy − a · rstd² · Σ dy·(x − mean) / n · (x − mean) − a · Σ dy / n, with a = weight · rstd
    slope = scale * batch.rstd**2 / n
    error = scale * np.abs(dy) * (batch.relative_rstd + 3 * batch.acc)
    error += slope * batch.distance * (second + product * (3 * batch.relative_rstd + 4 * batch.acc))
    error += slope * product * batch.error_mean
    error += scale / n * (first + total * (batch.relative_rstd + 3 * batch.acc))
    return rounded(error, expected[0], batch.dtype), None, None, *batch.parameters(dy, expected, args)
