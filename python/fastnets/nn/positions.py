"""Positions as layers: waves that are added, and rotations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import arrays, parts, placement
from .. import functional as F
from . import arguments
from .composite import Composite
from .dropout import Dropout
from .module import Module
from .tree import Array

__all__ = ["RotaryEmbedding", "SinusoidalPositionalEncoding"]


class SinusoidalPositionalEncoding(Composite):
    """Add waves that tell the position: ``y[…, t, :] = dropout(x[…, t, :] + sinusoidal_positions[offset + t])``.

    Parameters
    ----------
    d_model : int
        Features.
    max_length : int
        How many positions there are.
    dropout : float
        In training, the probability with which each element of the sum is zeroed.
    batch_first : bool
        Whether arrays are (…, L, d_model); else (L, N, d_model).
    device, dtype
        Where the table lives, as `Module.to` takes it; float32 NumPy by default. It is not part of state_dict.

    Raises
    ------
    ValueError, TypeError
        For sizes and a dropout out of range; when called, for positions from max_length on.

    Notes
    -----
    ``layer(input, offset=0)``; `offset` is the position of the first token, such as the length of a cache.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.SinusoidalPositionalEncoding(2)
    >>> layer(np.zeros((1, 3, 2), np.float32)).round(2).tolist()[0][0]
    [0.0, 1.0]
    """

    table: Array

    def __init__(
        self,
        d_model: int,
        max_length: int = 5000,
        dropout: float = 0.0,
        batch_first: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        self.d_model = arguments.integer(name, "d_model", d_model, least=1)
        self.max_length = arguments.integer(name, "max_length", max_length, least=0)
        self.batch_first = arguments.flag(name, "batch_first", batch_first)
        self.register_buffer("table", F.sinusoidal_positions(self.max_length, self.d_model), persistent=False)
        self.dropout = Dropout(dropout)
        self.to(device=device, dtype=dtype)

    def forward(self, input: Array, offset: int = 0) -> Array:
        name, shape = type(self).__name__, tuple(getattr(input, "shape", ()))
        if len(shape) < 2 or shape[-1] != self.d_model:
            raise ValueError(f"{name}: input has shape {shape} but (…, length, {self.d_model}) is expected")
        along = len(shape) - 2 if self.batch_first else 0
        offset = arguments.integer(name, "offset", offset, least=0)
        if offset + shape[along] > self.max_length:
            raise ValueError(
                f"{name}: input has {shape[along]} positions from {offset} on but at most max_length "
                f"{self.max_length} are expected"
            )
        waves = placement.cast(self.table[offset : offset + shape[along]], arrays.dtype_name(input))
        waves = waves.reshape(shape[along], *(1,) * (len(shape) - 2 - along), self.d_model)
        return self.dropout(parts.add(input, parts.constant(arrays.beside(input, waves))))

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_length={self.max_length}, batch_first={self.batch_first}"


class RotaryEmbedding(Module):
    """Turn pairs of features by angles that grow with the position, as `fastnets.functional.rotary_embedding` does.

    Parameters
    ----------
    rotary_dim : int, optional
        How many of the first features turn, even; by default all.
    base : float
        Of the wavelengths, which grow from 2π to 2π · base.
    interleaved : bool
        Whether pairs are neighbours; else (i, i + rotary_dim / 2).

    Raises
    ------
    ValueError, TypeError
        For a rotary_dim that is odd or negative, and a base that is not positive.

    Notes
    -----
    ``layer(input, positions=None)`` on (…, L, D); positions are integers that broadcast to (…, L), by default 0, 1, …

    References
    ----------
    Su and others: RoFormer, enhanced transformer with rotary position embedding, 2021,
    https://arxiv.org/abs/2104.09864

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.RotaryEmbedding()
    >>> q = np.ones((1, 4, 5, 8), np.float32)
    >>> np.array_equal(layer(q)[:, :, 3:], layer(q[:, :, 3:], np.array([3, 4])))
    True
    """

    def __init__(self, rotary_dim: int | None = None, base: float = 10000.0, interleaved: bool = False) -> None:
        name = type(self).__name__
        if rotary_dim is not None:
            rotary_dim = arguments.integer(name, "rotary_dim", rotary_dim, least=0)
            if rotary_dim % 2:
                raise ValueError(f"{name}: rotary_dim is {rotary_dim} but an even number is expected")
        self.rotary_dim = rotary_dim
        self.base = arguments.positive(name, "base", base)
        self.interleaved = arguments.flag(name, "interleaved", interleaved)

    def operation(self, input: Array, positions: Any = None) -> partial[Any]:
        if positions is None:
            positions = np.arange(input.shape[-2] if getattr(input, "ndim", 0) > 1 else 0)
        return partial(
            F.rotary_embedding,
            input,
            positions,
            base=self.base,
            interleaved=self.interleaved,
            rotary_dim=self.rotary_dim,
        )

    def extra_repr(self) -> str:
        return f"rotary_dim={self.rotary_dim}, base={self.base}, interleaved={self.interleaved}"
