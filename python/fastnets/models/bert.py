"""BERT: the Transformer's encoder over tokens, read from the published checkpoints."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from .. import arrays, nn, parts, random
from ..nn import arguments
from ..nn.composite import Composite
from ..nn.fusion import ACTIVATIONS
from ..nn.tree import Array, Role
from . import checkpoint
from .packing import Packing

__all__ = ["Bert"]

_ACTIVATIONS: dict[str, Any] = {  # what the published configurations call them
    "gelu": "gelu",
    "gelu_new": ACTIVATIONS["gelu_tanh"],
    "gelu_pytorch_tanh": ACTIVATIONS["gelu_tanh"],
    "relu": "relu",
    "silu": ACTIVATIONS["silu"],
}


class Embeddings(Composite):
    """``dropout(LayerNorm(word[ids] + position[positions] + token_type[types]))`` of tokens (total,)."""

    def __init__(
        self, rows: tuple[int, int, int], width: int, std: float, padding_idx: int | None, eps: float, dropout: float
    ) -> None:
        words, positions, types = (random.normal(0.0, std, (count, width)) for count in rows)
        self.word_embeddings = nn.Embedding(rows[0], width, padding_idx, _weight=words)
        if self.word_embeddings.padding_idx is not None:
            words[self.word_embeddings.padding_idx] = 0
        self.position_embeddings = nn.Embedding(rows[1], width, _weight=positions)
        self.token_type_embeddings = nn.Embedding(rows[2], width, _weight=types)
        self.LayerNorm = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Array, positions: Array, types: Array) -> Array:
        total = parts.add(self.word_embeddings(ids), self.position_embeddings(positions))
        return self.dropout(self.LayerNorm(parts.add(total, self.token_type_embeddings(types))))


class Bert(Composite):
    """Bidirectional encoder: from each token of a text to a vector that knows the others.

    ``hidden = encoder(LayerNorm(word[ids] + position[0, 1, …] + token_type[types]))``, where the encoder is a stack of
    post-norm Transformer layers. The arguments are the fields of a published ``config.json``.

    Parameters
    ----------
    vocab_size, hidden_size : int
        The number of tokens, and the size of a vector.
    num_hidden_layers, num_attention_heads, intermediate_size : int
        Layers, heads of each, and the size between the two products behind the attention.
    hidden_act : "gelu", "gelu_new", "gelu_pytorch_tanh", "relu" or "silu"
        Between these products.
    hidden_dropout_prob, attention_probs_dropout_prob : float
        Dropout in training, behind embeddings and products, and of the attention's weights.
    max_position_embeddings, type_vocab_size : int
        The longest text, in tokens, and how many kinds of text there are.
    initializer_range : float
        Standard deviation of the initial weights; biases begin as zeros.
    layer_norm_eps : float
        Of all norms.
    pad_token_id : int, optional
        A token whose vector begins as zeros and has no gradient.

    Raises
    ------
    ValueError
        For sizes below 1, an activation that is not served, heads that do not divide `hidden_size`.

    Notes
    -----
    ``bert(input_ids, attention_mask=None, token_type_ids=None)`` returns the last hidden state (N, S, hidden_size).
    All three are (N, S); the mask is 1 or True where there is a token, anywhere in a row, and by default everywhere.
    What it hides is not computed: the tokens are packed one after the other, and its rows come out as zeros. Packing
    needs the mask on the host, so that a mask on a GPU is waited for. The ids have no gradient, and that of
    the zeros is not looked at.

    References
    ----------
    Devlin, Chang, Lee, Toutanova: BERT, 2018, https://arxiv.org/abs/1810.04805

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> bert = fn.models.Bert(100, 16, 2, 2, 32).eval()
    >>> ids, mask = np.array([[5, 7, 9], [5, 7, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    >>> hidden = bert(ids, mask)
    >>> hidden.shape, bool(hidden[1, 2].any())
    ((2, 3, 16), False)
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        pad_token_id: int | None = 0,
    ) -> None:
        name = type(self).__name__
        integer = partial(arguments.integer, name, least=1)
        self.vocab_size = integer("vocab_size", vocab_size)
        self.hidden_size = integer("hidden_size", hidden_size)
        self.num_hidden_layers = integer("num_hidden_layers", num_hidden_layers)
        self.num_attention_heads = integer("num_attention_heads", num_attention_heads)
        self.intermediate_size = integer("intermediate_size", intermediate_size)
        self.max_position_embeddings = integer("max_position_embeddings", max_position_embeddings)
        self.type_vocab_size = integer("type_vocab_size", type_vocab_size)
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"{name}: hidden_size is {hidden_size} but a multiple of num_attention_heads {num_attention_heads} "
                "is expected"
            )
        if hidden_act not in _ACTIVATIONS:
            raise ValueError(
                f"{name}: hidden_act is {hidden_act!r} but one of {', '.join(map(repr, _ACTIVATIONS))} is expected"
            )
        self.hidden_act = hidden_act
        std = arguments.positive(name, "initializer_range", initializer_range, or_zero=True)
        dropout = arguments.probability(name, "hidden_dropout_prob", hidden_dropout_prob)
        of_weights = arguments.probability(name, "attention_probs_dropout_prob", attention_probs_dropout_prob)
        rows = (self.vocab_size, self.max_position_embeddings, self.type_vocab_size)
        self.embeddings = Embeddings(rows, hidden_size, std, pad_token_id, layer_norm_eps, dropout)
        with random.skip_drawing():
            layer = nn.TransformerEncoderLayer(
                hidden_size,
                num_attention_heads,
                intermediate_size,
                dropout,
                _ACTIVATIONS[hidden_act],
                layer_norm_eps,
                batch_first=True,
            )
            layer.self_attn.dropout = of_weights
            layer.dropout.p = 0.0  # between its two products, where BERT has none
            self.encoder = nn.TransformerEncoder(layer, num_hidden_layers)
        for slot in self.encoder.slots(Role.PARAMETER):
            if slot.array.ndim == 2:  # all others are norms' and biases
                slot.array[...] = random.normal(0.0, std, slot.array.shape)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Bert:
        """Read a model from the files that Hugging Face publishes, ``config.json`` and ``model.safetensors``.

        Parameters
        ----------
        folder : str or path-like
            Where they lie. The pooler and the heads of a task are left out.

        Returns
        -------
        Bert
            In eval, with float32 parameters.

        Raises
        ------
        FileNotFoundError
            If one of the files is missing.
        ValueError
            If the model is no BERT, has a part that is not served, or lacks weights, all of which it lists.
        ImportError
            If safetensors is missing; names the extra that brings it.

        Examples
        --------
        >>> import fastnets as fn
        >>> fn.models.Bert.from_pretrained("all-MiniLM-L6-v2")  # doctest: +SKIP
        """
        folder = checkpoint.existing_folder(cls.__name__, folder)
        arguments = checkpoint.configuration(folder)
        with random.skip_drawing():
            model = cls(**arguments)
        model.load_state_dict(checkpoint.weights(folder, arguments["num_hidden_layers"]))
        return model.eval()

    # ---- computing -------------------------------------------------------------------------------------------------

    def forward(
        self, input_ids: Array, attention_mask: Array | None = None, token_type_ids: Array | None = None
    ) -> Array:
        packing = self.packing(input_ids, attention_mask)
        types = None if token_type_ids is None else self._packed_types(packing, token_type_ids)
        return packing.unpack(self.packed(packing.pack(input_ids), packing, types))

    def packed(self, ids: Array, packing: Packing, types: Array | None = None) -> Array:
        """The last hidden state (total, hidden_size) of tokens (total,) that stand one after the other."""
        self._check_range("input_ids", ids, "vocab_size")
        if types is None:
            types = arrays.from_numpy(np.zeros_like(packing.positions), ids)
        else:
            self._check_range("token_type_ids", types, "type_vocab_size")
        positions = arrays.from_numpy(packing.positions, ids)
        return self.encoder(self.embeddings(ids, positions, types), cu_seqlens=packing.cu_seqlens)

    # ---- checking --------------------------------------------------------------------------------------------------

    def packing(self, input_ids: Array, attention_mask: Array | None = None) -> Packing:
        """Where the tokens are; ValueError for shapes that do not fit and for a mask of other numbers than 0 and 1."""
        name = type(self).__name__
        for argument, array in (("input_ids", input_ids), ("attention_mask", attention_mask)):
            if array is not None and arrays.library(array) is None:
                raise TypeError(f"{name}: {argument} is {type(array).__name__} but an array is expected")
        shape = tuple(input_ids.shape)
        if len(shape) != 2:
            raise ValueError(f"{name}: input_ids has shape {shape} but (N, S) is expected")
        if shape[1] > self.max_position_embeddings:
            raise ValueError(
                f"{name}: input_ids {shape} has {shape[1]} tokens a row but at most max_position_embeddings "
                f"{self.max_position_embeddings} are expected"
            )
        if attention_mask is None:
            return Packing(shape)
        self._check_shape("attention_mask", attention_mask, shape)
        mask = arrays.to_numpy(attention_mask)
        if not ((mask == 0) | (mask == 1)).all():
            raise ValueError(
                f"{name}: attention_mask holds {mask[(mask != 0) & (mask != 1)][0]} but 0 or 1 is expected"
            )
        return Packing(shape, mask != 0)

    def _packed_types(self, packing: Packing, token_type_ids: Array) -> Array:
        if arrays.library(token_type_ids) is None:
            raise TypeError(
                f"{type(self).__name__}: token_type_ids is {type(token_type_ids).__name__} but an array is expected"
            )
        self._check_shape("token_type_ids", token_type_ids, packing.shape)
        return packing.pack(token_type_ids)

    def _check_shape(self, argument: str, array: Array, expected: tuple[int, ...]) -> None:
        if tuple(array.shape) != expected:
            raise ValueError(
                f"{type(self).__name__}: {argument} has shape {tuple(array.shape)} but input_ids {expected} is expected"
            )

    def _check_range(self, argument: str, indices: Array, limit: str) -> None:
        if arrays.library(indices) != "numpy" or indices.dtype.kind not in "iu" or not indices.size:
            return  # the kernel looks at it
        rows = getattr(self, limit)
        for value in (int(indices.min()), int(indices.max())):
            if not 0 <= value < rows:
                raise ValueError(
                    f"{type(self).__name__}: {argument} holds {value} but 0 to {limit} - 1 = {rows - 1} is expected"
                )
