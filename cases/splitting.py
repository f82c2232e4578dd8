"""One case becomes two: a conversation that is about something else, or a new matter found in a message."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases import cases as rules
from cases import kin, moving, sla
from cases.models import Case, Conversation, Message, Reason
from portal.access import require


def split(
    actor: Any,
    *,
    case: Case,
    messages: Iterable[Message],
    subject: str,
    reason: Reason | None = None,
    version: int | None = None,
) -> Case:
    """Take the conversations of these messages into a new case, linked to this one. Gives the new case."""
    require(actor, "cases.work", case)
    with transaction.atomic():
        held = rules.locked(case, version)
        refs = _conversations_of(held, messages)
        _refuse_split(held, refs)
        channel = Conversation.objects.values_list("channel", flat=True).get(pk=refs[0])
        new = rules.locked(_opened(actor, held, channel, subject, reason))
        moving.move(refs, of=held, to=new)
        for each in (held, new):
            moving.recall_last(each)
            rules.save(each, *moving.SHOWN)
        _clocks_over(actor, held, new)
        _tie(actor, held, new)
    return new


def _clocks_over(actor: Any, case: Case, new: Case) -> None:
    """Whoever waits for an answer waits for it on the new case, also where their words have been read."""
    if since := moving.awaited(new, after=moving.last_closed(case)):
        sla.event(new, "customer_spoke", actor=actor, at=since)
    if moving.awaited(case) is None:
        for kind in sla.RESPONSES:
            sla.finish(case, kind, actor=actor)


def open_from(
    actor: Any, *, case: Case, message: Message, subject: str, reason: Reason | None = None
) -> Case:
    """Open a new case for what a message says besides; the message stays where it is, and is quoted in a note."""
    require(actor, "cases.work", case)
    with transaction.atomic():
        held = rules.locked(case)
        [ref] = _conversations_of(held, [message])
        channel = Conversation.objects.values_list("channel", flat=True).get(pk=ref)
        new = _opened(actor, held, channel, subject, reason, note=message.body)
        _tie(actor, held, new, message)
    return new


def _conversations_of(case: Case, messages: Iterable[Message]) -> list[Any]:
    chosen = {message.conversation_id for message in messages}
    if not chosen:
        raise ValidationError(_("Choose what belongs to another matter."))
    theirs = case.conversations.filter(pk__in=chosen).order_by("pk")
    refs = list(theirs.values_list("pk", flat=True))
    if len(refs) != len(chosen):
        raise ValidationError(_("Case %(number)s no longer has these messages.") % {"number": case.number})
    return refs


def _refuse_split(case: Case, refs: list[Any]) -> None:
    if case.state == "closed":
        raise ValidationError(_("This case is closed: reopen it first."))
    if not case.conversations.exclude(pk__in=refs).exists():
        raise ValidationError(
            _("Nothing would be left of this case: open a new case from a message instead.")
        )


def _opened(
    actor: Any, case: Case, channel: str, subject: str, reason: Reason | None, note: str = ""
) -> Case:
    return rules.open_case(
        actor,
        channel=channel,
        patient=case.patient,
        order=case.order,
        owner=case.owner,
        guest_name=case.guest_name,
        subject=subject.strip() or case.subject,
        reason=reason,
        note=note,
    )


def _tie(actor: Any, case: Case, new: Case, message: Message | None = None) -> None:
    kin.link(actor, case=new, other=case, kind="split", message=message)
    rules.record(actor, case, "split", {"to": new.number})
    rules.record(actor, new, "split", {"from": case.number})
