"""Who is on the line of a case: what its conversations tell of them, for verification (portal.levels).

Somebody who signed in is verified in what they say there, by when they said it: what we write ourselves keeps
nobody verified, and it tells nothing of whoever the agent asks on the phone. Where somebody else spoke on the
same case lately, by phone for one, nobody can tell to whom an answer goes, and the least that is known of either
counts. So it is with what an agent found out: it holds of the one who was heard then, not of whoever writes next.
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
    ours = ("case__patient__user", "case__patient__deceased_on", "case__channel", "case__opened_at")
    fields = (*ours, "patient", "customer", "channel", "identity_level", "last_message_at")
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
    return Matter(
        case.patient_id,
        lambda figures, after: _line(case, spoken, figures, after),
        playbook or "",
        lambda since, figures: _others(spoken, case.patient, since, figures),
    )


def _line(case: Case, spoken: list[Conversation], figures: Figures, after: datetime | None) -> Standing:
    """A case taken down on the phone has a caller whose words are in no thread: nobody, while they may be there."""
    patient = case.patient
    if patient is None:
        return Standing()
    lately = timezone.now() - timedelta(minutes=figures.verified_minutes)
    if case.channel == "phone" and case.opened_at > lately:
        return Standing()
    if spoken and after is not None and _heard(spoken[0]) <= after:
        return Standing()
    known = [_known(one, patient, figures) for one in spoken[:1]]
    known += [_known(one, patient, figures) for one in spoken[1:] if _moment(one) > lately]
    return min(known, key=lambda one: one.level, default=Standing())


def _others(
    spoken: list[Conversation], patient: Patient | None, since: datetime, figures: Figures
) -> Standing | None:
    """The least that is known of whoever spoke since a verification and is not the one who was verified.

    That one was last heard before it, in one conversation, by one account, and not long ago.
    """
    heard = [one for one in spoken if (at := _spoken(one)[0]) is not None and at > since]
    if patient is None or not heard or _goes_on(spoken, since):
        return None
    then = _heard_before(heard, since) | {one.pk: _spoken(one) for one in spoken if one not in heard}
    lately = since - timedelta(minutes=figures.verified_minutes)
    moments = {pk: at for pk, (at, _whose) in then.items() if at is not None and at > lately}
    bound = max(moments, key=lambda pk: moments[pk], default=None)
    others = [one for one in heard if one.pk != bound or _spoken(one)[1] != then[bound][1]]
    return min((_known(one, patient, figures) for one in others), key=lambda one: one.level, default=None)


def _goes_on(spoken: list[Conversation], since: datetime) -> bool:
    """Whether it is the one conversation there was, and its own customer who speaks in it."""
    [first, *more] = spoken
    return not more and first.started_at <= since and _spoken(first)[1] == first.customer_id


def _heard_before(threads: list[Conversation], since: datetime) -> dict[Any, tuple[datetime, int | None]]:
    """When each was last heard up to a moment, and by which account; those begun before it by a guest's coming."""
    said = Message.objects.filter(
        conversation__in=threads, seq__isnull=False, author_role__in=CUSTOMERS, sent_at__lte=since
    )
    rows = said.order_by("conversation", "-sent_at").distinct("conversation")
    begun = {one.pk: (one.started_at, one.customer_id) for one in threads if one.started_at <= since}
    return begun | {
        pk: (at, whose) for pk, at, whose in rows.values_list("conversation", "sent_at", "author")
    }


def _spoken(conversation: Any) -> tuple[datetime | None, int | None]:
    return conversation.spoken_at, conversation.spoken_by


def _heard(conversation: Any) -> datetime:
    heard: datetime = conversation.spoken_at or conversation.started_at
    return heard


def _moment(conversation: Conversation) -> datetime:
    return conversation.last_message_at or conversation.started_at


def _known(conversation: Any, patient: Patient, figures: Figures) -> Standing:
    """What one conversation tells of who is at its other end, while it is fresh."""
    if conversation.patient_id != patient.pk:
        return Standing()
    if conversation.customer_id is not None and conversation.channel in SIGNED_IN:
        return _signed_in(conversation, patient, figures)
    until = _heard(conversation) + timedelta(minutes=figures.identified_minutes)
    if conversation.identity_level and until > timezone.now():
        return Standing(IDENTIFIED, "chat_form", until)
    return Standing()


def _signed_in(conversation: Any, patient: Patient, figures: Figures) -> Standing:
    """Who spoke last there, where they were signed in. A thread that we began ourselves verifies nobody, and
    nobody is the patient who has died.
    """
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
    elif patient.deceased_on is not None:
        return Standing()
    return Standing(VERIFIED, "session", until, caregiver=caregiver) if until > timezone.now() else Standing()
