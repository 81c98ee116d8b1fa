"""Scaled dot-product attention, of equal sequences or of packed ones.

Letters: B leading dimensions flattened, H heads (of the query; Hk of key and value), Sq queries, Sk keys, D and Dv head
dimensions.
"""

import numpy as np

from .random import ATTENTION, uniform


def _positions(Sq, Sk, lower_right):
    """Where query i stands among the keys."""
    return np.arange(Sq) + (Sk - Sq if lower_right else 0)


def _visible(Sq, Sk, is_causal, lower_right, window_left, window_right):
    """Which keys each query may see by causality and window, (Sq, Sk)."""
    distance = np.arange(Sk) - _positions(Sq, Sk, lower_right)[:, np.newaxis]
    seen = np.ones((Sq, Sk), bool)
    if is_causal:
        seen &= distance <= 0
    if window_left >= 0:
        seen &= distance >= -window_left
    if window_right >= 0:
        seen &= distance <= window_right
    return seen


class Head:
    """One head of one sequence: its scores, their softmax, and the way back."""

    def __init__(self, q, k, v, mask, slope, sink, kept, options):
        is_causal, scale, lower_right, window_left, window_right, softcap = options
        self.q, self.k, self.v, self.kept, self.scale, self.softcap = q, k, v, kept, scale, softcap
        Sq, Sk = len(q), len(k)
        self.capped = scale * (q @ k.T)
        if softcap:
            self.capped = softcap * np.tanh(self.capped / softcap)
        s = self.capped
        if slope is not None:
            s = s - slope * np.abs(_positions(Sq, Sk, lower_right)[:, np.newaxis] - np.arange(Sk))
        seen = _visible(Sq, Sk, is_causal, lower_right, window_left, window_right)
        if mask is not None and mask.dtype == bool:
            seen &= mask
        elif mask is not None:
            s = s + mask
        self.scores = s = np.where(seen, s, -np.inf)
        logits = s if sink is None else np.concatenate([s, np.full((Sq, 1), sink)], axis=1)
        largest = logits.max(axis=1, keepdims=True, initial=-np.inf)
        shifted = np.where(largest == -np.inf, 0.0, largest)
        e = np.where(logits == -np.inf, 0.0, np.exp(logits - shifted))
        total = e.sum(axis=1, keepdims=True)
        self.lse = np.where(total > 0, shifted + np.log(total), np.where(np.isnan(total), np.nan, -np.inf))[:, 0]
        p = np.where(total == 0, 0.0, e / np.where(total == 0, 1.0, total))  # a row that sees nothing gives zeros
        self.p = p[:, :Sk]
        self.p_sink = None if sink is None else p[:, Sk]
        self.output = (self.p * kept) @ v

    def backward(self, do, dlse):
        """Gradients of q, k, v, of the scores behind the cap (the mask's), and of the sink."""
        dp = self.kept * (do @ self.v.T)
        delta = (self.p * dp).sum(axis=1, keepdims=True) - dlse[:, np.newaxis]
        ds = self.p * (dp - delta)
        d_sink = None if self.p_sink is None else -(self.p_sink * delta[:, 0]).sum()
        d_raw = ds if not self.softcap else ds * (1 - (self.capped / self.softcap) ** 2)
        d_raw = self.scale * np.where(self.p == 0, 0.0, d_raw)
        return d_raw @ self.k, d_raw.T @ self.q, (self.p * self.kept).T @ do, ds, d_sink


def _kept(shape, first, dropout_p, seed, total):
    """What dropout multiplies probabilities by: 0, or 1 / (1 − dropout_p). `first` indexes the first of each row."""
    if not dropout_p:
        return np.ones(shape)
    u = uniform(seed, total, ATTENTION)
    index = first[:, np.newaxis] + np.arange(shape[1])
    return np.where(u[index] >= dropout_p, 1 / (1 - dropout_p) if dropout_p < 1 else 0.0, 0.0)


