"""What people do, are and like, a function each kind: it draws the words and puts them together in both languages."""

from __future__ import annotations

from random import Random

from . import lexicon
from .clauses import Sentence, be, english_clause, finished, spanish_verb, statement, with_auxiliary
from .inflection import article, conjugated
from .lexicon import Adjective, Verb
from .phrases import ANY, DEFINITE, Phrase, joined, named, noun_phrase, object_phrase, place, pronoun, subject

__all__ = ["HAVE", "INTRANSITIVE", "TRANSITIVE", "being", "doing", "liking", "moving", "wanting", "working_as"]

TRANSITIVE = [verb for verb in lexicon.VERBS if "nothing" not in verb.kinds]
INTRANSITIVE = [verb for verb in lexicon.VERBS if "nothing" in verb.kinds]

_GO = Verb("go", "goes", "went", "gone", "going", "ir", frozenset())
_LIKE = Verb("like", "likes", "liked", "liked", "liking", "gustar", frozenset())
_WANT, _NEED, HAVE = (next(v for v in TRANSITIVE if v.base == base) for base in ("want", "need", "have"))
_ME = {"1s": "me", "2s": "te", "3s": "le", "1p": "nos", "3p": "les"}
_TIMES = {  # when something happens, by tense
    "present": {
        "every day": "todos los días",
        "in the morning": "por la mañana",
        "at night": "por la noche",
        "on Mondays": "los lunes",
        "on Sundays": "los domingos",
    },
    "past": {
        "yesterday": "ayer",
        "last night": "anoche",
        "last week": "la semana pasada",
        "on Monday": "el lunes",
        "on Friday": "el viernes",
    },
    "future": {
        "tomorrow": "mañana",
        "next week": "la próxima semana",
        "tonight": "esta noche",
        "on Tuesday": "el martes",
        "on Saturday": "el sábado",
    },
    "progressive": {"now": "ahora"},
    "perfect": {"today": "hoy", "this week": "esta semana"},
}
_TENSES = ("present", "present", "present", "past", "past", "future", "future", "progressive", "perfect")


def doing(random: Random) -> Sentence:
    """Somebody does something to something: Ana does not eat the red apple."""
    verb, form = random.choice(TRANSITIVE), _form(random)
    tense = "present" if verb.stative else random.choice(_TENSES)
    who = _subject(random, form)
    if tense == "past" and verb.past == verb.base and form == "yes" and who.person != "3s":
        tense = "future"  # "they read" is both leen and leyeron
    what = object_phrase(random, verb.kinds, ANY if form == "yes" else (*DEFINITE, "bare"))
    target = what.spanish if verb.spanish == "tener" else what.as_object()
    pairs = who.pairs(verb.base) | what.pairs(verb.base)
    if tense == "present" and form == "yes" and not verb.stative and random.random() < 0.2:
        often = random.choice((("never", "nunca"), ("always", "siempre")))
        english = joined(who.english, often[0], verb.third if who.person == "3s" else verb.base, what.english)
        spanish = joined(often[1], spanish_verb(verb.spanish, tense, who.person), target)
        return statement(random, who, form, english, spanish, pairs)
    when = ("", "") if verb.stative else _time(random, tense)
    english = english_clause(who, verb, tense, form, joined(what.english, when[0]))
    spanish = joined(spanish_verb(verb.spanish, tense, who.person), target, when[1])
    return statement(random, who, form, english, spanish, pairs)


def moving(random: Random) -> Sentence:
    """Somebody works, sleeps, …, somewhere, or goes there: My brothers will go to the park tomorrow."""
    form, tense = _form(random), random.choice(_TENSES)
    who, when, verb = _subject(random, form), _time(random, tense), random.choice((_GO, _GO, *INTRANSITIVE))
    pairs = who.pairs(verb.base)
    where = ("", "")
    if verb is _GO or random.random() < 0.5:
        *there, there_alone = place(random, described=0.1)
        where = (f"to {there_alone.english}", f"a {there_alone.spanish}") if verb is _GO else (there[0], there[1])
        pairs |= there_alone.pairs(verb.base)
    english = english_clause(who, verb, tense, form, joined(where[0], when[0]))
    said = "present" if verb is _GO and tense == "progressive" else tense  # "is going" is "va"
    spanish = joined(spanish_verb(verb.spanish, said, who.person), where[1], when[1])
    return statement(random, who, form, english, spanish, pairs)


