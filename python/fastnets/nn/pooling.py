"""Pooling layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .module import Module
from .tree import Array

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

Size = int | tuple[int, ...]
OutputSize = int | None | tuple[int | None, ...]


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


_MAX_DOC = """Maximum over windows of {d} spatial dimension{s}, with torch's arguments in torch's order.

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
    __doc__ = _MAX_DOC.format(d=1, s="", spatial="length", eights="8", fours="4")
    dimensions = 1


class MaxPool2d(_MaxPool):
    __doc__ = _MAX_DOC.format(d=2, s="s", spatial="height, width", eights="8, 8", fours="4, 4")
    dimensions = 2


class MaxPool3d(_MaxPool):
    __doc__ = _MAX_DOC.format(d=3, s="s", spatial="depth, height, width", eights="8, 8, 8", fours="4, 4, 4")
    dimensions = 3


class _AvgPool(Module):
    """What the poolings to means share; a subclass names its number of spatial dimensions."""

    dimensions: int

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        name, d = type(self).__name__, self.dimensions
        self.kernel_size = _size(name, "kernel_size", kernel_size, d, least=1)
        self.stride = self.kernel_size if stride is None else _size(name, "stride", stride, d, least=1)
        self.padding = _size(name, "padding", padding, d, least=0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        if divisor_override is not None and arguments.integer(name, "divisor_override", divisor_override) == 0:
            raise ValueError(f"{name}: divisor_override is 0 but another number or None is expected")
        self.divisor_override = divisor_override

    def operation(self, input: Array) -> partial[Any]:
        return partial(
            getattr(F, f"avg_pool{self.dimensions}d"),
            input,
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
            **({} if self.divisor_override is None else {"divisor_override": self.divisor_override}),
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


_AVG_DOC = """Mean over windows of {d} spatial dimension{s}, with torch's arguments.

    ``y[n, c, p] = Σ_r x[n, c, p · stride - padding + r] / divisor``, where p and r have {d} component{s}.

    Parameters
    ----------
    kernel_size : int or tuple of {d} int
        Size of the window.
    stride : int or tuple of {d} int, optional
        Step between windows; `kernel_size` by default.
    padding : int or tuple of {d} int
        Added on both sides, as 0; at most half the window.
    ceil_mode : bool
        Whether a last window that starts inside the input or its left padding counts although it ends outside.
    count_include_pad : bool
        Whether the divisor, how many elements the window has, counts those in the padding.{divisor}

    Raises
    ------
    ValueError, TypeError
        For sizes out of range, and for those that are no integers.

    Notes
    -----
    Input is (N, C, {spatial}) or without N. See `fastnets.functional.avg_pool{d}d`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.AvgPool{d}d(2)(np.ones((1, 3, {eights}), np.float32)).shape
    (1, 3, {fours})
    """

_DIVISOR_DOC = """
    divisor_override : int, optional
        What every sum is divided by instead."""


class AvgPool1d(_AvgPool):
    __doc__ = _AVG_DOC.format(d=1, s="", spatial="length", eights="8", fours="4", divisor="")
    dimensions = 1

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        for name in ("kernel_size", "stride", "padding"):  # torch's are tuples here
            value = getattr(self, name)
            setattr(self, name, value if isinstance(value, tuple) else (value,))


class AvgPool2d(_AvgPool):
    __doc__ = _AVG_DOC.format(d=2, s="s", spatial="height, width", eights="8, 8", fours="4, 4", divisor=_DIVISOR_DOC)
    dimensions = 2


class AvgPool3d(_AvgPool):
    __doc__ = _AVG_DOC.format(
        d=3, s="s", spatial="depth, height, width", eights="8, 8, 8", fours="4, 4, 4", divisor=_DIVISOR_DOC
    )
    dimensions = 3


class _AdaptivePool(Module):
    """What the adaptive poolings share; a subclass names its function."""

    dimensions: int
    function: str

    def __init__(self, output_size: OutputSize) -> None:
        name = type(self).__name__
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * self.dimensions
        if len(sizes) != self.dimensions:
            raise ValueError(
                f"{name}: output_size is {output_size!r} but one integer or {self.dimensions} of them are expected"
            )
        for size in sizes:
            if size is not None:
                arguments.integer(name, "output_size", size, least=0)
        self.output_size = output_size

    def operation(self, input: Array) -> partial[Any]:
        return partial(getattr(F, self.function), input, output_size=self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


_ADAPTIVE_DOC = """{What} of each of as many windows as are asked for, over {d} spatial dimension{s}.

    Along each spatial dimension window p holds elements ⌊p·in/out⌋ … ⌈(p + 1)·in/out⌉ - 1.

    Parameters
    ----------
    output_size : int, None or tuple of {d} of them
        How many windows; None is the input's size.{indices}

    Raises
    ------
    ValueError, TypeError
        For negative sizes, and for those that are no integers.

    Notes
    -----
    Input is (N, C, {spatial}) or without N. See `fastnets.functional.adaptive_{name}_pool{d}d`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Adaptive{Name}Pool{d}d(1)(np.ones((1, 3, {eights}), np.float32)).shape
    (1, 3, {ones})
    """

_MEAN = {"What": "Mean", "name": "avg", "Name": "Avg", "indices": ""}
_INDICES_DOC = """
    return_indices : bool
        Whether the call also returns where each maximum was, as int64 indices into the flattened spatial dimensions."""


class AdaptiveAvgPool1d(_AdaptivePool):
    __doc__ = _ADAPTIVE_DOC.format(d=1, s="", spatial="length", eights="8", ones="1", **_MEAN)
    dimensions = 1
    function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_AdaptivePool):
    __doc__ = _ADAPTIVE_DOC.format(d=2, s="s", spatial="height, width", eights="8, 8", ones="1, 1", **_MEAN)
    dimensions = 2
    function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_AdaptivePool):
    __doc__ = _ADAPTIVE_DOC.format(
        d=3, s="s", spatial="depth, height, width", eights="8, 8, 8", ones="1, 1, 1", **_MEAN
    )
    dimensions = 3
    function = "adaptive_avg_pool3d"


class AdaptiveMaxPool2d(_AdaptivePool):
    __doc__ = _ADAPTIVE_DOC.format(
        d=2,
        s="s",
        spatial="height, width",
        eights="8, 8",
        ones="1, 1",
        What="Maximum",
        name="max",
        Name="Max",
        indices=_INDICES_DOC,
    )
    dimensions = 2
    function = "adaptive_max_pool2d"

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def operation(self, input: Array) -> partial[Any]:
        return partial(super().operation(input), return_indices=self.return_indices)
