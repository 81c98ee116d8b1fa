"""Words and punctuation as the numbers that a network reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["Vocabulary"]

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_SPECIAL = ("<pad>", "<s>", "</s>")

Tokens = np.ndarray[Any, np.dtype[np.int64]]


class Vocabulary:
    """The words of a language and its punctuation marks, each a token; capital letters make no difference.

    Token 0 fills up (`PAD`), 1 begins (`BEGIN`) and 2 ends a sentence (`END`).

    Parameters
    ----------
    words : sequence of str
        Every word as it is written inside a sentence; the tokens from 3 on.

    Attributes
    ----------
    words : tuple of str
        The three special tokens, and then the words.

    Raises
    ------
    ValueError
        If a word comes twice.

    Examples
    --------
    >>> import fastnets as fn
    >>> vocabulary = fn.data.Vocabulary.of(["Hola, ¿cómo estás?", "Veo a Ana."])
    >>> tokens = vocabulary.encode("hola, ana")
    >>> vocabulary.decode(tokens)
    'Hola, Ana'
    >>> vocabulary.unknown("Hola, Pedro.")
    ['Pedro']
    """

    PAD, BEGIN, END = 0, 1, 2

    def __init__(self, words: Sequence[str]) -> None:
        self.words = (*_SPECIAL, *words)
        self._tokens = {word.lower(): i for i, word in enumerate(self.words)}
        if len(self._tokens) != len(self.words):
            lowered = [word.lower() for word in self.words]
            twice = next(word for word in lowered if lowered.count(word) > 1)
            raise ValueError(f"Vocabulary: words holds {twice!r} more than once; each word is expected once")

    @classmethod
    def of(cls, sentences: Iterable[str]) -> Vocabulary:
        """Collect the words of sentences; one is written with a capital letter if it has it inside sentences too."""
        inside: dict[str, str] = {}
        for sentence in sentences:
            begins = True
            for word in _TOKEN.findall(sentence):
                if begins:
                    inside.setdefault(word.lower(), "")
                else:
                    inside[word.lower()] = word
                begins = (begins and not word[0].isalnum()) or word in "¿¡.!?"
        return cls([inside[word] or word for word in sorted(inside)])

    def __len__(self) -> int:
        return len(self.words)

    def unknown(self, text: str) -> list[str]:
        """The words of a text that the vocabulary does not have, each once, as they are written."""
        return list(dict.fromkeys(word for word in _split(text) if word.lower() not in self._tokens))

    def encode(self, text: str) -> list[int]:
        """Turn a text into tokens, `END` last; ValueError names the words that the vocabulary does not have."""
        unknown = self.unknown(text)
        if unknown:
            raise ValueError(f"Vocabulary: text holds {', '.join(map(repr, unknown))}, not in the vocabulary")
        return [*(self._tokens[word.lower()] for word in _split(text)), self.END]

    def encode_batch(self, texts: Sequence[str], *, begin: bool = False) -> Tokens:
        """Turn texts into an array of tokens (N, longest), filled up with `PAD`; each with `BEGIN` first on demand."""
        rows = [[*([self.BEGIN] if begin else []), *self.encode(text)] for text in texts]
        batch = np.full((len(rows), max(map(len, rows), default=0)), self.PAD, np.int64)
        for row, tokens in zip(batch, rows, strict=True):
            row[: len(tokens)] = tokens
        return batch

    def decode(self, tokens: Iterable[int]) -> str:
        """Turn tokens up to the first `END` into a text, spaces and capital letters where they belong."""
        text, begins = "", True
        for token in map(int, tokens):
            if token == self.END:
                break
            if token in (self.PAD, self.BEGIN):
                continue
            word = self.words[token]
            if text and word not in ".,;:!?" and text[-1] not in "¿¡-" and word != "-":
                text += " "
            text += word[0].upper() + word[1:] if begins else word
            begins = (begins and not word[0].isalnum()) or word in (".", "!", "?")
        return text


def _split(text: str) -> list[str]:
    return _TOKEN.findall(text.replace("’", "'"))
