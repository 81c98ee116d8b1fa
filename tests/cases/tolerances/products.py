"""Bounds of linear, conv and conv_transpose, which are sums of products followed by an activation.

They take input, weight, bias and, but for conv_transpose, residual, then their geometry (linear has none), then the
activation.
"""

import numpy as np

from fastnets import reference

from .activations import backward_error, forward_error
from .rounding import SUM, accumulator_eps, rounded, storage_error

_INPUTS = {"linear": 4, "conv": 4, "conv_transpose": 3}
_KEEPS_PRE_ACTIVATION = ("gelu", "gelu_tanh", "silu")  # whose derivative is no function of y


def _absolute(arrays):
    return [None if a is None else np.abs(np.asarray(a, np.float64)) for a in arrays]


def _pre_activation(op, args):
    """z and its error, SUM · eps · Σ|terms|: the op on absolute values, being linear in them."""
    forward = getattr(reference, op)
    inputs, geometry = args[: _INPUTS[op]], args[_INPUTS[op] : -1]
    terms = forward(*_absolute(inputs), *geometry, None)
    return forward(*inputs, *geometry, None), SUM * accumulator_eps(args[0].dtype) * terms


def _forward(op, args, expected):
    dtype, kind = args[0].dtype, args[-1]
    z, error = _pre_activation(op, args)
    if kind is not None:
        error = forward_error(z, error, kind, 0.0, accumulator_eps(dtype))
    return (rounded(error, expected[0], dtype),)


def _backward(op, grad_outputs, args, expected):
    """Sums of products with dz = dy · f'(z): SUM · eps of their terms, and what dz is off by, through the product."""
    dtype, kind = args[0].dtype, args[-1]
    inputs, geometry = args[: _INPUTS[op]], args[_INPUTS[op] : -1]
    dz = dy = np.asarray(grad_outputs[0], np.float64)
    error_dz = np.zeros(dz.shape)
    if kind is not None:
        z, error_z = _pre_activation(op, args)
        if kind in _KEEPS_PRE_ACTIVATION:
            error_z = error_z + storage_error(z, dtype)
        dz = reference.activation_backward(dy, z, kind, 0.0)[0]
        error_dz = backward_error(dy, z, error_z, kind, 0.0, dtype)
        error_dz += storage_error(dz, dtype)  # dz is an operand of products, in the arrays' dtype
    errors = getattr(reference, op + "_backward")(
        SUM * accumulator_eps(dtype) * np.abs(dz) + error_dz, *_absolute(inputs), *geometry, None
    )
    return tuple(None if e is None else rounded(error, e, dtype) for error, e in zip(errors, expected, strict=True))


def linear(args, expected):
    return _forward("linear", args, expected)


def linear_backward(grad_outputs, args, expected):
    return _backward("linear", grad_outputs, args, expected)


def conv(args, expected):
    return _forward("conv", args, expected)


def conv_backward(grad_outputs, args, expected):
    return _backward("conv", grad_outputs, args, expected)


def conv_transpose(args, expected):
    return _forward("conv_transpose", args, expected)


def conv_transpose_backward(grad_outputs, args, expected):
    return _backward("conv_transpose", grad_outputs, args, expected)
