"""Conversations that go from one case to another, and what both cases show of their messages afterwards."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import F

from cases.models import Case, Conversation, Message

CUSTOMER, OURS = ("customer", "caregiver"), ("agent", "supervisor")
SHOWN = ("unread", "last_message", "last_contact_at")


def move(refs: Iterable[uuid.UUID | str], *, of: Case, to: Case) -> list[str]:
    """Those of the conversations that stand in ``of`` now stand in ``to``; which ones. Both cases are locked."""
    rows = Conversation.objects.filter(pk__in=list(refs), case=of).order_by("pk")
    moved = [str(pk) for pk in rows.values_list("pk", flat=True)]
    if moved:
        unread = min(of.unread, unanswered(moved))
        Conversation.objects.filter(pk__in=moved).update(case=to)
        of.unread, to.unread = of.unread - unread, to.unread + unread
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


def recall_last(case: Case) -> None:
    """Set on a locked case what was said last in the conversations it now has; the caller saves SHOWN."""
    replies = Message.objects.filter(conversation__case=case, kind="reply", author_role__in=CUSTOMER + OURS)
    last = replies.order_by(F("sent_at").desc(), "-pk").only("sent_at").first()
    case.last_message = last
    case.last_contact_at = last.sent_at if last else case.opened_at
