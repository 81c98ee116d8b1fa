"""Pooling layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["MaxPool1d", "MaxPool2d", "MaxPool3d"]

Size = int | tuple[int, ...]


class _MaxPool(Module):
    """What the maximum poolings share; a subclass names its number of spatial dimensions."""

    dimensions: int

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        name, d = type(self).__name__, self.dimensions
        self.kernel_size = _size(name, "kernel_size", kernel_size, d, least=1)
        self.stride = self.kernel_size if stride is None else _size(name, "stride", stride, d, least=1)
        self.padding = _size(name, "padding", padding, d, least=0)
        self.dilation = _size(name, "dilation", dilation, d, least=1)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def operation(self, input: Array) -> partial[Any]:
        return partial(
            getattr(F, f"max_pool{self.dimensions}d"),
            input,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


def _size(layer: str, name: str, value: Size, dimensions: int, least: int) -> Size:
    """The value as it was given, checked."""
    sizes = arguments.per_dimension(layer, name, value, dimensions, least)
    return sizes if isinstance(value, (tuple, list)) else sizes[0]


_DOC = """Maximum over windows of {d} spatial dimension{s}, with torch's arguments in torch's order.

    ``y[n, c, p] = max_r x[n, c, p · stride - padding + r · dilation]``, where p and r have {d} component{s}.

    Parameters
    ----------
    kernel_size : int or tuple of {d} int
        Size of the window.
    stride : int or tuple of {d} int, optional
        Step between windows; `kernel_size` by default.
    padding : int or tuple of {d} int
        Added on both sides, as -∞; at most half the window.
    dilation : int or tuple of {d} int
        Step between the elements of a window.
    return_indices : bool
        Whether the call also returns where each maximum was, as int64 indices into the flattened spatial dimensions.
        (Its place among the arguments differs from the function's, as in torch.)
    ceil_mode : bool
        Whether a last window that starts inside the input or its left padding counts although it ends outside.

    Raises
    ------
    ValueError, TypeError
        For sizes out of range, and for those that are no integers.

    Notes
    -----
    Input is (N, C, {spatial}) or without N. See `fastnets.functional.max_pool{d}d`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.MaxPool{d}d(2)(np.ones((1, 3, {eights}), np.float32)).shape
    (1, 3, {fours})
    """


class MaxPool1d(_MaxPool):
    __doc__ = _DOC.format(d=1, s="", spatial="length", eights="8", fours="4")
    dimensions = 1


class MaxPool2d(_MaxPool):
    __doc__ = _DOC.format(d=2, s="s", spatial="height, width", eights="8, 8", fours="4, 4")
    dimensions = 2


class MaxPool3d(_MaxPool):
    __doc__ = _DOC.format(d=3, s="s", spatial="depth, height, width", eights="8, 8, 8", fours="4, 4, 4")
    dimensions = 3
