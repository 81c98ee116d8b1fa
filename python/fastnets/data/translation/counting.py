"""Numbers in sentences: how many, how old, how much, what time."""

from __future__ import annotations

from random import Random

from . import lexicon
from .clauses import Sentence, be, finished, statement
from .inflection import conjugated, english_plural, spanish_plural
from .numbers import LARGEST, english_number, spanish_number
from .phrases import DEFINITE, joined, noun_phrase, place, subject

__all__ = ["adding", "ageing", "counted", "large_number", "number", "price", "time_of_day"]

_HOURS = ["una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce"]


def large_number(n: int) -> frozenset[str]:
    """What a number adds to a sentence's combinations: itself from 100 on; the smaller ones are words to be known."""
    return frozenset({f"number {n}"}) if n > 100 and n % 1000 and n != LARGEST else frozenset()


def number(random: Random) -> Sentence:
    """A number alone: Three hundred forty-two."""
    n = _draw(random)
    english, spanish = english_number(n, random.random() < 0.3), spanish_number(n)
    mark = random.choice(("", "."))
    return Sentence(english[0].upper() + english[1:] + mark, spanish[0].upper() + spanish[1:] + mark, large_number(n))


def counted(random: Random) -> Sentence:
    """There is, there are: There are two hundred books on the table."""
    kind = random.random()
    noun = random.choice(lexicon.nouns("thing", "counted", "animal", "readable"))
    many = kind < 0.5
    if many:
        n = max(2, _draw(random))
        english = f"{english_number(n)} {noun.in_english(True)}"
        spanish, pairs = f"{spanish_number(n, noun.gender)} {noun.in_spanish(True)}", large_number(n)
    else:
        what = noun_phrase(random, noun, ("a", "a lot of", "some"))
        english, spanish, pairs, many = what.english, what.spanish, what.combinations, what.plural
    if random.random() < 0.6:
        there, in_spanish, where = place(random)
        english, spanish, pairs = f"{english} {there}", f"{spanish} {in_spanish}", pairs | where.pairs(noun.english)
    return finished(random, f"there {'are' if many else 'is'} {english}", f"hay {spanish}", ".", pairs)


def ageing(random: Random) -> Sentence:
    """How old somebody is, which one has in Spanish: She is twenty-one years old. Ella tiene veintiún años."""
    who, n = subject(random), random.randint(1, 100)
    verb = conjugated("tener", "present")[who.person]
    english = f"{who.english} {be(who.person)} {english_number(n)} year{'s' if n > 1 else ''} old"
    spanish = f"{verb} {spanish_number(n, 'm')} año{'s' if n > 1 else ''}"
    return statement(random, who, "yes", english, spanish, who.pairs(f"{n} years"))


def price(random: Random) -> Sentence:
    """What something costs: The book costs twenty-one euros. El libro cuesta veintiún euros."""
    noun = random.choice(lexicon.nouns("thing", "clothes", "small", "readable"))
    what, n = noun_phrase(random, noun, DEFINITE), max(2, _draw(random, 10_000))
    coin, gender = random.choice((("euro", "m"), ("dollar", "m"), ("pound", "f")))
    coins = {"euro": "euro", "dollar": "dólar", "pound": "libra"}[coin]
    english = joined(what.english, "cost" if what.plural else "costs", english_number(n), english_plural(coin))
    spanish = joined(conjugated("costar", "present")[what.person], spanish_number(n, gender), spanish_plural(coins))
    return statement(random, what, "yes", english, spanish, what.combinations | large_number(n))


def adding(random: Random) -> Sentence:
    """A sum: Two plus three is five. Dos más tres son cinco."""
    a, b = random.randint(1, 30), random.randint(1, 30)
    english = f"{english_number(a)} plus {english_number(b)} is {english_number(a + b)}"
    spanish = f"{spanish_number(a)} más {spanish_number(b)} son {spanish_number(a + b)}"
    return finished(random, english, spanish, ".", frozenset({f"{a} + {b}"}))


def time_of_day(random: Random) -> Sentence:
    """What time it is: It is half past one. Es la una y media."""
    hour = random.randrange(12)
    copula = "es la" if hour == 0 else "son las"
    english, spanish = random.choice(
        (
            ("{} o'clock", "{}"),
            ("half past {}", "{} y media"),
            ("a quarter past {}", "{} y cuarto"),
            ("a quarter to {}", "{} menos cuarto"),
        )
    )
    said = english.format(english_number(hour + 1))
    return finished(random, f"it is {said}", f"{copula} {spanish.format(_HOURS[hour])}")


def _draw(random: Random, largest: int = LARGEST) -> int:
    """A number whose size is drawn first: as many below a hundred as in the hundred thousands."""
    size = random.choice((30, 100, 1000, 1000, 10_000, 100_000, LARGEST))
    n = random.randint(0, min(size, largest))
    return n - n % 1000 if n > 1000 and random.random() < 0.1 else n
