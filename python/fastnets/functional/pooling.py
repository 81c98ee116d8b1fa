"""Pooling over windows of images."""

from __future__ import annotations

from typing import Any

from ..backends import ops, renamed
from .sizes import sizes

__all__ = ["max_pool1d", "max_pool2d", "max_pool3d"]

_max_pool = ops.max_pool

_DOC = """Return the largest value of each window.

    ``output[n, c, p…] = max over r… of input[n, c, p·stride − padding + r·dilation…]``; padding counts as −inf, and nan
    wins.

    Parameters
    ----------
    input : array (N, C, {spatial}) or (C, {spatial})
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    kernel_size : int or tuple of {rank} int
    stride : int or tuple of {rank} int, optional
        By default the kernel size.
    padding : int or tuple of {rank} int
        At most half the kernel size.
    dilation : int or tuple of {rank} int
    ceil_mode : bool
        Windows that begin inside the input may end outside it.
    return_indices : bool
        Also return, as int64, where each maximum stands in its flattened {spatial}.

    Returns
    -------
    array, or (array, indices)

    Raises
    ------
    TypeError
        `input` is no floating array.
    ValueError
        A parameter makes no sense, or the kernel is larger than the padded input.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.max_pool{rank}d(np.arange({count}.0).reshape({shape}), 2).ravel()
    array([{result}.])
    """


def _pool(
    rank: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    op = f"max_pool{rank}d"
    kernel = sizes(op, "kernel_size", kernel_size, rank)
    step = kernel if stride is None or stride == () or stride == [] else sizes(op, "stride", stride, rank)
    padding, dilation = sizes(op, "padding", padding, rank), sizes(op, "dilation", dilation, rank)
    try:
        return _max_pool(input, kernel, step, padding, dilation, bool(ceil_mode), bool(return_indices))
    except (TypeError, ValueError) as error:
        raise renamed(error, op) from None


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return _pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return _pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return _pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _document(function: Any, rank: int) -> None:
    count = 2**rank
    function.__doc__ = _DOC.format(
        rank=rank,
        spatial={1: "L", 2: "H, W", 3: "D, H, W"}[rank],
        count=count,
        shape=(1, 1, *(2,) * rank),
        result=count - 1,
    )


for _function, _rank in ((max_pool1d, 1), (max_pool2d, 2), (max_pool3d, 3)):
    _document(_function, _rank)
