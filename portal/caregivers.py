"""Caregivers: whom a patient lets act for them, for what and until when. What is taken back ends at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import audit
from config.security.throttle import Limit, take
from portal import invitations, sessions
from portal.access import require
from portal.models import Caregiver, Invitation, Patient, User

SCOPES = frozenset(name for name, _label in Caregiver.SCOPES)
MOST = 10
INVITED_A_DAY = Limit("caregivers invited", 20, 24 * 3600)


def of_patient(actor: Any, patient: Patient) -> Any:
    """The caregivers a patient has or has invited, the latest first."""
    require_own(actor, patient)
    return Caregiver.objects.filter(patient=patient, revoked_at=None).order_by("-invited_at")


def require_own(actor: Any, patient: Patient) -> None:
    """A patient's caregivers are theirs alone to manage: a caregiver can't make another."""
    require(actor, "caregivers.manage")
    if patient.user_id is None or patient.user_id != actor.pk:
        raise PermissionDenied("caregivers.manage")


def invite(
    actor: User,
    *,
    patient: Patient,
    name: str,
    email: str,
    relation: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
) -> Caregiver:
    """Ask somebody to be a caregiver. ``expires_at`` ends what they may do; None is until taken back.

    Raises ValidationError for an empty or unknown scope, a time that has passed, or one's own address, and
    throttle.TooMany: a letter goes to whatever address they give.
    """
    require_own(actor, patient)
    wanted = sorted(set(scopes))
    if not wanted or not SCOPES.issuperset(wanted):
        raise ValidationError({"scopes": _("Choose what this person may do for you.")})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": _("Choose a day in the future.")})
    invitations.refuse_own(email, patient)
    take((INVITED_A_DAY, patient.pk))
    with transaction.atomic():
        Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
        if Caregiver.objects.filter(patient=patient, revoked_at=None).count() >= MOST:
            raise ValidationError(_("You have as many caregivers as one may have. Remove one first."))
        caregiver = Caregiver.objects.create(
            patient=patient, name=name, relation=relation, scopes=wanted, expires_at=expires_at
        )
        invitations.invite_caregiver(actor, caregiver=caregiver, email=email)
    return caregiver


def change(
    actor: User, *, caregiver: Caregiver, scopes: Iterable[str], expires_at: datetime | None
) -> Caregiver:
    """Another scope or end for somebody who is a caregiver."""
    require_own(actor, caregiver.patient)
    wanted = sorted(set(scopes))
    if not wanted or not SCOPES.issuperset(wanted):
        raise ValidationError({"scopes": _("Choose what this person may do for you.")})
    caregiver.scopes, caregiver.expires_at = wanted, expires_at
    with transaction.atomic():
        caregiver.save(update_fields=["scopes", "expires_at"])
        _end_sessions(caregiver)
    return caregiver


def revoke(actor: User, *, caregiver: Caregiver) -> None:
    """Take it back: their sessions end, and an invitation that is still open with them."""
    require_own(actor, caregiver.patient)
    with transaction.atomic():
        caregiver.revoked_at = timezone.now()
        caregiver.save(update_fields=["revoked_at"])
        for invitation in Invitation.objects.filter(caregiver=caregiver, used_at=None):
            invitations.withdraw(invitation)
        audit.event(
            "security", what="caregiver removed", subjects=[caregiver.patient_id], objects=[caregiver]
        )
        _end_sessions(caregiver)


def _end_sessions(caregiver: Caregiver) -> None:
    """What they have open was opened with rights they no longer have."""
    if caregiver.user is not None:
        sessions.end_all(caregiver.user, by="caregiver-changed")
