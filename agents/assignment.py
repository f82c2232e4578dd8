"""Work finds its agent: what waits for teams that are pushed is offered, and agents of the others take the next.

``decide`` (agents.placement) is a pure function; here it is fed from the tables and what it says is carried
out. One run at a time places for all processes.
"""

import contextlib
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from agents import floor, offers, presence, reasons
from agents.models import Offer, TeamRouting
from agents.offers import Gone, accept, decline, hand_over, offer
from agents.placement import Agent, Placement, decide
from cases.cases import Conflict
from cases.models import Case, Conversation, Team
from config.security import audit
from portal.access import require
from portal.models import User

__all__ = ["Gone", "accept", "decide", "decline", "hand_over", "offer", "place_waiting", "take_next", "why"]

PLACING, PULLING = 0x706C6163, 0x70756C6C
TRIES = 3


def place_waiting() -> int:
    """Offer what waits to whoever should have it. How many offers were made.

    Where another process is at it this does nothing: what came meanwhile is placed by the next run, a few
    seconds later.
    """
    with audit.acting(offers.ROUTING, purpose="routing"):
        offers.settle()
        offers.run_out()
        made = _place() if floor.any_pushed() else []
        for one, routing in made:
            if routing.auto_accept:
                _take_at_once(one)
    return len(made)


@transaction.atomic
def _place() -> list[tuple[Offer, TeamRouting]]:
    if not _alone():
        return []
    now, known = timezone.now(), floor.setting()
    waiting = {each.item.key: each for each in floor.waiting(known, now, teams=known.pushed)}
    placed = decide([each.item for each in waiting.values()], _there(known), known.costs, now)
    rows = _Rows(waiting, placed)
    made = []
    for placement in placed:
        routing = known.teams[waiting[placement.item].item.team]
        with contextlib.suppress(Conflict):
            made.append((rows.offered(placement, now + timedelta(seconds=routing.accept_within)), routing))
    return made


def _there(known: floor.Setting) -> list[Agent]:
    """Who is online; those in no team stand in for the teams of which nobody is."""
    there = floor.agents_there(known)
    staffed = {team for agent in there for team in agent.teams}
    left_alone = [team for team in known.pushed if team is not None and team not in staffed]
    return [floor.everywhere(agent, left_alone) for agent in there]


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [PLACING])
        return bool(cursor.fetchone()[0])


class _Rows:
    """The rows that placements name, three queries for all."""

    def __init__(self, waiting: dict[int, floor.Waiting], placed: list[Placement]) -> None:
        self.waiting = waiting
        self.cases = Case.objects.in_bulk({placement.item for placement in placed})
        self.users = User.objects.in_bulk({placement.agent for placement in placed})
        chats = {waiting[placement.item].conversation for placement in placed} - {None}
        self.chats = Conversation.objects.in_bulk(chats)

    def offered(self, placement: Placement, until: Any) -> Offer:
        return offer(
            offers.ROUTING,
            case=self.cases[placement.item],
            to=self.users[placement.agent],
            until=until,
            conversation=self.chats.get(self.waiting[placement.item].conversation),
            why=placement.why,
        )


def _take_at_once(made: Offer) -> None:
    """For a team whose agents need not be asked; whoever can't take it after all is passed by."""
    try:
        accept(offers.ROUTING, offer=made, unasked=True)
    except (Conflict, Gone, presence.NoRoom):
        offers.withdraw(Offer.objects.filter(pk=made.pk))


# --- pull --------------------------------------------------------------------------------------------
def take_next(actor: User) -> Offer | None:
    """Give ``actor`` what they should work on next, by the same order as everybody; None where nothing fits.

    Who is in no team takes from every team. Chats count against how many one serves at once, cases do not.
    """
    require(actor, "cases.work")
    for _try in range(TRIES):
        with contextlib.suppress(Conflict, Gone):
            return _next(actor)
    return None


@transaction.atomic
def _next(actor: User) -> Offer | None:
    _one_after_another()
    now, known = timezone.now(), floor.setting()
    [found] = floor.agents_of([presence.of(actor)], known)
    me = floor.everywhere(floor.unhindered(found), Team.objects.values_list("pk", flat=True))
    waiting = {each.item.key: each for each in floor.waiting(known, now, teams=[*me.teams, None])}
    placed = decide([each.item for each in waiting.values()], [me], known.costs, now)
    if not placed:
        return None
    made = _Rows(waiting, placed[:1]).offered(placed[0], now + timedelta(seconds=60))
    return accept(offers.ROUTING, offer=made)


def _one_after_another() -> None:
    """Of two who ask at once the second waits, and is given what the first was not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PULLING])


def why(case: Case) -> str:
    """In words, why the one who has the case or is offered it was chosen; "" where a person decided."""
    told = Offer.objects.filter(case=case, state__in=("open", "accepted")).select_related("giver", "agent")
    last = told.order_by("-made_at", "-pk").first()
    if last is None or (last.state == "accepted" and last.agent_id != case.owner_id):
        return ""
    return reasons.in_words(last)
