"""Causal depthwise convolution along the time, with the state that carries it from one piece of a sequence to the next.

Letters: N sequences, C channels, L steps, K elements of the kernel.
"""

import numpy as np

from .activations import fused, fused_backward


def _series(input, weight, initial_state):
    """The state, K − 1 steps long and zeros where none is given, followed by the input: (N, C, K − 1 + L)."""
    N, C, _ = input.shape
    state = np.zeros((N, C, weight.shape[1] - 1)) if initial_state is None else initial_state
    return np.concatenate([state, input], axis=-1)


def _pre_activation(series, weight, bias):
    L = series.shape[-1] - weight.shape[1] + 1
    z = np.zeros((*series.shape[:2], L))
    for k in range(weight.shape[1]):
        z += weight[:, k, np.newaxis] * series[..., k : k + L]
    return z if bias is None else z + bias[:, np.newaxis]


def _float64(*arrays):
    return [None if a is None else np.asarray(a, np.float64) for a in arrays]


@np.errstate(all="ignore")
def causal_conv1d(input, weight, bias, initial_state, activation, return_final_state):
    """Each channel's own filter over its past: with e = initial_state (or zeros), then input, along the time

    y[n, c, l] = f(b[c] + Σ_k w[c, k] · e[n, c, l + k]),  final_state = the last K − 1 of e

    Parameters
    ----------
    input : (N, C, L) array
    weight : (C, K) array
        The last element meets the step itself, the first the one K − 1 before it.
    bias : (C,) array or None
    initial_state : (N, C, K − 1) array or None
        The inputs before the first step.
    activation : None or str
        One of relu, gelu, gelu_tanh, silu, tanh, sigmoid (see `activation`).
    return_final_state : bool

    Returns
    -------
    (N, C, L) float64 array, with `return_final_state` followed by the (N, C, K − 1) final state

    References
    ----------
    Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv:2312.00752.

    Examples
    --------
    >>> y, state = causal_conv1d([[[1.0, 2.0, 4.0]]], [[10.0, 1.0]], None, [[[7.0]]], None, True)
    >>> y.tolist(), state.tolist()
    ([[[71.0, 12.0, 24.0]]], [[[4.0]]])
    """
    x, w, b, state = _float64(input, weight, bias, initial_state)
    series = _series(x, w, state)
    y = fused(_pre_activation(series, w, b), activation)
    return (y, series[..., x.shape[-1] :]) if return_final_state else y


@np.errstate(all="ignore")
def causal_conv1d_backward(
    grad_output, grad_final_state, input, weight, bias, initial_state, activation, return_final_state
):
    """Gradients of `causal_conv1d`: with dz = dy · f'(z)

    de[l + k] += w[k] · dz[l], de[L…] += dfinal_state, dw[k] = Σ_n,l dz[l] · e[l + k], db = Σ dz.

    Parameters
    ----------
    grad_output : (N, C, L) array
    grad_final_state : (N, C, K − 1) array, or None without `return_final_state`
    input, weight, bias, initial_state, activation, return_final_state
        As given to `causal_conv1d`.

    Returns
    -------
    (dinput, dweight, dbias, dinitial_state), float64, None for what was None

    Examples
    --------
    >>> dy, dstate, x, w, state = [[[1.0, 1.0]]], [[[100.0]]], [[[1.0, 2.0]]], [[10.0, 1.0]], [[[7.0]]]
    >>> dx, dw, _, dinitial = causal_conv1d_backward(dy, dstate, x, w, None, state, None, True)
    >>> dx.tolist(), dw.tolist(), dinitial.tolist()
    ([[[11.0, 101.0]]], [[8.0, 3.0]], [[[10.0]]])
    """
    x, w, b, state, dy, dfinal = _float64(input, weight, bias, initial_state, grad_output, grad_final_state)
    series, L = _series(x, w, state), x.shape[-1]
    dz = fused_backward(dy, _pre_activation(series, w, b), activation)
    dseries, dw = np.zeros(series.shape), np.zeros(w.shape)
    for k in range(w.shape[1]):
        dseries[..., k : k + L] += w[:, k, np.newaxis] * dz
        dw[:, k] = (dz * series[..., k : k + L]).sum(axis=(0, 2))
    if return_final_state:
        dseries[..., L:] += dfinal
    before = w.shape[1] - 1
    return (
        dseries[..., before:],
        dw,
        None if b is None else dz.sum(axis=(0, 2)),
        None if state is None else dseries[..., :before],
    )
