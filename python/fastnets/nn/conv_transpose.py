"""Transposed convolution layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .conv import ConvNd
from .tree import Array

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTranspose(ConvNd):
    output_padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        activation: str | None = None,
    ) -> None:
        name, d = type(self).__name__, self.dimensions
        self._define(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = arguments.per_dimension(name, "padding", padding, d, least=0)
        self.output_padding = arguments.per_dimension(name, "output_padding", output_padding, d, least=0)
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode is {padding_mode!r} but 'zeros' is expected")
        self.padding_mode = padding_mode
        self.activation = arguments.activation(name, activation)
        self._register((self.in_channels, self.out_channels // self.groups, *self.kernel_size), bias, device, dtype)

    def operation(self, input: Array, output_size: Sequence[int] | None = None) -> partial[Any]:
        return partial(
            getattr(F, f"conv_transpose{self.dimensions}d"),
            input,
            weight=self.weight,
            bias=self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding if output_size is None else self._padding_to(input, output_size),
            groups=self.groups,
            dilation=self.dilation,
            activation=self.activation,
        )

    def _padding_to(self, input: Array, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that gives an output of this size, with or without batch and channels."""
        name, d = type(self).__name__, self.dimensions
        size, wanted = tuple(input.shape), tuple(output_size)
        if len(wanted) not in (d, len(size)):
            raise ValueError(
                f"{name}: output_size is {wanted} but {d} or {len(size)} sizes are expected for input of shape {size}"
            )
        dimensions = zip(size[-d:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        least = tuple((n - 1) * s - 2 * p + dilation * (k - 1) + 1 for n, k, s, p, dilation in dimensions)
        added = tuple(w - n for w, n in zip(wanted[-d:], least, strict=True))
        if any(not 0 <= a < s for a, s in zip(added, self.stride, strict=True)):
            most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
            raise ValueError(
                f"{name}: output_size is {wanted} but sizes from {least} to {most} are expected for input of shape "
                f"{size}"
            )
        return added

    def flops(self, inputs: tuple[Any, ...], output: Array) -> int:
        return 2 * math.prod(inputs[0].shape) * math.prod(self.weight.shape[1:])


_DOC = """Transposed convolution over {d} spatial dimension{s}, with torch's arguments, names and initialisation.

    The gradient of the input of `Conv{d}d`: each input element adds its kernel to the output; see
    `fastnets.functional.conv_transpose{d}d`. The call takes ``output_size``, a sequence of {d} sizes (or with batch and
    channels in front), in the place of `output_padding`.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K, multiples of `groups`.
    kernel_size, stride, dilation : int or tuple of {d} int
        At least 1.
    padding : int or tuple of {d} int
        Cut off at both ends of the output.
    output_padding : int or tuple of {d} int
        Added behind the output; less than stride or dilation.
    groups : int
        Number of groups of channels that do not see each other.
    bias : bool
        Whether a bias is added.
    padding_mode : "zeros"
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.
    activation : None or "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"
        Applied in the same pass over the output.

    Attributes
    ----------
    weight : array (in_channels, out_channels // groups, *kernel_size)
        Initially from U(-1/√f, 1/√f), where f is the number of elements of ``weight[0]``.
    bias : array (out_channels,) or None
        Initially from the same distribution.

    Raises
    ------
    ValueError
        For numbers out of range and for an output size that cannot be.
    TypeError
        For sizes that are no integers.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.ConvTranspose{d}d(1, 4, 2, stride=2)
    >>> layer(np.ones((2, 1, {fours}), np.float32)).shape
    (2, 4, {eights})
    """


class ConvTranspose1d(_ConvTranspose):
    __doc__ = _DOC.format(d=1, s="", fours="4", eights="8")
    dimensions = 1


class ConvTranspose2d(_ConvTranspose):
    __doc__ = _DOC.format(d=2, s="s", fours="4, 4", eights="8, 8")
    dimensions = 2


class ConvTranspose3d(_ConvTranspose):
    __doc__ = _DOC.format(d=3, s="s", fours="4, 4, 4", eights="8, 8, 8")
    dimensions = 3
