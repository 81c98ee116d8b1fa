"""How English and Spanish words change: plurals, gender, tenses."""

from __future__ import annotations

from functools import cache

__all__ = ["PERSONS", "agreeing", "article", "conjugated", "english_plural", "gerund", "participle", "spanish_plural"]

PERSONS = ("1s", "2s", "3s", "1p", "3p")  # yo, tú, él, nosotros, ellos

_PLAIN = str.maketrans("áéíóú", "aeiou")

_ENDINGS = {
    ("present", "a"): "o as a amos an",
    ("present", "e"): "o es e emos en",
    ("present", "i"): "o es e imos en",
    ("preterite", "a"): "é aste ó amos aron",
    ("preterite", "e"): "í iste ió imos ieron",
    ("preterite", "i"): "í iste ió imos ieron",
}
_STRESSED_STEMS = {  # in the present, wherever the stress falls on the stem
    "cerrar": "cierr",
    "costar": "cuest",
    "dormir": "duerm",
    "encontrar": "encuentr",
    "jugar": "jueg",
    "perder": "pierd",
    "poder": "pued",
    "querer": "quier",
}
_IRREGULAR = {
    ("conocer", "present"): "conozco conoces conoce conocemos conocen",
    ("dormir", "preterite"): "dormí dormiste durmió dormimos durmieron",
    ("estar", "present"): "estoy estás está estamos están",
    ("estar", "imperfect"): "estaba estabas estaba estábamos estaban",
    ("haber", "present"): "he has ha hemos han",
    ("ir", "present"): "voy vas va vamos van",
    ("ir", "preterite"): "fui fuiste fue fuimos fueron",
    ("leer", "preterite"): "leí leíste leyó leímos leyeron",
    ("ser", "present"): "soy eres es somos son",
    ("ser", "imperfect"): "era eras era éramos eran",
    ("tener", "present"): "tengo tienes tiene tenemos tienen",
    ("tener", "imperfect"): "tenía tenías tenía teníamos tenían",
    ("traer", "present"): "traigo traes trae traemos traen",
    ("traer", "preterite"): "traje trajiste trajo trajimos trajeron",
    ("ver", "present"): "veo ves ve vemos ven",
    ("ver", "preterite"): "vi viste vio vimos vieron",
}
_FUTURE_STEMS = {"tener": "tendr", "querer": "querr", "poder": "podr"}
_GERUNDS = {"dormir": "durmiendo", "leer": "leyendo", "traer": "trayendo"}
_PARTICIPLES = {"abrir": "abierto", "escribir": "escrito", "leer": "leído", "traer": "traído", "ver": "visto"}
_SOFT = (("c", "qu"), ("g", "gu"), ("z", "c"))  # buscar, busqué


@cache
def conjugated(infinitive: str, tense: str) -> dict[str, str]:
    """A Spanish verb's forms by person; the tense is present, preterite, imperfect or future."""
    stem, vowel = infinitive[:-2], infinitive[-2]
    if (infinitive, tense) in _IRREGULAR:
        forms = _IRREGULAR[infinitive, tense].split()
    elif tense == "future":
        forms = [_FUTURE_STEMS.get(infinitive, infinitive) + ending for ending in "é ás á emos án".split()]
    else:
        forms = [stem + ending for ending in _ENDINGS[tense, vowel].split()]
        stressed = _STRESSED_STEMS.get(infinitive)
        if tense == "present" and stressed:
            forms = [form if i == 3 else stressed + form[len(stem) :] for i, form in enumerate(forms)]
        for hard, soft in _SOFT:
            if tense == "preterite" and vowel == "a" and stem.endswith(hard):
                forms[0] = stem[:-1] + soft + "é"
    return dict(zip(PERSONS, forms, strict=True))


def gerund(infinitive: str) -> str:
    """The form after "estar": comer, comiendo."""
    return _GERUNDS.get(infinitive, infinitive[:-2] + ("ando" if infinitive[-2] == "a" else "iendo"))


def participle(infinitive: str) -> str:
    """The form after "haber": comer, comido."""
    return _PARTICIPLES.get(infinitive, infinitive[:-2] + ("ado" if infinitive[-2] == "a" else "ido"))


def spanish_plural(word: str) -> str:
    """The plural of a noun or an adjective: libro, libros; lápiz, lápices; canción, canciones."""
    if word == "joven":
        return "jóvenes"
    if word[-1] in "aeiouáéó":
        return word + "s"
    if word[-1] == "z":
        return word[:-1] + "ces"
    return word[:-2] + word[-2:].translate(_PLAIN) + "es"


def agreeing(adjective: str, gender: str, plural: bool) -> str:
    """An adjective, given as its masculine singular, in the gender and number of its noun."""
    if gender == "f" and adjective[-1] == "o":
        adjective = adjective[:-1] + "a"
    return spanish_plural(adjective) if plural else adjective


def english_plural(word: str) -> str:
    """The plural of a regular English noun."""
    if word.endswith(("s", "x", "ch", "sh", "ato")):
        return word + "es"
    if word[-1] == "y" and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def article(word: str) -> str:
    """The word behind its English indefinite article."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
