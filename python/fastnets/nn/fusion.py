"""What a sequence of layers becomes in eval: a product takes over the batch norm, sum and activation behind it.

``activation((w ∗ x + b - mean) / √(var + eps) · γ + β + residual)`` is a product with the weight
``w · γ / √(var + eps)``, whose epilogue does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import functional as F
from ..backends import pack_weight
from .activation import GELU, ReLU, Sigmoid, SiLU, Tanh
from .conv import Conv1d, Conv2d, Conv3d
from .linear import Linear
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d

__all__ = ["ACTIVATIONS", "Fused", "Plan", "Step", "identity"]

Step = Callable[[Any], Any]

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "tanh": F.tanh,
    "sigmoid": F.sigmoid,
}

# Types, not their subclasses: those may compute something else.
_CONVOLUTIONS = (Conv1d, Conv2d, Conv3d)
_NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)
_ACTIVATION_OF = {ReLU: "relu", SiLU: "silu", Tanh: "tanh", Sigmoid: "sigmoid"}


def identity(input: Any) -> Any:
    """The step of no layers."""
    return input


class Plan:
    """The steps of some layers in eval, while neither the layers nor their parameters change."""

    def __init__(self, layers: Sequence[Module]) -> None:
        self._state = [(layer, layer._version, layer._packed) for layer in layers]
        self.steps: list[Step] = []
        rest = list(layers)
        while rest:
            taken = rest[: _fusible(rest)]
            self.steps.append(Fused(taken) if taken else rest[0])
            del rest[: max(1, len(taken))]

    def holds_for(self, layers: Sequence[Module]) -> bool:
        """Whether these are the layers, as they were."""
        return len(layers) == len(self._state) and all(
            layer is known and layer._version == version and layer._packed is packed
            for layer, (known, version, packed) in zip(layers, self._state, strict=True)
        )


def _fusible(layers: Sequence[Module]) -> int:
    """How many of the first layers are one product: 0 where the first is none, or does not lie on the host in eval."""
    product, *behind = layers
    if type(product) not in (Linear, *_CONVOLUTIONS) or not product._packed:
        return 0
    count = 1
    if product.activation is None:  # type: ignore[attr-defined]
        if behind and _is_foldable(product, behind[0]):
            count += 1
        if len(layers) > count and _activation_of(layers[count]):
            count += 1
    return count


def _is_foldable(product: Any, norm: Any) -> bool:
    if type(product) not in _CONVOLUTIONS or type(norm) not in _NORMS:
        return False
    return (
        _NORMS.index(type(norm)) == _CONVOLUTIONS.index(type(product))
        and norm._packed is not None
        and isinstance(norm.running_mean, np.ndarray)
        and norm.num_features == product.out_channels
    )


def _activation_of(layer: Module) -> str | None:
    if type(layer) is GELU:
        return "gelu_tanh" if layer.approximate == "tanh" else "gelu"
    return _ACTIVATION_OF.get(type(layer))


class Fused:
    """A product with what follows it, as one call of the kernel."""

    def __init__(self, layers: Sequence[Module]) -> None:
        self._layers: Sequence[Any] = layers
        product: Any = layers[0]
        self._product = product
        self._operands: dict[str, Any] = dict(product._packed)
        self._activation: str | None = product.activation
        for layer in self._layers[1:]:
            if type(layer) in _NORMS:
                weight, self._operands["bias"] = fold(self._product, layer)
                self._operands["weight"] = pack_weight("conv", weight)
            else:
                self._activation = _activation_of(layer)

    def takes_sum(self, input: Any) -> bool:
        """Whether something may be added to the product: before an activation of its own nothing can."""
        return self._activation is None and self._fits(input)

    def _fits(self, input: Any) -> bool:
        """Whether the layers by themselves would take the input; where not, they say why."""
        return len(self._layers) == 1 or type(self._product) is Linear or input.ndim == self._product.dimensions + 2

    def __call__(self, input: Any, residual: Any = None, activation: str | None = None) -> Any:
        if not self._fits(input):
            for layer in self._layers:
                input = layer(input)
            return input
        call = self._product.operation(input, residual=residual)
        keywords = {**call.keywords, **self._operands, "activation": activation or self._activation}
        return call.func(*call.args, **keywords)


def fold(convolution: Any, norm: Any) -> tuple[Any, Any]:
    """Weight and bias of the convolution that computes ``norm(convolution(x))`` in eval, in its dtype.

    ``weight · s`` and ``(bias - mean) · s + β`` with ``s = γ / √(var + eps)`` for each output channel, in float64.
    """

    def wide(array: Any) -> Any:
        return None if array is None else np.asarray(array, np.float64)

    weight, bias, gamma, beta = map(wide, (convolution.weight, convolution.bias, norm.weight, norm.bias))
    scale = 1 / np.sqrt(wide(norm.running_var) + norm.eps)
    if gamma is not None:
        scale = scale * gamma
    shift = ((0.0 if bias is None else bias) - wide(norm.running_mean)) * scale
    if beta is not None:
        shift = shift + beta
    weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    return weight.astype(convolution.weight.dtype), shift.astype(convolution.weight.dtype)
