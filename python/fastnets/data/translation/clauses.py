"""Verbs between their subject and the rest: tenses, negation, questions; and the last touches to a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from .inflection import conjugated, gerund, participle
from .lexicon import Verb
from .phrases import Phrase, joined

__all__ = ["Sentence", "be", "contracted", "english_clause", "finished", "spanish_verb", "statement", "with_auxiliary"]


@dataclass(frozen=True)
class Sentence:
    """A sentence and its translation, and the combinations of content words and the large numbers in it."""

    english: str
    spanish: str
    combinations: frozenset[str] = frozenset()


def be(person: str, tense: str = "present") -> str:
    """The English verb "be"."""
    if tense == "past":
        return "was" if person in ("1s", "3s") else "were"
    return {"1s": "am", "3s": "is"}.get(person, "are")


def english_clause(subject: Phrase, verb: Verb, tense: str, form: str, rest: str = "") -> str:
    """Subject, verb and rest as a statement, a negation or a question (form "yes", "no" or "?")."""
    third = subject.person == "3s"
    auxiliary, main = {
        "present": ("does" if third else "do", verb.third if third else verb.base),
        "past": ("did", verb.past),
        "future": ("will", verb.base),
        "progressive": (be(subject.person), verb.gerund),
        "perfect": ("has" if third else "have", verb.participle),
    }[tense]
    simple = tense in ("present", "past")
    if form == "yes" and simple:
        return joined(subject.english, main, rest)
    return with_auxiliary(subject, auxiliary, form, joined(verb.base if simple else main, rest))


def with_auxiliary(subject: Phrase, auxiliary: str, form: str, rest: str) -> str:
    """The same with a verb that makes negations and questions by itself: be, can, will."""
    if form == "?":
        return joined(auxiliary, subject.english, rest)
    return joined(subject.english, auxiliary, "not" if form == "no" else "", rest)


def spanish_verb(verb: str, tense: str, person: str) -> str:
    """The Spanish verb alone; past is the preterite."""
    if tense == "progressive":
        return f"{conjugated('estar', 'present')[person]} {gerund(verb)}"
    if tense == "perfect":
        return f"{conjugated('haber', 'present')[person]} {participle(verb)}"
    return conjugated(verb, "preterite" if tense == "past" else tense)[person]


def statement(
    random: Random,
    subject: Phrase,
    form: str,
    english: str,
    spanish: str,
    combinations: frozenset[str] = frozenset(),
) -> Sentence:
    """A whole sentence of the form "yes", "no" or "?", from the English clause and what follows the Spanish subject."""
    said = joined(subject.spanish, "no" if form == "no" else "", spanish)
    return finished(random, english, said, "?" if form == "?" else ".", combinations)


_CONTRACTIONS = [
    (re.compile(rf"\b{long}\b", re.IGNORECASE), short)
    for long, short in (
        (r"(do|does|did|is|are|was|were|has|have) not", r"\1n't"),
        ("can not", "can't"),
        ("will not", "won't"),
        ("(I) am", r"\1'm"),
        ("(you|we|they) are(?! not)", r"\1're"),
        ("(he|she|it|what|where|who) is(?! not)", r"\1's"),
        ("(let) us", r"\1's"),
    )
]
_SPANISH_CONTRACTIONS = ((r"\b([Aa]) el\b", r"\1l"), (r"\b([Dd]e) el\b", r"\1l"), (r"\by (?=[Ii])", "e "))


def finished(
    random: Random, english: str, spanish: str, mark: str = ".", combinations: frozenset[str] = frozenset()
) -> Sentence:
    """Capital letters, punctuation and what both languages contract: al, del, and in English now and then "don't"."""
    for pattern, short in _SPANISH_CONTRACTIONS:
        spanish = re.sub(pattern, short, spanish)
    opening = {"?": "¿", "!": "¡"}.get(mark, "")
    if mark == "." and random.random() < 0.1:  # as people type
        mark = ""
    english = contracted(random, english)
    english, spanish = (words[0].upper() + words[1:] for words in (english, spanish))
    return Sentence(english + mark, opening + spanish + mark, combinations)


def contracted(random: Random, english: str) -> str:
    """English as it is spoken, now and then: I'm, doesn't, what's."""
    if random.random() < 0.4:
        for long, short in _CONTRACTIONS:
            english = long.sub(short, english)
    return english
