"""Softmax and its logarithm."""

import numpy as np


def _rows(a, dim):
    """The elements as float64, those of a row along the last dimension; a number is a row of one."""
    a = np.asarray(a, np.float64)
    return np.moveaxis(a.reshape(a.shape or (1,)), dim, -1)


def _from_rows(rows, dim, shape):
    return np.moveaxis(rows, -1, dim).reshape(shape)


def _cast(input, dtype):
    if dtype is None:
        return np.asarray(input)
    if dtype == "bfloat16":
        from ml_dtypes import bfloat16

        return np.asarray(input).astype(bfloat16)
    return np.asarray(input).astype(dtype)


@np.errstate(all="ignore")
def softmax_of_rows(x, log):
    x = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
    total = np.exp(x).sum(axis=-1, keepdims=True)
    return x - np.log(total) if log else np.exp(x) / total


@np.errstate(all="ignore")
def softmax(input, dim, log, dtype):
    """Softmax along one dimension: y[c] = exp(x[c]) / Σ_c' exp(x[c']), or log y[c] = x[c] − log Σ_c' exp(x[c']).

    A row of −inf alone is NaN, as in PyTorch.

    Parameters
    ----------
    input : array of any shape
    dim : int
        The dimension of the sum; negative ones count from the end.
    log : bool
        Return the logarithm.
    dtype : str or None
        The dtype that the input is converted to first.

    Returns
    -------
    float64 array of the input's shape

    Examples
    --------
    >>> softmax([[0.0, 0.0], [1.0, 1.0]], 1, False, None).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    x = _cast(input, dtype)
    return _from_rows(softmax_of_rows(_rows(x, dim), log), dim, x.shape)


@np.errstate(all="ignore")
def softmax_backward(grad_output, input, dim, log, dtype):
    """Gradient of `softmax`: dx = y · (dy − Σ dy · y), of its logarithm: dx = dy − y · Σ dy, with the softmax y.

    Parameters
    ----------
    grad_output : array of the input's shape
    input, dim, log, dtype
        As given to `softmax`.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``

    Examples
    --------
    >>> (dx,) = softmax_backward([1.0, 0.0], [0.0, 0.0], 0, False, None)
    >>> dx.tolist()
    [0.25, -0.25]
    """
    x = _cast(input, dtype)
    y, dy = softmax_of_rows(_rows(x, dim), False), _rows(grad_output, dim)
    dx = dy - y * dy.sum(axis=-1, keepdims=True) if log else y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    return (_from_rows(dx, dim, x.shape),)
