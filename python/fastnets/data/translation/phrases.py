"""Noun phrases: who does something, and to what, in both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from . import lexicon
from .inflection import article, spanish_plural
from .lexicon import Adjective, Noun
from .numbers import english_number, spanish_number

__all__ = [
    "ANY",
    "DEFINITE",
    "Phrase",
    "joined",
    "named",
    "noun_phrase",
    "object_phrase",
    "place",
    "pronoun",
    "subject",
]

_POSSESSIVE = ("my", "your", "his", "her", "our", "their")
DEFINITE = ("the", "the", *_POSSESSIVE, "this", "that")
ANY = (*DEFINITE, "a", "a", "a", "some", "a lot of", "number", "bare", "bare")

_SPANISH_DETERMINERS = {  # masculine, feminine, and the same in the plural
    "the": "el la los las",
    "a": "un una unos unas",
    "my": "mi mi mis mis",
    "your": "tu tu tus tus",
    "his": "su su sus sus",
    "her": "su su sus sus",
    "our": "nuestro nuestra nuestros nuestras",
    "their": "su su sus sus",
    "this": "este esta estos estas",
    "that": "ese esa esos esas",
    "some": "algún alguna algunos algunas",
    "a lot of": "mucho mucha muchos muchas",
    "bare": "",
    "all": "el la los las",  # English says nothing where all of a kind are meant: apples, las manzanas
}
_ENGLISH_PLURALS = {"this": "these", "that": "those"}
_PRONOUNS = {  # the Spanish verb says I, you and we; where nobody knows better, they are masculine
    "I": ("", "1s", "m"),
    "you": ("", "2s", "m"),
    "he": ("él", "3s", "m"),
    "she": ("ella", "3s", "f"),
    "we": ("", "1p", "m"),
    "they": ("ellos", "3p", "m"),
}


@dataclass(frozen=True)
class Phrase:
    """A noun phrase in both languages, and its content words, whose combinations count."""

    english: str
    spanish: str
    person: str
    gender: str
    words: tuple[str, ...] = ()
    combinations: frozenset[str] = frozenset()
    takes_a: bool = False  # as a direct object: people, and animals that one knows

    @property
    def plural(self) -> bool:
        return self.person[1] == "p"

    def behind_a(self) -> str:
        """As an indirect object: a Ana y a Pedro."""
        return "a " + re.sub(" y (?=[A-Z])", " y a ", self.spanish)

    def as_object(self) -> str:
        return self.behind_a() if self.takes_a else self.spanish

    def pairs(self, *others: str) -> frozenset[str]:
        """This phrase's combinations, and its content words with other content words."""
        return self.combinations | {f"{word} + {other}" for word in self.words for other in others}


def joined(*parts: str) -> str:
    """The parts that are not empty, with spaces between."""
    return " ".join(part for part in parts if part)


def pronoun(random: Random, *choices: str) -> Phrase:
    """One of these personal pronouns, of all by default."""
    english = random.choice(choices or tuple(_PRONOUNS))
    spanish, person, gender = _PRONOUNS[english]
    return Phrase(english, spanish, person, gender)


def subject(random: Random, *pronouns: str) -> Phrase:
    """Who does something: a pronoun, one or two people by their names, or others."""
    kind = random.random()
    if kind < 0.6:
        return pronoun(random, *pronouns)
    if kind < 0.7:
        return named(random)
    if kind < 0.74:
        first, second = random.sample(list(lexicon.NAMES.items()), 2)
        gender = "f" if (first[1][1], second[1][1]) == ("f", "f") else "m"
        return Phrase(f"{first[0]} and {second[0]}", f"{first[1][0]} y {second[1][0]}", "3p", gender, takes_a=True)
    return noun_phrase(random, random.choice(lexicon.nouns("person")), DEFINITE, described=0.2)


def named(random: Random) -> Phrase:
    """Somebody by name."""
    english, (spanish, gender) = random.choice(list(lexicon.NAMES.items()))
    return Phrase(english, spanish, "3s", gender, words=(english,), takes_a=True)


