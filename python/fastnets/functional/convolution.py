"""Convolution in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from ..backends import ops, renamed
from .sizes import sizes

__all__ = ["conv1d", "conv2d", "conv3d"]

_conv = ops.conv

_DOC = """Return ``activation(convolution of input with weight + bias + residual)``.

    ``output[n, k, p…] = activation(sum over c, r… of input[n, c, p·stride − padding + r·dilation…] · weight[k, c, r…]
    + bias[k] + residual[n, k, p…])``; as in torch this is a cross-correlation.

    Parameters
    ----------
    input : array (N, C, {spatial}) or (C, {spatial})
        float32, bfloat16, float16 or float64; sums are formed in float32 (float64 for float64). Channels-last strides
        are taken without a copy, and the output has them too.
    weight : array (K, C / groups, {kernel})
    bias : array (K,), optional
    stride, dilation : int or tuple of {rank} int
    padding : int, tuple of {rank} int, "valid" or "same"
        "same" gives ceil(n / stride) outputs: max((ceil(n / s) − 1)·s + dilation·(k − 1) + 1 − n, 0) in all, the
        smaller half in front.
    groups : int
        Divides C and K.
    activation : {{None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"}}
    residual : array of the output's shape, optional
        Added before the activation.
    padding_mode : {{"zeros", "reflect", "replicate", "circular"}}

    Returns
    -------
    array (N, K, {output}) or (K, {output})
        Each of the spatial sizes is floor((n + padding − dilation·(k − 1) − 1) / stride) + 1.

    Raises
    ------
    TypeError
        An argument is no array, the arrays belong to different libraries, or their dtypes differ.
    ValueError
        The shapes do not fit, or a parameter makes no sense.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.conv{rank}d(np.ones({shape}), np.ones({kernel_shape})).ravel()
    array([{result}, {result}])
    """


def _same(
    op: str, input: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[Any, Any]:
    shape = getattr(input, "shape", None)
    if shape is None:
        raise TypeError(f"{op}: input must be a NumPy, CuPy, PyTorch or JAX array, got {type(input).__name__}")
    if any(s < 1 for s in stride):
        raise ValueError(f"{op}: stride is {stride} but must be at least 1")
    total = [
        max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        for n, k, s, d in zip(shape[-len(stride) :], kernel, stride, dilation, strict=False)
    ]
    return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)


def _convolve(
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    activation: str | None,
    residual: Any,
    padding_mode: str,
) -> Any:
    op = f"conv{rank}d"
    stride, dilation = sizes(op, "stride", stride, rank), sizes(op, "dilation", dilation, rank)
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ValueError(f"{op}: padding is {padding!r} but must be 'valid', 'same', an integer or {rank} integers")
        front = behind = (0,) * rank
        if padding == "same":
            kernel = (
                tuple(getattr(weight, "array", weight).shape[2:])
                if hasattr(weight, "array")
                else tuple(weight.shape[2:])
            )
            front, behind = _same(op, input, kernel, stride, dilation)
    else:
        front = behind = sizes(op, "padding", padding, rank)
    try:
        return _conv(input, weight, bias, residual, stride, front, behind, dilation, groups, padding_mode, activation)
    except (TypeError, ValueError) as error:
        raise renamed(error, op) from None


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    residual: Any = None,
    padding_mode: str = "zeros",
) -> Any:
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups, activation, residual, padding_mode)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    residual: Any = None,
    padding_mode: str = "zeros",
) -> Any:
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups, activation, residual, padding_mode)


def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    residual: Any = None,
    padding_mode: str = "zeros",
) -> Any:
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups, activation, residual, padding_mode)


def _document(function: Any, rank: int) -> None:
    letters = {1: ("L", "R", "P"), 2: ("H, W", "R, S", "P, Q"), 3: ("D, H, W", "T, R, S", "O, P, Q")}[rank]
    function.__doc__ = _DOC.format(
        rank=rank,
        spatial=letters[0],
        kernel=letters[1],
        output=letters[2],
        shape=(1, 1, *(2,) * (rank - 1), 3),
        kernel_shape=(1, 1, *(2,) * rank),
        result=f"{2.0**rank:g}.",
    )


for _function, _rank in ((conv1d, 1), (conv2d, 2), (conv3d, 3)):
    _document(_function, _rank)
