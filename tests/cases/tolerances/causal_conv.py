"""Bounds of causal_conv1d: sums of K products followed by an activation."""

import numpy as np

from fastnets import reference

from .activations import backward_error, forward_error
from .rounding import SUM, accumulator_eps, rounded, storage_error

_KEEPS_PRE_ACTIVATION = ("gelu", "gelu_tanh", "silu")  # whose derivative is no function of y


def _absolute(arrays):
    return [None if a is None else np.abs(np.asarray(a, np.float64)) for a in arrays]


def _pre_activation(inputs):
    """z and its error, SUM · eps · Σ|terms|: the op on absolute values, being linear in them."""
    terms = reference.causal_conv1d(*_absolute(inputs), None, False)
    return reference.causal_conv1d(*inputs, None, False), SUM * accumulator_eps(inputs[0].dtype) * terms


def causal_conv1d(args, expected):
    dtype, kind = args[0].dtype, args[-2]
    z, error = _pre_activation(args[:4])
    if kind is not None:
        error = forward_error(z, error, kind, 0.0, accumulator_eps(dtype))
    copied = [np.zeros(state.shape) for state in expected[1:]]
    return (rounded(error, expected[0], dtype), *copied)


def causal_conv1d_backward(grad_outputs, args, expected):
    """Sums of products with dz = dy · f'(z), which stays in the accumulator's precision; then the final state's."""
    dtype, kind = args[0].dtype, args[-2]
    dz = dy = np.asarray(grad_outputs[0], np.float64)
    error_dz = np.zeros(dz.shape)
    if kind is not None:
        z, error_z = _pre_activation(args[:4])
        if kind in _KEEPS_PRE_ACTIVATION:
            error_z = error_z + storage_error(z, dtype)
        dz = reference.activation_backward(dy, z, kind, 0.0)[0]
        error_dz = backward_error(dy, z, error_z, kind, 0.0, dtype)
    scale = SUM * accumulator_eps(dtype)
    final = None if grad_outputs[1] is None else scale * np.abs(np.asarray(grad_outputs[1], np.float64))
    errors = reference.causal_conv1d_backward(
        scale * np.abs(dz) + error_dz, final, *_absolute(args[:4]), None, args[-1]
    )
    return tuple(None if e is None else rounded(error, e, dtype) for error, e in zip(errors, expected, strict=True))
