"""Where things are and people live, what they have, and questions after it."""

from __future__ import annotations

from random import Random

from . import greetings, lexicon
from .clauses import Sentence, be, contracted, english_clause, finished, spanish_verb, statement, with_auxiliary
from .inflection import conjugated
from .lexicon import Verb
from .phrases import DEFINITE, joined, named, noun_phrase, object_phrase, place, pronoun, subject
from .sentences import HAVE, INTRANSITIVE, TRANSITIVE

__all__ = [
    "asking_how_many",
    "asking_what",
    "asking_where",
    "being_somewhere",
    "feeling",
    "greeting",
    "living",
    "today",
]

_LIVE = Verb("live", "lives", "lived", "lived", "living", "vivir", frozenset())
_UPON = {"on": "sobre", "under": "debajo de"}
_BESIDE = {
    "next to": "al lado de",
    "behind": "detrás de",
    "in front of": "delante de",
    "near": "cerca de",
}
_FEELINGS = {  # what one has in Spanish
    "hungry": ("hambre", "mucha hambre"),
    "thirsty": ("sed", "mucha sed"),
    "sleepy": ("sueño", "mucho sueño"),
    "cold": ("frío", "mucho frío"),
    "afraid": ("miedo", "mucho miedo"),
}
_DAYS = {
    "Monday": "lunes",
    "Tuesday": "martes",
    "Wednesday": "miércoles",
    "Thursday": "jueves",
    "Friday": "viernes",
    "Saturday": "sábado",
    "Sunday": "domingo",
}


def greeting(random: Random) -> Sentence:
    """Phrases that stand as they are, some with a name."""
    if random.random() < 0.7:
        english, spanish = random.choice(greetings.PHRASES)
    else:
        english, spanish = random.choice(greetings.PHRASES_WITH_A_NAME)
        gender = {"His": "m", "Her": "f"}.get(english.split()[0])
        who = random.choice([(name, word) for name, (word, g) in lexicon.NAMES.items() if gender in (None, g)])
        english, spanish = english.format(who[0]), spanish.format(who[1])
    return Sentence(contracted(random, english), spanish)


def feeling(random: Random) -> Sentence:
    """What one is in English and has in Spanish: I am very hungry. Tengo mucha hambre."""
    form = random.choice(("yes", "yes", "no", "?"))
    who = subject(random, *(("you", "he", "she", "they") if form == "?" else ()))
    english, (spanish, very) = random.choice(list(_FEELINGS.items()))
    pairs = who.pairs(english)
    if random.random() < 0.3:
        english, spanish = f"very {english}", very
    tense = random.choice(("present", "present", "past"))
    verb = conjugated("tener", "imperfect" if tense == "past" else tense)[who.person]
    english = with_auxiliary(who, be(who.person, tense), form, english)
    return statement(random, who, form, english, joined(verb, spanish), pairs)


def being_somewhere(random: Random) -> Sentence:
    """Where somebody or something is: The cat is under the table."""
    form, tense = random.choice(("yes", "yes", "no", "?")), random.choice(("present", "present", "past"))
    noun = random.choice(lexicon.nouns("small", "container", "animal", "readable", "person", "clothes", "vehicle"))
    what = noun_phrase(random, noun, DEFINITE, described=0.15)
    if random.random() < 0.4:
        *place_words, where = place(random)
        english, spanish = place_words
    else:
        upon = "person" not in noun.kinds and random.random() < 0.4
        by = random.choice(list((_UPON if upon else _BESIDE).items()))
        there = random.choice(lexicon.nouns("furniture", "vehicle") if upon else lexicon.nouns("furniture", "building"))
        where = noun_phrase(random, there, DEFINITE, 0.1, plural=False)
        english, spanish = f"{by[0]} {where.english}", f"{by[1]} {where.spanish}"
    copula = conjugated("estar", "imperfect" if tense == "past" else tense)[what.person]
    pairs = what.combinations | where.pairs(noun.english)
    english = with_auxiliary(what, be(what.person, tense), form, english)
    return statement(random, what, form, english, f"{copula} {spanish}", pairs)


def living(random: Random) -> Sentence:
    """Where somebody lives or is from: We do not live in London. No vivimos en Londres."""
    form = random.choice(("yes", "yes", "no", "?"))
    who = subject(random, *(("you", "he", "she", "they") if form == "?" else ()))
    if random.random() < 0.5:
        english, spanish = random.choice(list(lexicon.COUNTRIES.items()))
        copula = conjugated("ser", "present")[who.person]
        clause = with_auxiliary(who, be(who.person), form, f"from {english}")
        return statement(random, who, form, clause, f"{copula} de {spanish}", who.pairs(english))
    english, spanish = random.choice([*lexicon.CITIES.items(), *lexicon.COUNTRIES.items()])
    verb = conjugated("vivir", "present")[who.person]
    clause = english_clause(who, _LIVE, "present", form, f"in {english}")
    return statement(random, who, form, clause, f"{verb} en {spanish}", who.pairs(english))


