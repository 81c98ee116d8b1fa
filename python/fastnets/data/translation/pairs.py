"""Pairs of sentences to learn from, and others with combinations that are never among those."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from zlib import crc32

from . import counting, questions, sentences
from .clauses import Sentence

__all__ = ["is_held_out", "make_translations"]

_ONE_IN = 10  # combinations is held out

_KINDS: dict[Callable[[Random], Sentence], int] = {  # and how often each is drawn
    questions.greeting: 6,
    sentences.doing: 28,
    sentences.moving: 8,
    sentences.being: 10,
    sentences.working_as: 3,
    sentences.liking: 6,
    sentences.wanting: 9,
    questions.feeling: 3,
    questions.being_somewhere: 6,
    questions.living: 2,
    questions.today: 1,
    questions.asking_where: 4,
    questions.asking_what: 4,
    questions.asking_how_many: 3,
    counting.number: 8,
    counting.counted: 4,
    counting.ageing: 3,
    counting.price: 3,
    counting.adding: 1,
    counting.time_of_day: 2,
}


def is_held_out(combination: str) -> bool:
    """Whether a combination of words, or a number, is kept out of what is learned from: one in ten is."""
    return crc32(combination.encode()) % _ONE_IN == 0


def make_translations(count: int, seed: int = 0, *, held_out: bool = False) -> list[tuple[str, str]]:
    """Make pairs of an English sentence and its Spanish translation, all different.

    The grammar knows some 600 English words and 1,300 Spanish forms: greetings, statements and questions in five
    tenses, numbers to a million. Its Spanish drops pronouns, makes articles, adjectives and verbs agree, and has what
    learners stumble over (al, del, el agua, un buen libro, veintiún euros, veo a Ana, me gustan). Every tenth
    combination of two content words (a noun and its adjective, a verb and its object or subject, …) and every tenth
    number above a hundred is held out: a sentence with one of them is never among those to learn from.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        The same seed makes the same pairs.
    held_out : bool
        Only sentences with a held-out combination, instead of only sentences without.

    Returns
    -------
    list of (str, str)
        English and Spanish.

    Raises
    ------
    ValueError
        If `count` is below 0.

    Examples
    --------
    >>> import fastnets as fn
    >>> for english, spanish in fn.data.make_translations(2, seed=1):
    ...     print(english, "|", spanish)
    They are cold | Ellos tienen frío
    My uncle is going to the library. | Mi tío va a la biblioteca.
    """
    if count < 0:
        raise ValueError(f"make_translations: count is {count!r} but at least 0 is expected")
    random = Random(f"{seed} {held_out}")
    kinds, weights = list(_KINDS), list(_KINDS.values())
    pairs: dict[tuple[str, str], None] = {}
    while len(pairs) < count:
        made = random.choices(kinds, weights)[0](random)
        if any(map(is_held_out, made.combinations)) == held_out:
            pairs[made.english, made.spanish] = None
    return list(pairs)
