"""Bounds of activation, and of the activation at the end of a product.

x is what the function is applied to, off by ``error_x`` itself; y = f(x). Exponentials and what is made of them are
computed in the accumulator's type, whose epsilon is ``acc``.
"""

import numpy as np

from fastnets import reference

from .rounding import accumulator_eps, rounded, storage_error

# sup |f'|: what an error of x may grow to
_LIPSCHITZ = {"relu": 1.0, "gelu": 1.13, "gelu_tanh": 1.13, "silu": 1.1, "tanh": 1.0, "sigmoid": 0.25}

# the error of the function itself, in eps of the accumulator
_FUNCTION_EPS = {
    "relu": lambda x, y: 0 * y,
    "gelu": lambda x, y: 4 * np.abs(x),  # Φ = (1 + erf) / 2 to 4 eps of 1
    "gelu_tanh": lambda x, y: 4 * np.abs(x),  # (1 + tanh) / 2 to 4 eps of 1
    "silu": lambda x, y: 5 * np.abs(y),  # the sigmoid's and a product
    "tanh": lambda x, y: 4 * np.abs(y),
    "sigmoid": lambda x, y: 4 * np.abs(y),  # exp to 2 ulps, a sum, a quotient
    "leaky_relu": lambda x, y: np.abs(y),  # a product
    "elu": lambda x, y: 4 * np.abs(y),  # expm1 to 3 ulps and a product
}


def forward_error(x, error_x, kind, alpha, acc):
    y = reference.activation(x, kind, alpha)
    return _LIPSCHITZ.get(kind, max(1.0, abs(alpha))) * error_x + acc * _FUNCTION_EPS[kind](x, y)


def _derivative_error(x, error_x, kind, alpha, dtype):
    """The error of f'(x), computed from x or, for relu, tanh, sigmoid and elu, from a y that was kept in ``dtype``."""
    acc = accumulator_eps(dtype)
    y = reference.activation(x, kind, alpha)
    if kind == "relu":
        return np.where(np.abs(x) < error_x, 1.0, 0.0)  # on which side of 0 is unknown
    if kind == "leaky_relu":
        return np.zeros(x.shape)
    if kind == "gelu":  # |f''| ≤ 0.8; f' = Φ + x·φ, each to 4 eps of 1
        return 0.8 * error_x + 8 * acc
    if kind == "silu":  # |f''| ≤ 0.5; f' = s · (1 + x · (1 − s)), where 1 − s is off by eps
        return 0.5 * error_x + 4 * acc * (1 + np.abs(x))
    if kind == "gelu_tanh":
        # |f''| ≤ 0.81; f' = (1 + t) / 2 + x/2 · (1 − t²) · u', where 1 − t² is off by 8 eps, u' = 0.8 · (1 + 0.134 x²);
        # beyond 10, t is ±1
        a = np.minimum(np.abs(x), 10.0)
        return 0.81 * error_x + 8 * acc * (1 + 0.4 * a + 0.054 * a**3)
    error_y = 4 * acc * np.abs(y) + storage_error(y, dtype)
    if kind == "tanh":  # f' = 1 − y²
        error_y = error_x + error_y
        return 2 * np.abs(y) * error_y + error_y**2 + acc
    if kind == "sigmoid":  # f' = y · (1 − y)
        error_y = 0.25 * error_x + error_y
        return np.abs(1 - 2 * y) * error_y + error_y**2 + acc * y
    assert kind == "elu"  # f' = y + alpha below 0
    return np.where(x <= 0, error_y + 4 * acc * abs(alpha), 0.0)


def backward_error(dy, x, error_x, kind, alpha, dtype):
    """The error of dx = dy · f'(x) before it is rounded to ``dtype``."""
    (dx,) = reference.activation_backward(dy, x, kind, alpha)
    products = 2 * accumulator_eps(dtype) * np.abs(dx)
    return np.abs(dy) * _derivative_error(x, error_x, kind, alpha, dtype) + products


def activation(args, expected):
    input, kind, alpha = args
    x = np.asarray(input, np.float64)
    error = forward_error(x, np.zeros(x.shape), kind, alpha, accumulator_eps(input.dtype))
    return (rounded(error, expected[0], input.dtype),)


def activation_backward(grad_outputs, args, expected):
    input, kind, alpha = args
    x, dy = np.asarray(input, np.float64), np.asarray(grad_outputs[0], np.float64)
    error = backward_error(dy, x, np.zeros(x.shape), kind, alpha, input.dtype)
    return (rounded(error, expected[0], input.dtype),)
