"""What language models share: characters as tokens, and text that goes on token by token."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import arrays, nn, random
from ..nn import arguments
from ..nn.tree import Array

__all__ = ["LanguageModel"]


class LanguageModel(nn.Module):
    """A model of the next token. A subclass takes its vocabulary with `_take_vocabulary` and says `_next_logits`.

    Attributes
    ----------
    characters : str or None
        The tokens, where they are characters.
    """

    characters: str | None

    def _take_vocabulary(self, vocabulary: int | str) -> int:
        """Keep the characters, if the vocabulary is some, and return how many tokens there are."""
        name = type(self).__name__
        self.characters = vocabulary if isinstance(vocabulary, str) else None
        if self.characters is not None and len(set(self.characters)) != len(self.characters):
            twice = next(c for c in self.characters if self.characters.count(c) > 1)
            raise ValueError(f"{name}: vocabulary holds {twice!r} more than once; each character is expected once")
        size = len(vocabulary) if isinstance(vocabulary, str) else vocabulary
        return arguments.integer(name, "vocabulary", size, least=1)

    def _first_state(self, prompt: int, length: int) -> Any:
        """What `_next_logits` starts with, for that many tokens of a prompt and that many to come."""
        return None

    def _next_logits(self, tokens: Array, state: Any) -> tuple[Array, Any]:
        """Logits (N, vocabulary) of what follows the tokens (N, T), and the state behind them."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it goes on")

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
        """Continue a prompt, token by token; what was seen is kept from one to the next, so that each costs one step.

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
        state = self._first_state(len(tokens), length)
        was_training, made = self.training, list[int]()
        self.eval()
        try:
            new, weight = tokens, next(self.parameters())
            while len(made) < length:
                logits, state = self._next_logits(arrays.from_numpy(new[np.newaxis], weight), state)
                made.append(_draw(arrays.to_numpy(logits[0]).astype(np.float64), temperature, top_k, generator))
                new = np.array(made[-1:])
        finally:
            self.train(was_training)
        return self.decode(made) if isinstance(prompt, str) else np.array(made, np.int64)


def _draw(logits: Array, temperature: float, top_k: int | None, generator: np.random.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    if top_k is not None and top_k < len(logits):
        logits = np.where(logits >= np.partition(logits, -top_k)[-top_k], logits, -np.inf)
    # the largest of logits + Gumbel noise is a draw from their softmax
    return int((logits / temperature + generator.gumbel(size=len(logits))).argmax())
