"""Who is there to answer: what agents say of themselves, and what their sockets say of them.

An agent whose sockets are all gone is away after AWAY_AFTER, and offline after OFFLINE_AFTER. What somebody
who went offline was serving is offered to the others at once.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from agents.models import AgentPresence
from cases import cases, conversations
from cases.models import Conversation
from portal.access import STAFF_REALM, System, require
from portal.models import User

AWAY_AFTER = timedelta(seconds=60)
OFFLINE_AFTER = timedelta(minutes=5)
SWEEPER = System("presence sweep")
HERE = ("online", "busy", "away")
STATES = [code for code, _label in AgentPresence.STATES]
MOST_CHATS = 8


class UnknownState(ValueError):
    """Not one of AgentPresence.STATES, or a capacity nobody can work at."""


class NoRoom(Exception):
    """The agent serves as many chats as they take at once, or is offline."""


def of(actor: User) -> AgentPresence:
    """How ``actor`` stands; offline where they never said."""
    return AgentPresence.objects.filter(user=actor).first() or AgentPresence(user=actor)


def set_state(actor: User, *, state: str, chat_capacity: int | None = None) -> AgentPresence:
    """Say how one stands. Going offline hands back every live chat one serves."""
    require(actor, "chat.serve")
    if state not in STATES or (chat_capacity is not None and not 1 <= chat_capacity <= MOST_CHATS):
        raise UnknownState
    now = timezone.now()
    said: dict[str, Any] = {"state": state, "changed_at": now, "seen_at": now}
    if chat_capacity is not None:
        said["chat_capacity"] = chat_capacity
    presence, _new = AgentPresence.objects.update_or_create(user=actor, defaults=said)
    if state == "offline":
        hand_back(actor, served_by([actor]))
    return presence


def seen(actor: User) -> None:
    """A socket or a page of ``actor`` is alive."""
    AgentPresence.objects.filter(user=actor).update(seen_at=timezone.now())


def served_by(agents: Any) -> QuerySet[Conversation]:
    """The live chats of some agents (a list or a query)."""
    return Conversation.objects.filter(agent__in=agents, channel="chat", state__in=["open", "waiting"])


def hand_back(actor: User | System, served: QuerySet[Conversation]) -> int:
    """Offer live chats to the others again, the longest served first, with the cases they belong to.

    One transaction each: what was handed back stays so, whatever becomes of the next.
    """
    found = list(served.select_related("case").order_by("accepted_at"))
    for conversation in found:
        owner = conversation.agent_id
        conversations.release(actor, conversation=conversation)
        if conversation.case is not None and conversation.case.owner_id == owner:
            cases.release(actor, case=conversation.case)
    return len(found)


def accept_chat(actor: User, *, conversation: Conversation) -> Conversation:
    """Take a waiting chat while one has room. NoRoom; Conflict where a colleague was faster."""
    require(actor, "chat.serve", conversation)
    with transaction.atomic():
        presence = AgentPresence.objects.select_for_update().filter(user=actor).first() or AgentPresence(
            user=actor
        )
        if presence.state == "offline" or served_by([actor]).count() >= presence.chat_capacity:
            raise NoRoom
        return conversations.accept(actor, conversation=conversation)


def sweep() -> int:
    """Put away those whose sockets are gone, and offer what the offline still serve. How many rows changed.

    Doing it twice, or by halves, does no harm: each run looks at what stands there.
    """
    now = timezone.now()
    silent = AgentPresence.objects.filter(state__in=["online", "busy"], seen_at__lt=now - AWAY_AFTER)
    gone = AgentPresence.objects.filter(state__in=HERE, seen_at__lt=now - OFFLINE_AFTER)
    changed = gone.update(state="offline", changed_at=now) + silent.update(state="away", changed_at=now)
    left = User.objects.filter(presence__state="offline")
    return changed + hand_back(SWEEPER, served_by(left))


def free_to_serve() -> list[User]:
    """Agents who are online and have room for one more chat, those with the fewest first."""
    now = Count("serving", filter=Q(serving__channel="chat", serving__state__in=["open", "waiting"]))
    online = User.objects.filter(is_active=True, realm=STAFF_REALM, presence__state="online")
    return list(online.annotate(now=now).filter(now__lt=F("presence__chat_capacity")).order_by("now", "pk"))
