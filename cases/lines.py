"""Who is on the line of a case: what its conversations tell of them, for verification (portal.levels).

Somebody who signed in is verified in what they say there, by when they said it: what we write ourselves keeps
nobody verified. Where somebody else spoke on the same case lately, by phone for one, nobody can tell to whom an
answer goes, and the least that is known of either counts.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Conversation, Message, PlaybookRun
from portal.levels import IDENTIFIED, VERIFIED, Figures, Matter, Standing
from portal.models import Caregiver, Patient

SIGNED_IN = ("chat", "portal")
CUSTOMERS = ("customer", "caregiver")
MOST = 8
WHY = _("Work on one of your cases")


def case_of(purpose: str) -> Case | None:
    """The case that a purpose names."""
    word, _colon, number = purpose.partition(":")
    if word != "case" or not number.isdecimal() or len(number) > 18:
        return None
    found: Case | None = Case.objects.filter(pk=number).first()
    return found


def with_speaker(threads: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """With when somebody on the customer's side spoke last, and which account it was where they were signed in."""
    said = Message.objects.filter(conversation=OuterRef("pk"), seq__isnull=False, author_role__in=CUSTOMERS)
    last = said.order_by("-seq")
    return threads.annotate(
        spoken_at=Subquery(last.values("sent_at")[:1]), spoken_by=Subquery(last.values("author_id")[:1])
    )


def matter(actor: Any, number: str) -> Matter | None:
    """The case of a purpose ``case:<pk>``, or None where the actor sees none."""
    if not number.isdecimal() or len(number) > 18:
        return None
    fields = ("case__patient__user", "patient", "customer", "channel", "identity_level", "last_message_at")
    spoken = Conversation.objects.filter(case__in=Case.objects.visible_to(actor).filter(pk=number))
    rows = with_speaker(spoken.select_related("case__patient").only("started_at", *fields))
    rows = rows.order_by("-started_at")
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
    """The same of a case whose conversations have been read already, ``with_speaker``."""
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


def _known(conversation: Any, patient: Patient, figures: Figures) -> Standing:
    """What one conversation tells of who is at its other end, while it is fresh."""
    if conversation.patient_id != patient.pk:
        return Standing()
    if conversation.customer_id is not None and conversation.channel in SIGNED_IN:
        return _signed_in(conversation, patient, figures)
    spoken = conversation.spoken_at or conversation.started_at
    until = spoken + timedelta(minutes=figures.identified_minutes)
    if conversation.identity_level and until > timezone.now():
        return Standing(IDENTIFIED, "chat_form", until)
    return Standing()


def _signed_in(conversation: Any, patient: Patient, figures: Figures) -> Standing:
    """Who spoke last there, where they were signed in. A thread that we began ourselves verifies nobody."""
    began_it = conversation.started_at if conversation.channel == "chat" else None
    spoken, whose = conversation.spoken_at, conversation.spoken_by
    if spoken is None:
        spoken, whose = began_it, conversation.customer_id
    if spoken is None:
        return Standing()
    written = timedelta(hours=figures.written_hours)
    chatted = timedelta(minutes=figures.verified_minutes)
    until = spoken + (written if conversation.channel == "portal" else chatted)
    caregiver = None
    if whose is None or whose != patient.user_id:
        caregiver = (
            Caregiver.objects.in_force().filter(patient=patient, user=whose).first() if whose else None
        )
        if caregiver is None:
            return Standing()
    return Standing(VERIFIED, "session", until, caregiver=caregiver) if until > timezone.now() else Standing()
