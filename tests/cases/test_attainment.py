"""R-SLA-4: promises kept and missed, by the hour for phone and chat and by the day for portal and e-mail."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from cases import attainment, cases, sla
from cases.defaults import clocks as defaults
from cases.models import Attainment, Case
from portal.access import System
from tests.factories import PatientFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 2, 17, 0, tzinfo=UTC)  # in Austin
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def promised() -> None:
    defaults.install()


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def asked(channel: str) -> Case:
    case = cases.open_case(System("intake"), channel=channel, patient=PatientFactory())
    sla.event(case, "customer_spoke")
    return case


def counted(span: str, kind: str = "first_response") -> dict:
    rows = Attainment.objects.filter(span=span, kind=kind)
    return {(row.begins_at, row.channel): (row.kept, row.missed) for row in rows}


def test_an_hour_counts_what_was_kept_and_missed_in_it(clock) -> None:
    kept, missed, open_still = (asked("phone") for _ in range(3))
    clock.shift(20 * timedelta(seconds=1))
    sla.event(kept, "we_spoke")
    clock.shift(MINUTE)
    sla.event(missed, "we_spoke")
    sla.look()
    clock.shift(HOUR)
    sla.event(open_still, "we_spoke")
    attainment.catch_up()
    assert counted("hour") == {(NOON, "phone"): (1, 2)}
    assert not counted("day")


def test_a_day_is_the_suppliers_own(clock) -> None:
    clock.move_to(datetime(2026, 6, 3, 4, 30, tzinfo=UTC))  # half past eleven at night, on the second
    case = asked("portal")
    sla.event(case, "we_spoke")
    clock.shift(DAY)
    attainment.catch_up()
    assert counted("day") == {(datetime(2026, 6, 2, 5, tzinfo=UTC), "portal"): (1, 0)}


def test_counting_again_gives_the_same(clock) -> None:
    case = asked("chat")
    sla.event(case, "we_spoke")
    clock.shift(HOUR)
    attainment.catch_up()
    first = counted("hour")
    attainment.catch_up()
    attainment.count("hour", NOON)
    assert counted("hour") == first == {(NOON, "chat"): (1, 0)}


def test_cancelled_clocks_count_neither_way(clock) -> None:
    sla.event(asked("phone"), "cancelled")
    clock.shift(HOUR)
    attainment.catch_up()
    assert not counted("hour")


def test_what_was_left_while_nobody_counted_is_counted_later(clock) -> None:
    for _ in range(2):
        sla.event(asked("phone"), "we_spoke")
        clock.shift(HOUR)
        attainment.catch_up()
    sla.event(asked("phone"), "we_spoke")
    clock.shift(9 * HOUR)
    attainment.catch_up()
    assert [begins.hour for begins, _channel in sorted(counted("hour"))] == [17, 18, 19]


def test_a_breach_noticed_late_counts_in_its_own_hour(clock) -> None:
    asked("phone")
    clock.shift(HOUR)
    attainment.catch_up()
    assert not counted("hour")
    sla.look()
    attainment.catch_up()
    assert counted("hour") == {(NOON, "phone"): (0, 1)}


def test_a_case_answered_counts_once_a_kind(clock) -> None:
    case = asked("portal")
    for _ in range(3):
        sla.event(case, "we_spoke")
        sla.event(case, "customer_spoke")
    clock.shift(2 * DAY)
    attainment.catch_up()
    assert sum(kept for kept, _missed in counted("day").values()) == 1
    assert sum(kept for kept, _missed in counted("day", "next_response").values()) == 2


def test_supervisors_see_it_in_the_workshop(clock, staff_client) -> None:
    sla.event(asked("phone"), "we_spoke")
    clock.shift(HOUR)
    attainment.catch_up()
    clock.shift(timedelta(minutes=-59))
    page = staff_client("supervisor").get(reverse("admin:cases_attainment_changelist")).content.decode()
    assert "100%" in page


def test_share_of_nothing_is_all() -> None:
    assert Attainment().share == 1.0
    assert Attainment(kept=3, missed=1).share == 0.75
