"""Normalisation by means and variances."""

from __future__ import annotations

from typing import Any

from .. import arrays
from ..backends import ops, renamed
from .sizes import shape

__all__ = ["batch_norm", "group_norm", "layer_norm", "rms_norm"]

_batch_norm_inference, _batch_norm_training = ops.batch_norm_inference, ops.batch_norm_training
_group_norm, _layer_norm, _rms_norm = ops.group_norm, ops.layer_norm, ops.rms_norm


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


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Any:
    """Return ``(input − mean) / √(var + eps) · weight + bias`` with the mean and the (biased) variance of each row.

    A row is what lies in the last dimensions, those of `normalized_shape`.

    Parameters
    ----------
    input : array (…, *normalized_shape)
        float32, bfloat16, float16 or float64.
    normalized_shape : int or sequence of int
        The last dimensions of `input`, at most 8.
    weight, bias : array of normalized_shape, optional
        Of input's dtype, or float32 beside half precision.
    eps : float
        At least 0.

    Returns
    -------
    array of input's shape and dtype

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit, or `eps` makes no sense.

    References
    ----------
    Ba, Kiros, Hinton: Layer Normalization, 2016, https://arxiv.org/abs/1607.06450

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.layer_norm(np.array([[1.0, 5.0]]), 2, eps=0.0)
    array([[-1.,  1.]])
    """
    return _layer_norm(input, weight, bias, shape("layer_norm", "normalized_shape", normalized_shape), eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Return ``input / √(mean of input² + eps) · weight`` with the mean of each row.

    A row is what lies in the last dimensions, those of `normalized_shape`.

    Parameters
    ----------
    input : array (…, *normalized_shape)
        float32, bfloat16, float16 or float64.
    normalized_shape : int or sequence of int
        The last dimensions of `input`, at most 8.
    weight : array of normalized_shape, optional
        Of input's dtype, or float32 beside half precision.
    eps : float, optional
        At least 0. By default the machine epsilon of what is computed in: of float64 for float64, else of float32.

    Returns
    -------
    array of input's shape and dtype

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit, or `eps` makes no sense.

    References
    ----------
    Zhang, Sennrich: Root Mean Square Layer Normalization, 2019, https://arxiv.org/abs/1910.07467

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.rms_norm(np.array([[1.0, 7.0]]), 2).round(6)
    array([[0.2, 1.4]])
    """
    if eps is None:
        is_double = hasattr(input, "dtype") and arrays.dtype_name(input) == "float64"
        eps = 2.0**-52 if is_double else 2.0**-23
    return _rms_norm(input, weight, shape("rms_norm", "normalized_shape", normalized_shape), eps)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Any:
    """Return ``(input − mean) / √(var + eps) · weight + bias`` with the mean and variance of each group of an image.

    A group is ``C / num_groups`` neighbouring channels; weight and bias are by channel.

    Parameters
    ----------
    input : array (N, C, …)
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    num_groups : int
        A divisor of C.
    weight, bias : array (C,), optional
        Of input's dtype, or float32 beside half precision.
    eps : float
        At least 0.

    Returns
    -------
    array of input's shape and dtype

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit, `num_groups` or `eps` makes no sense, or all there is is one value a group.

    References
    ----------
    Wu, He: Group Normalization, 2018, https://arxiv.org/abs/1803.08494

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.group_norm(np.array([[1.0, 5.0, 0.0, 4.0]]), 2, eps=0.0)
    array([[-1.,  1., -1.,  1.]])
    """
    return _group_norm(input, weight, bias, num_groups, eps)
