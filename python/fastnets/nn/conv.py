"""Convolution layers."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from .. import functional as F
from .. import random
from ..backends import pack_weight
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvNd"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvNd(Module):
    """What convolutions and transposed ones share; a subclass names its number of spatial dimensions."""

    dimensions: int
    weight: Array
    bias: Array | None
    padding: Any
    output_padding: tuple[int, ...] | None = None
    padding_mode: str
    activation: str | None

    def _define(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, dilation: Any, groups: int
    ) -> None:
        name, d = type(self).__name__, self.dimensions
        self.in_channels = arguments.integer(name, "in_channels", in_channels, least=1)
        self.out_channels = arguments.integer(name, "out_channels", out_channels, least=1)
        self.kernel_size = arguments.per_dimension(name, "kernel_size", kernel_size, d, least=1)
        self.stride = arguments.per_dimension(name, "stride", stride, d, least=1)
        self.dilation = arguments.per_dimension(name, "dilation", dilation, d, least=1)
        self.groups = arguments.integer(name, "groups", groups, least=1)
        for argument, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ValueError(f"{name}: {argument} is {channels} but a multiple of groups={self.groups} is expected")

    def _register(self, shape: tuple[int, ...], bias: bool, device: Any, dtype: Any) -> None:
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.register_parameter("weight", random.uniform(-bound, bound, shape))
        self.register_parameter("bias", random.uniform(-bound, bound, (self.out_channels,)) if bias else None)
        self.to(device=device, dtype=dtype)

    def extra_repr(self) -> str:
        d = self.dimensions
        shown = [
            str(self.in_channels),
            str(self.out_channels),
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
            f"padding={self.padding}" if self.padding != (0,) * d else "",
            f"dilation={self.dilation}" if self.dilation != (1,) * d else "",
            f"output_padding={self.output_padding}" if self.output_padding not in (None, (0,) * d) else "",
            f"groups={self.groups}" if self.groups != 1 else "",
            "bias=False" if self.bias is None else "",
            f"padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "",
            f"activation={self.activation!r}" if self.activation else "",
        ]
        return ", ".join(filter(None, shown))


class _Conv(ConvNd):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        activation: str | None = None,
    ) -> None:
        name = type(self).__name__
        self._define(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = _padding(name, padding, self.dimensions)
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"{name}: padding_mode is {padding_mode!r} but one of {', '.join(_PADDING_MODES)} is expected"
            )
        self.padding_mode = padding_mode
        self.activation = arguments.activation(name, activation)
        self._register((self.out_channels, self.in_channels // self.groups, *self.kernel_size), bias, device, dtype)

    def _options(self) -> dict[str, Any]:
        """The keyword arguments of the convolution that are no arrays."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            "padding_mode": self.padding_mode,
            "activation": self.activation,
        }

    def operation(self, input: Array, residual: Array | None = None) -> partial[Any]:
        function = getattr(F, f"conv{self.dimensions}d")
        return partial(function, input, weight=self.weight, bias=self.bias, residual=residual, **self._options())

    def packed_operands(self) -> dict[str, object]:
        return {"weight": pack_weight("conv", self.weight)}

    def flops(self, inputs: tuple[Any, ...], output: Array) -> int:
        return 2 * math.prod(output.shape) * math.prod(self.weight.shape[1:])


def _padding(name: str, padding: int | tuple[int, ...] | str, dimensions: int) -> tuple[int, ...] | str:
    if not isinstance(padding, str):
        return arguments.per_dimension(name, "padding", padding, dimensions, least=0)
    if padding not in ("same", "valid"):
        raise ValueError(f"{name}: padding is {padding!r} but integers, 'same' or 'valid' are expected")
    return padding


_DOC = """Convolution over {d} spatial dimension{s}, with torch's arguments, names and initialisation.

    ``y[n, k, p] = activation(bias[k] + Σ_c,r x[n, c, p · stride - padding + r · dilation] · weight[k, c, r])``, where p
    and r have {d} component{s}; see `fastnets.functional.conv{d}d`.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K, multiples of `groups`.
    kernel_size, stride, dilation : int or tuple of {d} int
        At least 1.
    padding : int, tuple of {d} int, "same" or "valid"
        Added on both sides. "same" gives ⌈n / stride⌉ outputs in each dimension.
    groups : int
        Number of groups of channels that do not see each other.
    bias : bool
        Whether a bias is added.
    padding_mode : "zeros", "reflect", "replicate" or "circular"
        What the padding holds.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.
    activation : None or "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"
        Applied in the same pass over the output.

    Attributes
    ----------
    weight : array (out_channels, in_channels // groups, *kernel_size)
        Initially from U(-1/√f, 1/√f), where f is the number of elements of ``weight[0]``.
    bias : array (out_channels,) or None
        Initially from the same distribution.

    Raises
    ------
    ValueError
        For numbers out of range and for names that are not listed here.
    TypeError
        For sizes that are no integers.

    Notes
    -----
    Input is (N, in_channels, {spatial}) or without N, in any strides; channels-last in gives channels-last out.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Conv{d}d(1, 4, 3, padding=1, activation="relu")
    >>> layer(np.ones((2, 1, {eights}), np.float32)).shape
    (2, 4, {eights})
    """


class Conv1d(_Conv):
    __doc__ = _DOC.format(d=1, s="", spatial="length", eights="8")
    dimensions = 1


class Conv2d(_Conv):
    __doc__ = _DOC.format(d=2, s="s", spatial="height, width", eights="8, 8")
    dimensions = 2


class Conv3d(_Conv):
    __doc__ = _DOC.format(d=3, s="s", spatial="depth, height, width", eights="8, 8, 8")
    dimensions = 3
