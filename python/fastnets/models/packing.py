"""A padded batch of sequences, and the same tokens one after the other with nothing between them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .. import arrays, parts

__all__ = ["Packing"]

Array = Any
Integers = np.ndarray[Any, np.dtype[np.int64]]


class Packing:
    """Which places of a batch (N, S) hold tokens, and where the sequences begin once these are packed to (total,).

    Parameters
    ----------
    shape : tuple of 2 int
        N sequences, S places each.
    mask : numpy.ndarray of bool (N, S), optional
        Where there are tokens; by default everywhere.

    Attributes
    ----------
    cu_seqlens : numpy.ndarray of int64 (N + 1,)
        Where the sequences begin among the packed tokens; last, how many tokens there are.
    """

    def __init__(self, shape: tuple[int, int], mask: np.ndarray[Any, Any] | None = None) -> None:
        self.shape = shape
        N, S = shape
        self._is_full = mask is None or bool(mask.all())
        self.cu_seqlens: Integers = S * np.arange(N + 1)
        if mask is not None and not self._is_full:
            np.cumsum(np.count_nonzero(mask, axis=1), out=self.cu_seqlens[1:])
        self._places = np.arange(N * S) if mask is None else np.flatnonzero(mask)  # in the batch, flattened

    @classmethod
    def of_lengths(cls, lengths: Integers) -> Packing:
        """Sequences without holes, of these lengths, in a batch as long as the longest of them."""
        S = int(lengths.max(initial=0))
        return cls((len(lengths), S), np.arange(S) < lengths[:, np.newaxis])

    @cached_property
    def positions(self) -> Integers:
        """Each token's place in its sequence (total,), holes counted."""
        return self._places % max(self.shape[1], 1)

    @cached_property
    def firsts(self) -> Integers:
        """The place of each sequence's first token among the packed ones; sequences without tokens have none."""
        return self.cu_seqlens[:-1][np.diff(self.cu_seqlens) > 0]

    def pack(self, batch: Array) -> Array:
        """The tokens' rows (total, …) of an array (N, S, …)."""
        rows = batch.reshape(self.shape[0] * self.shape[1], *batch.shape[2:])
        return rows if self._is_full else rows[arrays.from_numpy(self._places, rows)]

    def unpack(self, packed: Array) -> Array:
        """An array (total, …) as (N, S, …), zeros where there are no tokens."""

        def spread(packed: Array) -> Array:
            N, S = self.shape
            rows = packed if self._is_full else _placed(packed, self._places, N * S)
            return rows.reshape(N, S, *packed.shape[1:])

        return parts.rearrange(packed, spread, self.pack)

    def first(self, packed: Array) -> Array:
        """The rows (N, …) of an array (total, …) that belong to the sequences' first tokens; zeros where none are."""
        N, total = len(self.cu_seqlens) - 1, int(self.cu_seqlens[-1])
        filled = np.flatnonzero(np.diff(self.cu_seqlens))

        def there(packed: Array) -> Array:
            return _placed(packed[arrays.from_numpy(self.firsts, packed)], filled, N)

        def back(gradient: Array) -> Array:
            return _placed(gradient[arrays.from_numpy(filled, gradient)], self.firsts, total)

        return parts.rearrange(packed, there, back)


def _placed(rows: Array, places: Integers, count: int) -> Array:
    """An array of `count` rows: the given ones at their places, zeros elsewhere."""
    placed = arrays.zeros((count, *rows.shape[1:]), rows)
    placed[arrays.from_numpy(places, rows)] = rows
    return placed
