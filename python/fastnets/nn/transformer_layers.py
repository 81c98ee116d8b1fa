"""The layers that Transformers are stacks of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from .. import parts
from . import arguments
from .attention import MultiheadAttention
from .composite import Composite
from .dropout import Dropout
from .fusion import ACTIVATIONS
from .key_value_cache import LayerCache, MemoryCache
from .linear import Linear
from .normalization import LayerNorm
from .tree import Array

__all__ = ["Activation", "TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = str | Callable[..., Any]


class _TransformerLayer(Composite):
    """What both share: blocks around which their input is added, and norms before or behind them."""

    self_attn: MultiheadAttention
    norm_first: bool

    def _build_feed_forward(
        self, d_model: int, dim_feedforward: int, dropout: float, activation: Any, bias: bool
    ) -> None:
        name = type(self).__name__
        width = arguments.integer(name, "dim_feedforward", dim_feedforward, least=1)
        fused = _fused(activation)
        if fused is None and not callable(activation):
            names = ", ".join(ACTIVATIONS)
            raise ValueError(f"{name}: activation is {activation!r} but one of {names} or a function is expected")
        self.linear1 = Linear(d_model, width, bias, activation=fused)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(width, d_model, bias)
        self.activation: Any = ACTIVATIONS[fused] if fused else activation

    def make_cache(self, batch_size: int, max_length: int) -> LayerCache:
        """Room for what this layer keeps of `max_length` positions of `batch_size` sequences."""
        return LayerCache(self.self_attn.make_cache(batch_size, max_length), MemoryCache())

    def _check(self, name: str, array: Array) -> None:
        width = self.self_attn.embed_dim
        shape = tuple(getattr(array, "shape", ()))
        if len(shape) not in (2, 3) or shape[-1] != width:
            title = type(self).__name__
            raise ValueError(f"{title}: {name} has shape {shape} but (…, …, {width}) or (…, {width}) is expected")

    def _attended(
        self, attention: MultiheadAttention, x: Array, memory: Array, around: Array, dropout: Dropout, **options: Any
    ) -> Array:
        """``around + dropout(attention(x, memory))``."""
        return _sum(
            around, dropout, lambda rest: attention(x, memory, memory, need_weights=False, residual=rest, **options)[0]
        )

    def _fed(self, x: Array, around: Array, dropout: Dropout) -> Array:
        """``around + dropout(linear2(dropout(activation(linear1(x)))))``."""
        hidden = self.linear1(x)
        if self.linear1.activation is None:
            hidden = self.activation(hidden)
        hidden = self.dropout(hidden)
        return _sum(around, dropout, lambda rest: self.linear2(hidden, rest))


def _fused(activation: Any) -> str | None:
    """The name under which linear computes an activation along, or None."""
    if isinstance(activation, str):
        return activation if activation in ACTIVATIONS else None
    return next((name for name, function in ACTIVATIONS.items() if function is activation), None)


def _sum(around: Array, dropout: Dropout, compute: Callable[[Array | None], Array]) -> Array:
    """``around + dropout(compute(None))``; without dropout, what is computed takes the sum along."""
    if dropout.training and dropout.p:
        return parts.add(around, dropout(compute(None)))
    return compute(around)


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention, then two linear maps with an activation between them, each with a sum around it and a norm.

    ``x = norm1(x + attention(x)); y = norm2(x + linear2(activation(linear1(x))))``; with `norm_first`,
    ``x = x + attention(norm1(x)); y = x + linear2(activation(linear1(norm2(x))))``.

    Parameters
    ----------
    d_model, nhead : int
        Features, and the heads that share them.
    dim_feedforward : int
        Features between the two linear maps.
    dropout : float
        In training, the probability of each dropout: on attention's weights, on the activation and on what is added.
    activation : "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid" or callable
        A function of `fastnets.functional`, or a layer.
    layer_norm_eps : float
        Of the norms.
    batch_first : bool
        Whether arrays are (N, L, d_model) rather than (L, N, d_model).
    norm_first : bool
        Whether the norms come before the blocks.
    bias : bool
        Whether linear maps and norms have biases.
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.

    Raises
    ------
    ValueError, TypeError
        For sizes, probabilities and activations out of range; when called, for shapes and masks that do not fit.

    Notes
    -----
    ``layer(src, src_mask=None, src_key_padding_mask=None, is_causal=False)``; the masks are those of
    `MultiheadAttention`, whose keywords ``cu_seqlens`` and ``cache`` (here from ``make_cache``) it takes too. Where
    dropout does not act, activation and sums are computed along with the products before them.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762; Xiong and others: On layer
    normalization in the Transformer architecture, 2020, https://arxiv.org/abs/2002.04745

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> layer(np.ones((3, 5, 8), np.float32)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self._build_feed_forward(d_model, dim_feedforward, dropout, activation, bias)
        self.norm_first = arguments.flag(type(self).__name__, "norm_first", norm_first)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.to(device=device, dtype=dtype)

    def forward(
        self,
        src: Array,
        src_mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        is_causal: bool = False,
        *,
        cu_seqlens: Array | None = None,
        cache: LayerCache | None = None,
    ) -> Array:
        self._check("src", src)

        def attended(x: Array) -> Array:
            return self._attended(
                self.self_attn, x, x, src, self.dropout1, attn_mask=src_mask, key_padding_mask=src_key_padding_mask,
                is_causal=is_causal, cu_seqlens=cu_seqlens, cache=cache and cache.self_attn,
            )  # fmt: skip

        if self.norm_first:
            x = attended(self.norm1(src))
            return self._fed(self.norm2(x), x, self.dropout2)
        x = self.norm1(attended(src))
        return self.norm2(self._fed(x, x, self.dropout2))


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to a memory, then two linear maps, each with a sum around it and a norm.

    ``x = norm1(x + attention(x)); x = norm2(x + attention(x, memory));
    y = norm3(x + linear2(activation(linear1(x))))``, with `norm_first` the norms before the blocks.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype
        As `TransformerEncoderLayer` takes them.

    Raises
    ------
    ValueError, TypeError
        For sizes, probabilities and activations out of range; when called, for shapes and masks that do not fit.

    Notes
    -----
    ``layer(tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
    tgt_is_causal=False, memory_is_causal=False)``; beyond torch ``cache=``, from ``make_cache``, keeps the keys and
    values of the positions before and of the memory, which is projected once.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> layer(np.ones((3, 5, 8), np.float32), np.ones((3, 7, 8), np.float32)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self._build_feed_forward(d_model, dim_feedforward, dropout, activation, bias)
        self.norm_first = arguments.flag(type(self).__name__, "norm_first", norm_first)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.to(device=device, dtype=dtype)

    def make_cache(self, batch_size: int, max_length: int, memory: Array | None = None) -> LayerCache:
        """Room for what this layer keeps of `max_length` positions of `batch_size` sequences, and of the memory."""
        own = self.self_attn.make_cache(batch_size, max_length)
        return LayerCache(own, self.multihead_attn.make_memory_cache(memory))

    def forward(
        self,
        tgt: Array,
        memory: Array,
        tgt_mask: Array | None = None,
        memory_mask: Array | None = None,
        tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
        *,
        cache: LayerCache | None = None,
    ) -> Array:
        self._check("tgt", tgt)
        if cache is None or cache.memory.projected is None:
            self._check("memory", memory)

        def attended(x: Array, around: Array) -> Array:
            return self._attended(
                self.self_attn, x, x, around, self.dropout1, attn_mask=tgt_mask, is_causal=tgt_is_causal,
                key_padding_mask=tgt_key_padding_mask, cache=cache and cache.self_attn,
            )  # fmt: skip

        def looked_up(x: Array, around: Array) -> Array:
            return self._attended(
                self.multihead_attn, x, memory, around, self.dropout2, attn_mask=memory_mask,
                is_causal=memory_is_causal, key_padding_mask=memory_key_padding_mask, cache=cache and cache.memory,
            )  # fmt: skip

        if self.norm_first:
            x = attended(self.norm1(tgt), tgt)
            x = looked_up(self.norm2(x), x)
            return self._fed(self.norm3(x), x, self.dropout3)
        x = self.norm1(attended(tgt, tgt))
        x = self.norm2(looked_up(x, x))
        return self.norm3(self._fed(x, x, self.dropout3))
