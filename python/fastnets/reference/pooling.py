"""Pooling over one, two or three spatial dimensions.

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
    return _add_at_maxima(dy, index, x.shape, rank)


def _add_at_maxima(dy, index, shape, rank):
    planes = math.prod(shape[:-rank])  # (N, C) flattened
    HW, PQ = math.prod(shape[-rank:]), math.prod(dy.shape[-rank:])
    dx = np.zeros((planes, HW))
    index, dy = index.reshape(planes, PQ), np.where(index < 0, 0.0, dy).reshape(planes, PQ)
    np.add.at(dx, (np.arange(planes)[:, np.newaxis], index), dy)
    return (dx.reshape(shape),)


def _uniform_windows(h, p, r, s, pad, count_include_pad):
    """Along one axis, for each of p windows: its elements, and how many it is counted to have."""
    begins = [i * s - pad for i in range(p)]
    inside = [slice(max(begin, 0), min(begin + r, h)) for begin in begins]
    padded = [min(begin + r, h + pad) - begin for begin in begins]
    return inside, padded if count_include_pad else [each.stop - each.start for each in inside]


def _adaptive_windows(h, p):
    inside = [slice(i * h // p, -(-(i + 1) * h // p)) for i in range(p)]
    return inside, [each.stop - each.start for each in inside]


def _each_window(axes):
    """For each output: its index, where its window is in an array of images, how many elements it counts."""
    for index in np.ndindex(*(len(inside) for inside, _ in axes)):
        where = tuple(inside[i] for i, (inside, _) in zip(index, axes, strict=True))
        yield (..., *index), (..., *where), math.prod(count[i] for i, (_, count) in zip(index, axes, strict=True))


def _means(x, axes, divisor=0):
    spatial = tuple(range(-len(axes), 0))
    y = np.zeros(x.shape[: -len(axes)] + tuple(len(inside) for inside, _ in axes))
    for index, where, count in _each_window(axes):
        y[index] = x[where].sum(axis=spatial) / (divisor or count)
    return y


def _means_backward(dy, x, axes, divisor=0):
    dx = np.zeros(x.shape)
    for index, where, count in _each_window(axes):
        dx[where] += np.expand_dims(dy[index], tuple(range(-len(axes), 0))) / (divisor or count)
    return (dx,)


def _avg_pool_axes(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    rank = len(stride)
    output_size = _output_size(x.shape[-rank:], kernel_size, stride, padding, (1,) * rank, ceil_mode)
    sizes = zip(x.shape[-rank:], output_size, kernel_size, stride, padding, strict=True)
    return [_uniform_windows(*each, count_include_pad) for each in sizes]


def _adaptive_axes(x, output_size):
    sizes = x.shape[-len(output_size) :]
    return [_adaptive_windows(h, h if p == -1 else p) for h, p in zip(sizes, output_size, strict=True)]


@np.errstate(all="ignore")
def avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """Mean of each window: y[n, c, p, q] = sum_{r,s} x[n, c, p·stride − padding + r, …] / divisor.

    Parameters
    ----------
    input : (N, C, spatial…) or (C, spatial…) array
    kernel_size, stride, padding : tuple of int
        One for each of the one, two or three spatial dimensions, whose number is the tuples' length.
    ceil_mode : bool
        As in `max_pool`.
    count_include_pad : bool
        Whether the divisor counts elements of the padding; those beyond it never count.
    divisor_override : int
        The divisor, or 0: how many elements the window has.

    Returns
    -------
    (…, P, Q) float64 array

    Examples
    --------
    >>> avg_pool([[1.0, 5.0, 3.0]], (2,), (1,), (1,), False, True, 0).tolist()
    [[0.5, 3.0, 4.0, 1.5]]
    """
    x = np.asarray(input, np.float64)
    return _means(x, _avg_pool_axes(x, kernel_size, stride, padding, ceil_mode, count_include_pad), divisor_override)


@np.errstate(all="ignore")
def avg_pool_backward(grad_output, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """Gradient of `avg_pool`: dx[…] += dy / divisor for each element of each window.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``

    Examples
    --------
    >>> (dx,) = avg_pool_backward([[2.0, 4.0]], [[1.0, 5.0, 2.0]], (2,), (1,), (0,), False, True, 0)
    >>> dx.tolist()
    [[1.0, 3.0, 2.0]]
    """
    x, dy = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    axes = _avg_pool_axes(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _means_backward(dy, x, axes, divisor_override)


@np.errstate(all="ignore")
def adaptive_avg_pool(input, output_size):
    """Mean of each of P windows: along each axis window p holds x[⌊p·H/P⌋ … ⌈(p + 1)·H/P⌉ − 1].

    Parameters
    ----------
    input : (N, C, spatial…) or (C, spatial…) array
    output_size : tuple of int
        P for each spatial dimension, −1 for the input's size.

    Returns
    -------
    (…, P, Q) float64 array

    Examples
    --------
    >>> adaptive_avg_pool([[1.0, 5.0, 3.0]], (2,)).tolist()
    [[3.0, 4.0]]
    """
    x = np.asarray(input, np.float64)
    return _means(x, _adaptive_axes(x, output_size))


@np.errstate(all="ignore")
def adaptive_avg_pool_backward(grad_output, input, output_size):
    """Gradient of `adaptive_avg_pool`: dx[…] += dy / count for each element of each window.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``
    """
    x, dy = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    return _means_backward(dy, x, _adaptive_axes(x, output_size))


def _adaptive_max_and_index(x, output_size):
    axes = _adaptive_axes(x, output_size)
    rank, shape = len(axes), x.shape[: -len(axes)] + tuple(len(inside) for inside, _ in axes)
    best, index = np.zeros(shape), np.zeros(shape, np.int64)
    places = np.arange(math.prod(x.shape[-rank:])).reshape(x.shape[-rank:])
    for output, where, _ in _each_window(axes):
        place = places[where[1:]].reshape(-1)
        values = x[where].reshape(*x.shape[:-rank], place.size)
        nan = np.isnan(values)
        last_nan = values.shape[-1] - 1 - np.argmax(nan[..., ::-1], axis=-1)
        at = np.where(nan.any(axis=-1), last_nan, np.argmax(np.where(nan, -np.inf, values), axis=-1))
        best[output] = np.take_along_axis(values, at[..., np.newaxis], axis=-1)[..., 0]
        index[output] = place[at]
    return best, index


@np.errstate(all="ignore")
def adaptive_max_pool(input, output_size, return_indices):
    """Greatest element of each of P windows, which are those of `adaptive_avg_pool`.

    Parameters
    ----------
    input : (N, C, spatial…) or (C, spatial…) array
    output_size : tuple of int
        P for each spatial dimension, −1 for the input's size.
    return_indices : bool

    Returns
    -------
    output : (…, P, Q) float64 array
    indices : (…, P, Q) int64 array, only with ``return_indices``
        As `max_pool`'s.

    Examples
    --------
    >>> y, indices = adaptive_max_pool([[1.0, 5.0, 3.0, 7.0]], (2,), True)
    >>> y.tolist(), indices.tolist()
    ([[5.0, 7.0]], [[1, 3]])
    """
    y, index = _adaptive_max_and_index(np.asarray(input, np.float64), output_size)
    return (y, index) if return_indices else y


@np.errstate(all="ignore")
def adaptive_max_pool_backward(grad_output, input, output_size, return_indices):
    """Gradient of `adaptive_max_pool`: dx[index of the maximum] += dy, for each window.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``
    """
    x, dy = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    _, index = _adaptive_max_and_index(x, output_size)
    return _add_at_maxima(dy, index, x.shape, len(output_size))
