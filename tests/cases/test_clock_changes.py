"""R-SLA: what a lead does to a clock by hand, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from cases import cases, sla
from cases.defaults import clocks as defaults
from cases.models import Case, CaseEvent, Clock, ClockEvent
from portal.access import System
from tests.factories import PatientFactory, UserFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 6, 2, 15, 0, tzinfo=UTC)  # ten in the morning in Austin
REASON = "the customer agreed on the telephone"


@pytest.fixture
def clock() -> Iterator[Any]:
    defaults.install()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def agent() -> Any:
    return UserFactory(roles=["agent"])


@pytest.fixture
def lead() -> Any:
    return UserFactory(roles=["lead"])


def opened(channel: str = "portal") -> Case:
    return cases.open_case(System("intake"), channel=channel, patient=PatientFactory())


def running(case: Case) -> dict[str, Clock]:
    return {clock.kind: clock for clock in case.clocks.filter(state="running")}


def test_a_clock_is_moved_by_a_lead_with_a_reason(clock, lead) -> None:
    case = opened()
    row = running(case)["resolution"]
    moved = sla.move(lead, clock=row, due_at=TUESDAY + 3 * DAY, reason=REASON)
    assert moved.due_at == TUESDAY + 3 * DAY
    told = ClockEvent.objects.get(clock=row, kind="moved")
    assert (told.actor, told.reason, told.was_due_at) == (lead, REASON, TUESDAY + 2 * DAY)
    assert CaseEvent.objects.filter(case=case, kind="clock", actor=lead).exists()


@pytest.mark.parametrize(
    ("due_at", "reason", "words"),
    [
        (TUESDAY - HOUR, REASON, "backwards into the past"),
        (TUESDAY, REASON, "backwards into the past"),
        (TUESDAY + HOUR, "because", "ten characters"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused_with_words(clock, lead, due_at, reason, words) -> None:
    row = running(opened())["resolution"]
    with pytest.raises(ValidationError, match=words):
        sla.move(lead, clock=row, due_at=due_at, reason=reason)
    assert row.due_at == Clock.objects.get(pk=row.pk).due_at


def test_a_clock_that_does_not_run_is_not_moved(clock, lead) -> None:
    case = opened()
    row = running(case)["first_response"]
    sla.event(case, "we_spoke")
    for act in (
        lambda: sla.move(lead, clock=row, due_at=TUESDAY + DAY, reason=REASON),
        lambda: sla.cancel(lead, clock=row, reason=REASON),
    ):
        with pytest.raises(ValidationError):
            act()


def test_agents_do_not_move_clocks(clock, agent) -> None:
    row = running(opened())["resolution"]
    with pytest.raises(PermissionDenied):
        sla.move(agent, clock=row, due_at=TUESDAY + DAY, reason=REASON)
    with pytest.raises(PermissionDenied):
        sla.cancel(agent, clock=row, reason=REASON)


def test_a_breach_stays_on_record_though_the_clock_is_moved(clock, lead) -> None:
    case = opened("phone")
    clock.shift(HOUR)
    row = sla.move(lead, clock=running(case)["first_response"], due_at=timezone.now() + HOUR, reason=REASON)
    assert row.breached_at == TUESDAY + timedelta(seconds=30)
    assert row.next_moment_at is None
