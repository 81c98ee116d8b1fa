"""Max pooling over one, two or three spatial dimensions.

Letters: N images, C channels, spatial sizes H W, kernel R S, output P Q; (N, C) may lack N.
"""

import math

import numpy as np


def _output_size(size, kernel_size, stride, padding, dilation, ceil_mode):
    output_size = []
    for h, r, s, pad, d in zip(size, kernel_size, stride, padding, dilation, strict=True):
        span = h + 2 * pad - d * (r - 1) - 1
        p = (-(-span // s) if ceil_mode else span // s) + 1
        if ceil_mode and (p - 1) * s >= h + pad:
            p -= 1  # the last window must start inside the input or the padding in front
        output_size.append(p)
    return tuple(output_size)


def _max_and_index(x, kernel_size, stride, padding, dilation, ceil_mode):
    """The greatest element of each window and its flat index in the spatial plane.

    The first of equals wins; a NaN beats everything, the last of several wins, as in PyTorch. A window that holds no
    element at all (a dilation larger than the input allows it) gives −inf and index −1.
    """
    size, rank = x.shape[-len(stride) :], len(stride)
    output_size = _output_size(size, kernel_size, stride, padding, dilation, ceil_mode)
    best = np.full(x.shape[:-rank] + output_size, -np.inf)
    index = np.full(best.shape, -1, np.int64)
    for tap in np.ndindex(*kernel_size):  # h = p·stride − padding + r·dilation
        taps = zip(tap, output_size, stride, padding, dilation, strict=True)
        position = np.ix_(*[np.arange(p) * s - pad + r * d for r, p, s, pad, d in taps])
        inside = [(0 <= h) & (h < H) for h, H in zip(position, size, strict=True)]
        inside = np.logical_and.reduce(np.broadcast_arrays(*inside))
        position = tuple(np.clip(h, 0, H - 1) for h, H in zip(position, size, strict=True))
        where = (..., *position)
        value = x[where]
        better = inside & ((value > best) | np.isnan(value) | (index < 0))
        best = np.where(better, value, best)
        index = np.where(better, np.ravel_multi_index(position, size), index)
    return best, index


@np.errstate(all="ignore")
def max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    """Greatest element of each window: y[n, c, p, q] = max_{r,s} x[n, c, p·stride − padding + r·dilation, …].

    Padding acts as −inf and is never the maximum; NaN is (as in PyTorch).

    Parameters
    ----------
    input : (N, C, spatial…) or (C, spatial…) array
    kernel_size, stride, padding, dilation : tuple of int
        One for each of the one, two or three spatial dimensions, whose number is the tuples' length.
        ``padding`` is put on both sides.
    ceil_mode : bool
        Round the output size up rather than down; but the last window must start inside the input or the padding in
        front of it.
    return_indices : bool

    Returns
    -------
    output : (…, P, Q) float64 array; P = ⌊(H + 2 · padding − dilation · (R − 1) − 1) / stride⌋ + 1
    indices : (…, P, Q) int64 array, only with ``return_indices``
        Where in its flattened spatial plane each maximum stood, the first of equals.

    Examples
    --------
    >>> y, indices = max_pool([[1.0, 5.0, 2.0, 3.0]], (2,), (2,), (0,), (1,), False, True)
    >>> y.tolist(), indices.tolist()
    ([[5.0, 3.0]], [[1, 3]])
    """
    y, index = _max_and_index(np.asarray(input, np.float64), kernel_size, stride, padding, dilation, ceil_mode)
    return (y, index) if return_indices else y


@np.errstate(all="ignore")
def max_pool_backward(grad_output, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    """Gradient of `max_pool`: dx[index of the maximum] += dy, for each window.

    Parameters
    ----------
    grad_output : (…, P, Q) array
    input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
        As given to `max_pool`.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``

    Examples
    --------
    >>> (dx,) = max_pool_backward([[1.0, 1.0]], [[1.0, 5.0, 2.0]], (2,), (1,), (0,), (1,), False, False)
    >>> dx.tolist()
    [[0.0, 2.0, 0.0]]
    """
    x, dy = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    rank = len(stride)
    _, index = _max_and_index(x, kernel_size, stride, padding, dilation, ceil_mode)
    planes = math.prod(x.shape[:-rank])  # (N, C) flattened
    HW, PQ = math.prod(x.shape[-rank:]), math.prod(dy.shape[-rank:])
    dx = np.zeros((planes, HW))
    index, dy = index.reshape(planes, PQ), np.where(index < 0, 0.0, dy).reshape(planes, PQ)
    np.add.at(dx, (np.arange(planes)[:, np.newaxis], index), dy)
    return (dx.reshape(x.shape),)
