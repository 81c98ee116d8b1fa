"""Transformers: stacks of encoder and decoder layers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import functional as F
from .. import placement, random
from . import arguments
from .combinators import Sequential
from .composite import Composite
from .key_value_cache import KeyValueCache, LayerCache
from .module import Module
from .normalization import LayerNorm
from .transformer_layers import Activation, TransformerDecoderLayer, TransformerEncoderLayer
from .tree import Array

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class _Stack(Composite):
    """Copies of a layer, each on the output of the one before, and a norm."""

    norm: Module | None

    def _build(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        name = type(self).__name__
        if not isinstance(layer, Module):
            raise TypeError(f"{name}: the layer is {type(layer).__name__} but a Module is expected")
        self.num_layers = arguments.integer(name, "num_layers", num_layers, least=0)
        self.layers = Sequential(*(copy.deepcopy(layer) for _ in range(self.num_layers)))
        self.norm = norm

    def _through(self, x: Array, *inputs: Any, cache: KeyValueCache | None, **options: Any) -> Array:
        with _appending(type(self).__name__, cache, self.num_layers) as caches:
            for layer, own in zip(self.layers, caches, strict=True):
                kept = {} if own is None else {"cache": own}
                x = layer(x, *inputs, **options, **kept)
        return x if self.norm is None else self.norm(x)


@contextmanager
def _appending(name: str, cache: KeyValueCache | None, layers: int) -> Iterator[list[LayerCache | None]]:
    """What each layer keeps; where one fails, all are as they were."""
    if cache is None:
        yield [None] * layers
        return
    if not isinstance(cache, KeyValueCache) or len(cache.layers) != layers:
        raise ValueError(
            f"{name}: cache is {type(cache).__name__} but one of make_cache of these {layers} layers is expected"
        )
    length = cache.length
    try:
        yield list(cache.layers)
    except Exception:
        cache.rewind(length)
        raise


class TransformerEncoder(_Stack):
    """Copies of an encoder layer, one after the other.

    Parameters
    ----------
    encoder_layer : Module
        Such as a `TransformerEncoderLayer`; copied with its parameters.
    num_layers : int
        How many copies.
    norm : Module, optional
        Applied at last.
    enable_nested_tensor, mask_check : bool
        Accepted; make no difference. ``cu_seqlens`` is how padding is left out.

    Raises
    ------
    TypeError, ValueError
        For a layer that is no Module and a negative number of layers.

    Notes
    -----
    ``encoder(src, mask=None, src_key_padding_mask=None, is_causal=None)``. Beyond torch, by keyword: ``cu_seqlens``
    (sequences + 1,) for packed sequences (total, d_model); ``cache``, from `make_cache`, for generation, where each
    position sees those before it and itself.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> encoder = fn.nn.TransformerEncoder(layer, num_layers=2).eval()
    >>> padded = encoder(np.ones((2, 3, 8), np.float32))
    >>> packed = encoder(np.ones((5, 8), np.float32), cu_seqlens=np.array([0, 3, 5]))
    >>> np.allclose(padded[0], packed[:3], atol=1e-6)
    True
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        self._build(encoder_layer, num_layers, norm)
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Array,
        mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        is_causal: bool | None = None,
        *,
        cu_seqlens: Array | None = None,
        cache: KeyValueCache | None = None,
    ) -> Array:
        packed = {} if cu_seqlens is None else {"cu_seqlens": cu_seqlens}
        return self._through(
            src,
            src_mask=mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=bool(is_causal),
            cache=cache,
            **packed,
        )

    def make_cache(self, batch_size: int, max_length: int) -> KeyValueCache:
        """Room for the keys and values of `max_length` positions of `batch_size` sequences.

        Parameters
        ----------
        batch_size, max_length : int

        Returns
        -------
        KeyValueCache
            For ``encoder(src, cache=cache)``, which computes new positions only.
        """
        return KeyValueCache([layer.make_cache(batch_size, max_length) for layer in self.layers])  # type: ignore[attr-defined]


