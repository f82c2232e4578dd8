"""Finding a record: a directory that shows no more than tells one person from another.

Opening what was found takes a case. Every search goes on the trail with whom it showed, and never with the
words that were typed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from cases.models import Case
from config.security import audit, normal
from portal.access import require
from portal.models import Order, Patient, User

MOST = 20
SHORTEST = 2


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
    """What a search found. ``more``: there are others, and another word is needed."""

    people: list[Person]
    cases: list[Case]
    by: str
    more: bool = False


def find(actor: User, words: str) -> Found:
    """Patients by name, phone, e-mail, account or order number, and cases by number."""
    require(actor, "patients.search")
    words = " ".join(words.split())[:120]
    if len(words) < SHORTEST:
        return Found([], [], "")
    by, patients = _patients(actor, words)
    found = list(
        patients.only("ref", "account_number", "first_name", "last_name", "phone", "state")[: MOST + 1]
    )
    cases = _cases(actor, words)
    people = [person(patient, by) for patient in found[:MOST]]
    _record(found[:MOST], cases, by)
    return Found(sorted(people, key=lambda one: (one.masked_name, one.account)), cases, by, len(found) > MOST)


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
        account=patient.account_number,
        phone_end=patient.phone[-4:] if patient.phone else "",
        state=patient.state,
        by=by,
    )


def masked(value: str, shown: int = 1) -> str:
    """The first letters, and four dots however much follows: the length tells nothing."""
    return f"{value[:shown]}••••" if value else ""


def _patients(actor: User, words: str) -> tuple[str, QuerySet[Patient]]:
    """Ask the one index that the shape of the words points to; ``by`` is its name for the trail."""
    everybody = Patient.objects.visible_to(actor)
    for by, is_shaped, narrow in SHAPES:
        if is_shaped(words):
            return by, narrow(everybody, words)
    return "name", everybody.filter(name_tokens__matches=words)


def _is_phone(words: str) -> bool:
    digits = [letter for letter in words if letter.isdigit()]
    return len(digits) >= 7 and not any(letter.isalpha() for letter in words)


def _is_number(words: str) -> bool:
    return any(letter.isdigit() for letter in words) and " " not in words


def _by_number(everybody: QuerySet[Patient], words: str) -> QuerySet[Patient]:
    number = words.upper()
    of_order = Order.objects.filter(number=number).values("patient")
    by_account = everybody.filter(account_number=number)
    return by_account if by_account.exists() else everybody.filter(pk__in=of_order)


Narrow = Callable[[QuerySet[Patient], str], QuerySet[Patient]]
SHAPES: list[tuple[str, Callable[[str], bool], Narrow]] = [
    ("email", lambda words: "@" in words, lambda people, words: people.filter(email_index__matches=words)),
    ("phone", _is_phone, lambda people, words: people.filter(phone_index__matches=normal.phone(words))),
    ("number", _is_number, _by_number),
]


def _cases(actor: User, words: str) -> list[Case]:
    if not _is_number(words):
        return []
    cases = Case.objects.visible_to(actor).filter(number=words.upper()).select_related("reason")
    return list(cases.only("number", "state", "channel", "patient_id", "last_contact_at", "reason__label"))


def _record(patients: Iterable[Patient], cases: Iterable[Case], by: str) -> None:
    shown = {patient.pk for patient in patients} | {case.patient_id for case in cases if case.patient_id}
    audit.event("search", subjects=shown, what=f"directory by {by}", fields=("first letters", "phone end"))