def object_phrase(random: Random, kinds: frozenset[str], determiners: tuple[str, ...] = ANY) -> Phrase:
    """What or whom something is done to: a noun of one of these kinds, now and then somebody by name."""
    if "person" in kinds and random.random() < 0.2:
        return named(random)
    return noun_phrase(random, random.choice(lexicon.nouns(*sorted(kinds))), determiners)


def place(random: Random, described: float = 0.0) -> tuple[str, str, Phrase]:
    """Where something happens: in the park, at the beach; and the park or the beach alone."""
    noun = random.choice(lexicon.nouns("place"))
    phrase = noun_phrase(random, noun, ("the",), described, plural=False)
    return f"{'at' if 'at' in noun.kinds else 'in'} {phrase.english}", f"en {phrase.spanish}", phrase


def _attributes(noun: Noun) -> list[Adjective]:
    """The adjectives that stand beside a noun: what it is, and how things are, but not how people are."""
    return [a for a in lexicon.ADJECTIVES if a.kinds & noun.kinds and (a.copula == "ser" or "person" not in a.kinds)]


def noun_phrase(
    random: Random, noun: Noun, determiners: tuple[str, ...], described: float = 0.3, plural: bool | None = None
) -> Phrase:
    """A noun behind one of the determiners, singular or plural, with the chance `described` of an adjective."""
    determiner = _fitting(noun, random.choice(determiners), plural)
    if not noun.counted or determiner == "a":
        plural = False
    elif determiner in ("some", "a lot of", "number", "bare", "all"):
        plural = True
    elif plural is None:
        plural = "parent" not in noun.kinds and random.random() < 0.35
    fitting = _attributes(noun)
    adjective = random.choice(fitting) if fitting and random.random() < described else None
    number = random.choice((random.randint(2, 12), random.randint(2, 99))) if determiner == "number" else None
    pairs = {f"{noun.english} + {adjective.english}"} if adjective else set()
    if number:
        pairs.add(f"{noun.english} + {number}")
    definite = determiner not in ("a", "some", "a lot of", "number", "bare")
    return Phrase(
        _english(determiner, number, adjective, noun, plural),
        _spanish(determiner, number, adjective, noun, plural),
        "3p" if plural else "3s",
        noun.gender,
        words=(noun.english,),
        combinations=frozenset(pairs),
        takes_a="person" in noun.kinds or (definite and "pet" in noun.kinds),
    )


def _fitting(noun: Noun, determiner: str, plural: bool | None) -> str:
    """The determiner, or another where the noun cannot have it."""
    if "language" in noun.kinds:
        return determiner if determiner == "all" else "bare"
    if not noun.counted and determiner in ("a", "some", "number"):
        return "bare"
    if "parent" in noun.kinds and determiner in ("number", "some", "a lot of", "a"):
        return "my"
    if {"stranger", "public"} & noun.kinds and determiner in _POSSESSIVE:
        return "the"
    if ("person" in noun.kinds and determiner == "bare") or (plural is False and determiner in ("some", "number")):
        return "the"
    return determiner


def _english(determiner: str, number: int | None, adjective: Adjective | None, noun: Noun, plural: bool) -> str:
    words = joined(adjective.english if adjective else "", noun.in_english(plural))
    if number:
        return f"{english_number(number)} {words}"
    if determiner == "a":
        return article(words)
    if determiner in ("bare", "all"):
        return words
    return joined(_ENGLISH_PLURALS.get(determiner, determiner) if plural else determiner, words)


def _spanish(determiner: str, number: int | None, adjective: Adjective | None, noun: Noun, plural: bool) -> str:
    in_front = adjective is not None and adjective.in_front
    described = adjective.agreeing(noun.gender, plural, before_noun=in_front) if adjective else ""
    if number:
        before = spanish_number(number, noun.gender)
    elif determiner == "bare":
        before = ""
    else:
        masculine = noun.takes_el and determiner in ("the", "a", "all") and not plural and not in_front
        before = _SPANISH_DETERMINERS[determiner].split()[2 * plural + (noun.gender == "f" and not masculine)]
    word = spanish_plural(noun.spanish) if plural else noun.spanish
    return joined(before, described, word) if in_front else joined(before, word, described)
