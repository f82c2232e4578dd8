"""Conversations that go from one case to another, and what both cases show of their messages afterwards."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, Max, Min, Q

from cases.models import Callback, Case, CaseEvent, Conversation, Message

CUSTOMER, OURS = ("customer", "caregiver"), ("agent", "supervisor")
# Replies of ours that no partner carried to their reader; what stands in the portal is there to be read.
LOST = Q(notice__state__in=["failed", "skipped"], conversation__channel__in=["email", "sms"])
SHOWN = ("unread", "last_message", "last_contact_at")
WITH_THREADS: list[Callable[[list[str], Case], None]] = []
"""What is kept by conversation, and goes with it: ``(conversations, case)``. Apps to the right add theirs."""


def move(refs: Iterable[uuid.UUID | str], *, of: Case, to: Case) -> list[str]:
    """Those of the conversations that stand in ``of`` now stand in ``to``; which ones. Both cases are locked."""
    rows = Conversation.objects.filter(pk__in=list(refs), case=of).order_by("pk")
    moved = [str(pk) for pk in rows.values_list("pk", flat=True)]
    if moved:
        unread = min(of.unread, unanswered(moved))
        Conversation.objects.filter(pk__in=moved).update(case=to)
        of.unread, to.unread = of.unread - unread, to.unread + unread
        for follow in WITH_THREADS:
            follow(moved, to)
    return moved


def unanswered(refs: Iterable[str]) -> int:
    """How much customers said in these conversations since we answered them."""
    replies = Message.objects.filter(conversation__in=list(refs), kind="reply", seq__isnull=False)
    said: dict[Any, int] = {}
    rows = replies.order_by("conversation", "seq").values_list("conversation", "author_role")
    for ref, role in rows:
        if role in CUSTOMER:
            said[ref] = said.get(ref, 0) + 1
        elif role in OURS:
            said[ref] = 0
    return sum(said.values())


def awaited(case: Case, *, after: datetime | None = None) -> datetime | None:
    """When its customer first said what nobody has answered since, read or not; None: nobody waits for an answer.

    As for the clocks, an answer in one conversation of a case is one to all that was said on it before; while a
    case is closed, nobody waits. What was said until ``after`` counts no more either, nor does what a bot hears.
    """
    replies = Message.objects.filter(conversation__case=case, kind="reply", seq__isnull=False)
    answer = replies.filter(author_role__in=OURS).exclude(LOST).aggregate(last=Max("pk"))["last"] or 0
    said = replies.filter(author_role__in=CUSTOMER, pk__gt=answer).exclude(conversation__state="bot")
    if floor := max((at for at in (after, last_closed(case)) if at), default=None):
        said = said.filter(sent_at__gt=floor)
    return said.order_by("pk").values_list("sent_at", flat=True).first()


def last_closed(case: Case) -> datetime | None:
    """When the case was closed, where it was not opened again since."""
    events = CaseEvent.objects.filter(case=case, kind__in=["closed", "reopened"])
    last = events.order_by("-at", "-pk").first()
    return last.at if last is not None and last.kind == "closed" else None


def last_answer(case_id: int) -> datetime | None:
    """When we said something to the customer of a case last that reached them, or may yet."""
    replies = Message.objects.filter(conversation__case=case_id, kind="reply", author_role__in=OURS)
    found: datetime | None = replies.exclude(LOST).aggregate(last=Max("sent_at"))["last"]
    return found


def unheard_since(case_id: int) -> datetime | None:
    """When we said what reached nobody, where nothing has reached the customer since, nor did we call them."""
    replies = Message.objects.filter(conversation__case=case_id, kind="reply", author_role__in=OURS)
    heard = replies.exclude(LOST).aggregate(last=Max("pk"))["last"] or 0
    since: datetime | None = replies.filter(LOST, pk__gt=heard).aggregate(first=Min("sent_at"))["first"]
    if since and Callback.objects.filter(case=case_id, state="done", settled_at__gt=since).exists():
        return None
    return since


def recall_last(case: Case) -> None:
    """Set on a locked case what was said last in the conversations it now has; the caller saves SHOWN."""
    replies = Message.objects.filter(conversation__case=case, kind="reply", author_role__in=CUSTOMER + OURS)
    last = replies.order_by(F("sent_at").desc(), "-pk").only("sent_at").first()
    case.last_message = last
    case.last_contact_at = last.sent_at if last else case.opened_at
