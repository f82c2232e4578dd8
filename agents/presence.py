"""Who is there to answer: what agents say of themselves, and what their sockets and sessions say of them.

An agent whose sockets are all gone is away after a while, and offline after a longer one; the figures are
``RoutingRules``. What somebody who left was serving is offered to the others at once. Nothing has to be told
that a node crashed: whoever was on it falls silent.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case as When
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models import When as Whenever
from django.utils import timezone

from agents import floor
from agents.models import AgentCapacity, AgentPresence, RoutingRules
from agents.signals import presence_changed
from cases import cases, clock_alarms, conversations, telling
from cases.models import Case, Conversation
from portal import sessions
from portal.access import PERMISSIONS, STAFF_REALM, System, require
from portal.models import User

SWEEPER = System("presence sweep")
HERE = ("online", "busy", "away")
AT_THE_DESK = ("online", "busy")
STATES = [code for code, _label in AgentPresence.STATES]
MOST_CHATS = 8
AT_ONCE = 500


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
    said: dict[str, Any] = {"state": state, "put_away_from": "", "changed_at": now, "seen_at": now}
    if chat_capacity is not None:
        said["chat_capacity"] = chat_capacity
    presence, _new = AgentPresence.objects.update_or_create(user=actor, defaults=said)
    if state == "offline":
        hand_back(actor, served_by([actor]))
    _announce(actor.pk, state)
    return presence


def set_units(actor: User, *, units: Mapping[str, Decimal | None]) -> None:
    """Set by channel ("" in all) how much one carries at once; None takes the usual figure again."""
    require(actor, "chat.serve")
    if any(value is not None and value < 0 for value in units.values()):
        raise UnknownState
    with transaction.atomic():
        AgentCapacity.objects.filter(user=actor, channel__in=units).delete()
        own = {channel: value for channel, value in units.items() if value is not None}
        for channel, value in own.items():
            AgentCapacity.objects.create(user=actor, channel=channel, units=value)


def _announce(user_id: int, state: str) -> None:
    transaction.on_commit(lambda: presence_changed.send_robust(None, user_id=user_id, state=state))


def seen(actor: User) -> None:
    """A socket or a page of ``actor`` is alive. Whoever was put away for their silence is back as they were."""
    back = When(Whenever(~Q(put_away_from=""), then=F("put_away_from")), default=F("state"))
    mine = AgentPresence.objects.filter(user=actor)
    mine.update(seen_at=timezone.now(), state=back, put_away_from="")


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
        conversations.release(actor, conversation=conversation, held_by=owner)
        if conversation.case is not None and conversation.case.owner_id == owner:
            cases.release(actor, case=conversation.case, held_by=owner)
    return len(found)


def accept_chat(actor: User, *, conversation: Conversation) -> Conversation:
    """Take a waiting chat while one has room. NoRoom; Conflict where a colleague was faster."""
    require(actor, "chat.serve", conversation)
    with transaction.atomic():
        require_room(actor)
        return conversations.accept(actor, conversation=conversation)


def require_room(actor: User) -> None:
    """NoRoom unless ``actor`` may serve one more chat; under lock until the transaction ends."""
    locked = AgentPresence.objects.select_for_update().filter(user=actor).first()
    presence = locked or AgentPresence(user=actor)
    if presence.state == "offline" or served_by([actor]).count() >= presence.chat_capacity:
        raise NoRoom


def require_online(user: User) -> None:
    """NoRoom unless ``user`` takes work now; under lock, so that nobody leaves while they are given it."""
    if not AgentPresence.objects.select_for_update().filter(user=user, state="online").exists():
        raise NoRoom


def is_at_the_desk(user: User) -> bool:
    """Whether somebody can be asked now."""
    return AgentPresence.objects.filter(user=user, state__in=AT_THE_DESK).exists()


# --- leaving -----------------------------------------------------------------------------------------
def put_offline(actor: User, *, user: User) -> None:
    """Somebody of the floor says that ``user`` is not there; what they serve goes to others."""
    require(actor, "floor.manage")
    there = AgentPresence.objects.filter(user=user).exclude(state="offline")
    if there.update(state="offline", put_away_from="", changed_at=timezone.now()):
        _announce(user.pk, "offline")
    hand_back(actor, served_by([user]))


def leave(user_id: int) -> None:
    """Sessions of somebody ended: without another one they are offline, and a closed account keeps no case."""
    user = User.objects.filter(pk=user_id, realm=STAFF_REALM).first()
    if user is None or (user.is_active and sessions.own(user).exists()):
        return
    there = AgentPresence.objects.filter(user=user).exclude(state="offline")
    left = there.update(state="offline", put_away_from="", changed_at=timezone.now())
    hand_back(SWEEPER, served_by([user]))
    if not user.is_active:
        release_cases(Case.objects.filter(owner=user))
    if left:
        _announce(user.pk, "offline")


def release_cases(owned: QuerySet[Case]) -> int:
    """Put open cases back where everybody sees them, and tell those who lead there."""
    found = list(owned.exclude(state="closed").order_by("pk")[:AT_ONCE])
    for case in found:
        with transaction.atomic():
            if cases.release(SWEEPER, case=case, held_by=case.owner_id).owner_id is None:
                telling.tell(clock_alarms.leads_of(case), case_id=case.pk, kind="released")
    return len(found)


def _gone() -> QuerySet[User]:
    """Staff who work on cases no more: their account is closed, or no role of theirs that does is in force."""
    here = User.objects.holding(PERMISSIONS["cases.work"])
    gone: QuerySet[User] = User.objects.filter(realm=STAFF_REALM).exclude(pk__in=here.order_by().values("pk"))
    return gone


def sweep() -> int:
    """Put away those whose sockets are gone, and offer what the offline still serve. How many rows changed.

    Doing it twice, or by halves, does no harm: each run looks at what stands there.
    """
    now, rules = timezone.now(), floor.rules()
    silent = _silent(HERE, now, rules.offline_after)
    changed = _put(silent, now, state="offline", put_away_from="")
    changed += _put(_silent(AT_THE_DESK, now, rules.away_after), now, state="away", put_away_from=F("state"))
    changed += _put(_idle(now, rules), now, state="away", put_away_from="")
    left = User.objects.filter(presence__state="offline")
    gone = _gone()
    changed += release_cases(Case.objects.filter(owner__in=gone))
    return changed + hand_back(SWEEPER, served_by(left)) + hand_back(SWEEPER, served_by(gone))


def _silent(states: tuple[str, ...], now: datetime, seconds: int) -> QuerySet[AgentPresence]:
    return AgentPresence.objects.filter(state__in=states, seen_at__lt=now - timedelta(seconds=seconds))


def _idle(now: datetime, rules: RoutingRules) -> QuerySet[AgentPresence]:
    """Whose console is open and was not used for long. Somebody without a session has no console."""
    if not rules.idle_after:
        return AgentPresence.objects.none()
    open_sessions = Q(user__user_sessions__ended_at=None)
    there = AgentPresence.objects.filter(state__in=AT_THE_DESK)
    used = there.annotate(used=Max("user__user_sessions__last_used_at", filter=open_sessions))
    idle = used.filter(used__lt=now - timedelta(seconds=rules.idle_after))
    return AgentPresence.objects.filter(pk__in=idle.values("pk"))


def _put(rows: QuerySet[AgentPresence], now: datetime, **said: Any) -> int:
    put = list(rows.values_list("user", flat=True))
    changed = AgentPresence.objects.filter(pk__in=rows.values("pk")).update(changed_at=now, **said)
    for user_id in put:
        _announce(user_id, str(said["state"]))
    return changed


def free_to_serve() -> list[User]:
    """Agents who are online and have room for one more chat, those with the fewest first."""
    now = Count("serving", filter=Q(serving__channel="chat", serving__state__in=["open", "waiting"]))
    online = User.objects.filter(is_active=True, realm=STAFF_REALM, presence__state="online")
    return list(online.annotate(now=now).filter(now__lt=F("presence__chat_capacity")).order_by("now", "pk"))
