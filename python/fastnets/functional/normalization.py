"""Normalisation by means and variances."""

from __future__ import annotations

from typing import Any

from ..backends import ops, renamed

__all__ = ["batch_norm"]

_batch_norm_inference, _batch_norm_training = ops.batch_norm_inference, ops.batch_norm_training


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Any:
    """Return ``(input − mean) / √(var + eps) · weight + bias``, one mean, variance, weight and bias for each channel.

    In training the mean and the (biased) variance are those of the batch over all dimensions but the channels', and the
    running statistics are updated in place: ``running = (1 − momentum) · running + momentum · batch's``, with the
    unbiased variance. An empty batch updates nothing.

    Parameters
    ----------
    input : array (N, C, …)
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    running_mean, running_var : array (C,), or None in training
        Of input's dtype, or float32 beside half precision. In training they must be writeable.
    weight, bias : array (C,), optional
        Of input's dtype, or float32 beside half precision.
    training : bool
    momentum : float
        Between 0 and 1.
    eps : float
        At least 0, and more in training.

    Returns
    -------
    array of input's shape and dtype

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served; a running statistic is None without `training`.
    ValueError
        Shapes do not fit, a parameter makes no sense, a batch in training has one value a channel, or statistics that
        would be updated are read-only or JAX's; nothing is updated then.

    References
    ----------
    Ioffe, Szegedy: Batch Normalization, 2015, https://arxiv.org/abs/1502.03167

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> mean, var = np.zeros(1), np.ones(1)
    >>> F.batch_norm(np.array([[1.0], [5.0]]), mean, var, training=True, momentum=0.5).round(4)
    array([[-1.],
           [ 1.]])
    >>> mean, var
    (array([1.5]), array([4.5]))
    """
    try:
        if training:
            return _batch_norm_training(input, running_mean, running_var, weight, bias, momentum, eps)
        return _batch_norm_inference(input, running_mean, running_var, weight, bias, eps)
    except (TypeError, ValueError) as error:
        raise renamed(error, "batch_norm") from None
