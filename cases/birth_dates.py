"""A date of birth in a text, however it was written: in figures of any order, with names of months, in words."""

import re
from collections.abc import Iterator
from datetime import date


def _listed(words: str) -> list[str]:
    return words.split()


MONTHS = {
    1: "january jan enero ene",
    2: "february feb febrero",
    3: "march mar marzo",
    4: "april apr abril abr",
    5: "may mayo",
    6: "june jun junio",
    7: "july jul julio",
    8: "august aug agosto ago",
    9: "september sept sep septiembre setiembre set",
    10: "october oct octubre",
    11: "november nov noviembre",
    12: "december dec diciembre dic",
}
EN = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
EN_TENS = _listed("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = _listed(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
ES = _listed(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco "
    "veintiseis veintisiete veintiocho veintinueve"
)
ES_TENS = _listed("_ _ _ treinta cuarenta cincuenta sesenta setenta ochenta noventa")
FILLERS = frozenset(_listed("of the de del el la and y st nd rd th o a on in en year ano"))
SAID = re.compile(r"(?<!\w)(?:born|birth ?(?:date|day)?|date of birth|dob|nacid[oa]|nacio|nacimiento)(?!\w)")
A_DATE = re.compile(
    r"\d{1,4}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{1,4}|\d{1,2}(?:st|nd|rd|th)?\s+(?:of |de )?[a-z]{3,10}\.?,?\s+"
    r"(?:de |del )?\d{2,4}|[a-z]{3,10}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{2,4}|(?<!\d)\d{8}(?!\d)"
)
NEAR = 40


def stands(born: date, text: str) -> bool:
    """Whether the ``folded`` ``text`` holds that day, its year said with two figures or four."""
    words = [word for word in re.findall(r"\d+|[^\W\d]+", text) if word not in FILLERS]
    if {f"{born:%Y%m%d}", f"{born:%m%d%Y}", f"{born:%d%m%Y}"} & set(words):
        return True
    said = f" {' '.join(words)} "
    return any(f" {form} " in said for form in _forms(born))


def is_told(text: str) -> bool:
    """Whether a ``folded`` text tells of somebody's birth, and then a date."""
    return any(A_DATE.search(text, at.end(), at.end() + NEAR) for at in SAID.finditer(text))


def _forms(born: date) -> Iterator[str]:
    days = {str(born.day), f"{born.day:02}", *_english(born.day), *_ordinal(born.day), _spanish(born.day)}
    days |= {"primero"} if born.day == 1 else set()
    months = {str(born.month), f"{born.month:02}", *MONTHS[born.month].split()}
    for year in _years(born):
        for day in days:
            for month in months:
                yield from (f"{day} {month} {year}", f"{month} {day} {year}")
                yield from (f"{year} {month} {day}", f"{year} {day} {month}")


def _years(born: date) -> set[str]:
    century, rest = divmod(born.year, 100)
    spoken = {f"{one} {two}" for one in _english(century) for two in _english(rest)}
    thousand = {2: "dos mil", 1: "mil"}[born.year // 1000]
    hundreds = "novecientos " if century % 10 == 9 else ""
    whole = f"two thousand {' '.join(_english(rest)) if rest else ''}".strip() if century == 20 else ""
    spanish = f"{thousand} {hundreds}{_spanish(rest) if rest else ''}".strip()
    return {str(born.year), f"{born:%y}", spanish, *spoken, *([whole] if whole else [])}


def _english(number: int) -> list[str]:
    if number < len(EN):
        return [EN[number]]
    tens, ones = divmod(number, 10)
    return [f"{EN_TENS[tens]} {EN[ones]}" if ones else EN_TENS[tens]]


def _ordinal(day: int) -> list[str]:
    if day < len(ORDINALS):
        return [ORDINALS[day]]
    tens, ones = divmod(day, 10)
    return [f"{EN_TENS[tens]} {ORDINALS[ones]}" if ones else "thirtieth"]


def _spanish(number: int) -> str:
    if number < len(ES):
        return ES[number]
    tens, ones = divmod(number, 10)
    return f"{ES_TENS[tens]} {ES[ones]}" if ones else ES_TENS[tens]
