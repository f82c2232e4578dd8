"""Finding a record: a directory that shows no more than tells one person from another, and cases by their words.

Opening what was found takes a case. Every search goes on the trail with whom it showed, and never with the
words that were typed.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext

from agents import rows
from cases import search as cases_by_words
from cases.models import Case
from cases.numbers import PREFIX
from config.security import audit, likeness, normal, throttle
from config.security.blind import words as words_of
from portal import numbers
from portal.access import require
from portal.models import Order, Patient, User

MOST = 20
MOST_CASES = 8
MOST_NEAR = 60
SHORTEST = 2
# Whoever tries birth dates or numbers until one is found would have an answer to verify by.
MISSED_DATES = throttle.Limit("directory by birth date", 30, 3600)
MISSED_NUMBERS = throttle.Limit("directory by number", 30, 3600)
DATES = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})"),
)


@dataclass(frozen=True)
class Person:
    """A patient as the directory shows one: first letters, the end of a number, and a state."""

    ref: Any
    masked_name: str
    account: str
    phone_end: str
    state: str
    by: str


@dataclass(frozen=True)
class Found:
    """What a search found. ``more``: there are others, and another word is needed.

    ``next`` is the place further cases begin at; ``wrong`` says what of the search was not understood.
    """

    people: list[Person]
    cases: list[Case]
    by: str
    more: bool = False
    next: str = ""
    wrong: str = ""
    initials: dict[int, str] = field(default_factory=dict)


def find(actor: User, words: str) -> Found:
    """Patients by name, birth date, phone, e-mail, account or order number; cases by number, word and operator."""
    require(actor, "patients.search")
    words = " ".join(words.split())[:120]
    if len(words) < SHORTEST:
        return Found([], [], "")
    try:
        query = cases_by_words.parse(actor, words)
    except cases_by_words.WrongSearch as wrong:
        return Found([], [], "", wrong=str(wrong))
    limit = _limit_of(words)
    try:
        taken = throttle.take((limit, actor.pk)) if limit else []
    except throttle.TooMany as wait:
        by = "number" if limit is MISSED_NUMBERS else "name"
        audit.event("search", what=f"directory by {by}", outcome="denied")
        return Found([], [], by, wrong=_later(by, wait.retry_after))
    by, patients = ("words", []) if cases_by_words.has_operators(words) else _patients(actor, words)
    page = _cases(actor, query, by)
    if patients or (page.cases and limit is MISSED_NUMBERS):
        throttle.give_back(taken)
    _record(patients[:MOST], page.cases, by)
    people = [person(patient, by) for patient in patients[:MOST]]
    return Found(people, page.cases, by, len(patients) > MOST, page.next, initials=_initials(page.cases))


def more_cases(actor: User, words: str, after: str) -> Found:
    """The cases that come after a place. Raises NoSuchPlace or WrongSearch, and TooMany as ``find`` counts."""
    require(actor, "patients.search")
    words = " ".join(words.split())[:120]
    query = cases_by_words.parse(actor, words)
    taken = throttle.take((MISSED_NUMBERS, actor.pk)) if _limit_of(words) is MISSED_NUMBERS else []
    page = cases_by_words.page(actor, query, after=after)
    if page.cases:
        throttle.give_back(taken)
    _record([], page.cases, "words")
    return Found([], page.cases, "words", next=page.next, initials=_initials(page.cases))


def cases_of(actor: User, patient: Patient, *, most: int = MOST) -> list[Case]:
    """The numbers of a patient's cases, by which alone the record is opened."""
    require(actor, "cases.view")
    cases = Case.objects.visible_to(actor).filter(patient=patient).select_related("reason")
    found = cases.only("number", "state", "channel", "opened_at", "last_contact_at", "reason__label")
    return list(found.order_by("-last_contact_at")[:most])


def person(patient: Patient, by: str = "") -> Person:
    return Person(
        ref=patient.ref,
        masked_name=f"{masked(patient.first_name)} {masked(patient.last_name)}",
        account=f"••••{patient.account_number[-3:]}",  # in full it would be an answer to verify by
        phone_end=patient.phone[-4:] if patient.phone else "",
        state=patient.state,
        by=by,
    )


def masked(value: str, shown: int = 1) -> str:
    """The first letters, and four dots however much follows: the length tells nothing."""
    return f"{value[:shown]}••••" if value else ""


# --- people ------------------------------------------------------------------------------------------
def _patients(actor: User, words: str) -> tuple[str, list[Patient]]:
    """Ask the one index that the shape of the words points to; ``by`` is its name for the trail."""
    everybody = Patient.objects.visible_to(actor).in_force()
    for by, is_shaped, narrow in SHAPES:
        if is_shaped(words):
            return by, _by_name(_slim(narrow(everybody, words)))
    return "name", _named(everybody, words)


