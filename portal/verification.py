"""Who is it we speak with? Identifiers compared on the server, codes for those who can be reached, and the lock.

Whoever asks learns whether it fitted, never what is on file nor which part was wrong. What somebody knows
gives level 1 at most, and never a session. Failures count for the patient on every channel together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import audit, throttle
from portal import account_mail, contact_holds, levels, one_time, profile, signals
from portal.access import require
from portal.identifiers import IDENTIFIERS, fits, spelt
from portal.levels import (
    IDENTIFIED,
    MATTERS,
    VERIFIED,
    Matter,
    NotVerified,
    Standing,
    locked_until,
    opens,
    require_opened,
    rules,
    standing,
)
from portal.models import (
    Caregiver,
    OneTimeSecret,
    Patient,
    User,
    Verification,
    VerificationLock,
)
from portal.verification_ends import call_ended, end, matter_ended

__all__ = [
    "IDENTIFIERS",
    "MATTERS",
    "Matter",
    "NotVerified",
    "Standing",
    "call_ended",
    "fits",
    "locked_until",
    "matter_ended",
    "opens",
    "require_opened",
    "rules",
    "spelt",
    "standing",
]

SENT_BY = {"sms": "phone", "email": "email"}


class Locked(Exception):
    """Too many failures: nobody is verified as this patient before ``until``."""

    def __init__(self, until: datetime) -> None:
        super().__init__("Verification is locked.")
        self.until = until


class CannotReach(ValidationError):
    """No contact on file may be used for proof."""

    def __init__(self) -> None:
        super().__init__(_("No contact on file has stood long enough to be used for this."))


@dataclass(frozen=True)
class Outcome:
    """What came of a try: whether it fitted, and where we stand now."""

    passed: bool
    standing: Standing
    tries_left: int


# --- trying ------------------------------------------------------------------------------------------
def attempt(
    actor: Any,
    *,
    patient: Patient,
    purpose: str,
    given: Mapping[str, Any],
    caregiver: Caregiver | None = None,
) -> Outcome:
    """Compare what a caller said with what is on file: two or more identifiers, all right, give level 1.

    Raises Locked, and ValidationError for what is no answer (it counts as no try).
    """
    typed = spelt(given)
    levels.require_matter(actor, patient, purpose)
    _require_theirs(caregiver, patient)

    def judge(held: Patient) -> bool:
        return fits(held, typed)

    return _try(actor, patient, purpose, "identifiers", judge, caregiver=caregiver)


def check_portal_code(actor: Any, *, patient: Patient, purpose: str, code: str) -> Outcome:
    """A code that somebody signed in reads out: level 2, in their caregiver's scope where it is theirs."""
    levels.require_matter(actor, patient, purpose)
    spent: list[OneTimeSecret] = []

    def judge(held: Patient) -> bool:
        spent.extend(secret for secret in _portal_codes(held) if one_time.matches(secret, code))
        return bool(spent) and one_time.spend(spent[0])

    def speaks() -> Caregiver | None:
        return _caregiver_of(spent[0], patient)

    return _try(actor, patient, purpose, "portal_code", judge, speaks=speaks)


def check_sent_code(actor: Any, *, patient: Patient, purpose: str, code: str) -> Outcome:
    """The code that was sent for this purpose, read back: level 2. Whoever was a caregiver stays one."""
    levels.require_matter(actor, patient, purpose)

    def judge(held: Patient) -> bool:
        sent = [secret for secret in _sent_codes(held, purpose) if one_time.matches(secret, code)]
        return bool(sent) and one_time.spend(sent[0])

    speaking = standing(actor, patient, purpose=purpose).caregiver
    return _try(actor, patient, purpose, "sent_code", judge, caregiver=speaking)


def called_back(actor: Any, *, patient: Patient, purpose: str, answered: bool) -> Outcome:
    """The agent called the number on file, and whether whoever had given two identifiers answered.

    A caregiver may live with the patient: they stay in their scope.
    """
    levels.require_matter(actor, patient, purpose)
    if not contact_holds.usable_for_proof(patient, "phone"):
        raise CannotReach
    known = standing(actor, patient, purpose=purpose)
    if known.level < IDENTIFIED:
        raise ValidationError(_("Ask for two identifiers first, then call back."))
    return _try(actor, patient, purpose, "call_back", lambda held: answered, caregiver=known.caregiver)


