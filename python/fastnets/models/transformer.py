"""The Transformer from one sequence to another, as it was invented for translation."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np

from .. import arrays, nn, parts, placement, random
from ..data import Vocabulary
from ..nn import arguments, structure
from ..nn.composite import Composite
from ..nn.tree import Array
from . import search
from .search import Generation

__all__ = ["Transformer"]


class Transformer(Composite):
    """An encoder reads the source, a decoder writes the target, token by token, looking back at both.

    Tokens are embedded as ``√d_model · weight[token] + position``, with sinusoidal positions and then dropout;
    `nn.Transformer` follows, and a linear map to the logits of the next token.

    Parameters
    ----------
    source_vocabulary, target_vocabulary : int or Vocabulary
        The number of tokens, or their words; with words `translate` takes text.
    d_model, nhead, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout, activation, norm_first
        As `nn.Transformer` takes them.
    tied : bool
        Whether the last map's weight is the target embedding's.
    max_length : int
        How long a source or a target may be.
    pad, begin, end : int
        The tokens that fill up, that a target begins with and that one ends with.

    Raises
    ------
    ValueError
        For sizes below 1 and special tokens that are equal or out of range; when called, for tokens out of range, for
        sequences longer than max_length, and for a source and a target of different batches.
    TypeError
        When called, for what are no arrays of integers.

    Notes
    -----
    ``model(source, target)`` takes integers (N, S) and (N, T), filled up with `pad` at their ends, and returns logits
    (N, T, target_vocabulary): at each position those of the token behind it. In training the target is what is to be
    said with `begin` before it; what is to be said is what the logits are compared with.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762; Press, Wolf: Using the Output
    Embedding to Improve Language Models, 2016, https://arxiv.org/abs/1608.05859

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.random.seed(0)
    >>> model = fn.models.Transformer(7, 9, 8, 2, 1, 1, 16)
    >>> source, target = np.array([[3, 4, 2], [5, 2, 0]]), np.array([[1, 8], [1, 7]])
    >>> logits, backward = model.vjp(source, target, input_gradient=False)
    >>> logits.shape
    (2, 2, 9)
    >>> model.generate(source, max_length=4).tokens.shape[0]
    2
    """

    def __init__(
        self,
        source_vocabulary: int | Vocabulary,
        target_vocabulary: int | Vocabulary,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        *,
        tied: bool = True,
        max_length: int = 5000,
        pad: int = Vocabulary.PAD,
        begin: int = Vocabulary.BEGIN,
        end: int = Vocabulary.END,
    ) -> None:
        name = type(self).__name__
        self.source_words = source_vocabulary if isinstance(source_vocabulary, Vocabulary) else None
        self.target_words = target_vocabulary if isinstance(target_vocabulary, Vocabulary) else None
        sizes = [
            arguments.integer(name, which, len(given) if isinstance(given, Vocabulary) else given, least=1)
            for which, given in (("source_vocabulary", source_vocabulary), ("target_vocabulary", target_vocabulary))
        ]
        self.pad, self.begin, self.end = (
            arguments.integer(name, which, token, least=0)
            for which, token in (("pad", pad), ("begin", begin), ("end", end))
        )
        if len({self.pad, self.begin, self.end}) < 3 or max(self.pad, self.begin, self.end) >= sizes[1]:
            raise ValueError(
                f"{name}: pad, begin and end are {self.pad}, {self.begin} and {self.end} but three different tokens "
                f"of {sizes[1]} are expected"
            )
        self.transformer = nn.Transformer(
            d_model, nhead, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout, activation,
            batch_first=True, norm_first=norm_first,
        )  # fmt: skip
        self.source_embedding, self.target_embedding = (
            nn.Embedding(
                size, d_model, padding_idx=self.pad, _weight=random.normal(0.0, d_model**-0.5, (size, d_model))
            )
            for size in sizes
        )
        self.positions = nn.SinusoidalPositionalEncoding(d_model, max_length, dropout)
        self.output = nn.Linear(d_model, sizes[1])
        if tied:
            self.output.weight = nn.Parameter(self.target_embedding.weight)

    def forward(self, source: Array, target: Array) -> Array:
        self._check(source=source, target=target)
        if len(source) != len(target):
            raise ValueError(f"{type(self).__name__}: source has {len(source)} sequences but target {len(target)}")
        padding = source == self.pad
        features = self.transformer(
            self._embedded(self.source_embedding, source),
            self._embedded(self.target_embedding, target),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,  # what fills a target up stands behind its tokens, and is not seen by them
        )
        return self.output(features)

    def _embedded(self, embedding: nn.Embedding, tokens: Array, first: int = 0) -> Array:
        """Vectors of tokens that stand at the positions from `first` on."""

        def scaled(x: Array) -> Array:
            return placement.cast(math.sqrt(self.transformer.d_model) * x, arrays.dtype_name(x))

        return self.positions(parts.rearrange(embedding(tokens), scaled, scaled), first)

    def _check(self, **tokens: Array) -> None:
        for name, array in tokens.items():
            if arrays.library(array) is None or not arrays.dtype_name(array).startswith("int"):
                what = repr(array) if arrays.library(array) is None else arrays.dtype_name(array)
                raise TypeError(f"{type(self).__name__}: {name} is {what} but an array of integers is expected")
            if len(array.shape) != 2:
                raise ValueError(
                    f"{type(self).__name__}: {name} has shape {tuple(array.shape)} but (N, length) is expected"
                )

    # ---- writing ---------------------------------------------------------------------------------------------------

    def generate(
        self, source: Any, num_beams: int = 1, length_penalty: float = 0.6, *, max_length: int = 64
    ) -> Generation:
        """Write a target for each source.

        Keys and values of what is written are kept, so that a token costs one step. With one beam each token is the
        likeliest behind those before it; with more, `num_beams` beginnings are followed at a time, and the best target
        is that of the largest score: its log-probability over ``((5 + length) / 6) ** length_penalty``, with `end`
        counted in its length.

        Parameters
        ----------
        source : integers (N, S)
            Filled up with `pad`.
        num_beams : int
        length_penalty : float
            At least 0; the larger, the longer the targets. For one beam it enters the score alone.
        max_length : int
            How many tokens at most, `end` included.

        Returns
        -------
        Generation
            With ``tokens``, int64 (N, T), without `begin` and filled up with `pad` behind `end`, and ``scores``,
            float64 (N,).

        Raises
        ------
        ValueError
            For a source of another shape, a negative penalty, and `num_beams` or `max_length` below 1.
        TypeError
            For a source of other numbers than integers.

        References
        ----------
        Wu and others: Google's Neural Machine Translation System, 2016, section 7, https://arxiv.org/abs/1609.08144
        """
        name = f"{type(self).__name__}.generate"
        arguments.integer(name, "num_beams", num_beams, least=1)
        arguments.integer(name, "max_length", max_length, least=1)
        arguments.positive(name, "length_penalty", length_penalty, or_zero=True)
        tokens = np.asarray(arrays.to_numpy(source) if arrays.library(source) else source)
        self._check(source=tokens)
        if not tokens.size:
            return Generation(np.empty((len(tokens), 0), np.int64), np.zeros(len(tokens)))
        was_training = self.training
        self.eval()
        try:
            return search.beam_search(
                _Writer(self, tokens, num_beams, max_length), num_beams, length_penalty, max_length
            )
        finally:
            self.train(was_training)

    def cross_attention(self, source: Array, target: Array) -> list[Array]:
        """Where the decoder looks in the source while it reads the target, in eval mode.

        Parameters
        ----------
        source, target : integers (N, S) and (N, T)
            As the model takes them, the target with `begin` first.

        Returns
        -------
        list of arrays (N, nhead, T, S)
            The weights of each decoder layer, which add up to 1 over the source.
        """
        attentions = [layer.multihead_attn for layer in self.transformer.decoder.layers]
        calls: list[tuple[Any, ...]] = []

        def watch(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if any(module is attention for attention in attentions):
                calls.append(inputs)

        was_training = self.training
        self.eval()
        watcher = structure.watcher.set(watch)
        try:
            self(source, target)
        finally:
            structure.watcher.reset(watcher)
            self.train(was_training)
        options = {"key_padding_mask": source == self.pad, "average_attn_weights": False}
        return [attention(*inputs, **options)[1] for attention, inputs in zip(attentions, calls, strict=True)]

    @overload
    def translate(
        self, text: str, num_beams: int = ..., length_penalty: float = ..., *, max_length: int = ...
    ) -> str: ...

    @overload
    def translate(
        self, text: list[str], num_beams: int = ..., length_penalty: float = ..., *, max_length: int = ...
    ) -> list[str]: ...

    def translate(self, text: Any, num_beams: int = 1, length_penalty: float = 0.6, *, max_length: int = 64) -> Any:
        """Translate a text, or a list of them at once; the options are those of `generate`.

        Raises
        ------
        ValueError
            For words that the source vocabulary does not have, which it names, and without vocabularies of words.
        """
        if self.source_words is None or self.target_words is None:
            raise ValueError(f"{type(self).__name__}: translate needs vocabularies of words; these are numbers")
        texts = [text] if isinstance(text, str) else list(text)
        source = self.source_words.encode_batch(texts)
        made = self.generate(source, num_beams, length_penalty, max_length=max_length).tokens
        written = [self.target_words.decode(row) for row in made]
        return written[0] if isinstance(text, str) else written


class _Writer:
    """A model with its sources read, that tells how likely each token is to come next: one row for each beginning."""

    def __init__(self, model: Transformer, source: np.ndarray[Any, Any], num_beams: int, max_length: int) -> None:
        self.model, self.length = model, 0
        self.end, self.pad, self.batch = model.end, model.pad, len(source)
        weight = model.output.weight
        tokens = arrays.from_numpy(source, weight)
        self.padding = tokens == model.pad
        embedded = model._embedded(model.source_embedding, tokens)
        self.memory = model.transformer.encoder(embedded, src_key_padding_mask=self.padding)
        self.cache = model.transformer.decoder.make_cache(len(source), max_length, self.memory)
        self.last = np.full(len(source), model.begin, np.int64)

    def logits(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Of the next token, (rows, vocabulary)."""
        model = self.model
        step = arrays.from_numpy(self.last[:, np.newaxis], model.output.weight)
        embedded = model._embedded(model.target_embedding, step, self.cache.length)
        features = model.transformer.decoder(
            embedded, self.memory, memory_key_padding_mask=self.padding, cache=self.cache
        )
        return arrays.to_numpy(model.output(features[:, -1])).astype(np.float64)

    def go_on(self, rows: np.ndarray[Any, Any], tokens: np.ndarray[Any, Any]) -> None:
        """Let each row go on from one of those before, with a token behind it."""
        if not np.array_equal(rows, np.arange(len(self.last))):
            self.cache.reorder(rows)
            chosen = arrays.from_numpy(rows, self.model.output.weight)
            self.memory, self.padding = self.memory[chosen], self.padding[chosen]
        self.last = tokens
