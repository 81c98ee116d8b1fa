"""Causal depthwise convolution."""

from __future__ import annotations

from typing import Any

from ..backends import ops

__all__ = ["causal_conv1d"]

_causal_conv1d = ops.causal_conv1d


def causal_conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    *,
    activation: str | None = None,
    initial_state: Any = None,
    return_final_state: bool = False,
) -> Any:
    """Return ``activation`` of each channel filtered along the time, where a step sees itself and the K − 1 before it.

    ``output[n, c, l] = activation(bias[c] + sum over k of weight[c, k] · e[n, c, l + k])``, where e is `initial_state`
    (or zeros), then `input`: the convolution in front of a state-space layer such as Mamba's. A sequence may be
    computed in pieces, each of which takes the final state of the one before it.

    Parameters
    ----------
    input : array (N, C, L)
        float32, bfloat16, float16 or float64; sums are formed in float32 (float64 for float64). Channels-last strides
        are taken without a copy, and the output has them too.
    weight : array (C, K)
        The last element meets the step itself.
    bias : array (C,), optional
    activation : {None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"}
    initial_state : array (N, C, K − 1), optional
        The inputs before the first step.
    return_final_state : bool
        Whether to return the last K − 1 inputs too, those of the initial state included.

    Returns
    -------
    output : array (N, C, L)
    final_state : array (N, C, K − 1)
        With `return_final_state`.

    Raises
    ------
    TypeError
        An argument is no array, the arrays belong to different libraries, or their dtypes differ.
    ValueError
        The shapes do not fit, or the activation is none of those.

    References
    ----------
    Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv:2312.00752.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.causal_conv1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[10.0, 1.0]]))
    array([[[ 1., 12., 24.]]])
    """
    return _causal_conv1d(input, weight, bias, initial_state, activation, return_final_state)
