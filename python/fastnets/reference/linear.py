"""The linear layer: a matrix product with bias, residual and activation."""

import math

import numpy as np

from .activations import fused, fused_backward


def _pre_activation(input, weight, bias, residual):
    z = np.asarray(input, np.float64) @ np.asarray(weight, np.float64).T
    if bias is not None:
        z = z + np.asarray(bias, np.float64)
    if residual is not None:
        z = z + np.asarray(residual, np.float64)
    return z


@np.errstate(all="ignore")
def linear(input, weight, bias, residual, activation):
    """Affine map of the last dimension: y[…, n] = f(Σ_k x[…, k] · w[n, k] + b[n] + residual[…, n]).

    Parameters
    ----------
    input : (…, K) array
    weight : (N, K) array
    bias : (N,) array or None
    residual : (…, N) array or None
        Added before the activation.
    activation : None or str
        One of relu, gelu, gelu_tanh, silu, tanh, sigmoid (see `activation`).

    Returns
    -------
    (…, N) float64 array

    Examples
    --------
    >>> linear([[1.0, 2.0]], [[3.0, 4.0], [-5.0, -6.0]], [0.5, 0.5], None, "relu").tolist()
    [[11.5, 0.0]]
    """
    return fused(_pre_activation(input, weight, bias, residual), activation)


@np.errstate(all="ignore")
def linear_backward(grad_output, input, weight, bias, residual, activation):
    """Gradients of `linear`: with dz = dy · f'(z), dx = dz @ w, dw = dzᵀ @ x, db = Σ dz, dresidual = dz.

    Parameters
    ----------
    grad_output : (…, N) array
    input, weight, bias, residual, activation
        As given to `linear`.

    Returns
    -------
    (dinput, dweight, dbias, dresidual), float64, None for what was None

    Examples
    --------
    >>> dx, dw, db, dresidual = linear_backward([[1.0, 1.0]], [[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], None, None, None)
    >>> dx.tolist(), dw.tolist(), db, dresidual
    ([[8.0, 10.0]], [[1.0, 2.0], [1.0, 2.0]], None, None)
    """
    x, w = np.asarray(input, np.float64), np.asarray(weight, np.float64)
    dz = fused_backward(np.asarray(grad_output, np.float64), _pre_activation(x, w, bias, residual), activation)
    N, K = w.shape
    M = math.prod(x.shape[:-1])
    x_rows, dz_rows = x.reshape(M, K), dz.reshape(M, N)  # (…) flattened to M rows
    return (
        dz @ w,
        dz_rows.T @ x_rows,
        None if bias is None else dz_rows.sum(axis=0),
        None if residual is None else dz,
    )