class TransformerDecoder(_Stack):
    """Copies of a decoder layer, one after the other, all on the same memory.

    Parameters
    ----------
    decoder_layer : Module
        Such as a `TransformerDecoderLayer`; copied with its parameters.
    num_layers : int
        How many copies.
    norm : Module, optional
        Applied at last.

    Raises
    ------
    TypeError, ValueError
        For a layer that is no Module and a negative number of layers.

    Notes
    -----
    ``decoder(tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
    tgt_is_causal=None, memory_is_causal=False)``. Beyond torch ``cache=``, from `make_cache`, for generation.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> decoder = fn.nn.TransformerDecoder(layer, num_layers=2).eval()
    >>> memory, tgt = np.ones((1, 7, 8), np.float32), np.ones((1, 3, 8), np.float32)
    >>> cache = decoder.make_cache(batch_size=1, max_length=3)
    >>> steps = [decoder(tgt[:, t : t + 1], memory, cache=cache) for t in range(3)]
    >>> np.allclose(np.concatenate(steps, axis=1), decoder(tgt, memory, tgt_is_causal=True), atol=1e-6)
    True
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self._build(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Array,
        memory: Array,
        tgt_mask: Array | None = None,
        memory_mask: Array | None = None,
        tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
        *,
        cache: KeyValueCache | None = None,
    ) -> Array:
        return self._through(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=bool(tgt_is_causal),
            memory_is_causal=memory_is_causal,
            cache=cache,
        )

    def make_cache(self, batch_size: int, max_length: int, memory: Array | None = None) -> KeyValueCache:
        """Room for the keys and values of `max_length` positions of `batch_size` sequences.

        Parameters
        ----------
        batch_size, max_length : int
        memory : array, optional
            Projected now; else by the first call, and once.

        Returns
        -------
        KeyValueCache
            For ``decoder(tgt, memory, cache=cache)``, which computes new positions only.
        """
        return KeyValueCache([layer.make_cache(batch_size, max_length, memory) for layer in self.layers])  # type: ignore[attr-defined]


class Transformer(Composite):
    """Sequence to sequence: an encoder, and a decoder that attends to what it gives.

    Parameters
    ----------
    d_model, nhead : int
        Features, and the heads that share them.
    num_encoder_layers, num_decoder_layers : int
    dim_feedforward, dropout, activation
        As `TransformerEncoderLayer` takes them.
    custom_encoder, custom_decoder : Module, optional
        In the place of those made here.
    layer_norm_eps, batch_first, norm_first, bias, device, dtype
        As `TransformerEncoderLayer` takes them.

    Raises
    ------
    ValueError, TypeError
        As the layers; when called, for a src and tgt of different batches or widths.

    Notes
    -----
    ``model(src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None,
    tgt_key_padding_mask=None, memory_key_padding_mask=None, src_is_causal=None, tgt_is_causal=None,
    memory_is_causal=False)``. Matrices are drawn from Xavier's uniform distribution.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> model = fn.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(np.ones((3, 7, 8), np.float32), np.ones((3, 5, 8), np.float32), tgt_is_causal=True).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        shared = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        self.encoder = custom_encoder
        if custom_encoder is None:
            layer, norm = TransformerEncoderLayer(*shared), LayerNorm(d_model, layer_norm_eps, bias=bias)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.decoder = custom_decoder
        if custom_decoder is None:
            decoder_layer, norm = TransformerDecoderLayer(*shared), LayerNorm(d_model, layer_norm_eps, bias=bias)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        matrices = {name: array for name, array in self.named_parameters() if array.ndim > 1}
        self.load_state_dict(
            {name: random.xavier_uniform(array.shape) for name, array in matrices.items()}, strict=False
        )
        self.to(device=device, dtype=dtype)

    def forward(
        self,
        src: Array,
        tgt: Array,
        src_mask: Array | None = None,
        tgt_mask: Array | None = None,
        memory_mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        tgt_key_padding_mask: Array | None = None,
        memory_key_padding_mask: Array | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Array:
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Array:
        """The mask that hides later positions: (sz, sz), 0 up to the diagonal and -∞ above; float32 NumPy by default.

        Parameters
        ----------
        sz : int
            The length of the sequences.
        device, dtype
            As `Module.to` takes them.

        Examples
        --------
        >>> import fastnets as fn
        >>> fn.nn.Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        size = arguments.integer("generate_square_subsequent_mask", "sz", sz, least=0)
        mask = np.triu(np.full((size, size), -np.inf, np.float32), 1)
        targets = [target for target in (device, dtype) if target is not None]
        return placement.Placement.parse(*targets).place(mask)
