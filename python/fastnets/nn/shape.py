"""Layers that compute nothing: Flatten and Identity."""

from __future__ import annotations

import math
from typing import Any

from . import arguments
from .module import Backward, Module
from .tree import Array, Gradients

__all__ = ["Flatten", "Identity"]


class Flatten(Module):
    """Merge the dimensions from `start_dim` to `end_dim` into one, elements in row-major order.

    Parameters
    ----------
    start_dim, end_dim : int
        First and last dimension to merge; negative ones count from the end.

    Raises
    ------
    ValueError
        If the input has no such dimensions, or `start_dim` lies behind `end_dim`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Flatten()(np.zeros((2, 3, 4, 5), np.float32)).shape
    (2, 60)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = arguments.integer("Flatten", "start_dim", start_dim)
        self.end_dim = arguments.integer("Flatten", "end_dim", end_dim)

    def forward(self, input: Array) -> Array:
        shape = tuple(input.shape)
        first, last = (self._dimension(name, len(shape)) for name in ("start_dim", "end_dim"))
        if first > last:
            raise ValueError(
                f"Flatten: start_dim={self.start_dim} lies behind end_dim={self.end_dim} for input of shape {shape}"
            )
        return input.reshape((*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))

    def _dimension(self, name: str, rank: int) -> int:
        value: int = getattr(self, name)
        count = max(rank, 1)  # a 0-d array flattens to one element
        if not -count <= value < count:
            raise ValueError(f"Flatten: {name} is {value} but the input has {rank} dimensions")
        return value % count

    def vjp(self, input: Array, *, input_gradient: bool = True) -> tuple[Array, Backward]:  # type: ignore[override]
        y, shape = self(input), tuple(input.shape)

        def flatten_backward(dy: Array) -> tuple[Array, Gradients]:
            if tuple(dy.shape) != tuple(y.shape):
                raise ValueError(
                    f"Flatten: the output's gradient has shape {tuple(dy.shape)}; expected {tuple(y.shape)}"
                )
            return dy.reshape(shape) if input_gradient else None, {}

        return y, flatten_backward

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """``y = x``, whatever the constructor was given; a placeholder, as in torch.

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.nn.Identity(54, unused=True)(1)
    1
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, input: Any) -> Any:
        return input

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        return input, lambda dy: (dy if input_gradient else None, {})
