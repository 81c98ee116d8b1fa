"""Normalisation by the mean and variance of a channel, or of a row.

Letters: N images, C channels, with statistics, weights and biases (C,); rows of D elements.
"""

import math

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


def as_rows(a, normalized_shape):
    """(…, *normalized_shape) as (rows, D)."""
    a = np.asarray(a, np.float64)
    return a.reshape(math.prod(a.shape[: a.ndim - len(normalized_shape)]), math.prod(normalized_shape))


def row_moments(rows, eps):
    """Mean, variance and 1 / √(var + ε) of each row, (rows, 1)."""
    if not rows.size:
        return (np.zeros((len(rows), 1)),) * 3
    mean, var = rows.mean(axis=1, keepdims=True), rows.var(axis=1, keepdims=True)
    return mean, var, 1 / np.sqrt(var + eps)


def _row(v):
    return 1.0 if v is None else np.asarray(v, np.float64).reshape(1, -1)


@np.errstate(all="ignore")
def layer_norm(input, weight, bias, normalized_shape, eps):
    """Each row, over the last dimensions, normalised by its own mean and variance:

    y = (x − mean) / √(var + ε) · weight + bias

    Parameters
    ----------
    input : (…, *normalized_shape) array
    weight, bias : normalized_shape arrays or None
    normalized_shape : tuple of int
    eps : float

    Returns
    -------
    float64 array of the input's shape

    References
    ----------
    Ba, Kiros and Hinton, "Layer Normalization", arXiv:1607.06450.

    Examples
    --------
    >>> layer_norm([[1.0, 5.0]], [1.0, 10.0], [0.5, 0.0], (2,), 0.0).tolist()
    [[-0.5, 10.0]]
    """
    x = as_rows(input, normalized_shape)
    mean, _, rstd = row_moments(x, eps)
    y = (x - mean) * rstd * _row(weight)
    return (y if bias is None else y + _row(bias)).reshape(np.shape(input))


@np.errstate(all="ignore")
def layer_norm_backward(grad_output, input, weight, bias, normalized_shape, eps):
    """Gradient of `layer_norm`; with x̂ the normalised row and g = dy · weight,

    dx = (g − mean of g − x̂ · mean of g·x̂) / √(var + ε), means over the row.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, weight, bias, normalized_shape, eps
        As given to `layer_norm`.

    Returns
    -------
    (dinput, dweight, dbias), float64; None where the argument was None

    Examples
    --------
    >>> dx, dw, db = layer_norm_backward([[1.0, 0.0]], [[1.0, 5.0]], [1.0, 10.0], [0.5, 0.0], (2,), 0.0)
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[0.0, 0.0]], [-1.0, 0.0], [1.0, 0.0])
    """
    x, dy = as_rows(input, normalized_shape), as_rows(grad_output, normalized_shape)
    mean, _, rstd = row_moments(x, eps)
    normalized, g = (x - mean) * rstd, dy * _row(weight)
    D = max(1, x.shape[1])
    dx = (g - g.sum(axis=1, keepdims=True) / D - normalized * (g * normalized).sum(axis=1, keepdims=True) / D) * rstd
    dweight = None if weight is None else (dy * normalized).sum(axis=0).reshape(normalized_shape)
    return dx.reshape(np.shape(input)), dweight, None if bias is None else dy.sum(axis=0).reshape(normalized_shape)


def row_square(rows, eps):
    """The mean square of each row and 1 / √(mean square + ε), (rows, 1)."""
    square = (rows * rows).sum(axis=1, keepdims=True) / max(1, rows.shape[1])
    return square, 1 / np.sqrt(square + eps)


@np.errstate(all="ignore")
def rms_norm(input, weight, normalized_shape, eps):
    """Each row, over the last dimensions, divided by the root of its mean square: y = x / √(mean of x² + ε) · weight.

    Parameters
    ----------
    input : (…, *normalized_shape) array
    weight : normalized_shape array or None
    normalized_shape : tuple of int
    eps : float

    Returns
    -------
    float64 array of the input's shape

    References
    ----------
    Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467.

    Examples
    --------
    >>> rms_norm([[1.0, 7.0]], [1.0, 10.0], (2,), 0.0).round(6).tolist()
    [[0.2, 14.0]]
    """
    x = as_rows(input, normalized_shape)
    return (x * row_square(x, eps)[1] * _row(weight)).reshape(np.shape(input))


