"""The affine layer."""

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

__all__ = ["Linear"]


class Linear(Module):
    r"""Affine map of the last dimension: ``y = activation(x Wᵀ + b)``.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last dimension of input and output.
    bias : bool
        Whether b is added.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.
    activation : None or "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"
        Applied in the same pass over the output.

    Attributes
    ----------
    weight : array (out_features, in_features)
        Initially from U(-1/√in_features, 1/√in_features), as torch draws it.
    bias : array (out_features,) or None
        Initially from the same distribution.

    Raises
    ------
    ValueError
        For sizes below 0 and for an unknown activation.

    Notes
    -----
    Input is (…, in_features), output (…, out_features), of the parameters' dtype.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Linear(3, 4, activation="relu")
    >>> layer(np.ones((2, 3), np.float32)).shape
    (2, 4)
    """

    weight: Array
    bias: Array | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        activation: str | None = None,
    ) -> None:
        self.in_features = arguments.integer("Linear", "in_features", in_features, least=0)
        self.out_features = arguments.integer("Linear", "out_features", out_features, least=0)
        self.activation = arguments.activation("Linear", activation)
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        self.register_parameter("weight", random.uniform(-bound, bound, (self.out_features, self.in_features)))
        self.register_parameter("bias", random.uniform(-bound, bound, (self.out_features,)) if bias else None)
        self.to(device=device, dtype=dtype)

    def operation(self, input: Array, residual: Array | None = None) -> partial[Any]:
        return partial(
            F.linear, input, weight=self.weight, bias=self.bias, activation=self.activation, residual=residual
        )

    def packed_operands(self) -> dict[str, object]:
        return {"weight": pack_weight("linear", self.weight)}

    def flops(self, inputs: tuple[Any, ...], output: Array) -> int:
        return 2 * math.prod(output.shape) * self.in_features

    def extra_repr(self) -> str:
        shown = f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        return shown + (f", activation={self.activation!r}" if self.activation else "")
