"""When nobody is verified any more for what they were: the call ended, or what it was about is done."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from config.security import audit
from portal import levels
from portal.models import OneTimeSecret, Patient, Verification

_ANYBODY = object()


def call_ended(actor: Any, *, patient: Patient, purpose: str) -> None:
    """Whoever was on the line is not any more, for whichever purposes they were asked: the next one the actor
    hears there is nobody known.
    """
    levels.require_matter(actor, patient, purpose)
    with transaction.atomic(), audit.acting(purpose=purpose):
        end(patient, agent=actor.pk)
        _end_tries(patient, agent=actor.pk)
        _close_line(actor, patient, purpose)
        OneTimeSecret.objects.filter(
            purpose="verify", patient=patient, bound_to=purpose, used_at=None
        ).update(used_at=timezone.now())
        audit.event("verify", subjects=[patient], what="call ended")


def matter_ended(*, patient_id: int, purpose: str) -> None:
    """What a purpose was about is done: nobody stays verified for it, whichever agent asked."""
    with transaction.atomic():
        end(patient_id, purpose)
        _end_tries(patient_id, purpose)


def _end_tries(patient: Patient | int, purpose: str = "", *, agent: int | None = None) -> None:
    """Whoever was asked in vain is not on the line any more."""
    tries = Verification.objects.filter(patient=patient, passed=False, ended_at=None, agent__isnull=False)
    for row in _of(tries, purpose, agent):
        row.ended_at = timezone.now()
        row.save(update_fields=["ended_at"])


def _close_line(actor: Any, patient: Patient, purpose: str) -> None:
    """What the line goes on showing was for the one who is gone: on record as ended, until they speak again."""
    shown, now = levels.standing(actor, patient, purpose=purpose), timezone.now()
    if shown.level:
        known = {"how": shown.by, "level": shown.level, "caregiver": shown.caregiver}
        Verification.objects.create(
            patient=patient,
            purpose=purpose,
            agent=actor,
            passed=True,
            at=now,
            expires_at=shown.until,
            ended_at=now,
            **known,
        )


def _of(rows: Any, purpose: str, agent: int | None) -> Any:
    """Of one purpose, or of all; those that one agent asked, or anybody."""
    rows = rows.filter(purpose=purpose) if purpose else rows
    return rows if agent is None else rows.filter(agent=agent)


def end(patient: Patient | int, purpose: str = "", *, agent: int | None = None, but: Any = _ANYBODY) -> None:
    """``but``: the caregiver, or None for the patient, who goes on speaking."""
    rows = Verification.objects.filter(patient=patient, passed=True, ended_at=None, agent__isnull=False)
    for row in _of(rows.filter(expires_at__gt=timezone.now()), purpose, agent):
        if but is _ANYBODY or row.caregiver_id != getattr(but, "pk", None):
            row.ended_at = timezone.now()
            row.save(update_fields=["ended_at"])
