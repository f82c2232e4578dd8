"""How sure we are of whom we speak with, and what that opens (R-CASE-3).

Level 0, nobody known; 1, identified, by what somebody knows; 2, verified, by what somebody has: a signed-in
session, a code from the portal or one sent to a contact of old. A standing holds for one purpose, a case, and
for the agent who asked; ``MATTERS`` tells what a purpose is about and who is on its line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Greatest, JSONObject
from django.utils import timezone

from config.security import audit
from portal.access import System, require
from portal.models import (
    Caregiver,
    EmergencyAccess,
    LevelOpens,
    Patient,
    Verification,
    VerificationLock,
    VerificationRules,
)

NOBODY, IDENTIFIED, VERIFIED = 0, 1, 2
CHANGES = frozenset({"contact_change", "payment_change"})
EMERGENCY = "break_glass"

Table = dict[tuple[str, str], int]  # from which level on, by what and playbook

# What the table says until a supplier has one of their own; ``install_defaults`` puts it there to be changed.
BEGIN_WITH: Table = {
    ("orders", ""): IDENTIFIED,
    ("appointments", ""): IDENTIFIED,
    ("asked", ""): IDENTIFIED,
    ("contact", ""): VERIFIED,
    ("clinical", ""): VERIFIED,
    ("insurance", ""): VERIFIED,
    ("documents", ""): VERIFIED,
    ("contact_change", ""): VERIFIED,
    ("payment_change", ""): VERIFIED,
    ("asked", "insurance-verification"): IDENTIFIED,
    ("asked", "prior-authorization"): IDENTIFIED,
    ("asked", "billing-dispute"): IDENTIFIED,
    ("asked", "appeal"): IDENTIFIED,
    ("asked", "clinical-triage"): IDENTIFIED,
    ("asked", "account-change"): IDENTIFIED,
}

# What each scope of a caregiver lets them hear of, whatever their level.
SCOPE_OPENS = {
    "deliveries": frozenset({"orders", "appointments", "asked"}),
    "billing": frozenset({"asked", "insurance", "payment_change"}),
}


class NotVerified(PermissionDenied):
    """The level reached does not open this."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Standing:
    """Whom we speak with: ``by`` is how we know, ``caregiver`` who speaks where it is not the patient.

    ``playbook`` is the one at hand; until ``emergency`` a broken glass shows all and changes nothing. ``asking``:
    the agent has somebody to tell who they are, and has not said that the call ended.
    """

    level: int = NOBODY
    by: str = ""
    until: datetime | None = None
    locked_until: datetime | None = None
    caregiver: Caregiver | None = None
    playbook: str = ""
    opened: frozenset[str] = frozenset()
    emergency: datetime | None = None
    asking: bool = False

    def opens(self, what: str) -> bool:
        """Whether ``what`` (a code of ``WHATS``) may be shown or done."""
        if self.emergency is not None and what not in CHANGES:
            return True
        return what in self.opened and self._in_scope(what)

    @property
    def names(self) -> bool:
        """Whether the patient's name may be shown."""
        return self.level >= IDENTIFIED or self.emergency is not None

    def _in_scope(self, what: str) -> bool:
        if self.caregiver is None or "everything" in self.caregiver.scopes:
            return True
        return any(what in SCOPE_OPENS.get(scope, ()) for scope in self.caregiver.scopes)


Figures = VerificationRules


@dataclass(frozen=True)
class Matter:
    """What a purpose is about. ``line`` gives the standing of whoever is on its line now, by what they said after
    a moment (None: whenever); ``others`` the least that is known of whoever came onto it since one, None where
    nobody did.
    """

    patient_id: int | None
    line: Callable[[Figures, datetime | None], Standing] = lambda figures, after: Standing()
    playbook: str = ""
    others: Callable[[datetime, Figures], Standing | None] = lambda since, figures: None


# By the word before a purpose's colon: finds the matter of a number, as far as the actor may see it.
MATTERS: dict[str, Callable[[Any, str], Matter | None]] = {}


def rules() -> VerificationRules:
    """The figures in force."""
    return VerificationRules.objects.first() or VerificationRules(pk=1)


