"""Numbers from 0 to a million in English and Spanish words."""

from __future__ import annotations

__all__ = ["LARGEST", "english_number", "spanish_number"]

LARGEST = 1_000_000

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

_SPANISH = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
).split()
_SPANISH_TENS = "treinta cuarenta cincuenta sesenta setenta ochenta noventa".split()
_SPANISH_HUNDREDS = (
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
).split()


def english_number(n: int, with_and: bool = False) -> str:
    """Spell out a number from 0 to a million.

    Parameters
    ----------
    n : int
        The number.
    with_and : bool
        The British "and" before tens and units.

    Raises
    ------
    ValueError
        For a number out of range.

    Examples
    --------
    >>> from fastnets.data.translation import english_number
    >>> english_number(21_305)
    'twenty-one thousand three hundred five'
    >>> english_number(305, with_and=True)
    'three hundred and five'
    """
    _check(n)
    if n == LARGEST:
        return "one million"
    if n < 100:
        tens, units = divmod(n, 10)
        if tens < 2:
            return _ENGLISH[n]
        return _ENGLISH_TENS[tens - 2] + (f"-{_ENGLISH[units]}" if units else "")
    size, word = (1000, "thousand") if n >= 1000 else (100, "hundred")
    many, rest = divmod(n, size)
    words = f"{english_number(many, with_and)} {word}"
    if not rest:
        return words
    return f"{words} {'and ' if with_and and rest < 100 else ''}{english_number(rest, with_and)}"


def spanish_number(n: int, gender: str | None = None) -> str:
    """Spell out a number from 0 to a million, alone or as it stands before a noun.

    Before a noun one is "un" or "una", hundreds agree with it, and a million takes "de".

    Parameters
    ----------
    n : int
        The number.
    gender : {None, "m", "f"}
        Of the noun that follows, if any.

    Raises
    ------
    ValueError
        For a number out of range.

    References
    ----------
    Real Academia Española: Diccionario panhispánico de dudas, "cardinales", https://www.rae.es/dpd/cardinales

    Examples
    --------
    >>> from fastnets.data.translation import spanish_number
    >>> spanish_number(21_305)
    'veintiún mil trescientos cinco'
    >>> spanish_number(231, "f"), spanish_number(31, "m")
    ('doscientas treinta y una', 'treinta y un')
    """
    _check(n)
    if n == LARGEST:
        return "un millón" + (" de" if gender else "")
    thousands, rest = divmod(n, 1000)
    words = []
    if thousands:  # "un" before mil whatever follows, hundreds as the noun: doscientas veintiún mil casas
        words += [*([] if thousands == 1 else [_below_thousand(thousands, "m", gender)]), "mil"]
    if rest or not thousands:
        words.append(_below_thousand(rest, gender, gender))
    return " ".join(words)


def _below_thousand(n: int, one: str | None, hundred: str | None) -> str:
    """A number up to 999; `one` and `hundred` are the genders that its units and its hundreds agree with."""
    hundreds, rest = divmod(n, 100)
    if n == 100:
        return "cien"
    words = []
    if hundreds:
        word = _SPANISH_HUNDREDS[hundreds - 1]
        words.append(word[:-2] + "as" if hundred == "f" and hundreds > 1 else word)
    if rest < 30:
        if rest or not hundreds:
            words.append(_SPANISH[rest])
    else:
        tens, units = divmod(rest, 10)
        words += [_SPANISH_TENS[tens - 3], *(["y", _SPANISH[units]] if units else [])]
    ends = {"m": {"uno": "un", "veintiuno": "veintiún"}, "f": {"uno": "una", "veintiuno": "veintiuna"}}
    if one:
        words[-1] = ends[one].get(words[-1], words[-1])
    return " ".join(words)


def _check(n: int) -> None:
    if not 0 <= n <= LARGEST:
        raise ValueError(f"number {n} is out of range: 0 to {LARGEST:,} are expected")
