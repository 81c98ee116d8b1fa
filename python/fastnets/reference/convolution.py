"""Convolution and transposed convolution of one, two or three spatial dimensions, with what is fused into them.

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


def _scattered(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Add each input pixel, times each tap's weights, to the padded output that the tap reaches from there."""
    N, C, *size = x.shape
    G, K = groups, weight.shape[1] * groups
    HW = math.prod(size)
    dimensions = zip(size, weight.shape[2:], stride, output_padding, dilation, strict=True)
    padded = np.zeros((N, K, *[(h - 1) * s + d * (r - 1) + 1 + e for h, r, s, e, d in dimensions]))
    rows = x.reshape(N, G, C // G, HW)
    for tap in np.ndindex(weight.shape[2:]):
        at_tap = (..., *tap)
        w_tap = weight[at_tap].reshape(G, C // G, K // G)
        window = _tap_window(padded, tap, size, stride, dilation)  # a view: += adds into padded
        window += (w_tap.swapaxes(-1, -2) @ rows).reshape(window.shape)
    kept = (..., *[slice(p, h - p) for p, h in zip(padding, padded.shape[2:], strict=True)])
    z = padded[kept]
    return z if bias is None else z + bias.reshape(K, *[1] * len(size))


@np.errstate(all="ignore")
def conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, activation):
    """Transposed convolution: the gradient of a convolution's input; for two spatial dimensions and one group

    z[n, k, h·stride + r·dilation − padding, …] = Σ_{c,h,w,r,s} x[n, c, h, w] · w[c, k, r, s],  y = f(z + b[k])

    Parameters
    ----------
    input : (N, C, spatial…) or (C, spatial…) array
    weight : (C, K/groups, spatial…) array
    bias : (K,) array or None
    stride, padding, output_padding : tuple of int
        One for each of the one, two or three spatial dimensions, whose number is the tuples' length.
        ``padding`` elements are cut off at both ends, ``output_padding`` are added behind first.
    groups : int
    dilation : tuple of int
    activation : None or str
        One of relu, gelu, gelu_tanh, silu, tanh, sigmoid (see `activation`).

    Returns
    -------
    (N, K, P, Q) float64 array, without N where the input has none;
    P = (H − 1) · stride − 2 · padding + dilation · (R − 1) + output_padding + 1

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> conv_transpose([[1.0, 2.0]], [[[1.0, 10.0, 100.0]]], None, (2,), (0,), (0,), 1, (1,), None).tolist()
    [[1.0, 10.0, 102.0, 20.0, 200.0]]
    """
    batched = np.ndim(input) == len(stride) + 2
    (x,) = _batched_float64([input], len(stride))
    w, b = (None if a is None else np.asarray(a, np.float64) for a in (weight, bias))
    y = fused(_scattered(x, w, b, stride, padding, output_padding, groups, dilation), activation)
    return y if batched else y[0]


@np.errstate(all="ignore")
def conv_transpose_backward(
    grad_output, input, weight, bias, stride, padding, output_padding, groups, dilation, activation
):
    """Gradients of `conv_transpose`: with dz = dy · f'(z), for each kernel tap

    dx += w[tap] @ dz[window of tap], dw[tap] = x @ dz[window of tap]ᵀ, and db = Σ dz.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, weight, bias, stride, padding, output_padding, groups, dilation, activation
        As given to `conv_transpose`.

    Returns
    -------
    (dinput, dweight, dbias), float64, None for what was None

    Examples
    --------
    >>> geometry = (2,), (0,), (0,), 1, (1,), None
    >>> dx, dw, db = conv_transpose_backward([[1.0, 2.0, 3.0, 4.0]], [[1.0, 2.0]], [[[3.0, -1.0]]], [0.0], *geometry)
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[1.0, 5.0]], [[[7.0, 10.0]]], [10.0])
    """
    rank, G = len(stride), groups
    batched = np.ndim(input) == rank + 2
    x, dy = _batched_float64([input, grad_output], rank)
    w, b = (None if a is None else np.asarray(a, np.float64) for a in (weight, bias))
    N, C, *size = x.shape
    K, HW = dy.shape[1], math.prod(size)
    dz = fused_backward(dy, _scattered(x, w, b, stride, padding, output_padding, groups, dilation), activation)
    padded = np.pad(dz, [(0, 0), (0, 0), *zip(padding, padding, strict=True)])
    dx, dw = np.zeros((N, G, C // G, HW)), np.zeros_like(w)
    rows = x.reshape(N, G, C // G, HW)
    for tap in np.ndindex(w.shape[2:]):
        at_tap = (..., *tap)
        window = _tap_window(padded, tap, size, stride, dilation).reshape(N, G, K // G, HW)
        dx += w[at_tap].reshape(G, C // G, K // G) @ window
        dw[at_tap] = (rows @ window.swapaxes(-1, -2)).sum(axis=0).reshape(C, K // G)
    dx = dx.reshape(x.shape)
    return (
        dx if batched else dx[0],
        dw,
        None if b is None else dz.sum(axis=(0, *range(2, rank + 2))),
    )
