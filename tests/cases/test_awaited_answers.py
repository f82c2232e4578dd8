"""Who waits for an answer goes on waiting when cases are parted or joined, also after their words were read."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from cases import cases, merging, moving, sla, snoozing, splitting, writer
from cases.defaults import clocks as defaults
from cases.drafts import Author, Draft
from cases.models import Case, CaseEvent, Conversation, Message
from portal.access import System
from portal.models import Patient, User
from tests.factories import ConversationFactory, PatientFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 6, 2, 15, 0, tzinfo=UTC)  # ten in the morning in Austin
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def promised() -> None:
    defaults.install()


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def opened(patient: Patient) -> Case:
    return cases.open_case(System("portal"), channel="portal", patient=patient)


def thread_in(case: Case) -> Conversation:
    return ConversationFactory(case=case, patient=case.patient)


def says(thread: Conversation, body: str, role: str = "customer") -> Message:
    by = Author(role, "u1" if role == "customer" else "u2", "X")
    writer.write_one(Draft(thread.pk, by, body, client_id=uuid.uuid4()))
    found: Message = thread.messages.latest("pk")
    return found


def asked(patient: Patient, body: str) -> tuple[Case, Conversation]:
    case = opened(patient)
    thread = thread_in(case)
    says(thread, body)
    return case, thread


def responses(case: Case) -> dict[str, str]:
    return dict(case.clocks.filter(kind__in=sla.RESPONSES).values_list("kind", "state"))


def running_since(case: Case) -> list[datetime]:
    clocks = case.clocks.filter(kind__in=sla.RESPONSES, state="running")
    return list(clocks.values_list("started_at", flat=True))


@pytest.mark.parametrize("read", [False, True])
def test_both_halves_of_a_split_wait_on(agent: User, clock: Any, read: bool) -> None:
    """R-SLA: who split the case has read it, and has answered nobody by that."""
    case, _stays = asked(PatientFactory(), "Where is it?")
    clock.shift(HOUR)
    goes = says(thread_in(case), "And the bill?")
    clock.shift(HOUR)
    if read:
        cases.seen(agent, case=case)
    new = splitting.split(agent, case=case, messages=[goes], subject="The bill")
    assert responses(case) == {"first_response": "running"}
    assert running_since(case) == [TUESDAY]
    assert running_since(new) == [TUESDAY + HOUR]


def test_what_was_answered_is_awaited_no_more_and_closing_is_no_answer(agent: User) -> None:
    case, stays = asked(PatientFactory(), "Where is it?")
    goes = says(thread_in(case), "And the bill?")
    says(goes.conversation, "Paid.", "agent")
    assert moving.awaited(case) is None
    says(stays, "Thanks")
    assert moving.awaited(case) is not None
    cases.close(agent, case=case, disposition="answered", next_step="None", reason=ReasonFactory())
    assert moving.awaited(case) is None
    case = cases.reopen(agent, case=case)
    assert moving.awaited(case) is not None
    new = splitting.split(agent, case=case, messages=[goes], subject="The bill")
    assert responses(case)["next_response"] == "running"
    assert "running" not in responses(new).values()


def test_what_a_bot_hears_waits_for_nobody() -> None:
    case = opened(PatientFactory())
    says(ConversationFactory(case=case, patient=case.patient, channel="chat", state="bot"), "Hello bot")
    assert moving.awaited(case) is None


@pytest.mark.parametrize("read", [False, True])
def test_both_cases_of_an_undone_merge_wait_on(agent: User, clock: Any, read: bool) -> None:
    patient = PatientFactory()
    into, _thread = asked(patient, "Where is it?")
    clock.shift(HOUR)
    other, _other = asked(patient, "And the bill?")
    before = responses(into), responses(other)
    if read:
        cases.seen(agent, case=into)
        cases.seen(agent, case=other)
    merging.merge(agent, into=into, cases=[other])
    merging.unmerge(agent, case=other)
    assert (responses(into), responses(other)) == before
    assert (running_since(into), running_since(other)) == ([TUESDAY], [TUESDAY + HOUR])
    assert other.clocks.filter(kind="acknowledgement", state="running").exists()


def test_what_was_read_after_the_merge_is_awaited_where_it_goes_back(agent: User, clock: Any) -> None:
    patient = PatientFactory()
    into, _thread = asked(patient, "Where is it?")
    other, thread = asked(patient, "And the bill?")
    says(thread, "Paid.", "agent")
    Case.objects.filter(pk=other.pk).update(state="waiting", waiting_on="customer")
    snoozing.snooze(agent, case=other, until=timezone.now() + 20 * 24 * HOUR)
    merging.merge(agent, into=into, cases=[other])
    clock.shift(HOUR)
    says(thread, "No, it is not!")
    cases.seen(agent, case=into)
    merging.unmerge(agent, case=other)
    other.refresh_from_db()
    assert (other.state, other.waiting_on, other.snoozed_until) == ("open", "", None)
    assert running_since(other) == [TUESDAY + HOUR]


# --- into a case that rests --------------------------------------------------------------------------
def rested(agent: User, patient: Patient, *, only_then: bool) -> Case:
    case, thread = asked(patient, "Hello")
    says(thread, "It ships next month.", "agent")
    snoozing.snooze(agent, case=case, until=timezone.now() + 20 * 24 * HOUR, only_then=only_then)
    Case.objects.filter(pk=case.pk).update(state="waiting", waiting_on="customer")
    return case


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("only_then", [False, True])
def test_an_unanswered_message_that_is_merged_in_wakes_the_case(
    agent: User, read: bool, only_then: bool
) -> None:
    patient = PatientFactory()
    into = rested(agent, patient, only_then=only_then)
    other, _thread = asked(patient, "My machine stopped!")
    if read:
        cases.seen(agent, case=other)
    merging.merge(agent, into=into, cases=[other])
    into.refresh_from_db()
    assert (into.state, into.waiting_on, into.snoozed_until is None) == ("open", "", not only_then)
    assert CaseEvent.objects.filter(case=into, kind="woken").exists() != only_then
    assert len(running_since(into)) == 1


def test_what_was_answered_wakes_nothing(agent: User) -> None:
    patient = PatientFactory()
    into = rested(agent, patient, only_then=False)
    other, thread = asked(patient, "My machine stopped!")
    says(thread, "A new one is on its way.", "agent")
    merging.merge(agent, into=into, cases=[other])
    into.refresh_from_db()
    assert into.state == "waiting"
    assert into.snoozed_until is not None