def today(random: Random) -> Sentence:
    """What day it is: Today is Monday. Hoy es lunes."""
    english, spanish = random.choice(list(_DAYS.items()))
    day = random.choice((("today is", "hoy es"), ("tomorrow is", "mañana es"), ("yesterday was", "ayer fue")))
    return finished(random, f"{day[0]} {english}", f"{day[1]} {spanish}")


def asking_where(random: Random) -> Sentence:
    """Where, when, why: Where is my key? ¿Dónde está mi llave?"""
    if random.random() < 0.5:
        noun = random.choice([noun for noun in lexicon.NOUNS if "language" not in noun.kinds])
        what = noun_phrase(random, noun, DEFINITE, described=0.2)
        verb = conjugated("estar", "present")[what.person]
        english = f"where {be(what.person)} {what.english}"
        return finished(random, english, f"dónde {verb} {what.spanish}", "?", what.combinations)
    who = subject(random, "you", "he", "she", "they")
    if random.random() < 0.3:
        adjective = random.choice([a for a in lexicon.ADJECTIVES if a.copula == "estar" and "person" in a.kinds])
        verb, how = conjugated("estar", "present")[who.person], adjective.agreeing(who.gender, who.plural)
        pairs = who.pairs(adjective.english)
        english = f"why {be(who.person)} {who.english} {adjective.english}"
        return finished(random, english, joined("por qué", verb, how, who.spanish), "?", pairs)
    word = random.choice((("where", "dónde"), ("when", "cuándo"), ("why", "por qué")))
    action = random.choice(INTRANSITIVE)
    tense = random.choice(("present", "past", "future"))
    english = f"{word[0]} {english_clause(who, action, tense, '?')}"
    spanish = joined(word[1], spanish_verb(action.spanish, tense, who.person), who.spanish)
    return finished(random, english, spanish, "?", who.pairs(action.base))


def asking_what(random: Random) -> Sentence:
    """What somebody does, and who does it: What did she buy? ¿Qué compró ella?"""
    verb = random.choice([verb for verb in TRANSITIVE if verb.kinds & {"thing", "food", "drink", "readable", "small"}])
    tense = "present" if verb.stative else random.choice(("present", "past", "future", "progressive"))
    if random.random() < 0.6:
        who = subject(random, "you", "he", "she", "they")
        english = f"what {english_clause(who, verb, tense, '?')}"
        spanish = joined("qué", spanish_verb(verb.spanish, tense, who.person), who.spanish)
        return finished(random, english, spanish, "?", who.pairs(verb.base))
    what = object_phrase(random, verb.kinds, DEFINITE)
    english = english_clause(pronoun(random, "he"), verb, tense, "yes", what.english).replace("he", "who", 1)
    target = what.spanish if verb.spanish == "tener" else what.as_object()
    spanish = joined("quién", spanish_verb(verb.spanish, tense, "3s"), target)
    return finished(random, english, spanish, "?", what.pairs(verb.base))


def asking_how_many(random: Random) -> Sentence:
    """How many, how much, what color, how: How much does the car cost? ¿Cuánto cuesta el coche?"""
    kind = random.randrange(4)
    if kind == 0:
        noun = random.choice(lexicon.nouns("thing", "relative", "readable", "pet"))
        who = subject(random, "you", "he", "she", "they")
        english = f"how many {noun.in_english(True)} {english_clause(who, HAVE, 'present', '?')}"
        many = "cuántas" if noun.gender == "f" else "cuántos"
        spanish = joined(many, noun.in_spanish(True), conjugated("tener", "present")[who.person], who.spanish)
        return finished(random, english, spanish, "?", who.pairs(noun.english))
    if kind == 1:
        who = random.choice((named(random), noun_phrase(random, random.choice(lexicon.nouns("person")), DEFINITE)))
        verb = conjugated("estar", "present")[who.person]
        return finished(
            random, f"how {be(who.person)} {who.english}", f"cómo {verb} {who.spanish}", "?", who.combinations
        )
    what = noun_phrase(random, random.choice(lexicon.nouns("thing", "clothes")), DEFINITE, described=0.2)
    if kind == 2:
        english = f"how much {'do' if what.plural else 'does'} {what.english} cost"
        spanish = f"cuánto {conjugated('costar', 'present')[what.person]} {what.spanish}"
    else:
        english = f"what color {be(what.person)} {what.english}"
        spanish = f"de qué color {conjugated('ser', 'present')[what.person]} {what.spanish}"
    return finished(random, english, spanish, "?", what.combinations)
