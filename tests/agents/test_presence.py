"""Availability, capacity, and what becomes of the chats of somebody who leaves."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from agents import presence
from agents.models import AgentPresence, RoutingRules
from agents.tasks import sweep_presence
from cases import cases, conversations
from cases.cases import Conflict
from cases.defaults import clocks
from cases.drafts import Author, Draft
from cases.models import Case, Clock, Conversation, Notification
from cases.writer import write_one
from portal.access import System
from portal.models import RoleGrant, User, UserSession
from tests.factories import CaseFactory, ConversationFactory, PatientFactory, UserFactory

pytestmark = pytest.mark.django_db


def agent_who(state: str = "online", *, silent_for: timedelta = timedelta(), capacity: int = 3) -> User:
    user = UserFactory(roles=["agent"])
    seen = timezone.now() - silent_for
    AgentPresence.objects.create(user=user, state=state, chat_capacity=capacity, seen_at=seen)
    return user


def chat_of(agent: User | None, **kwargs: object) -> Conversation:
    case = CaseFactory(channel="chat", owner=agent, state="open")
    state = "open" if agent else "queued"
    now = timezone.now()
    return ConversationFactory(
        case=case,
        patient=case.patient,
        channel="chat",
        state=state,
        agent=agent,
        queued_at=now,
        accepted_at=now,
        **kwargs,
    )


def states(*agents: User) -> list[str]:
    return [AgentPresence.objects.get(user=agent).state for agent in agents]


def test_what_an_agent_leaves_is_offered_again() -> None:
    agent = agent_who()
    served, done = chat_of(agent), chat_of(agent)
    Conversation.objects.filter(pk=done.pk).update(state="closed", closed_at=timezone.now())
    place = served.queued_at
    presence.set_state(agent, state="offline")
    served.refresh_from_db()
    assert (served.state, served.agent, served.queued_at) == ("queued", None, place)
    assert served.case.__class__.objects.get(pk=served.case_id).owner is None
    done.refresh_from_db()
    assert done.agent == agent


def test_who_is_put_back_into_the_line_waits_for_an_answer_again() -> None:
    """R-SLA-1: "One moment please" was the last word, and then its agent left."""
    clocks.install()
    agent = agent_who()
    case = cases.open_case(System("chat"), channel="chat", patient=PatientFactory())
    chat = ConversationFactory(
        case=case, patient=case.patient, channel="chat", state="queued", queued_at=timezone.now()
    )
    write_one(Draft(chat.pk, Author("customer", "guest", "Zoe"), "My oxygen stopped"))
    conversations.accept(agent, conversation=chat)
    conversations.reply(agent, conversation=chat, body="One moment please.")
    waited_for = Clock.objects.filter(
        case=case, state="running", kind__in=["first_response", "next_response"]
    )
    assert not waited_for.exists()
    presence.set_state(agent, state="offline")
    assert waited_for.count() == 1


def test_going_away_keeps_ones_chats() -> None:
    agent = agent_who()
    served = chat_of(agent)
    presence.set_state(agent, state="away")
    served.refresh_from_db()
    assert served.agent == agent


def test_the_sweep_puts_away_who_is_silent_and_hands_on_what_they_left() -> None:
    here, quiet, gone = (
        agent_who(),
        agent_who(silent_for=timedelta(minutes=2)),
        agent_who(silent_for=timedelta(minutes=9)),
    )
    chats = [chat_of(agent) for agent in (here, quiet, gone)]
    assert sweep_presence() > 0
    assert states(here, quiet, gone) == ["online", "away", "offline"]
    for chat in chats:
        chat.refresh_from_db()
    assert [chat.state for chat in chats] == ["open", "open", "queued"]


def test_the_sweep_twice_has_one_effect() -> None:
    gone = agent_who(silent_for=timedelta(minutes=9))
    chat = chat_of(gone)
    sweep_presence()
    said = chat.messages.count()
    assert sweep_presence() == 0
    assert chat.messages.count() == said


def test_the_sweep_finishes_what_a_killed_one_began() -> None:
    """Put offline, and the process died before the chats were handed back."""
    gone = agent_who("offline")
    chat = chat_of(gone)
    assert sweep_presence() == 1
    chat.refresh_from_db()
    assert chat.state == "queued"


def test_a_sign_of_life_keeps_one_there() -> None:
    agent = agent_who(silent_for=timedelta(minutes=2))
    presence.seen(agent)
    sweep_presence()
    assert states(agent) == ["online"]


@pytest.mark.parametrize(
    ("state", "capacity"), [("asleep", None), ("online", 0), ("online", presence.MOST_CHATS + 1)]
)
def test_what_nobody_can_be_is_refused(state: str, capacity: int | None) -> None:
    with pytest.raises(presence.UnknownState):
        presence.set_state(agent_who(), state=state, chat_capacity=capacity)


def test_chats_are_taken_up_to_ones_capacity() -> None:
    agent = agent_who(capacity=2)
    for _ in range(2):
        presence.accept_chat(agent, conversation=chat_of(None))
    with pytest.raises(presence.NoRoom):
        presence.accept_chat(agent, conversation=chat_of(None))


@pytest.mark.parametrize("state", ["busy", "away"])
def test_somebody_busy_may_still_take_one_by_hand(state: str) -> None:
    agent = agent_who(state)
    assert presence.accept_chat(agent, conversation=chat_of(None)).agent == agent


def test_nobody_takes_what_a_colleague_has() -> None:
    taken = chat_of(agent_who())
    with pytest.raises(Conflict):
        presence.accept_chat(agent_who(), conversation=taken)


def test_who_is_free_to_serve_stands_with_the_fewest_chats_first() -> None:
    busy, one, none = agent_who("busy"), agent_who(), agent_who()
    full = agent_who(capacity=1)
    chat_of(one)
    chat_of(full)
    assert presence.free_to_serve() == [none, one]
    assert busy not in presence.free_to_serve()


def test_others_have_no_presence() -> None:
    with pytest.raises(PermissionDenied):
        presence.set_state(UserFactory(roles=["auditor"]), state="online")


def test_whoever_falls_silent_for_a_moment_comes_back_as_they_were() -> None:
    agent, gone = (
        agent_who("busy", silent_for=timedelta(minutes=2)),
        agent_who(silent_for=timedelta(minutes=9)),
    )
    sweep_presence()
    presence.seen(agent)
    presence.seen(gone)
    assert states(agent, gone) == ["busy", "offline"]


def test_away_by_ones_own_word_stays_away() -> None:
    agent = agent_who()
    presence.set_state(agent, state="away")
    presence.seen(agent)
    assert states(agent) == ["away"]


def test_an_open_console_that_nobody_uses_is_away() -> None:
    """The socket still answers; the person does not."""
    agent, other, without = agent_who(), agent_who(), agent_who()
    for user, minutes in ((agent, 11), (other, 9)):
        used = timezone.now() - timedelta(minutes=minutes)
        UserSession.objects.create(user=user, key_digest=f"k{user.pk}", last_used_at=used)
    sweep_presence()
    assert states(agent, other, without) == ["away", "online", "online"]
    presence.seen(agent)
    assert states(agent) == ["away"]


def test_the_figures_are_the_floors_own() -> None:
    RoutingRules.objects.create(pk=1, away_after=200, offline_after=400, idle_after=0)
    quiet, gone = agent_who(silent_for=timedelta(seconds=190)), agent_who(silent_for=timedelta(seconds=410))
    UserSession.objects.create(user=quiet, key_digest="k", last_used_at=timezone.now() - timedelta(hours=1))
    sweep_presence()
    assert states(quiet, gone) == ["online", "offline"]


def test_what_a_colleague_took_meanwhile_is_not_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the reading and the lock: here the first chat's release hands the second one on."""
    leaver, colleague = agent_who(), agent_who()
    first, second = chat_of(leaver), chat_of(leaver)
    release = conversations.release

    def hands_on(*args: Any, **kwargs: Any) -> Conversation:
        Conversation.objects.filter(pk=second.pk).update(agent=colleague)
        Case.objects.filter(pk=second.case_id).update(owner=colleague)
        return release(*args, **kwargs)

    monkeypatch.setattr(conversations, "release", hands_on)
    presence.hand_back(presence.SWEEPER, presence.served_by([leaver]))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.agent, first.case.owner) == ("queued", None, None)
    assert (second.state, second.agent, second.case.owner) == ("open", colleague, colleague)