def matter_of(actor: Any, purpose: str) -> Matter | None:
    word, _, number = purpose.partition(":")
    return MATTERS[word](actor, number) if word in MATTERS else None


def standing(actor: Any, patient: Patient, *, purpose: str, matter: Matter | None = None) -> Standing:
    """How sure we are on this purpose; level 0 where the purpose is about somebody else or nobody.

    ``matter`` where the caller has looked it up already.
    """
    seen = _glance(actor, patient, purpose)
    matter, best = matter or matter_of(actor, purpose), Standing()
    if matter is not None and matter.patient_id == patient.pk:
        known = [*(_still(one, seen.figures, matter) for one in seen.asked), _on_line(seen, matter)]
        best = max(known, key=lambda one: (one.level, one.caregiver is None))
        opened = _opened_by(seen.table, best.level, matter.playbook)
        best = replace(best, playbook=matter.playbook, opened=opened)
    asking = _is_asking(seen)
    return replace(best, locked_until=seen.locked_until, emergency=seen.emergency, asking=asking)


@dataclass(frozen=True)
class _Seen:
    locked_until: datetime | None
    emergency: datetime | None
    asked: list[dict[str, Any]]
    figures: Figures
    table: Table
    closed_at: datetime | None  # what was said up to then on a line proves nothing any more
    asked_at: datetime | None  # when the actor last asked somebody on a call that has not ended


MOST_ASKED = 4
FIGURES = ("verified_minutes", "identified_minutes", "written_hours")


def _glance(actor: Any, patient: Patient, purpose: str) -> _Seen:
    """In one query, for it is asked on every page of a case: until when verification is locked, until when an
    emergency is open to the actor, the verifications they made for this purpose, whom they ask just now, and
    what the rules say.
    """
    now, whose = timezone.now(), OuterRef("pk")
    locks = VerificationLock.objects.filter(patient=whose, lifted_at=None, until__gt=now)
    closed, asking = _closings(actor, purpose)
    held = EmergencyAccess.objects.filter(patient=whose, user_id=actor.pk or 0, until__gt=now)
    made = Verification.objects.filter(
        patient=whose, purpose=purpose, agent_id=actor.pk or 0, passed=True, ended_at=None, expires_at__gt=now
    )
    asked_for = JSONObject(level="level", how="how", at="at", until="expires_at", caregiver="caregiver_id")
    figures = VerificationRules.objects.values(all=JSONObject(**{name: name for name in FIGURES}))
    table = LevelOpens.objects.order_by().values(
        line=JSONObject(what="what", playbook="playbook", level="level")
    )
    locked, emergency, asked, said, lines, *since = Patient.objects.filter(pk=patient.pk).values_list(
        Subquery(locks.order_by("-until").values("until")[:1]),
        Subquery(held.order_by("-until").values("until")[:1]),
        ArraySubquery(made.order_by("-level", "-at").values(found=asked_for)[:MOST_ASKED]),
        Subquery(figures[:1]),
        ArraySubquery(table),
        closed,
        asking,
    )[0]
    read = {(line["what"], line["playbook"]): line["level"] for line in lines}
    return _Seen(
        locked, emergency, asked, VerificationRules(pk=1, **(said or {})), read or BEGIN_WITH, *since
    )


def _closings(actor: Any, purpose: str) -> tuple[Any, Any]:
    """Up to when lines were heard that prove nothing since: until the actor asked whoever they hear for a proof,
    somebody failed, on this purpose or before the actor, or the patient was locked. And when the actor asked last.
    """
    here, mine = Q(purpose=purpose), Q(agent_id=actor.pk or 0)
    tries = Verification.objects.filter(patient=OuterRef("pk"), agent__isnull=False).order_by()
    closing = tries.filter((here & mine) | Q(here | mine, passed=False))
    last = closing.annotate(until=Greatest("at", Coalesce("ended_at", "at"))).order_by("-until")
    locks = VerificationLock.objects.filter(patient=OuterRef("pk"), lifted_at=None).order_by("-locked_at")
    asking = tries.filter(mine, ended_at=None).order_by("-at")
    closed = Greatest(Subquery(last.values("until")[:1]), Subquery(locks.values("locked_at")[:1]))
    return closed, Subquery(asking.values("at")[:1])


