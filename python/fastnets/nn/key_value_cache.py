"""Keys and values of the positions that attention has seen, so that each further position costs one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .. import arrays, backends
from . import arguments
from .tree import Array

__all__ = ["AttentionCache", "KeyValueCache", "LayerCache", "MemoryCache"]


class AttentionCache:
    """The keys and values of one layer of self-attention, to which each call appends those of its positions.

    Parameters
    ----------
    keys, values : array (N, H, max_length, D)
        Room for them, which is written to.
    """

    def __init__(self, keys: Array, values: Array) -> None:
        self.keys, self.values, self.length = keys, values, 0

    @property
    def max_length(self) -> int:
        """How many positions there is room for."""
        return int(self.keys.shape[2])

    def append(self, layer: str, keys: Array, values: Array) -> tuple[Array, Array]:
        """Write the keys and values (N, H, S, D) of S new positions behind the others, and return those of all."""
        _refuse_gradients(layer, keys)
        begin, end = self.length, self.length + keys.shape[2]
        if keys.shape[0] != self.keys.shape[0]:
            raise ValueError(f"{layer}: the batch has {keys.shape[0]} but cache {self.keys.shape[0]} sequences")
        if end > self.max_length:
            raise ValueError(
                f"{layer}: cache is full: it holds {begin} of {self.max_length} positions, and {keys.shape[2]} more "
                "do not fit; expected a larger max_length of make_cache"
            )
        self.keys[:, :, begin:end] = keys
        self.values[:, :, begin:end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def rewind(self, length: int) -> None:
        """Forget all positions but the first `length`."""
        self.length = arguments.integer("cache.rewind", "length", length, least=0, most=self.length)

    def reorder(self, indices: Array) -> None:
        """Let sequence i go on from what sequence ``indices[i]`` has seen."""
        rows, end = len(indices), self.length
        for name in ("keys", "values"):
            old = getattr(self, name)
            if rows == old.shape[0]:
                old[:, :, :end] = old[indices, :, :end]
            else:
                setattr(self, name, old[indices])


class MemoryCache:
    """The keys and values of a memory, projected when first asked for."""

    def __init__(self) -> None:
        self.projected: tuple[Array, Array] | None = None

    def get(self, layer: str, project: Callable[[], tuple[Array, Array]]) -> tuple[Array, Array]:
        """Return keys and values (N, H, S, D)."""
        if self.projected is None:
            made = project()
            _refuse_gradients(layer, made[0])
            self.projected = made
        return self.projected

    def reorder(self, indices: Array) -> None:
        """Let sequence i go on with the memory of sequence ``indices[i]``."""
        if self.projected is not None:
            self.projected = (self.projected[0][indices], self.projected[1][indices])


class LayerCache(NamedTuple):
    """What one layer of a stack keeps."""

    self_attn: AttentionCache
    memory: MemoryCache


class KeyValueCache:
    """The keys and values that the layers of a stack have seen; its ``make_cache`` makes one.

    Each call of the stack with ``cache=`` computes the new positions only, which see those before them and themselves.
    It serves generation: no gradient goes through it.

    Attributes
    ----------
    length : int
        How many positions it holds.
    max_length : int
        How many it has room for.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> decoder = fn.nn.TransformerEncoder(layer, num_layers=2).eval()
    >>> cache = decoder.make_cache(batch_size=1, max_length=5)
    >>> y = decoder(np.ones((1, 3, 8), np.float32), cache=cache)
    >>> y = decoder(np.ones((1, 1, 8), np.float32), cache=cache)
    >>> cache.length, y.shape
    (4, (1, 1, 8))
    """

    def __init__(self, layers: Sequence[LayerCache]) -> None:
        self.layers = tuple(layers)

    @property
    def length(self) -> int:
        return self.layers[0].self_attn.length if self.layers else 0

    @property
    def max_length(self) -> int:
        return self.layers[0].self_attn.max_length if self.layers else 0

    @property
    def batch_size(self) -> int:
        """How many sequences it keeps."""
        return int(self.layers[0].self_attn.keys.shape[0]) if self.layers else 0

    def rewind(self, length: int) -> None:
        """Forget all positions but the first `length`; ValueError where there are fewer."""
        for layer in self.layers:
            layer.self_attn.rewind(length)

    def reset(self) -> None:
        """Forget everything, the memory too."""
        self.rewind(0)
        for layer in self.layers:
            layer.memory.projected = None

    def reorder(self, indices: Array) -> None:
        """Let sequence i go on from what sequence ``indices[i]`` has seen, as a beam search chooses.

        Parameters
        ----------
        indices : integers (N,)
            Each below the number of sequences; there may be more or fewer than before.

        Raises
        ------
        ValueError
            For indices out of range.
        TypeError
            For what is no one-dimensional array or sequence of integers.
        """
        chosen = np.asarray(arrays.to_numpy(indices) if arrays.library(indices) else indices)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise TypeError(f"cache.reorder: indices are {chosen.dtype} {chosen.shape} but integers (N,) are expected")
        wrong = chosen[(chosen < 0) | (chosen >= self.batch_size)]
        if len(wrong):
            raise ValueError(f"cache.reorder: index {wrong[0]} is out of range for {self.batch_size} sequences")
        if not self.layers:
            return
        chosen = arrays.from_numpy(chosen.astype(np.int64), self.layers[0].self_attn.keys)
        for layer in self.layers:
            layer.self_attn.reorder(chosen)
            layer.memory.reorder(chosen)


def _refuse_gradients(layer: str, array: Array) -> None:
    if backends.current_mode().tape is not None or getattr(array, "requires_grad", False):
        raise TypeError(f"{layer}: cache is for inference, and keeps no gradients; expected a call outside of vjp")
