"""Attention with its weights in memory: a product, a softmax, a product.

A batch of products is one convolution, whose groups are the batch, with kernels of one element.
"""

from __future__ import annotations

import math
from typing import Any

from .. import arrays, parts, placement
from .. import functional as F
from .tree import Array

__all__ = ["average", "product", "weigh"]


def product(a: Array, b: Array) -> Array:
    """``a @ b`` of the last two dimensions, (…, M, K) and (…, K, N)."""
    *lead, M, K = a.shape
    G, N = math.prod(lead), b.shape[-1]
    if not G * M * K * N:
        zeros, zeros_like = a[..., :1] @ b[..., :1, :] * 0, arrays.namespace(a).zeros_like
        parts.record_step((a, b), (zeros,), lambda gradients: (zeros_like(a), zeros_like(b)))
        return zeros
    rows = parts.rearrange(a, lambda x: x.reshape(G * M, K, 1), lambda g: g.reshape(a.shape))
    columns = parts.rearrange(b, lambda x: x.reshape(1, G * K, N), lambda g: g.reshape(b.shape))
    y = F.conv1d(columns, rows, groups=G)
    return parts.rearrange(y, lambda x: x.reshape(*lead, M, N), lambda g: g.reshape(y.shape))


def weigh(q: Array, k: Array, v: Array, mask: Array | None, dropout_p: float) -> tuple[Array, Array]:
    """What attention gives, and its weights, (…, L, D) and (…, L, S); the mask is `F.scaled_dot_product_attention`'s.

    A query that sees no key has weights 0.
    """
    scale, dtype = q.shape[-1] ** -0.5, arrays.dtype_name(q)

    def scaled(x: Array) -> Array:
        return placement.cast(x * scale, dtype)

    transposed = parts.rearrange(k, lambda x: x.swapaxes(-2, -1), lambda g: g.swapaxes(-2, -1))
    weights = product(parts.rearrange(q, scaled, scaled), transposed)
    if mask is None:
        weights = F.softmax(weights, -1)
    else:
        is_bool = arrays.dtype_name(mask) == "bool"
        shown = mask if is_bool else mask > -math.inf
        sees = shown.any(-1)[..., None]
        if is_bool:  # where nothing is seen the softmax runs over everything, and is left out
            weights = _where(shown | ~sees, weights, -math.inf)
        else:
            weights = _raised(weights, arrays.namespace(mask).where(sees, mask, _like(mask, 0)))
        weights = _where(sees, F.softmax(weights, -1), 0)
    weights = F.dropout(weights, dropout_p, dropout_p > 0)
    return product(weights, v), weights


def average(weights: Array) -> Array:
    """The mean over the heads of (…, H, L, S)."""
    H, dtype = weights.shape[-3], arrays.dtype_name(weights)

    def mean(of_heads: Array) -> Array:
        return placement.cast(placement.cast(of_heads, placement.state_dtype(of_heads)).mean(-3), dtype)

    def back(gradient: Array) -> Array:
        return arrays.namespace(gradient).stack((gradient / H,) * H, -3)

    return parts.rearrange(weights, mean, back)


def _where(chosen: Array, x: Array, other: float) -> Array:
    """x where chosen, else a number; the condition broadcasts to x."""
    space = arrays.namespace(x)
    return parts.rearrange(
        x, lambda a: space.where(chosen, a, _like(a, other)), lambda g: space.where(chosen, g, _like(g, 0))
    )


def _raised(x: Array, mask: Array) -> Array:
    """x with numbers added that broadcast to it."""
    dtype = arrays.dtype_name(x)
    return parts.rearrange(x, lambda a: placement.cast(a + mask, dtype), lambda g: g)


def _like(array: Array, value: float) -> Any:
    """A number in the array's dtype, which broadcasts to it."""
    return arrays.namespace(array).full_like(array[..., :1], value)
