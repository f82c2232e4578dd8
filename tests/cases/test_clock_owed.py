"""R-SLA: a promise that nobody has kept stays owed, whatever is done to its case meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from cases import attainment, cases, conversations, sla
from cases.defaults import clocks as defaults
from cases.drafts import Author, Draft
from cases.models import Attainment, Calendar, Case, Clock, Notification, SlaPolicy, SlaTarget
from cases.tasks import look_at_clocks
from cases.writer import write_one
from portal.access import System
from tests.factories import ConversationFactory, PatientFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 6, 2, 15, 0, tzinfo=UTC)  # ten in the morning in Austin
CLOSED = {"disposition": "answered", "next_step": "None"}


@pytest.fixture(autouse=True)
def promised() -> None:
    defaults.install()


@pytest.fixture
def clock():
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def agent() -> Any:
    return UserFactory(roles=["agent"])


def asked(**known: Any) -> Case:
    case = cases.open_case(
        System("intake"), channel="portal", patient=PatientFactory(), reason=ReasonFactory(), **known
    )
    thread = ConversationFactory(case=case, patient=case.patient)
    write_one(Draft(thread.pk, Author("customer", "guest", "Zoe"), "Where is my oxygen?"))
    return case


def of_kind(case: Case, kind: str) -> Clock:
    return Clock.objects.filter(case=case, kind=kind).latest("pk")


def states(case: Case) -> dict[str, str]:
    return dict(Clock.objects.filter(case=case).order_by("pk").values_list("kind", "state"))


# --- closed and opened again -------------------------------------------------------------------------
def test_a_question_closed_without_an_answer_is_no_promise_kept(clock, agent) -> None:
    """R-SLA-4: it counts neither as kept nor as missed."""
    case = asked()
    clock.shift(HOUR)
    cases.close(agent, case=case, **CLOSED)
    assert states(case) == {
        "acknowledgement": "cancelled",
        "resolution": "stopped",
        "first_response": "cancelled",
    }
    clock.shift(DAY)
    attainment.catch_up()
    counted = dict(Attainment.objects.filter(span="day").values_list("kind", "kept"))
    assert counted == {"resolution": 1}


def test_opened_again_it_is_owed_by_the_time_used_before(clock, agent) -> None:
    case = asked()
    clock.shift(HOUR)
    cases.close(agent, case=case, **CLOSED)
    clock.shift(2 * HOUR)
    cases.reopen(agent, case=case)
    for kind in ("first_response", "acknowledgement"):
        owed = of_kind(case, kind)
        assert (owed.state, owed.used, owed.due_at) == ("running", HOUR, timezone.now() + 3 * HOUR)
        assert owed.stopped_at is None
    assert of_kind(case, "resolution").used == timedelta(0)


def test_what_was_answered_before_it_was_closed_is_not_owed_again(clock, agent) -> None:
    case = asked()
    conversations.reply(agent, conversation=case.conversations.get(), body="On its way.")
    cases.close(agent, case=case, **CLOSED)
    clock.shift(HOUR)
    cases.reopen(agent, case=case)
    running = {kind for kind, state in states(case).items() if state == "running"}
    assert running == {"resolution"}


def test_what_was_answered_while_it_was_closed_is_not_owed_again(clock, agent) -> None:
    case = asked()
    thread = case.conversations.get()
    cases.close(agent, case=case, **CLOSED)
    clock.shift(HOUR)
    conversations.reply(agent, conversation=thread, body="It went out on Monday.")
    cases.reopen(agent, case=case)
    assert states(case)["first_response"] == "cancelled"


# --- other promises, and back ------------------------------------------------------------------------
def bare_priority(priority: int, *kinds: str) -> None:
    policy = SlaPolicy.objects.create(name=f"p{priority}", priority=priority, effective_from="2026-01-01")
    always = Calendar.objects.get(code=defaults.ALWAYS)
    for kind in kinds:
        SlaTarget.objects.create(policy=policy, kind=kind, within=4 * HOUR, calendar=always)


def test_another_priority_there_and_back_keeps_what_is_owed(clock, agent) -> None:
    SlaPolicy.objects.all().delete()
    bare_priority(3, "first_response", "resolution")
    case = asked()
    cases.change(agent, case=case, priority=4)
    assert set(states(case).values()) == {"cancelled"}
    clock.shift(HOUR)
    cases.change(agent, case=case, priority=3)
    for kind in ("first_response", "resolution"):
        assert (of_kind(case, kind).state, of_kind(case, kind).due_at) == ("running", TUESDAY + 4 * HOUR)
    assert Clock.objects.filter(case=case).count() == 2


def test_what_was_answered_meanwhile_does_not_come_back(clock, agent) -> None:
    SlaPolicy.objects.all().delete()
    bare_priority(3, "first_response")
    case = asked()
    cases.change(agent, case=case, priority=4)
    clock.shift(HOUR)
    conversations.reply(agent, conversation=case.conversations.get(), body="On its way.")
    cases.change(agent, case=case, priority=3)
    assert states(case) == {"first_response": "cancelled"}


def test_who_has_asked_anew_meanwhile_waits_for_one_answer(clock, agent) -> None:
    SlaPolicy.objects.all().delete()
    bare_priority(3, "first_response", "next_response")
    bare_priority(4, "next_response")
    case = asked()
    cases.change(agent, case=case, priority=4)
    write_one(Draft(case.conversations.get().pk, Author("customer", "guest", "Zoe"), "Hello?"))
    cases.change(agent, case=case, priority=3)
    assert states(case) == {"first_response": "cancelled", "next_response": "running"}


def test_more_time_than_before_is_warned_of_anew(clock, agent) -> None:
    case = asked()
    cases.change(agent, case=case, priority=1)
    clock.shift(19 * HOUR)
    look_at_clocks()
    cases.change(agent, case=case, priority=4)
    owed = of_kind(case, "resolution")
    assert (owed.warned_at, owed.next_moment_at) == (None, TUESDAY + 54 * HOUR)
    clock.move_to(TUESDAY + 55 * HOUR)
    look_at_clocks()
    assert of_kind(case, "resolution").story.filter(kind="warned").count() == 2


def test_as_little_time_as_before_is_not_warned_of_twice(clock, agent) -> None:
    case = asked()
    clock.shift(40 * HOUR)
    look_at_clocks()
    cases.change(agent, case=case, priority=1)
    look_at_clocks()
    assert of_kind(case, "resolution").story.filter(kind="warned").count() == 1


# --- waiting before a first word ---------------------------------------------------------------------
def test_a_customer_who_heard_nothing_yet_is_not_waited_for(clock, agent) -> None:
    lead, case = UserFactory(roles=["lead"]), asked()
    cases.wait(agent, case=case)
    assert states(case) == {
        "acknowledgement": "running",
        "resolution": "paused",
        "first_response": "running",
    }
    clock.shift(DAY)
    look_at_clocks()
    assert Clock.objects.filter(case=case).exclude(breached_at=None).count() == 2
    assert Notification.objects.filter(case=case, kind="clock", user=lead).exists()


def test_what_was_taken_in_while_the_customer_is_waited_for_runs_by_another_reason_too(clock, agent) -> None:
    case = asked()
    cases.wait(agent, case=case)
    cases.change(agent, case=case, reason=ReasonFactory(family="billing"), priority=2)
    assert states(case)["first_response"] == "running"


# --- moved -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("year", [2028, 9026, 9999])
def test_a_clock_is_not_moved_to_a_year_that_was_mistyped(clock, year) -> None:
    row = of_kind(asked(), "first_response")
    with pytest.raises(ValidationError, match="by a year at most"):
        sla.move(
            UserFactory(roles=["lead"]),
            clock=row,
            due_at=datetime(year, 11, 30, tzinfo=UTC),
            reason="typed the wrong year",
        )
    assert of_kind(row.case, "first_response").due_at == row.due_at
