"""Attention: scores of queries and keys, their softmax, and the values weighted by it, in one pass over the keys."""

from __future__ import annotations

import math
from typing import Any

from .. import arrays, random
from ..backends import ops, renamed, unpacked

__all__ = ["scaled_dot_product_attention", "varlen_attention"]

_attention = ops.attention


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    causal_alignment: str = "upper_left",
    window_size: tuple[int | None, int | None] | None = None,
    alibi_slopes: Any = None,
    softcap: float | None = None,
    sinks: Any = None,
    seed: Any = None,
    return_lse: bool = False,
    key_lengths: Any = None,
) -> Any:
    """Return ``softmax(scale · query keyᵀ + mask) value``, head by head, without the matrix of all scores in memory.

    In this order: ``score = scale · q·k``; ``softcap · tanh(score / softcap)``; ``- slope · |position - j|``; the mask
    of numbers; -∞ where causality, window, lengths or the bool mask hide key j; softmax; dropout. Query i stands at
    position i, or with ``causal_alignment="lower_right"`` at i + Sk - Sq. A query that sees no key gives zeros and has
    zero gradients.

    Parameters
    ----------
    query : array (…, H, Sq, D)
        float32, bfloat16, float16 or float64; any number of leading dimensions, also none.
    key, value : array (…, Hk, Sk, D), (…, Hk, Sk, Dv)
        Of query's dtype.
    attn_mask : array, optional
        Broadcastable to (…, H, Sq, Sk): bool, True where the key takes part, or numbers that are added to the scores,
        of query's dtype or float32. Numbers have a gradient.
    dropout_p : float
        Probability with which each weight is dropped, always: there is no training flag.
    is_causal : bool
        Hide the keys behind a query's position; a mask may be given too.
    scale : float, optional
        By default 1 / √D.
    enable_gqa : bool
        Let H be a multiple of Hk: H / Hk neighbouring heads share keys and values.
    causal_alignment : "upper_left" or "lower_right"
    window_size : pair of int, optional
        How many keys before and behind its position a query sees; -1 or None for all.
    alibi_slopes : array (H,), optional
        Slopes of attention with linear biases; may be NumPy beside any library.
    softcap : float, optional
        Limit of the scores' magnitude; None or 0 for none.
    sinks : array (H,), optional
        A logit for each head that takes part in the softmax's denominator alone.
    seed : int, optional
        Of the dropout; by default drawn from `fastnets.random`.
    return_lse : bool
        Also return the natural log of the denominator, (…, H, Sq), float32 (float64 for float64).
    key_lengths : integers (B,), optional
        How many keys each sequence has, B the product of the dimensions before the heads; what lies behind is not read.
        May be NumPy beside any library. The position of a query at the lower right counts from there.

    Returns
    -------
    array (…, H, Sq, Dv), or (array, lse)

    Raises
    ------
    TypeError
        What is no array, dtypes that differ or are not served.
    ValueError
        Shapes, masks or head counts that do not fit, lengths out of range, parameters that make no sense.

    References
    ----------
    Dao: FlashAttention-2, 2023, https://arxiv.org/abs/2307.08691; Press, Smith, Lewis: ALiBi, 2021,
    https://arxiv.org/abs/2108.12409; Ainslie and others: GQA, 2023, https://arxiv.org/abs/2305.13245

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> q, v = np.zeros((1, 2, 4)), np.array([[[1.0], [3.0]]])
    >>> F.scaled_dot_product_attention(q, q, v, is_causal=True).ravel()
    array([1., 2.])
    """
    if alibi_slopes is not None:
        alibi_slopes = arrays.beside(query, alibi_slopes)
    if key_lengths is not None:
        key_lengths = arrays.beside(query, key_lengths)
    if scale is None:
        scale = _default_scale(query)
    left, right = (-1, -1) if window_size is None else _window("scaled_dot_product_attention", window_size)
    if seed is None:
        seed = random.draw_seed() if dropout_p else 0
    try:
        return _attention(
            query, key, value, attn_mask, alibi_slopes, sinks, key_lengths, None, None,
            dropout_p, is_causal, scale, enable_gqa, causal_alignment, left, right, softcap or 0.0, seed, return_lse,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise renamed(error, "scaled_dot_product_attention") from None


def varlen_attention(
    query: Any,
    key: Any,
    value: Any,
    cu_seqlens_q: Any,
    cu_seqlens_k: Any,
    *,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    causal_alignment: str = "upper_left",
    window_size: tuple[int | None, int | None] | None = None,
    alibi_slopes: Any = None,
    softcap: float | None = None,
    sinks: Any = None,
    seed: Any = None,
    return_lse: bool = False,
) -> Any:
    """Return the attention of sequences that are packed one after the other, each within itself.

    Parameters
    ----------
    query : array (total, H, D)
        The queries of all sequences.
    key, value : array (total, Hk, D), (total, Hk, Dv)
        The keys and values of all sequences.
    cu_seqlens_q, cu_seqlens_k : integers (N + 1,)
        Where the sequences begin, from 0 on, and last the total; may be NumPy beside any library.
    dropout_p, is_causal, scale, enable_gqa, causal_alignment, window_size, alibi_slopes, softcap, sinks, seed
        As `scaled_dot_product_attention` takes them.
    return_lse : bool
        Also return the natural log of the denominators, (H, total).

    Returns
    -------
    array (total, H, Dv), or (array, lse)

    Raises
    ------
    TypeError, ValueError
        As `scaled_dot_product_attention`; and for cu_seqlens that do not rise from 0 to the total.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> q, v = np.zeros((3, 1, 4)), np.array([[[1.0]], [[3.0]], [[5.0]]])
    >>> F.varlen_attention(q, q, v, np.array([0, 2, 3]), np.array([0, 2, 3])).ravel()
    array([2., 2., 5.])
    """
    slopes, cu_q, cu_k = (arrays.beside(query, a) for a in (alibi_slopes, cu_seqlens_q, cu_seqlens_k))
    if scale is None:
        scale = _default_scale(query)
    left, right = (-1, -1) if window_size is None else _window("varlen_attention", window_size)
    if seed is None:
        seed = random.draw_seed() if dropout_p else 0
    try:
        return _attention(
            query, key, value, None, slopes, sinks, None, cu_q, cu_k,
            dropout_p, is_causal, scale, enable_gqa, causal_alignment, left, right, softcap or 0.0, seed, return_lse,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise renamed(error, "varlen_attention") from None


def _default_scale(query: Any) -> float:
    """1 / √D; 1 where there is nothing to scale, or no array."""
    try:
        return 1 / math.sqrt(query.shape[-1])
    except (AttributeError, IndexError, TypeError, ZeroDivisionError):
        array = unpacked(query)
        return 1.0 if array is query else _default_scale(array)


def _window(function: str, size: Any) -> tuple[int, int]:
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ValueError(f"{function}: window_size is {size!r} but a pair of integers is expected")
    left, right = (-1 if n is None else n for n in size)
    return left, right
