"""Pooling over windows of images: their largest values, their means."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from ..backends import ops, renamed
from .sizes import adaptive_sizes, sizes

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]

_max_pool = ops.max_pool
_avg_pool = ops.avg_pool
_adaptive_avg_pool = ops.adaptive_avg_pool
_adaptive_max_pool = ops.adaptive_max_pool

_MAX_DOC = """Return the largest value of each window.

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


_AVG_DOC = """Return the mean of each window.

    ``output[n, c, p…] = sum over r… of input[n, c, p·stride − padding + r…] / divisor``; padding counts as 0.

    Parameters
    ----------
    input : array (N, C, {spatial}) or (C, {spatial})
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    kernel_size : int or tuple of {rank} int
    stride : int or tuple of {rank} int, optional
        By default the kernel size.
    padding : int or tuple of {rank} int
        At most half the kernel size.
    ceil_mode : bool
        Windows that begin inside the input may end outside it; what lies beyond the padding never counts.
    count_include_pad : bool
        Whether the divisor, how many elements the window has, counts those in the padding.{divisor}

    Returns
    -------
    array

    Raises
    ------
    TypeError
        `input` is no floating array.
    ValueError
        A parameter makes no sense, or the kernel is larger than the padded input.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.avg_pool{rank}d(np.arange({count}.0).reshape({shape}), 2).ravel()
    array([{result}])
    """

_DIVISOR_DOC = """
    divisor_override : int, optional
        What every sum is divided by instead."""

_ADAPTIVE_DOC = """Return the {what} of each of as many windows as are asked for.

    Along each spatial dimension window p of `out` holds elements ⌊p·in/out⌋ … ⌈(p + 1)·in/out⌉ − 1 of `in`: windows of
    equal size side by side where `in` is a multiple of `out`, else of sizes that differ by one and may overlap.

    Parameters
    ----------
    input : array (N, C, {spatial}) or (C, {spatial})
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    output_size : int, None or tuple of {rank} of them
        How many windows; None is the input's size.{indices}

    Returns
    -------
    {returns}

    Raises
    ------
    TypeError
        `input` is no floating array.
    ValueError
        `output_size` is negative or has another number of entries, or `input` is empty along a spatial dimension.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.adaptive_{name}_pool{rank}d(np.arange({count}.0).reshape({shape}), 1).ravel()
    array([{result}])
    """

_INDICES_DOC = """
    return_indices : bool
        Also return, as int64, where each maximum stands in its flattened {spatial}."""


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


def _average(
    rank: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any = None,
) -> Any:
    op = f"avg_pool{rank}d"
    kernel = sizes(op, "kernel_size", kernel_size, rank)
    step = kernel if stride is None or stride == () or stride == [] else sizes(op, "stride", stride, rank)
    padding = sizes(op, "padding", padding, rank)
    if divisor_override is None:
        divisor_override = 0
    elif isinstance(divisor_override, Integral) and divisor_override == 0:
        raise ValueError(f"{op}: divisor_override is 0 but must be another number or None")
    try:
        return _avg_pool(input, kernel, step, padding, bool(ceil_mode), bool(count_include_pad), divisor_override)
    except (TypeError, ValueError) as error:
        raise renamed(error, op) from None


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    return _average(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    return _average(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    return _average(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _adapt(rank: int, name: str, input: Any, output_size: Any, *parameters: bool) -> Any:
    op = f"adaptive_{name}_pool{rank}d"
    wanted = adaptive_sizes(op, output_size, rank)
    try:
        return (_adaptive_max_pool if name == "max" else _adaptive_avg_pool)(input, wanted, *parameters)
    except (TypeError, ValueError) as error:
        raise renamed(error, op) from None


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    return _adapt(1, "avg", input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    return _adapt(2, "avg", input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    return _adapt(3, "avg", input, output_size)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    return _adapt(2, "max", input, output_size, bool(return_indices))


_RANKS = (
    (max_pool1d, avg_pool1d, adaptive_avg_pool1d),
    (max_pool2d, avg_pool2d, adaptive_avg_pool2d),
    (max_pool3d, avg_pool3d, adaptive_avg_pool3d),
)


def _document() -> None:
    for rank, (largest, mean, adaptive_mean) in enumerate(_RANKS, 1):
        spatial = {1: "L", 2: "H, W", 3: "D, H, W"}[rank]
        about: dict[str, Any] = {"rank": rank, "spatial": spatial, "count": 2**rank, "shape": (1, 1, *(2,) * rank)}
        last = 2**rank - 1
        largest.__doc__ = _MAX_DOC.format(**about, result=last)
        mean.__doc__ = _AVG_DOC.format(**about, divisor=_DIVISOR_DOC if rank > 1 else "", result=last / 2)
        ours = {"what": "mean", "name": "avg", "indices": "", "returns": "array", "result": last / 2}
        adaptive_mean.__doc__ = _ADAPTIVE_DOC.format(**about, **ours)
        if rank == 2:
            ours = {"what": "largest value", "name": "max", "indices": _INDICES_DOC.format(spatial=spatial)}
            ours |= {"returns": "array, or (array, indices)", "result": f"{last}."}
            adaptive_max_pool2d.__doc__ = _ADAPTIVE_DOC.format(**about, **ours)


_document()
