"""A language model on a recurrent net: from each token on, how likely every token is to come next."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..nn.module import Backward
from ..nn.tree import Array, Gradients
from .language_model import LanguageModel

__all__ = ["LSTMLanguageModel"]

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class LSTMLanguageModel(LanguageModel):
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
        size = self._take_vocabulary(vocabulary)
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

    def _next_logits(self, tokens: Array, state: Any) -> tuple[Array, Any]:
        logits, state = self(tokens, state)
        return logits[:, -1], state

    def extra_repr(self) -> str:
        return f"cell={self.cell!r}"
