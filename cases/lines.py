"""Who is on the line of a case: what its conversations tell of them, for verification (portal.levels).

Somebody who signed in is verified in what they say there. Where somebody else spoke on the same case lately,
by phone for one, nobody can tell to whom an answer goes, and the least that is known of either counts.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Conversation, PlaybookRun
from portal.levels import IDENTIFIED, VERIFIED, Figures, Matter, Standing
from portal.models import Caregiver, Patient

SIGNED_IN = ("chat", "portal")
MOST = 8
WHY = _("Work on one of your cases")


def case_of(purpose: str) -> Case | None:
    """The case that a purpose names."""
    word, _colon, number = purpose.partition(":")
    if word != "case" or not number.isdecimal() or len(number) > 18:
        return None
    found: Case | None = Case.objects.filter(pk=number).first()
    return found


def matter(actor: Any, number: str) -> Matter | None:
    """The case of a purpose ``case:<pk>``, or None where the actor sees none."""
    if not number.isdecimal() or len(number) > 18:
        return None
    fields = ("case__patient__user", "patient", "customer", "channel", "identity_level", "last_message_at")
    spoken = Conversation.objects.filter(case__in=Case.objects.visible_to(actor).filter(pk=number))
    rows = spoken.select_related("case__patient").only("started_at", *fields).order_by("-started_at")
    if threads := list(rows.annotate(playbook=_playbook("case"))[:MOST]):
        return matter_of(cast(Case, threads[0].case), threads, threads[0].playbook)
    cases = Case.objects.visible_to(actor).filter(pk=number).select_related("patient")
    case: Any = cases.annotate(playbook=_playbook("pk")).first()
    return None if case is None else matter_of(case, [], case.playbook)


def _playbook(case: str) -> Subquery:
    """Code of the playbook at hand: the one begun last of those that run on the case."""
    runs = PlaybookRun.objects.filter(case=OuterRef(case), state="running").order_by("-started_at")
    return Subquery(runs.values("playbook__code")[:1])


def matter_of(case: Case, threads: Iterable[Conversation], playbook: str | None = None) -> Matter:
    """The same of a case whose conversations have been read already."""
    spoken = sorted(threads, key=_moment, reverse=True)
    return Matter(case.patient_id, lambda figures: _line(spoken, case.patient, figures), playbook or "")


def _line(spoken: list[Conversation], patient: Patient | None, figures: Figures) -> Standing:
    if patient is None:
        return Standing()
    lately = timezone.now() - timedelta(minutes=figures.verified_minutes)
    known = [_known(one, patient, figures) for one in spoken[:1]]
    known += [_known(one, patient, figures) for one in spoken[1:] if _moment(one) > lately]
    return min(known, key=lambda one: one.level, default=Standing())


def _moment(conversation: Conversation) -> datetime:
    return conversation.last_message_at or conversation.started_at


def _known(conversation: Conversation, patient: Patient, figures: Figures) -> Standing:
    """What one conversation tells of who is at its other end, while it is fresh."""
    if conversation.patient_id != patient.pk:
        return Standing()
    if conversation.customer_id is not None and conversation.channel in SIGNED_IN:
        return _signed_in(conversation, patient, figures)
    until = _moment(conversation) + timedelta(minutes=figures.identified_minutes)
    if conversation.identity_level and until > timezone.now():
        return Standing(IDENTIFIED, "chat_form", until)
    return Standing()


def _signed_in(conversation: Conversation, patient: Patient, figures: Figures) -> Standing:
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
