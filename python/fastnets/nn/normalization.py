"""Normalisation layers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import functional as F
from . import arguments
from .module import Backward, Module
from .tree import Array

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


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
