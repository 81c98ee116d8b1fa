"""A language model on a recurrent net: from each token on, how likely every token is to come next."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn, random
from ..nn import arguments
from ..nn.module import Backward
from ..nn.tree import Array, Gradients

__all__ = ["LSTMLanguageModel"]

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class LSTMLanguageModel(nn.Module):
    """Embedding, stacked recurrent layers, and a linear map to the logits of the next token.

    ``logits[n, t] = decoder(h[n, t])``, where h is the output of the recurrent layers on ``embedding(tokens)``; with
    dropout after the embedding, between the layers and before the decoder.

    Parameters
    ----------
    vocabulary : int or str
        The number of tokens, or their characters; with characters `generate` and `encode` take text.
    embedding_dim, hidden_size : int
        Sizes of a token's vector and of the recurrent layers' state.
    num_layers : int
        Number of recurrent layers.
    cell : "lstm", "gru" or "rnn"
        What the recurrent layers are made of.
    dropout : float
        Probability of each dropout.
    tied : bool
        Whether the decoder's weight is the embedding's; then both sizes must be equal.

    Raises
    ------
    ValueError
        For sizes below 1, an unknown cell, a character that occurs twice, and tied weights of different sizes.

    Notes
    -----
    Called with tokens (N, T), integers, and optionally the state that it returned before; returns the logits
    (N, T, vocabulary) and the state after the last token.

    References
    ----------
    Mikolov and others: Recurrent neural network based language model, Interspeech 2010; Press, Wolf: Using the Output
    Embedding to Improve Language Models, 2016, https://arxiv.org/abs/1608.05859

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.seed(0)
    >>> model = fn.models.LSTMLanguageModel("abc ", embedding_dim=8, hidden_size=16).eval()
    >>> logits, state = model(model.encode("a cab")[None])
    >>> logits.shape
    (1, 5, 4)
    >>> len(model.generate("a", length=7, seed=1))
    7
    """

    def __init__(
        self,
        vocabulary: int | str,
        embedding_dim: int = 128,
        hidden_size: int = 256,
        num_layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        name = type(self).__name__
        if cell not in _CELLS:
            raise ValueError(f"{name}: cell is {cell!r} but one of {', '.join(_CELLS)} is expected")
        self.characters = vocabulary if isinstance(vocabulary, str) else None
        if self.characters is not None and len(set(self.characters)) != len(self.characters):
            twice = next(c for c in self.characters if self.characters.count(c) > 1)
            raise ValueError(f"{name}: vocabulary holds {twice!r} more than once; each character is expected once")
        size = len(vocabulary) if isinstance(vocabulary, str) else vocabulary
        size = arguments.integer(name, "vocabulary", size, least=1)
        if tied and embedding_dim != hidden_size:
            raise ValueError(
                f"{name}: tied weights need equal sizes but embedding_dim is {embedding_dim} "
                f"and hidden_size {hidden_size}"
            )
        self.cell = cell
        self.embedding = nn.Embedding(size, embedding_dim)
        self.dropout = nn.Dropout(dropout)
        between = dropout if num_layers > 1 else 0.0
        self.rnn = _CELLS[cell](embedding_dim, hidden_size, num_layers, batch_first=True, dropout=between)
        self.decoder = nn.Linear(hidden_size, size)
        if tied:
            self.decoder.weight = nn.Parameter(self.embedding.weight)

    def forward(self, tokens: Array, state: Any = None) -> tuple[Array, Any]:
        output, state = self.rnn(self.dropout(self.embedding(tokens)), state)
        return self.decoder(self.dropout(output)), state

    def vjp(  # type: ignore[override]
        self, tokens: Array, state: Any = None, *, input_gradient: bool = True
    ) -> tuple[tuple[Array, Any], Backward]:
        """As `Module.vjp`; `backward` takes ``(dlogits, dstate)``, and a dinputs of its is ``(None, dstate)``."""
        vectors, embedding_backward = self.embedding.vjp(tokens)
        dropped, first_dropout_backward = self.dropout.vjp(vectors)
        inputs = (dropped,) if state is None else (dropped, state)
        (output, after), rnn_backward = self.rnn.vjp(*inputs)
        dropped, second_dropout_backward = self.dropout.vjp(output)
        logits, decoder_backward = self.decoder.vjp(dropped)

        def model_backward(gradients: Any) -> tuple[Any, Gradients]:
            dlogits, dafter = gradients if isinstance(gradients, (tuple, list)) else (gradients, None)
            dx, decoder_grads = decoder_backward(dlogits)
            dx, rnn_grads = rnn_backward((second_dropout_backward(dx)[0], dafter))
            dx, dstate = (dx, None) if state is None else dx
            _, embedding_grads = embedding_backward(first_dropout_backward(dx)[0])
            grads = self.collect([("embedding", embedding_grads), ("rnn", rnn_grads), ("decoder", decoder_grads)])
            return ((None, dstate) if input_gradient and state is not None else None), grads

        return (logits, after), model_backward

    # ---- text ------------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Turn text into tokens, (len(text),) int64; ValueError for a character that the model does not know."""
        if self.characters is None:
            raise ValueError(f"{type(self).__name__}: encode needs a vocabulary of characters; this one is a number")
        places = {character: i for i, character in enumerate(self.characters)}
        unknown = sorted(set(text) - places.keys())
        if unknown:
            raise ValueError(f"{type(self).__name__}: text holds {unknown[0]!r}, which is not in the vocabulary")
        return np.array([places[character] for character in text], np.int64)

    def decode(self, tokens: Array) -> str:
        """Turn tokens into text."""
        if self.characters is None:
            raise ValueError(f"{type(self).__name__}: decode needs a vocabulary of characters; this one is a number")
        return "".join(self.characters[int(token)] for token in np.asarray(tokens).reshape(-1))

    def generate(
        self,
        prompt: Any,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
        *,
        length: int = 200,
    ) -> Any:
        """Continue a prompt, token by token; the state is kept from one to the next, so that each costs one step.

        Parameters
        ----------
        prompt : str, or sequence of int
            What comes before; at least one token.
        temperature : float
            The logits are divided by it: below 1 likely tokens become likelier, 0 takes the likeliest.
        top_k : int, optional
            Draw from the `top_k` likeliest tokens only.
        seed : int, optional
            Makes the draws repeatable; by default from `fastnets.random`.
        length : int
            How many tokens to return.

        Returns
        -------
        str, or numpy.ndarray of int64
            The continuation, without the prompt, as the prompt was given.

        Raises
        ------
        ValueError
            For an empty prompt, unknown characters, a negative temperature, and `top_k` or `length` below 1.
        """
        name = f"{type(self).__name__}.generate"
        if not temperature >= 0:
            raise ValueError(f"{name}: temperature is {temperature!r} but a number of at least 0 is expected")
        if top_k is not None:
            arguments.integer(name, "top_k", top_k, least=1)
        arguments.integer(name, "length", length, least=1)
        tokens = self.encode(prompt) if isinstance(prompt, str) else np.asarray(prompt, np.int64)
        if tokens.ndim != 1 or not len(tokens):
            raise ValueError(f"{name}: prompt has shape {tokens.shape} but at least one token is expected")
        generator = np.random.default_rng(random.draw_seed() if seed is None else seed)
        was_training, made = self.training, []
        self.eval()
        try:
            logits, state = self(tokens[np.newaxis])
            while True:
                made.append(_draw(np.asarray(logits[0, -1], np.float64), temperature, top_k, generator))
                if len(made) == length:
                    break
                logits, state = self(np.array([made[-1:]]), state)
        finally:
            self.train(was_training)
        return self.decode(made) if isinstance(prompt, str) else np.array(made, np.int64)

    def extra_repr(self) -> str:
        return f"cell={self.cell!r}"


def _draw(logits: Array, temperature: float, top_k: int | None, generator: np.random.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    if top_k is not None and top_k < len(logits):
        logits = np.where(logits >= np.partition(logits, -top_k)[-top_k], logits, -np.inf)
    # the largest of logits + Gumbel noise is a draw from their softmax
    return int((logits / temperature + generator.gumbel(size=len(logits))).argmax())