@np.errstate(all="ignore")
def rms_norm_backward(grad_output, input, weight, normalized_shape, eps):
    """Gradient of `rms_norm`; with x̂ the normalised row and g = dy · weight,

    dx = (g − x̂ · mean of g·x̂) / √(mean of x² + ε), means over the row.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, weight, normalized_shape, eps
        As given to `rms_norm`.

    Returns
    -------
    (dinput, dweight), float64; None where the argument was None

    Examples
    --------
    >>> dx, dw = rms_norm_backward([[1.0, 0.0]], [[1.0, 7.0]], [5.0, 1.0], (2,), 0.0)
    >>> dx.round(6).tolist(), dw.tolist()
    ([[0.98, -0.14]], [0.2, 0.0])
    """
    x, dy = as_rows(input, normalized_shape), as_rows(grad_output, normalized_shape)
    rstd = row_square(x, eps)[1]
    normalized, g = x * rstd, dy * _row(weight)
    dx = (g - normalized * (g * normalized).sum(axis=1, keepdims=True) / max(1, x.shape[1])) * rstd
    dweight = None if weight is None else (dy * normalized).sum(axis=0).reshape(normalized_shape)
    return dx.reshape(np.shape(input)), dweight


def as_groups(a, num_groups):
    """(N, C, …) as rows of a group each, (N · G, C/G · pixels)."""
    a = np.asarray(a, np.float64)
    return a.reshape(a.shape[0] * num_groups, math.prod(a.shape[1:]) // num_groups)


@np.errstate(all="ignore")
def group_norm(input, weight, bias, num_groups, eps):
    """Each group of neighbouring channels of an image normalised by its own mean and variance:

    y = (x − mean) / √(var + ε) · weight + bias, with weight and bias by channel

    Parameters
    ----------
    input : (N, C, …) array
    weight, bias : (C,) arrays or None
    num_groups : int
        A divisor of C.
    eps : float

    Returns
    -------
    float64 array of the input's shape

    References
    ----------
    Wu and He, "Group Normalization", arXiv:1803.08494.

    Examples
    --------
    >>> group_norm([[[1.0], [5.0], [0.0], [4.0]]], [1.0, 1.0, 10.0, 1.0], None, 2, 0.0).tolist()
    [[[-1.0], [1.0], [-10.0], [1.0]]]
    """
    x = as_groups(input, num_groups)
    mean, _, rstd = row_moments(x, eps)
    return _scaled(((x - mean) * rstd).reshape(np.shape(input)), weight, bias)


@np.errstate(all="ignore")
def group_norm_backward(grad_output, input, weight, bias, num_groups, eps):
    """Gradient of `group_norm`; with x̂ the normalised input and g = dy · weight,

    dx = (g − mean of g − x̂ · mean of g·x̂) / √(var + ε), means over the group.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, weight, bias, num_groups, eps
        As given to `group_norm`.

    Returns
    -------
    (dinput, dweight, dbias), float64; None where the argument was None

    Examples
    --------
    >>> dx, dw, db = group_norm_backward([[1.0, 0.0]], [[1.0, 5.0]], [1.0, 10.0], [0.5, 0.0], 1, 0.0)
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[0.0, 0.0]], [-1.0, 0.0], [1.0, 0.0])
    """
    x, dy = as_groups(input, num_groups), np.asarray(grad_output, np.float64)
    mean, _, rstd = row_moments(x, eps)
    normalized, g = (x - mean) * rstd, as_groups(_scaled(dy, weight, None), num_groups)
    n = max(1, x.shape[1])
    dx = (g - g.sum(axis=1, keepdims=True) / n - normalized * (g * normalized).sum(axis=1, keepdims=True) / n) * rstd
    dweight = None if weight is None else _channel_sum(dy * normalized.reshape(dy.shape))
    return dx.reshape(dy.shape), dweight, None if bias is None else _channel_sum(dy)
