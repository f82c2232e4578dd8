"""Records that may be one person's: found by digests alone, weighed once both are before us, decided by people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import audit, normal
from config.security.likeness import distance, surnames
from portal.access import System, require
from portal.models import LookAlike, Patient

SWEEPER = System("look-alikes")
ENOUGH = 50
MOST = 20
SHARED_BY_MANY = 12  # a clinic's phone is no sign of anything

WEIGHTS = {
    "born_and_named": (60, _("same last name and date of birth")),
    "born_and_alike": (45, _("nearly the same last name, same date of birth")),
    "first_name": (15, _("same first name")),
    "phone": (25, _("same phone number")),
    "email": (25, _("same e-mail address")),
    "ssn_last4": (20, _("same last four of the social security number")),
}
SAME_DIGEST = """
    SELECT DISTINCT least(a.id, b.id), greatest(a.id, b.id)
    FROM portal_patient a JOIN portal_patient b ON b.{column} = a.{column} AND b.id > a.id
    WHERE a.merged_into_id IS NULL AND b.merged_into_id IS NULL AND a.{column} IN (
        SELECT {column} FROM portal_patient WHERE {column} IS NOT NULL AND merged_into_id IS NULL
        GROUP BY {column} HAVING count(*) BETWEEN 2 AND %s)
"""
DIGESTS = ("identity_index", "phone_index", "email_index")


@dataclass(frozen=True)
class Facts:
    """What is known of somebody who may have a record already."""

    first_name: str
    last_name: str
    birth_date: date
    phone: str = ""
    email: str = ""
    ssn_last4: str = ""


@dataclass(frozen=True)
class Match:
    """A record like the facts asked about. ``score`` is at most 100; ``because`` are codes of WEIGHTS."""

    patient: Patient
    score: int
    because: list[str]

    @property
    def in_words(self) -> list[str]:
        return in_words(self.because)


def in_words(because: Iterable[str]) -> list[str]:
    return [str(WEIGHTS[code][1]) for code in because if code in WEIGHTS]


def like(actor: Any, facts: Facts) -> list[Match]:
    """Records that may be this person's, the likeliest first. What was shown of whom goes on the trail."""
    require(actor, "intake.work")
    found = [_match(facts, patient) for patient in _candidates(facts)]
    matches = sorted(
        (match for match in found if match.score >= ENOUGH), key=lambda m: (-m.score, m.patient.pk)
    )
    audit.event("search", subjects=[match.patient for match in matches], what="records alike")
    return matches[:MOST]


def _candidates(facts: Facts) -> list[Patient]:
    asked = [Q(identity_index__matches=f"{facts.last_name}|{facts.birth_date}")]
    asked.append(Q(likeness__near=(surnames(facts.last_name), facts.birth_date)))
    if facts.phone:
        asked.append(Q(phone_index__matches=facts.phone))
    if facts.email:
        asked.append(Q(email_index__matches=facts.email))
    return list(Patient.objects.filter(reduce(or_, asked), merged_into=None)[: MOST * 3])


def weigh(one: Any, other: Any) -> tuple[int, list[str]]:
    """How alike two people are, and why. Both have the attributes of Facts."""
    because = []
    if one.birth_date == other.birth_date:
        if normal.name(one.last_name) == normal.name(other.last_name):
            because.append("born_and_named")
        elif _nearly(one.last_name, other.last_name):
            because.append("born_and_alike")
    if because and normal.name(one.first_name) == normal.name(other.first_name):
        because.append("first_name")
    for code, plain in (("phone", normal.phone), ("email", normal.email), ("ssn_last4", str)):
        mine, theirs = getattr(one, code), getattr(other, code)
        if mine and theirs and plain(mine) == plain(theirs):
            because.append(code)
    return min(100, sum(WEIGHTS[code][0] for code in because)), because


def _nearly(one: str, other: str) -> bool:
    return distance(normal.name(one), normal.name(other)) <= 1


def _match(facts: Any, patient: Patient) -> Match:
    return Match(patient, *weigh(facts, patient))


# --- the list of pairs to decide ---------------------------------------------------------------------
def sweep() -> int:
    """Look through all records for pairs that nobody has decided on; how many were added.

    Done again it adds what is new and leaves decisions alone.
    """
    pairs = _pairs()
    known = set(LookAlike.objects.values_list("first_id", "second_id"))
    fresh = sorted(pairs - known)
    people = Patient.objects.in_bulk({pk for pair in fresh for pk in pair})
    rows = [row for row in (_pair(people[a], people[b]) for a, b in fresh) if row is not None]
    with audit.acting(actor=SWEEPER, purpose="look-alikes"):
        LookAlike.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _pairs() -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    with connection.cursor() as cursor:
        for column in DIGESTS:
            cursor.execute(SAME_DIGEST.format(column=column), [SHARED_BY_MANY])
            found.update(cursor.fetchall())
    return found


def _pair(one: Patient, other: Patient) -> LookAlike | None:
    score, because = weigh(one, other)
    return LookAlike(first=one, second=other, score=score, because=because) if score >= ENOUGH else None


def to_decide(actor: Any, most: int = 50) -> list[LookAlike]:
    """Pairs that wait for somebody's eye, the likeliest first; on the trail as shown."""
    require(actor, "patients.merge")
    rows = LookAlike.objects.filter(state="open", first__merged_into=None, second__merged_into=None)
    found = list(rows.select_related("first", "second")[:most])
    if found:
        shown = {person for row in found for person in (row.first_id, row.second_id)}
        audit.read(shown, "records alike", objects=found, fields=("name", "birth date", "phone"))
    return found


@transaction.atomic
def are_two(actor: Any, *, pair: LookAlike) -> LookAlike:
    """They are two people: the pair is not shown again."""
    require(actor, "patients.merge", pair.first)
    held: LookAlike = LookAlike.objects.select_for_update().get(pk=pair.pk)
    if held.state == "same":
        raise ValidationError(_("These records have been merged already. Undo the merge first."))
    _decide(actor, held, "distinct")
    return held


def decided_same(actor: Any, one: Patient, other: Patient) -> None:
    """A merge says what the two records were."""
    first, second = sorted((one, other), key=lambda patient: patient.pk)
    for held in LookAlike.objects.select_for_update().filter(first=first, second=second):
        _decide(actor, held, "same")


def decided_anew(one: Patient, other: Patient) -> None:
    """A merge was undone: the pair waits again."""
    first, second = sorted((one, other), key=lambda patient: patient.pk)
    LookAlike.objects.filter(first=first, second=second).update(
        state="open", decided_by=None, decided_at=None
    )


def _decide(actor: Any, pair: LookAlike, state: str) -> None:
    pair.state, pair.decided_at = state, timezone.now()
    pair.decided_by = actor if actor.pk else None
    pair.save(update_fields=["state", "decided_at", "decided_by"])
