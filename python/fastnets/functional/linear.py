"""The affine map of the last dimension."""

from __future__ import annotations

from typing import Any

from ..backends import ops

__all__ = ["linear"]

_linear = ops.linear


def linear(input: Any, weight: Any, bias: Any = None, *, activation: str | None = None, residual: Any = None) -> Any:
    """Return ``activation(input @ weight.T + bias + residual)`` in one pass over the output.

    Parameters
    ----------
    input : array (..., in_features)
        float32, bfloat16, float16 or float64; sums are formed in float32 (float64 for float64).
    weight : array (out_features, in_features)
        Of the same dtype, as all others.
    bias : array (out_features,), optional
    activation : {None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"}
        "gelu" is the exact one, by the error function.
    residual : array (..., out_features), optional
        Added before the activation.

    Returns
    -------
    array (..., out_features)

    Raises
    ------
    TypeError
        An argument is no array, the arrays belong to different libraries, or their dtypes differ.
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [-1.0, 0.0]]), activation="relu")
    array([[11.,  0.]])
    """
    return _linear(input, weight, bias, residual, activation)
