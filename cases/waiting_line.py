"""The line of chats that wait for a person: who is where in it, and how long that may take."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone

from cases.models import Case, Conversation

USUAL_SECONDS = 120
WINDOW = timedelta(hours=2)
STEP = 30
MOST_COUNTED = 100

Place = dict[str, int]


def places() -> dict[uuid.UUID, Place]:
    """``{"position", "wait_low_s", "wait_high_s"}`` of every chat in the line."""
    waiting = (
        Conversation.objects.filter(state="queued").order_by("queued_at", "id").values_list("id", flat=True)
    )
    line = list(waiting)
    each = seconds_each() if line else USUAL_SECONDS
    return {conversation: _place(position, each) for position, conversation in enumerate(line, 1)}


def _place(position: int, each: float) -> Place:
    return {
        "position": position,
        "wait_low_s": _stepped(position * each * 0.5),
        "wait_high_s": _stepped(position * each * 1.5) + STEP,
    }


def _stepped(seconds: float) -> int:
    return int(seconds // STEP * STEP)


def seconds_each() -> float:
    """How often a chat has been accepted lately."""
    lately = Conversation.objects.filter(accepted_at__gt=timezone.now() - WINDOW)
    seen = lately.aggregate(n=Count("id"), first=Min("accepted_at"), last=Max("accepted_at"))
    if seen["n"] < 2:
        return USUAL_SECONDS
    return float((seen["last"] - seen["first"]).total_seconds() / (seen["n"] - 1))


def counts() -> dict[str, int]:
    """What the console's rail shows of the whole desk."""
    open_cases = Case.objects.open()
    return {
        "queued": _count(Conversation.objects.filter(state="queued")),
        "unassigned": _count(open_cases.filter(owner=None)),
        "unread": _count(open_cases.filter(unread__gt=0)),
    }


def _count(rows: QuerySet[Any]) -> int:
    """As far as a rail can show: counting on would cost more the more there are."""
    return len(rows.values_list("pk")[: MOST_COUNTED + 1])
