"""A reply that reached nobody is none: what it was to answer is owed again, and somebody hears of it (R-SLA-1)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from cases import callbacks, cases, conversations, notices
from cases.defaults import clocks
from cases.drafts import Author, Draft
from cases.models import Case, Clock, Notice, Notification
from cases.tasks import look_at_clocks
from cases.writer import write_one
from portal.access import System
from portal.models import User
from tests.factories import ConversationFactory, PatientFactory, UserFactory

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 30, 15, tzinfo=UTC)  # 9 in Austin
REPLIES = ("first_response", "next_response")


@pytest.fixture(autouse=True)
def monday(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(notices, "soon", lambda message_ids: None)
    clocks.install()
    with time_machine.travel(MONDAY, tick=False) as time:
        yield time


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def asked(owner: User | None, *, channel: str = "email", email: str = "") -> Case:
    """Somebody whom nothing can be sent to wrote, a quarter of an hour ago."""
    patient = PatientFactory(email=email)
    case = cases.open_case(System("intake"), channel=channel, patient=patient)
    thread = ConversationFactory(case=case, patient=patient, channel=channel)
    write_one(Draft(thread.pk, Author("customer", "guest", "Zoe"), "When does it come?"))
    Case.objects.filter(pk=case.pk).update(owner=owner)
    return Case.objects.get(pk=case.pk)


def replies(actor: User, case: Case, body: str = "It comes on Friday.") -> Notice:
    conversations.reply(actor, conversation=case.conversations.get(), body=body)
    return Notice.objects.latest("pk")


def waited_for(case: Case) -> list[str]:
    running = Clock.objects.filter(case=case, state="running", kind__in=REPLIES)
    return list(running.values_list("kind", flat=True))


def told_of(case: Case) -> set[User]:
    return {each.user for each in Notification.objects.filter(case=case, kind="unsent")}


def test_what_a_reply_that_went_nowhere_had_stopped_goes_on_as_though_it_never_was(
    agent: User, monday: Any
) -> None:
    case = asked(agent)
    due = Clock.objects.get(case=case, kind="first_response").due_at
    monday.shift(timedelta(minutes=30))
    notice = replies(agent, case)
    assert waited_for(case) == []
    monday.shift(timedelta(minutes=30))
    assert not notices.send(notice.pk)
    assert waited_for(case) == ["first_response"]
    assert Clock.objects.get(case=case, kind="first_response").due_at == due
    assert told_of(case) == {agent}
    monday.shift(timedelta(days=3))
    look_at_clocks()
    assert Clock.objects.get(case=case, kind="first_response").breached_at == due


def test_those_who_lead_hear_of_it_on_a_case_of_nobody(agent: User) -> None:
    lead, case = UserFactory(roles=["lead"]), asked(None)
    notices.send(replies(agent, case).pk)
    assert told_of(case) == {lead}


def test_who_waits_for_a_customer_that_heard_nothing_has_the_word(agent: User) -> None:
    case = asked(agent)
    notice = replies(agent, case, "Which day is best?")
    cases.wait(agent, case=case)
    notices.send(notice.pk)
    case.refresh_from_db()
    assert (case.state, case.waiting_on, waited_for(case)) == ("open", "", ["first_response"])


def test_of_two_that_went_nowhere_the_first_had_stopped_the_clock(agent: User, monday: Any) -> None:
    case, sent = asked(agent), []
    for body in ("It comes on Friday.", "In the morning."):
        sent.append(replies(agent, case, body).pk)
        monday.shift(timedelta(minutes=5))
    notices.send(sent[0])
    assert waited_for(case) == [], "the second may reach them yet"
    notices.send(sent[1])
    assert waited_for(case) == ["first_response"]


@pytest.mark.parametrize("how", ["mail", "call"])
def test_what_was_answered_otherwise_is_not_owed_again(agent: User, monday: Any, how: str) -> None:
    case = asked(agent, email="kim@example.org")
    notice = replies(agent, case)
    Notice.objects.update(tries=notices.MOST_TRIES)
    monday.shift(timedelta(minutes=5))
    if how == "mail":
        assert notices.send(replies(agent, case, "Once more: on Friday.").pk)
    else:
        call = callbacks.schedule(agent, case=case, phone="+15125550143", starts_at=timezone.now())
        callbacks.done(agent, callback=call)
    case.patient.email = ""
    case.patient.save()
    assert not notices.send(notice.pk)
    assert waited_for(case) == []
    assert told_of(case) == {agent}


def test_who_is_only_not_told_of_a_message_in_the_portal_has_it_there(agent: User) -> None:
    case = asked(agent, channel="portal")
    notices.send(replies(agent, case).pk)
    assert (waited_for(case), told_of(case)) == ([], set())