def _try(
    actor: Any,
    patient: Patient,
    purpose: str,
    how: str,
    judge: Callable[[Patient], bool],
    *,
    caregiver: Caregiver | None = None,
    speaks: Callable[[], Caregiver | None] | None = None,
) -> Outcome:
    """One try at a time for a patient, whoever asks on whatever channel."""
    with transaction.atomic(), audit.acting(purpose=purpose):
        held = hold(patient)
        if until := locked_until(held):
            raise Locked(until)
        if how == "identifiers":
            end(patient, purpose, agent=actor.pk)  # who is asked anew is not taken for who was heard before
        passed = judge(held)
        if passed:
            who = speaks() if speaks else caregiver
            end(patient, purpose, agent=actor.pk, but=who)
            _keep(actor, held, purpose, how, passed=True, caregiver=who)
        else:
            failed(held, how=how, purpose=purpose, actor=actor)
        left = tries_left(held)
        return Outcome(passed, standing(actor, held, purpose=purpose), left)


def hold(patient: Patient) -> Patient:
    """The patient's row under lock: tries are judged one at a time, whatever channel they come by."""
    found: Patient = Patient.objects.select_for_update(no_key=True, of=("self",)).get(pk=patient.pk)
    return found


def _require_theirs(caregiver: Caregiver | None, patient: Patient) -> None:
    if caregiver is not None and (caregiver.patient_id != patient.pk or not levels.in_force(caregiver)):
        raise PermissionDenied("verification.attempt")


def _keep(
    actor: Any, patient: Patient, purpose: str, how: str, *, passed: bool, caregiver: Caregiver | None = None
) -> Verification:
    level = _level_of(how) if passed else 0
    agent = actor if isinstance(actor, User) and actor.realm == "staff" else None
    row = Verification.objects.create(
        patient=patient,
        purpose=purpose,
        agent=agent,
        caregiver=caregiver,
        how=how,
        passed=passed,
        level=level,
        expires_at=timezone.now() + _lasts(level) if passed else None,
    )
    outcome = "ok" if passed else "failed"
    audit.event("verify", subjects=[patient], what=how, outcome=outcome, objects=[row])
    send = signals.verification_tried.send_robust
    transaction.on_commit(lambda: send(Verification, verification_id=row.pk, purpose=purpose))
    return row


def _level_of(how: str) -> int:
    return VERIFIED if how in {"portal_code", "sent_code", "call_back"} else IDENTIFIED


def _lasts(level: int) -> timedelta:
    figures = rules()
    return timedelta(minutes=figures.verified_minutes if level == VERIFIED else figures.identified_minutes)


# --- failing -----------------------------------------------------------------------------------------
def failed(patient: Patient, *, how: str, purpose: str = "", actor: Any = None) -> None:
    """Count a failure against a patient, on whatever channel; the last one locks. Within a transaction."""
    hold(patient)
    _keep(actor, patient, purpose, how, passed=False)
    if tries_left(patient) <= 0 and locked_until(patient) is None:
        _lock(patient)


def passed_at_door(patient: Patient, *, how: str, purpose: str = "") -> None:
    """Put on record that somebody was identified where no agent asked: by a form in the chat."""
    _keep(None, patient, purpose, how, passed=True)


def tries_left(patient: Patient) -> int:
    """How many failures are left before the lock, over all channels."""
    figures = rules()
    since = timezone.now() - timedelta(minutes=figures.failures_within_minutes)
    last = VerificationLock.objects.filter(patient=patient).order_by("-locked_at").first()
    if last is not None:
        since = max(since, last.locked_at)
    failures = Verification.objects.filter(patient=patient, passed=False, at__gt=since).count()
    return max(0, figures.tries - failures) if locked_until(patient) is None else 0


def _lock(patient: Patient) -> None:
    now = timezone.now()
    VerificationLock.objects.create(
        patient=patient, locked_at=now, until=now + timedelta(minutes=rules().lock_minutes)
    )
    for row in Verification.objects.filter(patient=patient, passed=True, ended_at=None, expires_at__gt=now):
        row.ended_at = now
        row.save(update_fields=["ended_at"])
    for purpose in ("portal_code", "verify"):
        OneTimeSecret.objects.filter(purpose=purpose, patient=patient, used_at=None).update(used_at=now)
    profile.withdraw_asked(patient, _asked_in_vain(patient))
    audit.event("verify", subjects=[patient], what="locked", outcome="denied")
    send = signals.verification_locked.send_robust
    transaction.on_commit(lambda: send(VerificationLock, patient_id=patient.pk))
    email, phone = (contact_holds.usable_for_delivery(patient, field) for field in ("email", "phone"))
    account_mail.tell_contact(patient, "verification_locked", to=email)
    account_mail.text_contact(patient, "verification_locked", to=phone)


