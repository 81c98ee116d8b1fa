"""Normalisation by the mean and variance of a channel.

Letters: N images, C channels; statistics, weights and biases are (C,).
"""

import numpy as np


def by_channel(v, x):
    """(C,) as it broadcasts over (N, C, …); None is left out."""
    return np.asarray(v, np.float64).reshape(-1, *(1,) * (x.ndim - 2))


def _scaled(normalized, weight, bias):
    y = normalized if weight is None else normalized * by_channel(weight, normalized)
    return y if bias is None else y + by_channel(bias, normalized)


def _channel_sum(a):
    return a.sum(axis=(0, *range(2, a.ndim)))


@np.errstate(all="ignore")
def batch_norm_inference(input, running_mean, running_var, weight, bias, eps):
    """Batch normalisation with statistics that are known: y = (x − mean) / √(var + ε) · weight + bias, by channel.

    Parameters
    ----------
    input : (N, C, …) array
    running_mean, running_var : (C,) arrays
    weight, bias : (C,) arrays or None
    eps : float

    Returns
    -------
    float64 array of the input's shape

    References
    ----------
    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    arXiv:1502.03167.

    Examples
    --------
    >>> batch_norm_inference([[3.0], [5.0]], [1.0], [4.0], [10.0], [0.5], 0.0).tolist()
    [[10.5], [20.5]]
    """
    x = np.asarray(input, np.float64)
    mean, rstd = by_channel(running_mean, x), 1 / np.sqrt(by_channel(running_var, x) + eps)
    return _scaled((x - mean) * rstd, weight, bias)


@np.errstate(all="ignore")
def batch_norm_inference_backward(grad_output, input, running_mean, running_var, weight, bias, eps):
    """Gradient of `batch_norm_inference`: dx = dy · weight / √(var + ε).

    Parameters
    ----------
    grad_output : array of the output's shape
    input, running_mean, running_var, weight, bias, eps
        As given to `batch_norm_inference`.

    Returns
    -------
    (dinput, None, None, dweight, dbias), float64; None where the argument was None

    Examples
    --------
    >>> dx, _, _, dw, db = batch_norm_inference_backward([[1.0]], [[3.0]], [1.0], [4.0], [10.0], [0.5], 0.0)
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[5.0]], [1.0], [1.0])
    """
    x, dy = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    mean, rstd = by_channel(running_mean, x), 1 / np.sqrt(by_channel(running_var, x) + eps)
    dweight = None if weight is None else _channel_sum(dy * ((x - mean) * rstd))
    return _scaled(dy * rstd, weight, None), None, None, dweight, None if bias is None else _channel_sum(dy)


def batch_moments(x, eps):
    """Mean, variance (of the batch, not of what it is drawn from) and 1 / √(var + ε) of each channel."""
    axes = (0, *range(2, x.ndim))
    mean, var = (x.mean(axis=axes), x.var(axis=axes)) if x.size else (np.zeros(x.shape[1]),) * 2
    return mean, var, 1 / np.sqrt(var + eps)


@np.errstate(all="ignore")
def batch_norm_training(input, running_mean, running_var, weight, bias, momentum, eps):
    """Batch normalisation with the batch's own mean and variance, over all dimensions but the channels'.

    y = (x − mean) / √(var + ε) · weight + bias
    running ← (1 − momentum) · running + momentum · (mean, and n / (n − 1) · var of n elements a channel)

    The backends update their arrays in place; this returns new ones. An empty batch updates nothing.

    Parameters
    ----------
    input : (N, C, …) array
    running_mean, running_var : (C,) arrays or None
    weight, bias : (C,) arrays or None
    momentum, eps : float

    Returns
    -------
    (output, running_mean, running_var), float64, None where they were None

    References
    ----------
    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    arXiv:1502.03167.

    Examples
    --------
    >>> y, mean, var = batch_norm_training([[1.0], [5.0]], [0.0], [0.0], None, None, 0.5, 0.0)
    >>> y.tolist(), mean.tolist(), var.tolist()
    ([[-1.0], [1.0]], [1.5], [4.0])
    """
    x = np.asarray(input, np.float64)
    mean, var, rstd = batch_moments(x, eps)
    output = _scaled((x - by_channel(mean, x)) * by_channel(rstd, x), weight, bias)
    n = x.size // max(1, x.shape[1])
    return output, _updated(running_mean, mean, momentum, n), _updated(running_var, var * n / (n - 1), momentum, n)


def _updated(running, seen, momentum, n):
    if running is None or n == 0:
        return None if running is None else np.asarray(running, np.float64)
    return (1 - momentum) * np.asarray(running, np.float64) + momentum * seen


@np.errstate(all="ignore")
def batch_norm_training_backward(grad_output, input, running_mean, running_var, weight, bias, momentum, eps):
    """Gradient of `batch_norm_training`; with x̂ the normalised input and g = dy · weight,

    dx = (g − mean of g − x̂ · mean of g·x̂) / √(var + ε), means over the n elements of a channel.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, running_mean, running_var, weight, bias, momentum, eps
        As given to `batch_norm_training`; the running statistics and momentum have no influence.

    Returns
    -------
    (dinput, None, None, dweight, dbias), float64; None where the argument was None

    Examples
    --------
    >>> x, dy = [[-1.0], [0.0], [1.0]], [[1.0], [0.0], [0.0]]
    >>> dx, *_ = batch_norm_training_backward(dy, x, None, None, None, None, 0.1, 0.0)
    >>> (dx * np.sqrt(6)).round(6).tolist()
    [[0.5], [-1.0], [0.5]]
    """
    x, dy = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    mean, _, rstd = batch_moments(x, eps)
    normalized = (x - by_channel(mean, x)) * by_channel(rstd, x)
    n = x.size / max(1, x.shape[1])
    dweight, dbias = _channel_sum(dy * normalized), _channel_sum(dy)
    dx = (dy - by_channel(dbias / n, x) - normalized * by_channel(dweight / n, x)) * by_channel(rstd, x)
    return _scaled(dx, weight, None), None, None, None if weight is None else dweight, None if bias is None else dbias
