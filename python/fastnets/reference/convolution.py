"""Convolution of one, two or three spatial dimensions, with bias, residual and activation.

Letters: N images, C input channels, spatial sizes H W; G groups; K output channels, kernel R S; output P Q. A single
spatial dimension is W, three are D H W. The spatial dimensions are flattened to PQ where a tap is a matrix product.
"""

import math

import numpy as np

from .activations import fused, fused_backward

_NUMPY_PADDING_MODE = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pad(x, padding, padding_end, mode):
    widths = [(0, 0), (0, 0), *zip(padding, padding_end, strict=True)]
    return np.pad(x, widths, mode=_NUMPY_PADDING_MODE[mode])


def _pad_backward(dpadded, size, padding, padding_end, mode):
    """Add the gradient of each padded element to the element it was copied from; zeros were copied from none."""
    dx = dpadded
    for axis, (h, before, after) in enumerate(zip(size, padding, padding_end, strict=True), start=2):
        if mode == "zeros":
            dx = np.take(dx, np.arange(before, before + h), axis)
            continue
        source = np.pad(np.arange(h), (before, after), mode=_NUMPY_PADDING_MODE[mode])
        folded = np.zeros((*dx.shape[:axis], h, *dx.shape[axis + 1 :]))
        np.add.at(np.moveaxis(folded, axis, 0), source, np.moveaxis(dx, axis, 0))
        dx = folded
    return dx


def _output_size(padded_size, kernel_size, stride, dilation):
    dimensions = zip(padded_size, kernel_size, stride, dilation, strict=True)
    return tuple((h - d * (r - 1) - 1) // s + 1 for h, r, s, d in dimensions)


def _tap_window(padded, tap, output_size, stride, dilation):
    """What kernel tap (r, s) meets in the padded input, for each output (p, q): h = p·stride + r·dilation."""
    slices = [slice(r * d, r * d + p * s, s) for r, p, s, d in zip(tap, output_size, stride, dilation, strict=True)]
    window = (..., *slices)
    return padded[window]


def _pre_activation(padded, weight, bias, residual, stride, dilation, groups):
    N, C = padded.shape[:2]
    K, G = weight.shape[0], groups
    output_size = _output_size(padded.shape[2:], weight.shape[2:], stride, dilation)
    PQ = math.prod(output_size)
    z = np.zeros((N, G, K // G, PQ))
    for tap in np.ndindex(weight.shape[2:]):
        window = _tap_window(padded, tap, output_size, stride, dilation).reshape(N, G, C // G, PQ)
        at_tap = (..., *tap)
        z += weight[at_tap].reshape(G, K // G, C // G) @ window
    z = z.reshape(N, K, *output_size)
    if bias is not None:
        z = z + bias.reshape(K, *[1] * len(output_size))
    if residual is not None:
        z = z + residual
    return z


def _batched_float64(arrays, rank):
    """Convert to float64; give an image without a batch dimension a batch of one."""
    arrays = [None if a is None else np.asarray(a, np.float64) for a in arrays]
    return [None if a is None else a[np.newaxis] if a.ndim == rank + 1 else a for a in arrays]


@np.errstate(all="ignore")
def conv(input, weight, bias, residual, stride, padding, padding_end, dilation, groups, padding_mode, activation):
    """Convolution (cross-correlation, as everywhere in deep learning); for two spatial dimensions and one group

    z[n, k, p, q] = Σ_{c,r,s} x[n, c, p·stride + r·dilation − padding, …] · w[k, c, r, s]
    y = f(z + b[k] + residual)

    where output channel k of group g sees only the C/groups input channels of its group.

    Parameters
    ----------
    input : (N, C, spatial…) or (C, spatial…) array
    weight : (K, C/groups, spatial…) array
    bias : (K,) array or None
    residual : array of the output's shape, or None
        Added before the activation.
    stride, padding, padding_end, dilation : tuple of int
        One for each of the one, two or three spatial dimensions, whose number is the tuples' length.
        ``padding`` elements are put in front of the input, ``padding_end`` behind it.
    groups : int
    padding_mode : str
        zeros, reflect, replicate or circular: what the padding holds.
    activation : None or str
        One of relu, gelu, gelu_tanh, silu, tanh, sigmoid (see `activation`).

    Returns
    -------
    (N, K, P, Q) float64 array, without N where the input has none;
    P = ⌊(H + padding + padding_end − dilation · (R − 1) − 1) / stride⌋ + 1

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> conv([[1.0, 2.0, 4.0]], [[[1.0, -1.0]]], None, None, (1,), (1,), (0,), (1,), 1, "zeros", None).tolist()
    [[-1.0, -1.0, -2.0]]
    """
    rank = len(stride)
    batched = np.ndim(input) == rank + 2
    x, residual = _batched_float64([input, residual], rank)
    w, b = (None if a is None else np.asarray(a, np.float64) for a in (weight, bias))
    padded = _pad(x, padding, padding_end, padding_mode)
    y = fused(_pre_activation(padded, w, b, residual, stride, dilation, groups), activation)
    return y if batched else y[0]


@np.errstate(all="ignore")
def conv_backward(
    grad_output, input, weight, bias, residual, stride, padding, padding_end, dilation, groups, padding_mode, activation
):
    """Gradients of `conv`: with dz = dy · f'(z), for each kernel tap

    dx[window of tap] += w[tap]ᵀ @ dz, dw[tap] = dz @ x[window of tap]ᵀ, and db = Σ dz, dresidual = dz.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, weight, bias, residual, stride, padding, padding_end, dilation, groups, padding_mode, activation
        As given to `conv`.

    Returns
    -------
    (dinput, dweight, dbias, dresidual), float64, None for what was None

    Examples
    --------
    >>> geometry = (1,), (0,), (0,), (1,), 1, "zeros", None
    >>> dx, dw, db, _ = conv_backward([[1.0, 1.0]], [[1.0, 2.0, 4.0]], [[[3.0, -1.0]]], [0.0], None, *geometry)
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[3.0, 2.0, -1.0]], [[[3.0, 6.0]]], [2.0])
    """
    rank, G = len(stride), groups
    batched = np.ndim(input) == rank + 2
    x, dy, residual = _batched_float64([input, grad_output, residual], rank)
    w, b = (None if a is None else np.asarray(a, np.float64) for a in (weight, bias))
    N, C = x.shape[:2]
    K, output_size = w.shape[0], dy.shape[2:]
    PQ = math.prod(output_size)

    padded = _pad(x, padding, padding_end, padding_mode)
    dz = fused_backward(dy, _pre_activation(padded, w, b, residual, stride, dilation, groups), activation)
    dz_rows = dz.reshape(N, G, K // G, PQ)
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for tap in np.ndindex(w.shape[2:]):
        window = _tap_window(padded, tap, output_size, stride, dilation)
        at_tap = (..., *tap)
        w_tap = w[at_tap].reshape(G, K // G, C // G)
        dw_tap = (dz_rows @ window.reshape(N, G, C // G, PQ).swapaxes(-1, -2)).sum(axis=0)
        dw[at_tap] = dw_tap.reshape(K, C // G)
        dwindow = _tap_window(dpadded, tap, output_size, stride, dilation)  # a view: += adds into dpadded
        dwindow += (w_tap.swapaxes(-1, -2) @ dz_rows).reshape(window.shape)
    dx = _pad_backward(dpadded, x.shape[2:], padding, padding_end, padding_mode)
    return (
        dx if batched else dx[0],
        dw,
        None if b is None else dz.sum(axis=(0, *range(2, rank + 2))),
        None if residual is None else dz if batched else dz[0],
    )
