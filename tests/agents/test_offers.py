"""What waits is offered, accepted, declined, passed on: R-CHAN-4."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import assignment, event_words, offers, presence
from agents.models import AgentPresence, Offer, RoutingRules, TeamRouting
from agents.tasks import place_waiting
from cases import cases
from cases.cases import Conflict
from cases.models import Case, Conversation
from portal import people, sessions
from portal.models import User
from tests.agents.floor_people import agent_there, costs, team_that, waiting_case, waiting_chat
from tests.factories import CaseFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db


def open_offers() -> list[tuple[int, int]]:
    return list(Offer.objects.filter(state="open").order_by("pk").values_list("case", "agent"))


def in_hand(case: Case | None) -> User | None:
    assert case is not None
    return Case.objects.get(pk=case.pk).owner


def the_offer(case: Case | None) -> Offer:
    return Offer.objects.get(case=case, state="open")


# --- push and pull -----------------------------------------------------------------------------------
def test_what_waits_for_a_pushed_team_is_offered_and_not_yet_theirs() -> None:
    team = team_that("push")
    agent, chat = agent_there(team), waiting_chat(team)
    assert place_waiting() == 1
    assert open_offers() == [(chat.case_id, agent.pk)]
    chat.refresh_from_db()
    assert (chat.state, chat.agent) == ("queued", None)


def test_what_waits_for_a_pulled_team_is_left_to_its_agents() -> None:
    team = team_that("pull")
    agent_there(team)
    waiting_chat(team)
    waiting_chat(None)
    assert place_waiting() == 0


def test_contacts_of_no_team_are_pushed_where_a_row_says_so() -> None:
    TeamRouting.objects.create(team=None, mode="push")
    agent, case = agent_there(), waiting_case()
    place_waiting()
    assert open_offers() == [(case.pk, agent.pk)]


def test_who_is_in_no_team_stands_in_where_nobody_of_a_pushed_team_is_there() -> None:
    empty, staffed = team_that("push"), team_that("push")
    outsider, member = agent_there(), agent_there(staffed)
    left, theirs = waiting_case(empty), waiting_case(staffed)
    place_waiting()
    assert set(open_offers()) == {(left.pk, outsider.pk), (theirs.pk, member.pk)}


@pytest.mark.parametrize("state", ["away", "offline"])
@pytest.mark.parametrize("waits", [waiting_case, waiting_chat])
def test_whoever_leaves_before_they_are_given_it_does_not_get_it(
    state: str, waits: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    team = team_that("push", auto_accept=True)
    agent, contact = agent_there(team), waits(team)
    take = assignment._take_at_once

    def leaves(made: Offer) -> None:
        presence.set_state(agent, state=state)
        take(made)

    monkeypatch.setattr(assignment, "_take_at_once", leaves)
    place_waiting()
    case = contact if isinstance(contact, Case) else contact.case
    assert (in_hand(case), open_offers()) == (None, [])


@pytest.mark.parametrize("state", ["busy", "away", "offline"])
def test_only_who_is_online_is_offered_anything(state: str) -> None:
    team = team_that("push")
    agent_there(team, state=state)
    waiting_chat(team)
    assert place_waiting() == 0


def test_nothing_that_sleeps_is_merged_or_talks_to_the_assistant_is_offered() -> None:
    team = team_that("push")
    agent_there(team)
    waiting_case(team, snoozed_until=timezone.now() + timedelta(hours=1))
    waiting_case(
        team, merged_into=CaseFactory(state="closed", closed_at=timezone.now(), disposition="duplicate")
    )
    with_bot = waiting_chat(team)
    Conversation.objects.filter(pk=with_bot.pk).update(state="bot")
    assert place_waiting() == 0


def test_placing_twice_offers_once() -> None:
    team = team_that("push")
    agent_there(team)
    waiting_chat(team)
    place_waiting()
    assert place_waiting() == 0
    assert len(open_offers()) == 1


def test_another_process_that_places_is_not_waited_for(owner_db: Any) -> None:
    team = team_that("push")
    agent_there(team)
    waiting_chat(team)
    with owner_db.transaction():
        owner_db.execute("SELECT pg_advisory_xact_lock(%s)", [assignment.PLACING])
        assert place_waiting() == 0
    assert place_waiting() == 1


def test_auto_accept_takes_at_once_and_tells_the_customer() -> None:
    team = team_that("push", auto_accept=True)
    agent, chat, case = agent_there(team), waiting_chat(team), waiting_case(team)
    place_waiting()
    chat.refresh_from_db()
    assert (chat.agent, chat.state, in_hand(case)) == (agent, "open", agent)
    assert chat.messages.filter(kind="event", seq__isnull=False).exists()
    assert set(Offer.objects.values_list("state", flat=True)) == {"accepted"}


def test_what_cannot_be_taken_after_all_is_not_left_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    team = team_that("push", auto_accept=True)
    agent_there(team)
    waiting_chat(team)

    def full(_actor: User) -> None:
        raise presence.NoRoom

    monkeypatch.setattr(presence, "require_room", full)
    place_waiting()
    assert Offer.objects.get().state == "withdrawn"


def test_placing_costs_the_same_queries_for_one_and_thirty_contacts() -> None:
    team = team_that("push")
    for _ in range(2):
        agent_there(team, chats=1)
    RoutingRules.objects.create(pk=1, units_in_all=0)
    counted = []
    for rows in (1, 29):
        for _ in range(rows):
            waiting_chat(team)
            waiting_case(team)
        with CaptureQueriesContext(connection) as captured:
            assert place_waiting() == 0
        counted.append(len(captured))
    assert counted[0] == counted[1]


# --- answers -----------------------------------------------------------------------------------------
def test_accepting_takes_chat_and_case() -> None:
    team = team_that("push")
    agent, chat = agent_there(team), waiting_chat(team)
    place_waiting()
    assignment.accept(agent, offer=the_offer(chat.case))
    chat.refresh_from_db()
    assert (chat.agent, in_hand(chat.case)) == (agent, agent)


def test_accepting_twice_is_once() -> None:
    team = team_that("push")
    agent, case = agent_there(team), waiting_case(team)
    place_waiting()
    made = the_offer(case)
    assignment.accept(agent, offer=made)
    version = Case.objects.get(pk=case.pk).version
    assignment.accept(agent, offer=made)
    assert Case.objects.get(pk=case.pk).version == version


def test_an_offer_is_its_agents_alone() -> None:
    team = team_that("push")
    agent_there(team)
    case = waiting_case(team)
    place_waiting()
    other = agent_there(team)
    with pytest.raises(Offer.DoesNotExist):
        assignment.accept(other, offer=the_offer(case))
    with pytest.raises(Offer.DoesNotExist):
        assignment.decline(other, offer=the_offer(case), reason="busy")


def test_who_declines_says_why_and_the_next_is_asked() -> None:
    team = team_that("push")
    agents, case = {agent_there(team), agent_there(team)}, waiting_case(team)
    place_waiting()
    first = the_offer(case)
    with pytest.raises(ValidationError):
        assignment.decline(first.agent, offer=first, reason="")
    assignment.decline(first.agent, offer=first, reason="skill")
    first.refresh_from_db()
    assert (first.state, first.declined_for) == ("declined", "skill")
    place_waiting()
    assert {first.agent, the_offer(case).agent} == agents


def test_what_is_not_answered_in_time_goes_to_the_next() -> None:
    team = team_that("push", accept_within=30)
    agents, case = {agent_there(team), agent_there(team)}, waiting_case(team)
    place_waiting()
    first = the_offer(case)
    Offer.objects.filter(pk=first.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    place_waiting()
    first.refresh_from_db()
    assert first.state == "timed_out"
    assert {first.agent, the_offer(case).agent} == agents
    with pytest.raises(assignment.Gone):
        assignment.accept(first.agent, offer=first)


def test_who_passed_is_asked_again_after_a_while() -> None:
    RoutingRules.objects.create(pk=1, passed_minutes=10)
    team = team_that("push")
    agent, case = agent_there(team), waiting_case(team)
    place_waiting()
    assignment.decline(agent, offer=the_offer(case), reason="busy")
    assert place_waiting() == 0
    Offer.objects.update(answered_at=timezone.now() - timedelta(minutes=11))
    assert place_waiting() == 1


def test_a_chat_taken_by_hand_is_no_longer_offered() -> None:
    team = team_that("push")
    agent, chat = agent_there(team), waiting_chat(team)
    place_waiting()
    made, other = the_offer(chat.case), agent_there()
    presence.accept_chat(other, conversation=chat)
    with pytest.raises(Conflict) as faster:
        assignment.accept(agent, offer=made)
    assert faster.value.by == other.display_name.split()[0]
    made.refresh_from_db()
    assert made.state == "withdrawn"


def test_an_offer_of_a_chat_that_ended_is_gone() -> None:
    team = team_that("push")
    agent, chat = agent_there(team), waiting_chat(team)
    place_waiting()
    Conversation.objects.filter(pk=chat.pk).update(state="closed", closed_at=timezone.now())
    with pytest.raises(assignment.Gone):
        assignment.accept(agent, offer=the_offer(chat.case))
    place_waiting()
    assert the_offer(chat.case).conversation is None  # the matter itself still wants an answer


def test_a_case_that_is_assigned_is_no_longer_offered(django_capture_on_commit_callbacks: Any) -> None:
    team = team_that("push")
    agent_there(team)
    case = waiting_case(team)
    place_waiting()
    with django_capture_on_commit_callbacks(execute=True):
        cases.assign(UserFactory(roles=["lead"]), case=case, to=agent_there())
    assert open_offers() == []


def test_nobody_is_offered_more_than_they_can_carry() -> None:
    costs(chat="1", portal="2")
    RoutingRules.objects.create(pk=1, units_in_all=5)
    team = team_that("push")
    agent_there(team, chats=2)
    for _ in range(4):
        waiting_chat(team)
        waiting_case(team)
    assert place_waiting() == 3  # two chats by their own limit, and one case in what is left of five units


# --- leaving -----------------------------------------------------------------------------------------
def test_what_was_offered_to_who_leaves_goes_on_at_once(django_capture_on_commit_callbacks: Any) -> None:
    team = team_that("push")
    first, chat = agent_there(team), waiting_chat(team)
    place_waiting()
    second = agent_there(team)
    with django_capture_on_commit_callbacks(execute=True):
        presence.set_state(first, state="offline")
    place_waiting()
    assert open_offers() == [(chat.case_id, second.pk)]


def test_what_an_agent_served_is_offered_on_when_they_fall_silent() -> None:
    """A node crashed, and nobody said so: R-CHAN-4."""
    team = team_that("push")
    first, chat = agent_there(team), waiting_chat(team)
    presence.accept_chat(first, conversation=chat)
    second = agent_there(team)
    AgentPresence.objects.filter(user=first).update(seen_at=timezone.now() - timedelta(minutes=6))
    presence.sweep()
    place_waiting()
    assert open_offers() == [(chat.case_id, second.pk)]


def test_signing_out_leaves_the_desk(django_capture_on_commit_callbacks: Any) -> None:
    agent, chat = agent_there(), waiting_chat()
    presence.accept_chat(agent, conversation=chat)
    here, elsewhere = _session(agent, "a"), _session(agent, "b")
    with django_capture_on_commit_callbacks(execute=True):
        sessions.end(here, by="sign-out")
    assert presence.of(agent).state == "online"
    with django_capture_on_commit_callbacks(execute=True):
        sessions.end(elsewhere, by="sign-out")
    chat.refresh_from_db()
    assert (presence.of(agent).state, chat.state) == ("offline", "queued")


def _session(user: User, name: str) -> Any:
    from portal.models import UserSession

    return UserSession.objects.create(user=user, key_digest=f"{user.pk}-{name}", factor_at=timezone.now())


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_closed_account_keeps_no_open_case(
    django_capture_on_commit_callbacks: Any, signed_in: bool
) -> None:
    """With a session it is told; without one the sweep finds it."""
    agent = agent_there()
    case, done = (
        CaseFactory(owner=agent, state="open"),
        CaseFactory(owner=agent, state="closed", closed_at=timezone.now(), disposition="answered"),
    )
    if signed_in:
        _session(agent, "a")
    with django_capture_on_commit_callbacks(execute=True):
        people.deactivate(UserFactory(roles=["administrator"]), user=agent)
    presence.sweep()
    assert (in_hand(case), in_hand(done)) == (None, agent)


# --- pull --------------------------------------------------------------------------------------------
def test_the_next_is_the_most_pressing_of_ones_teams() -> None:
    mine, other = team_that("pull"), team_that("pull")
    agent = agent_there(mine)
    waiting_case(other, priority=1)
    waiting_case(mine, priority=3)
    down = waiting_case(mine, priority=3, reason=ReasonFactory(lane="equipment_down"))
    taken = assignment.take_next(agent)
    assert taken is not None
    assert (taken.case, in_hand(down)) == (down, agent)


def test_who_is_in_no_team_takes_from_every_team() -> None:
    agent, chat = agent_there(), waiting_chat(team_that("pull"))
    assert assignment.take_next(agent) is not None
    chat.refresh_from_db()
    assert chat.agent == agent


def test_there_may_be_nothing_to_take() -> None:
    assert assignment.take_next(agent_there()) is None


def test_who_has_no_room_for_a_chat_is_given_a_case() -> None:
    agent = agent_there(chats=1)
    presence.accept_chat(agent, conversation=waiting_chat())
    waiting_chat(priority=1)
    case = waiting_case()
    taken = assignment.take_next(agent)
    assert taken is not None
    assert taken.case == case


# --- why me ------------------------------------------------------------------------------------------
def test_why_is_told_in_words() -> None:
    team = team_that("push")
    agent = agent_there(team, billing=2)
    case = waiting_case(
        team,
        priority=1,
        reason=ReasonFactory(lane="clinical"),
        last_contact_at=timezone.now() - timedelta(minutes=5),
    )
    place_waiting()
    assert (
        assignment.why(case)
        == "Clinical · Urgent · waited 5 minutes · carries the least of those who can take it"
    )
    assignment.accept(agent, offer=the_offer(case))
    case.refresh_from_db()
    assert "Clinical" in assignment.why(case)
    case.owner = None
    assert assignment.why(case) == ""


# --- races -------------------------------------------------------------------------------------------
def _apart(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_wins_and_the_other_is_told() -> None:
    team = team_that("push")
    first, chat = agent_there(team), waiting_chat(team)
    place_waiting()
    made, second = the_offer(chat.case), agent_there()
    acts = [
        lambda: assignment.accept(first, offer=made),
        lambda: presence.accept_chat(second, conversation=Conversation.objects.get(pk=chat.pk)),
    ]
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(_apart, act) for act in acts]
    errors = [error for future in done if (error := future.exception()) is not None]
    assert [type(error) for error in errors] in ([Conflict], [assignment.Gone])
    chat.refresh_from_db()
    assert chat.agent in {first, second}


@pytest.mark.django_db(transaction=True)
def test_many_who_take_the_next_at_once_take_different_ones() -> None:
    agents, known = [agent_there() for _ in range(4)], {waiting_case().pk for _ in range(4)}
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda agent: _apart(lambda: assignment.take_next(agent)), agents))
    got = [one.case_id for one in taken if one is not None]
    assert sorted(got) == sorted(known)


@pytest.mark.django_db(transaction=True)
def test_many_that_place_at_once_offer_each_contact_once() -> None:
    team = team_that("push")
    for _ in range(3):
        agent_there(team)
    for _ in range(6):
        waiting_chat(team)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: _apart(assignment.place_waiting), range(4)))
    assert sorted(case for case, _agent in open_offers()) == sorted(Case.objects.values_list("pk", flat=True))


def test_running_out_twice_passes_on_once() -> None:
    team = team_that("push")
    agent_there(team)
    waiting_case(team)
    place_waiting()
    Offer.objects.update(expires_at=timezone.now())
    assert (offers.run_out(), offers.run_out()) == (1, 0)


def test_the_line_of_time_tells_who_was_asked_why_and_what_they_said() -> None:
    team = team_that("push")
    agent, case = agent_there(team), waiting_case(team, priority=1)
    place_waiting()
    assignment.decline(agent, offer=the_offer(case), reason="break")
    asked, said = (event_words.of(event.detail) for event in case.events.filter(kind="offered"))
    name = agent.display_name.split()[0]
    assert asked == [name, "Urgent · carries the least of those who can take it"]
    assert said == [name, "Declined", "About to leave the desk"]
