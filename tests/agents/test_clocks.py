"""R-SLA in the console: the story of each clock in words, and what a lead may do to one by hand."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from agents import acts, context, queue
from cases import cases, sla
from cases.defaults import clocks as defaults
from cases.models import Case, Clock, ClockEvent
from portal.access import System
from tests.factories import PatientFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db
REASON = "the customer asked us to ring on Friday"


@pytest.fixture
def case() -> Case:
    defaults.install()
    return cases.open_case(System("intake"), channel="portal", patient=PatientFactory())


@pytest.fixture
def clock(case: Case) -> Clock:
    return case.clocks.get(kind="resolution")


def address(name: str, case: Case, *rest: Any) -> str:
    return reverse(f"agents:{name}", args=[case.number, *rest])


def wall(days: int) -> str:
    """What a browser sends of a moment some days from now."""
    later = timezone.now() + timedelta(days=days)
    return later.astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)).strftime("%Y-%m-%dT%H:%M")


def test_the_dialog_tells_the_story_of_every_clock(case: Case, clock: Clock, staff_client: Any) -> None:
    lead = UserFactory(roles=["lead"], display_name="Lee Lead")
    sla.move(lead, clock=clock, due_at=timezone.now() + timedelta(days=3), reason=REASON)
    page = unescape(staff_client("agent").get(address("case-clocks", case)).content.decode())
    for words in (
        "First reply",
        "Acknowledgement",
        "Solved",
        "Started: the case was opened.",
        "Moved by hand",
    ):
        assert words in page
    assert REASON in page
    assert "Lee" in page


def test_only_the_floor_is_offered_to_move_one(case: Case, clock: Clock, staff_client: Any) -> None:
    move = address("case-clock-move", case, clock.pk)
    assert move in staff_client("lead").get(address("case-clocks", case)).content.decode()
    agent = staff_client("agent")
    assert move not in agent.get(address("case-clocks", case)).content.decode()
    assert agent.post(move, {"due_at": wall(3), "reason": REASON}).status_code == 403


def test_a_lead_moves_a_clock(case: Case, clock: Clock, staff_client: Any) -> None:
    lead, move = staff_client("lead"), address("case-clock-move", case, clock.pk)
    assert lead.get(move).status_code == 200
    assert lead.post(move, {"due_at": wall(5), "reason": REASON}).status_code == 204
    clock.refresh_from_db()
    left = clock.due_at - timezone.now()
    assert timedelta(days=5) - timedelta(hours=2) < left <= timedelta(days=5, hours=1)
    assert ClockEvent.objects.filter(clock=clock, kind="moved", reason__isnull=False).exists()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"due_at": "2020-01-01T10:00", "reason": REASON}, "backwards into the past"),
        ({"due_at": "soon", "reason": REASON}, "Enter a day and a time."),
        ({"due_at": "2030-03-10T02:30", "reason": REASON}, "put forward at that hour"),
        ({"due_at": "2030-01-01T10:00", "reason": "no"}, "at least ten characters"),
        ({"due_at": "2030-01-01T10:00", "reason": ""}, "required"),
    ],
)
def test_what_makes_no_sense_comes_back_with_words(
    case: Case, clock: Clock, staff_client: Any, sent: dict[str, str], words: str
) -> None:
    answer = staff_client("supervisor").post(address("case-clock-move", case, clock.pk), sent)
    assert answer.status_code == 422
    assert words in unescape(answer.content.decode())
    assert REASON not in str(clock.story.values_list("reason", flat=True))


def test_a_lead_takes_a_promise_back(case: Case, clock: Clock, staff_client: Any) -> None:
    lead, cancel = staff_client("lead"), address("case-clock-cancel", case, clock.pk)
    assert lead.get(cancel).status_code == 200
    assert lead.post(cancel, {"reason": REASON}).status_code == 204
    clock.refresh_from_db()
    assert clock.state == "cancelled"
    again = lead.post(cancel, {"reason": REASON})
    assert "has ended already" in again.content.decode()


def test_a_clock_of_another_case_is_not_there(case: Case, clock: Clock, staff_client: Any) -> None:
    other = cases.open_case(System("intake"), channel="portal", patient=PatientFactory())
    assert staff_client("lead").get(address("case-clock-move", other, clock.pk)).status_code == 404


def test_the_panel_shows_what_runs(case: Case) -> None:
    agent = UserFactory(roles=["agent"])
    sla.event(case, "we_spoke")
    [shown] = [one for one in context.beside(agent, case, turn=context.MORE) if one.panel.code == "clocks"]
    assert [each.label for each in shown.content.clocks] == ["Solved"]
    sla.event(case, "cancelled")
    assert "clocks" not in {one.panel.code for one in context.beside(agent, case, turn=context.MORE)}
    page = signed_in(agent).get(address("case-more", case)).content.decode()
    assert "Story of the clocks" not in page


def test_the_panel_is_drawn(case: Case, staff_client: Any) -> None:
    page = unescape(staff_client("agent").get(address("case-more", case)).content.decode())
    assert "Story of the clocks" in page
    assert 'class="chip good"' in page


def test_the_dialog_is_offered_on_closed_cases_too(case: Case) -> None:
    case.state = "closed"
    assert "clocks" in {one.act.code for one in acts.of(UserFactory(roles=["agent"]), case)}


def test_a_chip_in_a_list_goes_by_the_warning_of_its_own_clock() -> None:
    """A promise of seconds is not red from the start."""
    defaults.install()
    agent = UserFactory(roles=["agent"])
    with time_machine.travel(datetime(2026, 6, 2, 15, tzinfo=UTC), tick=False) as now:
        cases.open_case(System("intake"), channel="phone", patient=PatientFactory())
        found = []
        for seconds in (0, 25, 10):
            now.shift(timedelta(seconds=seconds))
            [row] = queue.page(agent, queue.VIEWS["unassigned"]).rows
            found.append((row.due.tone, row.due.wall.split(" · ")[1]))
    assert found == [("good", "First reply"), ("warn", "First reply"), ("bad", "First reply")]
