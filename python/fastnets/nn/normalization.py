"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import functional as F
from . import arguments
from .module import Backward, Module
from .tree import Array

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "LayerNorm", "RMSNorm"]


class _BatchNorm(Module):
    """What the batch normalisations share; a subclass says how many dimensions its input may have."""

    dimensions: tuple[int, ...]
    weight: Array | None
    bias: Array | None
    running_mean: Array | None
    running_var: Array | None
    num_batches_tracked: Array | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        name = type(self).__name__
        self.num_features = arguments.integer(name, "num_features", num_features, least=0)
        self.eps = arguments.positive(name, "eps", eps)
        self.momentum = None if momentum is None else arguments.probability(name, "momentum", momentum)
        self.affine, self.track_running_stats = affine, track_running_stats
        ones, zeros = (partial(full, num_features, dtype=np.float32) for full in (np.ones, np.zeros))
        self.register_parameter("weight", ones() if affine else None)
        self.register_parameter("bias", zeros() if affine and bias else None)
        self.register_buffer("running_mean", zeros() if track_running_stats else None)
        self.register_buffer("running_var", ones() if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track_running_stats else None)
        self.to(device=device, dtype=dtype)

    def operation(self, input: Array) -> partial[Any]:
        self._check_input(input)
        updates = self.training and self.track_running_stats
        keeps = updates or not self.training
        return partial(
            F.batch_norm,
            input,
            running_mean=self.running_mean if keeps else None,
            running_var=self.running_var if keeps else None,
            weight=self.weight,
            bias=self.bias,
            training=self.training or (self.running_mean is None and self.running_var is None),
            momentum=self._factor() if updates else 0.0,
            eps=self.eps,
        )

    def forward(self, input: Array) -> Array:
        output = super().forward(input)
        self._count()
        return output

    def vjp(self, *inputs: Any, input_gradient: bool = True, **keywords: Any) -> tuple[Any, Backward]:
        output, backward = super().vjp(*inputs, input_gradient=input_gradient, **keywords)
        self._count()
        return output, backward

    def _factor(self) -> float:
        """The weight of the coming batch: without a momentum, that of one among all batches so far."""
        if self.momentum is not None:
            return self.momentum
        return 1.0 / (1 + int(self.num_batches_tracked)) if self.num_batches_tracked is not None else 0.0

    def _count(self) -> None:
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked[...] += 1

    def _check_input(self, input: Array) -> None:
        found = getattr(input, "ndim", None)
        if found is not None and found not in self.dimensions:
            expected = " or ".join(map(str, self.dimensions))
            raise ValueError(
                f"{type(self).__name__}: input has shape {tuple(input.shape)} but {expected} dimensions are expected"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


_DOC = """Batch normalisation of {of}, with torch's arguments and names.

    ``y = (x - mean) / √(var + eps) · weight + bias`` by channel. In training, mean and variance are the batch's, and
    the running statistics follow them; in evaluation they are the running ones. See `fastnets.functional.batch_norm`.

    Parameters
    ----------
    num_features : int
        C, the number of channels.
    eps : float
        Added to the variance; above 0.
    momentum : float or None
        The weight of each batch in the running statistics. None weighs all batches alike.
    affine : bool
        Whether there are a weight and a bias.
    track_running_stats : bool
        Without it there are no running statistics, and the batch's are used in evaluation too.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.
    bias : bool
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : array (num_features,) or None
        Initially 1 and 0.
    running_mean, running_var : array (num_features,) or None
        Initially 0 and 1.
    num_batches_tracked : int64 array () or None
        Batches that the running statistics have seen.

    Raises
    ------
    ValueError
        For numbers out of range, for inputs of another number of dimensions, and in training for a batch with one value
        a channel.
    TypeError
        For sizes that are no integers.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.BatchNorm{d}d(3)
    >>> layer(np.ones({shape}, np.float32)).shape, int(layer.num_batches_tracked)
    ({shape}, 1)
    """


class BatchNorm1d(_BatchNorm):
    __doc__ = _DOC.format(d=1, of="(N, C) or (N, C, L)", shape="(2, 3, 4)")
    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = _DOC.format(d=2, of="images (N, C, H, W)", shape="(2, 3, 4, 4)")
    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = _DOC.format(d=3, of="volumes (N, C, D, H, W)", shape="(2, 3, 4, 4, 4)")
    dimensions = (5,)


class LayerNorm(Module):
    """Normalisation of each row by its own mean and variance, with torch's arguments and names.

    ``y = (x - mean) / √(var + eps) · weight + bias``; see `fastnets.functional.layer_norm`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last dimensions of the input, over which means are taken.
    eps : float
        Added to the variance; at least 0.
    elementwise_affine : bool
        Whether there are a weight and a bias.
    bias : bool
        Whether there is a bias beside the weight.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.

    Attributes
    ----------
    weight, bias : array of normalized_shape or None
        Initially 1 and 0.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.LayerNorm(2, eps=0.0)(np.array([[1, 5]], np.float32))
    array([[-1.,  1.]], dtype=float32)
    """

    weight: Array | None
    bias: Array | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-05,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = arguments.shape("LayerNorm", "normalized_shape", normalized_shape)
        self.eps = arguments.positive("LayerNorm", "eps", eps, or_zero=True)
        self.elementwise_affine = elementwise_affine
        ones, zeros = (full(self.normalized_shape, np.float32) for full in (np.ones, np.zeros))
        self.register_parameter("weight", ones if elementwise_affine else None)
        self.register_parameter("bias", zeros if elementwise_affine and bias else None)
        self.to(device=device, dtype=dtype)

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.layer_norm, input, self.normalized_shape, weight=self.weight, bias=self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Division of each row by the root of its mean square, with torch's arguments and names.

    ``y = x / √(mean of x² + eps) · weight``; see `fastnets.functional.rms_norm`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last dimensions of the input, over which means are taken.
    eps : float or None
        Added to the mean square; at least 0. None is the machine epsilon of what is computed in.
    elementwise_affine : bool
        Whether there is a weight.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.

    Attributes
    ----------
    weight : array of normalized_shape or None
        Initially 1.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.RMSNorm(2)(np.array([[1, 7]], np.float32)).round(6)
    array([[0.2, 1.4]], dtype=float32)
    """

    weight: Array | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = arguments.shape("RMSNorm", "normalized_shape", normalized_shape)
        self.eps = None if eps is None else arguments.positive("RMSNorm", "eps", eps, or_zero=True)
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", np.ones(self.normalized_shape, np.float32) if elementwise_affine else None)
        self.to(device=device, dtype=dtype)

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.rms_norm, input, self.normalized_shape, weight=self.weight, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation of each group of channels by its own mean and variance, with torch's arguments and names.

    ``y = (x - mean) / √(var + eps) · weight + bias``; see `fastnets.functional.group_norm`.

    Parameters
    ----------
    num_groups : int
        A divisor of `num_channels`.
    num_channels : int
        C.
    eps : float
        Added to the variance; at least 0.
    affine : bool
        Whether there are a weight and a bias, one of each for a channel.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.
    bias : bool
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : array (num_channels,) or None
        Initially 1 and 0.

    Raises
    ------
    ValueError
        If `num_groups` does not divide `num_channels`, and for numbers out of range.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.GroupNorm(2, 4)(np.ones((1, 4, 3, 3), np.float32)).shape
    (1, 4, 3, 3)
    """

    weight: Array | None
    bias: Array | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-05,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self.num_groups = arguments.integer("GroupNorm", "num_groups", num_groups, least=1)
        self.num_channels = arguments.integer("GroupNorm", "num_channels", num_channels, least=0)
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"GroupNorm: num_channels is {num_channels} but a multiple of num_groups={num_groups} is expected"
            )
        self.eps = arguments.positive("GroupNorm", "eps", eps, or_zero=True)
        self.affine = affine
        ones, zeros = (full(num_channels, np.float32) for full in (np.ones, np.zeros))
        self.register_parameter("weight", ones if affine else None)
        self.register_parameter("bias", zeros if affine and bias else None)
        self.to(device=device, dtype=dtype)

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.group_norm, input, self.num_groups, weight=self.weight, bias=self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