def _limit_of(words: str) -> throttle.Limit | None:
    """What a search counts against where it finds nobody. The number of a case proves nothing."""
    named = [word for word in re.split(r"[\s:]+", words) if numbers.is_shaped(word)]
    if any(word.upper().partition("-")[0] != PREFIX for word in named):
        return MISSED_NUMBERS
    dated = not cases_by_words.has_operators(words) and _without_date(words)[1] is not None
    return MISSED_DATES if dated and "@" not in words else None


def _later(by: str, seconds: int) -> str:
    minutes = ceil(seconds / 60)
    if by == "number":
        said = ngettext(
            "Too many numbers found nobody. Search by a name, or wait %(minutes)d minute.",
            "Too many numbers found nobody. Search by a name, or wait %(minutes)d minutes.",
            minutes,
        )
    else:
        said = ngettext(
            "Too many birth dates found nobody. Search by a number, or wait %(minutes)d minute.",
            "Too many birth dates found nobody. Search by a number, or wait %(minutes)d minutes.",
            minutes,
        )
    return said % {"minutes": minutes}


def _slim(people: QuerySet[Patient]) -> QuerySet[Patient]:
    return people.only("ref", "account_number", "first_name", "last_name", "phone", "state", "birth_date")


def _by_name(people: QuerySet[Patient]) -> list[Patient]:
    return sorted(people[: MOST + 1], key=lambda one: (one.last_name, one.first_name, one.account_number))


def _named(everybody: QuerySet[Patient], words: str) -> list[Patient]:
    """Those of just this name first, then those whose surname is a slip of the pen away."""
    rest, born = _without_date(words)
    typed = words_of(rest)
    with cases_by_words.kept_to_index("indexscan"):
        exact = [] if born or not typed else _by_name(_slim(everybody.filter(name_tokens__matches=rest)))
        if len(exact) > MOST or (len(typed) < 2 and born is None):
            return exact
        near = list(_slim(everybody.filter(likeness__near=(typed, born)))[:MOST_NEAR])
    known = {one.pk for one in exact}
    others = [(_slips(one, typed, born), one) for one in near if one.pk not in known]
    close = sorted((pair for pair in others if pair[0] <= 1), key=lambda pair: (pair[0], pair[1].pk))
    return [*exact, *(one for _slip, one in close)][: MOST + 1]


def _without_date(words: str) -> tuple[str, date | None]:
    """The words beside a birth date, and the date where one was typed."""
    for shape in DATES:
        if match := shape.search(words):
            try:
                born = date(int(match["y"]), int(match["m"]), int(match["d"]))
            except ValueError:
                continue
            return words.replace(match[0], " "), born
    return words, None


def _slips(patient: Patient, typed: list[str], born: date | None) -> int:
    """By how many letters the nearest typed word misses the surname."""
    names = likeness.surnames(patient.last_name)
    return min((likeness.distance(word, name) for word in typed for name in names), default=9)


def _is_phone(words: str) -> bool:
    digits = [letter for letter in words if letter.isdigit()]
    shaped = len(digits) >= 7 and not any(letter.isalpha() for letter in words)
    return shaped and _without_date(words)[1] is None


def _by_number(everybody: QuerySet[Patient], words: str) -> QuerySet[Patient]:
    number = words.upper()
    held = Patient.objects.filter(account_number=number).select_related("merged_into").first()
    if held is not None:
        return everybody.filter(pk=held.in_force.pk)
    return everybody.filter(pk__in=Order.objects.filter(number=number).values("patient"))


Narrow = Callable[[QuerySet[Patient], str], QuerySet[Patient]]
SHAPES: list[tuple[str, Callable[[str], bool], Narrow]] = [
    ("email", lambda words: "@" in words, lambda people, words: people.filter(email_index__matches=words)),
    ("phone", _is_phone, lambda people, words: people.filter(phone_index__matches=normal.phone(words))),
    ("number", numbers.is_shaped, _by_number),
]


# --- cases -------------------------------------------------------------------------------------------
def _cases(actor: User, query: cases_by_words.Query, by: str) -> cases_by_words.Page:
    """A telephone number or an address names a person: no words are looked for then."""
    if by in {"phone", "email"}:
        return cases_by_words.Page([], "")
    return cases_by_words.page(actor, query, size=MOST_CASES)


def _initials(cases: Iterable[Case]) -> dict[int, str]:
    return {case.pk: rows.initials(case) for case in cases}


def _record(patients: Iterable[Patient], cases: Iterable[Case], by: str) -> None:
    shown = {patient.pk for patient in patients} | {case.patient_id for case in cases if case.patient_id}
    audit.event("search", subjects=shown, what=f"directory by {by}", fields=("first letters", "phone end"))
