"""Bounds of the normalisations.

All are one computation: y = (x − mean) · rstd · weight + bias, where x is an array of some axes, the statistics are
taken over some of them, and weight and bias vary along the others or along these.

Moments are those of distances from an approximate mean, which is off by δ = SUM · eps of the mean of |x|; both are
corrected by what the distances sum to, so their errors are relative to distances, not to x. They are formed in the
accumulator's type in pieces, which are merged in float64.
"""

import math

import numpy as np

from .rounding import SUM, accumulator_eps, eps, rounded


class _Normalised:
    """Arrays as they broadcast over x; errors of the statistics: of the mean absolute, of rstd relative."""

    def __init__(self, input, shape, weight, bias, parameter_shape, parameter_axes):
        self.dtype, self.acc, self.shape = input.dtype, accumulator_eps(input.dtype), shape
        self.x = np.asarray(input, np.float64).reshape(shape)
        self.weight, self.bias, self.parameter_axes = weight, bias, parameter_axes
        self.w = np.ones(parameter_shape)
        self.b = np.zeros(parameter_shape)
        if weight is not None:
            self.w = np.abs(np.asarray(weight, np.float64)).reshape(parameter_shape)
        if bias is not None:
            self.b = np.abs(np.asarray(bias, np.float64)).reshape(parameter_shape)

    def given(self, mean, var, epsilon):
        """Statistics that are arguments: variance and ε are added, rooted and divided by in float64, rounded once."""
        self.axes = None
        self.mean, self.rstd = mean, 1 / np.sqrt(var + epsilon)
        self.error_mean, self.relative = np.zeros(mean.shape), np.full(mean.shape, 2 * self.acc)
        return self

    def moments(self, axes, epsilon):
        """Mean and variance over some axes."""
        self.axes, self.count, self.centered = axes, max(1, math.prod(self.shape[a] for a in axes)), True
        self.mean = self._sum(self.x) / self.count
        var = self._sum((self.x - self.mean) ** 2) / self.count
        magnitude = self._sum(np.abs(self.x)) / self.count
        delta = SUM * self.acc * magnitude
        distance = self._sum(np.abs(self.x - self.mean)) / self.count + delta
        # distances are rounded, then summed; mean and its pieces' are a sum of two in float64, and so is each merging
        self.unrounded = (SUM + 1) * self.acc * distance + 8 * eps("float64") * magnitude
        # squares to 2 eps, their sum; the correction, off by twice the error of the sum of distances; and what the
        # distances between pieces, whose means are off, add: by Cauchy and Schwarz 2 · standard deviation · error of a
        # mean
        self.error_var = (2 * SUM + 3) * self.acc * (var + delta**2) + 2 * np.sqrt(var) * self.unrounded
        self.error_mean = self.unrounded + self.acc / 2 * np.abs(self.mean)
        return self._scaled(var, self.error_var, epsilon)

    def mean_square(self, axes, epsilon):
        """No mean, and the mean square in the variance's place."""
        self.axes, self.count, self.centered = axes, max(1, math.prod(self.shape[a] for a in axes)), False
        square = self._sum(self.x**2) / self.count
        self.mean = self.error_mean = np.zeros(square.shape)
        return self._scaled(square, (SUM + 1) * self.acc * square, epsilon)

    def _scaled(self, var, error_var, epsilon):
        self.rstd = 1 / np.sqrt(var + epsilon)
        self.relative = error_var / (var + epsilon) / 2 + 2 * self.acc
        return self

    def _sum(self, a, axes=None):
        return a.sum(axis=axes or self.axes, keepdims=True)

    def forward(self, expected):
        scale, distance = self.w * self.rstd, np.abs(self.x - self.mean)
        # a factor of two parts, then a sum of products: x · factor, mean · factor and the bias, to 2 eps each
        error = scale * (self.error_mean + distance * (self.relative + 2 * self.acc))
        error = error + 2 * self.acc * (scale * (np.abs(self.x) + np.abs(self.mean)) + self.b)
        return rounded(error.reshape(expected.shape), expected, self.dtype)

    def input_gradient(self, grad_output, expected):
        """dx = rstd · (g − Σ g / n − (x − mean) · rstd² · Σ g·(x − mean) / n) with g = dy · weight."""
        g = np.abs(np.asarray(grad_output, np.float64)).reshape(self.shape) * self.w
        error = self.rstd * g * (self.relative + 4 * self.acc)
        if self.axes is None:
            return rounded(error.reshape(expected.shape), expected, self.dtype)
        distance, signed = np.abs(self.x - self.mean), np.asarray(grad_output, np.float64).reshape(self.shape)
        if self.weight is not None:
            signed = signed * np.asarray(self.weight, np.float64).reshape(self.w.shape)
        first, second = np.abs(self._sum(signed)), np.abs(self._sum(signed * (self.x - self.mean)))
        error_first = (SUM + 1) * self.acc * self._sum(g)
        error_second = (SUM + 2) * self.acc * self._sum(g * (distance + self.error_mean)) + self.error_mean * first
        if not self.centered:
            first, error_first = 0 * first, 0 * error_first
        slope = self.rstd**3 / self.count
        error = error + slope * distance * (error_second + second * (3 * self.relative + 4 * self.acc))
        error = error + slope * second * self.error_mean
        error = error + self.rstd / self.count * (error_first + first * (self.relative + 3 * self.acc))
        return rounded(error.reshape(expected.shape), expected, self.dtype)

    def parameter_gradients(self, grad_output, dweight, dbias):
        """Σ dy · (x − mean) · rstd, and Σ dy."""
        dy, axes = np.abs(np.asarray(grad_output, np.float64)).reshape(self.shape), self.parameter_axes
        bounds = [None, None]
        if dweight is not None:
            terms = dy * np.abs(self.x - self.mean) * self.rstd
            error = self._sum(terms * ((SUM + 3) * self.acc + self.relative) + dy * self.rstd * self.error_mean, axes)
            bounds[0] = rounded(error.reshape(dweight.shape), dweight, self.weight.dtype)
        if dbias is not None:
            error = SUM * self.acc * self._sum(dy, axes)
            bounds[1] = rounded(error.reshape(dbias.shape), dbias, self.bias.dtype)
        return bounds


