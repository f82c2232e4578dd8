"""What sockets are told beside messages: states, places in the line, and cases that moved."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection

from cases import frames, waiting_line
from cases.models import Case, Conversation
from cases.people import shown_name


def glance(ids: list[uuid.UUID]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, state, last_seq, last_staff_seq FROM cases_conversation WHERE id = ANY(%s)", [ids]
        )
        return list(cursor.fetchall())


@dataclass(slots=True)
class News:
    """What a look at the database found: frames for participants, places in the line, lines for consoles."""

    states: list[frames.Frame]
    places: dict[uuid.UUID, waiting_line.Place]
    lines: list[str]


def read(ids: list[uuid.UUID], queued: bool, cases: set[tuple[int, str, str]], counted: bool) -> News:
    lines = [frames.line(frame) for frame in _case_frames(cases)]
    if counted:
        lines.append(frames.line({"type": "queue.changed", "counts": waiting_line.counts()}))
    return News(state_frames(ids), waiting_line.places() if queued else {}, lines)


SHOWN = ("id", "state", "agent__display_name", "agent__realm")


def state_frames(ids: list[uuid.UUID]) -> list[frames.Frame]:
    """``state`` frames of conversations, with their places in the line."""
    if not ids:
        return []
    found = list(Conversation.objects.filter(pk__in=ids).select_related("agent").only(*SHOWN))
    places = waiting_line.places() if any(each.state == "queued" for each in found) else {}
    return [
        frames.state(each.id, each.state, places.get(each.id), shown_name(each.agent) if each.agent else None)
        for each in found
    ]


def _case_frames(cases: set[tuple[int, str, str]]) -> list[frames.Frame]:
    wanted = {case for case, _, _ in cases}
    if not wanted:
        return []
    rows = Case.objects.filter(pk__in=wanted).values_list("pk", "ref", "number")
    known = {pk: (ref, number) for pk, ref, number in rows}
    return [
        {
            "type": "case.changed",
            "case": str(known[case][0]),
            "number": known[case][1],
            "what": what,
            "conversation": conversation or None,
        }
        for case, what, conversation in cases
        if case in known
    ]