@pytest.mark.parametrize("how", ["ran out", "taken", "another", "closed"])
def test_who_lost_the_role_keeps_neither_chat_nor_case_and_their_lead_hears(how: str) -> None:
    """Whatever ended it: nobody else would answer, and what is snoozed would wake to nobody."""
    lead, agent = UserFactory(roles=["lead"]), agent_who("offline")
    chat, snoozed = chat_of(agent), CaseFactory(owner=agent, state="open")
    Case.objects.filter(pk=snoozed.pk).update(snoozed_until=timezone.now() + timedelta(days=2))
    grants = RoleGrant.objects.filter(user=agent)
    if how == "closed":
        User.objects.filter(pk=agent.pk).update(is_active=False)
    elif how == "ran out":
        grants.update(expires_at=timezone.now() - timedelta(minutes=1))
    else:
        grants.delete()
    if how == "another":
        RoleGrant.objects.create(user=agent, role="warehouse")
    sweep_presence()
    chat.refresh_from_db()
    assert (chat.state, chat.agent) == ("queued", None)
    assert not Case.objects.filter(owner=agent).exists()
    told = Notification.objects.filter(user=lead, kind="released")
    assert set(told.values_list("case", flat=True)) == {chat.case_id, snoozed.pk}
    assert sweep_presence() == 0
