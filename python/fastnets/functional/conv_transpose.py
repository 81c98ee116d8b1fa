"""Transposed convolution in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from ..backends import ops, renamed
from .sizes import sizes

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

_conv_transpose = ops.conv_transpose

_DOC = """Return ``activation(transposed convolution of input with weight + bias)``.

    ``output[n, k, i·stride − padding + r·dilation…]`` is the activation of ``bias[k]`` and, for all c, i… and r… that
    meet there, the sum of ``input[n, c, i…] · weight[c, k, r…]``: the gradient of the input of `conv{rank}d`.

    Parameters
    ----------
    input : array (N, C, {spatial}) or (C, {spatial})
        float32, bfloat16, float16 or float64; sums are formed in float32 (float64 for float64). Channels-last strides
        are taken without a copy, and the output has them too.
    weight : array (C, K / groups, {kernel})
    bias : array (K,), optional
    stride, dilation : int or tuple of {rank} int
    padding : int or tuple of {rank} int
        Cut off at both ends of the output.
    output_padding : int or tuple of {rank} int
        Added behind; less than stride or dilation.
    groups : int
        Divides C and K.
    activation : {{None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"}}

    Returns
    -------
    array (N, K, {output}) or (K, {output})
        Each of the spatial sizes is (n − 1)·stride − 2·padding + dilation·(k − 1) + output_padding + 1.

    Raises
    ------
    TypeError
        An argument is no array, the arrays belong to different libraries, or their dtypes differ.
    ValueError
        The shapes do not fit, or a parameter makes no sense.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.conv_transpose{rank}d(np.ones({shape}), np.ones({kernel_shape})).ravel()[:4]
    array([1., 2., 2., 1.])
    """


def _transpose(
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    activation: str | None,
) -> Any:
    op = f"conv_transpose{rank}d"
    geometry = (
        sizes(op, "stride", stride, rank),
        sizes(op, "padding", padding, rank),
        sizes(op, "output_padding", output_padding, rank),
        groups,
        sizes(op, "dilation", dilation, rank),
    )
    try:
        return _conv_transpose(input, weight, bias, *geometry, activation)
    except (TypeError, ValueError) as error:
        raise renamed(error, op) from None


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Any:
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation, activation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Any:
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation, activation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Any:
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation, activation)


def _document(function: Any, rank: int) -> None:
    letters = {1: ("L", "R", "P"), 2: ("H, W", "R, S", "P, Q"), 3: ("D, H, W", "T, R, S", "O, P, Q")}[rank]
    function.__doc__ = _DOC.format(
        rank=rank,
        spatial=letters[0],
        kernel=letters[1],
        output=letters[2],
        shape=(1, 1, *(1,) * (rank - 1), 3),
        kernel_shape=(1, 1, *(1,) * (rank - 1), 2),
    )


for _function, _rank in ((conv_transpose1d, 1), (conv_transpose2d, 2), (conv_transpose3d, 3)):
    _document(_function, _rank)