def heads(arguments):
    """Each head of each sequence: (where its queries are, where its keys are, its place among heads, the Head)."""
    (query, key, value, attn_mask, alibi_slopes, sinks, key_lengths, cu_seqlens_q, cu_seqlens_k) = arguments[:9]
    dropout_p, is_causal, scale, _, causal_alignment, window_left, window_right, softcap, seed = arguments[9:18]
    options = (is_causal, scale, causal_alignment == "lower_right", window_left, window_right, softcap)
    q, k, v = (np.asarray(a, np.float64) for a in (query, key, value))
    mask = attn_mask
    if mask is not None and mask.dtype != bool:
        mask = np.asarray(mask, np.float64)
    if cu_seqlens_q is not None:  # packed: (total, H, D)
        H, group = q.shape[1], q.shape[1] // max(1, k.shape[1])
        longest = int(np.diff(cu_seqlens_k).max(initial=0))
        for n in range(len(cu_seqlens_q) - 1):
            at = slice(int(cu_seqlens_q[n]), int(cu_seqlens_q[n + 1]))
            of = slice(int(cu_seqlens_k[n]), int(cu_seqlens_k[n + 1]))
            for h in range(H):
                first = (h * len(q) + np.arange(at.start, at.stop)) * longest
                shape = (at.stop - at.start, of.stop - of.start)
                kept = _kept(shape, first, dropout_p, seed, H * len(q) * longest)
                slope, sink = (None if a is None else float(a[h]) for a in (alibi_slopes, sinks))
                g = h // group
                yield (at, h), (of, g), h, Head(q[at, h], k[of, g], v[of, g], None, slope, sink, kept, options)
        return
    lead, (Sq, Sk) = q.shape[:-2], (q.shape[-2], k.shape[-2])
    H = lead[-1] if lead else 1
    group = H // max(1, k.shape[-3]) if lead else 1
    if mask is not None:
        mask = np.broadcast_to(mask, (*lead, Sq, Sk))
    for i, place in enumerate(np.ndindex(*lead)):
        h = place[-1] if lead else 0
        of = (*place[:-1], h // group) if lead else ()
        length = Sk if key_lengths is None else int(key_lengths[i // H])
        first = (i * Sq + np.arange(Sq)) * Sk
        kept = _kept((Sq, length), first, dropout_p, seed, max(1, int(np.prod(lead))) * Sq * Sk)
        slope, sink = (None if a is None else float(a[h]) for a in (alibi_slopes, sinks))
        part = None if mask is None else mask[place][:, :length]
        keys, values = k[of][:length], v[of][:length]
        yield place, (*of, slice(0, length)), h, Head(q[place], keys, values, part, slope, sink, kept, options)


@np.errstate(all="ignore")
def attention(*arguments):
    """Softmax of scaled products of queries and keys, applied to the values.

    ``y[i] = Σ_j p[i, j] · v[j]``, ``p[i, j] = exp(s[i, j] - lse[i])``, ``lse[i] = log(Σ_j exp(s[i, j]) + exp(sink))``,
    ``s[i, j] = cap(scale · q[i] · k[j]) - slope · |position(i) - j| + mask[i, j]``, −∞ where the key is hidden.

    Parameters
    ----------
    query : (…, H, Sq, D) array, or (total, H, D) of packed sequences
    key, value : (…, Hk, Sk, D) and (…, Hk, Sk, Dv) arrays, or (total, Hk, …); H is a multiple of Hk
    attn_mask : array broadcastable to (…, H, Sq, Sk), or None
        bool, True where the key may be seen; or numbers, added to the scores.
    alibi_slopes, sinks : (H,) array, or None
    key_lengths : integers (B,), or None
        How many keys of each sequence there are.
    cu_seqlens_q, cu_seqlens_k : integers (N + 1,), or None
        Where the packed sequences begin, and the total.
    dropout_p : float
    is_causal : bool
    scale : float
    enable_gqa : bool
        Whether H and Hk may differ.
    causal_alignment : "upper_left" or "lower_right"
        Query i stands at key i, or at i + Sk − Sq.
    window_left, window_right : int
        How many keys before and behind its position a query sees, −1 for all.
    softcap : float
        cap(s) = softcap · tanh(s / softcap), 0 for none.
    seed : int
    return_lse : bool

    Returns
    -------
    output : (…, H, Sq, Dv) float64 array, or (total, H, Dv)
        Zero for a query that sees no key.
    lse : (…, H, Sq) float64 array, or (H, total), only with ``return_lse``

    Examples
    --------
    >>> q, v = np.zeros((1, 4)), np.array([[1.0], [3.0]])
    >>> rest = (None,) * 6 + (0.0, False, 1.0, False, "upper_left", -1, -1, 0.0, 0, True)
    >>> y, lse = attention(q, np.ones((2, 4)), v, *rest)
    >>> y.tolist(), float(np.exp(lse[0]).round(6))
    ([[2.0]], 2.0)
    """
    query, value, packed = np.asarray(arguments[0]), np.asarray(arguments[2]), arguments[7] is not None
    output = np.zeros((*query.shape[:-1], value.shape[-1]))
    lse = np.zeros(query.shape[1::-1] if packed else query.shape[:-1])
    for place, _, h, head in heads(arguments):
        output[place] = head.output
        lse[(h, place[0]) if packed else place] = head.lse
    return (output, lse) if arguments[18] else output


@np.errstate(all="ignore")
def attention_backward(grad_output, grad_lse, *arguments):
    """Gradients of `attention`: with ``δ = Σ_j p dp - dlse``, ``ds = p · (dp - δ)`` and ``dp = dy vᵀ``,
    ``dq = scale · ds k``, ``dk = scale · dsᵀ q``, ``dv = pᵀ dy``, ``dsink = -Σ p_sink · δ``.

    Parameters
    ----------
    grad_output : array of the output's shape
    grad_lse : array of lse's shape, or None for zero
    *arguments
        As given to `attention`.

    Returns
    -------
    tuple of nine: the gradients of query, key, value, attn_mask (of numbers), None, sinks, and None three times

    Examples
    --------
    >>> rest = (None,) * 6 + (0.0, False, 1.0, False, "upper_left", -1, -1, 0.0, 0, False)
    >>> q, k, v = np.zeros((1, 4)), np.ones((2, 4)), np.array([[1.0], [3.0]])
    >>> made = attention_backward(np.ones((1, 1)), None, q, k, v, *rest)
    >>> made[2].tolist()
    [[0.5], [0.5]]
    """
    query, key, value, attn_mask = arguments[:4]
    packed, sinks = arguments[7] is not None, arguments[5]
    dq, dk, dv = (np.zeros(np.shape(a)) for a in (query, key, value))
    has_mask = attn_mask is not None and attn_mask.dtype != bool
    dmask = np.zeros((*np.shape(query)[:-1], np.shape(key)[-2])) if has_mask else None
    dsinks = None if sinks is None else np.zeros(np.shape(sinks))
    for place, of, h, head in heads(arguments):
        dlse = np.zeros(len(head.q)) if grad_lse is None else grad_lse[(h, place[0]) if packed else place]
        q, k, v, scores, sink = head.backward(np.asarray(grad_output[place], np.float64), np.asarray(dlse, np.float64))
        dq[place] = q
        dk[of] += k
        dv[of] += v
        if has_mask:
            dmask[place][:, : scores.shape[1]] = scores
        if dsinks is not None:
            dsinks[h] += sink
    if has_mask:
        shape = (1,) * (dmask.ndim - attn_mask.ndim) + attn_mask.shape
        summed = tuple(i for i, (n, m) in enumerate(zip(shape, dmask.shape, strict=True)) if n == 1 and m != 1)
        dmask = dmask.sum(axis=summed, keepdims=True).reshape(attn_mask.shape)
    return dq, dk, dv, dmask, None, dsinks, None, None, None