def _asked_in_vain(patient: Patient) -> list[str]:
    """The purposes on which somebody failed before an agent, within the time that failures count."""
    since = timezone.now() - timedelta(minutes=rules().failures_within_minutes)
    failed = Verification.objects.filter(patient=patient, passed=False, at__gt=since, agent__isnull=False)
    return list(failed.exclude(purpose="").order_by("purpose").values_list("purpose", flat=True).distinct())


def lift(actor: Any, *, lock: VerificationLock) -> VerificationLock:
    """End a lock before its time."""
    require(actor, "verification.manage")
    with transaction.atomic():
        held: VerificationLock = VerificationLock.objects.select_for_update(of=("self",)).get(pk=lock.pk)
        if held.lifted_at is None:
            held.lifted_at, held.lifted_by = timezone.now(), actor if actor.pk else None
            held.save(update_fields=["lifted_at", "lifted_by"])
            audit.event("security", subjects=[held.patient], what="verification lock lifted", objects=[held])
    return held


# --- codes -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Shown:
    """A code as its owner reads it out, and until when it is good."""

    code: str
    until: datetime


def issue_portal_code(actor: User, *, patient: Patient) -> Shown:
    """Six digits for whoever is signed in, to read out to an agent; an earlier one is void."""
    require(actor, "portal.use", patient)
    with transaction.atomic():
        life = timedelta(minutes=rules().code_minutes)
        secret = one_time.issue("portal_code", user=actor, patient=patient, life=life)
        audit.event("security", subjects=[patient], what="portal code shown", objects=[secret])
        return Shown(one_time.new_code(secret, digits=6), secret.expires_at)


def _portal_codes(patient: Patient) -> list[OneTimeSecret]:
    found = OneTimeSecret.objects.filter(
        purpose="portal_code", patient=patient, used_at=None, expires_at__gt=timezone.now()
    )
    return [secret for secret in found.select_related("user") if _may_still(secret, patient)]


def _may_still(secret: OneTimeSecret, patient: Patient) -> bool:
    """The patient's own, or a caregiver's whose part has not ended since."""
    return secret.user_id == patient.user_id or _caregiver_of(secret, patient) is not None


def _caregiver_of(secret: OneTimeSecret, patient: Patient) -> Caregiver | None:
    if secret.user_id == patient.user_id:
        return None
    theirs = Caregiver.objects.in_force().filter(patient=patient, user=secret.user_id)
    found: Caregiver | None = theirs.first()
    return found


def _sent_codes(patient: Patient, purpose: str) -> list[OneTimeSecret]:
    sent = OneTimeSecret.objects.filter(purpose="verify", patient=patient, bound_to=purpose, used_at=None)
    return list(sent.filter(expires_at__gt=timezone.now()))


def send_code(actor: Any, *, patient: Patient, purpose: str, via: str) -> datetime:
    """Send a code by ``sms`` or ``email`` to a contact that has stood long enough; until when it is good.

    Raises CannotReach, Locked, throttle.TooMany.
    """
    levels.require_matter(actor, patient, purpose)
    if until := locked_until(patient):
        raise Locked(until)
    to = contact_holds.usable_for_proof(patient, SENT_BY[via])
    if not to:
        raise CannotReach
    figures = rules()
    throttle.take((throttle.Limit("verification codes", figures.codes_an_hour, 3600), patient.pk))
    with transaction.atomic(), audit.acting(purpose=purpose):
        life = timedelta(minutes=2 * figures.code_minutes)
        secret = one_time.issue("verify", patient=patient, bound_to=purpose, life=life)
        audit.event("verify", subjects=[patient], what=f"code sent by {via}", objects=[secret])
        post = account_mail.text_contact if via == "sms" else account_mail.tell_contact
        post(patient, "verify", to=to, secret=secret)
    return secret.expires_at


def number_to_call(actor: Any, *, patient: Patient, purpose: str) -> str:
    """The number on file for a call back, shown to the agent and put on the trail. Raises CannotReach."""
    levels.require_matter(actor, patient, purpose)
    number = contact_holds.usable_for_proof(patient, "phone")
    if not number:
        raise CannotReach
    if standing(actor, patient, purpose=purpose).level < IDENTIFIED:
        raise ValidationError(_("Ask for two identifiers first, then call back."))
    with audit.acting(purpose=purpose):
        audit.event("unmask", subjects=[patient], what="call back", fields=["phone"])
    return number
