"""Bounds of softmax and its logarithm, along rows: y = e / Σ e with e = exp(x − max), or log y = x − max − log Σ e."""

import numpy as np

from fastnets.reference.softmax import _cast, _from_rows, _rows, softmax_of_rows

from .rounding import SUM, accumulator_eps, rounded


class _Softmax:
    """What both directions need, rows along the last dimension."""

    def __init__(self, args):
        input, self.dim, self.log, cast = args
        x = _cast(input, cast)
        self.dtype, self.shape = str(x.dtype), x.shape
        self.acc = accumulator_eps(self.dtype)
        rows = _rows(x, self.dim)
        self.p = softmax_of_rows(rows, False)
        with np.errstate(invalid="ignore"):
            below = np.abs(rows - rows.max(axis=-1, keepdims=True, initial=-np.inf))
        below[self.p == 0] = 0  # an exponential of 0 is exact
        # x − max is off by ½ eps of itself, exp by 2 ulps; the sum by SUM eps and by what its terms are off by
        error_e = below / 2 + 2
        error_sum = SUM + (self.p * error_e).sum(axis=-1, keepdims=True)
        if self.log:
            y = softmax_of_rows(rows, True)
            error = self.acc * (below / 2 + error_sum + np.abs(below + y) / 2 + np.abs(y) / 2)  # log Σ and a difference
        else:
            y = self.p
            error = self.acc * y * (error_e + error_sum + 2)  # its reciprocal and a product
            error += 2.0**-149 if self.dtype != "float64" else 2.0**-1074  # of e
        self.y, self.error = y, rounded(error, y, self.dtype)

    def original(self, rows):
        return _from_rows(rows, self.dim, self.shape)


def softmax(args, expected):
    s = _Softmax(args)
    return (s.original(s.error),)


def softmax_backward(grad_outputs, args, expected):
    """From the y that forward returned, rounded to its dtype and off by forward's error."""
    s, dy = _Softmax(args), _rows(grad_outputs[0], args[1])
    size = np.abs(dy)
    if s.log:  # dx = dy − exp(y) · Σ dy
        sum_dy = np.abs(dy.sum(axis=-1, keepdims=True))
        error_sum = SUM * s.acc * size.sum(axis=-1, keepdims=True)
        error_p = np.where(s.p == 0, 0.0, np.expm1(s.error) + 2 * s.acc)  # of exp(y), relative
        error = s.p * (error_p * (sum_dy + error_sum) + error_sum)
        error += s.acc * (size + s.p * sum_dy)  # a product and a difference
    else:  # dx = y · (dy − Σ dy · y)
        dot = (dy * s.y).sum(axis=-1, keepdims=True)
        error_dot = (size * (s.error + SUM * s.acc * s.y)).sum(axis=-1, keepdims=True)
        error_difference = error_dot + s.acc * (size + np.abs(dot))
        error = s.error * (np.abs(dy - dot) + error_difference) + s.y * (error_difference + s.acc * np.abs(dy - dot))
    error = rounded(s.original(error), expected[0], s.dtype)  # the gradient of what the input was converted to
    return (error if s.dtype == str(args[0].dtype) else rounded(error, expected[0], args[0].dtype),)
