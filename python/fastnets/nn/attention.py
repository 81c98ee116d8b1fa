"""Multi-head attention as a layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import arrays, parts, placement, random
from .. import functional as F
from ..backends import current_mode, pack_weight
from . import arguments, masks
from .attention_weights import average, weigh
from .composite import Composite
from .heads import Layout, merge, split
from .key_value_cache import AttentionCache, MemoryCache
from .linear import Linear
from .tree import Array

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Composite):
    """Attention of several heads, each on projections of its own: ``y = concat(head_0, …) W_outᵀ + b_out``.

    ``head_h = softmax(q_h k_hᵀ / √D + mask) v_h``, where q, k and v are affine maps of query, key and value and D is
    ``embed_dim / num_heads``.

    Parameters
    ----------
    embed_dim, num_heads : int
        Features of query and output, and the heads that share them; embed_dim is a multiple of num_heads.
    dropout : float
        In training, the probability with which each weight of the softmax is zeroed.
    bias : bool
        Whether the maps have biases.
    add_bias_kv : bool
        Whether one more key and value, which are parameters, come behind the others.
    add_zero_attn : bool
        Whether one more key and value of zeros come behind them.
    kdim, vdim : int, optional
        Features of key and value, by default embed_dim.
    batch_first : bool
        Whether arrays are (N, L, features) rather than (L, N, features).
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.

    Attributes
    ----------
    in_proj_weight : array (3 · embed_dim, embed_dim) or None
        Of query, key and value; None where kdim or vdim differ, and then there are
    q_proj_weight, k_proj_weight, v_proj_weight : array (embed_dim, embed_dim), (embed_dim, kdim), (embed_dim, vdim)
        All from Xavier's uniform distribution.
    in_proj_bias : array (3 · embed_dim,) or None
        Zeros at first.
    bias_k, bias_v : array (1, 1, embed_dim) or None
        From Xavier's normal distribution.
    out_proj : Linear
        Its bias is zero at first.

    Raises
    ------
    ValueError
        For sizes below 1, an embed_dim that num_heads does not divide, a dropout outside [0, 1]; when called, for
        shapes, masks and lengths that do not fit.
    TypeError
        For masks that are neither bool nor numbers.

    Notes
    -----
    ``layer(query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
    is_causal=False)`` returns the output and the weights (N, L, S), or (N, num_heads, L, S) where they are not to be
    averaged, or None; without `need_weights` they are never formed. Query is (N, L, embed_dim), key and value are
    (N, S, …), or without N. Masks are torch's: True hides, numbers are added to the scores; ``key_padding_mask`` is
    (N, S), ``attn_mask`` (L, S) or (N · num_heads, L, S); they have no gradient. ``is_causal`` hides the keys behind
    each query by itself, without a mask.

    Beyond torch, by keyword: ``cu_seqlens`` (sequences + 1,) says where packed sequences begin in query, key and value
    (total, …), each of which attends within itself; there are no weights then. ``cache``, from `make_cache`, holds the
    positions seen before; the new ones see those and, of the new ones, those up to themselves, and masks cover all
    keys. ``residual`` is added to the output.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = np.ones((3, 5, 8), np.float32)
    >>> y, weights = layer(x, x, x)
    >>> y.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Array | None
    in_proj_bias: Array | None
    q_proj_weight: Array | None
    k_proj_weight: Array | None
    v_proj_weight: Array | None
    bias_k: Array | None
    bias_v: Array | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        self.embed_dim = E = arguments.integer(name, "embed_dim", embed_dim, least=1)
        self.num_heads = arguments.integer(name, "num_heads", num_heads, least=1)
        if E % self.num_heads:
            raise ValueError(f"{name}: embed_dim is {E} but a multiple of num_heads {self.num_heads} is expected")
        self.head_dim = E // self.num_heads
        self.kdim = E if kdim is None else arguments.integer(name, "kdim", kdim, least=1)
        self.vdim = E if vdim is None else arguments.integer(name, "vdim", vdim, least=1)
        self.dropout = arguments.probability(name, "dropout", dropout)
        self.batch_first = arguments.flag(name, "batch_first", batch_first)
        self.add_zero_attn = arguments.flag(name, "add_zero_attn", add_zero_attn)
        together = self.kdim == self.vdim == E
        shapes = {"q_proj_weight": (E, E), "k_proj_weight": (E, self.kdim), "v_proj_weight": (E, self.vdim)}
        for each, shape in shapes.items():
            self.register_parameter(each, None if together else random.xavier_uniform(shape))
        self.register_parameter("in_proj_weight", random.xavier_uniform((3 * E, E)) if together else None)
        bias = arguments.flag(name, "bias", bias)
        self.register_parameter("in_proj_bias", np.zeros(3 * E, np.float32) if bias else None)
        self.out_proj = Linear(E, E, bias)
        if self.out_proj.bias is not None:
            self.out_proj.bias[...] = 0
        for each in ("bias_k", "bias_v"):
            own = arguments.flag(name, "add_bias_kv", add_bias_kv)
            self.register_parameter(each, random.normal(0.0, E**-0.5, (1, 1, E)) if own else None)
        self.to(device=device, dtype=dtype)

    def make_cache(self, batch_size: int, max_length: int) -> AttentionCache:
        """Room for the keys and values of `max_length` positions of `batch_size` sequences, for ``cache=``."""
        name = f"{type(self).__name__}.make_cache"
        N = arguments.integer(name, "batch_size", batch_size, least=1)
        length = arguments.integer(name, "max_length", max_length, least=1)
        room = np.zeros((N, self.num_heads, length, self.head_dim), np.float32)
        return AttentionCache(*(placement.like(room, self.out_proj.weight) for _ in range(2)))

    def make_memory_cache(self, memory: Array | None = None) -> MemoryCache:
        """A place for the keys and values of a memory, for ``cache=``; projected now, or by the first call."""
        cache = MemoryCache()
        if memory is not None:
            layout = self._layout(memory, None)
            self._check_features(("key", memory, self.kdim), ("value", memory, self.vdim))
            cache.get(self._name, lambda: self._project_memory(memory, memory, layout))
        return cache

    def forward(
        self,
        query: Array,
        key: Array,
        value: Array,
        key_padding_mask: Array | None = None,
        need_weights: bool = True,
        attn_mask: Array | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        *,
        cu_seqlens: Array | None = None,
        cache: AttentionCache | MemoryCache | None = None,
        residual: Array | None = None,
    ) -> tuple[Array, Array | None]:
        self._check(query, key, value, cache)
        layout, extra = self._layout(query, cu_seqlens), (self.bias_k is not None) + self.add_zero_attn
        dropout_p = self.dropout if self.training else 0.0
        if layout is Layout.PACKED:
            if query.ndim != 2 or extra or not cache is key_padding_mask is attn_mask is None:
                raise ValueError(
                    f"{self._name}: cu_seqlens expects (total, {self.embed_dim}) without masks, extra keys and cache; "
                    f"got query {tuple(query.shape)}"
                )
            q, k, v = self._project(query, key, value, layout)
            of_heads = F.varlen_attention(q, k, v, cu_seqlens, cu_seqlens, dropout_p=dropout_p, is_causal=is_causal)
            return self.out_proj(merge(of_heads, layout), residual), None
        q, k, v = self._with_cache(query, key, value, layout, cache)
        L, S = q.shape[-2], k.shape[-2]
        at_end = isinstance(cache, AttentionCache)  # the queries are the last of the positions
        is_causal, hidden = is_causal or at_end, None
        if is_causal and (extra or need_weights):  # extra keys stand behind all queries, but are seen
            hidden, is_causal = masks.causal_mask(query, L, S, at_end), False
        shape = (*q.shape[:-1], S)
        mask = masks.attention_mask(self._name, query, shape, key_padding_mask, attn_mask, extra, hidden)
        k, v = self._extended(k, self.bias_k), self._extended(v, self.bias_v)
        weights = None
        if need_weights:
            of_heads, weights = weigh(q, k, v, mask, dropout_p)
            weights = average(weights) if average_attn_weights else weights
        else:
            alignment = "lower_right" if at_end else "upper_left"
            of_heads = F.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, causal_alignment=alignment)
        return self.out_proj(merge(of_heads, layout), residual), weights

    # ---- on the way ------------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _layout(self, query: Array, cu_seqlens: Any) -> Layout:
        if cu_seqlens is not None:
            return Layout.PACKED
        return Layout.LENGTH_FIRST if query.ndim == 3 and not self.batch_first else Layout.BATCH_FIRST

    def _check(self, query: Array, key: Array, value: Array, cache: Any) -> None:
        self._check_features(("query", query, self.embed_dim))
        if cache is not None and query.ndim != 3:
            raise ValueError(f"{self._name}: query has shape {tuple(query.shape)} but a cache expects a batch")
        if isinstance(cache, MemoryCache) and cache.projected is not None:
            return
        self._check_features(("key", key, self.kdim), ("value", value, self.vdim))
        batch = 0 if self.batch_first else 1
        shapes = [tuple(array.shape) for array in (query, key, value)]
        if key.ndim != query.ndim or (query.ndim == 3 and key.shape[batch] != query.shape[batch]):
            raise ValueError(f"{self._name}: key has shape {shapes[1]} but query {shapes[0]} expects the same batch")
        if shapes[2][:-1] != shapes[1][:-1]:
            raise ValueError(
                f"{self._name}: value has shape {shapes[2]} but key {shapes[1]} expects the same positions"
            )

    def _check_features(self, *named: tuple[str, Any, int]) -> None:
        for name, array, width in named:
            if arrays.library(array) is None:
                raise TypeError(f"{self._name}: {name} is {type(array).__name__} but an array is expected")
            if array.ndim not in (2, 3) or array.shape[-1] != width:
                shape, sizes = tuple(array.shape), f"(…, …, {width}) or (…, {width})"
                raise ValueError(f"{self._name}: {name} has shape {shape} but {sizes} is expected")

    def _with_cache(
        self, query: Array, key: Array, value: Array, layout: Layout, cache: AttentionCache | MemoryCache | None
    ) -> tuple[Array, Array, Array]:
        """Queries, and the keys and values of all positions that they may see, head by head."""
        if isinstance(cache, MemoryCache):
            q, _, _ = self._project(query, None, None, layout)
            k, v = cache.get(self._name, lambda: self._project_memory(key, value, layout))
        else:
            q, k, v = self._project(query, key, value, layout)
            if cache is not None:
                k, v = cache.append(self._name, k, v)
        return q, k, v

    def _project(self, query: Array, key: Array, value: Array, layout: Layout) -> list[Array]:
        """Heads of those of the three that are there; one product for what is the same array."""
        taken: list[Array] = [None, None, None]
        given = (query, key, value)
        first = 0
        while first < 3:
            end = first + 1
            if given[first] is not None:
                while end < 3 and given[end] is given[first] and self.in_proj_weight is not None:
                    end += 1
                y = F.linear(given[first], self._weight(first, end), self._bias(first, end))
                taken[first:end] = split(y, end - first, self.num_heads, layout)
            first = end
        return taken

    def _project_memory(self, key: Array, value: Array, layout: Layout) -> tuple[Array, Array]:
        _, k, v = self._project(None, key, value, layout)
        return k, v

    def _weight(self, first: int, end: int) -> Any:
        """The maps of some of query, key and value: a part of all, packed in eval."""
        if self._packed and current_mode().tape is None:
            return self._packed[f"{first}:{end}"]
        if self.in_proj_weight is None:
            return (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)[first]
        return _rows(self.in_proj_weight, first, end, self.embed_dim)

    def _bias(self, first: int, end: int) -> Array | None:
        return None if self.in_proj_bias is None else _rows(self.in_proj_bias, first, end, self.embed_dim)

    def packed_operands(self) -> dict[str, object]:
        if self.in_proj_weight is None:
            maps = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            return {f"{i}:{i + 1}": pack_weight("linear", weight) for i, weight in enumerate(maps)}
        return {
            f"{first}:{end}": pack_weight("linear", _rows(self.in_proj_weight, first, end, self.embed_dim))
            for first in range(3)
            for end in range(first + 1, 4)
        }

    def _extended(self, of_heads: Array, bias: Array | None) -> Array:
        """Keys or values with the one that is a parameter and the one of zeros behind them."""
        if bias is None and not self.add_zero_attn:
            return of_heads
        made = [of_heads]
        H, D, shape = self.num_heads, self.head_dim, (*of_heads.shape[:-2], 1, of_heads.shape[-1])
        if bias is not None:
            made.append(
                parts.rearrange(
                    bias,
                    lambda b: arrays.namespace(b).broadcast_to(b.reshape(H, 1, D), shape),
                    lambda g: g.reshape(-1, H * D).sum(0).reshape(1, 1, H * D),
                )
            )
        if self.add_zero_attn:
            made.append(parts.constant(placement.like(np.zeros(shape, np.float32), of_heads)))
        return parts.join(made, axis=-2)

    def flops(self, inputs: tuple[Any, ...], output: Any) -> int:
        query, key, value = inputs[:3]
        E = self.embed_dim
        rows = [math.prod(array.shape[:-1]) for array in (query, key, value)]
        products = 2 * E * (rows[0] * E + rows[1] * self.kdim + rows[2] * self.vdim)
        length = key.shape[-2 if key.ndim == 2 or self.batch_first else 0]
        return products + 4 * rows[0] * length * E


def _rows(array: Array, first: int, end: int, size: int) -> Array:
    """Some of the three parts of a parameter."""
    if end - first == 3:
        return array
    sizes = [n * size for n in (first, end - first, 3 - end) if n]
    return parts.split(array, sizes=sizes)[1 if first else 0]
