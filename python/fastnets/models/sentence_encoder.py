"""Sentences to vectors that are near each other where the sentences mean the same."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastnets.functional as F

from .. import arrays, parts
from ..nn import arguments
from ..nn.composite import Composite
from ..nn.tree import Array
from . import checkpoint
from .bert import Bert
from .packing import Packing

__all__ = ["SentenceEncoder"]

_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class SentenceEncoder(Composite):
    """A BERT whose tokens' vectors are pooled to one for the sentence, of length 1.

    ``y = pooled / ‖pooled‖``, where pooled is the mean of the hidden states of a sentence's tokens, or the first of
    them. The scalar product of two such vectors is the cosine of the angle between them.

    Parameters
    ----------
    bert : Bert
        The model of the tokens.
    tokenizer : tokenizers.Tokenizer, optional
        Turns text into ids; `encode` needs it.
    max_seq_length : int, optional
        `encode` cuts texts that are longer, in tokens; by default the longest that `bert` takes.
    pooling : "mean" or "cls"
        The mean of all tokens, or the first one.

    Raises
    ------
    ValueError
        For another pooling, and a length below 1 or beyond what `bert` takes.

    Notes
    -----
    ``encoder(input_ids, attention_mask=None)`` takes ids (N, S), as `Bert` does, and returns (N, H); a row without
    tokens gives zeros.

    References
    ----------
    Reimers, Gurevych: Sentence-BERT, 2019, https://arxiv.org/abs/1908.10084

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> encoder = fn.models.SentenceEncoder(fn.models.Bert(100, 16, 2, 2, 32)).eval()
    >>> y = encoder(np.array([[5, 7, 9], [5, 7, 0]]), np.array([[1, 1, 1], [1, 1, 0]]))
    >>> y.shape, (y**2).sum(axis=1).round(5).tolist()
    ((2, 16), [1.0, 1.0])
    """

    def __init__(
        self, bert: Bert, tokenizer: Any = None, max_seq_length: int | None = None, pooling: str = "mean"
    ) -> None:
        name, limit = type(self).__name__, bert.max_position_embeddings
        if pooling not in _POOLINGS.values():
            raise ValueError(f"{name}: pooling is {pooling!r} but 'mean' or 'cls' is expected")
        length = limit if max_seq_length is None else arguments.integer(name, "max_seq_length", max_seq_length, least=1)
        if length > limit:
            raise ValueError(
                f"{name}: max_seq_length is {length} but at most {limit}, the model's max_position_embeddings, "
                "is expected"
            )
        self.bert, self.pooling, self.max_seq_length = bert, pooling, length
        self.tokenizer = tokenizer
        if tokenizer is not None:
            tokenizer.no_padding()
            tokenizer.enable_truncation(length)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> SentenceEncoder:
        """Read a model from the files that Hugging Face publishes.

        Parameters
        ----------
        folder : str or path-like
            With ``config.json``, ``model.safetensors`` and ``tokenizer.json``. Of sentence-transformers' layout, the
            pooling and the maximal length are taken; without it texts are pooled by the mean.

        Returns
        -------
        SentenceEncoder
            In eval, with float32 parameters.

        Raises
        ------
        FileNotFoundError
            If one of the files is missing.
        ValueError
            If a file is damaged, the model no BERT, or pooled in a way that is not served.
        ImportError
            If tokenizers or safetensors is missing; names the extra that brings it.

        Examples
        --------
        >>> import fastnets as fn
        >>> encoder = fn.models.SentenceEncoder.from_pretrained("all-MiniLM-L6-v2")  # doctest: +SKIP
        >>> encoder.encode(["How old are you?", "What is your age?"]) @ encoder.encode("age")  # doctest: +SKIP
        """
        folder = checkpoint.existing_folder(cls.__name__, folder)
        tokenizer = _tokenizer(folder / "tokenizer.json")
        bert = Bert.from_pretrained(folder)
        length = _max_seq_length(folder)
        if length is not None:
            length = min(length, bert.max_position_embeddings)
        return cls(bert, tokenizer, length, _pooling(folder)).eval()

    # ---- text ------------------------------------------------------------------------------------------------------

    def encode(self, texts: str | Sequence[str], batch_size: int = 32) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Turn texts into vectors; the longest first, none padded, returned in the order given.

        Parameters
        ----------
        texts : str or sequence of str
            What lies beyond `max_seq_length` tokens is cut.
        batch_size : int
            How many texts are computed together.

        Returns
        -------
        numpy.ndarray of float32 (N, H)
            Of length 1 each; (H,) for a single str.

        Raises
        ------
        TypeError
            For what is no text.
        ValueError
            For a batch size below 1, and for a model without a tokenizer.
        """
        name = f"{type(self).__name__}.encode"
        if self.tokenizer is None:
            raise ValueError(f"{name}: the model has no tokenizer; expected one, as from_pretrained reads it")
        arguments.integer(name, "batch_size", batch_size, least=1)
        if isinstance(texts, str):
            return self.encode([texts])[0]
        if not isinstance(texts, Iterable):
            raise TypeError(f"{name}: texts is {type(texts).__name__} but a str or a sequence of them is expected")
        texts = list(texts)
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"{name}: texts[{i}] is {type(text).__name__} but a str is expected")
        tokens = [np.array(encoding.ids, np.int64) for encoding in self.tokenizer.encode_batch(texts)]
        order = np.argsort([-len(ids) for ids in tokens], kind="stable")
        batches = [order[start : start + batch_size] for start in range(0, len(tokens), batch_size)]
        vectors = np.empty((len(tokens), self.bert.hidden_size), np.float32)
        was_training = self.training
        if was_training:
            self.eval()
        try:
            for batch in batches:
                vectors[batch] = arrays.to_numpy(self._encoded([tokens[i] for i in batch]))
        finally:
            if was_training:
                self.train()
        return vectors

    def _encoded(self, tokens: Sequence[np.ndarray[Any, Any]]) -> Array:
        packing = Packing.of_lengths(np.array([len(ids) for ids in tokens]))
        ids = arrays.from_numpy(np.concatenate(tokens), self.bert.embeddings.word_embeddings.weight)
        return self.packed(ids, packing)

    # ---- computing -------------------------------------------------------------------------------------------------

    def forward(self, input_ids: Array, attention_mask: Array | None = None) -> Array:
        packing = self.bert.packing(input_ids, attention_mask)
        return self.packed(packing.pack(input_ids), packing)

    def packed(self, ids: Array, packing: Packing) -> Array:
        """The vectors (N, H) of sentences whose tokens (total,) stand one after the other."""
        hidden = self.bert.packed(ids, packing)
        pooled = _means(hidden, packing) if self.pooling == "mean" else packing.first(hidden)
        return _normalised(pooled)

    def extra_repr(self) -> str:
        return f"max_seq_length={self.max_seq_length}, pooling={self.pooling!r}"