def being(random: Random) -> Sentence:
    """What or how somebody or something is: The water was not cold. Are they tired?"""
    adjective = random.choice([a for a in lexicon.ADJECTIVES if "only" not in a.kinds])
    form, tense = _form(random), random.choices(("present", "past", "future"), (4, 2, 1))[0]
    if "person" in adjective.kinds and random.random() < 0.7:
        who = _subject(random, form)
    else:
        who = noun_phrase(random, random.choice(lexicon.nouns(*sorted(adjective.kinds))), DEFINITE, described=0.0)
    very = ("very", "muy") if "plain" not in adjective.kinds and random.random() < 0.25 else ("", "")
    english = _being(who, tense, form, joined(very[0], adjective.english))
    copula = conjugated(adjective.copula, "imperfect" if tense == "past" else tense)[who.person]
    spanish = joined(copula, very[1], adjective.agreeing(who.gender, who.plural))
    return statement(random, who, form, english, spanish, who.pairs(adjective.english))


def working_as(random: Random) -> Sentence:
    """What somebody's work is; Spanish has an article only beside an adjective: Soy médico. Ella es una gran médica."""
    form = _form(random)
    who = random.choice((named(random), pronoun(random, "you", "he", "she")))
    if form != "?" and random.random() < 0.3:
        who = pronoun(random, "I")
    job, words = random.choice(list(lexicon.JOBS.items()))
    praise: Adjective | None = None
    if random.random() < 0.3:
        praise = random.choice([a for a in lexicon.ADJECTIVES if a.in_front])
    english = _being(who, "present", form, article(joined(praise.english if praise else "", job)))
    described, pairs = "", who.pairs(job)
    if praise:
        described = joined("una" if who.gender == "f" else "un", praise.agreeing(who.gender, False, before_noun=True))
        pairs |= {f"{job} + {praise.english}"}
    spanish = joined(conjugated("ser", "present")[who.person], described, words[who.gender])
    return statement(random, who, form, english, spanish, pairs)


def liking(random: Random) -> Sentence:
    """Whom something pleases, as Spanish sees it: I like apples. Me gustan las manzanas."""
    form = _form(random)
    who = _subject(random, form)
    if random.random() < 0.3:
        verb = random.choice(INTRANSITIVE)
        english, spanish, pairs = f"to {verb.base}", f"gusta {verb.spanish}", who.pairs(verb.base)
    else:
        noun = random.choice(lexicon.nouns("food", "drink", "thing", "song", "animal", "place", "readable", "language"))
        determiners = ("all",) if "language" in noun.kinds else ("the", "my", "your", "this", "all", "all")
        what = noun_phrase(random, noun, determiners)
        english, spanish = what.english, f"{'gustan' if what.plural else 'gusta'} {what.spanish}"
        pairs = who.pairs(noun.english) | what.combinations
    spanish = joined("no" if form == "no" else "", _ME[who.person], spanish)
    spanish = joined(who.behind_a() if who.spanish else "", spanish)
    english = english_clause(who, _LIKE, "present", form, english)
    return finished(random, english, spanish, "?" if form == "?" else ".", pairs)


def wanting(random: Random) -> Sentence:
    """What somebody wants, has, is able or going to do: She can read the letter. Vamos a comprar un coche."""
    form = _form(random)
    who = _subject(random, form)
    if random.random() < 0.3:
        verb = random.choice(INTRANSITIVE)
        what, target, pairs = "", "", who.pairs(verb.base)
    else:
        verb = random.choice([verb for verb in TRANSITIVE if not verb.stative])
        thing = object_phrase(random, verb.kinds, ANY if form == "yes" else (*DEFINITE, "bare"))
        what, target, pairs = thing.english, thing.as_object(), who.pairs(verb.base) | thing.pairs(verb.base)
    action, done = joined(verb.base, what), joined(verb.spanish, target)
    way = random.choice(("can", "must", "going", _WANT, _NEED, HAVE))
    if isinstance(way, Verb):
        english = english_clause(who, way, "present", form, f"to {action}")
        modal, joint = way.spanish, "que" if way is HAVE else ""
    else:
        auxiliary = be(who.person) if way == "going" else way
        english = with_auxiliary(who, auxiliary, form, f"going to {action}" if way == "going" else action)
        modal, joint = {"can": ("poder", ""), "must": ("deber", ""), "going": ("ir", "a")}[way]
    spanish = joined(conjugated(modal, "present")[who.person], joint, done)
    return statement(random, who, form, english, spanish, pairs)


def _form(random: Random) -> str:
    return random.choices(("yes", "no", "?"), (5, 2, 2))[0]


def _subject(random: Random, form: str) -> Phrase:
    return subject(random, *(("you", "he", "she", "they") if form == "?" else ()))


def _time(random: Random, tense: str) -> tuple[str, str]:
    return random.choice(list(_TIMES[tense].items())) if random.random() < 0.3 else ("", "")


def _being(who: Phrase, tense: str, form: str, rest: str) -> str:
    if tense == "future":
        return with_auxiliary(who, "will", form, f"be {rest}")
    return with_auxiliary(who, be(who.person, tense), form, rest)
