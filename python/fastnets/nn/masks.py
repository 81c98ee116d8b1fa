"""Masks as torch's layers take them, made into what attention takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays, parts, placement
from .tree import Array

__all__ = ["attention_mask", "causal_mask"]


def attention_mask(
    layer: str, query: Array, shape: tuple[int, ...], key_padding_mask: Any, attn_mask: Any, extra: int, hidden: Any
) -> Array | None:
    """One mask for `fastnets.functional.scaled_dot_product_attention`, or None.

    Parameters
    ----------
    layer : str
        Whose masks they are.
    query : array
        An array of the library that the masks must be of.
    shape : tuple of int
        (N, H, L, S) of the scores, or (H, L, S).
    key_padding_mask, attn_mask : array, optional
        (N, S) or (S,), and (L, S) or (N · H, L, S): bool, True where hidden, or numbers that are added.
    extra : int
        How many keys come behind the S that the masks know; they are visible.
    hidden : bool array (L, S), optional
        What else is hidden.
    """
    *batch, H, L, S = shape
    given = [] if hidden is None else [hidden]
    if key_padding_mask is not None:
        _check(layer, "key_padding_mask", query, key_padding_mask, [(*batch, S)])
        given.append(key_padding_mask.reshape(*batch, 1, 1, S))
    if attn_mask is not None:
        _check(layer, "attn_mask", query, attn_mask, [(L, S), (*(n * H for n in batch or [1]), L, S)])
        given.append(attn_mask if attn_mask.ndim == 2 else attn_mask.reshape(shape))
    if not given:
        return None
    space = arrays.namespace(query)
    hides: Any = None
    adds: Any = None
    for mask in given:
        for _ in range(extra):
            mask = space.concatenate((mask, space.zeros_like(mask[..., :1])), axis=-1)
        if _is_bool(mask):
            hides = mask if hides is None else hides | mask
        else:
            adds = mask if adds is None else adds + mask
    if adds is None:
        return ~hides
    if hides is not None:
        adds = space.where(hides, space.full_like(adds[..., :1], -np.inf), adds)
    return parts.constant(adds)


def causal_mask(query: Array, rows: int, columns: int, lower_right: bool = False) -> Array:
    """True where a key stands behind its query, (rows, columns), of the library of `query`."""
    ahead = columns - rows if lower_right else 0
    return arrays.from_numpy(np.triu(np.ones((rows, columns), bool), 1 + ahead), query)


def _is_bool(mask: Any) -> bool:
    return arrays.dtype_name(mask) == "bool"


def _check(layer: str, name: str, query: Array, mask: Any, shapes: list[tuple[int, ...]]) -> None:
    if arrays.library(mask) is None or arrays.library(mask) != arrays.library(query):
        raise TypeError(
            f"{layer}: {name} is {type(mask).__name__} but an array of the library of query "
            f"({arrays.library(query)}) is expected"
        )
    dtype, own = arrays.dtype_name(mask), arrays.dtype_name(query)
    if dtype not in ("bool", own, placement.state_dtype(query)):
        raise TypeError(f"{layer}: {name} is {dtype} but query {own}; bool or {own} is expected")
    if tuple(mask.shape) not in shapes:
        expected = " or ".join(str(shape) for shape in shapes)
        raise ValueError(f"{layer}: {name} has shape {tuple(mask.shape)} but {expected} is expected")