def _channels(input, weight, bias):
    """(N, C, pixels)."""
    N, C, *spatial = input.shape
    return _Normalised(input, (N, C, math.prod(spatial)), weight, bias, (1, C, 1), (0, 2))


def _given(args):
    input, mean, var, weight, bias, epsilon = args
    mean, var = (np.asarray(v, np.float64).reshape(1, -1, 1) for v in (mean, var))
    return _channels(input, weight, bias).given(mean, var, epsilon)


def batch_norm_inference(args, expected):
    return (_given(args).forward(expected[0]),)


def batch_norm_inference_backward(grad_outputs, args, expected):
    n, (dx, _, _, *parameters) = _given(args), expected
    return n.input_gradient(grad_outputs[0], dx), None, None, *n.parameter_gradients(grad_outputs[0], *parameters)


def _batch(args):
    input, _, _, weight, bias, _, epsilon = args
    return _channels(input, weight, bias).moments((0, 2), epsilon)


def batch_norm_training(args, expected):
    n, running_mean, running_var, momentum = _batch(args), args[1], args[2], args[-2]
    bounds = [n.forward(expected[0]), None, None]
    if running_mean is not None:
        error = momentum * n.unrounded.reshape(-1) + 4 * eps("float64") * np.abs(expected[1])
        bounds[1] = rounded(error, expected[1], running_mean.dtype)
    if running_var is not None:
        unbiased = n.count / max(1, n.count - 1) * n.error_var.reshape(-1)
        bounds[2] = rounded(
            momentum * unbiased + 4 * eps("float64") * np.abs(expected[2]), expected[2], running_var.dtype
        )
    return tuple(bounds)


def batch_norm_training_backward(grad_outputs, args, expected):
    n, (dx, _, _, *parameters) = _batch(args), expected
    return n.input_gradient(grad_outputs[0], dx), None, None, *n.parameter_gradients(grad_outputs[0], *parameters)


def _groups(args):
    """(N, groups, channels of a group, pixels)."""
    input, weight, bias, G, epsilon = args
    N, C, *spatial = input.shape
    shape, parameter_shape = (N, G, C // G, math.prod(spatial)), (1, G, C // G, 1)
    return _Normalised(input, shape, weight, bias, parameter_shape, (0, 3)).moments((2, 3), epsilon)


def group_norm(args, expected):
    return (_groups(args).forward(expected[0]),)


def group_norm_backward(grad_outputs, args, expected):
    n, (dx, *parameters) = _groups(args), expected
    return n.input_gradient(grad_outputs[0], dx), *n.parameter_gradients(grad_outputs[0], *parameters)


def _rows(input, weight, bias, normalized_shape):
    """(rows, D)."""
    D = math.prod(normalized_shape)
    rows = math.prod(input.shape[: input.ndim - len(normalized_shape)])
    return _Normalised(input, (rows, D), weight, bias, (1, D), (0,))


def _layer(args):
    input, weight, bias, normalized_shape, epsilon = args
    return _rows(input, weight, bias, normalized_shape).moments((1,), epsilon)


def layer_norm(args, expected):
    return (_layer(args).forward(expected[0]),)


def layer_norm_backward(grad_outputs, args, expected):
    n, (dx, *parameters) = _layer(args), expected
    return n.input_gradient(grad_outputs[0], dx), *n.parameter_gradients(grad_outputs[0], *parameters)


def _root_mean_square(args):
    input, weight, normalized_shape, epsilon = args
    return _rows(input, weight, None, normalized_shape).mean_square((1,), epsilon)


def rms_norm(args, expected):
    return (_root_mean_square(args).forward(expected[0]),)


def rms_norm_backward(grad_outputs, args, expected):
    n, (dx, dweight) = _root_mean_square(args), expected
    return n.input_gradient(grad_outputs[0], dx), n.parameter_gradients(grad_outputs[0], dweight, None)[0]
