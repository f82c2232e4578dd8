"""Who is on the line of a case: what its conversations tell of them, for verification (portal.levels).

Somebody who signed in is verified in what they say there. Where somebody else spoke on the same case lately,
by phone for one, nobody can tell to whom an answer goes, and the least that is known of either counts.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from cases.models import Case, Conversation
from portal.levels import IDENTIFIED, VERIFIED, Matter, Standing, rules
from portal.models import Caregiver, Patient, VerificationRules

SIGNED_IN = ("chat", "portal")
MOST = 8


def matter(actor: Any, number: str) -> Matter | None:
    """The case of a purpose ``case:<pk>``, or None where the actor sees none."""
    if not number.isdecimal() or len(number) > 18:
        return None
    cases = Case.objects.visible_to(actor).filter(pk=number).select_related("patient")
    case: Case | None = cases.only("patient__user_id").first()
    if case is None:
        return None
    return Matter(case.patient_id, _line(case) if case.patient is not None else Standing())


def _line(case: Case) -> Standing:
    spoken = sorted(case.conversations.order_by("-started_at")[:MOST], key=_moment, reverse=True)
    if not any(one.customer_id or one.identity_level for one in spoken[:1]):
        return Standing()
    figures = rules()
    lately = timezone.now() - timedelta(minutes=figures.verified_minutes)
    known = [_known(one, case.patient, figures) for one in spoken[:1]]
    known += [_known(one, case.patient, figures) for one in spoken[1:] if _moment(one) > lately]
    return min(known, key=lambda one: one.level)


def _moment(conversation: Conversation) -> datetime:
    return conversation.last_message_at or conversation.started_at


def _known(conversation: Conversation, patient: Patient | None, figures: VerificationRules) -> Standing:
    """What one conversation tells of who is at its other end, while it is fresh."""
    if patient is None or conversation.patient_id != patient.pk:
        return Standing()
    if conversation.customer_id is not None and conversation.channel in SIGNED_IN:
        return _signed_in(conversation, patient, figures)
    until = _moment(conversation) + timedelta(minutes=figures.identified_minutes)
    if conversation.identity_level and until > timezone.now():
        return Standing(IDENTIFIED, "chat_form", until)
    return Standing()


def _signed_in(conversation: Conversation, patient: Patient, figures: VerificationRules) -> Standing:
    written = timedelta(hours=figures.written_hours)
    spoken = timedelta(minutes=figures.verified_minutes)
    until = _moment(conversation) + (written if conversation.channel == "portal" else spoken)
    caregiver = None
    if conversation.customer_id != patient.user_id:
        theirs = Caregiver.objects.in_force().filter(patient=patient, user=conversation.customer_id)
        caregiver = theirs.first()
        if caregiver is None:
            return Standing()
    return Standing(VERIFIED, "session", until, caregiver=caregiver) if until > timezone.now() else Standing()
