"""A case is handed on in person: the receiver sees it all, accepts or declines, and nothing is dropped (R-CHAN-4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents import assignment, offers, presence, summary
from agents.models import AgentPresence, Offer
from cases import cases
from cases.cases import Conflict
from cases.models import Case, Conversation, Message
from portal.models import User
from tests.agents.floor_people import agent_there, team_that, waiting_chat
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    TeamFactory,
    UserFactory,
    message_in,
)

pytestmark = pytest.mark.django_db
NOTE = "Wants the delivery moved to Friday."


def served_chat(agent: User) -> Conversation:
    chat = waiting_chat()
    presence.accept_chat(agent, conversation=chat)
    chat.refresh_from_db()
    return chat


def handed(giver: User, taker: User, **kwargs: Any) -> Offer:
    case = CaseFactory(owner=giver, state="open", **kwargs)
    made = assignment.hand_over(giver, case=case, to=taker, note=NOTE)
    assert made is not None
    return made


def owner_of(case: Case | None) -> User | None:
    assert case is not None
    return Case.objects.get(pk=case.pk).owner


def test_it_stays_with_the_giver_until_it_is_accepted() -> None:
    giver, taker = agent_there(), agent_there()
    made = handed(giver, taker)
    assert (owner_of(made.case), made.summary, made.kind) == (giver, NOTE, "transfer")
    assignment.accept(taker, offer=made)
    assert owner_of(made.case) == taker


def test_the_summary_is_a_note_that_the_receiver_sees_and_the_customer_does_not() -> None:
    giver, taker = agent_there(), agent_there()
    made = handed(giver, taker)
    [note] = Message.objects.visible_to(taker).filter(conversation__case=made.case, kind="note")
    assert (note.body, note.author, note.seq) == (NOTE, giver, None)


def test_the_customer_is_told_when_the_chat_is_accepted_and_not_before() -> None:
    giver, taker = agent_there(), UserFactory(roles=["agent"], display_name="Dana Ruiz")
    AgentPresence.objects.create(user=taker, state="online")
    chat = served_chat(giver)
    made = assignment.hand_over(giver, case=chat.case, to=taker, note=NOTE)
    told = chat.messages.filter(kind="event").count()
    assignment.accept(taker, offer=made)
    chat.refresh_from_db()
    assert (chat.agent, owner_of(chat.case)) == (taker, taker)
    said = chat.messages.filter(kind="event").order_by("pk")
    assert said.count() == told + 1
    assert said.last().body == "Dana will help you from here."


def test_who_declines_says_why_and_the_giver_keeps_it() -> None:
    giver, taker = agent_there(), agent_there()
    chat = served_chat(giver)
    made = assignment.hand_over(giver, case=chat.case, to=taker, note=NOTE)
    assignment.decline(taker, offer=made, reason="conflict")
    chat.refresh_from_db()
    assert (chat.agent, chat.state, owner_of(chat.case)) == (giver, "open", giver)
    event = chat.case.events.filter(kind="offered").last()
    assert (event.detail["answer"], event.detail["for"]) == ("declined", "conflict")


def test_what_is_not_answered_in_time_stays_with_the_giver() -> None:
    giver, taker = agent_there(), agent_there()
    made = handed(giver, taker)
    Offer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    offers.run_out()
    made.refresh_from_db()
    assert (made.state, owner_of(made.case)) == ("timed_out", giver)


def test_where_the_giver_has_left_it_goes_into_the_line() -> None:
    giver, taker = agent_there(), agent_there()
    chat = served_chat(giver)
    made = assignment.hand_over(giver, case=chat.case, to=taker)
    AgentPresence.objects.filter(user=giver).update(state="away")
    assignment.decline(taker, offer=made, reason="busy")
    chat.refresh_from_db()
    assert (chat.state, chat.agent, owner_of(chat.case)) == ("queued", None, None)


def test_it_can_be_accepted_after_the_giver_left(django_capture_on_commit_callbacks: Any) -> None:
    giver, taker = agent_there(), agent_there()
    chat = served_chat(giver)
    made = assignment.hand_over(giver, case=chat.case, to=taker)
    with django_capture_on_commit_callbacks(execute=True):
        presence.set_state(giver, state="offline")
    assignment.accept(taker, offer=made)
    chat.refresh_from_db()
    assert (chat.agent, chat.state, owner_of(chat.case)) == (taker, "open", taker)


def test_a_receiver_without_room_cannot_take_a_chat() -> None:
    giver, taker = agent_there(), agent_there(chats=1)
    served_chat(taker)
    chat = served_chat(giver)
    made = assignment.hand_over(giver, case=chat.case, to=taker)
    with pytest.raises(presence.NoRoom):
        assignment.accept(taker, offer=made)
    made.refresh_from_db()
    assert (made.state, owner_of(chat.case)) == ("open", giver)


def test_whoever_took_it_meanwhile_keeps_it(django_capture_on_commit_callbacks: Any) -> None:
    giver, taker, third = agent_there(), agent_there(), agent_there()
    made = handed(giver, taker)
    cases.assign(third, case=made.case, to=third)
    with pytest.raises(Conflict) as faster:
        assignment.accept(taker, offer=made)
    assert faster.value.by == third.display_name.split()[0]
    assert owner_of(made.case) == third


def test_one_case_is_handed_to_one_person_at_a_time() -> None:
    giver, taker, other = agent_there(), agent_there(), agent_there()
    made = handed(giver, taker)
    with pytest.raises(Conflict) as held:
        assignment.hand_over(giver, case=made.case, to=other)
    assert (held.value.by, held.value.what) == (taker.display_name.split()[0], "offered")


def test_a_case_that_moved_since_is_not_handed_on_blindly() -> None:
    giver, taker = agent_there(), agent_there()
    case = CaseFactory(owner=giver, state="open")
    seen = case.version
    cases.change(UserFactory(roles=["lead"]), case=case, priority=1)
    with pytest.raises(Conflict):
        assignment.hand_over(giver, case=case, to=taker, version=seen)


def test_to_oneself_is_refused() -> None:
    giver = agent_there()
    with pytest.raises(ValidationError):
        assignment.hand_over(giver, case=CaseFactory(owner=giver, state="open"), to=giver)


def test_somebody_who_is_not_there_has_a_case_at_once_but_no_live_chat() -> None:
    giver, absent = agent_there(), UserFactory(roles=["agent"])
    case = CaseFactory(owner=giver, state="open")
    assert assignment.hand_over(giver, case=case, to=absent, note=NOTE) is None
    assert owner_of(case) == absent
    chat = served_chat(giver)
    with pytest.raises(ValidationError, match="not at the desk"):
        assignment.hand_over(giver, case=chat.case, to=absent)
    assert owner_of(chat.case) == giver


def test_the_case_of_a_third_person_is_given_at_once() -> None:
    """A lead moves what lies with somebody who is busy: nobody would wait for an answer to that."""
    lead, holder, taker = UserFactory(roles=["lead"]), agent_there(), agent_there()
    case = CaseFactory(owner=holder, state="open")
    assert assignment.hand_over(lead, case=case, to=taker, note=NOTE) is None
    assert owner_of(case) == taker


def test_a_team_has_it_at_once_and_its_agents_are_offered_it() -> None:
    giver, team = agent_there(), team_that("push")
    taker = agent_there(team)
    chat = served_chat(giver)
    assert assignment.hand_over(giver, case=chat.case, team=team, note=NOTE) is None
    assignment.place_waiting()
    assert Offer.objects.get(state="open").agent == taker
    with pytest.raises(ValidationError):
        assignment.hand_over(giver, case=chat.case, to=taker, team=TeamFactory())


def test_the_summary_begins_with_what_the_case_tells() -> None:
    patient = PatientFactory()
    order = OrderFactory(patient=patient, number="SO-77")
    case = CaseFactory(patient=patient, order=order, product_line="oxygen", priority=1, waiting_on="prescriber",
        state="open", reason=ReasonFactory(label="Delivery scheduling"))  # fmt: skip
    case.last_message = message_in(
        ConversationFactory(case=case, patient=patient), "Friday is\nbetter", role="customer"
    )
    case.save()
    lines = summary.of(summary.with_facts(Case.objects.filter(pk=case.pk)).get()).splitlines()
    assert lines == [
        "About: Delivery scheduling, Oxygen, order ••••77",
        "Stands: Open, the next move is with: The prescriber, Urgent",
        "Customer said last: Friday is better",
    ]


def test_why_names_the_giver() -> None:
    giver, taker = agent_there(), agent_there()
    made = handed(giver, taker)
    assert assignment.why(made.case) == f"Handed on by {giver.display_name.split()[0]}"


def test_what_a_colleague_has_is_handed_on_by_those_who_may_assign_it() -> None:
    """R-CASE-1: neither to a third person nor to a team by anybody else; whoever serves its chat has it."""
    holder, taker, other = agent_there(), agent_there(), agent_there()
    case = CaseFactory(owner=holder, state="open")
    for to in ({"to": taker}, {"team": TeamFactory()}):
        with pytest.raises(ValidationError, match="has this case"):
            assignment.hand_over(other, case=case, **to)
        with pytest.raises(ValidationError, match="has this case"):
            cases.transfer(other, case=case, **to)
    assert owner_of(case) == holder
    assert assignment.hand_over(UserFactory(roles=["lead"]), case=case, to=taker) is None
    assert owner_of(case) == taker
    chat = served_chat(other)
    Case.objects.filter(pk=chat.case_id).update(owner=holder)
    cases.transfer(other, case=chat.case, to=taker)
    assert owner_of(chat.case) == taker


def test_a_closed_case_goes_to_nobody() -> None:
    giver, taker = agent_there(), agent_there()
    ended = {"closed_at": timezone.now(), "disposition": "answered", "next_step": "None"}
    case = CaseFactory(owner=giver, state="closed", reason=ReasonFactory(), **ended)
    acts = [
        lambda: cases.transfer(giver, case=case, team=TeamFactory()),
        lambda: assignment.hand_over(giver, case=case, to=taker),
        lambda: cases.assign(taker, case=case, to=taker),
    ]
    for act in acts:
        with pytest.raises(ValidationError, match="closed"):
            act()
    assert owner_of(case) == giver