def _means(hidden: Array, packing: Packing) -> Array:
    """The mean of each sequence's rows: a query of zeros weighs all keys alike."""
    total, width = hidden.shape
    query, key = (parts.constant(arrays.zeros((n, 1, 1), hidden)) for n in (packing.shape[0], total))
    ends = np.arange(packing.shape[0] + 1)
    value = parts.rearrange(hidden, lambda a: a.reshape(total, 1, width), lambda a: a.reshape(total, width))
    means = F.varlen_attention(query, key, value, ends, packing.cu_seqlens)
    return parts.rearrange(means, lambda a: a.reshape(-1, width), lambda a: a.reshape(-1, 1, width))


def _normalised(vectors: Array) -> Array:
    """Each row at length 1: ``x / √(Σ x² + 10⁻²⁴)``, a root mean square norm whose weight is 1 / √H."""
    width = vectors.shape[1]
    dtype = np.float64 if arrays.dtype_name(vectors) == "float64" else np.float32
    weight = arrays.from_numpy(np.full(width, width**-0.5, dtype), vectors)
    return F.rms_norm(vectors, width, parts.constant(weight), 1e-24 / width)


# ---- files -----------------------------------------------------------------------------------------------------------


def _tokenizer(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"SentenceEncoder: {path} is missing; expected the file of the tokenizers package")
    try:
        import tokenizers
    except ImportError:
        raise ImportError("SentenceEncoder needs tokenizers: pip install 'fastnets[text]'") from None
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # its errors have no class of their own
        raise ValueError(f"SentenceEncoder: {path} is no tokenizer: {error}") from None


def _pooling(folder: Path) -> str:
    """How sentence-transformers' layout pools; the mean without it."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return "mean"
    for module in checkpoint.read_json(modules, list):
        kind = str(module["type"]).rpartition(".")[2]
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise ValueError(f"{modules}: {kind} is not served; expected Transformer, Pooling, Normalize")
    path = folder / "1_Pooling" / "config.json"
    modes = {key for key, value in checkpoint.read_json(path).items() if key.startswith("pooling_mode_") and value}
    if len(modes) != 1 or not modes <= _POOLINGS.keys():
        raise ValueError(f"{path}: pools by {', '.join(sorted(modes))} but one of {', '.join(_POOLINGS)} is expected")
    return _POOLINGS[modes.pop()]


def _max_seq_length(folder: Path) -> int | None:
    """The maximal length of sentence-transformers' layout, or the tokenizer's; None where neither says one."""
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        path = folder / name
        length = checkpoint.read_json(path).get(key) if path.is_file() else None
        if length is not None:
            return int(length)
    return None