def _still(found: dict[str, Any], figures: Figures, matter: Matter) -> Standing:
    """What the agent found out, as far as it holds of whoever has spoken up since."""
    asked = _asked(found)
    other = matter.others(datetime.fromisoformat(found["at"]), figures)
    return asked if other is None else min(asked, other, key=lambda one: (one.level, one.caregiver is None))


def _on_line(seen: _Seen, matter: Matter) -> Standing:
    """Whom the line shows, by what they said since it last was closed. Nobody while the patient is locked, nor
    while the actor asks somebody: what one writes tells nothing of another who is on the phone.
    """
    if seen.locked_until or _is_asking(seen):
        return Standing()
    return matter.line(seen.figures, seen.closed_at)


def _is_asking(seen: _Seen) -> bool:
    call = timedelta(minutes=seen.figures.verified_minutes)
    return seen.asked_at is not None and seen.asked_at > timezone.now() - call


def _asked(found: dict[str, Any]) -> Standing:
    """What one verification told; nothing any more where it was of a caregiver whose part has ended."""
    caregiver = None
    if found["caregiver"] is not None:
        caregiver = Caregiver.objects.in_force().filter(pk=found["caregiver"]).first()
        if caregiver is None:
            return Standing()
    return Standing(found["level"], found["how"], datetime.fromisoformat(found["until"]), caregiver=caregiver)


def in_force(caregiver: Caregiver) -> bool:
    return bool(Caregiver.objects.in_force().filter(pk=caregiver.pk).exists())


def opens(level: int, what: str, playbook: str = "") -> bool:
    """Whether ``level`` opens ``what``, with the playbook at hand."""
    return what in opened_by(level, playbook)


def opened_by(level: int, playbook: str = "") -> frozenset[str]:
    """What ``level`` opens; at level 1 what the playbook at hand needs, where the table says so."""
    rows = LevelOpens.objects.values_list("what", "playbook", "level")
    table = {(what, playbook): level for what, playbook, level in rows}
    return _opened_by(table or BEGIN_WITH, level, playbook)


def _opened_by(table: Table, level: int, playbook: str) -> frozenset[str]:
    if level < IDENTIFIED:
        return frozenset()
    if level >= VERIFIED:
        return frozenset(what for what, _playbook in table)
    known = {key for key, at in table.items() if at <= level}
    narrowed = {what for what, of in known if of == playbook}
    return frozenset(narrowed or {what for what, of in known if not of})


def require_opened(actor: Any, patient: Patient, *, purpose: str, what: str) -> None:
    """Raise NotVerified, and say so on the trail, unless the standing on this purpose opens ``what``."""
    if isinstance(actor, System) or standing(actor, patient, purpose=purpose).opens(what):
        return
    with audit.acting(purpose=purpose):
        audit.event("denied", subjects=[patient], what=f"not verified: {what}", outcome="denied")
    raise NotVerified(what)


def require_matter(actor: Any, patient: Patient, purpose: str) -> None:
    """Whether the actor may ask somebody for this patient, and the purpose is about them. PermissionDenied else."""
    require(actor, "verification.attempt", patient)
    matter = matter_of(actor, purpose)
    if matter is None or matter.patient_id != patient.pk:
        raise PermissionDenied("verification.attempt")


def locked_until(patient: Patient) -> datetime | None:
    """Until when nobody is verified as this patient, or None."""
    locks = VerificationLock.objects.filter(patient=patient, lifted_at=None, until__gt=timezone.now())
    last: datetime | None = locks.order_by("-until").values_list("until", flat=True).first()
    return last


def emergency_of(actor: Any, patient: Patient) -> EmergencyAccess | None:
    """The emergency that opens this patient's record to this actor now, or None."""
    if actor.pk is None:
        return None
    held = EmergencyAccess.objects.filter(user_id=actor.pk, patient=patient, until__gt=timezone.now())
    found: EmergencyAccess | None = held.order_by("-until").first()
    return found
